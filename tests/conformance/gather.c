/* Gather, GatherElements and their gradients by every solver on every device against the reference. Indices of both signs. */
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>

static void check(problem_kind kind, const gather_problem *g, socle_dtype dtype, uint64_t seed)
{
    problem p = {.kind = kind, .dtype = dtype, .gather = *g};
    p.gather.reduction = kind == PROBLEM_GATHER_GRAD;
    const solver_case c = {.p = &p, .seed = seed, .reference = kind == PROBLEM_GATHER ? reference_gather : reference_gather_grad};
    p.gather.index_dtype = seed % 2 ? SOCLE_INT32 : SOCLE_INT64;
    solver_case_check(&c);
}

static gather_problem whole(int64_t outer, int64_t axis, int64_t inner, int64_t count)
{
    return (gather_problem){.outer = outer,
                            .axis = axis,
                            .inner = inner,
                            .count = count,
                            .rank = 3,
                            .axis_index = 1,
                            .data_dims = {outer, axis, inner}};
}

static gather_problem elements(int rank, int axis, const int64_t *data, const int64_t *indices)
{
    gather_problem g = {
        .outer = 1, .axis = data[axis], .inner = 1, .count = indices[axis], .elements = true, .rank = rank, .axis_index = axis};
    for (int d = 0; d < rank; d++) {
        g.data_dims[d] = data[d];
        g.index_dims[d] = indices[d];
        g.outer *= d < axis ? data[d] : 1;
        g.inner *= d > axis ? data[d] : 1;
    }
    return g;
}

/* all == false: every third shape */
static void check_shapes(problem_kind kind, socle_dtype dtype, uint64_t seed, bool all)
{
    const gather_problem shapes[] = {
        whole(1, 50, 64, 30),
        whole(3, 7, 1, 11),
        whole(2, 9, 13, 40),
        whole(1, 1, 5, 3),
        whole(4, 6, 40, 1),
        elements(1, 0, (int64_t[]){20}, (int64_t[]){33}),
        elements(3, 1, (int64_t[]){4, 5, 6}, (int64_t[]){3, 9, 6}),
        elements(3, 0, (int64_t[]){4, 5, 6}, (int64_t[]){7, 5, 2}),
        elements(2, 1, (int64_t[]){8, 16}, (int64_t[]){8, 3}),
    };
    for (size_t i = 0; i < COUNT_OF(shapes); i += all ? 1 : 3)
        check(kind, &shapes[i], dtype, seed + i);
}

Test(gather, rows_and_elements_of_every_type_match_the_reference)
{
    static const socle_dtype types[] = {SOCLE_FLOAT32, SOCLE_FLOAT16, SOCLE_INT64, SOCLE_UINT8, SOCLE_BOOL};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        check_shapes(PROBLEM_GATHER, types[i], 150, i == 0);
}

Test(gather, nothing_to_gather_runs_nothing)
{
    const gather_problem none = whole(2, 5, 8, 0);
    check(PROBLEM_GATHER, &none, SOCLE_FLOAT32, 170);
}

Test(gather, gradients_add_up_equal_indices)
{
    static const socle_dtype types[] = {SOCLE_FLOAT32, SOCLE_FLOAT64, SOCLE_INT32};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        check_shapes(PROBLEM_GATHER_GRAD, types[i], 180, i == 0);
}

Test(gather, gradients_of_no_indices_are_zeros)
{
    const gather_problem none = whole(2, 5, 8, 0);
    check(PROBLEM_GATHER_GRAD, &none, SOCLE_FLOAT32, 190);
}

Test(gather, gradients_of_half_rows_are_added_in_float)
{
    const gather_problem rows = whole(2, 4, 10, 60);
    check(PROBLEM_GATHER_GRAD, &rows, SOCLE_FLOAT16, 191);
    check(PROBLEM_GATHER_GRAD, &rows, SOCLE_BFLOAT16, 192);
    const gather_problem wide = whole(1, 7, 35, 90), line = elements(2, 1, (int64_t[]){3, 5}, (int64_t[]){3, 80});
    check(PROBLEM_GATHER_GRAD, &wide, SOCLE_FLOAT16, 193);
    check(PROBLEM_GATHER_GRAD, &line, SOCLE_FLOAT16, 194);
}
