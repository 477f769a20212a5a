/* Layer, group and instance normalization by every solver on every device against the float64 reference. */
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
