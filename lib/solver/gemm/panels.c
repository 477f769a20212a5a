/* gemm/panels: products with a constant B on CPU-shaped devices. B is packed once into panels as wide as a register tile, so that
 * it streams; A is read in place, since a tile's few rows cost no more to read than to copy. One launch, no blocks along k: a
 * panel of some hundred KiB stays in a core's second cache while a group's rows pass over it. */
#include "gemm.h"

#include <math.h>

enum { ROWS, VECTORS, GROUP_ROWS, GROUP_COLUMNS, LANES };

/* A panel is fetched from the last cache once for so many rows. */
#define MOST_GROUP_ROWS 528
#define MOST_GROUP_COLUMNS 256

typedef struct tile {
    int rows, vectors;
} tile;

/* 32 vector registers, or 16. */
static const tile wide_tiles[] = {{6, 4}, {8, 3}, {8, 2}, {7, 4}, {12, 2}, {13, 2}, {11, 2}, {10, 2}, {9, 2}, {7, 3}, {5, 4}};
static const tile narrow_tiles[] = {{6, 2}, {4, 3}, {4, 2}, {5, 2}, {3, 4}, {2, 4}, {1, 8}};
static const tile wide_flat_tiles[] = {{1, 8}, {2, 8}, {3, 8}, {4, 6}, {5, 4}};

/* Cycles of one step of k for a tile: multiply-adds, loads, and the second cache that B comes from. */
static double step_cycles(tile t, int lanes)
{
    const double arithmetic = t.rows * t.vectors / 2.0, loads = (t.rows + t.vectors) / 2.0;
    const double cache = t.vectors * lanes * sizeof(float) / 28.0;
    return fmax(arithmetic * (1 + 0.02 * loads / arithmetic), fmax(loads, cache)) + 0.25;
}

static double tiled_cycles(const gemm_problem *g, tile t, int lanes)
{
    return (double)ceil_div(g->m, t.rows) * (double)ceil_div(g->n, t.vectors * lanes) * step_cycles(t, lanes);
}

static tile best_tile(const gemm_problem *g, int lanes, bool wide)
{
    const tile *lists[] = {wide ? wide_tiles : narrow_tiles, wide_flat_tiles};
    const size_t counts[] = {wide ? COUNT_OF(wide_tiles) : COUNT_OF(narrow_tiles), wide ? COUNT_OF(wide_flat_tiles) : 0};
    tile best = {1, 1};
    double least = tiled_cycles(g, best, lanes);
    for (size_t list = 0; list < 2; list++) {
        for (size_t i = 0; i < counts[list]; i++) {
            const tile t = lists[list][i];
            const double cycles = tiled_cycles(g, t, lanes);
            if (t.rows <= g->m && cycles < least) {
                best = t;
                least = cycles;
            }
        }
    }
    return best;
}

/* How many parts the work is worth: threads of their own pay from some 50,000 multiply-adds on, and many parts even out what else
 * the machine does. Where the time is that of reading B, each core reads the same part each time, from its own cache. */
static int64_t parts_wanted(const problem *p, const socle_device *device)
{
    const double work = problem_flops(p) / 2;
    const int units = device_units(device);
    if (work < 1e5)
        return 1;
    return work < 4e5 || p->gemm.m <= 2 ? units : launch_parts(device, problem_flops(p), 1, work < 2e7 ? 2 * units : 4 * units);
}

/* Whole tiles, as even as can be. */
static int even_share(int64_t extent, int64_t parts, int unit)
{
    const int64_t tiles = ceil_div(extent, unit);
    return (int)(ceil_div(tiles, parts < tiles ? parts : tiles) * unit);
}

/* The tuning with defaults in the place of zeros. */
static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    tuning r = *t;
    if (r.value[LANES] == 0)
        for (r.value[LANES] = device_lanes(device); r.value[LANES] > g->n;)
            r.value[LANES] = r.value[LANES] > 4 ? r.value[LANES] / 2 : 1;
    if (r.value[ROWS] == 0 || r.value[VECTORS] == 0) {
        const tile best = best_tile(g, r.value[LANES], device_lanes(device) == 16);
        r.value[ROWS] = best.rows;
        r.value[VECTORS] = best.vectors;
    }
    const int columns = r.value[VECTORS] * r.value[LANES];
    const int64_t parts = parts_wanted(p, device);
    if (r.value[GROUP_COLUMNS] == 0) {
        const int64_t blocks = g->m <= 2 ? 1 : ceil_div(g->n, MOST_GROUP_COLUMNS);
        r.value[GROUP_COLUMNS] = even_share(g->n, blocks > parts ? blocks : parts, columns);
    }
    if (r.value[GROUP_ROWS] == 0) {
        const int64_t blocks = ceil_div(g->m, MOST_GROUP_ROWS);
        const int64_t rest = ceil_div(parts, ceil_div(g->n, r.value[GROUP_COLUMNS]));
        r.value[GROUP_ROWS] = even_share(g->m, blocks > rest ? blocks : rest, r.value[ROWS]);
    }
    return r;
}

