/* Pooling and its gradient by every solver on every device against the float64 reference. */
#include "../support/conv_case.h"

#include <criterion/criterion.h>

typedef enum pool_form { AVERAGE, AVERAGE_WITH_PAD, MAXIMUM, MAXIMUM_WITH_INDICES, POOL_FORMS } pool_form;

static void check(problem_kind kind, conv_geometry g, pool_form form, socle_dtype dtype, uint64_t seed)
{
    problem p = {.kind = kind,
                 .dtype = dtype,
                 .pool = {g, .maximum = form >= MAXIMUM, .count_include_pad = form == AVERAGE_WITH_PAD,
                          .indices = form == MAXIMUM_WITH_INDICES && kind == PROBLEM_POOL}};
    conv_case_check(&p, 1, seed);
}

static void check_random(problem_kind kind, socle_dtype dtype, uint64_t first_seed, int count)
{
    for (int i = 0; i < count; i++) {
        check(kind, conv_case_geometry(first_seed + (uint64_t)i, true), (pool_form)(i % POOL_FORMS), dtype,
              first_seed + (uint64_t)i);
    }
    cr_assert_geq(solver_case_runs(), count);
}

static void check_layers(problem_kind kind)
{
    for (int form = 0; form < POOL_FORMS; form++) {
        check(kind, conv_case_square(2, 5, 5, 8, 2, 2, 0), (pool_form)form, SOCLE_FLOAT32, 1);
        check(kind, conv_case_square(1, 3, 3, 35, 3, 2, 1), (pool_form)form, SOCLE_FLOAT32, 2);
        check(kind, conv_case_square(2, 3, 3, 40, 2, 2, 0), (pool_form)form, SOCLE_FLOAT32, 3);
        check(kind, conv_case_square(2, 17, 17, 7, 7, 1, 0), (pool_form)form, SOCLE_FLOAT32, 4); /* global */
        check(kind, conv_case_square(1, 2, 2, 20, 3, 1, 1), (pool_form)form, SOCLE_FLOAT32, 5);
    }
}

/* As ceil_mode makes them: the last window reaches behind the padding. */
static conv_geometry reaching_out(void)
{
    conv_geometry g = conv_case_square(1, 2, 2, 8, 3, 2, 0);
    g.output[0] = g.output[1] = 4;
    return g;
}

Test(pool, random_geometries_match_the_reference)
{
    check_random(PROBLEM_POOL, SOCLE_FLOAT32, 1000, 12);
}

Test(pool, other_types_match_the_reference)
{
    check_random(PROBLEM_POOL, SOCLE_FLOAT16, 2000, 4);
    check_random(PROBLEM_POOL, SOCLE_BFLOAT16, 2100, 4);
    check_random(PROBLEM_POOL, SOCLE_FLOAT64, 2200, 4);
}

Test(pool, maxima_of_small_integers_match_the_reference)
{
    check(PROBLEM_POOL, conv_case_square(2, 3, 3, 9, 3, 2, 1), MAXIMUM, SOCLE_UINT8, 2300);
    check(PROBLEM_POOL, conv_case_square(2, 3, 3, 9, 2, 1, 1), MAXIMUM_WITH_INDICES, SOCLE_INT8, 2301);
}

Test(pool, layers_of_networks_match_the_reference)
{
    check_layers(PROBLEM_POOL);
}

Test(pool, windows_that_reach_behind_the_padding_do_not_count_it)
{
    for (int form = 0; form < POOL_FORMS; form++) {
        check(PROBLEM_POOL, reaching_out(), (pool_form)form, SOCLE_FLOAT32, 70);
        check(PROBLEM_POOL_GRAD, reaching_out(), (pool_form)form, SOCLE_FLOAT32, 71);
    }
}

Test(pool, empty_batch_writes_nothing)
{
    check(PROBLEM_POOL, conv_case_square(0, 3, 3, 6, 2, 2, 0), MAXIMUM, SOCLE_FLOAT32, 72);
}

Test(pool_grad, random_geometries_match_the_reference)
{
    check_random(PROBLEM_POOL_GRAD, SOCLE_FLOAT32, 3000, 12);
}

Test(pool_grad, other_types_match_the_reference)
{
    check_random(PROBLEM_POOL_GRAD, SOCLE_FLOAT16, 4000, 4);
    check_random(PROBLEM_POOL_GRAD, SOCLE_BFLOAT16, 4100, 4);
    check_random(PROBLEM_POOL_GRAD, SOCLE_FLOAT64, 4200, 4);
}

Test(pool_grad, layers_of_networks_match_the_reference)
{
    check_layers(PROBLEM_POOL_GRAD);
}
