/* CumSum by every solver on every device against the float64 reference. */
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>

static void check(int64_t outer, int64_t axis, int64_t inner, int form, socle_dtype dtype, uint64_t seed, int specials)
{
    const problem p = {.kind = PROBLEM_SCAN, .dtype = dtype, .scan = {outer, axis, inner, form & 1, form & 2}};
    const solver_case c = {.p = &p, .reference = reference_scan, .seed = seed, .specials = specials};
    solver_case_check(&c);
}

Test(scan, rows_match_the_reference_in_all_four_forms)
{
    static const int64_t axes[] = {1, 15, 16, 17, 100, 1031};
    for (size_t i = 0; i < COUNT_OF(axes); i++)
        for (int form = 0; form < 4; form++)
            check(3, axes[i], 1, form, SOCLE_FLOAT32, 10 + i, 0);
}

Test(scan, long_rows_that_are_cut_into_parts_match_the_reference)
{
    for (int form = 0; form < 4; form++) {
        check(1, 20011, 1, form, SOCLE_FLOAT32, 20, 0);
        check(2, 9000, 1, form, SOCLE_INT32, 21, 0);
    }
}

Test(scan, axes_with_something_inside_match_the_reference)
{
    static const int64_t inners[] = {2, 7, 16, 70, 200};
    for (size_t i = 0; i < COUNT_OF(inners); i++)
        check(2, 13, inners[i], (int)i % 4, SOCLE_FLOAT32, 30 + i, 0);
}

Test(scan, other_types_match_the_reference)
{
    static const socle_dtype types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT64, SOCLE_INT32, SOCLE_INT64};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        check(2, 37, 1, 0, types[i], 40, 0);
        check(2, 5, 18, 3, types[i], 41, 0);
    }
}

Test(scan, infinities_and_nans_reach_the_sums_behind_them_and_no_others)
{
    check(5, 50, 1, 0, SOCLE_FLOAT32, 50, 3);
    check(5, 50, 1, 3, SOCLE_FLOAT32, 51, 3);
    check(2, 9, 20, 1, SOCLE_FLOAT32, 52, 3);
}

Test(scan, empty_results_run_nothing)
{
    check(0, 5, 1, 0, SOCLE_FLOAT32, 60, 0);
    check(4, 0, 3, 0, SOCLE_FLOAT32, 60, 0);
}
