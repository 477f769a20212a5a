/* gemm/direct: products on CPU-shaped devices in one launch. A is read in place, and so is B while it is small or few rows use
 * it: the layers of small networks, forward and backward. A transposed B, and one that many rows share, goes through local memory
 * panel by panel. */
#include "gemm.h"

enum { ROWS, VECTORS, GROUP_ROWS, GROUP_COLUMNS, LANES, COPY };

enum { COPY_BY_SIZE, COPY_NEVER, COPY_ALWAYS };

#define MOST_ACCUMULATORS 16
#define MOST_PANEL_BYTES 524288 /* beside A and C in a core's second cache */

/* Rows of a tile: few tiles, few rows computed twice. */
static int default_rows(int64_t m, int most)
{
    int best = 1;
    int64_t best_cost = INT64_MAX;
    for (int rows = 1; rows <= most && rows <= m; rows++) {
        const int64_t cost = ceil_div(m, rows) * (rows + 2);
        if (cost <= best_cost) {
            best = rows;
            best_cost = cost;
        }
    }
    return best;
}

static size_t panel_bytes(const problem *p, const tuning *r)
{
    const bool local = p->gemm.transpose_b || r->value[COPY] == COPY_ALWAYS;
    return local ? (size_t)(p->gemm.k * r->value[VECTORS] * r->value[LANES]) * sizeof(float) : 0;
}

/* How many parts the work is worth: a thread of its own pays from some 50,000 multiplications on. */
static int64_t parts_wanted(const problem *p, const socle_device *device)
{
    const double work = problem_flops(p) / 2 / (double)gemm_batches(&p->gemm);
    const int units = device_units(device);
    return work < 1e5 ? 1 : work < 4e5 ? units : work < 2e7 ? 2 * units : 4 * units;
}

/* Panels of a B that outgrows the first cache and that many rows share are worth copying; the widest whose number makes even
 * parts, so that none is copied twice. */
static void copy_by_size(const problem *p, const socle_device *device, tuning *r)
{
    static const int wide[][2] = {{6, 4}, {8, 2}}, narrow[][2] = {{6, 2}, {8, 1}};
    const gemm_problem *g = &p->gemm;
    const int(*tiles)[2] = device_lanes(device) == 16 ? wide : narrow;
    const int64_t parts = parts_wanted(p, device);
    if (g->m < 48 || g->k * g->n < 32768)
        return;
    for (int i = 0; i < 2; i++) {
        tuning t = *r;
        t.value[COPY] = COPY_ALWAYS;
        t.value[ROWS] = tiles[i][0];
        t.value[VECTORS] = tiles[i][1];
        const int columns = t.value[VECTORS] * t.value[LANES];
        const int64_t blocks = ceil_div(g->n, columns);
        const bool even = blocks % parts == 0 || blocks >= 4 * parts;
        if (panel_bytes(p, &t) <= device->capabilities.local_memory_bytes && panel_bytes(p, &t) <= MOST_PANEL_BYTES &&
            columns <= g->n && (even || i == 1)) {
            *r = t;
            return;
        }
    }
}

/* The tuning with defaults in the place of zeros. */
static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    tuning r = *t;
    if (r.value[LANES] == 0)
        for (r.value[LANES] = device_lanes(device); r.value[LANES] > g->n;)
            r.value[LANES] = r.value[LANES] > 4 ? r.value[LANES] / 2 : 1;
    if (r.value[COPY] == COPY_BY_SIZE && r.value[ROWS] == 0 && r.value[VECTORS] == 0)
        copy_by_size(p, device, &r);
    if (r.value[COPY] == COPY_BY_SIZE || g->transpose_b)
        r.value[COPY] = COPY_NEVER;
    if (r.value[ROWS] == 0)
        r.value[ROWS] = default_rows(g->m, device_lanes(device) == 16 ? 8 : 6);
    if (r.value[VECTORS] == 0) {
        const int64_t wanted = ceil_div(g->n, r.value[LANES]);
        const int room = MOST_ACCUMULATORS / r.value[ROWS] < 2 ? 1 : MOST_ACCUMULATORS / r.value[ROWS];
        r.value[VECTORS] = (int)(wanted < room ? wanted : room > 4 ? 4 : room);
    }
    const int columns = r.value[VECTORS] * r.value[LANES];
    const int64_t parts = parts_wanted(p, device);
    if (r.value[GROUP_COLUMNS] == 0) {
        const int64_t blocks = ceil_div(g->n, columns), share = blocks < parts ? blocks : parts;
        r.value[GROUP_COLUMNS] = (int)(ceil_div(blocks, share) * columns);
    }
    if (r.value[GROUP_ROWS] == 0) {
        const int64_t rest = ceil_div(parts, ceil_div(g->n, r.value[GROUP_COLUMNS]));
        const int64_t blocks = ceil_div(g->m, r.value[ROWS]), share = blocks < rest ? blocks : rest;
        r.value[GROUP_ROWS] = (int)(ceil_div(blocks, share) * r.value[ROWS]);
    }
    return r;
}

