"""Times PyTorch's eager training step of a network of bench/network_models.py: forward, cross entropy, backward, fused SGD with momentum; the loss
is read after each step. Prints one JSON object.
usage: torch_resnet.py resnet50|resnet18-32 BATCH SECONDS"""
import json
import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from network_models import RESNETS  # noqa: E402

from timing import median_ms

torch.set_num_threads(2)
of, batch, budget_s = RESNETS[sys.argv[1]], int(sys.argv[2]), float(sys.argv[3])


def conv(read, written, kernel, stride):
    return torch.nn.Sequential(torch.nn.Conv2d(read, written, kernel, stride, kernel // 2, bias=False), torch.nn.BatchNorm2d(written))


class Block(torch.nn.Module):
    def __init__(self, read, width, stride):
        super().__init__()
        relu, written = torch.nn.ReLU(inplace=True), width * 4 if of["bottleneck"] else width
        if of["bottleneck"]:
            self.path = torch.nn.Sequential(conv(read, width, 1, 1), relu, conv(width, width, 3, stride), relu, conv(width, written, 1, 1))
        else:
            self.path = torch.nn.Sequential(conv(read, width, 3, stride), relu, conv(width, width, 3, 1))
        self.shortcut = conv(read, written, 1, stride) if stride > 1 or read != written else torch.nn.Identity()

    def forward(self, x):
        return torch.relu(self.path(x) + self.shortcut(x))


layers = [conv(3, 64, 7, 2) if of["bottleneck"] else conv(3, 64, 3, 1), torch.nn.ReLU(inplace=True)]
layers += [torch.nn.MaxPool2d(3, 2, 1)] if of["bottleneck"] else []
channels = 64
for stage, count in enumerate(of["blocks"]):
    for i in range(count):
        layers.append(Block(channels, 64 << stage, 2 if stage > 0 and i == 0 else 1))
        channels = (64 << stage) * (4 if of["bottleneck"] else 1)
net = torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(channels, of["classes"]))
optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9, fused=True)
x = torch.rand(batch, 3, of["extent"], of["extent"]) - 0.5
y = torch.randint(0, of["classes"], (batch,))


def step():
    optimizer.zero_grad(set_to_none=True)
    loss = torch.nn.functional.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


print(json.dumps({"name": "pytorch " + torch.__version__, "step_ms": median_ms(step, budget_s, 2)}))
