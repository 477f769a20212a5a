/* conv/implicit, conv_input/implicit, conv_weight/implicit: convolution as a product that gathers its matrices into local memory,
 * for GPUs (kernels/conv/implicit.cl, implicit_weight.cl). Every geometry. Weights are packed once where they are constant, else
 * by a step; the gradient of the data runs once for each phase of the stride; the gradient of the weights cuts its sum over
 * pixels into chunks where there are few weights, and adds them in a fixed order. */
#include "implicit.h"

#include <math.h>

#define MOST_PHASES 64

static bool is_weight(const problem *p)
{
    return p->kind == PROBLEM_CONV_WEIGHT;
}

static size_t real_bytes(const problem *p)
{
    return p->dtype == SOCLE_FLOAT64 ? sizeof(double) : sizeof(float);
}

static int tile_rows(const tuning *t)
{
    return t->value[IMPLICIT_WY] * t->value[IMPLICIT_TM];
}

static int tile_columns(const tuning *t)
{
    return t->value[IMPLICIT_WX] * t->value[IMPLICIT_TN];
}

static int items(const tuning *t)
{
    return t->value[IMPLICIT_WX] * t->value[IMPLICIT_WY];
}

/* ---- extents of the product ---- */

typedef struct extents {
    int64_t rows, columns, groups;
    int64_t depth; /* of the sum */
} extents;

static extents extents_of(const problem *p, const tap_conv *c)
{
    const int64_t pixels = c->batch * conv_volume(c->to), taps = tap_conv_taps(c);
    if (is_weight(p))
        return (extents){c->to_channels, c->from_channels * taps, c->groups, pixels};
    return (extents){c->to_channels, pixels, c->groups, c->from_channels * taps};
}

/* The phase with the most work. */
static tap_conv largest_phase(const problem *p)
{
    tap_conv largest = tap_conv_at(p, 0);
    double most = -1;
    for (int64_t i = 0; i < tap_conv_phases(p); i++) {
        const tap_conv c = tap_conv_at(p, i);
        const double work = (double)conv_volume(c.to) * (double)tap_conv_taps(&c);
        if (work > most)
            largest = c;
        most = fmax(most, work);
    }
    return largest;
}

/* A step of the sum is one tap of BK channels, where that leaves few of the channels empty. */
static bool by_blocks(const tap_conv *c, const tuning *t)
{
    return round_up(c->from_channels, t->value[IMPLICIT_BK]) * 8 <= c->from_channels * 9;
}

implicit_packing implicit_packing_of(const tap_conv *c, const tuning *t)
{
    const int64_t bk = t->value[IMPLICIT_BK], taps = tap_conv_taps(c);
    const int64_t depth = by_blocks(c, t) ? round_up(c->from_channels, bk) * taps : round_up(c->from_channels * taps, bk);
    return (implicit_packing){tile_rows(t), ceil_div(c->to_channels, tile_rows(t)), depth};
}

static int64_t packed_count(const tap_conv *c, const tuning *t)
{
    const implicit_packing packing = implicit_packing_of(c, t);
    return c->groups * packing.row_tiles * packing.depth * packing.tile_rows;
}

static int64_t steps_of(const problem *p, const tap_conv *c, const tuning *t)
{
    if (is_weight(p))
        return ceil_div(ceil_div(extents_of(p, c).depth, t->value[IMPLICIT_CHUNKS]), t->value[IMPLICIT_BK]);
    return implicit_packing_of(c, t).depth / t->value[IMPLICIT_BK];
}

/* ---- tunings ---- */

/* Loads are shared out evenly: a group's items are a multiple, or a divisor, of a tile's columns and of BK. */
static const tuning shapes[] = {
    {{16, 16, 8, 8, 8, 1}}, {{16, 16, 8, 8, 16, 1}}, {{16, 8, 8, 8, 8, 1}}, {{8, 16, 8, 8, 8, 1}},   {{8, 8, 8, 8, 8, 1}},
    {{16, 8, 4, 8, 16, 1}}, {{16, 16, 4, 4, 16, 1}}, {{8, 8, 4, 4, 8, 1}},  {{16, 8, 4, 4, 16, 1}},  {{8, 8, 8, 4, 8, 1}},
    {{16, 4, 4, 4, 16, 1}}, {{32, 8, 8, 4, 8, 1}},   {{4, 4, 4, 4, 8, 1}},  {{16, 16, 4, 8, 16, 1}}, {{32, 4, 4, 4, 16, 1}},
};

