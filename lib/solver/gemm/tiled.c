/* gemm/tiled: the product on GPU-shaped devices, tiles in local memory and blocks of results in registers; where there are few
 * tiles and k is long, k is split over groups and the sums are added in order. */
#include "gemm.h"

#include <math.h>

enum { TILE_M, TILE_N, TILE_K, ITEM_M, ITEM_N, SPLITS };

#define MOST_SPLITS 64
#define LEAST_SPLIT_DEPTH 128

/* Tiles and items as in CUTLASS and CLBlast for large products, narrow ones for few rows or columns. */
static const tuning shapes[] = {
    {{128, 128, 8, 8, 8}}, {{128, 128, 16, 8, 8}}, {{256, 128, 8, 8, 8}}, {{128, 256, 8, 8, 8}}, {{128, 64, 8, 8, 8}},
    {{64, 128, 8, 8, 8}},  {{64, 64, 8, 8, 8}},    {{128, 64, 16, 8, 4}}, {{64, 128, 16, 4, 8}}, {{64, 64, 16, 4, 4}},
    {{64, 64, 16, 8, 4}},  {{64, 32, 16, 4, 4}},   {{32, 64, 16, 4, 4}},  {{32, 32, 16, 4, 4}},  {{32, 128, 16, 4, 8}},
    {{128, 16, 16, 4, 4}}, {{16, 128, 16, 4, 4}},  {{16, 64, 16, 2, 4}},  {{8, 128, 16, 2, 4}},  {{4, 128, 16, 1, 4}},
    {{16, 16, 16, 2, 4}},  {{16, 16, 8, 4, 4}},
};

static int items(const tuning *t)
{
    return t->value[TILE_M] / t->value[ITEM_M] * (t->value[TILE_N] / t->value[ITEM_N]);
}

static bool fits(const socle_device *device, const tuning *t)
{
    const device_capabilities *c = &device->capabilities;
    const size_t lines_bytes = (size_t)(t->value[TILE_M] + t->value[TILE_N] + 8) * sizeof(float);
    return (size_t)items(t) <= c->max_work_group_size && (size_t)items(t) <= c->max_work_item_sizes[0] &&
           2 * lines_bytes * (size_t)t->value[TILE_K] <= c->local_memory_bytes;
}

/* ---- parts of k ---- */

static int64_t split_depth(const problem *p, const tuning *t, int64_t splits)
{
    return round_up(ceil_div(p->gemm.k, splits), t->value[TILE_K]);
}

/* Splits that are not empty. */
static int even_splits(const problem *p, const tuning *t, int64_t splits)
{
    return (int)ceil_div(p->gemm.k, split_depth(p, t, splits));
}

/* For devices that end long loops: turns of all of a work-item's loops for a tile, none of them unrolled (rusticl unrolls none).
 */
static int64_t turns_of_step(const tuning *t)
{
    const int *v = t->value;
    const int64_t loads = ceil_div(v[TILE_M] * v[TILE_K], 4 * items(t)) + ceil_div(v[TILE_N] * v[TILE_K], 4 * items(t));
    const int64_t vectors = v[ITEM_N] / 4;
    return 1 + 10 * loads + v[TILE_K] * (1 + v[ITEM_M] + vectors + v[ITEM_M] * (1 + vectors));
}

static int64_t least_splits(const problem *p, const socle_device *device, const tuning *t)
{
    const int64_t steps = ceil_div(p->gemm.k, t->value[TILE_K]), most = device_loop_turns(device) / turns_of_step(t) - 2;
    return ceil_div(steps, most);
}

/* ---- what a tuning costs, in multiply-adds that a compute unit could have done in the time ---- */

static int64_t group_count(const problem *p, const tuning *t)
{
    return ceil_div(p->gemm.m, t->value[TILE_M]) * ceil_div(p->gemm.n, t->value[TILE_N]) * gemm_batches(&p->gemm) *
           t->value[SPLITS];
}

/* Compute units issue a read of local memory every other turn or so. A float from the last cache costs 5 to 8 multiply-adds: 64
 * multiply-adds and 47 bytes a cycle on an A100's unit (NVIDIA A100 architecture white paper, 2020), 128 and 64 on later ones. A
 * unit is busy from some 256 work-items on; fewer wait for memory and each other (Volkov, "Better performance at lower
 * occupancy", 2010). */
static double cost(const problem *p, const socle_device *device, const tuning *t)
{
    const int *v = t->value;
    const int units = device_units(device), quad_m = v[ITEM_M] < 4 ? v[ITEM_M] : 4;
    const double rounds = (double)ceil_div(group_count(p, t), units);
    const double local = 2.0 * (v[ITEM_M] / quad_m + v[ITEM_N] / 4) / (v[ITEM_M] * v[ITEM_N]);
    const double cache = 8.0 / v[TILE_M] + 8.0 / v[TILE_N], step = 1000.0 / (v[TILE_M] * v[TILE_N] * v[TILE_K]);
    const double resident = fmin(rounds, 4) * items(t), busy = fmin(1, resident / 256);
    const double tile = (double)v[TILE_M] * v[TILE_N] * (double)split_depth(p, t, v[SPLITS]);
    double price = rounds * tile * (1 + local + cache + step) / busy;
    if (v[SPLITS] > 1) /* another launch, and sums that are written and read */
        price += 5e5 + 16.0 * v[SPLITS] * (double)(p->gemm.m * p->gemm.n * gemm_batches(&p->gemm)) / units;
    return price;
}

