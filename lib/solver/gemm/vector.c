/* gemm/vector: one to sixteen rows on CPU-shaped devices, where the time is that of reading B once. A constant B is packed into
 * panels, so that it streams; any other B that is stored transposed is read in place by dot products, and so is a large one for a
 * row or two: its lines are long enough to stream as they are. (Rows of B in place: gemm/direct.) */
#include "gemm.h"

enum { ROWS, COLUMNS, GROUP_COLUMNS };

#define MOST_ROWS 16
#define DOT_COLUMNS 4

/* Not packing a large B keeps one copy of it, and a model's file is read where it is mapped: nothing to prepare at the start. */
bool gemm_streams_in_place(const problem *p)
{
    const gemm_problem *g = &p->gemm;
    return g->transpose_b && !g->transpose_a && g->m <= 2 && g->k >= 512 && g->n * g->k >= 1 << 18;
}

static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    const int accumulators = device_lanes(device) == 16 ? 16 : 12;
    tuning r = *t;
    if (r.value[ROWS] == 0)
        r.value[ROWS] = (int)(g->m <= 8 ? g->m : ceil_div(g->m, 2));
    if (r.value[COLUMNS] == 0)
        r.value[COLUMNS] = accumulators / r.value[ROWS] < DOT_COLUMNS ? 2 : DOT_COLUMNS;
    if (r.value[GROUP_COLUMNS] == 0) {
        /* Two groups per unit where there is enough to read, one group where a second thread would cost more than it saves. */
        const double bytes = (double)g->n * (double)g->k * (double)socle_dtype_size_bytes(p->dtype);
        const int64_t parts = bytes < 128e3 ? 1 : bytes < 512e3 ? device_units(device) : 2 * device_units(device);
        const int64_t blocks = ceil_div(g->n, r.value[COLUMNS]);
        r.value[GROUP_COLUMNS] = (int)(ceil_div(blocks, blocks < parts ? blocks : parts) * r.value[COLUMNS]);
    }
    return r;
}

static bool vector_applicable(const problem *p, const socle_device *device)
{
    const gemm_problem *g = &p->gemm;
    return gemm_vectorizable(p) && g->m <= MOST_ROWS && g->transpose_b && (!g->transpose_a || g->m == 1) &&
           device_runs_long_loops(device);
}

static int vector_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    static const int columns[] = {4, 2, 8, 1, 6};
    int count = add_candidate(out, 0, capacity, (tuning){{0}});
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        tuning t = {{0, columns[i]}};
        if (resolved(p, device, &t).value[ROWS] * columns[i] > 24)
            continue;
        count = add_candidate(out, count, capacity, t);
        t.value[GROUP_COLUMNS] = (int)round_up(p->gemm.n, 16);
        count = add_candidate(out, count, capacity, t);
        t.value[GROUP_COLUMNS] = columns[i] * 32;
        count = add_candidate(out, count, capacity, t);
    }
    return count;
}

static double vector_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    if (!device_is_cpu_shaped(device))
        return estimate_s(device, problem_flops(p), 0.01, problem_bytes(p), 1, 0);
    const int64_t groups = ceil_div(g->n, r.value[GROUP_COLUMNS]) * gemm_batches(g) * ceil_div(g->m, r.value[ROWS]);
    /* Adding up the lanes of a result costs as much as 40 multiply-adds. */
    const double flops = problem_flops(p) + (double)(g->m * g->n * gemm_batches(g)) * 2 * 40;
    return estimate_s(device, flops, 0.4, gemm_seen_bytes(p), 1, groups);
}

static socle_status vector_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    solver_launch launch = {.algorithm = "gemm/vector",
                            .source = "gemm/dot",
                            .kernel = "gemm_dot",
                            .dims = 3,
                            .local = {1, 1, 1},
                            .epilogue = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    gemm_add_options(&launch, p);
    text_addf(&launch.options, " -DWIDTH=%d -DROWS=%d -DCOLUMNS=%d", device_lanes(device), r.value[ROWS], r.value[COLUMNS]);
    for (int i = 0; i < 3; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    launch_arg(&launch, ARG_INT(r.value[GROUP_COLUMNS]));
    gemm_add_batch_args(&launch, g);
    launch.global[0] = (size_t)ceil_div(g->n, r.value[GROUP_COLUMNS]);
    launch.global[1] = (size_t)ceil_div(g->m, r.value[ROWS]);
    launch.global[2] = (size_t)gemm_batches(g);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_gemm_vector = {
    .name = "gemm/vector",
    .kind = PROBLEM_GEMM,
    .applicable = vector_applicable,
    .candidates = vector_candidates,
    .estimate = vector_estimate,
    .emit = vector_emit,
    .epilogues = true,
};
