/* gemm/vector: one to sixteen rows on CPU-shaped devices, where the time is that of reading B once. A constant B is packed into
 * panels, so that it streams; any other B that is stored transposed is read in place by dot products, and so is a large one for a
 * row or two: its lines are long enough to stream as they are. (Rows of B in place: gemm/direct.) */
#include "gemm.h"

enum { ROWS, VECTORS, GROUP_COLUMNS };

#define MOST_ROWS 16
#define DOT_COLUMNS 4

/* Not packing a large B keeps one copy of it, and a model's file is read where it is mapped: nothing to prepare at the start. */
static bool streams_in_place(const problem *p)
{
    const gemm_problem *g = &p->gemm;
    return g->transpose_b && !g->transpose_a && g->m <= 2 && g->k >= 512 && g->n * g->k >= 1 << 18;
}

static bool uses_panels(const problem *p)
{
    return gemm_can_pack(p) && !streams_in_place(p);
}

static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    const int lanes = device_lanes(device), accumulators = lanes == 16 ? 16 : 12;
    tuning r = *t;
    if (r.value[ROWS] == 0)
        r.value[ROWS] = (int)(g->m <= 8 ? g->m : ceil_div(g->m, 2));
    if (r.value[VECTORS] == 0) {
        const int room = accumulators / r.value[ROWS], most = room > 8 ? 8 : room < 1 ? 1 : room;
        const int64_t wanted = ceil_div(g->n, lanes);
        r.value[VECTORS] = uses_panels(p) ? (int)(wanted < most ? wanted : most) : room < DOT_COLUMNS ? 2 : DOT_COLUMNS;
    }
    if (r.value[GROUP_COLUMNS] == 0) {
        const int columns = uses_panels(p) ? r.value[VECTORS] * lanes : r.value[VECTORS];
        /* Two groups per unit where there is enough to read, one group where a second thread would cost more than it saves. */
        const double bytes = (double)g->n * (double)g->k * (double)socle_dtype_size_bytes(p->dtype);
        const int64_t parts = bytes < 128e3 ? 1 : bytes < 512e3 ? device_units(device) : 2 * device_units(device);
        const int64_t blocks = ceil_div(g->n, columns);
        r.value[GROUP_COLUMNS] = (int)(ceil_div(blocks, blocks < parts ? blocks : parts) * columns);
    }
    return r;
}

static gemm_panels panels_of(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    return (gemm_panels){device_lanes(device), r.value[VECTORS] * device_lanes(device)};
}

static bool vector_applicable(const problem *p, const socle_device *device)
{
    const gemm_problem *g = &p->gemm;
    if (!gemm_vectorizable(p) || g->m > MOST_ROWS || !device_runs_long_loops(device))
        return false;
    return uses_panels(p) || (g->transpose_b && (!g->transpose_a || g->m == 1));
}

static int vector_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    static const int vectors[] = {8, 4, 2, 1, 6, 12};
    int count = add_candidate(out, 0, capacity, (tuning){{0}});
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        tuning t = {{0, vectors[i]}};
        const tuning r = resolved(p, device, &t);
        if (r.value[ROWS] * vectors[i] > 24 || (uses_panels(p) && (vectors[i] - 1) * device_lanes(device) >= p->gemm.n))
            continue;
        count = add_candidate(out, count, capacity, t);
        t.value[GROUP_COLUMNS] = (int)round_up(p->gemm.n, 16);
        count = add_candidate(out, count, capacity, t);
        t.value[GROUP_COLUMNS] = vectors[i] * (uses_panels(p) ? device_lanes(device) : 32);
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
    const int64_t row_groups = ceil_div(g->m, r.value[ROWS]);
    const int64_t groups = ceil_div(g->n, r.value[GROUP_COLUMNS]) * gemm_batches(g) * (uses_panels(p) ? 1 : row_groups);
    double flops = problem_flops(p);
    if (uses_panels(p))
        flops *= (double)round_up(g->n, panels_of(p, device, t).columns) / (double)g->n;
    else /* adding up the lanes of each result */
        flops += (double)(g->m * g->n * gemm_batches(g)) * 2 * 40;
    return estimate_s(device, flops, 0.4, gemm_seen_bytes(p), 1, groups);
}

static size_t vector_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return uses_panels(p) ? gemm_packed_bytes(p, panels_of(p, device, t)) : 0;
}

static socle_status vector_prepare(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                   step_list *steps)
{
    return gemm_emit_pack(p, panels_of(p, device, t), "gemm/vector", operands, steps);
}

static socle_status vector_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const bool panels = uses_panels(p);
    solver_launch launch = {.algorithm = "gemm/vector",
                            .source = panels ? "gemm/direct" : "gemm/dot",
                            .kernel = panels ? "gemm_direct" : "gemm_dot",
                            .dims = 3,
                            .local = {1, 1, 1},
                            .epilogue = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    gemm_add_options(&launch, p);
    text_addf(&launch.options, " -DWIDTH=%d -DROWS=%d", device_lanes(device), r.value[ROWS]);
    if (panels)
        text_addf(&launch.options, " -DVECTORS=%d -DTRANSPOSE_A=%d -DB_PACKED=1", r.value[VECTORS], g->transpose_a);
    else
        text_addf(&launch.options, " -DCOLUMNS=%d", r.value[VECTORS]);
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_A]));
    launch_arg(&launch, ARG_OPERAND(panels ? operands->prepared : operands->data[GEMM_B]));
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_C]));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    if (panels)
        launch_arg(&launch, ARG_INT(round_up(g->m, r.value[ROWS])));
    launch_arg(&launch, ARG_INT(r.value[GROUP_COLUMNS]));
    gemm_add_batch_args(&launch, g);
    launch.global[0] = (size_t)ceil_div(g->n, r.value[GROUP_COLUMNS]);
    launch.global[1] = panels ? 1 : (size_t)ceil_div(g->m, r.value[ROWS]);
    launch.global[2] = (size_t)gemm_batches(g);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_gemm_vector = {
    .name = "gemm/vector",
    .kind = PROBLEM_GEMM,
    .applicable = vector_applicable,
    .candidates = vector_candidates,
    .estimate = vector_estimate,
    .prepared_bytes = vector_prepared_bytes,
    .prepare = vector_prepare,
    .emit = vector_emit,
    .epilogues = true,
};
