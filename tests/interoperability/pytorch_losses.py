#!/usr/bin/env python3
"""Writes pytorch_losses.txt: the first 50 losses of PyTorch's training of the network that tests/devices/pytorch_losses.c trains.

    python3 tests/interoperability/pytorch_losses.py

Needs torch and numpy; the test needs neither. Both sides make the same starting weights from one sequence of integers.
"""
import pathlib

import numpy
import torch

STEPS, BATCH, TRAINED_ROWS = 50, 32, 1437
LAYERS = (64, 128, 10)


def numbers(count, state):
    """-1 .. 1, exact in float32."""
    values = numpy.empty(count, numpy.float32)
    for i in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values[i] = numpy.float32((state >> 8) * 2.0**-23 - 1)
    return values, state


def make_network():
    layers, state = [], 1
    for inputs, outputs in zip(LAYERS, LAYERS[1:]):
        layer = torch.nn.Linear(inputs, outputs)
        scale = numpy.float32(inputs**-0.5)
        for parameter in (layer.weight, layer.bias):
            values, state = numbers(parameter.numel(), state)
            parameter.data = torch.from_numpy(values * scale).reshape(parameter.shape)
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def main():
    here = pathlib.Path(__file__).resolve().parent
    table = numpy.loadtxt(here.parent.parent / "examples" / "digits.csv.gz", delimiter=",", dtype=numpy.float32)
    images = torch.from_numpy(table[:, :64] / 16)
    labels = torch.from_numpy(table[:, 64].astype(numpy.int64))
    network = make_network()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    lines = [f"# PyTorch {torch.__version__}, by tests/interoperability/pytorch_losses.py: one loss a step"]
    for step in range(STEPS):
        first = step % (TRAINED_ROWS // BATCH) * BATCH
        loss = torch.nn.functional.cross_entropy(network(images[first:first + BATCH]), labels[first:first + BATCH])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        lines.append(f"{loss.item():.9g}")
    (here / "pytorch_losses.txt").write_text("\n".join(lines) + "\n")


main()
