"""Models of one operator in low precision, for the section `low` of bench/compare.py: products and convolutions of bytes, products of
bfloat16 and with weights in few bits, and the same in float32, which they are compared with."""

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

GENERATOR = numpy.random.default_rng(1)
KINDS = {"f32": TensorProto.FLOAT, "bf16": TensorProto.BFLOAT16, "u8": TensorProto.UINT8, "i32": TensorProto.INT32}


class Row:
    """`base`: the name of the row in float32; `peer`: name, script and arguments of a peer beside ONNX Runtime, which has no products
    of bfloat16 on processors."""

    def __init__(self, name, nodes, x, y, constants, operations, base=None, peer=None):
        self.name, self.operations, self.base, self.peer, self.onnxruntime = name, operations, base, peer, x[0] != "bf16"
        graph = helper.make_graph(
            [helper.make_node(op, ins, outs, name=f"{op}_{i}", **attributes) for i, (op, ins, outs, attributes) in enumerate(nodes)], "bench",
            [helper.make_tensor_value_info("x", KINDS[x[0]], x[1])], [helper.make_tensor_value_info("y", KINDS[y[0]], y[1])],
            [value if isinstance(value, TensorProto) else numpy_helper.from_array(numpy.asarray(value), n) for n, value in constants])
        self.model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)

    def save(self, path):
        onnx.save(self.model, path)


def floats(*shape):
    return (GENERATOR.random(shape) - 0.5).astype(numpy.float32)


def signed(*shape):
    return GENERATOR.integers(-127, 127, shape).astype(numpy.int8)


def bfloat16(name, values):
    return helper.make_tensor(name, TensorProto.BFLOAT16, values.shape, (values.view(numpy.uint32) >> 16).astype(numpy.uint16).tobytes(),
                              raw=True)


def scales(values):
    return numpy.asarray(values, numpy.float32)


def products(m, n, k):
    shape, operations = f"{m}x{n}x{k}", 2 * m * n * k
    base, onednn = f"MatMul {shape}", ("oneDNN", "onednn_bytes.py", m, n, k)
    yield Row(base, [("MatMul", ["x", "w"], ["y"], {})], ("f32", [m, k]), ("f32", [m, n]), [("w", floats(k, n))], operations)
    yield Row(f"{base}, bfloat16", [("MatMul", ["x", "w"], ["y"], {})], ("bf16", [m, k]), ("bf16", [m, n]),
              [("w", bfloat16("w", floats(k, n)))], operations, base, ("PyTorch", "torch_product.py", m, n, k, "bfloat16"))
    yield Row(f"MatMulInteger {shape}, uint8 int8", [("MatMulInteger", ["x", "w"], ["y"], {})], ("u8", [m, k]), ("i32", [m, n]),
              [("w", signed(k, n))], operations, base, onednn)
    constants = [("xs", scales(0.02)), ("xz", numpy.uint8(128)), ("w", signed(k, n)), ("ws", scales(numpy.full(n, 0.01))),
                 ("wz", numpy.zeros(n, numpy.int8)), ("ys", scales(0.5)), ("yz", numpy.uint8(120))]
    yield Row(f"QLinearMatMul {shape}, uint8 int8", [("QLinearMatMul", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"], ["y"], {})],
              ("u8", [m, k]), ("u8", [m, n]), constants, operations, base, onednn)


def rows_of_weights(m, n, k):
    shape, operations = f"{m}x{n}x{k}", 2 * m * n * k
    base = f"MatMul {shape}"
    yield Row(base, [("MatMul", ["x", "w"], ["y"], {})], ("f32", [m, k]), ("f32", [m, n]), [("w", floats(k, n))], operations)
    yield Row(f"{base}, float16 weights", [("Cast", ["w"], ["f"], {"to": TensorProto.FLOAT}), ("MatMul", ["x", "f"], ["y"], {})],
              ("f32", [m, k]), ("f32", [m, n]), [("w", floats(k, n).astype(numpy.float16))], operations, base)
    yield Row(f"{base}, int8 weights, a scale per column",
              [("DequantizeLinear", ["w", "s"], ["f"], {"axis": 1}), ("MatMul", ["x", "f"], ["y"], {})], ("f32", [m, k]),
              ("f32", [m, n]), [("w", signed(k, n)), ("s", scales(numpy.full(n, 0.01)))], operations, base)


def convolutions(channels, extent, out_channels, kernel, stride):
    pad, out = kernel // 2, (extent + 2 * (kernel // 2) - kernel) // stride + 1
    shape = f"1x{channels}x{extent}x{extent},{out_channels}x{kernel}x{kernel},s{stride}"
    operations = 2 * out * out * out_channels * channels * kernel * kernel
    window = {"pads": [pad] * 4, "strides": [stride] * 2, "kernel_shape": [kernel] * 2}
    x, y = [1, channels, extent, extent], [1, out_channels, out, out]
    base = f"Conv {shape}"
    yield Row(base, [("Conv", ["x", "w"], ["y"], window)], ("f32", x), ("f32", y), [("w", floats(out_channels, channels, kernel, kernel))],
              operations)
    constants = [("xs", scales(0.02)), ("xz", numpy.uint8(128)), ("w", signed(out_channels, channels, kernel, kernel)),
                 ("ws", scales(numpy.full(out_channels, 0.01))), ("wz", numpy.zeros(out_channels, numpy.int8)), ("ys", scales(0.5)),
                 ("yz", numpy.uint8(120))]
    yield Row(f"QLinearConv {shape}, uint8 int8", [("QLinearConv", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"], ["y"], window)],
              ("u8", x), ("u8", y), constants, operations, base)


def chains(channels, extent, layers=4):
    """Layers behind each other as in a network, so that what lies between them counts."""
    shape, operations = f"1x{channels}x{extent}x{extent},{channels}x3x3", 2 * layers * (extent * channels * 3)**2
    window, x = {"pads": [1] * 4, "kernel_shape": [3, 3]}, [1, channels, extent, extent]
    names = ["x"] + [f"x{i}" for i in range(1, layers)] + ["y"]
    base = f"{layers} Conv {shape} in a row"
    spread = (channels * 9)**-0.5
    yield Row(base, [("Conv", [names[i], f"w{i}"], [names[i + 1]], window) for i in range(layers)], ("f32", x), ("f32", x),
              [(f"w{i}", floats(channels, channels, 3, 3) * spread) for i in range(layers)], operations)
    constants = [("xs", scales(0.02)), ("xz", numpy.uint8(120)), ("ws", scales(numpy.full(channels, 0.01 * spread))),
                 ("wz", numpy.zeros(channels, numpy.int8))]
    constants += [(f"w{i}", signed(channels, channels, 3, 3)) for i in range(layers)]
    yield Row(f"{layers} QLinearConv {shape} in a row, uint8 int8",
              [("QLinearConv", [names[i], "xs", "xz", f"w{i}", "ws", "wz", "xs", "xz"], [names[i + 1]], window) for i in range(layers)],
              ("u8", x), ("u8", x), constants, operations, base)


def rows():
    for shape in ((512, 512, 512), (1024, 1024, 1024), (64, 1536, 384)):
        yield from products(*shape)
    for shape in ((1, 4096, 4096), (8, 4096, 4096)):
        yield from rows_of_weights(*shape)
    for geometry in ((64, 56, 64, 3, 1), (128, 28, 128, 3, 1), (256, 14, 256, 3, 1), (64, 56, 256, 1, 1), (128, 56, 128, 3, 2)):
        yield from convolutions(*geometry)
    for geometry in ((64, 56), (256, 14)):
        yield from chains(*geometry)
