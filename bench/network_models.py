"""Residual networks with random weights for the section `networks` of bench/compare.py. He, Zhang, Ren, Sun, "Deep Residual Learning for Image
Recognition", 2015: ResNet-50 for 224x224 with the stride in the 3x3 convolution of a bottleneck, ResNet-18 for 32x32 with a 3x3 stem."""
import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

GENERATOR = numpy.random.default_rng(1)
RESNETS = {"resnet50": dict(extent=224, blocks=(3, 4, 6, 3), bottleneck=True, classes=1000),
           "resnet18-32": dict(extent=32, blocks=(2, 2, 2, 2), bottleneck=False, classes=10)}


class Builder:
    def __init__(self):
        self.nodes, self.weights, self.count = [], [], 0

    def weight(self, values):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(numpy.float32), name))
        return name

    def node(self, op, inputs, **attributes):
        self.count += 1
        self.nodes.append(helper.make_node(op, inputs, [f"v{self.count}"], **attributes))
        return f"v{self.count}"

    def conv(self, x, read, written, kernel, stride, relu):
        scale = (2 / (read * kernel * kernel)) ** 0.5
        x = self.node("Conv", [x, self.weight(GENERATOR.standard_normal((written, read, kernel, kernel)) * scale)], kernel_shape=[kernel] * 2,
                      strides=[stride] * 2, pads=[kernel // 2] * 4)
        numbers = [numpy.ones(written), numpy.zeros(written), numpy.zeros(written), numpy.ones(written)]
        x = self.node("BatchNormalization", [x] + [self.weight(n) for n in numbers], epsilon=1e-5)
        return self.node("Relu", [x]) if relu else x

    def block(self, x, read, width, stride, bottleneck):
        written = width * 4 if bottleneck else width
        if bottleneck:
            y = self.conv(x, read, width, 1, 1, True)
            y = self.conv(self.conv(y, width, width, 3, stride, True), width, written, 1, 1, False)
        else:
            y = self.conv(self.conv(x, read, width, 3, stride, True), width, width, 3, 1, False)
        if stride > 1 or read != written:
            x = self.conv(x, read, written, 1, stride, False)
        return self.node("Relu", [self.node("Add", [y, x])]), written


def save_resnet(name, path, batch="batch"):
    """Input x [batch, 3, extent, extent], output y [batch, classes]: logits."""
    made, of = Builder(), RESNETS[name]
    if of["bottleneck"]:
        x = made.node("MaxPool", [made.conv("x", 3, 64, 7, 2, True)], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    else:
        x = made.conv("x", 3, 64, 3, 1, True)
    channels = 64
    for stage, count in enumerate(of["blocks"]):
        for i in range(count):
            x, channels = made.block(x, channels, 64 << stage, 2 if stage > 0 and i == 0 else 1, of["bottleneck"])
    x = made.node("Flatten", [made.node("GlobalAveragePool", [x])])
    last = made.weight(GENERATOR.standard_normal((channels, of["classes"])) * channels ** -0.5)
    made.nodes.append(helper.make_node("Gemm", [x, last, made.weight(numpy.zeros(of["classes"]))], ["y"]))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(made.nodes, name, [value("x", TensorProto.FLOAT, [batch, 3, of["extent"], of["extent"]])],
                              [value("y", TensorProto.FLOAT, [batch, of["classes"]])], made.weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
