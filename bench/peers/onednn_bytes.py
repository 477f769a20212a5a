"""Times oneDNN's product of unsigned by signed bytes (dnnl_gemm_u8s8s32). Prints one JSON object.
usage: onednn_bytes.py M N K SECONDS"""
import ctypes
import ctypes.util
import json
import os
import sys

import numpy

from timing import median_ms

os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))
m, n, k, budget_s = *map(int, sys.argv[1:4]), float(sys.argv[4])
library = ctypes.CDLL("libdnnl.so.2")
generator = numpy.random.default_rng(1)
a = generator.integers(0, 255, (m, k)).astype(numpy.uint8)
b = generator.integers(-127, 127, (k, n)).astype(numpy.int8)
c, offset = numpy.zeros((m, n), numpy.int32), numpy.zeros(1, numpy.int32)
size, real, char, pointer = ctypes.c_int64, ctypes.c_float, ctypes.c_char, ctypes.c_void_p
library.dnnl_gemm_u8s8s32.argtypes = [char, char, char, size, size, size, real, pointer, size, ctypes.c_uint8, pointer, size, ctypes.c_int8,
                                      real, pointer, size, pointer]


def run():
    status = library.dnnl_gemm_u8s8s32(b"N", b"N", b"F", m, n, k, 1.0, a.ctypes.data, k, 0, b.ctypes.data, n, 0, 0.0, c.ctypes.data, n,
                                       offset.ctypes.data)
    if status != 0:
        raise RuntimeError(f"oneDNN: status {status}")


run()
if not (c[:2] == a[:2].astype(numpy.int32) @ b.astype(numpy.int32)).all():
    raise RuntimeError("oneDNN: wrong sums")
print(json.dumps({"name": "oneDNN", "median_ms": median_ms(run, budget_s)}))
