"""Times PyTorch's matrix product, in which oneDNN does the work, with constant weights as a linear layer has them. Prints one JSON object.
usage: torch_product.py M N K DTYPE SECONDS"""
import json
import os
import sys

import torch

from timing import median_ms

m, n, k, dtype, budget_s = *map(int, sys.argv[1:4]), getattr(torch, sys.argv[4]), float(sys.argv[5])
torch.set_num_threads(os.cpu_count())
a, w = torch.rand(m, k).to(dtype), torch.rand(n, k).to(dtype)
with torch.inference_mode():
    taken_ms = median_ms(lambda: torch.nn.functional.linear(a, w), budget_s, 10)
print(json.dumps({"name": "PyTorch " + torch.__version__, "median_ms": taken_ms}))
