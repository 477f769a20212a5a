/* Elements of host tensors as float64 or int64, whatever they are stored as. */
#ifndef SOCLE_LIB_GRAPH_ELEMENTS_H
#define SOCLE_LIB_GRAPH_ELEMENTS_H

#include "../base/base.h"

static inline bool dtype_is_float(socle_dtype dtype)
{
    return dtype == SOCLE_FLOAT32 || dtype == SOCLE_FLOAT16 || dtype == SOCLE_BFLOAT16 || dtype == SOCLE_FLOAT64;
}

static inline bool dtype_is_integer(socle_dtype dtype)
{
    return dtype != SOCLE_NONE && dtype != SOCLE_BOOL && !dtype_is_float(dtype);
}

/* Elements first .. first + count - 1. A bool reads as 0 or 1; floats read as integers are truncated, out of range clamped. */
void elements_read_real(socle_dtype dtype, const void *data, int64_t first, int64_t count, double *out);
void elements_read_integer(socle_dtype dtype, const void *data, int64_t first, int64_t count, int64_t *out);
/* Integers from reals are truncated; a bool is whether the number is not 0. */
void elements_write_real(socle_dtype dtype, void *data, int64_t first, int64_t count, const double *values);
void elements_write_integer(socle_dtype dtype, void *data, int64_t first, int64_t count, const int64_t *values);

#endif
