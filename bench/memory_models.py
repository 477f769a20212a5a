"""Models of one operator or one chain that is bound by memory, for the section `memory` of bench/compare.py: each row is a name, a model and
the bytes that it has to move at least."""
import math

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
# Name, form (a number: of groups), the input's extents.
NORM_GRADIENTS = [("gradient of layer norm 1024x1024", "layer", "1024x1024"), ("gradient of layer norm 4096x768", "layer", "4096x768"),
                  ("gradient of RMS norm 4096x768", "rms", "4096x768"),
                  ("gradient of group norm, 256@32 in 32 groups, batch 8", "32", "8x256x32x32")]


class Row:
    def __init__(self, name, nodes, inputs, outputs, constants=(), opset=21, moved=None):
        self.name, self.opset = name, opset
        graph = helper.make_graph(
            [helper.make_node(op, ins, outs, name=f"{op}_{i}", **attributes) for i, (op, ins, outs, attributes) in enumerate(nodes)], "bench",
            [helper.make_tensor_value_info(n, FLOAT, shape) for n, shape in inputs],
            [helper.make_tensor_value_info(n, kind, shape) for n, shape, kind in outputs],
            [numpy_helper.from_array(numpy.asarray(value), n) for n, value in constants])
        self.model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
        sizes = [math.prod(shape) * 4 for _, shape in inputs] + [math.prod(shape) * (8 if kind == TensorProto.INT64 else 4)
                                                                 for _, shape, kind in outputs]
        self.moved = moved or sum(sizes)

    def save(self, path):
        onnx.save(self.model, path)


def unary(name, nodes, shape, out_shape=None, constants=(), opset=21):
    return Row(name, nodes, [("x", shape)], [("y", shape if out_shape is None else out_shape, FLOAT)], constants, opset)


def pool(name, op, attributes, out):
    return unary(name, [(op, ["x"], ["y"], attributes)], [8, 64, 112, 112], [8, 64, out, out])


def reduce(name, axes, shape, out):
    return unary(name, [("ReduceSum", ["x", "axes"], ["y"], {"keepdims": 0})], shape, out, [("axes", numpy.array(axes, numpy.int64))])


def normalization(name, op, shape, bias, opset=21):
    constants = [("scale", numpy.ones(shape[-1], numpy.float32))] + ([("bias", numpy.zeros(shape[-1], numpy.float32))] if bias else [])
    return unary(name, [(op, ["x"] + [n for n, _ in constants], ["y"], {"axis": -1})], shape, None, constants, opset)


def chain(name, count, nodes, inputs="x", constants=()):
    return Row(name, nodes, [(n, [count]) for n in inputs], [("y", [count], FLOAT)], constants)


def elementwise(count, label):
    half, one, root = (numpy.float32(v) for v in (0.5, 1, math.sqrt(2)))
    gelu = [("Div", ["x", "root"], ["a"], {}), ("Erf", ["a"], ["b"], {}), ("Add", ["b", "one"], ["c"], {}), ("Mul", ["x", "c"], ["d"], {}),
            ("Mul", ["d", "half"], ["y"], {})]
    return [
        chain(f"gelu by parts, {label}", count, gelu, "x", [("half", half), ("one", one), ("root", root)]),
        chain(f"relu(x y + z), {label}", count, [("Mul", ["x", "z"], ["a"], {}), ("Add", ["a", "w"], ["b"], {}), ("Relu", ["b"], ["y"], {})],
              "xzw"),
        chain(f"x sigmoid(x), {label}", count, [("Sigmoid", ["x"], ["a"], {}), ("Mul", ["x", "a"], ["y"], {})]),
        chain(f"tanh(x), {label}", count, [("Tanh", ["x"], ["y"], {})]),
    ]


