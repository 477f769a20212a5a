"""Times oneDNN's convolutions in the layouts that it prefers between layers, by its better algorithm (direct or Winograd). As with the other
contestants, x comes plain (channel by channel) and the result is left so; a chain's layers read what the layer before has written, layers side
by side read x and add their results up. Layers and their numbers: see Row.text in bench/convolution_models.py. Prints one JSON object.
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
ARG_SRC, ARG_DST, ARG_WEIGHTS, ARG_SOURCES = 1, 17, 33, 1024
LAYOUT_BYTES = 696  # of a dnnl_memory_desc_t of oneDNN 2
pointer = ctypes.c_void_p
library.dnnl_primitive_desc_query_md.restype = pointer
library.dnnl_primitive_desc_query_md.argtypes = [pointer, ctypes.c_int, ctypes.c_int]
library.dnnl_memory_desc_get_size.restype = ctypes.c_size_t
library.dnnl_memory_desc_get_size.argtypes = [pointer]
library.dnnl_memory_desc_equal.argtypes = [pointer, pointer]
library.dnnl_reorder_primitive_desc_create.argtypes = [pointer] * 6
library.dnnl_post_ops_append_sum.argtypes = [pointer, ctypes.c_float]


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
    """Of oneDNN's choice."""
    made = description()
    check(library.dnnl_memory_desc_init_by_tag(made, len(dims), numbers(dims), F32, ANY))
    return made


def plain(dims):
    made, strides = description(), [1]
    for extent in reversed(dims[1:]):
        strides.insert(0, strides[0] * extent)
    check(library.dnnl_memory_desc_init_by_strides(made, len(dims), numbers(dims), F32, numbers(strides)))
    return made


def address(md):
    return md if isinstance(md, int) else ctypes.addressof(md)


class Library:
    """Takes the steps of one run: (primitive, its arguments, their count)."""

    def __init__(self):
        self.engine, self.stream, self.steps = pointer(), pointer(), []
        check(library.dnnl_engine_create(ctypes.byref(self.engine), CPU, ctypes.c_size_t(0)))
        check(library.dnnl_stream_create(ctypes.byref(self.stream), self.engine, 1))

    def memory(self, md):
        made, data = pointer(), pointer()
        check(library.dnnl_memory_create(ctypes.byref(made), pointer(address(md)), self.engine, pointer(-1 & (2**64 - 1))))
        check(library.dnnl_memory_get_data_handle(made, ctypes.byref(data)))
        count = library.dnnl_memory_desc_get_size(address(md)) // 4
        (ctypes.c_float * count).from_address(data.value)[:] = [0.01] * count  # no denormals
        return made

    def add_step(self, plan, arguments):
        primitive = pointer()
        check(library.dnnl_primitive_create(ctypes.byref(primitive), plan))
        self.steps.append((primitive, (Argument * len(arguments))(*[Argument(*a) for a in arguments]), len(arguments)))

    def turned(self, image, md):
        """image: (layout, memory) -> the same in the layout md."""
        if library.dnnl_memory_desc_equal(address(image[0]), address(md)):
            return image
        plan, made = pointer(), (md, self.memory(md))
        check(library.dnnl_reorder_primitive_desc_create(ctypes.addressof(plan), address(image[0]), self.engine.value, address(md),
                                                         self.engine.value, None))
        self.add_step(plan, [(ARG_SRC, image[1]), (ARG_DST, made[1])])
        return made

    def sum(self, images):
        """images: (layout, memory) of one shape -> their sum."""
        count, plan = len(images), pointer()
        result, scales = images[0][0], (ctypes.c_float * len(images))(*[1.0] * len(images))
        sources = b"".join(ctypes.string_at(address(md), LAYOUT_BYTES) for md, _ in images)
        made = (result, self.memory(result))
        check(library.dnnl_sum_primitive_desc_create(ctypes.byref(plan), pointer(address(result)), count, scales, sources, None, self.engine))
        self.add_step(plan, [(ARG_SOURCES + i, memory) for i, (_, memory) in enumerate(images)] + [(ARG_DST, made[1])])
        return made

    def adding(self):
        """Attributes of a primitive that adds to what its result holds."""
        made, operations = pointer(), pointer()
        check(library.dnnl_primitive_attr_create(ctypes.byref(made)))
        check(library.dnnl_post_ops_create(ctypes.byref(operations)))
        check(library.dnnl_post_ops_append_sum(operations, 1.0))
        check(library.dnnl_primitive_attr_set_post_ops(made, operations))
        return made

    def layer(self, image, algorithm, dims, add_to, k, size, stride, pad, groups, dilation, transposed):
        """image and the result: (layout, memory). add_to: such a result, or None. -> the result, its extents"""
        (batch, c, *extents), axes, reach = dims, len(dims) - 2, (size - 1) * dilation
        written = [(e - 1) * stride - 2 * pad + reach + 1 if transposed else (e + 2 * pad - reach - 1) // stride + 1 for e in extents]
        weights = ([groups, k // groups, c // groups] if groups > 1 else [k, c]) + [size] * axes
        y = layout([batch, k, *written]) if add_to is None else pointer(address(add_to[0]))
        x, filters, op, plan = layout(dims), layout(weights), description(), pointer()
        pads, strides, dilates = numbers([pad] * axes), numbers([stride] * axes), numbers([dilation - 1] * axes)
        describe = library.dnnl_dilated_deconvolution_forward_desc_init if transposed else library.dnnl_dilated_convolution_forward_desc_init
        check(describe(op, FORWARD_INFERENCE, algorithm + (TRANSPOSED if transposed else 0), x, filters, None, y, strides, dilates, pads, pads))
        attributes = None if add_to is None else self.adding()
        check(library.dnnl_primitive_desc_create(ctypes.byref(plan), op, attributes, self.engine, None))
        source, filters, result = (library.dnnl_primitive_desc_query_md(plan, query, 0) for query in (QUERY_SRC, QUERY_WEIGHTS, QUERY_DST))
        image = self.turned(image, source)
        made = add_to if add_to is not None else (result, self.memory(result))
        self.add_step(plan, [(ARG_SRC, image[1]), (ARG_WEIGHTS, self.memory(filters)), (ARG_DST, made[1])])
        return image, made, [batch, k, *written]


def build(onednn, algorithm, text):
    kind, x, *layers = text.split(",")
    onednn.steps, dims = [], list(map(int, x.split("x")))
    image, results, written = (plain(dims), onednn.memory(plain(dims))), [], dims
    for layer in layers:
        c, *rest = map(int, layer.split(":"))
        if kind == "chain":
            _, image, written = onednn.layer(image, algorithm, written, None, *rest)
            continue
        transposed = rest[-1]
        image, made, written = onednn.layer(image, algorithm, dims, results[0] if results and not transposed else None, *rest)
        results = results + [made] if transposed else [made]
    onednn.turned(image if kind == "chain" else onednn.sum(results) if len(results) > 1 else results[0], plain(written))
    return onednn.steps


def median_ms(onednn, steps, seconds):
    samples = []
    for warm_up in (True, False):
        end = time.perf_counter() + (0 if warm_up else seconds)
        while len(samples) < 5 or time.perf_counter() < end:
            start = time.perf_counter()
            for primitive, arguments, count in steps:
                check(library.dnnl_primitive_execute(primitive, onednn.stream, count, arguments))
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
