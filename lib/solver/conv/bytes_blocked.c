/* conv/bytes_blocked: convolutions of bytes (int8, uint8) with sums in int32 on CPUs with an instruction for sums of four
 * products (probed, see device_instruction in device.h) whose images lie in blocks of 16 channels
 * (kernels/conv/bytes_blocked.cl), as the planner keeps them between convolutions. */
#include "taps.h"

#include <math.h>

/* value[] of its tunings: a tile's pixels and vectors of channels, then the rows and channels that a group computes */
enum { PIXELS, VECTORS, ROWS, SLICE };

/* Short rows of a 1x1 convolution of stride 1 follow each other like pixels of one row. */
static tap_conv view_of(const problem *p)
{
    tap_conv c = tap_conv_forward(p);
    if (tap_conv_reads_once(&c) && c.to[2] < 14)
        tap_conv_flatten(&c);
    return c;
}

static int64_t staged_bytes(const tap_conv *c, int64_t rows)
{
    return c->from_channels * tap_conv_staged_extent(c, 1, rows) * tap_conv_staged_extent(c, 2, c->to[2]);
}

static bool fits(const tap_conv *c, const socle_device *device, int64_t rows)
{
    return staged_bytes(c, rows) + 64 <= device_cached_local_bytes(device);
}

static bool bytes_blocked_applicable(const problem *p, const socle_device *device)
{
    if (!problem_is_bytes(p) || !p->conv.w_constant || !conv_fits_in_blocks(p) || !conv_is_flat(p) || problem_flops(p) <= 0)
        return false;
    const tap_conv c = view_of(p);
    return device_has_instruction(device, INSTRUCTION_VPDPBUSD) && c.groups == 1 &&
           storage_runs(problem_result_dtype(p), device) && fits(&c, device, 1);
}

/* ---- a model of the cost, in vectors of products ---- */

static double tile_cost(const tap_conv *c, int64_t pixels, int64_t vectors)
{
    const double sums = (double)(pixels * vectors), loads = (double)pixels / 2 + (double)vectors;
    const double words = (double)(c->from_channels / 4 * tap_conv_taps(c));
    return sums > 0 ? words * fmax(fmax(sums, loads), 4) + 8 * sums + (double)(c->from_channels / 16 * c->kernel[1]) : 0;
}

static double model_cost(const tap_conv *c, const socle_device *device, const tuning *t)
{
    const int64_t pixels = t->value[PIXELS], vectors = t->value[VECTORS], slice = t->value[SLICE], rows = t->value[ROWS];
    const int64_t full = c->to[2] / pixels, end = c->to[2] % pixels, wide = slice / (16 * vectors), narrow = slice / 16 % vectors;
    const double row = (double)wide * ((double)full * tile_cost(c, pixels, vectors) + tile_cost(c, end, vectors)) +
                       (double)full * tile_cost(c, pixels, narrow) + tile_cost(c, end, narrow);
    const double group = (double)rows * row + (double)staged_bytes(c, rows) / 16 + 400;
    const int64_t groups = ceil_div(c->to[1], rows) * ceil_div(c->to_channels, slice) * c->batch;
    return ((double)ceil_div(groups, device_units(device)) + 0.15) * group;
}

typedef struct ranking {
    const socle_device *device;
    tap_conv c;
    tuning *tunings;
    double costs[48];
    int count, capacity;
} ranking;

static void rank_groups(ranking *r, int64_t pixels, int64_t vectors)
{
    const tap_conv *c = &r->c;
    tuning t = {
        {(int)(pixels < c->to[2] ? pixels : c->to[2]), (int)(vectors * 16 < c->to_channels ? vectors : c->to_channels / 16)}};
    for (int64_t blocks = 1; blocks <= c->to[1]; blocks = blocks < 8 ? blocks + 1 : blocks * 2) {
        t.value[ROWS] = (int)ceil_div(c->to[1], blocks);
        for (int64_t slices = 1; slices <= 8; slices *= 2) {
            t.value[SLICE] = (int)round_up(ceil_div(c->to_channels, slices), 16 * t.value[VECTORS]);
            if (fits(c, r->device, t.value[ROWS]))
                r->count = rank_candidate(r->tunings, r->costs, r->count, r->capacity, t, model_cost(c, r->device, &t));
        }
    }
}

static int bytes_blocked_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    static const int tiles[][2] = {{7, 2}, {14, 2}, {8, 3}, {7, 3}, {6, 4}, {5, 4}, {8, 2}, {12, 2}, {4, 4}, {10, 2}, {13, 1}};
    ranking r = {.device = device, .c = view_of(p), .tunings = out, .capacity = capacity < 48 ? capacity : 48};
    for (size_t i = 0; i < COUNT_OF(tiles); i++)
        rank_groups(&r, tiles[i][0], tiles[i][1]);
    if (r.count == 0 && capacity > 0) /* the least local memory */
        out[r.count++] = (tuning){{(int)(r.c.to[2] < 7 ? r.c.to[2] : 7), 1, 1, 16}};
    return r.count;
}

