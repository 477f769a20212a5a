/* gemm/tiled: the product on GPU-shaped devices, tiles in local memory and blocks of results in registers. */
#include "gemm.h"

enum { TILE_M, TILE_N, TILE_K, ITEM_M, ITEM_N };

static const tuning shapes[] = {
    {{128, 128, 16, 8, 8}}, {{64, 64, 16, 4, 4}}, {{32, 32, 16, 2, 2}}, {{128, 64, 16, 8, 4}}, {{64, 128, 16, 4, 8}},
    {{128, 128, 8, 8, 8}},  {{64, 64, 32, 4, 4}}, {{64, 64, 16, 8, 4}}, {{32, 64, 16, 4, 4}},  {{16, 64, 16, 2, 4}},
    {{64, 32, 16, 4, 4}},   {{16, 16, 16, 1, 1}}, {{32, 32, 16, 4, 4}}, {{8, 8, 8, 1, 1}},
};

static int items(const tuning *t)
{
    return t->value[TILE_M] / t->value[ITEM_M] * (t->value[TILE_N] / t->value[ITEM_N]);
}

static bool fits(const socle_device *device, const tuning *t)
{
    const device_capabilities *c = &device->capabilities;
    const size_t local_bytes = (size_t)(t->value[TILE_M] + t->value[TILE_N] + 2) * (size_t)t->value[TILE_K] * sizeof(float);
    return (size_t)items(t) <= c->max_work_group_size &&
           (size_t)(t->value[TILE_N] / t->value[ITEM_N]) <= c->max_work_item_sizes[0] &&
           (size_t)(t->value[TILE_M] / t->value[ITEM_M]) <= c->max_work_item_sizes[1] && local_bytes <= c->local_memory_bytes &&
           t->value[TILE_M] * t->value[TILE_K] % items(t) == 0 && t->value[TILE_N] * t->value[TILE_K] % items(t) == 0;
}

static int64_t group_count(const problem *p, const tuning *t)
{
    return ceil_div(p->gemm.m, t->value[TILE_M]) * ceil_div(p->gemm.n, t->value[TILE_N]) * gemm_batches(&p->gemm);
}

/* The largest tile that leaves two groups for each unit, else the smallest of the first three. */
static tuning default_shape(const problem *p, const socle_device *device)
{
    for (int i = 0; i < 3; i++)
        if (fits(device, &shapes[i]) && (i == 2 || group_count(p, &shapes[i]) >= 2 * device_units(device)))
            return shapes[i];
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        if (fits(device, &shapes[i]))
            return shapes[i];
    return (tuning){{0}};
}

static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    return t->value[TILE_M] != 0 ? *t : default_shape(p, device);
}

static bool tiled_applicable(const problem *p, const socle_device *device)
{
    /* k, and for each tile the loads and results of a work-item. */
    const int64_t turns = p->gemm.k + ceil_div(p->gemm.k, 8) * 32;
    return gemm_vectorizable(p) && default_shape(p, device).value[TILE_M] != 0 && turns <= device_loop_turns(device);
}

static int tiled_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    int count = add_candidate(out, 0, capacity, default_shape(p, device));
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        if (fits(device, &shapes[i]))
            count = add_candidate(out, count, capacity, shapes[i]);
    return count;
}

static double tiled_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const double rows = (double)round_up(g->m, r.value[TILE_M]), columns = (double)round_up(g->n, r.value[TILE_N]);
    const double flops = 2 * (double)gemm_batches(g) * rows * columns * (double)round_up(g->k, r.value[TILE_K]);
    const double per_load = r.value[ITEM_M] * r.value[ITEM_N] / (double)(r.value[ITEM_M] + r.value[ITEM_N]);
    const double share = device_is_cpu_shaped(device) ? 0.004 : 0.6 * per_load / (per_load + 1);
    return estimate_s(device, flops, share, problem_bytes(p), 1, device_is_cpu_shaped(device) ? 0 : group_count(p, &r));
}

static socle_status tiled_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    solver_launch launch = {.algorithm = "gemm/tiled",
                            .source = "gemm/tiled",
                            .kernel = "gemm_tiled",
                            .dims = 3,
                            .epilogue = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    gemm_add_options(&launch, p);
    text_addf(&launch.options, " -DTILE_M=%d -DTILE_N=%d -DTILE_K=%d -DITEM_M=%d -DITEM_N=%d -DTRANSPOSE_A=%d -DTRANSPOSE_B=%d",
              r.value[TILE_M], r.value[TILE_N], r.value[TILE_K], r.value[ITEM_M], r.value[ITEM_N], g->transpose_a,
              g->transpose_b);
    for (int i = 0; i < 3; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    gemm_add_batch_args(&launch, g);
    launch.local[0] = (size_t)(r.value[TILE_N] / r.value[ITEM_N]);
    launch.local[1] = (size_t)(r.value[TILE_M] / r.value[ITEM_M]);
    launch.local[2] = 1;
    launch.global[0] = (size_t)ceil_div(g->n, r.value[TILE_N]) * launch.local[0];
    launch.global[1] = (size_t)ceil_div(g->m, r.value[TILE_M]) * launch.local[1];
    launch.global[2] = (size_t)gemm_batches(g);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_gemm_tiled = {
    .name = "gemm/tiled",
    .kind = PROBLEM_GEMM,
    .applicable = tiled_applicable,
    .candidates = tiled_candidates,
    .estimate = tiled_estimate,
    .emit = tiled_emit,
    .epilogues = true,
};