static size_t local_bytes(const problem *p, const tuning *t)
{
    const size_t padding = is_weight(p) ? 8 : 0, table = is_weight(p) ? (size_t)tile_columns(t) * 4 * sizeof(cl_int) : 0;
    return 2 * (size_t)t->value[IMPLICIT_BK] * ((size_t)(tile_rows(t) + tile_columns(t)) + padding) * real_bytes(p) + table;
}

static bool fits(const tuning *t, const problem *p, const socle_device *device)
{
    const device_capabilities *c = &device->capabilities;
    return (size_t)items(t) <= c->max_work_group_size && (size_t)items(t) <= c->max_work_item_sizes[0] &&
           local_bytes(p, t) <= c->local_memory_bytes;
}

static int64_t group_count(const problem *p, const tap_conv *c, const tuning *t)
{
    const extents e = extents_of(p, c);
    return ceil_div(e.rows, tile_rows(t)) * ceil_div(e.columns, tile_columns(t)) * e.groups * t->value[IMPLICIT_CHUNKS];
}

/* Elements that an item moves to local memory in a step: quads of weights, and single ones. */
static double moved(const problem *p, const tuning *t, bool blocks)
{
    const double per_item = (double)t->value[IMPLICIT_BK] / items(t);
    const double left = per_item * tile_rows(t), right = per_item * tile_columns(t);
    if (is_weight(p))
        return 4 * left + 10 * right;
    return left + (blocks ? 4 : 12) * right; /* about as many instructions */
}

/* Instructions of all items that the units pass through one after the other. A multiprocessor does four times as many
 * multiply-adds as reads of local memory; a group that is alone on its unit waits for memory and barriers (Volkov, "Better
 * performance at lower occupancy", 2010: the more results an item has, the fewer items hide that). */
static double cost(const problem *p, const tap_conv *c, const tuning *t, const socle_device *device)
{
    const int tm = t->value[IMPLICIT_TM], tn = t->value[IMPLICIT_TN], units = device_units(device);
    const double multiply = t->value[IMPLICIT_BK] * (fmax(tm * tn, 1.5 * (tm + tn)) + (tm + tn) / 4.0);
    const double step = multiply + moved(p, t, by_blocks(c, t)) + 20;
    const int64_t groups = group_count(p, c, t);
    const double registers = (double)(items(t) * (tm * tn + 2 * (tm + tn) + 32)); /* of 65,536 that a unit has */
    const double room = fmin(65536 / registers, (double)device->capabilities.local_memory_bytes / (double)local_bytes(p, t));
    const double resident = fmax(fmin(floor(room), ceil((double)groups / units)), 1) * items(t) * sqrt(tm * tn / 16.0);
    const double waits = (resident + 64) / resident;
    return (double)round_up(groups, units) * items(t) * (double)(steps_of(p, c, t) + 2) * step * waits;
}

static int implicit_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const tap_conv c = largest_phase(p);
    int count = 0;
    double costs[COUNT_OF(shapes)];
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        tuning t = shapes[i];
        if (!fits(&t, p, device))
            continue;
        while (is_weight(p) && t.value[IMPLICIT_CHUNKS] < 64 && steps_of(p, &c, &t) * t.value[IMPLICIT_BK] > 512 &&
               group_count(p, &c, &t) < 4 * device_units(device))
            t.value[IMPLICIT_CHUNKS] *= 2;
        count = rank_candidate(out, costs, count, capacity, t, cost(p, &c, &t, device));
    }
    return count;
}

static tuning resolve(const problem *p, const socle_device *device, const tuning *t)
{
    tuning resolved = *t;
    if (t->value[IMPLICIT_WX] == 0)
        implicit_candidates(p, device, &resolved, 1);
    return resolved;
}

/* Turns of a work-item's loops. */
static int64_t turns(const problem *p, const tap_conv *c, const tuning *t)
{
    const int loads = t->value[IMPLICIT_BK] * (tile_rows(t) + tile_columns(t)) / items(t);
    return (steps_of(p, c, t) + 1) * (1 + 2 * loads + t->value[IMPLICIT_BK]) + 1024; /* its results, too */
}

/* Kernels number the elements of a group's image, and its packed weights, with 32 bits. */
static bool offsets_fit(const problem *p, const tuning *t)
{
    const int64_t most = INT32_MAX / 4;
    for (int64_t i = 0; i < tap_conv_phases(p); i++) {
        const tap_conv c = tap_conv_at(p, i);
        int64_t from, to, packed;
        if (!multiply_fits(c.from_channels, conv_volume(c.from), &from) || from > most ||
            !multiply_fits(c.to_channels, conv_volume(c.to), &to) || to > most ||
            !multiply_fits(c.from_channels * tap_conv_taps(&c) + t->value[IMPLICIT_BK], 2 * c.to_channels + tile_rows(t),
                           &packed) ||
            packed > most || c.groups > UINT16_MAX) /* dimensions behind the first are that short on NVIDIA's devices */
            return false;
    }
    return true;
}

