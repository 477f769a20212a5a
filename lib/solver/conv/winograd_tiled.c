/* conv/winograd_tiled and conv_input/winograd_tiled: 3x3 convolution of stride 1 through F(2x2, 3x3) or F(4x4, 3x3) tiles on
 * GPU-shaped devices (kernels/conv/winograd_tiled.cl). Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.
 * Three steps for each pass over some images, transformed tiles between them in the workspace: 2.25 or 4 times fewer
 * multiplications, done by the product of conv/implicit, for transforms that are bound by bandwidth. A pass takes all images, or
 * as many as the cache holds in transformed form. Rounding errors as in winograd.c; results do not depend on timing. */
#include "implicit.h"

#include <math.h>

/* value[] of its tunings: the product's, then */
enum { WINOGRAD_F = IMPLICIT_VALUES, WINOGRAD_IMAGES };

#define PRODUCTS 4 /* tunings of the product that are tried with each way to cut the tiles */

/* ---- sizes ---- */

typedef struct sizes {
    int64_t points, tiles, passes; /* tiles: of a pass */
} sizes;

static sizes sizes_of(const tap_conv *c, const tuning *t)
{
    const int64_t f = t->value[WINOGRAD_F], images = t->value[WINOGRAD_IMAGES];
    return (sizes){(f + 2) * (f + 2), images * ceil_div(c->to[1], f) * ceil_div(c->to[2], f), ceil_div(c->batch, images)};
}

/* The product of a pass: a convolution of one tap over rows of tiles, with a group for each point. */
static problem product_of(const tap_conv *c, const tuning *t)
{
    const sizes s = sizes_of(c, t);
    problem product = {.kind = PROBLEM_CONV, .dtype = SOCLE_FLOAT32};
    product.conv = (conv_problem){
        .g = {.spatial = 1,
              .batch = 1,
              .channels = s.points * c->from_channels,
              .out_channels = s.points * c->to_channels,
              .groups = s.points,
              .input = {s.tiles},
              .kernel = {1},
              .stride = {1},
              .dilation = {1},
              .output = {s.tiles}},
        .w_constant = true,
    };
    return product;
}

static implicit_packing packing_of(const tap_conv *c, const tuning *t)
{
    const problem product = product_of(c, t);
    const tap_conv pass = tap_conv_forward(&product);
    return implicit_packing_of(&pass, t);
}

/* Floats of the transformed weights, the pixels and the sums of a pass. */
static int64_t weight_floats(const tap_conv *c, const tuning *t)
{
    const implicit_packing packing = packing_of(c, t);
    return sizes_of(c, t).points * packing.row_tiles * packing.tile_rows * packing.depth;
}

static int64_t pixel_floats(const tap_conv *c, const tuning *t)
{
    const sizes s = sizes_of(c, t);
    return s.points * c->from_channels * s.tiles;
}

static int64_t sum_floats(const tap_conv *c, const tuning *t)
{
    const sizes s = sizes_of(c, t);
    return s.points * c->to_channels * s.tiles;
}

/* ---- tunings ---- */

static double estimate_of(const problem *p, const tap_conv *c, const tuning *t, const socle_device *device)
{
    const sizes s = sizes_of(c, t);
    const problem product = product_of(c, t);
    const double transformed = 4 * (double)(pixel_floats(c, t) + sum_floats(c, t)), plain = problem_bytes(p) / (double)s.passes;
    const bool stays = transformed < (double)device->capabilities.cache_bytes;
    const double flops = 4.0 * transformed; /* about 16 for each transformed number of 4 bytes */
    const double transforms =
        estimate_s(device, flops, device_is_cpu_shaped(device) ? 0.02 : 0.3, plain + (stays ? 0.25 : 1) * transformed, 2, 0);
    const double weights =
        p->conv.w_constant ? 0 : estimate_s(device, 0, 1, 4 * (double)(c->to_channels * c->from_channels * (9 + s.points)), 1, 0);
    return weights + (double)s.passes * (transforms + implicit_estimate(&product, device, t));
}

/* Images of a pass whose transformed tiles have that many bytes, spread evenly over the passes; 0: not even one. */
static int64_t images_within(const tap_conv *c, int f, uint64_t bytes)
{
    const tuning one = {.value = {[WINOGRAD_F] = f, [WINOGRAD_IMAGES] = 1}};
    const int64_t each = 4 * (pixel_floats(c, &one) + sum_floats(c, &one));
    const int64_t most = (int64_t)fmin((double)bytes / (double)each, (double)c->batch);
    return most > 0 ? ceil_div(c->batch, ceil_div(c->batch, most)) : 0;
}

