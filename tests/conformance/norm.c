/* Layer, RMS, group and instance normalization and their gradients by every solver on every device against the float64 reference.
 */
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>

enum { SCALE = 1, BIAS = 2, STATISTICS = 4, ALL = 7, NO_MEAN = 8 };

static void check(norm_problem n, int flags, socle_dtype dtype, uint64_t seed)
{
    n.epsilon = 1e-5f;
    n.has_scale = flags & SCALE;
    n.has_bias = flags & BIAS;
    n.statistics = flags & STATISTICS;
    n.root_mean_square = flags & NO_MEAN;
    const problem p = {.kind = PROBLEM_NORM, .dtype = dtype, .norm = n};
    const solver_case c = {.p = &p, .reference = reference_norm, .seed = seed};
    solver_case_check(&c);
}

/* flags: BIAS (dbias is made) and NO_MEAN */
static void check_gradient(norm_problem n, int flags, socle_dtype dtype, uint64_t seed)
{
    n.epsilon = 1e-5f;
    n.has_scale = true;
    n.has_bias = flags & BIAS;
    n.root_mean_square = flags & NO_MEAN;
    const problem p = {.kind = PROBLEM_NORM_GRAD, .dtype = dtype, .norm = n};
    const solver_case c = {.p = &p, .reference = reference_norm_grad, .seed = seed, .tunings = 2};
    solver_case_check(&c);
}

static norm_problem layer(int64_t rows, int64_t row)
{
    return (norm_problem){.rows = rows, .row = row, .scale_rows = 1, .scale_block = 1};
}

static norm_problem group(int64_t batch, int64_t groups, int64_t channels_per_group, int64_t spatial)
{
    return (norm_problem){
        .rows = batch * groups, .row = channels_per_group * spatial, .scale_rows = groups, .scale_block = spatial};
}

Test(norm, layers_match_the_reference)
{
    static const int64_t rows[] = {2, 15, 16, 17, 64, 100, 384, 1031};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check(layer(5, rows[i]), ALL, SOCLE_FLOAT32, 70 + i);
}

Test(norm, root_mean_squares_match_the_reference)
{
    static const int64_t rows[] = {2, 16, 100, 1031};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check(layer(5, rows[i]), SCALE | NO_MEAN, SOCLE_FLOAT32, 60 + i);
    check(layer(3, 40), NO_MEAN, SOCLE_FLOAT16, 65);
}

Test(norm, scale_bias_and_statistics_are_optional_each)
{
    for (int flags = 0; flags < ALL; flags++) {
        check(layer(3, 40), flags, SOCLE_FLOAT32, 78);
        check(group(1, 2, 3, 20), flags, SOCLE_FLOAT32, 79);
    }
}

Test(norm, groups_and_instances_match_the_reference)
{
    check(group(2, 3, 4, 49), ALL, SOCLE_FLOAT32, 80);
    check(group(2, 4, 2, 3), ALL, SOCLE_FLOAT32, 81);
    check(group(3, 5, 1, 36), ALL, SOCLE_FLOAT32, 82);
    check(group(1, 1, 7, 5), ALL, SOCLE_FLOAT32, 83);
    check((norm_problem){.rows = 6, .row = 40, .scale_rows = 3, .scale_block = 40}, ALL, SOCLE_FLOAT32,
          84); /* one scale per group */
}

Test(norm, random_shapes_match_the_reference)
{
    solver_random r = {90};
    for (int i = 0; i < 8; i++) {
        check(layer(solver_pick(&r, 1, 40), solver_pick(&r, 2, 200)), ALL, SOCLE_FLOAT32, 90u + (uint64_t)i);
        check(group(solver_pick(&r, 1, 3), solver_pick(&r, 1, 6), solver_pick(&r, 1, 5), solver_pick(&r, 2, 70)), ALL,
              SOCLE_FLOAT32, 98u + (uint64_t)i);
    }
}

Test(norm, other_types_match_the_reference)
{
    static const socle_dtype types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT64};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        check(layer(4, 50), ALL, types[i], 110);
        check(group(2, 2, 3, 20), ALL, types[i], 111);
    }
}

Test(norm, no_rows_run_nothing)
{
    check(layer(0, 8), ALL, SOCLE_FLOAT32, 112);
}

/* ---- gradients ---- */

