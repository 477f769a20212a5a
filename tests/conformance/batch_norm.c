/* Batch normalization by the batch's statistics and its gradient, by every solver on every device, against the float64 reference.
 */
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>
#include <math.h>

static void check_within(int64_t batch, int64_t channels, int64_t pixels, socle_dtype dtype, uint64_t seed, double tolerance)
{
    problem p = {.kind = PROBLEM_BATCH_NORM,
                 .dtype = dtype,
                 .batch_norm = {.batch = batch, .channels = channels, .pixels = pixels, .epsilon = 1e-5f}};
    solver_case c = {.p = &p, .reference = reference_batch_norm, .seed = seed, .tolerance = tolerance};
    solver_case_check(&c);
    p.kind = PROBLEM_BATCH_NORM_GRAD;
    c.reference = reference_batch_norm_grad;
    solver_case_check(&c);
}

static void check(int64_t batch, int64_t channels, int64_t pixels, socle_dtype dtype, uint64_t seed)
{
    check_within(batch, channels, pixels, dtype, seed, 0);
}

Test(batch_norm, images_of_any_size_match_the_reference)
{
    static const int64_t pixels[] = {12, 15, 16, 17, 49, 64, 129, 1031};
    for (size_t i = 0; i < COUNT_OF(pixels); i++)
        check(3, 5, pixels[i], SOCLE_FLOAT32, 10 + i);
}

/* The largest sum, of which the tolerance is a share, is that of one or two channels: 0 but for chance, out of thousands of
 * terms. */
Test(batch_norm, few_channels_are_shared_by_groups)
{
    check_within(2, 1, 9000, SOCLE_FLOAT32, 20, 1e-3);
    check_within(7, 1, 2501, SOCLE_FLOAT32, 21, 1e-3);
    check_within(5, 2, 4097, SOCLE_FLOAT32, 22, 1e-3);
}

Test(batch_norm, one_image_and_many_channels_match_the_reference)
{
    check(1, 3, 40, SOCLE_FLOAT32, 30);
    check(2, 70, 13, SOCLE_FLOAT32, 31);
}

Test(batch_norm, random_shapes_match_the_reference)
{
    solver_random r = {40};
    for (int i = 0; i < 8; i++)
        check(solver_pick(&r, 2, 9), solver_pick(&r, 1, 20), solver_pick(&r, 12, 400), SOCLE_FLOAT32, 40u + (uint64_t)i);
}

Test(batch_norm, other_types_match_the_reference)
{
    static const socle_dtype types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT64};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        check(3, 4, 50, types[i], 50 + i);
}

/* In float32 a mean of 1000 leaves 14 bits for what differs from it: the sums of squares of one pass would hold nothing of a
 * variance of 1e-2. The reference sees the same rounded elements, so what is left to err is the way alone. */
static void large_mean(const problem *p, double *const *values)
{
    const int64_t count = p->batch_norm.batch * p->batch_norm.channels * p->batch_norm.pixels;
    for (int64_t i = 0; i < count; i++)
        values[0][i] = (double)(float)(1000 + values[0][i] / 8);
    reference_batch_norm(p, values);
}

Test(batch_norm, a_large_mean_costs_no_accuracy)
{
    static const int64_t shapes[][3] = {{4, 3, 1200}, {2, 1, 40000}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        const problem p = {
            .kind = PROBLEM_BATCH_NORM, .dtype = SOCLE_FLOAT32, .batch_norm = {shapes[i][0], shapes[i][1], shapes[i][2], 1e-5f}};
        const solver_case c = {.p = &p, .reference = large_mean, .seed = 60 + i, .tolerance = 1e-3};
        solver_case_check(&c);
    }
}

/* Every image has a mean of its own, so that what is found of parts must be joined by more than adding it up. */
static void drifting(const problem *p, double *const *values)
{
    const int64_t image = p->batch_norm.channels * p->batch_norm.pixels;
    for (int64_t i = 0; i < p->batch_norm.batch * image; i++)
        values[0][i] = (double)(float)(values[0][i] + (double)(3 * (i / image)));
    reference_batch_norm(p, values);
}

Test(batch_norm, parts_with_means_of_their_own_are_joined)
{
    static const int64_t shapes[][3] = {{5, 3, 3000}, {4, 1, 4100}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        const problem p = {
            .kind = PROBLEM_BATCH_NORM, .dtype = SOCLE_FLOAT32, .batch_norm = {shapes[i][0], shapes[i][1], shapes[i][2], 1e-5f}};
        const solver_case c = {.p = &p, .reference = drifting, .seed = 65 + i};
        solver_case_check(&c);
    }
}

Test(batch_norm, infinities_and_nans_spoil_their_channel_alone)
{
    const problem p = {.kind = PROBLEM_BATCH_NORM, .dtype = SOCLE_FLOAT32, .batch_norm = {2, 6, 70, 1e-5f}};
    const solver_case c = {.p = &p, .reference = reference_batch_norm, .seed = 70, .specials = 1};
    solver_case_check(&c);
}

Test(batch_norm, no_images_run_nothing)
{
    check(0, 3, 16, SOCLE_FLOAT32, 80);
    check(2, 0, 16, SOCLE_FLOAT32, 81);
}