static bool direct_applicable(const problem *p, const socle_device *device)
{
    const tuning zero = {{0}};
    if (!gemm_vectorizable(p) || !device_runs_long_loops(device))
        return false;
    const tuning r = resolved(p, device, &zero);
    return panel_bytes(p, &r) <= device->capabilities.local_memory_bytes;
}

static int direct_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    static const int tiles[][2] = {{8, 2}, {6, 4}, {4, 4},  {8, 1}, {4, 2}, {6, 2},
                                   {7, 2}, {5, 2}, {12, 2}, {2, 4}, {1, 8}, {1, 4}};
    const gemm_problem *g = &p->gemm;
    int count = add_candidate(out, 0, capacity, (tuning){{0}});
    for (size_t i = 0; i < COUNT_OF(tiles); i++) {
        tuning t = {{tiles[i][0], tiles[i][1]}};
        const tuning r = resolved(p, device, &t);
        if (tiles[i][0] > g->m || (tiles[i][1] - 1) * r.value[LANES] >= g->n ||
            panel_bytes(p, &r) > device->capabilities.local_memory_bytes)
            continue;
        count = add_candidate(out, count, capacity, t);
        t.value[COPY] = COPY_ALWAYS;
        if (!g->transpose_b && panel_bytes(p, &(tuning){{0, r.value[VECTORS], 0, 0, r.value[LANES], COPY_ALWAYS}}) <=
                                   device->capabilities.local_memory_bytes)
            count = add_candidate(out, count, capacity, t);
        t.value[COPY] = COPY_BY_SIZE;
        t.value[GROUP_ROWS] = (int)g->m;
        t.value[GROUP_COLUMNS] = (int)g->n;
        count = add_candidate(out, count, capacity, t);
    }
    return count;
}

static double direct_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const int64_t row_groups = ceil_div(g->m, r.value[GROUP_ROWS]), column_groups = ceil_div(g->n, r.value[GROUP_COLUMNS]);
    const double batches = (double)gemm_batches(g), depth = (double)g->k;
    const double rows = (double)round_up(g->m, r.value[ROWS]);
    const double columns = (double)round_up(g->n, r.value[VECTORS] * r.value[LANES]);
    /* The tile's loads bind small tiles; a B that outgrows the caches binds all. */
    const double arithmetic = r.value[ROWS] * r.value[VECTORS], loads = r.value[ROWS] / 2.0 + r.value[VECTORS];
    const double lanes = (double)r.value[LANES] / device_lanes(device);
    const bool copied = panel_bytes(p, &r) > 0;
    const bool large = !copied && depth * (double)g->n * sizeof(float) > 512e3;
    const double share = copied ? 0.93 * lanes : 0.75 * (large ? 0.5 : 1) * lanes * arithmetic / (arithmetic + loads);
    double flops = 2 * batches * rows * columns * depth;
    if (copied) /* transposing an element costs about as much as 8 multiply-adds in a vector's time, copying it as 6 */
        flops += batches * (double)row_groups * depth * columns * 2 * (g->transpose_b ? 8 : 6);
    if (!device_is_cpu_shaped(device))
        return estimate_s(device, flops, 0.01, problem_bytes(p), 1, 0);
    /* Neither rows far apart nor transposing while reading keeps up with memory. */
    const bool slow_reads = large || (copied && g->transpose_b);
    return estimate_s(device, flops, share, gemm_seen_bytes(p) * (slow_reads ? 2 : 1), 1,
                      row_groups * column_groups * gemm_batches(g));
}

static socle_status direct_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    solver_launch launch = {.algorithm = "gemm/direct",
                            .source = "gemm/direct",
                            .kernel = "gemm_direct",
                            .dims = 3,
                            .local = {1, 1, 1},
                            .epilogue = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    gemm_add_options(&launch, p);
    text_addf(&launch.options, " -DWIDTH=%d -DROWS=%d -DVECTORS=%d -DTRANSPOSE_A=%d -DB_TRANSPOSED=%d -DB_COPIED=%d",
              r.value[LANES], r.value[ROWS], r.value[VECTORS], g->transpose_a, g->transpose_b, r.value[COPY] == COPY_ALWAYS);
    for (int i = 0; i < 3; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    launch_arg(&launch, ARG_INT(r.value[GROUP_ROWS]));
    launch_arg(&launch, ARG_INT(r.value[GROUP_COLUMNS]));
    gemm_add_batch_args(&launch, g);
    if (panel_bytes(p, &r) > 0)
        launch_arg(&launch, ARG_LOCAL((int64_t)panel_bytes(p, &r)));
    launch.global[0] = (size_t)ceil_div(g->n, r.value[GROUP_COLUMNS]);
    launch.global[1] = (size_t)ceil_div(g->m, r.value[GROUP_ROWS]);
    launch.global[2] = (size_t)gemm_batches(g);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_gemm_direct = {
    .name = "gemm/direct",
    .kind = PROBLEM_GEMM,
    .applicable = direct_applicable,
    .candidates = direct_candidates,
    .estimate = direct_estimate,
    .emit = direct_emit,
    .epilogues = true,
};
