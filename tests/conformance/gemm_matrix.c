/* Products by matrix instructions, done without them (INSTRUCTION_MATRIX_SHARED): all but the instruction itself, on every
 * device.
 */
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include "../../lib/profile/profile.h"

#include <criterion/criterion.h>

#define KINDS (MATRIX_KIND_COUNT - 1)

static bool has_room(const socle_device *device)
{
    return device->info.status == SOCLE_DEVICE_OK && device->capabilities.max_work_group_size >= 64;
}

static bool any_has_room(void)
{
    bool any = false;
    for (int i = 0; i < socle_device_count(solver_case_context()); i++)
        any = any || has_room(socle_device_at(solver_case_context(), i));
    return any;
}

static problem product(int64_t m, int64_t n, int64_t k, int flags, socle_dtype dtype)
{
    problem p = {.kind = PROBLEM_GEMM,
                 .dtype = dtype,
                 .gemm = {.m = m, .n = n, .k = k, .transpose_a = flags & 1, .transpose_b = flags & 2, .alpha = 1}};
    p.allow_tf32 = dtype == SOCLE_FLOAT32;
    if (dtype == SOCLE_INT8 || dtype == SOCLE_UINT8) {
        p.gemm.b_dtype = flags & 4 ? SOCLE_INT8 : SOCLE_UINT8;
        p.gemm.c_dtype = SOCLE_INT32;
    }
    return p;
}

/* The seed also says by which kind of instructions. */
static void check(problem p, uint64_t seed, int specials, int tunings)
{
    const solver_case c = {.p = &p,
                           .reference = reference_gemm,
                           .seed = seed,
                           .specials = specials,
                           .tunings = tunings,
                           .tolerance = p.dtype == SOCLE_FLOAT32 ? 2e-3 : 0,
                           .solver = "gemm/matrix"};
    const int before = solver_case_runs();
    solver_case_use_matrices((device_matrix)(MATRIX_NONE + 1 + seed % KINDS));
    solver_case_check(&c);
    cr_assert(solver_case_runs() > before || !any_has_room(), "gemm/matrix ran nowhere");
}

static const socle_dtype types[] = {SOCLE_FLOAT32, SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_INT8, SOCLE_UINT8};

Test(gemm_matrix, a_trial_of_the_instruction_without_it_is_exact, .timeout = 300)
{
    const unsigned all =
        INSTRUCTION_MATRIX_TF32 | INSTRUCTION_MATRIX_FLOAT16 | INSTRUCTION_MATRIX_BFLOAT16 | INSTRUCTION_MATRIX_BYTES;
    socle_context *context = solver_case_context();
    for (int kind = MATRIX_NONE + 1; kind < MATRIX_KIND_COUNT; kind++) {
        solver_case_use_matrices((device_matrix)kind);
        for (int i = 0; i < socle_device_count(context); i++) {
            const socle_device *device = socle_device_at(context, i);
            cr_assert(!has_room(device) || (device->instructions & all) == all, "%s: %x", device->info.id, device->instructions);
        }
    }
}

Test(gemm_matrix, a_profile_has_the_rate_of_the_instruction, .timeout = 300)
{
    socle_context *context = solver_case_context();
    solver_case_use_matrices(MATRIX_DPAS_8);
    for (int i = 0; i < socle_device_count(context); i++) {
        socle_device *device = socle_device_at(context, i);
        socle_profile profile;
        if (!has_room(device))
            continue;
        cr_assert_eq(socle_profile_device(device, 1, 1, &profile), SOCLE_OK, "%s", socle_error_message());
        cr_assert_gt(profile.matrix_gflops, 0, "%s", device->info.id);
    }
}

/* Each type by each kind of instructions, transposed in each way. */
Test(gemm_matrix, odd_extents_match_the_reference, .timeout = 300)
{
    for (int i = 0; i < 5 * KINDS; i++)
        check(product(37, 45, 61, i % 8, types[i % 5]), (uint64_t)i, 0, 1);
}

Test(gemm_matrix, extents_in_fours_match_the_reference, .timeout = 300)
{
    for (int i = 0; i < 5 * KINDS; i++)
        check(product(36, 52, 80, (i + 1) % 8, types[i % 5]), (uint64_t)i, 0, 1);
}

Test(gemm_matrix, tunings_match_the_reference, .timeout = 300)
{
    for (int i = 0; i < KINDS; i++)
        check(product(20, 70, 40, 2, types[i % 5]), (uint64_t)i, 0, 3);
}

/* Sums in parts; those of bytes are not. */
Test(gemm_matrix, deep_sums_of_few_results_match_the_reference)
{
    for (int i = 0; i < 4; i++)
        check(product(9, 12, 2600, i, types[i]), 40 + (uint64_t)i, 0, 1);
}

Test(gemm_matrix, batches_and_alpha_match_the_reference)
{
    problem p = product(7, 20, 18, 0, SOCLE_FLOAT16);
    p.gemm.alpha = -0.5f;
    p.gemm.batch_rank = 1;
    p.gemm.batch[0] = 3;
    p.gemm.stride_a[0] = 7 * 18;
    check(p, 20, 0, 1);
}

Test(gemm_matrix, infinities_and_nans_reach_their_rows_and_columns_and_no_others)
{
    for (int i = 0; i < 3 * KINDS; i++)
        check(product(19, 21, 17, 1, types[i / KINDS]), (uint64_t)i, 2, 1);
}

/* Rounded factors cost float32 some 12 bits: only where the caller allows that. */
Test(gemm_matrix, float32_is_not_rounded_unless_that_is_allowed)
{
    socle_context *context = solver_case_context();
    problem p = product(64, 64, 64, 0, SOCLE_FLOAT32);
    solver_case_use_matrices(MATRIX_MMA);
    for (int i = 0; i < socle_device_count(context); i++) {
        const socle_device *device = socle_device_at(context, i);
        p.allow_tf32 = p.strict_accuracy = false;
        cr_assert_not(solver_find("gemm/matrix")->applicable(&p, device));
        p.allow_tf32 = true;
        cr_assert_eq(solver_find("gemm/matrix")->applicable(&p, device), has_room(device));
        p.strict_accuracy = true;
        cr_assert_not(solver_find("gemm/matrix")->applicable(&p, device));
    }
}
