/* Convolution and pooling of images in blocks of 16 channels, by every solver on every device, against the float64 reference. A
 * failure prints the problem and the seed; repeat one solver with SOCLE_TEST_SOLVER=conv/blocked test_conformance_conv_blocks */
#include "../support/conv_case.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void check(conv_geometry g, conv_layout layout, socle_dtype dtype, uint64_t seed)
{
    problem p = {.kind = PROBLEM_CONV, .dtype = dtype, .conv = {.g = g, .w_constant = seed % 2 == 0, .layout = layout}};
    conv_case_check(&p, 1, seed);
}

static void check_pool(conv_geometry g, bool maximum, uint64_t seed)
{
    problem p = {.kind = PROBLEM_POOL, .dtype = SOCLE_FLOAT32, .pool = {.g = g, .maximum = maximum, .in_blocks = true}};
    p.pool.count_include_pad = seed % 2 == 0;
    conv_case_check(&p, 0, seed);
}

/* Whole blocks of channels. */
static conv_geometry case_in_blocks(uint64_t seed)
{
    conv_geometry g = conv_case_geometry(seed, false);
    g.channels *= 16;
    g.out_channels *= 16;
    if (g.channels / g.groups > 48)
        g.channels = g.groups * 48;
    if (g.out_channels / g.groups > 80)
        g.out_channels = g.groups * 80;
    return g;
}

Test(conv_blocks, random_geometries_match_the_reference)
{
    const int count = getenv("SOCLE_TEST_ALL") != NULL ? 80 : 6;
    for (int i = 0; i < count; i++)
        check(case_in_blocks(7000 + 10 * (uint64_t)i), CONV_IN_BLOCKS, SOCLE_FLOAT32, 7000 + 10 * (uint64_t)i);
    cr_assert_geq(solver_case_runs(), count);
}

Test(conv_blocks, layers_of_networks_match_the_reference)
{
    check(conv_case_square(2, 3, 32, 17, 7, 2, 3), CONV_INTO_BLOCKS, SOCLE_FLOAT32, 1); /* a first layer */
    check(conv_case_square(1, 20, 48, 9, 3, 1, 1), CONV_INTO_BLOCKS, SOCLE_FLOAT32, 2);
    check(conv_case_square(3, 32, 64, 7, 1, 1, 0), CONV_IN_BLOCKS, SOCLE_FLOAT32, 3);
    check(conv_case_square(1, 96, 80, 9, 1, 2, 0), CONV_IN_BLOCKS, SOCLE_FLOAT32, 4);
    check(conv_case_square(2, 32, 48, 14, 3, 1, 1), CONV_IN_BLOCKS, SOCLE_FLOAT32, 5);
}

/* Along one axis and along three, whose first and last planes have taps outside of the image. */
Test(conv_blocks, other_numbers_of_axes_match_the_reference)
{
    conv_geometry g = conv_case_square(1, 32, 48, 6, 3, 2, 1);
    g.spatial = 3;
    g.input[2] = 7;
    g.kernel[2] = 3;
    g.stride[2] = g.dilation[2] = g.pad_begin[2] = g.pad_end[2] = 1;
    cr_assert(conv_case_finish(&g));
    check(g, CONV_IN_BLOCKS, SOCLE_FLOAT32, 40);
    g.channels = 3;
    check(g, CONV_INTO_BLOCKS, SOCLE_FLOAT32, 41);
    check(conv_case_row(32, 48, 61, 3, 1, 1), CONV_IN_BLOCKS, SOCLE_FLOAT32, 42);
    check(conv_case_row(2, 32, 40, 5, 2, 2), CONV_INTO_BLOCKS, SOCLE_FLOAT32, 43);
}

/* Results behind the last pixel are sums of nothing. */
Test(conv_blocks, one_tap_with_padding_matches_the_reference)
{
    conv_geometry g = conv_case_square(1, 16, 32, 5, 1, 1, 0);
    g.pad_end[0] = 2;
    g.pad_end[1] = 1;
    cr_assert(conv_case_finish(&g));
    check(g, CONV_IN_BLOCKS, SOCLE_FLOAT32, 44);
}

/* Rows of more tiles than Winograd's blocks hold. */
Test(conv_blocks, wide_images_match_the_reference)
{
    conv_geometry g = conv_case_square(1, 16, 32, 9, 3, 1, 1);
    g.input[1] = 101;
    cr_assert(conv_case_finish(&g));
    problem p = {.kind = PROBLEM_CONV, .dtype = SOCLE_FLOAT32, .conv = {.g = g, .w_constant = true, .layout = CONV_IN_BLOCKS}};
    conv_case_check(&p, 4, 6);
}

/* Longer than local memory has room for, cut in columns or not. */
Test(conv_blocks, long_rows_match_the_reference)
{
    conv_geometry g = conv_case_square(1, 16, 16, 3, 3, 1, 1);
    g.input[1] = 27000;
    cr_assert(conv_case_finish(&g));
    check(g, CONV_IN_BLOCKS, SOCLE_FLOAT32, 45);
    g.dilation[1] = 13000;
    cr_assert(conv_case_finish(&g));
    check(g, CONV_IN_BLOCKS, SOCLE_FLOAT32, 46);
}

Test(conv_blocks, other_storage_matches_the_reference)
{
    check(conv_case_square(1, 32, 32, 6, 3, 1, 1), CONV_IN_BLOCKS, SOCLE_FLOAT16, 11);
    check(conv_case_square(1, 16, 32, 6, 1, 1, 0), CONV_IN_BLOCKS, SOCLE_BFLOAT16, 12);
    check(conv_case_square(1, 16, 32, 6, 3, 2, 1), CONV_IN_BLOCKS, SOCLE_FLOAT64, 13);
}

Test(conv_blocks, depthwise_matches_the_reference)
{
    const int64_t strides[] = {1, 2}, kernels[] = {3, 5};
    for (int i = 0; i < 4; i++) {
        conv_geometry g = conv_case_square(2, 48, 48, 19, kernels[i / 2], strides[i % 2], kernels[i / 2] / 2);
        g.groups = 48;
        check(g, CONV_IN_BLOCKS, i == 3 ? SOCLE_FLOAT16 : SOCLE_FLOAT32, 20 + (uint64_t)i);
    }
}

Test(conv_blocks, windows_of_pooling_match_the_reference)
{
    check_pool(conv_case_square(2, 32, 32, 11, 3, 2, 1), true, 30);
    check_pool(conv_case_square(1, 16, 16, 9, 2, 2, 0), true, 31);
    check_pool(conv_case_square(1, 48, 48, 8, 3, 1, 1), false, 32);
    check_pool(conv_case_square(1, 48, 48, 8, 3, 2, 1), false, 33);
}
