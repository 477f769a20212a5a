/* Products whose operands are stored in types of their own, by every solver on every device against the float64 reference:
 * weights in a narrower type, with scales and zeros, bfloat16, and bytes times bytes, whose sums must be exact. */
#include "../../lib/profile/profile.h"
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void check(const problem *p, uint64_t seed, int tunings)
{
    const solver_case c = {.p = p, .reference = reference_gemm, .seed = seed, .tunings = tunings, .tolerance = 4e-3};
    const solver_case exact = {.p = p, .reference = reference_gemm, .seed = seed, .tunings = tunings};
    solver_case_check(p->dtype == SOCLE_FLOAT32 ? &exact : &c);
}

static problem narrow(int64_t m, int64_t n, int64_t k, socle_dtype weights, bool transposed)
{
    return (problem){
        .kind = PROBLEM_GEMM,
        .dtype = SOCLE_FLOAT32,
        .gemm = {.m = m, .n = n, .k = k, .transpose_b = transposed, .alpha = 1, .b_constant = true, .b_dtype = weights}};
}

static problem bytes(int64_t m, int64_t n, int64_t k, int flags)
{
    return (problem){.kind = PROBLEM_GEMM,
                     .dtype = flags & 1 ? SOCLE_INT8 : SOCLE_UINT8,
                     .gemm = {.m = m,
                              .n = n,
                              .k = k,
                              .transpose_b = flags & 8,
                              .alpha = 1,
                              .b_constant = flags & 4,
                              .b_dtype = flags & 2 ? SOCLE_UINT8 : SOCLE_INT8,
                              .c_dtype = SOCLE_INT32}};
}

static const socle_dtype weight_types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_INT8, SOCLE_UINT8};

Test(gemm_types, weights_of_every_narrow_type_match_the_reference)
{
    static const int64_t extents[][3] = {{1, 70, 45}, {3, 129, 64}, {16, 33, 17}, {37, 67, 53}};
    for (size_t i = 0; i < COUNT_OF(extents); i++) {
        for (size_t t = i % 2; t < COUNT_OF(weight_types); t += 2) {
            problem p = narrow(extents[i][0], extents[i][1], extents[i][2], weight_types[t], (i / 2 + t / 2) % 2);
            p.gemm.alpha = i == 1 ? -0.5f : 1;
            check(&p, 10 + i, 1);
        }
    }
}

Test(gemm_types, weights_that_are_not_prepared_match_the_reference)
{
    for (size_t t = 0; t < COUNT_OF(weight_types); t++) {
        problem p = narrow(5, 23, 31, weight_types[t], t % 2);
        p.gemm.b_constant = false;
        check(&p, 3, 1);
    }
}

Test(gemm_types, scales_and_zeros_of_every_layout_match_the_reference)
{
    static const gemm_scales layouts[] = {
        {true, false, false, 0}, {true, true, false, 0}, {true, false, true, 0}, {true, true, true, 0}, {true, true, true, 16}};
    for (size_t i = 0; i < COUNT_OF(layouts); i++) {
        for (int transposed = i < 4 ? (int)i % 2 : 0; transposed < (i < 4 ? (int)i % 2 + 1 : 2); transposed++) {
            problem p = narrow(i % 2 ? 2 : 19, 75, 48, i % 2 ? SOCLE_INT8 : SOCLE_UINT8, transposed);
            p.gemm.scales = layouts[i];
            check(&p, 20 + i, 1);
        }
    }
}

Test(gemm_types, halves_times_bytes_match_the_reference)
{
    problem p = narrow(4, 40, 33, SOCLE_INT8, false);
    p.dtype = SOCLE_FLOAT16;
    p.gemm.scales = (gemm_scales){true, true, true, 0};
    check(&p, 4, 1);
    p.dtype = SOCLE_BFLOAT16;
    p.gemm.m = 20;
    const solver_case c = {.p = &p, .reference = reference_gemm, .seed = 5, .tolerance = 2e-2};
    solver_case_check(&c);
}

Test(gemm_types, tunings_of_narrow_weights_match_the_reference)
{
    const problem p = narrow(3, 300, 70, SOCLE_INT8, true);
    check(&p, 6, 8);
}

