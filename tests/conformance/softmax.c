/* Softmax and log-softmax by every solver on every device against the float64 reference. */
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>

static void check(int64_t outer, int64_t axis, int64_t inner, socle_dtype dtype, uint64_t seed, int specials)
{
    for (int logarithm = 0; logarithm < 2; logarithm++) {
        const problem p = {.kind = PROBLEM_SOFTMAX, .dtype = dtype, .softmax = {outer, axis, inner, logarithm}};
        const solver_case c = {.p = &p, .reference = reference_softmax, .seed = seed, .specials = specials};
        solver_case_check(&c);
    }
}

Test(softmax, rows_match_the_reference)
{
    static const int64_t axes[] = {1, 2, 10, 15, 16, 17, 100, 257, 1000};
    for (size_t i = 0; i < COUNT_OF(axes); i++)
        check(7, axes[i], 1, SOCLE_FLOAT32, 30 + i, 0);
}

Test(softmax, axes_with_something_inside_match_the_reference)
{
    static const int64_t inners[] = {2, 3, 5, 8, 16, 23, 49};
    for (size_t i = 0; i < COUNT_OF(inners); i++)
        check(3, 11, inners[i], SOCLE_FLOAT32, 40 + i, 0);
}

Test(softmax, random_shapes_match_the_reference)
{
    solver_random r = {50};
    for (int i = 0; i < 20; i++)
        check(solver_pick(&r, 1, 20), solver_pick(&r, 1, 300), solver_pick(&r, 0, 1) ? 1 : solver_pick(&r, 1, 40), SOCLE_FLOAT32,
              50u + (uint64_t)i, 0);
}

Test(softmax, other_types_match_the_reference)
{
    static const socle_dtype types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT64};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        check(5, 37, 1, types[i], 60, 0);
        check(2, 9, 18, types[i], 61, 0);
    }
}

Test(softmax, infinities_and_nans_make_their_rows_nan_and_no_others)
{
    check(9, 37, 1, SOCLE_FLOAT32, 62, 3);
    check(2, 9, 20, SOCLE_FLOAT32, 63, 3);
}

Test(softmax, empty_results_run_nothing)
{
    check(0, 5, 1, SOCLE_FLOAT32, 64, 0);
    check(4, 0, 3, SOCLE_FLOAT32, 64, 0);
}

static void fill_large(const problem *p, double *const *values)
{
    reference_softmax(p, values);
    for (int64_t i = 0; i < p->softmax.axis; i++)
        cr_assert_leq(values[1][i], 1);
}

Test(softmax, a_long_axis_adds_up_to_one)
{
    const problem p = {.kind = PROBLEM_SOFTMAX, .dtype = SOCLE_FLOAT32, .softmax = {1, 70001, 1, false}};
    const solver_case c = {.p = &p, .reference = fill_large, .seed = 65};
    solver_case_check(&c);
}
