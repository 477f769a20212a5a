/* gemm/matrix: products of half and bfloat16 numbers, of bytes, and of float32 ones where they may be rounded to TF32, by the
 * device's matrix instructions, which were tried before (kernels/common/matrix.cl says which these are). The tiles of gemm/tiled
 * with words of two halves, four bytes, or one number of TF32, in the place of a float. */
#include "../matrix.h"
#include "tiles.h"

#include <math.h>

const tuning matrix_shapes[MATRIX_SHAPES] = {
    {{128, 128, 16, 8, 8}}, {{128, 256, 8, 8, 16}}, {{256, 128, 8, 8, 16}}, {{128, 64, 16, 8, 4}}, {{64, 128, 16, 4, 8}},
    {{64, 64, 16, 4, 4}},   {{64, 64, 16, 4, 8}},   {{128, 128, 8, 8, 8}},  {{32, 64, 16, 4, 4}},  {{64, 32, 16, 4, 4}},
    {{16, 128, 16, 2, 8}},  {{32, 32, 16, 2, 4}},   {{16, 64, 16, 2, 4}},   {{16, 32, 16, 2, 2}},
};

static int64_t words_of(const problem *p)
{
    return ceil_div(p->gemm.k, matrix_numbers(p->dtype));
}

bool matrix_shape_fits(const socle_device *device, const tuning *t, size_t more_bytes)
{
    const int *v = t->value;
    return tile_fits(device, t) && matrix_tiles_fit(device, v[TILE_M], v[TILE_N], v[TILE_K], v[ITEM_M], v[ITEM_N], more_bytes);
}

static tile_product product_of(const problem *p, const socle_device *device)
{
    return (tile_product){.g = &p->gemm, .depth = words_of(p), .rate = matrix_rate(device)};
}

/* Sums of bytes are made in one go. */
static double price_of(const problem *p, const socle_device *device, const tuning *shape, tuning *t)
{
    *t = *shape;
    t->value[SPLITS] = 1;
    if (!matrix_shape_fits(device, shape, 0))
        return INFINITY;
    return problem_is_bytes(p) ? tile_cost(device, product_of(p, device), t)
                               : tile_with_splits(device, product_of(p, device), 1, t);
}

static int matrix_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    return tile_candidates(p, device, matrix_shapes, MATRIX_SHAPES, price_of, out, capacity);
}

static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    return tuning_resolve(p, device, t, TILE_M, matrix_candidates);
}

static bool matrix_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    const bool fits = problem_is_bytes(p) ? gemm_bytes_fit(p, device) : gemm_vectorizable(p);
    return fits && device_has_instruction(device, matrix_instruction(p->dtype)) &&
           (p->dtype != SOCLE_FLOAT32 || (p->allow_tf32 && !p->strict_accuracy)) && matrix_candidates(p, device, &t, 1) == 1;
}

static double matrix_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    const double price = tile_split_cost(device, product_of(p, device), &r) * 2 * device_units(device);
    return estimate_s(device, price, 0.85, problem_bytes(p) + 2.0 * (double)gemm_split_bytes(&p->gemm, r.value[SPLITS]), 1, 0);
}

static size_t matrix_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    return gemm_split_bytes(&p->gemm, r.value[SPLITS]);
}

/* Fours that lie at aligned addresses, of words along k, else of numbers across it, where the operand has so many. */
static bool in_fours(const problem *p, const socle_device *device, bool along_k, int64_t across, const int64_t *strides)
{
    const int64_t four = along_k ? 4 * matrix_numbers(p->dtype) : 4;
    bool fours = (along_k ? p->gemm.k : across) % four == 0 && device->capabilities.base_alignment_bytes % 16 == 0;
    for (int i = 0; i < p->gemm.batch_rank; i++)
        fours = fours && strides[i] % four == 0;
    return fours;
}

static socle_status matrix_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const int *v = r.value;
    const bool split = v[SPLITS] > 1;
    solver_launch launch = {.algorithm = "gemm/matrix",
                            .source = "gemm/matrix",
                            .kernel = "gemm_matrix",
                            .dims = 3,
                            .epilogue = !split,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p) + (double)gemm_split_bytes(g, v[SPLITS])};
    text_addf(&launch.options, "-DSTORAGE=%s", storage_name(problem_result_dtype(p)));
    gemm_add_batch_offsets(&launch, g);
    matrix_add_options(&launch.options, device, p->dtype, problem_weight_dtype(p));
    tile_add_options(&launch.options, &r, 1);
    text_addf(&launch.options, " -DTRANSPOSE_A=%d -DTRANSPOSE_B=%d", g->transpose_a, g->transpose_b);
    text_addf(&launch.options, " -DQUADS_A=%d -DQUADS_B=%d -DSPLIT=%d", in_fours(p, device, !g->transpose_a, g->m, g->stride_a),
              in_fours(p, device, g->transpose_b, g->n, g->stride_b), split);
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_A]));
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_B]));
    launch_arg(&launch, ARG_OPERAND(split ? operands->workspace : operands->data[GEMM_C]));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    launch_arg(&launch, ARG_INT(tile_split_depth(&r, words_of(p), v[SPLITS]) * matrix_numbers(p->dtype)));
    gemm_add_batch_args(&launch, g);
    tile_set_range(&launch, g, &r);
    launch.global[1] = (size_t)v[SPLITS];
    return gemm_emit_split(&launch, p, v[SPLITS], operands, steps);
}

const solver solver_gemm_matrix = {
    .name = "gemm/matrix",
    .kind = PROBLEM_GEMM,
    .applicable = matrix_applicable,
    .candidates = matrix_candidates,
    .estimate = matrix_estimate,
    .workspace_bytes = matrix_workspace_bytes,
    .emit = matrix_emit,
    .epilogues = true,
};
