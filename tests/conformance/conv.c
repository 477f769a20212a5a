/* Convolution by every solver on every device against the float64 reference. */
#include "../support/conv_case.h"

#include <criterion/criterion.h>

static void check(conv_geometry g, socle_dtype dtype, bool w_constant, uint64_t seed)
{
    problem p = {.kind = PROBLEM_CONV, .dtype = dtype, .conv = {g, w_constant}};
    conv_case_check(&p, seed < 10 ? 2 : 1, seed);
}

/* Rows and columns of different lengths and paddings. */
static conv_geometry case_uneven(void)
{
    conv_geometry g = conv_case_square(2, 9, 34, 13, 3, 1, 2);
    g.input[1] = 10;
    g.pad_begin[1] = 0;
    cr_assert(conv_case_finish(&g));
    return g;
}

static void check_random(socle_dtype dtype, uint64_t first_seed, int count)
{
    for (int i = 0; i < count; i++)
        check(conv_case_geometry(first_seed + (uint64_t)i, false), dtype, i % 2, first_seed + (uint64_t)i);
    cr_assert(dtype == SOCLE_FLOAT64 || solver_case_runs() >= count); /* not every device has doubles */
}

Test(conv, random_geometries_match_the_reference)
{
    check_random(SOCLE_FLOAT32, 1000, 4);
}

Test(conv, more_random_geometries_match_the_reference)
{
    check_random(SOCLE_FLOAT32, 2000, 4);
}

Test(conv, half_storage_matches_the_reference)
{
    check_random(SOCLE_FLOAT16, 3000, 1);
}

Test(conv, bfloat16_storage_matches_the_reference)
{
    check_random(SOCLE_BFLOAT16, 4000, 1);
}

Test(conv, float64_matches_the_reference)
{
    check_random(SOCLE_FLOAT64, 5000, 1);
}

Test(conv, layers_of_networks_match_the_reference)
{
    check(conv_case_square(2, 3, 8, 17, 7, 2, 3), SOCLE_FLOAT32, true, 1);   /* a first layer */
    check(conv_case_square(3, 16, 32, 8, 3, 1, 1), SOCLE_FLOAT32, false, 2); /* a small CNN */
    check(conv_case_square(1, 24, 20, 21, 3, 2, 1), SOCLE_FLOAT32, true, 4);
    check(conv_case_square(2, 37, 19, 7, 1, 1, 0), SOCLE_FLOAT32, true, 5);
    check(conv_case_square(1, 5, 7, 34, 5, 1, 2), SOCLE_FLOAT32, false, 7);
}

/* 3x3 kernels of stride 1: Winograd's tiles of every size, over borders and partial blocks. */
Test(conv, tiles_of_3x3_kernels_match_the_reference)
{
    conv_geometry uneven = case_uneven();
    check(conv_case_square(1, 33, 40, 14, 3, 1, 1), SOCLE_FLOAT32, true, 100);
    check(conv_case_square(5, 16, 17, 7, 3, 1, 1), SOCLE_FLOAT32, false, 101);
    check(uneven, SOCLE_FLOAT32, true, 102);
    check(uneven, SOCLE_FLOAT16, false, 103);
}

/* One solver's tunings. */
static void check_tunings(problem_kind kind, const char *solver, conv_geometry g, int tunings, uint64_t seed)
{
    const problem p = {.kind = kind, .dtype = SOCLE_FLOAT32, .conv = {g, seed % 2}};
    const solver_case c = {.p = &p, .reference = conv_case_reference, .seed = seed, .tunings = tunings, .solver = solver};
    solver_case_check(&c);
}

/* Tiles of both sizes, all images at once and one after the other. */
Test(conv, winograd_tiles_of_images_in_passes_match_the_reference)
{
    check_tunings(PROBLEM_CONV, "conv/winograd_tiled", conv_case_square(3, 9, 17, 6, 3, 1, 0), 4, 104);
    check_tunings(PROBLEM_CONV_INPUT, "conv_input/winograd_tiled", conv_case_square(3, 20, 10, 7, 3, 1, 1), 2, 105);
}

