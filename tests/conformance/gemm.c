/* The matrix product by every solver on every device against the float64 reference. Each combination of flags is a kernel to
 * compile for each solver: by default a few of them meet each kind of shape; SOCLE_TEST_ALL=1 runs all. (Generated shapes:
 * gemm_random.c.) */
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static problem product(int64_t m, int64_t n, int64_t k, bool transpose_a, bool transpose_b)
{
    return (problem){.kind = PROBLEM_GEMM,
                     .dtype = SOCLE_FLOAT32,
                     .gemm = {.m = m, .n = n, .k = k, .transpose_a = transpose_a, .transpose_b = transpose_b, .alpha = 1}};
}

static void check(const problem *p, uint64_t seed, int specials, int tunings)
{
    const solver_case c = {.p = p, .reference = reference_gemm, .seed = seed, .specials = specials, .tunings = tunings};
    solver_case_check(&c);
}

enum { TRANSPOSE_A = 1, TRANSPOSE_B = 2, CONSTANT_B = 4 };

static problem flagged(int64_t m, int64_t n, int64_t k, int flags)
{
    problem p = product(m, n, k, flags & TRANSPOSE_A, flags & TRANSPOSE_B);
    p.gemm.b_constant = flags & CONSTANT_B;
    return p;
}

/* From one combination of flags to the next: 0 (none), 3 (both transposed), 6 (B transposed and constant). */
static int flags_step(void)
{
    return getenv("SOCLE_TEST_ALL") != NULL ? 1 : 3;
}

/* Shapes one after the other with flags in turn, so that all flags meet all kinds of shapes. */
static void check_shapes(const int64_t (*extents)[3], size_t count, int first_flags)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t turn = 0; turn < (flags_step() == 1 ? 2 : 1); turn++) {
            const problem p = flagged(extents[i][0], extents[i][1], extents[i][2], (first_flags + (int)(i * 3 + turn * 5)) % 8);
            check(&p, 1000 + i, 0, 1);
        }
    }
}

Test(gemm, small_extents_match_the_reference)
{
    static const int64_t extents[][3] = {{1, 1, 1},   {1, 10, 128}, {2, 3, 5},    {7, 16, 1},
                                         {8, 33, 17}, {13, 5, 40},  {16, 64, 31}, {1, 300, 260}};
    check_shapes(extents, COUNT_OF(extents), 0);
}

Test(gemm, one_row_with_flags_matches_the_reference)
{
    for (int flags = 0; flags < 8; flags += flags_step()) {
        const problem p = flagged(1, 70, 45, flags);
        check(&p, 5, 0, 1);
    }
}

Test(gemm, training_layers_match_the_reference)
{
    static const int flags[] = {TRANSPOSE_B, TRANSPOSE_B, 0, TRANSPOSE_A, TRANSPOSE_A};
    static const int64_t extents[][3] = {{32, 128, 64}, {32, 10, 128}, {32, 128, 10}, {10, 128, 32}, {128, 64, 32}};
    for (size_t i = 0; i < COUNT_OF(extents); i++) {
        const problem p = flagged(extents[i][0], extents[i][1], extents[i][2], flags[i]);
        check(&p, 6, 0, 1);
    }
}

Test(gemm, primes_around_tiles_with_flags_match_the_reference)
{
    for (int flags = 1; flags < 8; flags += flags_step()) {
        const problem p = flags % 2 ? flagged(67, 131, 97, flags) : flagged(129, 61, 127, flags);
        check(&p, 7, 0, 1);
    }
}

Test(gemm, long_sums_are_split_and_match_the_reference)
{
    static const int flags[] = {0, TRANSPOSE_A | CONSTANT_B, TRANSPOSE_B};
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        const problem p = flagged(24, 40, 3001, flags[i]);
        check(&p, 7, 0, 1);
    }
}

