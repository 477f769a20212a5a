"""Times PyTorch's gradient of layer, RMS or group normalization with respect to data, scale and (but for RMS) bias, the forward pass done
before. Prints one JSON object. usage: torch_norm_gradient.py layer|rms|GROUPS NxC[xHxW] SECONDS"""
import json
import sys

import torch

from timing import median_ms

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


print(json.dumps({"name": "pytorch " + torch.__version__, "median_ms": median_ms(run, budget_s)}))