static gemm_panels panels_of(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    return (gemm_panels){1, r.value[VECTORS] * r.value[LANES], r.value[LANES]};
}

static bool panels_applicable(const problem *p, const socle_device *device)
{
    return gemm_vectorizable(p) && gemm_can_pack(p) && !gemm_streams_in_place(p) && device_runs_long_loops(device);
}

static int panels_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    static const int groups[][2] = {{0, 0}, {264, 512}, {264, 256}, {1032, 256}, {264, 1024}, {66, 512}, {66, 1024}, {132, 128}};
    const gemm_problem *g = &p->gemm;
    const bool wide = device_lanes(device) == 16;
    const tile *tiles = wide ? wide_tiles : narrow_tiles;
    const size_t tile_count = wide ? COUNT_OF(wide_tiles) : COUNT_OF(narrow_tiles);
    int count = add_candidate(out, 0, capacity, (tuning){{0}});
    for (size_t k = 0; k < COUNT_OF(groups); k++) {
        for (size_t i = 0; i < tile_count; i++) {
            tuning t = {{tiles[i].rows, tiles[i].vectors}};
            const int columns = tiles[i].vectors * resolved(p, device, &t).value[LANES];
            if (tiles[i].rows > g->m || columns >= 2 * g->n)
                continue;
            if (k > 0) {
                t.value[GROUP_ROWS] = even_share(g->m, ceil_div(g->m, groups[k][0]), tiles[i].rows);
                t.value[GROUP_COLUMNS] = even_share(g->n, ceil_div(g->n, groups[k][1]), columns);
            }
            count = add_candidate(out, count, capacity, t);
        }
    }
    return count;
}

static double panels_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    if (!device_is_cpu_shaped(device))
        return estimate_s(device, problem_flops(p), 0.01, problem_bytes(p), 1, 0);
    const tile tile = {r.value[ROWS], r.value[VECTORS]};
    const int lanes = r.value[LANES];
    const int64_t groups = ceil_div(g->m, r.value[GROUP_ROWS]) * ceil_div(g->n, r.value[GROUP_COLUMNS]);
    /* In multiply-adds of whole vectors, two in a cycle; starting and ending a tile costs some 40 cycles. */
    const double tiles = (double)ceil_div(g->m, tile.rows) * (double)ceil_div(g->n, tile.vectors * lanes);
    const double flops = tiles * (step_cycles(tile, lanes) * (double)g->k + 40) * 4 * device_lanes(device);
    return estimate_s(device, flops, 0.97, gemm_seen_bytes(p), 1, groups);
}

static size_t panels_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return gemm_packed_bytes(p, panels_of(p, device, t));
}

static socle_status panels_prepare(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                   step_list *steps)
{
    return gemm_emit_pack(p, panels_of(p, device, t), "gemm/panels", operands, steps);
}

static socle_status panels_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    solver_launch launch = {.algorithm = "gemm/panels",
                            .source = "gemm/direct",
                            .kernel = "gemm_direct",
                            .dims = 3,
                            .local = {1, 1, 1},
                            .epilogue = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    gemm_add_options(&launch, p);
    text_addf(&launch.options, " -DWIDTH=%d -DROWS=%d -DVECTORS=%d -DTRANSPOSE_A=%d -DB_PACKED=1", r.value[LANES], r.value[ROWS],
              r.value[VECTORS], g->transpose_a);
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_A]));
    launch_arg(&launch, ARG_OPERAND(operands->prepared));
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_C]));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    launch_arg(&launch, ARG_INT(r.value[GROUP_ROWS]));
    launch_arg(&launch, ARG_INT(r.value[GROUP_COLUMNS]));
    gemm_add_batch_args(&launch, g);
    launch.global[0] = (size_t)ceil_div(g->n, r.value[GROUP_COLUMNS]);
    launch.global[1] = (size_t)ceil_div(g->m, r.value[GROUP_ROWS]);
    launch.global[2] = 1;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_gemm_panels = {
    .name = "gemm/panels",
    .kind = PROBLEM_GEMM,
    .applicable = panels_applicable,
    .candidates = panels_candidates,
    .estimate = panels_estimate,
    .prepared_bytes = panels_prepared_bytes,
    .prepare = panels_prepare,
    .emit = panels_emit,
    .epilogues = true,
};
