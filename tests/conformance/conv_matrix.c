/* Convolutions and their gradients by matrix instructions, done without them (INSTRUCTION_MATRIX_SHARED): all but
 * the instruction itself, on every device. */
#include "../support/conv_case.h"

#include <criterion/criterion.h>

#define KINDS (MATRIX_KIND_COUNT - 1)

TestSuite(conv_matrix, .timeout = 300);

static const socle_dtype types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT16, SOCLE_FLOAT32};

/* The seed also says by which kind of instructions; weights of even ones are constant. */
static void check(problem_kind kind, conv_geometry g, socle_dtype dtype, uint64_t seed, int tunings)
{
    problem p = {.kind = kind, .dtype = dtype, .allow_tf32 = true, .conv = {g, seed % 2 == 0}};
    const solver_case c = {.p = &p,
                           .reference = conv_case_reference,
                           .seed = seed,
                           .tunings = tunings,
                           .tolerance = dtype == SOCLE_FLOAT32 ? 2e-3 : 0,
                           .solver = kind == PROBLEM_CONV         ? "conv/matrix"
                                     : kind == PROBLEM_CONV_INPUT ? "conv_input/matrix"
                                                                  : "conv_weight/matrix"};
    solver_case_use_matrices((device_matrix)(MATRIX_NONE + 1 + seed % KINDS));
    solver_case_check(&c);
}

Test(conv_matrix, random_geometries_match_the_reference)
{
    for (uint64_t seed = 100; seed < 100 + 2 * KINDS; seed++)
        check(PROBLEM_CONV, conv_case_geometry(seed, false), types[seed % 4], seed, 1);
    cr_assert_gt(solver_case_runs(), 0, "conv/matrix ran nowhere");
}

Test(conv_matrix, random_gradients_match_the_reference)
{
    for (uint64_t seed = 200; seed < 200 + KINDS; seed++)
        check(PROBLEM_CONV_INPUT, conv_case_geometry(seed, false), types[seed % 4], seed, 1);
    cr_assert_gt(solver_case_runs(), 0, "conv_input/matrix ran nowhere");
}

Test(conv_matrix, random_gradients_of_weights_match_the_reference)
{
    for (uint64_t seed = 500; seed < 500 + KINDS; seed++)
        check(PROBLEM_CONV_WEIGHT, conv_case_geometry(seed, false), types[seed % 4], seed, 1);
    check(PROBLEM_CONV_WEIGHT, conv_case_square(3, 4, 3, 17, 3, 1, 1), SOCLE_FLOAT16, 506, 3);
    cr_assert_gt(solver_case_runs(), 0, "conv_weight/matrix ran nowhere");
}

/* Sums in parts, and several blocks of channels. */
Test(conv_matrix, deep_sums_of_few_pixels_match_the_reference)
{
    check(PROBLEM_CONV, conv_case_square(1, 130, 20, 4, 3, 1, 1), SOCLE_FLOAT16, 300, 1);
    check(PROBLEM_CONV_INPUT, conv_case_square(1, 20, 130, 5, 3, 2, 1), SOCLE_BFLOAT16, 301, 1);
}

Test(conv_matrix, tunings_match_the_reference)
{
    for (uint64_t seed = 400; seed < 400 + KINDS; seed++)
        check(PROBLEM_CONV, conv_case_square(2, 20, 17, 7, 3, 2, 1), SOCLE_BFLOAT16, seed, 3);
}
