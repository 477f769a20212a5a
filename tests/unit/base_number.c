/* 16-bit floats against their definitions, in double arithmetic, and order statistics. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/base.h"

/* Value of a binary16 pattern by its definition. */
static double half_value(uint16_t half)
{
    const int exponent = half >> 10 & 0x1f, fraction = half & 0x3ff;
    const double sign = half & 0x8000 ? -1.0 : 1.0;
    if (exponent == 0x1f)
        return fraction ? NAN : sign * INFINITY;
    return exponent == 0 ? sign * ldexp(fraction, -24) : sign * ldexp(1024 + fraction, exponent - 25);
}

Test(half, every_pattern_widens_to_its_value_and_back)
{
    for (uint32_t i = 0; i <= 0xffff; i++) {
        const uint16_t half = (uint16_t)i;
        const double expected = half_value(half);
        const float widened = half_to_float(half);
        if (isnan(expected)) {
            cr_assert(isnan(widened));
            cr_assert(isnan(half_to_float(float_to_half(widened))));
            continue;
        }
        cr_assert_eq((double)widened, expected);
        cr_assert_eq(!!signbit(widened), half >> 15);
        cr_assert_eq(float_to_half(widened), half);
    }
}

/* Between two neighbours the nearer one is taken, in the middle the even one. */
Test(half, floats_between_two_halves_round_to_the_nearest_even)
{
    for (uint16_t low = 0; low < 0x7bff; low++) {
        const uint16_t high = (uint16_t)(low + 1), even = low & 1 ? high : low;
        const float middle = (float)((half_value(low) + half_value(high)) / 2);
        cr_assert_eq(float_to_half(middle), even, "middle above %#x", low);
        cr_assert_eq(float_to_half(nextafterf(middle, 0.0f)), low, "below the middle above %#x", low);
        cr_assert_eq(float_to_half(nextafterf(middle, INFINITY)), high, "above the middle above %#x", low);
        cr_assert_eq(float_to_half(-middle), even | 0x8000);
    }
}

Test(half, too_large_becomes_infinite)
{
    cr_assert_eq(float_to_half(65504.0f), 0x7bff);
    cr_assert_eq(float_to_half(65519.996f), 0x7bff);
    cr_assert_eq(float_to_half(65520.0f), 0x7c00);
    cr_assert_eq(float_to_half(-1e30f), 0xfc00);
    cr_assert_eq(float_to_half(INFINITY), 0x7c00);
    cr_assert_eq(float_to_half(0x1p-26f), 0);
}

Test(bfloat16, every_pattern_is_the_upper_half_of_a_float)
{
    for (uint32_t i = 0; i <= 0xffff; i++) {
        const uint32_t bits = i << 16;
        float expected;
        memcpy(&expected, &bits, sizeof(expected));
        const float widened = bfloat16_to_float((uint16_t)i);
        cr_assert_eq(memcmp(&widened, &expected, sizeof(expected)), 0);
        if (isnan(expected))
            cr_assert(isnan(bfloat16_to_float(float_to_bfloat16(widened))));
        else
            cr_assert_eq(float_to_bfloat16(widened), i);
    }
}

Test(bfloat16, rounds_to_the_nearest_even)
{
    cr_assert_eq(float_to_bfloat16(0x1.00p0f + 0x1p-8f), 0x3f80); /* middle, below is even */
    cr_assert_eq(float_to_bfloat16(0x1.02p0f + 0x1p-8f), 0x3f82); /* middle, above is even */
    cr_assert_eq(float_to_bfloat16(0x1.00p0f + 0x1p-8f + 0x1p-20f), 0x3f81);
    cr_assert_eq(float_to_bfloat16(3.4028235e38f), 0x7f80); /* past the largest */
    cr_assert(isnan(bfloat16_to_float(float_to_bfloat16(nanf("1")))));
}

Test(percentile, interpolates_between_ranks)
{
    double values[] = {4, 1, 3, 2};
    cr_assert_float_eq(statistics_percentile(values, 4, 0.5), 2.5, 1e-15);
    cr_assert_float_eq(statistics_percentile(values, 4, 0.0), 1.0, 0);
    cr_assert_float_eq(statistics_percentile(values, 4, 1.0), 4.0, 0);
    cr_assert_float_eq(statistics_percentile(values, 4, 0.9), 3.7, 1e-15);
    cr_assert_float_eq(statistics_percentile(values, 1, 0.99), 1.0, 0);
    cr_assert_float_eq(statistics_percentile(values, 4, 7.0), 4.0, 0);
}

Test(percentile, of_no_values_is_zero)
{
    cr_assert_eq(statistics_percentile(NULL, 0, 0.5), 0.0);
}

Test(integers, divide_upwards_and_multiply_with_care)
{
    int64_t product = 0;
    cr_assert_eq(ceil_div(7, 3), 3);
    cr_assert_eq(ceil_div(6, 3), 2);
    cr_assert_eq(round_up(65, 64), 128);
    cr_assert(multiply_fits(INT64_C(1) << 31, INT64_C(1) << 31, &product));
    cr_assert_eq(product, INT64_C(1) << 62);
    cr_assert_not(multiply_fits(INT64_C(1) << 32, INT64_C(1) << 31, &product));
}
