"""Times OpenVINO's CPU plugin on a model with random input. Prints one JSON object.
usage: openvino_infer.py MODEL.onnx SECONDS"""
import json
import os
import sys

import numpy
import openvino

from timing import median_ms

model, budget_s = sys.argv[1], float(sys.argv[2])
core = openvino.Core()
# Its default for recent processors is bfloat16.
compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": os.cpu_count()})
request, generator = compiled.create_infer_request(), numpy.random.default_rng(1)
for i, port in enumerate(compiled.inputs):
    request.set_input_tensor(i, openvino.Tensor((generator.random(list(port.shape)) - 0.5).astype(numpy.float32)))
print(json.dumps({"name": "openvino " + openvino.__version__.split("-")[0], "median_ms": median_ms(request.infer, budget_s)}))