Test(gemm_types, bytes_of_every_sign_give_exact_sums)
{
    static const int64_t extents[][3] = {{1, 40, 65}, {13, 33, 64}, {67, 131, 97}, {9, 5, 3}, {20, 36, 48}};
    for (size_t i = 0; i < COUNT_OF(extents); i++) {
        for (int flags = (int)i % 2; flags < 4; flags += 2) {
            const problem p = bytes(extents[i][0], extents[i][1], extents[i][2], flags + 4 * (int)((i + (size_t)flags) % 4));
            check(&p, 30 + i, 1);
        }
    }
}

Test(gemm_types, long_sums_of_bytes_are_exact)
{
    const problem p = bytes(3, 17, 5000, 4);
    check(&p, 7, 1);
}

Test(gemm_types, tunings_of_bytes_give_exact_sums)
{
    const problem p = bytes(45, 150, 130, 7);
    check(&p, 8, 8);
}

Test(gemm_types, batches_of_bytes_and_transposed_bytes_give_exact_sums)
{
    problem p = bytes(4, 7, 9, 1);
    p.gemm.batch_rank = 1;
    p.gemm.batch[0] = 3;
    p.gemm.stride_a[0] = 36;
    p.gemm.stride_b[0] = 63;
    check(&p, 9, 1);
    problem transposed = bytes(6, 7, 20, 0);
    transposed.gemm.transpose_a = true;
    check(&transposed, 9, 1);
    transposed = bytes(12, 28, 20, 11);
    transposed.gemm.transpose_a = true;
    check(&transposed, 9, 1);
}

Test(gemm_types, empty_products_of_bytes_are_zero)
{
    const problem p = bytes(3, 4, 0, 0);
    check(&p, 1, 1);
}

/* ---- bfloat16 by an instruction ---- */

static problem pairs(int64_t m, int64_t n, int64_t k, int flags)
{
    return (problem){.kind = PROBLEM_GEMM,
                     .dtype = SOCLE_BFLOAT16,
                     .gemm = {.m = m, .n = n, .k = k, .transpose_b = flags & 1, .alpha = 1, .b_constant = flags & 2}};
}

/* Sums are those of float32: what differs from the reference is the rounding of results, up to 2^-8 of each. */
static void check_pairs(const problem *p, uint64_t seed, int specials, int tunings)
{
    const solver_case c = {.p = p,
                           .reference = reference_gemm,
                           .seed = seed,
                           .specials = specials,
                           .tolerance = 0.00392,
                           .tunings = tunings,
                           .solver = "gemm/bfloat16"};
    solver_case_check(&c);
}

Test(gemm_types, generated_products_of_bfloat16_match_the_reference_as_float32_does)
{
    static const int64_t extents[] = {1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 31, 32, 33, 47, 64, 65, 97, 130};
    solver_random r = {40};
    for (int i = 0; i < (getenv("SOCLE_TEST_ALL") != NULL ? 100 : 12); i++) {
        int64_t e[3];
        for (int d = 0; d < 3; d++)
            e[d] = extents[solver_pick(&r, 0, (int64_t)COUNT_OF(extents) - 1)];
        problem p = pairs(e[0], e[1], e[2], i % 4);
        p.gemm.alpha = i % 3 == 0 ? -0.75f : 1;
        check_pairs(&p, 100 + (uint64_t)i, i % 5 == 0 ? 2 : 0, 1);
    }
}

Test(gemm_types, tunings_and_long_sums_of_bfloat16_match_the_reference_as_float32_does)
{
    problem p = pairs(45, 150, 130, 2);
    check_pairs(&p, 8, 0, 8);
    p = pairs(9, 40, 4001, 0);
    check_pairs(&p, 9, 0, 1);
}

/* Neither for other types or a strict accuracy, nor on a device where a trial did not find the instruction. */
Test(gemm_types, bfloat16_by_an_instruction_is_refused_where_it_may_not_be_used)
{
    const solver *way = solver_find("gemm/bfloat16");
    socle_context *context = solver_case_context();
    for (int i = 0; i < socle_device_count(context); i++) {
        socle_device *device = socle_device_at(context, i);
        const problem p = pairs(8, 32, 16, 2);
        problem strict = p, floats = p, turned = p;
        instructions_probe(device);
        strict.strict_accuracy = true;
        floats.dtype = SOCLE_FLOAT32;
        turned.gemm.transpose_a = true;
        cr_assert_eq(way->applicable(&p, device), device_has_instruction(device, INSTRUCTION_VDPBF16PS));
        cr_assert(!way->applicable(&strict, device) && !way->applicable(&floats, device) && !way->applicable(&turned, device));
        device->instructions = INSTRUCTIONS_PROBED;
        cr_assert(!way->applicable(&p, device));
    }
}