/* The best product for each way to cut the tiles into passes comes first, the second best ones behind them, and so on. */
static int winograd_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const tap_conv c = tap_conv_at(p, 0);
    const device_capabilities *capabilities = &device->capabilities;
    tuning cuts[6], products[6][PRODUCTS];
    int cut_count = 0, product_counts[6], count = 0;
    for (int f = 2; f <= (p->strict_accuracy ? 2 : 4); f += 2) {
        const int64_t all = images_within(&c, f, capabilities->max_allocation_bytes / 2);
        const int64_t cached = images_within(&c, f, capabilities->cache_bytes / 2);
        const int64_t images[] = {all, cached < all ? cached : all, all < 1 ? all : 1};
        for (size_t i = 0; i < COUNT_OF(images) && all > 0; i++)
            if (images[i] > 0 && images[i] <= INT32_MAX)
                cut_count = add_candidate(cuts, cut_count, (int)COUNT_OF(cuts),
                                          (tuning){.value = {[WINOGRAD_F] = f, [WINOGRAD_IMAGES] = (int)images[i]}});
    }
    for (int i = 0; i < cut_count; i++) {
        const problem product = product_of(&c, &cuts[i]);
        const int found =
            implicit_applicable(&product, device) ? implicit_candidates(&product, device, products[i], PRODUCTS) : 0;
        product_counts[i] = 0;
        for (int k = 0; k < found; k++) {
            tuning whole = products[i][k];
            if (whole.value[IMPLICIT_CHUNKS] > 1 && device_has_quirk(device, QUIRK_LOOP_LIMIT))
                continue;                     /* it may be the parts that make the loops short enough */
            whole.value[IMPLICIT_CHUNKS] = 1; /* parts would have to be added up by a step of their own */
            products[i][product_counts[i]++] = whole;
        }
    }
    for (int round = 0; round < PRODUCTS && count < capacity; round++) {
        double seconds[COUNT_OF(cuts)];
        const int room = capacity - count < cut_count ? capacity - count : cut_count;
        int added = 0;
        for (int i = 0; i < cut_count; i++) {
            if (round >= product_counts[i])
                continue;
            tuning t = products[i][round];
            t.value[WINOGRAD_F] = cuts[i].value[WINOGRAD_F];
            t.value[WINOGRAD_IMAGES] = cuts[i].value[WINOGRAD_IMAGES];
            added = rank_candidate(out + count, seconds, added, room, t, estimate_of(p, &c, &t, device));
        }
        count += added;
    }
    return count;
}

static bool winograd_applicable(const problem *p, const socle_device *device)
{
    const conv_geometry g = conv_geometry_3d(p);
    tuning t;
    /* Channels are a second dimension of launches: see implicit.c. */
    return conv_supported(p, device) && storage_is_real32(p->dtype) && conv_is_3x3(p) && problem_flops(p) > 0 &&
           g.channels <= UINT16_MAX && g.out_channels <= UINT16_MAX && winograd_candidates(p, device, &t, 1) > 0;
}

static tuning resolve(const problem *p, const socle_device *device, const tuning *t)
{
    return tuning_resolve(p, device, t, WINOGRAD_F, winograd_candidates);
}

static double winograd_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tap_conv c = tap_conv_at(p, 0);
    const tuning resolved = resolve(p, device, t);
    return estimate_of(p, &c, &resolved, device);
}

/* ---- memory: sums, behind them pixels, behind them the weights unless they are prepared ---- */

static size_t winograd_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tap_conv c = tap_conv_at(p, 0);
    const tuning resolved = resolve(p, device, t);
    return p->conv.w_constant ? (size_t)weight_floats(&c, &resolved) * 4 : 0;
}

static size_t winograd_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tap_conv c = tap_conv_at(p, 0);
    const tuning resolved = resolve(p, device, t);
    return (size_t)(sum_floats(&c, &resolved) + pixel_floats(&c, &resolved) +
                    (p->conv.w_constant ? 0 : weight_floats(&c, &resolved))) *
           4;
}

/* ---- steps ---- */

static const char *algorithm_of(const problem *p)
{
    return p->kind == PROBLEM_CONV ? "conv/winograd_tiled" : "conv_input/winograd_tiled";
}

static solver_launch launch_of(const problem *p, const tap_conv *c, const tuning *t, const char *kernel)
{
    const implicit_packing packing = packing_of(c, t);
    solver_launch launch = {.algorithm = algorithm_of(p), .source = "conv/winograd_tiled", .kernel = kernel, .dims = 2};
    tap_conv_add_options(&launch.options, p, c);
    text_addf(&launch.options, " -DF=%d -DIMAGES=%d -DBM=%lld -DDEPTH=%lld", t->value[WINOGRAD_F], t->value[WINOGRAD_IMAGES],
              (long long)packing.tile_rows, (long long)packing.depth);
    return launch;
}

