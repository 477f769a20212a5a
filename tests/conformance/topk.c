/* TopK and sorting by every solver on every device against the float64 reference. */
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>

static void check(topk_problem s, socle_dtype dtype, uint64_t seed, int specials)
{
    const problem p = {.kind = PROBLEM_TOPK, .dtype = dtype, .topk = s};
    const solver_case c = {.p = &p, .reference = reference_topk, .seed = seed, .specials = specials};
    solver_case_check(&c);
}

Test(topk, few_of_a_row_match_the_reference)
{
    static const int64_t axes[] = {5, 16, 33, 700};
    for (size_t i = 0; i < COUNT_OF(axes); i++) {
        check((topk_problem){5, axes[i], 1, 5, false}, SOCLE_FLOAT32, 10 + i, 0);
        check((topk_problem){5, axes[i], 1, 5, true}, SOCLE_FLOAT32, 20 + i, 0);
    }
}

Test(topk, all_of_a_row_sort_it)
{
    check((topk_problem){3, 100, 1, 100, false}, SOCLE_FLOAT32, 30, 0);
    check((topk_problem){2, 1500, 1, 1500, true}, SOCLE_FLOAT32, 31, 0);
}

Test(topk, axes_with_something_inside_match_the_reference)
{
    check((topk_problem){2, 30, 7, 4, false}, SOCLE_FLOAT32, 40, 0);
    check((topk_problem){2, 90, 3, 90, true}, SOCLE_FLOAT32, 41, 0);
}

/* Small integers: many are equal, and stand in the order of their places. */
Test(topk, equal_elements_stand_in_their_order)
{
    check((topk_problem){3, 80, 1, 30, false}, SOCLE_INT32, 50, 0);
    check((topk_problem){3, 80, 1, 80, true}, SOCLE_INT8, 51, 0);
}

Test(topk, other_types_match_the_reference)
{
    static const socle_dtype types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT64, SOCLE_INT64, SOCLE_UINT8};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        check((topk_problem){2, 40, 1, 7, i & 1}, types[i], 60 + i, 0);
}

Test(topk, a_nan_is_larger_than_any_number)
{
    check((topk_problem){6, 70, 1, 9, false}, SOCLE_FLOAT32, 70, 8);
    check((topk_problem){6, 70, 1, 70, true}, SOCLE_FLOAT32, 71, 8);
}

Test(topk, none_of_a_row_run_nothing)
{
    check((topk_problem){3, 5, 1, 0, false}, SOCLE_FLOAT32, 80, 0);
    check((topk_problem){0, 5, 1, 2, false}, SOCLE_FLOAT32, 81, 0);
}
