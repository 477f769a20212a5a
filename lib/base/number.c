/* Conversions between float and its 16-bit relatives, and order statistics.
 * IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. bfloat16: the upper half of a float. */
#include "base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

float half_to_float(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 0x1fu;
    const uint32_t fraction = half & 0x3ffu;
    if (exponent == 0x1f) /* infinity, NaN */
        return float_of(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) { /* zero, subnormal: fraction * 2^-24 is exact */
        const float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return float_of(sign | (exponent + 112) << 23 | fraction << 13);
}

/* Drops the lowest `shift` bits of `value`, rounding to nearest, ties to even. */
static uint32_t shift_right_even(uint32_t value, int shift)
{
    const uint32_t kept = value >> shift;
    const uint32_t rest = value & ((1u << shift) - 1);
    const uint32_t middle = 1u << (shift - 1);
    return kept + (rest > middle || (rest == middle && (kept & 1u)));
}

uint16_t float_to_half(float value)
{
    const uint32_t bits = bits_of(value);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) /* NaN: quiet, its upper payload kept */
        return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    if (magnitude >= 0x47800000u) /* 65536 and more; what rounds up to it is found below */
        return sign | 0x7c00u;
    if (magnitude >= 0x38800000u) /* normal, from 2^-14: a carry out of the fraction raises the exponent rightly */
        return (uint16_t)(sign | shift_right_even(magnitude - (112u << 23), 13));
    const int exponent = (int)(magnitude >> 23);
    if (exponent < 102) /* below 2^-25, half of the smallest subnormal */
        return sign;
    const uint32_t fraction = (magnitude & 0x7fffffu) | 0x800000u;
    return (uint16_t)(sign | shift_right_even(fraction, 126 - exponent));
}

float bfloat16_to_float(uint16_t value)
{
    return float_of((uint32_t)value << 16);
}

uint16_t float_to_bfloat16(float value)
{
    const uint32_t bits = bits_of(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) /* rounding could turn a NaN into infinity */
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)shift_right_even(bits, 16);
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Linear interpolation between the closest ranks (Hyndman and Fan 1996, type 7). */
double statistics_percentile(double *values, int count, double share)
{
    if (count <= 0)
        return 0.0;
    qsort(values, (size_t)count, sizeof(*values), compare_doubles);
    const double rank = fmin(fmax(share, 0.0), 1.0) * (count - 1);
    const int below = (int)rank;
    const int above = below + 1 < count ? below + 1 : below;
    return values[below] + (values[above] - values[below]) * (rank - below);
}