static bool implicit_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    if (!conv_supported(p, device) || problem_flops(p) <= 0 || tap_conv_phases(p) > MOST_PHASES ||
        implicit_candidates(p, device, &t, 1) == 0)
        return false;
    const tap_conv c = largest_phase(p);
    return offsets_fit(p, &t) && turns(p, &c, &t) <= device_loop_turns(device);
}

static double implicit_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tap_conv c = largest_phase(p);
    const extents e = extents_of(p, &c);
    const tuning resolved = resolve(p, device, t);
    const double work = (double)(e.rows * e.columns * e.groups) * (double)e.depth / fmax(cost(p, &c, &resolved, device), 1);
    const double share = device_is_cpu_shaped(device) ? 0.1 * work : work; /* a CPU works through a group's items one by one */
    const int products = (int)tap_conv_phases(p);
    const bool twice = is_weight(p) ? resolved.value[IMPLICIT_CHUNKS] > 1 : !p->conv.w_constant;
    return estimate_s(device, problem_flops(p), fmax(share, 1e-6), problem_bytes(p), twice ? 2 * products : products, 0);
}

/* ---- memory ---- */

/* Elements of all phases' packed weights in front of phase `number`; that of the last and one: all. */
static int64_t packed_offset(const problem *p, const tuning *t, int64_t number)
{
    int64_t offset = 0;
    for (int64_t i = 0; i < number; i++) {
        const tap_conv c = tap_conv_at(p, i);
        offset += packed_count(&c, t);
    }
    return offset;
}

static size_t packed_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning resolved = resolve(p, device, t);
    return (size_t)packed_offset(p, &resolved, tap_conv_phases(p)) * real_bytes(p);
}

static size_t implicit_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return p->conv.w_constant ? packed_bytes(p, device, t) : 0;
}

static size_t implicit_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    if (is_weight(p))
        return conv_weight_partial_bytes(p, resolve(p, device, t).value[IMPLICIT_CHUNKS]);
    return p->conv.w_constant ? 0 : packed_bytes(p, device, t);
}

/* ---- steps ---- */

static void add_options(text *options, const problem *p, const tap_conv *c, const tuning *t)
{
    const int *v = t->value;
    tap_conv_add_options(options, p, c);
    text_addf(options, " -DWX=%d -DWY=%d -DTM=%d -DTN=%d -DBK=%d", v[IMPLICIT_WX], v[IMPLICIT_WY], v[IMPLICIT_TM], v[IMPLICIT_TN],
              v[IMPLICIT_BK]);
    if (is_weight(p))
        text_addf(options, " -DCHUNKS=%d", v[IMPLICIT_CHUNKS]);
    else
        text_addf(options, " -DBLOCKS=%d", by_blocks(c, t));
}

static const char *algorithm_of(const problem *p)
{
    return p->kind == PROBLEM_CONV         ? "conv/implicit"
           : p->kind == PROBLEM_CONV_INPUT ? "conv_input/implicit"
                                           : "conv_weight/implicit";
}

/* The launch of a product, still without its arguments. */
static solver_launch product_of(const problem *p, const tap_conv *c, const tuning *t, const char *algorithm)
{
    const extents e = extents_of(p, c);
    solver_launch launch = {.algorithm = algorithm,
                            .source = is_weight(p) ? "conv/implicit_weight" : "conv/implicit",
                            .kernel = is_weight(p) ? "conv_weight_implicit" : "conv_implicit",
                            .epilogue = !is_weight(p),
                            .channel_uniform = true,
                            .dims = 3,
                            .local = {(size_t)items(t), 1, 1},
                            .flops = 2.0 * (double)(e.rows * e.columns * e.groups) * (double)e.depth,
                            .bytes = problem_bytes(p)};
    launch.global[0] = (size_t)(ceil_div(e.rows, tile_rows(t)) * ceil_div(e.columns, tile_columns(t))) * launch.local[0];
    launch.global[1] = (size_t)e.groups;
    launch.global[2] = (size_t)t->value[IMPLICIT_CHUNKS];
    add_options(&launch.options, p, c, t);
    return launch;
}

