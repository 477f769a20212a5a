/* gemm/bytes_tiled: products of bytes with sums in int32 on GPU-shaped devices: the tiles of gemm/tiled with four bytes in the
 * place of a float, and the device's integer dot product where it was probed (device_instruction in device.h). */
#include "tiles.h"

#include <math.h>

static const tuning shapes[] = {
    {{128, 128, 8, 8, 8}}, {{128, 64, 8, 8, 8}}, {{64, 128, 8, 8, 8}}, {{64, 64, 8, 8, 8}}, {{64, 64, 8, 4, 4}},
    {{64, 64, 16, 4, 4}},  {{32, 64, 8, 4, 4}},  {{64, 32, 8, 4, 4}},  {{32, 32, 8, 4, 4}}, {{16, 128, 8, 4, 4}},
    {{128, 16, 8, 4, 4}},  {{16, 64, 8, 2, 4}},  {{4, 128, 16, 1, 4}}, {{16, 16, 8, 2, 4}},
};

/* Steps of k: words of four bytes. */
static int64_t words_of(const problem *p)
{
    return ceil_div(p->gemm.k, 4);
}

/* In plain arithmetic four products are taken apart, multiplied and added one by one. */
static tile_product product_of(const problem *p, const socle_device *device)
{
    return (tile_product){
        .g = &p->gemm, .depth = words_of(p), .rate = device_has_instruction(device, INSTRUCTION_DOT_PACKED) ? 1 : 1.0 / 6};
}

static double price_of(const problem *p, const socle_device *device, const tuning *shape, tuning *t)
{
    const int64_t steps = ceil_div(words_of(p), shape->value[TILE_K]);
    *t = *shape;
    t->value[SPLITS] = 1;
    return steps <= device_loop_turns(device) / tile_turns(shape) ? tile_cost(device, product_of(p, device), t) : INFINITY;
}

static int bytes_tiled_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    return tile_candidates(p, device, shapes, COUNT_OF(shapes), price_of, out, capacity);
}

static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    return tuning_resolve(p, device, t, TILE_M, bytes_tiled_candidates);
}

static bool bytes_tiled_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    return gemm_bytes_fit(p, device) && bytes_tiled_candidates(p, device, &t, 1) == 1;
}

static double bytes_tiled_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    const double price = tile_cost(device, product_of(p, device), &r) * 2 * device_units(device);
    return estimate_s(device, price, device_is_cpu_shaped(device) ? 0.004 : 0.85, problem_bytes(p), 1, 0);
}

/* Four bytes next to each other can be read as one. */
static bool comes_in_words(const problem *p, int64_t contiguous, const int64_t *strides)
{
    bool words = contiguous % 4 == 0;
    for (int i = 0; i < p->gemm.batch_rank; i++)
        words = words && strides[i] % 4 == 0;
    return words;
}

static socle_status bytes_tiled_emit(const problem *p, const socle_device *device, const tuning *t,
                                     const solver_operands *operands, step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    solver_launch launch = {.algorithm = "gemm/bytes_tiled",
                            .source = "gemm/bytes_tiled",
                            .kernel = "gemm_bytes_tiled",
                            .dims = 3,
                            .epilogue = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    gemm_add_bytes_options(&launch, p);
    tile_add_options(&launch.options, &r, 4);
    text_addf(&launch.options, " -DWORDS_A=%d -DWORDS_B=%d -DQUADS_C=%d",
              comes_in_words(p, g->transpose_a ? g->m : g->k, g->stride_a),
              comes_in_words(p, g->transpose_b ? g->k : g->n, g->stride_b), gemm_in_quads(p, device, g->n, NULL));
    if (device_has_instruction(device, INSTRUCTION_DOT_PACKED))
        text_addf(&launch.options, " -DDOT=2%s", device_newest_language(device));
    for (int i = 0; i < 3; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    gemm_add_batch_strides(&launch, g);
    tile_set_range(&launch, g, &r);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_gemm_bytes_tiled = {
    .name = "gemm/bytes_tiled",
    .kind = PROBLEM_GEMM,
    .applicable = bytes_tiled_applicable,
    .candidates = bytes_tiled_candidates,
    .estimate = bytes_tiled_estimate,
    .emit = bytes_tiled_emit,
    .epilogues = true,
};
