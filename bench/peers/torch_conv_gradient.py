"""Times PyTorch's gradient of a convolution with respect to its data or its weights. Prints one JSON object.
usage: torch_conv_gradient.py data|weights NxCxHxW KxKHxKW STRIDE PADDING DILATION GROUPS SECONDS
One to three spatial axes; stride, padding and dilation are alike along all of them."""
import json
import sys

import torch

from timing import median_ms

torch.set_num_threads(2)
of_data = sys.argv[1] == "data"
x_shape, w_shape = ([int(n) for n in text.split("x")] for text in sys.argv[2:4])
stride, padding, dilation, groups, budget_s = *map(int, sys.argv[4:8]), float(sys.argv[8])
axes = len(x_shape) - 2
x = torch.rand(x_shape) - 0.5
w = torch.rand([w_shape[0], x_shape[1] // groups, *w_shape[1:]]) - 0.5
settings = [stride] * axes, [padding] * axes, [dilation] * axes, False, [0] * axes, groups
dy = torch.rand_like(torch.ops.aten.convolution(x, w, None, *settings))


def run():
    torch.ops.aten.convolution_backward(dy, x, w, None, *settings, [of_data, not of_data, False])


print(json.dumps({"name": "pytorch " + torch.__version__, "median_ms": median_ms(run, budget_s)}))