socle_status implicit_emit_product(const problem *p, const tap_conv *c, const tuning *t, const char *algorithm,
                                   const implicit_operands *at, const solver_operands *operands, step_list *steps)
{
    solver_launch launch = product_of(p, c, t, algorithm);
    launch_arg(&launch, ARG_OPERAND(at->x));
    launch_arg(&launch, ARG_OPERAND(at->packed));
    launch_arg(&launch, ARG_OPERAND(at->y));
    launch_arg(&launch, ARG_LONG(at->x_offset));
    launch_arg(&launch, ARG_LONG(at->packed_offset));
    return launch_emit(&launch, p, operands, steps);
}

static socle_status emit_packing(const problem *p, const tuning *t, const solver_operands *operands, int to, step_list *steps)
{
    socle_status status = SOCLE_OK;
    for (int64_t i = 0; i < tap_conv_phases(p) && status == SOCLE_OK; i++) {
        const tap_conv c = tap_conv_at(p, i);
        const int64_t count = packed_count(&c, t);
        solver_launch launch = {.algorithm = algorithm_of(p),
                                .source = "conv/implicit",
                                .kernel = "conv_implicit_pack",
                                .dims = 2,
                                .global = {(size_t)(count / c.groups), (size_t)c.groups},
                                .bytes = 2.0 * (double)real_bytes(p) * (double)count};
        add_options(&launch.options, p, &c, t);
        launch_arg(&launch, ARG_OPERAND(operands->data[1]));
        launch_arg(&launch, ARG_OPERAND(to));
        launch_arg(&launch, ARG_LONG(packed_offset(p, t, i)));
        status = launch_emit(&launch, p, operands, steps);
    }
    return status;
}

static socle_status implicit_prepare(const problem *p, const socle_device *device, const tuning *t,
                                     const solver_operands *operands, step_list *steps)
{
    const tuning resolved = resolve(p, device, t);
    return emit_packing(p, &resolved, operands, operands->prepared, steps);
}

static socle_status implicit_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                  step_list *steps)
{
    const tuning resolved = resolve(p, device, t);
    const int64_t phases = tap_conv_phases(p);
    /* No phase may have a tap, or results, at all: then there is nothing to pack. */
    const int packed = packed_offset(p, &resolved, phases) == 0 ? operands->data[1]
                       : p->conv.w_constant                     ? operands->prepared
                                                                : operands->workspace;
    socle_status status = p->conv.w_constant ? SOCLE_OK : emit_packing(p, &resolved, operands, packed, steps);
    for (int64_t i = 0; i < phases && status == SOCLE_OK; i++) {
        const tap_conv c = tap_conv_at(p, i);
        const implicit_operands at = {operands->data[0], packed, operands->data[2], 0, packed_offset(p, &resolved, i)};
        if (conv_volume(c.to) > 0)
            status = implicit_emit_product(p, &c, &resolved, algorithm_of(p), &at, operands, steps);
    }
    return status;
}

static socle_status weight_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    const tuning resolved = resolve(p, device, t);
    const tap_conv c = tap_conv_at(p, 0);
    const int chunks = resolved.value[IMPLICIT_CHUNKS];
    solver_launch launch = product_of(p, &c, &resolved, algorithm_of(p));
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_OPERAND(chunks > 1 ? operands->workspace : operands->data[2]));
    const socle_status status = launch_emit(&launch, p, operands, steps);
    if (status == SOCLE_OK && chunks > 1)
        return conv_weight_reduce(p, device, algorithm_of(p), operands, chunks, steps);
    return status;
}

const solver solver_conv_implicit = {
    .name = "conv/implicit",
    .kind = PROBLEM_CONV,
    .applicable = implicit_applicable,
    .candidates = implicit_candidates,
    .estimate = implicit_estimate,
    .workspace_bytes = implicit_workspace_bytes,
    .prepared_bytes = implicit_prepared_bytes,
    .prepare = implicit_prepare,
    .emit = implicit_emit,
    .epilogues = true,
};

const solver solver_conv_input_implicit = {
    .name = "conv_input/implicit",
    .kind = PROBLEM_CONV_INPUT,
    .applicable = implicit_applicable,
    .candidates = implicit_candidates,
    .estimate = implicit_estimate,
    .workspace_bytes = implicit_workspace_bytes,
    .prepared_bytes = implicit_prepared_bytes,
    .prepare = implicit_prepare,
    .emit = implicit_emit,
    .epilogues = true,
};

const solver solver_conv_weight_implicit = {
    .name = "conv_weight/implicit",
    .kind = PROBLEM_CONV_WEIGHT,
    .applicable = implicit_applicable,
    .candidates = implicit_candidates,
    .estimate = implicit_estimate,
    .workspace_bytes = implicit_workspace_bytes,
    .emit = weight_emit,
};
