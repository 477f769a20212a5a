/* conv_weight/blocks: the gradient of the weights on CPUs as a product over pixels of images turned into blocks of 16 channels
 * (kernels/conv/weight_blocks.cl). Where there are few weights, the batch is cut into chunks whose sums are added in a fixed
 * order, so that all compute units work and results never depend on timing. */
#include "taps.h"

#include <math.h>

/* value[] of its tunings */
enum { BLOCKS_CHANNELS, BLOCKS_VECTORS, BLOCKS_ROWS, BLOCKS_TO, BLOCKS_CHUNKS, BLOCKS_COLUMNS };

#define LEAST_CHANNELS 8 /* of x: fewer leave most of a block empty */
#define LONG_ROW 8192    /* results: other ways have no room for such rows */

static int64_t read_extent(const tap_conv *c, int axis, int64_t results)
{
    return (results - 1) * c->stride[axis] + (c->kernel[axis] - 1) * c->dilation[axis] + 1;
}

static int64_t local_floats(const tap_conv *c, const tuning *t)
{
    const int64_t rows = t->value[BLOCKS_ROWS], columns = t->value[BLOCKS_COLUMNS], read = read_extent(c, 1, rows);
    const int64_t dense = columns == c->to[2] ? c->from[2] : 1;
    return 16 * read * (dense + c->kernel[0] * read_extent(c, 2, columns)) +
           t->value[BLOCKS_TO] * (rows * columns + 16 * tap_conv_taps(c)) + 256;
}

static int64_t all_units(const tap_conv *c, const tuning *t)
{
    return c->batch * c->to[0] * ceil_div(c->to[1], t->value[BLOCKS_ROWS]) * ceil_div(c->to[2], t->value[BLOCKS_COLUMNS]);
}

static int64_t tiles_of(const tap_conv *c, const tuning *t)
{
    return ceil_div(c->from_channels, 16) * ceil_div(c->to_channels, t->value[BLOCKS_TO]) * c->groups;
}

/* Cycles of a core that takes part all the time, as in direct_model.c. */
static double model_cycles(const tap_conv *c, const tuning *t, int units)
{
    const int64_t mr = t->value[BLOCKS_CHANNELS], nv = t->value[BLOCKS_VECTORS], rows = t->value[BLOCKS_ROWS];
    const int64_t slice = t->value[BLOCKS_TO], taps = tap_conv_taps(c), chunks = t->value[BLOCKS_CHUNKS];
    const int64_t columns = t->value[BLOCKS_COLUMNS], width = columns == c->to[2] ? c->from[2] : read_extent(c, 2, columns);
    const double pixels = (double)(rows * columns), step = fmax(0.5 * (double)(mr * nv), 0.5 * (double)(mr + nv) + 1);
    const double tiles = (double)(taps * (16 / mr) * ceil_div(slice < c->to_channels ? slice : c->to_channels, 16 * nv));
    const double staged = (double)(c->kernel[0] * read_extent(c, 1, rows) * width) * 5 + (double)(slice / 16) * pixels * 3;
    const double unit = tiles * (pixels * step + (double)(mr * nv) * 1.5 + (double)rows * 6 + 10) + staged;
    const double finish = (double)(taps * 16 * slice) * 2.5;
    const double group = (double)ceil_div(all_units(c, t), chunks) * unit + finish;
    const double rounds = (double)ceil_div(tiles_of(c, t) * chunks, units);
    const double sums = (double)(c->groups * c->from_channels * c->to_channels * taps);
    return (rounds + 0.15) * group + (chunks > 1 ? 6000 + sums * (double)chunks / 8 / units : 0);
}

/* ---- tunings ---- */

typedef struct ranking {
    tap_conv c;
    int units;
    int64_t local_floats; /* that there are */
    tuning *tunings;
    double cycles[32];
    int count, capacity;
} ranking;

static void rank(ranking *r, const tuning *t)
{
    if (local_floats(&r->c, t) > r->local_floats || t->value[BLOCKS_CHUNKS] > all_units(&r->c, t))
        return;
    const double cycles = model_cycles(&r->c, t, r->units);
    r->count = rank_candidate(r->tunings, r->cycles, r->count, r->capacity, *t, cycles);
}

static void rank_slices(ranking *r, tuning t, int64_t rows, int64_t columns)
{
    static const int slices[] = {32, 64, 128};
    t.value[BLOCKS_ROWS] = (int)rows;
    t.value[BLOCKS_COLUMNS] = (int)columns;
    for (size_t i = 0; i < COUNT_OF(slices) && (i == 0 || slices[i - 1] < r->c.to_channels); i++)
        for (int chunks = 1; chunks <= 16; chunks *= 2) {
            t.value[BLOCKS_TO] = slices[i];
            t.value[BLOCKS_CHUNKS] = chunks;
            rank(r, &t);
        }
}