static tuning resolve(const problem *p, const socle_device *device, const tuning *t)
{
    return tuning_resolve(p, device, t, PIXELS, bytes_blocked_candidates);
}

static double bytes_blocked_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tap_conv c = view_of(p);
    const tuning r = resolve(p, device, t);
    /* A vector of products takes as long as one of 16 multiply-adds, whose rate is known. */
    return estimate_s(device, 32 * model_cost(&c, device, &r) * device_units(device), 0.9, problem_bytes(p) / 4, 1, 0);
}

/* ---- steps ---- */

static int64_t packed_words(const tap_conv *c)
{
    return c->to_channels * (c->from_channels / 4) * tap_conv_taps(c);
}

static size_t bytes_blocked_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tap_conv c = view_of(p);
    (void)device;
    (void)t;
    return (size_t)(packed_words(&c) + c.to_channels) * sizeof(int32_t);
}

static solver_launch launch_of(const problem *p, const tap_conv *c, const tuning *r, const char *kernel)
{
    solver_launch launch = {.algorithm = "conv/bytes_blocked", .source = "conv/bytes_blocked", .kernel = kernel};
    problem results = *p;
    results.dtype = problem_result_dtype(p);
    tap_conv_add_options(&launch.options, &results, c);
    text_addf(&launch.options, " -DDOT=1 -DA_SIGNED=%d -DB_SIGNED=%d -DMR=%d -DNV=%d -DROWS=%d -DSLICE=%d",
              p->dtype == SOCLE_INT8, problem_weight_dtype(p) == SOCLE_INT8, r->value[PIXELS], r->value[VECTORS], r->value[ROWS],
              r->value[SLICE]);
    return launch;
}

static socle_status bytes_blocked_prepare(const problem *p, const socle_device *device, const tuning *t,
                                          const solver_operands *operands, step_list *steps)
{
    const tap_conv c = view_of(p);
    const tuning r = resolve(p, device, t);
    solver_launch pack = launch_of(p, &c, &r, "bytes_blocked_weights");
    pack.dims = 2;
    pack.global[0] = (size_t)ceil_div(c.to_channels, 16 * r.value[VECTORS]);
    pack.global[1] = (size_t)(c.from_channels / 16);
    launch_arg(&pack, ARG_OPERAND(operands->data[1]));
    launch_arg(&pack, ARG_OPERAND(operands->prepared));
    const socle_status status = launch_emit(&pack, p, operands, steps);
    if (status != SOCLE_OK)
        return status;
    solver_launch sums = launch_of(p, &c, &r, "bytes_blocked_sums");
    sums.dims = 1;
    sums.global[0] = (size_t)c.to_channels;
    launch_arg(&sums, ARG_OPERAND(operands->data[1]));
    launch_arg(&sums, ARG_OPERAND(operands->prepared));
    launch_arg(&sums, ARG_LONG(packed_words(&c)));
    return launch_emit(&sums, p, operands, steps);
}

static socle_status bytes_blocked_emit(const problem *p, const socle_device *device, const tuning *t,
                                       const solver_operands *operands, step_list *steps)
{
    const tap_conv c = view_of(p);
    const tuning r = resolve(p, device, t);
    solver_launch launch = launch_of(p, &c, &r, "conv_bytes_blocked");
    launch.epilogue = true;
    launch.dims = 3;
    launch.global[0] = (size_t)ceil_div(c.to[1], r.value[ROWS]);
    launch.global[1] = (size_t)ceil_div(c.to_channels, r.value[SLICE]);
    launch.global[2] = (size_t)c.batch;
    launch.local[0] = launch.local[1] = launch.local[2] = 1;
    launch.flops = problem_flops(p);
    launch.bytes = problem_bytes(p);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->prepared));
    launch_arg(&launch, ARG_OPERAND(operands->prepared));
    launch_arg(&launch, ARG_OPERAND(operands->data[2]));
    launch_arg(&launch, ARG_LONG(packed_words(&c)));
    launch_arg(&launch, ARG_INT(p->conv.pad_value));
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_conv_bytes_blocked = {
    .name = "conv/bytes_blocked",
    .kind = PROBLEM_CONV,
    .applicable = bytes_blocked_applicable,
    .candidates = bytes_blocked_candidates,
    .estimate = bytes_blocked_estimate,
    .prepared_bytes = bytes_blocked_prepared_bytes,
    .prepare = bytes_blocked_prepare,
    .emit = bytes_blocked_emit,
    .epilogues = true,
};
