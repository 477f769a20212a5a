/* Every kernel of convolution and pooling at the smallest shapes that reach all of its paths, for oclgrind, which reports races,
 * accesses outside of buffers and divergent barriers. */
#include "../support/conv_case.h"
#include "../support/reference_conv.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(conv, .fini = solver_case_finish);

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

/* Phases of a row with two taps, one and none. */
Test(conv, gradient_of_strided_rows_longer_than_a_vector)
{
    conv_geometry g = conv_case_square(1, 2, 1, 20, 3, 2, 1);
    g.input[0] = 1;
    cr_assert(conv_case_finish(&g));
    check(PROBLEM_CONV_INPUT, g);
    g.dilation[1] = 2;
    cr_assert(conv_case_finish(&g));
    check(PROBLEM_CONV_INPUT, g);
}

/* The instruction's place is taken by local memory. */
Test(conv, convolution_by_matrix_instructions_and_its_gradients)
{
    problem p = {.kind = PROBLEM_CONV, .dtype = SOCLE_FLOAT16, .conv = {conv_case_square(1, 9, 5, 5, 3, 2, 1), true}};
    setenv("SOCLE_TEST_SOLVER", "conv/matrix", 1);
    solver_case_use_matrices(MATRIX_MMA);
    conv_case_check(&p, 1, 7);
    setenv("SOCLE_TEST_SOLVER", "conv_input/matrix", 1);
    solver_case_use_matrices(MATRIX_DPAS_16);
    p.kind = PROBLEM_CONV_INPUT;
    conv_case_check(&p, 1, 8);
    setenv("SOCLE_TEST_SOLVER", "conv_weight/matrix", 1);
    p.kind = PROBLEM_CONV_WEIGHT;
    conv_case_check(&p, 1, 9);
    unsetenv("SOCLE_TEST_SOLVER");
}

/* Longer than oclgrind's local memory has room for. */
Test(conv, long_rows)
{
    check(PROBLEM_CONV, conv_case_row(1, 1, 2700, 3, 1, 1));
    check(PROBLEM_CONV_INPUT, conv_case_row(1, 1, 2700, 3, 2, 1));
    check(PROBLEM_CONV_WEIGHT, conv_case_row(8, 9, 130, 3, 1, 1));
}

/* Several tunings: weights that are transformed beforehand, and such that groups transform; for GPUs tiles of both sizes. */
Test(conv, winograd_tiles_over_the_border)
{
    problem p = {
        .kind = PROBLEM_CONV, .dtype = SOCLE_FLOAT32, .conv = {.g = conv_case_square(1, 8, 9, 5, 3, 1, 1), .w_constant = true}};
    conv_case_check(&p, 6, 5);
}

Test(conv, gradient_through_winograd_tiles)
{
    check(PROBLEM_CONV_INPUT, conv_case_square(1, 9, 8, 5, 3, 1, 1));
}

/* Few results of long sums: groups of GPUs compute parts of them. */
Test(conv, sums_in_parts)
{
    const problem p = {
        .kind = PROBLEM_CONV, .dtype = SOCLE_FLOAT32, .conv = {.g = conv_case_square(1, 300, 5, 3, 3, 1, 0), .w_constant = true}};
    const solver_case c = {.p = &p, .reference = conv_case_reference, .seed = 5, .solver = "conv/implicit"};
    solver_case_check(&c);
}

Test(conv, gradient_of_weights_of_more_channels_than_a_block)
{
    conv_geometry planes = conv_case_square(1, 9, 8, 3, 2, 1, 0);
    check(PROBLEM_CONV_WEIGHT, conv_case_square(1, 17, 9, 4, 3, 1, 1));
    planes.spatial = 3;
    planes.input[2] = 2;
    planes.kernel[2] = planes.stride[2] = planes.dilation[2] = planes.pad_begin[0] = 1;
    cr_assert(conv_case_finish(&planes));
    check(PROBLEM_CONV_WEIGHT, planes);
}

/* Images in blocks of 16 channels. */
static void check_in_blocks(conv_geometry g, conv_layout layout)
{
    problem p = {.kind = PROBLEM_CONV, .dtype = SOCLE_FLOAT32, .conv = {.g = g, .w_constant = true, .layout = layout}};
    conv_case_check(&p, 0, 7);
}

Test(conv, blocks_of_channels)
{
    conv_geometry depthwise = conv_case_square(1, 16, 16, 5, 3, 1, 1);
    depthwise.groups = 16;
    conv_geometry deep = conv_case_square(1, 16, 16, 3, 3, 1, 1);
    deep.spatial = 3;
    deep.input[2] = 2;
    deep.kernel[2] = deep.stride[2] = deep.dilation[2] = 1;
    cr_assert(conv_case_finish(&deep));
    check_in_blocks(deep, CONV_IN_BLOCKS);
    check_in_blocks(conv_case_square(1, 16, 16, 4, 3, 1, 1), CONV_IN_BLOCKS);
    check_in_blocks(conv_case_square(1, 16, 32, 3, 1, 1, 0), CONV_IN_BLOCKS);
    check_in_blocks(conv_case_square(1, 2, 16, 5, 3, 2, 1), CONV_INTO_BLOCKS);
    check_in_blocks(depthwise, CONV_IN_BLOCKS);
}

Test(pool, windows_of_blocks_of_channels)
{
    const conv_geometry g = conv_case_square(1, 16, 16, 5, 3, 2, 1);
    problem p = {.kind = PROBLEM_POOL, .dtype = SOCLE_FLOAT32, .pool = {.g = g, .maximum = true, .in_blocks = true}};
    conv_case_check(&p, 0, 8);
    p.pool.maximum = false;
    conv_case_check(&p, 0, 9);
}

Test(pool, images_at_least_a_vector_wide)
{
    const conv_geometry strided = conv_case_square(1, 2, 2, 18, 3, 2, 1), dense = conv_case_square(1, 1, 1, 19, 3, 1, 1);
    check_pool(PROBLEM_POOL, strided, true, false);
    check_pool(PROBLEM_POOL, strided, false, false);
    check_pool(PROBLEM_POOL, dense, true, false);
    check_pool(PROBLEM_POOL, dense, false, false);
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

static void reference(const problem *p, double *const *values)
{
    reference_conv(&p->conv.g, values[0], values[1], values[2]);
}

Test(conv, convolution_of_bytes)
{
    problem p = {
        .kind = PROBLEM_CONV,
        .dtype = SOCLE_UINT8,
        .conv = {.g = conv_case_square(1, 3, 18, 5, 3, 2, 1), .w_constant = true, .w_dtype = SOCLE_INT8, .y_dtype = SOCLE_INT32}};
    const solver_case c = {.p = &p, .reference = reference, .seed = 8};
    solver_case_check(&c);
    p.dtype = SOCLE_INT8;
    p.conv.w_dtype = SOCLE_UINT8;
    p.conv.g = conv_case_square(1, 5, 7, 18, 3, 1, 1);
    solver_case_check(&c);
}