static socle_status emit_weights(const problem *p, const tap_conv *c, const tuning *t, const solver_operands *operands, int to,
                                 int64_t offset, step_list *steps)
{
    const int64_t floats = weight_floats(c, t);
    solver_launch launch = launch_of(p, c, t, "winograd_tiled_weights");
    launch.dims = 1;
    launch.global[0] = (size_t)(floats / sizes_of(c, t).points);
    launch.bytes = 4.0 * (double)floats;
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_OPERAND(to));
    launch_arg(&launch, ARG_LONG(offset));
    return launch_emit(&launch, p, operands, steps);
}

static socle_status winograd_prepare(const problem *p, const socle_device *device, const tuning *t,
                                     const solver_operands *operands, step_list *steps)
{
    const tap_conv c = tap_conv_at(p, 0);
    const tuning resolved = resolve(p, device, t);
    return emit_weights(p, &c, &resolved, operands, operands->prepared, 0, steps);
}

/* Neighbouring work-items of a group take neighbouring tiles, whatever their number; the kernels leave out those behind the last.
 */
static void set_extents(solver_launch *launch, const socle_device *device, int64_t tiles, int64_t channels)
{
    launch->local[0] = (size_t)device_group_items(device, 128);
    launch->local[1] = 1;
    launch->global[0] = (size_t)round_up(tiles, (int64_t)launch->local[0]);
    launch->global[1] = (size_t)channels;
}

static socle_status emit_input(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t,
                               const solver_operands *operands, int pass, step_list *steps)
{
    solver_launch launch = launch_of(p, c, t, "winograd_tiled_input");
    set_extents(&launch, device, sizes_of(c, t).tiles, c->from_channels);
    launch.bytes = 8.0 * (double)pixel_floats(c, t);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->workspace));
    launch_arg(&launch, ARG_LONG(sum_floats(c, t)));
    launch_arg(&launch, ARG_INT(pass * t->value[WINOGRAD_IMAGES]));
    return launch_emit(&launch, p, operands, steps);
}

static socle_status emit_product(const problem *p, const tap_conv *c, const tuning *t, const solver_operands *operands,
                                 step_list *steps)
{
    const problem product = product_of(c, t);
    const tap_conv product_taps = tap_conv_forward(&product);
    const int64_t pixels = sum_floats(c, t);
    implicit_operands at = {operands->workspace, operands->prepared, operands->workspace, pixels, 0};
    if (!p->conv.w_constant) {
        at.packed = operands->workspace;
        at.packed_offset = pixels + pixel_floats(c, t);
    }
    return implicit_emit_product(&product, &product_taps, t, algorithm_of(p), &at, operands, steps);
}

static socle_status emit_output(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t,
                                const solver_operands *operands, int pass, step_list *steps)
{
    solver_launch launch = launch_of(p, c, t, "winograd_tiled_output");
    launch.epilogue = launch.channel_uniform = true;
    set_extents(&launch, device, sizes_of(c, t).tiles, c->to_channels);
    launch.bytes = 8.0 * (double)sum_floats(c, t);
    launch_arg(&launch, ARG_OPERAND(operands->workspace));
    launch_arg(&launch, ARG_OPERAND(operands->data[2]));
    launch_arg(&launch, ARG_INT(pass * t->value[WINOGRAD_IMAGES]));
    return launch_emit(&launch, p, operands, steps);
}

static socle_status winograd_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                  step_list *steps)
{
    const tap_conv c = tap_conv_at(p, 0);
    const tuning resolved = resolve(p, device, t);
    const int passes = (int)sizes_of(&c, &resolved).passes;
    socle_status status = SOCLE_OK;
    if (!p->conv.w_constant)
        status = emit_weights(p, &c, &resolved, operands, operands->workspace,
                              sum_floats(&c, &resolved) + pixel_floats(&c, &resolved), steps);
    for (int pass = 0; pass < passes && status == SOCLE_OK; pass++) {
        status = emit_input(p, device, &c, &resolved, operands, pass, steps);
        if (status == SOCLE_OK)
            status = emit_product(p, &c, &resolved, operands, steps);
        if (status == SOCLE_OK)
            status = emit_output(p, device, &c, &resolved, operands, pass, steps);
    }
    return status;
}

const solver solver_conv_winograd_tiled = {
    .name = "conv/winograd_tiled",
    .kind = PROBLEM_CONV,
    .applicable = winograd_applicable,
    .candidates = winograd_candidates,
    .estimate = winograd_estimate,
    .workspace_bytes = winograd_workspace_bytes,
    .prepared_bytes = winograd_prepared_bytes,
    .prepare = winograd_prepare,
    .emit = winograd_emit,
    .epilogues = true,
};

const solver solver_conv_input_winograd_tiled = {
    .name = "conv_input/winograd_tiled",
    .kind = PROBLEM_CONV_INPUT,
    .applicable = winograd_applicable,
    .candidates = winograd_candidates,
    .estimate = winograd_estimate,
    .workspace_bytes = winograd_workspace_bytes,
    .prepared_bytes = winograd_prepared_bytes,
    .prepare = winograd_prepare,
    .emit = winograd_emit,
    .epilogues = true,
};
