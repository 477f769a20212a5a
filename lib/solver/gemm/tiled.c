/* gemm/tiled: the product on GPU-shaped devices, tiles in local memory and blocks of results in registers; where there are few
 * tiles and k is long, k is split over groups and the sums are added in order. */
#include "tiles.h"

#include <math.h>

/* Tiles and items as in CUTLASS and CLBlast for large products, narrow ones for few rows or columns. */
static const tuning shapes[] = {
    {{128, 128, 8, 8, 8}}, {{128, 128, 16, 8, 8}}, {{256, 128, 8, 8, 8}}, {{128, 256, 8, 8, 8}}, {{128, 64, 8, 8, 8}},
    {{64, 128, 8, 8, 8}},  {{64, 64, 8, 8, 8}},    {{128, 64, 16, 8, 4}}, {{64, 128, 16, 4, 8}}, {{64, 64, 16, 4, 4}},
    {{64, 64, 16, 8, 4}},  {{64, 32, 16, 4, 4}},   {{32, 64, 16, 4, 4}},  {{32, 32, 16, 4, 4}},  {{32, 128, 16, 4, 8}},
    {{128, 16, 16, 4, 4}}, {{16, 128, 16, 4, 4}},  {{16, 64, 16, 2, 4}},  {{8, 128, 16, 2, 4}},  {{4, 128, 16, 1, 4}},
    {{16, 16, 16, 2, 4}},  {{16, 16, 8, 4, 4}},
};

static tile_product tiled_product(const problem *p)
{
    return (tile_product){.g = &p->gemm, .depth = p->gemm.k, .rate = 1};
}

/* Devices that end long loops need so many parts of k. */
static int64_t least_splits(const problem *p, const socle_device *device, const tuning *t)
{
    const int64_t steps = ceil_div(p->gemm.k, t->value[TILE_K]), most = device_loop_turns(device) / tile_turns(t) - 2;
    return ceil_div(steps, most);
}

static size_t split_bytes(const problem *p, const tuning *t)
{
    return gemm_split_bytes(&p->gemm, t->value[SPLITS]);
}

static double with_splits(const problem *p, const socle_device *device, const tuning *shape, tuning *t)
{
    *t = *shape;
    return tile_with_splits(device, tiled_product(p), least_splits(p, device, shape), t);
}

/* ---- the solver ---- */

/* The cheapest first; behind them the cheapest few with k in other parts. */
static int tiled_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const int found = tile_candidates(p, device, shapes, COUNT_OF(shapes), with_splits, out, capacity);
    int count = found;
    for (int i = 0; i < found && i < 3; i++) {
        for (int64_t splits = least_splits(p, device, &out[i]); splits <= 16; splits *= 4) {
            tuning t = out[i];
            t.value[SPLITS] = tile_even_splits(&t, p->gemm.k, splits);
            if (p->gemm.k / splits >= TILE_LEAST_SPLIT && split_bytes(p, &t) <= device->capabilities.max_allocation_bytes / 2)
                count = add_candidate(out, count, capacity, t);
        }
    }
    return count;
}

static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    return tuning_resolve(p, device, t, TILE_M, tiled_candidates);
}

static bool tiled_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    return gemm_vectorizable(p) && tiled_candidates(p, device, &t, 1) == 1;
}

static double tiled_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    const double price = tile_split_cost(device, tiled_product(p), &r) * 2 * device_units(device);
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
    tile_add_options(&launch.options, &r, 1);
    text_addf(&launch.options, " -DTRANSPOSE_A=%d -DTRANSPOSE_B=%d", g->transpose_a, g->transpose_b);
    text_addf(&launch.options, " -DQUADS_A=%d -DQUADS_B=%d -DQUADS_C=%d -DSPLIT=%d",
              gemm_in_quads(p, device, g->transpose_a ? g->m : g->k, g->stride_a),
              gemm_in_quads(p, device, g->transpose_b ? g->k : g->n, g->stride_b), gemm_in_quads(p, device, g->n, NULL), split);
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_A]));
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_B]));
    launch_arg(&launch, ARG_OPERAND(split ? operands->workspace : operands->data[GEMM_C]));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    launch_arg(&launch, ARG_INT(tile_split_depth(&r, g->k, v[SPLITS])));
    gemm_add_batch_args(&launch, g);
    tile_set_range(&launch, g, &r);
    launch.global[1] = (size_t)v[SPLITS];
    return gemm_emit_split(&launch, p, v[SPLITS], operands, steps);
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