Test(gemm, sums_beyond_sixteen_bits_of_turns_are_whole)
{
    problem p = product(2, 3, 70001, false, false);
    check(&p, 8, 0, 1);
}

Test(gemm, several_blocks_of_k_match_the_reference)
{
    static const int flags[] = {0, CONSTANT_B, TRANSPOSE_B};
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        const problem p = flagged(150, 330, 1100, flags[i]);
        check(&p, 9, 0, 1);
    }
}

Test(gemm, half_and_bfloat16_match_the_reference)
{
    for (int flags = 0; flags < 8; flags += flags_step()) {
        problem p = flagged(37, 50, 70, flags);
        p.dtype = flags == 0 || flags == 4 || flags == 6 ? SOCLE_BFLOAT16 : SOCLE_FLOAT16;
        check(&p, 11, 0, 1);
    }
}

Test(gemm, half_and_bfloat16_in_fours_match_the_reference)
{
    for (int flags = 0; flags < 4; flags += flags_step()) {
        problem p = flagged(36, 48, 72, flags);
        p.dtype = flags % 2 ? SOCLE_BFLOAT16 : SOCLE_FLOAT16;
        check(&p, 12, 0, 1);
    }
}

Test(gemm, half_with_a_long_sum_keeps_float_sums)
{
    problem p = product(40, 48, 2500, false, false);
    p.dtype = SOCLE_FLOAT16;
    check(&p, 13, 0, 1);
}

Test(gemm, double_and_whole_numbers_match_the_reference)
{
    static const socle_dtype types[] = {SOCLE_FLOAT64, SOCLE_INT32, SOCLE_INT64};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        for (int flags = 0; flags < 4; flags++) {
            problem p = product(9, 14, 21, flags & 1, flags & 2);
            p.dtype = types[i];
            check(&p, 14, 0, 1);
        }
    }
}

Test(gemm, batches_with_strides_match_the_reference)
{
    for (int flags = 0; flags < 4; flags++) {
        problem p = flagged(11, 36, 20, flags);
        p.gemm.batch_rank = 1;
        p.gemm.batch[0] = 5;
        p.gemm.stride_a[0] = 11 * 20;
        p.gemm.stride_b[0] = flags % 2 ? 0 : 36 * 20 + 7; /* shared, or a view into something larger */
        check(&p, 15, 0, 1);
    }
}

Test(gemm, batches_that_broadcast_in_both_operands_match_the_reference)
{
    problem p = product(6, 20, 9, false, false);
    p.gemm.batch_rank = 3;
    p.gemm.batch[0] = 2;
    p.gemm.batch[1] = 3;
    p.gemm.batch[2] = 4;
    p.gemm.stride_a[0] = 4 * 54;
    p.gemm.stride_a[2] = 54;
    p.gemm.stride_b[1] = 180;
    check(&p, 17, 0, 1);
}

Test(gemm, an_empty_sum_gives_zeros)
{
    problem p = product(5, 7, 0, false, false);
    check(&p, 18, 0, 1);
}

Test(gemm, an_empty_result_runs_nothing)
{
    problem p = product(0, 7, 3, false, false);
    check(&p, 19, 0, 1);
    p = product(4, 0, 3, false, true);
    check(&p, 19, 0, 1);
}

Test(gemm, infinities_and_nans_reach_their_rows_and_columns_and_no_others)
{
    for (int flags = 0; flags < 8; flags += 2) {
        problem p = flagged(37, 45, 21, flags);
        check(&p, 20, 2, 1);
        p = flagged(3, 45, 21, flags);
        check(&p, 21, 2, 1);
    }
}

Test(gemm, other_tunings_match_the_reference, .timeout = 300)
{
    problem p = flagged(50, 110, 70, CONSTANT_B);
    check(&p, 22, 0, 4);
    p = flagged(52, 112, 72, TRANSPOSE_A | TRANSPOSE_B);
    check(&p, 23, 0, 4);
}