def batch_norm():
    shape, channels = [8, 64, 56, 56], numpy.ones(64, numpy.float32)
    names = ["scale", "bias", "mean", "variance"]
    nodes = [("BatchNormalization", ["x"] + names, ["y", "new_mean", "new_variance"], {"training_mode": 1})]
    return Row("batch norm in training, 64@56, batch 8", nodes, [("x", shape)],
               [("y", shape, FLOAT), ("new_mean", [64], FLOAT), ("new_variance", [64], FLOAT)], [(n, channels) for n in names])


def top_k(name, rows, columns, k):
    return Row(name, [("TopK", ["x", "k"], ["y", "i"], {"axis": -1})], [("x", [rows, columns])],
               [("y", [rows, k], FLOAT), ("i", [rows, k], TensorProto.INT64)], [("k", numpy.array([k], numpy.int64))])


def cumulative(name, shape, axis):
    return unary(name, [("CumSum", ["x", "axis"], ["y"], {})], shape, None, [("axis", numpy.array(axis, numpy.int64))])


def attention(name, heads, length, size, causal):
    shape = [1, heads, length, size]
    return Row(name, [("Attention", ["q", "k", "v"], ["y"], {"is_causal": causal})], [(n, shape) for n in "qkv"], [("y", shape, FLOAT)], opset=23)


def attention_by_parts(name, heads, length, size):
    shape = [1, heads, length, size]
    nodes = [("Transpose", ["k"], ["t"], {"perm": [0, 1, 3, 2]}), ("MatMul", ["q", "t"], ["s"], {}), ("Mul", ["s", "scale"], ["z"], {}),
             ("Softmax", ["z"], ["p"], {"axis": -1}), ("MatMul", ["p", "v"], ["y"], {})]
    return Row(name, nodes, [(n, shape) for n in "qkv"], [("y", shape, FLOAT)], [("scale", numpy.float32(1 / math.sqrt(size)))])


def rows():
    window = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    softmax = [("Softmax", ["x"], ["y"], {"axis": -1})]
    return [
        pool("max pooling 3x3 s2, 64@112, batch 8", "MaxPool", window, 56),
        pool("average pooling 3x3 s2, 64@112, batch 8", "AveragePool", window, 56),
        pool("global average, 64@112, batch 8", "GlobalAveragePool", {}, 1),
        unary("softmax 1024x1024", softmax, [1024, 1024]),
        unary("softmax 64x32000", softmax, [64, 32000]),
        normalization("layer norm 1024x1024", "LayerNormalization", [1024, 1024], True),
        normalization("layer norm 4096x768", "LayerNormalization", [4096, 768], True),
        normalization("RMS norm 1024x1024", "SimplifiedLayerNormalization", [1024, 1024], False),
        normalization("RMS norm 4096x768", "SimplifiedLayerNormalization", [4096, 768], False),
        batch_norm(),
        *elementwise(1 << 20, "1M"),
        *elementwise(1 << 24, "16M"),
        reduce("sum of rows, 4096x4096", [1], [4096, 4096], [4096]),
        reduce("sum of columns, 4096x4096", [0], [4096, 4096], [4096]),
        reduce("sum of all, 4096x4096", [0, 1], [4096, 4096], []),
        reduce("sum of rows, 1024x1024", [1], [1024, 1024], [1024]),
        reduce("sum of columns, 1024x1024", [0], [1024, 1024], [1024]),
        reduce("sum of all, 1024x1024", [0, 1], [1024, 1024], []),
        cumulative("cumulative sum along rows, 64x32000", [64, 32000], 1),
        cumulative("cumulative sum along columns, 1024x1024", [1024, 1024], 0),
        top_k("top 50 of 64x32000", 64, 32000, 50),
        top_k("top 1000 of 64x32000", 64, 32000, 1000),
        top_k("sort 64x4096", 64, 4096, 4096),
        attention("attention 12 heads, 384x64", 12, 384, 64, 0),
        attention_by_parts("attention by parts, 12 heads, 384x64", 12, 384, 64),
        attention("causal attention 12 heads, 1024x64", 12, 1024, 64, 1),
    ]
