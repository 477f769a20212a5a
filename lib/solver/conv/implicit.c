/* conv/implicit, conv_input/implicit, conv_weight/implicit: convolution as a product that gathers its matrices into local memory,
 * for GPUs (kernels/conv/implicit.cl). Every geometry; the gradient of the data runs once for each phase of the stride, the
 * gradient of the weights cuts its sum over pixels into chunks where there are few weights. */
#include "taps.h"

#include <math.h>

/* value[] of its tunings */
enum { IMPLICIT_WX, IMPLICIT_WY, IMPLICIT_TM, IMPLICIT_TN, IMPLICIT_BK, IMPLICIT_CHUNKS };

#define MOST_PHASES 64
#define LOOP_BUDGET 50000 /* iterations of a work-item under QUIRK_LOOP_LIMIT */

/* ---- extents of the product ---- */

typedef struct extents {
    int64_t rows, columns, depth, groups;
} extents;

static extents extents_of(const problem *p, const tap_conv *c)
{
    const int64_t pixels = c->batch * conv_volume(c->to), taps = tap_conv_taps(c);
    if (p->kind == PROBLEM_CONV_WEIGHT)
        return (extents){c->to_channels, c->from_channels * taps, pixels, c->groups};
    return (extents){c->to_channels, pixels, c->from_channels * taps, c->groups};
}

static extents largest_extents(const problem *p)
{
    extents largest = {0};
    for (int64_t i = 0; i < tap_conv_phases(p); i++) {
        const tap_conv c = tap_conv_at(p, i);
        const extents e = extents_of(p, &c);
        if (e.rows * e.columns * e.depth >= largest.rows * largest.columns * largest.depth)
            largest = e;
    }
    return largest;
}

static int64_t tiles_of(const extents *e, const tuning *t)
{
    return ceil_div(e->rows, t->value[IMPLICIT_WY] * t->value[IMPLICIT_TM]) *
           ceil_div(e->columns, t->value[IMPLICIT_WX] * t->value[IMPLICIT_TN]) * e->groups;
}

/* ---- tunings ---- */

static const tuning shapes[] = {
    {{16, 16, 4, 4, 8, 1}}, {{16, 16, 8, 8, 8, 1}},  {{16, 8, 4, 4, 16, 1}},
    {{8, 8, 4, 4, 8, 1}},   {{16, 16, 2, 2, 16, 1}}, {{8, 8, 8, 8, 8, 1}},
};

static bool fits(const tuning *t, const problem *p, const socle_device *device)
{
    const int *v = t->value;
    const size_t bytes = (size_t)v[IMPLICIT_BK] * (size_t)(v[IMPLICIT_WY] * v[IMPLICIT_TM] + v[IMPLICIT_WX] * v[IMPLICIT_TN]) *
                         (p->dtype == SOCLE_FLOAT64 ? sizeof(double) : sizeof(float));
    return (size_t)(v[IMPLICIT_WX] * v[IMPLICIT_WY]) <= device->capabilities.max_work_group_size &&
           bytes <= device->capabilities.local_memory_bytes;
}

/* Multiply-adds that are done, padding of the tiles included, by groups that come in turns of the compute units. */
static double cost(const extents *e, const tuning *t, const socle_device *device)
{
    const int *v = t->value;
    const double tile =
        (double)(v[IMPLICIT_WX] * v[IMPLICIT_TN] * v[IMPLICIT_WY] * v[IMPLICIT_TM]) * (double)e->depth / v[IMPLICIT_CHUNKS];
    const double load = 1 + 2.0 / v[IMPLICIT_TM] + 2.0 / v[IMPLICIT_TN]; /* from local memory for each multiply-add */
    return (double)round_up(tiles_of(e, t) * v[IMPLICIT_CHUNKS], device_units(device)) * tile * load;
}

static int implicit_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const extents e = largest_extents(p);
    int count = 0;
    double costs[COUNT_OF(shapes)];
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        tuning t = shapes[i];
        if (!fits(&t, p, device))
            continue;
        while (p->kind == PROBLEM_CONV_WEIGHT && t.value[IMPLICIT_CHUNKS] < 64 && e.depth / t.value[IMPLICIT_CHUNKS] > 512 &&
               tiles_of(&e, &t) * t.value[IMPLICIT_CHUNKS] < 4 * device_units(device))
            t.value[IMPLICIT_CHUNKS] *= 2;
        const double price = cost(&e, &t, device);
        int at = count < capacity ? count++ : capacity;
        for (; at > 0 && costs[at - 1] > price; at--) {
            if (at < capacity) {
                out[at] = out[at - 1];
                costs[at] = costs[at - 1];
            }
        }
        if (at < capacity) {
            out[at] = t;
            costs[at] = price;
        }
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

/* Iterations of a work-item's loops. */
static int64_t iterations(const extents *e, const tuning *t)
{
    const int *v = t->value;
    const int64_t steps = ceil_div(e->depth, v[IMPLICIT_BK] * v[IMPLICIT_CHUNKS]);
    const int64_t gathers =
        ceil_div(v[IMPLICIT_BK] * v[IMPLICIT_TM], v[IMPLICIT_WX]) + ceil_div(v[IMPLICIT_BK] * v[IMPLICIT_TN], v[IMPLICIT_WY]);
    return steps * (1 + gathers + v[IMPLICIT_BK]);
}

