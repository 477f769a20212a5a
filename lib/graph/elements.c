/* Reading and writing elements of every type, a block at a time so that the type is looked at once. */
#include "elements.h"

#include <math.h>
#include <string.h>

#define READ_ALL(type, convert)                                                                                                  \
    do {                                                                                                                         \
        const type *from = (const type *)data + first;                                                                           \
        for (int64_t i = 0; i < count; i++)                                                                                      \
            out[i] = convert(from[i]);                                                                                           \
    } while (0)

#define WRITE_ALL(type, convert)                                                                                                 \
    do {                                                                                                                         \
        type *to = (type *)data + first;                                                                                         \
        for (int64_t i = 0; i < count; i++)                                                                                      \
            to[i] = (type)convert(values[i]);                                                                                    \
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

/* X(type, stored as, to a real, to an integer, from a real, from an integer) */
#define ELEMENT_LIST(X)                                                                                                          \
    X(FLOAT32, float, AS_IS, real_to_integer, AS_IS, AS_IS)                                                                      \
    X(FLOAT64, double, AS_IS, real_to_integer, AS_IS, AS_IS)                                                                     \
    X(FLOAT16, uint16_t, half_to_float, half_to_integer, real_to_half, real_to_half)                                             \
    X(BFLOAT16, uint16_t, bfloat16_to_float, bfloat16_to_integer, real_to_bfloat16, real_to_bfloat16)                            \
    X(INT8, int8_t, AS_IS, AS_IS, real_to_integer, AS_IS)                                                                        \
    X(INT16, int16_t, AS_IS, AS_IS, real_to_integer, AS_IS)                                                                      \
    X(INT32, int32_t, AS_IS, AS_IS, real_to_integer, AS_IS)                                                                      \
    X(INT64, int64_t, (double), AS_IS, real_to_integer, AS_IS)                                                                   \
    X(UINT8, uint8_t, AS_IS, AS_IS, real_to_integer, AS_IS)                                                                      \
    X(BOOL, uint8_t, TRUTH, TRUTH, TRUTH, TRUTH)

void elements_read_real(socle_dtype dtype, const void *data, int64_t first, int64_t count, double *out)
{
#define CASE(name, type, to_real, to_integer, from_real, from_integer)                                                           \
    case SOCLE_##name:                                                                                                           \
        READ_ALL(type, to_real);                                                                                                 \
        break;
    switch (dtype) {
        ELEMENT_LIST(CASE)
    default:
        memset(out, 0, (size_t)count * sizeof(*out));
        break;
    }
#undef CASE
}

void elements_read_integer(socle_dtype dtype, const void *data, int64_t first, int64_t count, int64_t *out)
{
#define CASE(name, type, to_real, to_integer, from_real, from_integer)                                                           \
    case SOCLE_##name:                                                                                                           \
        READ_ALL(type, to_integer);                                                                                              \
        break;
    switch (dtype) {
        ELEMENT_LIST(CASE)
    default:
        memset(out, 0, (size_t)count * sizeof(*out));
        break;
    }
#undef CASE
}

void elements_write_real(socle_dtype dtype, void *data, int64_t first, int64_t count, const double *values)
{
#define CASE(name, type, to_real, to_integer, from_real, from_integer)                                                           \
    case SOCLE_##name:                                                                                                           \
        WRITE_ALL(type, from_real);                                                                                              \
        break;
    switch (dtype) {
        ELEMENT_LIST(CASE)
    default:
        break;
    }
#undef CASE
}

void elements_write_integer(socle_dtype dtype, void *data, int64_t first, int64_t count, const int64_t *values)
{
#define CASE(name, type, to_real, to_integer, from_real, from_integer)                                                           \
    case SOCLE_##name:                                                                                                           \
        WRITE_ALL(type, from_integer);                                                                                           \
        break;
    switch (dtype) {
        ELEMENT_LIST(CASE)
    default:
        break;
    }
#undef CASE
}
