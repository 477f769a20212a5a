"""Times PyTorch's eager training step of an MLP: forward, cross entropy, backward, fused optimizer. Prints one JSON object.
usage: torch_train.py LAYERS BATCH SECONDS [sgd|adam]      LAYERS: 64,128,10"""
import json
import sys

import torch

from timing import median_ms

torch.set_num_threads(2)
layers = [int(n) for n in sys.argv[1].split(",")]
batch, budget_s = int(sys.argv[2]), float(sys.argv[3])
optimizer_name = sys.argv[4] if len(sys.argv) > 4 else "sgd"
torch.manual_seed(1)
modules = []
for i, (n_in, n_out) in enumerate(zip(layers, layers[1:])):
    modules.append(torch.nn.Linear(n_in, n_out))
    if i + 2 < len(layers):
        modules.append(torch.nn.ReLU())
net = torch.nn.Sequential(*modules)
if optimizer_name == "adam":
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001, fused=True)
else:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9, fused=True)
x = torch.rand(batch, layers[0]) - 0.5
y = torch.randint(0, layers[-1], (batch,))


def step():
    optimizer.zero_grad(set_to_none=True)
    loss = torch.nn.functional.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    return loss


print(json.dumps({"name": "pytorch " + torch.__version__, "step_ms": median_ms(lambda: step().item(), budget_s / 2),
                  "step_without_reading_loss_ms": median_ms(step, budget_s / 2)}))
