"""Times OpenVINO's CPU plugin on a model with random input. Prints one JSON object.
usage: openvino_infer.py MODEL.onnx SECONDS"""
import json
import os
import statistics
import sys
import time

import numpy
import openvino

model, budget_s = sys.argv[1], float(sys.argv[2])
core = openvino.Core()
# Its default for recent processors is bfloat16.
compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": os.cpu_count()})
request, generator = compiled.create_infer_request(), numpy.random.default_rng(1)
for i, port in enumerate(compiled.inputs):
    request.set_input_tensor(i, openvino.Tensor((generator.random(list(port.shape)) - 0.5).astype(numpy.float32)))
for _ in range(5):
    request.infer()
samples, end = [], time.perf_counter() + budget_s
while len(samples) < 5 or time.perf_counter() < end:
    start = time.perf_counter()
    request.infer()
    samples.append(time.perf_counter() - start)
print(json.dumps({"name": "openvino " + openvino.__version__.split("-")[0], "median_ms": statistics.median(samples) * 1e3}))