static bool implicit_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    if (!conv_supported(p, device) || problem_flops(p) <= 0 || tap_conv_phases(p) > MOST_PHASES ||
        implicit_candidates(p, device, &t, 1) == 0)
        return false;
    const extents e = largest_extents(p);
    return !device_has_quirk(device, QUIRK_LOOP_LIMIT) || iterations(&e, &t) <= LOOP_BUDGET;
}

static double implicit_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const extents e = largest_extents(p);
    const tuning resolved = resolve(p, device, t);
    const double work = (double)(e.rows * e.columns * e.depth * e.groups) / fmax(cost(&e, &resolved, device), 1);
    const double share = device_is_cpu_shaped(device) ? 0.1 * work : work; /* a CPU works through a group's items one by one */
    const int launches = resolved.value[IMPLICIT_CHUNKS] > 1 ? 2 : (int)tap_conv_phases(p);
    return estimate_s(device, problem_flops(p), fmax(share, 1e-6), problem_bytes(p), launches, 0);
}

/* ---- steps ---- */

static void add_options(text *options, const problem *p, const tap_conv *c, const tuning *t)
{
    const int *v = t->value;
    tap_conv_add_options(options, p, c);
    text_addf(options, " -DWX=%d -DWY=%d -DTM=%d -DTN=%d -DBK=%d -DCHUNKS=%d%s", v[IMPLICIT_WX], v[IMPLICIT_WY], v[IMPLICIT_TM],
              v[IMPLICIT_TN], v[IMPLICIT_BK], v[IMPLICIT_CHUNKS], p->kind == PROBLEM_CONV_WEIGHT ? " -DWEIGHT" : "");
}

static const char *algorithm_of(const problem *p)
{
    return p->kind == PROBLEM_CONV         ? "conv/implicit"
           : p->kind == PROBLEM_CONV_INPUT ? "conv_input/implicit"
                                           : "conv_weight/implicit";
}

static socle_status emit_product(const problem *p, const tap_conv *c, const tuning *t, const solver_operands *operands,
                                 step_list *steps)
{
    const int *v = t->value;
    const bool weight = p->kind == PROBLEM_CONV_WEIGHT;
    const extents e = extents_of(p, c);
    solver_launch launch = {.algorithm = algorithm_of(p),
                            .source = "conv/implicit",
                            .kernel = weight ? "conv_weight_implicit" : "conv_implicit",
                            .epilogue = !weight,
                            .channel_uniform = true,
                            .dims = 3,
                            .local = {(size_t)v[IMPLICIT_WX], (size_t)v[IMPLICIT_WY], 1},
                            .flops = 2.0 * (double)(e.rows * e.columns * e.depth * e.groups),
                            .bytes = problem_bytes(p)};
    launch.global[0] = (size_t)ceil_div(e.columns, v[IMPLICIT_WX] * v[IMPLICIT_TN]) * launch.local[0];
    launch.global[1] = (size_t)ceil_div(e.rows, v[IMPLICIT_WY] * v[IMPLICIT_TM]) * launch.local[1];
    launch.global[2] = (size_t)(e.groups * v[IMPLICIT_CHUNKS]);
    add_options(&launch.options, p, c, t);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_OPERAND(v[IMPLICIT_CHUNKS] > 1 ? operands->workspace : operands->data[2]));
    return launch_emit(&launch, p, operands, steps);
}

static size_t implicit_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning resolved = resolve(p, device, t);
    return p->kind == PROBLEM_CONV_WEIGHT ? conv_weight_partial_bytes(p, resolved.value[IMPLICIT_CHUNKS]) : 0;
}

static socle_status implicit_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                  step_list *steps)
{
    const tuning resolved = resolve(p, device, t);
    const int chunks = resolved.value[IMPLICIT_CHUNKS];
    socle_status status = SOCLE_OK;
    for (int64_t i = 0; i < tap_conv_phases(p) && status == SOCLE_OK; i++) {
        const tap_conv c = tap_conv_at(p, i);
        if (conv_volume(c.to) > 0)
            status = emit_product(p, &c, &resolved, operands, steps);
    }
    if (status == SOCLE_OK && chunks > 1)
        status = conv_weight_reduce(p, device, algorithm_of(p), operands, chunks, steps);
    return status;
}

const solver solver_conv_implicit = {
    .name = "conv/implicit",
    .kind = PROBLEM_CONV,
    .applicable = implicit_applicable,
    .candidates = implicit_candidates,
    .estimate = implicit_estimate,
    .emit = implicit_emit,
    .epilogues = true,
};

const solver solver_conv_input_implicit = {
    .name = "conv_input/implicit",
    .kind = PROBLEM_CONV_INPUT,
    .applicable = implicit_applicable,
    .candidates = implicit_candidates,
    .estimate = implicit_estimate,
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
    .emit = implicit_emit,
};