/* Of very short rows next to nothing is left of dx: what two elements are normalized to hardly depends on them. */
Test(norm, gradients_of_layers_match_the_reference)
{
    static const int64_t rows[] = {7, 15, 16, 17, 64, 100, 384, 1031};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_gradient(layer(5, rows[i]), BIAS, SOCLE_FLOAT32, 120 + i);
}

Test(norm, gradients_of_root_mean_squares_match_the_reference)
{
    static const int64_t rows[] = {7, 16, 100, 1031};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_gradient(layer(5, rows[i]), NO_MEAN, SOCLE_FLOAT32, 130 + i);
}

Test(norm, gradients_of_many_rows_are_added_up_by_parts)
{
    check_gradient(layer(700, 40), BIAS, SOCLE_FLOAT32, 135);
    check_gradient(layer(1500, 9), NO_MEAN, SOCLE_FLOAT32, 136);
    check_gradient(group(600, 1, 3, 20), BIAS, SOCLE_FLOAT32, 137);
    check_gradient(group(40, 3, 2, 130), BIAS, SOCLE_FLOAT32, 138);
}

Test(norm, gradients_of_groups_and_instances_match_the_reference)
{
    check_gradient(group(2, 3, 4, 49), BIAS, SOCLE_FLOAT32, 140);
    check_gradient(group(2, 4, 2, 3), BIAS, SOCLE_FLOAT32, 141);
    check_gradient(group(3, 5, 1, 36), BIAS, SOCLE_FLOAT32, 142);
    check_gradient(group(2, 1, 7, 5), 0, SOCLE_FLOAT32, 143);
    check_gradient(group(4, 3, 6, 1), BIAS, SOCLE_FLOAT32, 144); /* one element a channel */
    check_gradient(group(2, 2, 40, 33), BIAS, SOCLE_FLOAT32, 145);
}

Test(norm, gradients_of_random_shapes_match_the_reference)
{
    solver_random r = {150};
    for (int i = 0; i < 8; i++) {
        const int flags = (int)solver_pick(&r, 0, 1) * BIAS + (int)solver_pick(&r, 0, 1) * NO_MEAN;
        check_gradient(layer(solver_pick(&r, 1, 40), solver_pick(&r, 7, 200)), flags, SOCLE_FLOAT32, 150u + (uint64_t)i);
        check_gradient(group(solver_pick(&r, 1, 5), solver_pick(&r, 1, 6), solver_pick(&r, 1, 5), solver_pick(&r, 7, 70)), flags,
                       SOCLE_FLOAT32, 160u + (uint64_t)i);
    }
}

Test(norm, gradients_of_other_types_match_the_reference)
{
    static const socle_dtype types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT64};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        check_gradient(layer(4, 50), BIAS, types[i], 170 + i);
        check_gradient(group(2, 2, 3, 20), BIAS, types[i], 173 + i);
    }
}

/* The float32 nearest to a mean of 100 is up to 4e-6 away from it, which is 1e-4 of what differs from the mean here. */
static void large_mean(const problem *p, double *const *values)
{
    for (int64_t i = 0; i < p->norm.rows * p->norm.row; i++)
        values[1][i] = (double)(float)(100 + values[1][i] / 8);
    reference_norm_grad(p, values);
}

Test(norm, a_large_mean_costs_its_gradient_no_accuracy)
{
    norm_problem n = group(3, 2, 2, 300);
    n.epsilon = 1e-5f;
    n.has_scale = n.has_bias = true;
    const problem p = {.kind = PROBLEM_NORM_GRAD, .dtype = SOCLE_FLOAT32, .norm = n};
    const solver_case c = {.p = &p, .reference = large_mean, .seed = 176, .tolerance = 1e-3};
    solver_case_check(&c);
}

Test(norm, gradients_of_no_rows_are_zero)
{
    check_gradient(layer(0, 8), BIAS, SOCLE_FLOAT32, 180);
    check_gradient(group(0, 2, 3, 20), BIAS, SOCLE_FLOAT32, 181);
}

Test(norm, infinities_and_nans_of_a_gradient_spoil_their_row_and_channel_alone)
{
    norm_problem n = layer(6, 70);
    n.epsilon = 1e-5f;
    n.has_scale = n.has_bias = true;
    const problem p = {.kind = PROBLEM_NORM_GRAD, .dtype = SOCLE_FLOAT32, .norm = n};
    const solver_case c = {.p = &p, .reference = reference_norm_grad, .seed = 182, .specials = 1};
    solver_case_check(&c);
}
