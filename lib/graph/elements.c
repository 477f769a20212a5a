/* Reading and writing elements of every type, a block at a time so that the type is looked at once. */
#include "elements.h"

#include <math.h>
#include <string.h>

#define READ_ALL(type, convert)                                                                              \
    do {                                                                                                     \
        const type *from = (const type *)data + first;                                                       \
        for (int64_t i = 0; i < count; i++)                                                                  \
            out[i] = convert(from[i]);                                                                       \
    } while (0)

#define WRITE_ALL(type, convert)                                                                             \
    do {                                                                                                     \
        type *to = (type *)data + first;                                                                     \
        for (int64_t i = 0; i < count; i++)                                                                  \
            to[i] = (type)convert(values[i]);                                                                \
    } while (0)

static int64_t real_to_integer(double value)
{
    if (isnan(value))
        return 0;
    if (value >= 9223372036854775807.0)
        return INT64_MAX;
    return value <= -9223372036854775808.0 ? INT64_MIN : (int64_t)value;
}

static uint16_t real_to_half(double value)
{
    return float_to_half((float)value);
}

static uint16_t real_to_bfloat16(double value)
{
    return float_to_bfloat16((float)value);
}

static int64_t half_to_integer(uint16_t value)
{
    return real_to_integer(half_to_float(value));
}

static int64_t bfloat16_to_integer(uint16_t value)
{
    return real_to_integer(bfloat16_to_float(value));
}

#define AS_IS(x) (x)
#define TRUTH(x) ((x) != 0)

void elements_read_real(socle_dtype dtype, const void *data, int64_t first, int64_t count, double *out)
{
    switch (dtype) {
    case SOCLE_FLOAT32: READ_ALL(float, AS_IS); break;
    case SOCLE_FLOAT64: READ_ALL(double, AS_IS); break;
    case SOCLE_FLOAT16: READ_ALL(uint16_t, half_to_float); break;
    case SOCLE_BFLOAT16: READ_ALL(uint16_t, bfloat16_to_float); break;
    case SOCLE_INT8: READ_ALL(int8_t, AS_IS); break;
    case SOCLE_INT16: READ_ALL(int16_t, AS_IS); break;
    case SOCLE_INT32: READ_ALL(int32_t, AS_IS); break;
    case SOCLE_INT64: READ_ALL(int64_t, (double)); break;
    case SOCLE_UINT8: READ_ALL(uint8_t, AS_IS); break;
    case SOCLE_BOOL: READ_ALL(uint8_t, TRUTH); break;
    default: memset(out, 0, (size_t)count * sizeof(*out)); break;
    }
}

void elements_read_integer(socle_dtype dtype, const void *data, int64_t first, int64_t count, int64_t *out)
{
    switch (dtype) {
    case SOCLE_FLOAT32: READ_ALL(float, real_to_integer); break;
    case SOCLE_FLOAT64: READ_ALL(double, real_to_integer); break;
    case SOCLE_FLOAT16: READ_ALL(uint16_t, half_to_integer); break;
    case SOCLE_BFLOAT16: READ_ALL(uint16_t, bfloat16_to_integer); break;
    case SOCLE_INT8: READ_ALL(int8_t, AS_IS); break;
    case SOCLE_INT16: READ_ALL(int16_t, AS_IS); break;
    case SOCLE_INT32: READ_ALL(int32_t, AS_IS); break;
    case SOCLE_INT64: READ_ALL(int64_t, AS_IS); break;
    case SOCLE_UINT8: READ_ALL(uint8_t, AS_IS); break;
    case SOCLE_BOOL: READ_ALL(uint8_t, TRUTH); break;
    default: memset(out, 0, (size_t)count * sizeof(*out)); break;
    }
}

void elements_write_real(socle_dtype dtype, void *data, int64_t first, int64_t count, const double *values)
{
    switch (dtype) {
    case SOCLE_FLOAT32: WRITE_ALL(float, AS_IS); break;
    case SOCLE_FLOAT64: WRITE_ALL(double, AS_IS); break;
    case SOCLE_FLOAT16: WRITE_ALL(uint16_t, real_to_half); break;
    case SOCLE_BFLOAT16: WRITE_ALL(uint16_t, real_to_bfloat16); break;
    case SOCLE_INT8: WRITE_ALL(int8_t, real_to_integer); break;
    case SOCLE_INT16: WRITE_ALL(int16_t, real_to_integer); break;
    case SOCLE_INT32: WRITE_ALL(int32_t, real_to_integer); break;
    case SOCLE_INT64: WRITE_ALL(int64_t, real_to_integer); break;
    case SOCLE_UINT8: WRITE_ALL(uint8_t, real_to_integer); break;
    case SOCLE_BOOL: WRITE_ALL(uint8_t, TRUTH); break;
    default: break;
    }
}

void elements_write_integer(socle_dtype dtype, void *data, int64_t first, int64_t count, const int64_t *values)
{
    switch (dtype) {
    case SOCLE_FLOAT32: WRITE_ALL(float, AS_IS); break;
    case SOCLE_FLOAT64: WRITE_ALL(double, AS_IS); break;
    case SOCLE_FLOAT16: WRITE_ALL(uint16_t, real_to_half); break;
    case SOCLE_BFLOAT16: WRITE_ALL(uint16_t, real_to_bfloat16); break;
    case SOCLE_INT8: WRITE_ALL(int8_t, AS_IS); break;
    case SOCLE_INT16: WRITE_ALL(int16_t, AS_IS); break;
    case SOCLE_INT32: WRITE_ALL(int32_t, AS_IS); break;
    case SOCLE_INT64: WRITE_ALL(int64_t, AS_IS); break;
    case SOCLE_UINT8: WRITE_ALL(uint8_t, AS_IS); break;
    case SOCLE_BOOL: WRITE_ALL(uint8_t, TRUTH); break;
    default: break;
    }
}
