"""Times PyTorch's gradient of layer, RMS or group normalization with respect to data, scale and (but for RMS) bias, the forward pass done
before. Prints one JSON object. usage: torch_norm_gradient.py layer|rms|GROUPS NxC[xHxW] SECONDS"""
import json
import statistics
import sys
import time

import torch

torch.set_num_threads(2)
form, dims, budget_s = sys.argv[1], [int(n) for n in sys.argv[2].split("x")], float(sys.argv[3])
x = (torch.rand(dims) - 0.5).requires_grad_()
channels = dims[1] if form.isdigit() else dims[-1]
scale, bias = (torch.rand(channels).requires_grad_() for _ in range(2))
if form == "layer":
    y = torch.nn.functional.layer_norm(x, [channels], scale, bias)
elif form == "rms":
    y = torch.nn.functional.rms_norm(x, [channels], scale, 1e-5)
else:
    y = torch.nn.functional.group_norm(x, int(form), scale, bias)
wanted, dy = [x, scale] + ([] if form == "rms" else [bias]), torch.rand_like(y) - 0.5


def run():
    torch.autograd.grad(y, wanted, dy, retain_graph=True)


for _ in range(5):
    run()
samples, end = [], time.perf_counter() + budget_s
while len(samples) < 5 or time.perf_counter() < end:
    start = time.perf_counter()
    run()
    samples.append(time.perf_counter() - start)
print(json.dumps({"name": "pytorch " + torch.__version__, "median_ms": statistics.median(samples) * 1e3}))
