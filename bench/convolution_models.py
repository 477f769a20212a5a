"""Models of convolutions for the section `conv` of bench/compare.py: eight layers of one shape with weights of their own, so that weights come
from memory as they do in a network. Layers whose results have another shape than their input stand side by side and are added up."""
import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
GENERATOR = numpy.random.default_rng(1)


class Row:
    """layers: (channels read, channels written, kernel, stride, padding, groups), one behind the other or (side_by_side) all on x."""

    def __init__(self, name, group, x, layers, side_by_side=False):
        self.name, self.group, self.x, self.layers, self.side_by_side = name, group, x, layers, side_by_side
        self.operations, n, (height, width) = 0, x[0], x[2:]
        for c, k, size, stride, pad, groups in layers:
            h, w = (height + 2 * pad - size) // stride + 1, (width + 2 * pad - size) // stride + 1
            self.operations += 2 * n * k * h * w * (c // groups) * size * size
            if not side_by_side:
                height, width = h, w
        self.y = [n, layers[-1][1], h, w]

    def model(self):
        nodes, weights, last = [], [], "x"
        for i, (c, k, size, stride, pad, groups) in enumerate(self.layers):
            scale = (c // groups * size * size) ** -0.5
            weights.append(numpy_helper.from_array((GENERATOR.standard_normal((k, c // groups, size, size)) * scale).astype(numpy.float32),
                                                   f"w{i}"))
            nodes.append(helper.make_node("Conv", ["x" if self.side_by_side else last, f"w{i}"], [f"c{i}"], kernel_shape=[size, size],
                                          strides=[stride, stride], pads=[pad] * 4, group=groups))
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


def chain(name, group, channels, extent, kernel, pad, groups=1, count=8):
    return Row(name, group, [1, channels, extent, extent], [(channels, channels, kernel, 1, pad, groups)] * count)


def pairs(name, narrow, wide, extent):
    return Row(name, "1x1", [1, narrow, extent, extent], [(narrow, wide, 1, 1, 0, 1), (wide, narrow, 1, 1, 0, 1)] * 4)


def side(name, group, channels, extent, out, kernel, stride, pad, groups=1, count=8):
    return Row(name, group, [1, channels, extent, extent], [(channels, out, kernel, stride, pad, groups)] * count, True)


def rows():
    made = [chain(f"3x3 {c} at {e}", "3x3", c, e, 3, 1, count=count)
            for c, e, count in ((64, 56, 8), (128, 28, 8), (256, 14, 8), (512, 7, 8), (64, 224, 2), (512, 14, 4))]
    made += [pairs("1x1 64 to 256 and back at 56", 64, 256, 56), pairs("1x1 512 to 2048 and back at 7", 512, 2048, 7)]
    made += [side("3x3 stride 2, 128 at 56", "strided", 128, 56, 128, 3, 2, 1), side("1x1 stride 2, 256 to 512 at 56", "strided", 256, 56, 512, 1, 2, 0)]
    made += [side("7x7 stride 2, 3 to 64 at 224", "first", 3, 224, 64, 7, 2, 3), side("3x3, 3 to 64 at 224", "first", 3, 224, 64, 3, 1, 1, count=2)]
    made += [chain("depthwise 3x3, 144 at 56", "depthwise", 144, 56, 3, 1, 144), chain("depthwise 3x3, 512 at 14", "depthwise", 512, 14, 3, 1, 512)]
    return made
