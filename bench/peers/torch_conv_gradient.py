"""Times PyTorch's gradient of a convolution with respect to its data or its weights. Prints one JSON object.
usage: torch_conv_gradient.py data|weights NxCxHxW KxKHxKW STRIDE PADDING SECONDS"""
import json
import statistics
import sys
import time

import torch

torch.set_num_threads(2)
of_data = sys.argv[1] == "data"
x_shape, w_shape = ([int(n) for n in text.split("x")] for text in sys.argv[2:4])
stride, padding, budget_s = int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6])
x = torch.rand(x_shape) - 0.5
w = torch.rand([w_shape[0], x_shape[1], *w_shape[1:]]) - 0.5
dy = torch.rand_like(torch.nn.functional.conv2d(x, w, stride=stride, padding=padding))


def run():
    torch.ops.aten.convolution_backward(dy, x, w, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, [of_data, not of_data, False])


for _ in range(5):
    run()
samples, end = [], time.perf_counter() + budget_s
while len(samples) < 5 or time.perf_counter() < end:
    start = time.perf_counter()
    run()
    samples.append(time.perf_counter() - start)
print(json.dumps({"name": "pytorch " + torch.__version__, "median_ms": statistics.median(samples) * 1e3}))