static size_t split_bytes(const problem *p, const tuning *t)
{
    return gemm_split_bytes(&p->gemm, t->value[SPLITS]);
}

/* The shape with the number of splits that costs the least; false: it cannot run. */
static bool with_splits(const problem *p, const socle_device *device, const tuning *shape, tuning *best)
{
    const int64_t least = least_splits(p, device, shape);
    const uint64_t most_bytes = device->capabilities.max_allocation_bytes / 2;
    double price = INFINITY;
    if (!fits(device, shape))
        return false;
    for (int64_t splits = least; splits == least || (splits <= MOST_SPLITS && p->gemm.k / splits >= LEAST_SPLIT_DEPTH);
         splits *= 2) {
        tuning t = *shape;
        t.value[SPLITS] = even_splits(p, shape, splits);
        if (cost(p, device, &t) < price && split_bytes(p, &t) <= most_bytes) {
            price = cost(p, device, &t);
            *best = t;
        }
    }
    return price < INFINITY;
}

/* ---- the solver ---- */

/* The cheapest first; behind them the cheapest few with k in other parts. */
static int tiled_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    double prices[COUNT_OF(shapes)];
    tuning sorted[COUNT_OF(shapes)];
    int found = 0, count = 0;
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        tuning t;
        if (!with_splits(p, device, &shapes[i], &t))
            continue;
        const double price = cost(p, device, &t);
        int at = found++;
        for (; at > 0 && prices[at - 1] > price; at--) {
            prices[at] = prices[at - 1];
            sorted[at] = sorted[at - 1];
        }
        prices[at] = price;
        sorted[at] = t;
    }
    for (int i = 0; i < found; i++)
        count = add_candidate(out, count, capacity, sorted[i]);
    for (int i = 0; i < found && i < 3; i++) {
        for (int64_t splits = least_splits(p, device, &sorted[i]); splits <= 16; splits *= 4) {
            tuning t = sorted[i];
            t.value[SPLITS] = even_splits(p, &t, splits);
            if (p->gemm.k / splits >= LEAST_SPLIT_DEPTH && split_bytes(p, &t) <= device->capabilities.max_allocation_bytes / 2)
                count = add_candidate(out, count, capacity, t);
        }
    }
    return count;
}

static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    tuning r = *t;
    if (t->value[TILE_M] == 0)
        tiled_candidates(p, device, &r, 1);
    return r;
}

static bool tiled_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    return gemm_vectorizable(p) && tiled_candidates(p, device, &t, 1) == 1;
}

static double tiled_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    const double price = cost(p, device, &r) * 2 * device_units(device);
    const double share = device_is_cpu_shaped(device) ? 0.004 : 0.85;
    return estimate_s(device, price, share, problem_bytes(p) + 2.0 * (double)split_bytes(p, &r), 1, 0);
}

static size_t tiled_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    return split_bytes(p, &r);
}

static socle_status tiled_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const int *v = r.value;
    const bool split = v[SPLITS] > 1;
    solver_launch launch = {.algorithm = "gemm/tiled",
                            .source = "gemm/tiled",
                            .kernel = "gemm_tiled",
                            .dims = 3,
                            .epilogue = !split,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p) + (double)split_bytes(p, &r)};
    gemm_add_options(&launch, p);
    text_addf(&launch.options, " -DTILE_M=%d -DTILE_N=%d -DTILE_K=%d -DITEM_M=%d -DITEM_N=%d -DTRANSPOSE_A=%d -DTRANSPOSE_B=%d",
              v[TILE_M], v[TILE_N], v[TILE_K], v[ITEM_M], v[ITEM_N], g->transpose_a, g->transpose_b);
    text_addf(&launch.options, " -DQUADS_A=%d -DQUADS_B=%d -DQUADS_C=%d -DSPLIT=%d",
              gemm_in_quads(p, device, g->transpose_a ? g->m : g->k, g->stride_a),
              gemm_in_quads(p, device, g->transpose_b ? g->k : g->n, g->stride_b), gemm_in_quads(p, device, g->n, NULL), split);
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_A]));
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_B]));
    launch_arg(&launch, ARG_OPERAND(split ? operands->workspace : operands->data[GEMM_C]));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    launch_arg(&launch, ARG_INT(split_depth(p, &r, v[SPLITS])));
    gemm_add_batch_args(&launch, g);
    launch.local[0] = (size_t)items(&r);
    launch.local[1] = launch.local[2] = 1;
    launch.global[0] = (size_t)(ceil_div(g->m, v[TILE_M]) * ceil_div(g->n, v[TILE_N])) * launch.local[0];
    launch.global[1] = (size_t)v[SPLITS];
    launch.global[2] = (size_t)gemm_batches(g);
    socle_status status = launch_emit(&launch, p, operands, steps);
    if (status == SOCLE_OK && split)
        status = gemm_emit_reduce(p, "gemm/tiled", v[SPLITS], operands, steps);
    return status;
}

const solver solver_gemm_tiled = {
    .name = "gemm/tiled",
    .kind = PROBLEM_GEMM,
    .applicable = tiled_applicable,
    .candidates = tiled_candidates,
    .estimate = tiled_estimate,
    .workspace_bytes = tiled_workspace_bytes,
    .emit = tiled_emit,
    .epilogues = true,
};
