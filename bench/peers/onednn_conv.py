"""Times oneDNN's convolutions in the layouts that it prefers, one primitive per layer, by its better algorithm (direct or Winograd). Layers and
their numbers: see Row.text in bench/convolution_models.py. Prints one JSON object.
usage: onednn_conv.py LAYERS SECONDS"""
import ctypes
import json
import os
import statistics
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))
library = ctypes.CDLL("libdnnl.so.2")
F32, FORWARD_INFERENCE, ANY, CPU = 3, 96, 1, 1
DIRECT, WINOGRAD, TRANSPOSED = 0x1, 0x2, 0x9  # the transposed ones' numbers are 9 higher
QUERY_SRC, QUERY_WEIGHTS, QUERY_DST = 129, 131, 133
ARG_SRC, ARG_DST, ARG_WEIGHTS = 1, 17, 33
pointer = ctypes.c_void_p
library.dnnl_primitive_desc_query_md.restype = pointer
library.dnnl_primitive_desc_query_md.argtypes = [pointer, ctypes.c_int, ctypes.c_int]
library.dnnl_memory_desc_get_size.restype = ctypes.c_size_t
library.dnnl_memory_desc_get_size.argtypes = [pointer]


class Argument(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("memory", pointer)]


def check(status):
    if status != 0:
        raise RuntimeError(f"oneDNN: status {status}")


def description():
    return ctypes.create_string_buffer(32768)


def numbers(values):
    return (ctypes.c_int64 * 12)(*values)


def layout(dims):
    made = description()
    check(library.dnnl_memory_desc_init_by_tag(made, len(dims), numbers(dims), F32, ANY))
    return made


class Library:
    def __init__(self):
        self.engine, self.stream = pointer(), pointer()
        check(library.dnnl_engine_create(ctypes.byref(self.engine), CPU, ctypes.c_size_t(0)))
        check(library.dnnl_stream_create(ctypes.byref(self.stream), self.engine, 1))

    def memory(self, md):
        made, data = pointer(), pointer()
        check(library.dnnl_memory_create(ctypes.byref(made), pointer(md), self.engine, pointer(-1 & (2**64 - 1))))
        check(library.dnnl_memory_get_data_handle(made, ctypes.byref(data)))
        count = library.dnnl_memory_desc_get_size(md) // 4
        (ctypes.c_float * count).from_address(data.value)[:] = [0.01] * count  # no denormals
        return made

    def layer(self, algorithm, batch, extents, c, k, size, stride, pad, groups, dilation, transposed):
        axes, reach = len(extents), (size - 1) * dilation
        written = [(e - 1) * stride - 2 * pad + reach + 1 if transposed else (e + 2 * pad - reach - 1) // stride + 1 for e in extents]
        weights = ([groups, k // groups, c // groups] if groups > 1 else [k, c]) + [size] * axes
        x, y, filters, op, plan = layout([batch, c, *extents]), layout([batch, k, *written]), layout(weights), description(), pointer()
        pads, strides, dilates = numbers([pad] * axes), numbers([stride] * axes), numbers([dilation - 1] * axes)
        describe = library.dnnl_dilated_deconvolution_forward_desc_init if transposed else library.dnnl_dilated_convolution_forward_desc_init
        check(describe(op, FORWARD_INFERENCE, algorithm + (TRANSPOSED if transposed else 0), x, filters, None, y, strides, dilates, pads, pads))
        check(library.dnnl_primitive_desc_create(ctypes.byref(plan), op, None, self.engine, None))
        primitive = pointer()
        check(library.dnnl_primitive_create(ctypes.byref(primitive), plan))
        memories = [(kind, self.memory(library.dnnl_primitive_desc_query_md(plan, query, 0)))
                    for kind, query in ((ARG_SRC, QUERY_SRC), (ARG_WEIGHTS, QUERY_WEIGHTS), (ARG_DST, QUERY_DST))]
        return (primitive, (Argument * 3)(*[Argument(kind, memory) for kind, memory in memories])), written


def build(onednn, algorithm, text):
    kind, x, *layers = text.split(",")
    batch, _, *extents = map(int, x.split("x"))
    made = []
    for layer in layers:
        primitive, written = onednn.layer(algorithm, batch, extents, *map(int, layer.split(":")))
        made.append(primitive)
        if kind == "chain":
            extents = written
    return made


def median_ms(onednn, layers, seconds):
    samples = []
    for warm_up in (True, False):
        end = time.perf_counter() + (0 if warm_up else seconds)
        while len(samples) < 5 or time.perf_counter() < end:
            start = time.perf_counter()
            for primitive, arguments in layers:
                check(library.dnnl_primitive_execute(primitive, onednn.stream, 3, arguments))
            check(library.dnnl_stream_wait(onednn.stream))
            samples.append(time.perf_counter() - start)
        samples = [] if warm_up else samples
    return statistics.median(samples) * 1e3


onednn, best = Library(), None
for name, algorithm in (("direct", DIRECT), ("winograd", WINOGRAD)):
    try:
        taken = median_ms(onednn, build(onednn, algorithm, sys.argv[1]), float(sys.argv[2]) / 2)
    except RuntimeError:
        continue
    if best is None or taken < best[1]:
        best = (name, taken)
print(json.dumps({"name": "oneDNN", "algorithm": best[0], "median_ms": best[1]}))
