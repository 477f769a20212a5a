/* conv/matrix, conv_input/matrix and conv_weight/matrix: convolution of half and bfloat16 numbers, and of float32 ones where they
 * may be rounded to TF32, as a product by the device's matrix instructions that gathers its right matrix into local memory
 * (kernels/conv/matrix.cl, matrix_weight.cl), with the tiles of gemm/matrix. Every geometry; phases, packed weights and parts of
 * the sum as in conv/implicit. */
#include "../gemm/tiles.h"
#include "../matrix.h"
#include "implicit.h"

#include <math.h>

/* ---- the product ---- */

static gemm_problem extents_of(const problem *p, const tap_conv *c)
{
    const implicit_extents e = implicit_extents_of(p, c);
    return (gemm_problem){.m = e.rows, .n = e.columns, .batch_rank = 1, .batch = {e.groups}, .alpha = 1};
}

/* Words of the sum: of pixels, or each tap has whole tiles of channels. */
static int64_t depth_of(const problem *p, const tap_conv *c, const tuning *t)
{
    if (implicit_is_weight(p))
        return ceil_div(implicit_extents_of(p, c).depth, matrix_numbers(p->dtype));
    return round_up(ceil_div(c->from_channels, matrix_numbers(p->dtype)), t->value[TILE_K]) * tap_conv_taps(c);
}

/* Each number of a column is checked, loaded and put into its word; where the sum runs over pixels, its place is found, too. */
static tile_product product_of(const problem *p, const socle_device *device, const tap_conv *c, const gemm_problem *g,
                               const tuning *t)
{
    return (tile_product){g, depth_of(p, c, t), matrix_rate(device), (implicit_is_weight(p) ? 10 : 3) * matrix_numbers(p->dtype)};
}

/* Words of the packed weights: a multiple of 4. */
static int64_t packed_words(const problem *p, const tap_conv *c, const tuning *t)
{
    return c->groups * round_up(c->to_channels, t->value[TILE_M]) * depth_of(p, c, t);
}

/* ---- tunings ---- */

static int matrix_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const tap_conv c = implicit_largest_phase(p);
    const gemm_problem g = extents_of(p, &c);
    double prices[MATRIX_SHAPES];
    int count = 0;
    for (int i = 0; i < MATRIX_SHAPES; i++) {
        tuning t = matrix_shapes[i];
        /* An item gathers for one pixel; of a gradient of weights, where columns read is kept. */
        const size_t table_bytes = implicit_is_weight(p) ? (size_t)t.value[TILE_N] * 4 * sizeof(cl_int) : 0;
        if (!matrix_shape_fits(device, &t, table_bytes) || tile_items(&t) % t.value[TILE_N] != 0)
            continue;
        const double price = tile_with_splits(device, product_of(p, device, &c, &g, &t), 1, &t);
        if (price < INFINITY)
            count = rank_candidate(out, prices, count, capacity, t, price);
    }
    return count;
}

static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    return tuning_resolve(p, device, t, TILE_M, matrix_candidates);
}

static bool matrix_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    return conv_supported(p, device) && storage_is_real32(p->dtype) &&
           (p->dtype != SOCLE_FLOAT32 || (p->allow_tf32 && !p->strict_accuracy)) &&
           device_has_instruction(device, matrix_instruction(p->dtype)) && problem_flops(p) > 0 &&
           tap_conv_phases(p) <= IMPLICIT_MOST_PHASES && matrix_candidates(p, device, &t, 1) == 1 &&
           implicit_offsets_fit(p, t.value[TILE_M],
                                t.value[TILE_K] * matrix_numbers(p->dtype) * conv_volume(conv_geometry_3d(p).kernel));
}

static double matrix_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tap_conv c = implicit_largest_phase(p);
    const gemm_problem g = extents_of(p, &c);
    const tuning r = resolved(p, device, t);
    const int phases = (int)tap_conv_phases(p);
    const double price = tile_split_cost(device, product_of(p, device, &c, &g, &r), &r) * 2 * device_units(device) * phases;
    return estimate_s(device, price, 0.85, problem_bytes(p) + 2.0 * (double)implicit_part_bytes(p, r.value[SPLITS]),
                      phases * (p->conv.w_constant || implicit_is_weight(p) ? 1 : 2), 0);
}

