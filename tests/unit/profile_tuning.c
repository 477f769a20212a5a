/* When the fastest way of one shape is tried for another: the texts of problems and how far they are apart. */
#include <criterion/criterion.h>
#include <math.h>

#include "profile/tuning.h"

static double distance(const char *a, const char *b)
{
    const double there = tuning_distance(a, b), back = tuning_distance(b, a);
    cr_assert(there == back || fabs(there - back) < 1e-12, "%s, %s: %g and %g", a, b, there, back);
    return there;
}

Test(tuning, a_shape_is_at_no_distance_from_itself)
{
    cr_assert_eq(distance("gemm 32x128x64 nt f32", "gemm 32x128x64 nt f32"), 0);
}

Test(tuning, distance_is_the_mean_of_the_ratios_logarithms)
{
    /* three extents twice as large: one each */
    cr_assert_float_eq(distance("gemm 32x128x64 nt f32", "gemm 64x256x128 nt f32"), 1, 1e-12);
    cr_assert_float_eq(distance("gemm 32x128x64 nt f32", "gemm 32x128x16 nt f32"), 2.0 / 3, 1e-12);
}

Test(tuning, what_differs_by_more_than_four_times_is_not_comparable)
{
    cr_assert_eq(distance("gemm 32x128x64 nt f32", "gemm 32x128x257 nt f32"), INFINITY);
}

Test(tuning, small_numbers_must_be_equal)
{
    cr_assert_eq(distance("gemm 1x128x64 nt f32", "gemm 2x128x64 nt f32"), INFINITY);
    cr_assert_eq(distance("conv 1x64x56x56,64x3x3 s1x1 d1x1 p1x1:1x1 o56x56 g1 f32",
                          "conv 1x64x56x56,64x3x3 s2x2 d1x1 p1x1:1x1 o28x28 g1 f32"),
                 INFINITY);
}

Test(tuning, other_words_are_another_problem)
{
    cr_assert_eq(distance("gemm 32x128x64 nt f32", "gemm 32x128x64 nn f32"), INFINITY);
    cr_assert_eq(distance("gemm 32x128x64 nt f32", "gemm 32x128x64 nt f16"), INFINITY);
    cr_assert_eq(distance("gemm 32x128x64 nt f32", "gemm 32x128x64 nt f32 relu"), INFINITY);
}
