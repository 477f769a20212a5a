"""Models of convolutions for the section `conv` of bench/compare.py: eight layers of one shape with weights of their own, so that weights come
from memory as they do in a network. Layers whose results have another shape than their input stand side by side and are added up."""
from math import prod
from typing import NamedTuple

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
GENERATOR = numpy.random.default_rng(1)


class Layer(NamedTuple):
    """A convolution of as many spatial axes as its input has, alike along all of them."""
    read: int  # channels
    written: int
    kernel: int
    stride: int = 1
    pad: int = 0
    groups: int = 1
    dilation: int = 1
    transposed: int = 0

    def extent(self, extent):
        reach = (self.kernel - 1) * self.dilation
        if self.transposed:
            return (extent - 1) * self.stride - 2 * self.pad + reach + 1
        return (extent + 2 * self.pad - reach - 1) // self.stride + 1

    def operations(self, batch, extents):
        """extents: of its input. Every pixel of x (transposed) or y takes part in a sum with each tap."""
        pixels = prod(extents if self.transposed else map(self.extent, extents))
        return 2 * batch * self.read * self.written // self.groups * pixels * self.kernel ** len(extents)

    def weights(self, axes):
        dims = [self.read, self.written // self.groups] if self.transposed else [self.written, self.read // self.groups]
        return dims + [self.kernel] * axes


class Row:
    """layers: one behind the other or (side_by_side) all on x."""

    def __init__(self, name, group, x, layers, side_by_side=False):
        self.name, self.group, self.x, self.layers, self.side_by_side = name, group, x, layers, side_by_side
        self.operations, extents = 0, x[2:]
        for layer in layers:
            self.operations += layer.operations(x[0], extents)
            written = [layer.extent(e) for e in extents]
            extents = extents if side_by_side else written
        self.y = [x[0], layers[-1].written, *written]

    def model(self):
        axes, nodes, weights, last = len(self.x) - 2, [], [], "x"
        for i, layer in enumerate(self.layers):
            scale = (layer.read // layer.groups * layer.kernel ** axes) ** -0.5
            values = (GENERATOR.standard_normal(layer.weights(axes)) * scale).astype(numpy.float32)
            weights.append(numpy_helper.from_array(values, f"w{i}"))
            nodes.append(helper.make_node("ConvTranspose" if layer.transposed else "Conv", ["x" if self.side_by_side else last, f"w{i}"],
                                          [f"c{i}"], kernel_shape=[layer.kernel] * axes, strides=[layer.stride] * axes,
                                          dilations=[layer.dilation] * axes, pads=[layer.pad] * (2 * axes), group=layer.groups))
            if self.side_by_side and i > 0:
                nodes.append(helper.make_node("Add", [f"c{i}", last], [f"s{i}"]))
            last = f"s{i}" if self.side_by_side and i > 0 else f"c{i}"
        nodes[-1].output[0] = "y"
        graph = helper.make_graph(nodes, "bench", [helper.make_tensor_value_info("x", FLOAT, self.x)],
                                  [helper.make_tensor_value_info("y", FLOAT, self.y)], weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)

    def save(self, path):
        onnx.save(self.model(), path)

    def text(self):
        """For peers that take no models."""
        return ",".join(["side" if self.side_by_side else "chain", "x".join(map(str, self.x))] + [":".join(map(str, l)) for l in self.layers])


def chain(name, group, channels, extents, kernel, pad, groups=1, count=8, dilation=1):
    return Row(name, group, [1, channels, *extents], [Layer(channels, channels, kernel, 1, pad, groups, dilation)] * count)


def pairs(name, narrow, wide, extent):
    return Row(name, "1x1", [1, narrow, extent, extent], [Layer(narrow, wide, 1), Layer(wide, narrow, 1)] * 4)


def side(name, group, channels, extents, out, kernel, stride, pad, count=8, transposed=0):
    return Row(name, group, [1, channels, *extents], [Layer(channels, out, kernel, stride, pad, transposed=transposed)] * count, True)


def rows():
    made = [chain(f"3x3 {c} at {e}", "3x3", c, (e, e), 3, 1, count=count)
            for c, e, count in ((64, 56, 8), (128, 28, 8), (256, 14, 8), (512, 7, 8), (64, 224, 2), (512, 14, 4))]
    made += [pairs("1x1 64 to 256 and back at 56", 64, 256, 56), pairs("1x1 512 to 2048 and back at 7", 512, 2048, 7)]
    made += [side("3x3 stride 2, 128 at 56", "strided", 128, (56, 56), 128, 3, 2, 1),
             side("1x1 stride 2, 256 to 512 at 56", "strided", 256, (56, 56), 512, 1, 2, 0)]
    made += [side("7x7 stride 2, 3 to 64 at 224", "first", 3, (224, 224), 64, 7, 2, 3),
             side("3x3, 3 to 64 at 224", "first", 3, (224, 224), 64, 3, 1, 1, count=2)]
    made += [chain("depthwise 3x3, 144 at 56", "depthwise", 144, (56, 56), 3, 1, 144),
             chain("depthwise 3x3, 512 at 14", "depthwise", 512, (14, 14), 3, 1, 512)]
    made += [chain("grouped 3x3, 128 in 32 groups at 56", "grouped", 128, (56, 56), 3, 1, 32),
             chain("grouped 3x3, 512 in 32 groups at 14", "grouped", 512, (14, 14), 3, 1, 32)]
    made += [chain("3, 256 at 1024", "1-D", 256, (1024,), 3, 1), chain("9 dilated by 2, 256 at 1024", "1-D", 256, (1024,), 9, 8, dilation=2),
             chain("depthwise 7, 256 at 1024", "1-D", 256, (1024,), 7, 3, 256), side("10 stride 5, 1 to 512 at 16000", "1-D", 1, (16000,), 512, 10, 5, 0, 2)]
    made += [side("3x3x3, 32 to 64 at 16x56x56", "3-D", 32, (16, 56, 56), 64, 3, 1, 1, 2), chain("3x3x3, 64 at 8x28x28", "3-D", 64, (8, 28, 28), 3, 1),
             side("3x3x3 stride 2, 64 to 128 at 8x28x28", "3-D", 64, (8, 28, 28), 128, 3, 2, 1, 2)]
    made += [side("4x4 stride 2, 128 to 64 at 28", "transposed", 128, (28, 28), 64, 4, 2, 1, 4, 1),
             side("3x3 stride 2, 64 to 32 at 56", "transposed", 64, (56, 56), 32, 3, 2, 1, 4, 1),
             side("2x2 stride 2, 256 to 128 at 28", "transposed", 256, (28, 28), 128, 2, 2, 0, 4, 1),
             side("1-D 16 stride 8, 256 to 128 at 128", "transposed", 256, (128,), 128, 16, 8, 4, 4, 1)]
    return made
