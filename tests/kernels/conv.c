/* Every kernel of convolution and pooling at the smallest shapes that reach all of its paths, for oclgrind, which reports races,
 * accesses outside of buffers and divergent barriers. */
#include "../support/conv_case.h"

#include <criterion/criterion.h>

static void check(problem_kind kind, conv_geometry g)
{
    problem p = {.kind = kind, .dtype = SOCLE_FLOAT32, .conv = {g, kind == PROBLEM_CONV}};
    conv_case_check(&p, 1, 5);
}

static void check_all(conv_geometry g)
{
    check(PROBLEM_CONV, g);
    check(PROBLEM_CONV_INPUT, g);
    check(PROBLEM_CONV_WEIGHT, g);
}

static void check_pool(problem_kind kind, conv_geometry g, bool maximum, bool indices)
{
    problem p = {.kind = kind, .dtype = SOCLE_FLOAT32, .pool = {g, .maximum = maximum, .indices = indices}};
    conv_case_check(&p, 1, 6);
}

Test(conv, strided_convolution_and_its_gradients)
{
    check_all(conv_case_square(1, 2, 3, 7, 3, 2, 1));
}

Test(conv, pointwise_convolution_and_its_gradients)
{
    check_all(conv_case_square(2, 3, 9, 3, 1, 1, 0));
}

Test(conv, rows_longer_than_a_vector)
{
    conv_geometry g = conv_case_square(1, 1, 2, 19, 3, 1, 1);
    g.input[0] = 2;
    cr_assert(conv_case_finish(&g));
    check_all(g);
}

Test(conv, winograd_tiles_over_the_border)
{
    check(PROBLEM_CONV, conv_case_square(1, 8, 9, 5, 3, 1, 1));
}

Test(pool, windows_and_their_gradients)
{
    const conv_geometry g = conv_case_square(1, 3, 3, 7, 3, 2, 1);
    check_pool(PROBLEM_POOL, g, true, true);
    check_pool(PROBLEM_POOL, g, true, false);
    check_pool(PROBLEM_POOL, g, false, false);
    check_pool(PROBLEM_POOL_GRAD, g, true, false);
    check_pool(PROBLEM_POOL_GRAD, g, false, false);
}
