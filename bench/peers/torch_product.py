"""Times PyTorch's matrix product, in which oneDNN does the work, with constant weights as a linear layer has them. Prints one JSON object.
usage: torch_product.py M N K DTYPE SECONDS"""
import json
import os
import statistics
import sys
import time

import torch

m, n, k, dtype, budget_s = *map(int, sys.argv[1:4]), getattr(torch, sys.argv[4]), float(sys.argv[5])
torch.set_num_threads(os.cpu_count())
a, w = torch.rand(m, k).to(dtype), torch.rand(n, k).to(dtype)
samples = []
with torch.inference_mode():
    for _ in range(10):
        torch.nn.functional.linear(a, w)
    end = time.perf_counter() + budget_s
    while len(samples) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        torch.nn.functional.linear(a, w)
        samples.append(time.perf_counter() - start)
print(json.dumps({"name": "PyTorch " + torch.__version__, "median_ms": statistics.median(samples) * 1e3}))
