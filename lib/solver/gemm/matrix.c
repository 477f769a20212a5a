/* gemm/matrix: products of half and bfloat16 numbers, and of float32 ones where they may be rounded to TF32, by the device's
 * matrix instructions, which were tried before (kernels/common/matrix.cl says which these are). The tiles of gemm/tiled with
 * words of two halves, or of one number of TF32, in the place of a float. */
#include "tiles.h"

#include <math.h>

/* 32 items have 8 ITEM_M x 4 ITEM_N results: whole fragments of 16 x 8. */
static const tuning shapes[] = {
    {{128, 128, 16, 8, 8}}, {{128, 256, 8, 8, 16}}, {{256, 128, 8, 8, 16}}, {{128, 64, 16, 8, 4}}, {{64, 128, 16, 4, 8}},
    {{64, 64, 16, 4, 4}},   {{64, 64, 16, 4, 8}},   {{128, 128, 8, 8, 8}},  {{32, 64, 16, 4, 4}},  {{64, 32, 16, 4, 4}},
    {{16, 128, 16, 2, 8}},  {{32, 32, 16, 2, 4}},   {{16, 64, 16, 2, 4}},   {{16, 32, 16, 2, 2}},
};

static device_instruction instruction_of(const problem *p)
{
    switch (p->dtype) {
    case SOCLE_FLOAT16:
        return INSTRUCTION_MMA_FLOAT16;
    case SOCLE_BFLOAT16:
        return INSTRUCTION_MMA_BFLOAT16;
    default:
        return INSTRUCTION_MMA_TF32;
    }
}

static int numbers_of_word(const problem *p)
{
    return p->dtype == SOCLE_FLOAT32 ? 1 : 2;
}

static int64_t words_of(const problem *p)
{
    return ceil_div(p->gemm.k, numbers_of_word(p));
}

/* A line of words and 4 to spare, twice; the exchange of items that do without the instruction. */
static bool fits(const socle_device *device, const tuning *t)
{
    const int *v = t->value;
    const size_t tiles_words = 2 * (size_t)(v[TILE_M] + v[TILE_N]) * (size_t)(v[TILE_K] + 4);
    return (tiles_words + 6 * (size_t)tile_items(t)) * sizeof(uint32_t) <= device->capabilities.local_memory_bytes;
}

static double price_of(const problem *p, const socle_device *device, const tuning *shape, tuning *t)
{
    *t = *shape;
    t->value[SPLITS] = 1;
    return fits(device, t) ? tile_cost(p, device, t, words_of(p)) : INFINITY;
}

static int matrix_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    return tile_candidates(p, device, shapes, COUNT_OF(shapes), price_of, out, capacity);
}

static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    tuning r = *t;
    if (t->value[TILE_M] == 0)
        matrix_candidates(p, device, &r, 1);
    return r;
}

static bool matrix_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    return gemm_vectorizable(p) && device_has_instruction(device, instruction_of(p)) &&
           (p->dtype != SOCLE_FLOAT32 || (p->allow_tf32 && !p->strict_accuracy)) && matrix_candidates(p, device, &t, 1) == 1;
}

/* A multiply-add of words takes no longer than one of floats: the least of what NVIDIA gives for its devices, whose rates of TF32
 * are 1 to 8 times those of float32 (GA102 and A100 architecture white papers, 2020). */
static double matrix_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    const double price = tile_cost(p, device, &r, words_of(p)) * 2 * device_units(device);
    return estimate_s(device, price, device_has_instruction(device, INSTRUCTION_MMA_SHARED) ? 0.001 : 1, problem_bytes(p), 1, 0);
}

static socle_status matrix_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const int *v = r.value;
    solver_launch launch = {.algorithm = "gemm/matrix",
                            .source = "gemm/matrix",
                            .kernel = "gemm_matrix",
                            .dims = 3,
                            .epilogue = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    gemm_add_options(&launch, p);
    text_addf(&launch.options, " -DMATRIX=%s -DTILE_M=%d -DTILE_N=%d -DTILE_K=%d -DITEM_M=%d -DITEM_N=%d",
              device_has_instruction(device, INSTRUCTION_MMA_SHARED) ? "MATRIX_SHARED" : "MATRIX_PTX", v[TILE_M], v[TILE_N],
              v[TILE_K], v[ITEM_M], v[ITEM_N]);
    text_addf(&launch.options, " -DTRANSPOSE_A=%d -DTRANSPOSE_B=%d -DQUADS_A=%d -DQUADS_B=%d", g->transpose_a, g->transpose_b,
              gemm_in_quads(p, device, g->transpose_a ? g->m : g->k, g->stride_a),
              gemm_in_quads(p, device, g->transpose_b ? g->k : g->n, g->stride_b));
    for (int i = 0; i < 3; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    gemm_add_batch_args(&launch, g);
    tile_set_range(&launch, g, &r);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_gemm_matrix = {
    .name = "gemm/matrix",
    .kind = PROBLEM_GEMM,
    .applicable = matrix_applicable,
    .candidates = matrix_candidates,
    .estimate = matrix_estimate,
    .emit = matrix_emit,
    .epilogues = true,
};
