"""Times ONNX Runtime's CPU provider on a model with random input. Prints one JSON object.
usage: onnxruntime_infer.py MODEL.onnx BATCH SECONDS"""
import json
import sys

import numpy
import onnxruntime

from timing import median_ms

model, batch, budget_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 2
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
generator = numpy.random.default_rng(1)
feeds = {}
for value in session.get_inputs():
    shape = [batch if not isinstance(n, int) else n for n in value.shape]
    if value.type in ("tensor(uint8)", "tensor(int8)"):
        feeds[value.name] = generator.integers(0, 127, shape).astype(value.type[7:-1])
    else:
        feeds[value.name] = (generator.random(shape) - 0.5).astype(numpy.float32)
# Bound once, so that only the run is timed, not the conversion of Python objects.
binding = session.io_binding()
for name, array in feeds.items():
    binding.bind_cpu_input(name, array)
for value in session.get_outputs():
    binding.bind_output(value.name, "cpu")
taken_ms = median_ms(lambda: session.run_with_iobinding(binding), budget_s, 20)
print(json.dumps({"name": "onnxruntime " + onnxruntime.__version__, "median_ms": taken_ms}))
