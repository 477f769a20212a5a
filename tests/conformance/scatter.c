/* ScatterElements with every reduction by every solver on every device against the reference. */
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>

static void check(int rank, int axis, const int64_t *data, const int64_t *indices, int reduction, socle_dtype dtype,
                  uint64_t seed)
{
    problem p = {.kind = PROBLEM_SCATTER, .dtype = dtype};
    gather_problem *g = &p.gather;
    *g = (gather_problem){.outer = 1,
                          .axis = data[axis],
                          .inner = 1,
                          .count = indices[axis],
                          .elements = true,
                          .rank = rank,
                          .axis_index = axis,
                          .reduction = reduction,
                          .index_dtype = seed % 2 ? SOCLE_INT32 : SOCLE_INT64};
    for (int d = 0; d < rank; d++) {
        g->data_dims[d] = data[d];
        g->index_dims[d] = indices[d];
        g->outer *= d < axis ? data[d] : 1;
        g->inner *= d > axis ? data[d] : 1;
    }
    const solver_case c = {.p = &p, .reference = reference_scatter, .seed = seed};
    solver_case_check(&c);
}

static void check_shapes(int reduction, socle_dtype dtype, uint64_t seed)
{
    check(1, 0, (int64_t[]){20}, (int64_t[]){9}, reduction, dtype, seed);
    check(2, 0, (int64_t[]){6, 7}, (int64_t[]){8, 7}, reduction, dtype, seed + 1);
    check(3, 1, (int64_t[]){4, 5, 6}, (int64_t[]){3, 9, 2}, reduction, dtype, seed + 2);
    check(3, 2, (int64_t[]){2, 3, 17}, (int64_t[]){2, 3, 4}, reduction, dtype, seed + 3);
}

Test(scatter, every_reduction_matches_the_reference)
{
    for (int reduction = 0; reduction < 5; reduction++)
        check_shapes(reduction, SOCLE_FLOAT32, 200);
}

Test(scatter, other_types_match_the_reference)
{
    static const socle_dtype types[] = {SOCLE_FLOAT64, SOCLE_INT64, SOCLE_INT32};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        check(2, 0, (int64_t[]){6, 7}, (int64_t[]){8, 7}, 0, types[i], 210);
        check(3, 1, (int64_t[]){4, 5, 6}, (int64_t[]){3, 9, 2}, 1, types[i], 221);
    }
    check(2, 0, (int64_t[]){6, 7}, (int64_t[]){8, 7}, 0, SOCLE_UINT8, 230);
    check(2, 1, (int64_t[]){6, 7}, (int64_t[]){6, 9}, 0, SOCLE_FLOAT16, 230);
    check(2, 1, (int64_t[]){6, 7}, (int64_t[]){6, 90}, 1, SOCLE_FLOAT16, 231);
    check(2, 1, (int64_t[]){6, 7}, (int64_t[]){5, 9}, 2, SOCLE_BFLOAT16, 232);
    check(2, 1, (int64_t[]){6, 7}, (int64_t[]){6, 9}, 3, SOCLE_FLOAT16, 233);
}

Test(scatter, no_indices_leave_the_data)
{
    check(2, 1, (int64_t[]){4, 5}, (int64_t[]){4, 0}, 1, SOCLE_FLOAT32, 240);
}