static int blocks_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const bool is_wide = device->capabilities.vector_width_float >= 16 || !device_is_cpu_shaped(device);
    ranking r = {.c = tap_conv_forward(p), .units = device_units(device), .tunings = out};
    const tuning tile = {{is_wide ? 8 : 4, is_wide ? 2 : 1}};
    r.local_floats = device_cached_local_bytes(device) / (int64_t)problem_real_bytes(p);
    r.capacity = capacity < (int)COUNT_OF(r.cycles) ? capacity : (int)COUNT_OF(r.cycles);
    for (int64_t parts = 1; parts <= r.c.to[1] && parts <= 64; parts = parts < 4 ? parts + 1 : parts * 2)
        rank_slices(&r, tile, ceil_div(r.c.to[1], parts), r.c.to[2]);
    for (int64_t columns = 32; columns * 2 <= r.c.to[2] && columns <= 512; columns *= 2) /* long rows, in parts */
        rank_slices(&r, tile, 1, columns);
    return r.count;
}

static bool blocks_applicable(const problem *p, const socle_device *device)
{
    const conv_geometry g = conv_geometry_3d(p);
    tuning t;
    return conv_supported(p, device) && !device_has_quirk(device, QUIRK_LOOP_LIMIT) && problem_flops(p) > 0 && g.groups > 0 &&
           ((g.channels / g.groups >= LEAST_CHANNELS && g.out_channels / g.groups >= LEAST_CHANNELS) ||
            g.output[2] >= LONG_ROW) &&
           blocks_candidates(p, device, &t, 1) > 0;
}

static tuning resolve(const problem *p, const socle_device *device, const tuning *t)
{
    tuning resolved = tuning_resolve(p, device, t, BLOCKS_CHANNELS, blocks_candidates);
    if (resolved.value[BLOCKS_COLUMNS] == 0) /* a tuning from before rows were cut */
        resolved.value[BLOCKS_COLUMNS] = (int)tap_conv_forward(p).to[2];
    return resolved;
}

static double blocks_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tap_conv c = tap_conv_forward(p);
    const tuning resolved = resolve(p, device, t);
    const double cycles = model_cycles(&c, &resolved, device_units(device));
    const double work = 0.95 * problem_flops(p) / 64 / (fmax(cycles, 1) * device_units(device));
    return estimate_s(device, problem_flops(p), fmax(device_is_cpu_shaped(device) ? work : work / 200, 1e-6), problem_bytes(p),
                      resolved.value[BLOCKS_CHUNKS] > 1 ? 2 : 1, 0);
}

static size_t blocks_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning resolved = resolve(p, device, t);
    return conv_weight_partial_bytes(p, resolved.value[BLOCKS_CHUNKS]);
}

static socle_status blocks_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    const tap_conv c = tap_conv_forward(p);
    const tuning chosen = resolve(p, device, t);
    const int *value = chosen.value;
    const bool split = value[BLOCKS_CHUNKS] > 1;
    solver_launch launch = {
        .algorithm = "conv_weight/blocks",
        .source = "conv/weight_blocks",
        .kernel = "conv_weight_blocks",
        .dims = 3,
        .global = {(size_t)(tiles_of(&c, &chosen) / c.groups), (size_t)c.groups, (size_t)value[BLOCKS_CHUNKS]},
        .local = {1, 1, 1},
        .flops = problem_flops(p),
        .bytes = problem_bytes(p)};
    tap_conv_add_options(&launch.options, p, &c);
    text_addf(&launch.options, " -DMR=%d -DNV=%d -DROWS=%d -DCOLUMNS=%d -DTO_SLICE=%d -DCHUNKS=%d", value[BLOCKS_CHANNELS],
              value[BLOCKS_VECTORS], value[BLOCKS_ROWS], value[BLOCKS_COLUMNS], value[BLOCKS_TO], value[BLOCKS_CHUNKS]);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_OPERAND(split ? operands->workspace : operands->data[2]));
    const socle_status status = launch_emit(&launch, p, operands, steps);
    return status == SOCLE_OK && split
               ? conv_weight_reduce(p, device, "conv_weight/blocks", operands, value[BLOCKS_CHUNKS], steps)
               : status;
}

const solver solver_conv_weight_blocks = {
    .name = "conv_weight/blocks",
    .kind = PROBLEM_CONV_WEIGHT,
    .applicable = blocks_applicable,
    .candidates = blocks_candidates,
    .estimate = blocks_estimate,
    .workspace_bytes = blocks_workspace_bytes,
    .emit = blocks_emit,
};
