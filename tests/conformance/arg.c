/* ArgMax and ArgMin by every solver on every device against the reference. */
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>

/* The seed says whether the smallest or the largest, the first or the last is wanted. */
static void check(int64_t outer, int64_t axis, int64_t inner, socle_dtype dtype, uint64_t seed)
{
    const problem p = {.kind = PROBLEM_ARG, .dtype = dtype, .arg = {outer, axis, inner, seed & 1, seed & 2}};
    const solver_case c = {.p = &p, .reference = reference_arg, .seed = seed};
    solver_case_check(&c);
}

Test(arg, rows_match_the_reference)
{
    static const int64_t axes[] = {1, 2, 10, 16, 17, 33, 257, 3000}; /* 2,001 values: the last has ties */
    for (size_t i = 0; i < COUNT_OF(axes); i++)
        check(5, axes[i], 1, SOCLE_FLOAT32, 120 + i);
}

Test(arg, axes_with_something_inside_match_the_reference)
{
    static const int64_t inners[] = {2, 3, 8, 16, 21};
    for (size_t i = 0; i < COUNT_OF(inners); i++)
        check(3, 40, inners[i], SOCLE_FLOAT32, 130 + i);
}

Test(arg, the_first_or_the_last_of_equals_wins_in_every_type)
{
    static const socle_dtype types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT64, SOCLE_INT64,
                                        SOCLE_INT32,   SOCLE_INT8,     SOCLE_UINT8};
    for (size_t i = 0; i < COUNT_OF(types); i++) { /* whole numbers of -9..9 have many equals */
        check(4, 70, 1, types[i], 140 + i);
        check(2, 30, 19, types[i], 143 + i);
    }
}

Test(arg, no_rows_run_nothing)
{
    check(0, 8, 1, SOCLE_FLOAT32, 142);
}