/* More and fewer channels than a tile, a step of the sum that is one tap or several, sums in parts where there are few results.
 */
/* Filters transformed in registers, of channels that are no whole blocks, and pixels by the groups that need them. */
Test(conv, winograd_transforms_within_groups_match_the_reference)
{
    check_tunings(PROBLEM_CONV, "conv/winograd", conv_case_square(1, 37, 40, 14, 3, 1, 1), 5, 111);
    check_tunings(PROBLEM_CONV, "conv/winograd", conv_case_square(2, 9, 20, 30, 3, 1, 0), 2, 113);
    check_tunings(PROBLEM_CONV_INPUT, "conv_input/winograd", conv_case_square(2, 40, 21, 7, 3, 1, 1), 2, 112);
}

Test(conv, implicit_tiles_match_the_reference)
{
    check_tunings(PROBLEM_CONV, "conv/implicit", conv_case_square(3, 20, 140, 11, 3, 1, 1), 6, 106);
    check_tunings(PROBLEM_CONV, "conv/implicit", conv_case_square(2, 3, 20, 17, 3, 2, 1), 2, 107);
    check_tunings(PROBLEM_CONV, "conv/implicit", conv_case_square(1, 700, 10, 3, 3, 1, 0), 1, 109);
    check_tunings(PROBLEM_CONV_INPUT, "conv_input/implicit", conv_case_square(1, 6, 700, 5, 3, 2, 1), 1, 110);
    check_tunings(PROBLEM_CONV_WEIGHT, "conv_weight/implicit", conv_case_square(2, 9, 70, 40, 3, 1, 1), 3, 108);
}

Test(conv, depthwise_matches_the_reference)
{
    const int64_t strides[] = {1, 2}, kernels[] = {3, 5};
    for (int i = 0; i < 4; i++) {
        conv_geometry g = conv_case_square(2, 6, 6, 19, kernels[i / 2], strides[i % 2], kernels[i / 2] / 2);
        g.groups = 6;
        check(g, SOCLE_FLOAT32, true, 10 + (uint64_t)i);
    }
    conv_geometry multiplied = conv_case_square(1, 4, 12, 9, 3, 1, 1);
    multiplied.groups = 4;
    check(multiplied, SOCLE_FLOAT32, false, 20);
}

Test(conv, padding_wider_than_the_image_and_huge_strides_match_the_reference)
{
    conv_geometry g = conv_case_square(1, 2, 3, 2, 3, 1, 5);
    check(g, SOCLE_FLOAT32, true, 30);
    g = conv_case_square(1, 2, 3, 30, 2, 13, 0);
    check(g, SOCLE_FLOAT32, true, 31);
    g = conv_case_square(2, 1, 1, 1, 1, 1, 0);
    check(g, SOCLE_FLOAT32, true, 32);
    g = conv_case_square(1, 3, 2, 25, 2, 1, 0);
    g.dilation[0] = g.dilation[1] = 11;
    conv_case_finish(&g);
    check(g, SOCLE_FLOAT32, true, 33);
}

/* Longer than local memory has room for. */
Test(conv, long_rows_match_the_reference)
{
    conv_geometry dilated = conv_case_row(1, 3, 30000, 3, 1, 4);
    dilated.dilation[0] = 5;
    cr_assert(conv_case_finish(&dilated));
    check(dilated, SOCLE_FLOAT32, true, 50);
    check(conv_case_row(1, 2, 90001, 4, 3, 1), SOCLE_FLOAT16, false, 51);
}

Test(conv, empty_batch_writes_nothing)
{
    check(conv_case_square(0, 3, 4, 6, 3, 1, 1), SOCLE_FLOAT32, true, 40);
}