/* ---- steps ---- */

static const char *algorithm_of(const problem *p)
{
    return p->kind == PROBLEM_CONV ? "conv/matrix" : p->kind == PROBLEM_CONV_INPUT ? "conv_input/matrix" : "conv_weight/matrix";
}

static void add_options(text *options, const problem *p, const socle_device *device, const tap_conv *c, const tuning *t)
{
    tap_conv_add_options(options, p, c);
    matrix_add_options(options, device, p->dtype, p->dtype);
    tile_add_options(options, t, 1);
    text_addf(options, " -DCHUNKS=%d", t->value[SPLITS]);
}

/* Still without its arguments. */
static solver_launch product_launch(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t)
{
    const gemm_problem g = extents_of(p, c);
    const bool is_weight = implicit_is_weight(p);
    solver_launch launch = {.algorithm = algorithm_of(p),
                            .source = is_weight ? "conv/matrix_weight" : "conv/matrix",
                            .kernel = is_weight ? "conv_weight_matrix" : "conv_matrix",
                            .epilogue = !is_weight && t->value[SPLITS] <= 1,
                            .channel_uniform = true,
                            .dims = 3,
                            .flops = problem_flops(p) / (double)tap_conv_phases(p),
                            .bytes = problem_bytes(p)};
    add_options(&launch.options, p, device, c, t);
    tile_set_range(&launch, &g, t);
    launch.global[1] = (size_t)c->groups;
    launch.global[2] = (size_t)t->value[SPLITS];
    return launch;
}

static socle_status emit_product(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t,
                                 const implicit_operands *at, const solver_operands *operands, step_list *steps)
{
    solver_launch launch = product_launch(p, device, c, t);
    launch_arg(&launch, ARG_OPERAND(at->x));
    launch_arg(&launch, ARG_OPERAND(at->packed));
    launch_arg(&launch, ARG_OPERAND(at->y));
    launch_arg(&launch, ARG_LONG(at->packed_offset));
    return launch_emit(&launch, p, operands, steps);
}

static const implicit_way in_words = {.source = "conv/matrix",
                                      .pack_kernel = "conv_matrix_pack",
                                      .chunks = SPLITS,
                                      .resolve = resolved,
                                      .packed_count = packed_words,
                                      .algorithm = algorithm_of,
                                      .add_options = add_options,
                                      .product = product_launch,
                                      .emit_product = emit_product};

static size_t matrix_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return implicit_prepared_bytes(&in_words, p, device, t);
}

static size_t matrix_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return implicit_workspace_bytes(&in_words, p, device, t);
}

static socle_status matrix_prepare(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                   step_list *steps)
{
    return implicit_prepare(&in_words, p, device, t, operands, steps);
}

static socle_status matrix_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    return implicit_emit(&in_words, p, device, t, operands, steps);
}

static socle_status weight_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    return implicit_emit_weight(&in_words, p, device, t, operands, steps);
}

const solver solver_conv_matrix = {
    .name = "conv/matrix",
    .kind = PROBLEM_CONV,
    .applicable = matrix_applicable,
    .candidates = matrix_candidates,
    .estimate = matrix_estimate,
    .workspace_bytes = matrix_workspace_bytes,
    .prepared_bytes = matrix_prepared_bytes,
    .prepare = matrix_prepare,
    .emit = matrix_emit,
    .epilogues = true,
};

const solver solver_conv_input_matrix = {
    .name = "conv_input/matrix",
    .kind = PROBLEM_CONV_INPUT,
    .applicable = matrix_applicable,
    .candidates = matrix_candidates,
    .estimate = matrix_estimate,
    .workspace_bytes = matrix_workspace_bytes,
    .prepared_bytes = matrix_prepared_bytes,
    .prepare = matrix_prepare,
    .emit = matrix_emit,
    .epilogues = true,
};

const solver solver_conv_weight_matrix = {
    .name = "conv_weight/matrix",
    .kind = PROBLEM_CONV_WEIGHT,
    .applicable = matrix_applicable,
    .candidates = matrix_candidates,
    .estimate = matrix_estimate,
    .workspace_bytes = matrix_workspace_bytes,
    .emit = weight_emit,
};
