/* The gradients of convolution by every solver on every device against the float64 reference. */
#include "../support/conv_case.h"

#include <criterion/criterion.h>

static void check(problem_kind kind, conv_geometry g, socle_dtype dtype, uint64_t seed)
{
    problem p = {.kind = kind, .dtype = dtype, .conv = {g, kind == PROBLEM_CONV_INPUT && seed % 2}};
    conv_case_check(&p, 1, seed);
}

static void check_random(problem_kind kind, socle_dtype dtype, uint64_t first_seed, int count)
{
    for (int i = 0; i < count; i++) {
        check(kind, conv_case_geometry(first_seed + (uint64_t)i, false), dtype, first_seed + (uint64_t)i);
    }
    cr_assert_geq(solver_case_runs(), count);
}

static void check_layers(problem_kind kind)
{
    check(kind, conv_case_square(2, 3, 8, 17, 7, 2, 3), SOCLE_FLOAT32, 1);
    check(kind, conv_case_square(5, 16, 32, 8, 3, 1, 1), SOCLE_FLOAT32, 2);
    check(kind, conv_case_square(1, 12, 20, 21, 3, 2, 1), SOCLE_FLOAT32, 4);
    check(kind, conv_case_square(2, 37, 19, 7, 1, 1, 0), SOCLE_FLOAT32, 5);
    check(kind, conv_case_square(1, 9, 17, 9, 1, 2, 0), SOCLE_FLOAT32, 6);
    check(kind, conv_case_square(3, 4, 6, 10, 4, 2, 1), SOCLE_FLOAT32, 7);
    conv_geometry depthwise = conv_case_square(2, 6, 6, 13, 3, 1, 1);
    depthwise.groups = 6;
    check(kind, depthwise, SOCLE_FLOAT32, 8);
}

Test(conv_input, random_geometries_match_the_reference)
{
    check_random(PROBLEM_CONV_INPUT, SOCLE_FLOAT32, 1000, 4);
}

Test(conv_input, other_types_match_the_reference)
{
    check_random(PROBLEM_CONV_INPUT, SOCLE_FLOAT16, 2000, 1);
    check_random(PROBLEM_CONV_INPUT, SOCLE_BFLOAT16, 2100, 1);
    check_random(PROBLEM_CONV_INPUT, SOCLE_FLOAT64, 2200, 1);
}

Test(conv_input, layers_of_networks_match_the_reference)
{
    check_layers(PROBLEM_CONV_INPUT);
}

Test(conv_input, input_rows_that_no_window_reads_get_zero)
{
    conv_geometry g = conv_case_square(1, 3, 4, 9, 2, 4, 0);
    check(PROBLEM_CONV_INPUT, g, SOCLE_FLOAT32, 50);
    g.dilation[0] = g.dilation[1] = 4;
    conv_case_finish(&g);
    check(PROBLEM_CONV_INPUT, g, SOCLE_FLOAT32, 51);
}

/* Phases of a row that are computed together: with different numbers of taps, some with none, and offsets of their own. */
Test(conv_input, phases_of_a_row_match_the_reference)
{
    static const int64_t kernel[] = {4, 3, 9}, stride[] = {3, 2, 8}, dilation[] = {1, 2, 3}, extent[] = {41, 22, 30};
    for (int i = 0; i < 3; i++) {
        conv_geometry g = conv_case_square(1, 9, 5, extent[i], kernel[i], stride[i], 1);
        g.input[0] = 9;
        g.kernel[0] = 2;
        g.dilation[1] = dilation[i];
        cr_assert(conv_case_finish(&g));
        check(PROBLEM_CONV_INPUT, g, SOCLE_FLOAT32, 52 + (uint64_t)i);
    }
}

/* Longer than local memory has room for; phases of one are joined. */
Test(conv_input, long_rows_match_the_reference)
{
    check(PROBLEM_CONV_INPUT, conv_case_row(3, 1, 30000, 3, 1, 1), SOCLE_FLOAT32, 60);
    check(PROBLEM_CONV_INPUT, conv_case_row(2, 1, 60001, 5, 2, 2), SOCLE_FLOAT32, 61);
}

Test(conv_weight, random_geometries_match_the_reference)
{
    check_random(PROBLEM_CONV_WEIGHT, SOCLE_FLOAT32, 3000, 4);
}

Test(conv_weight, other_types_match_the_reference)
{
    check_random(PROBLEM_CONV_WEIGHT, SOCLE_FLOAT16, 4000, 1);
    check_random(PROBLEM_CONV_WEIGHT, SOCLE_BFLOAT16, 4100, 1);
    check_random(PROBLEM_CONV_WEIGHT, SOCLE_FLOAT64, 4200, 1);
}

Test(conv_weight, layers_of_networks_match_the_reference)
{
    check_layers(PROBLEM_CONV_WEIGHT);
}

Test(conv_weight, long_rows_and_planes_of_many_channels_match_the_reference)
{
    conv_geometry row = conv_case_row(9, 35, 1030, 3, 1, 3);
    conv_geometry planes = {.spatial = 3,
                            .batch = 2,
                            .channels = 20,
                            .out_channels = 9,
                            .groups = 1,
                            .input = {5, 6, 7},
                            .kernel = {3, 2, 3},
                            .stride = {2, 1, 1},
                            .dilation = {2, 1, 1},
                            .pad_begin = {3, 0, 1},
                            .pad_end = {2, 1, 1}};
    row.dilation[0] = 2;
    cr_assert(conv_case_finish(&row) && conv_case_finish(&planes));
    check(PROBLEM_CONV_WEIGHT, row, SOCLE_FLOAT32, 9);
    check(PROBLEM_CONV_WEIGHT, conv_case_row(3, 2, 15000, 3, 1, 1), SOCLE_FLOAT32, 11);
    check(PROBLEM_CONV_WEIGHT, planes, SOCLE_FLOAT32, 10);
}

Test(conv_weight, empty_batch_gives_zero)
{
    check(PROBLEM_CONV_WEIGHT, conv_case_square(0, 3, 4, 6, 3, 1, 1), SOCLE_FLOAT32, 60);
}
