/* Softmax and log-softmax: softmax/rows (CPU-shaped: vectors), softmax/group (GPU-shaped: a work-group per row), softmax/plain.
 */
#include "../launch.h"

/* Time of an exponential, in multiply-adds of a lane. */
#define EXPONENTIAL_FLOPS 30

static bool fits(const problem *p)
{
    const softmax_problem *s = &p->softmax;
    const int64_t most = INT32_MAX / 4;
    int64_t rows;
    return storage_is_real32(p->dtype) && s->axis > 0 && s->axis < most && s->inner < most &&
           multiply_fits(s->outer, s->inner, &rows) && rows < most;
}

static solver_launch begin(const problem *p, const char *algorithm, const char *kernel, const solver_operands *operands)
{
    solver_launch launch = {
        .algorithm = algorithm, .source = algorithm, .kernel = kernel, .flops = problem_flops(p), .bytes = problem_bytes(p)};
    text_addf(&launch.options, "-DSTORAGE=%s -DLOGARITHM=%d", storage_name(p->dtype), p->softmax.logarithm);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    return launch;
}

static double elements(const problem *p)
{
    return (double)p->softmax.outer * (double)p->softmax.axis * (double)p->softmax.inner;
}

/* ---- rows ---- */

/* Lanes that fit beside the axis: at most the device's. */
static int column_lanes(const problem *p, const socle_device *device)
{
    int lanes = device_lanes(device);
    while (lanes > 1 && lanes > p->softmax.inner)
        lanes = lanes > 4 ? lanes / 2 : 1;
    return lanes;
}

static bool rows_applicable(const problem *p, const socle_device *device)
{
    return fits(p) && device_runs_long_loops(device);
}

static int64_t rows_share(const problem *p, const socle_device *device)
{
    /* A group has at least some 4,096 elements, or the launch outweighs it. */
    const int64_t least = ceil_div(4096, p->softmax.axis), parts = 4 * device_units(device);
    const int64_t share = ceil_div(p->softmax.outer, parts);
    return share > least ? share : least;
}

static double rows_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const bool cpu = device_is_cpu_shaped(device);
    const double lanes = p->softmax.inner == 1 ? 1 : (double)column_lanes(p, device) / device_lanes(device);
    const int64_t groups = p->softmax.inner == 1 ? ceil_div(p->softmax.outer, rows_share(p, device))
                                                 : p->softmax.outer * ceil_div(p->softmax.inner, column_lanes(p, device));
    return estimate_s(device, elements(p) * EXPONENTIAL_FLOPS, (cpu ? 0.4 : 0.005) * lanes, problem_bytes(p), 1, groups);
}

static socle_status rows_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                              step_list *steps)
{
    (void)t;
    const softmax_problem *s = &p->softmax;
    const bool rows = s->inner == 1;
    solver_launch launch = begin(p, "softmax/rows", rows ? "softmax_rows" : "softmax_columns", operands);
    const int lanes = rows ? device_lanes(device) : column_lanes(p, device);
    text_addf(&launch.options, " -DWIDTH=%d", lanes);
    launch.dims = 2;
    launch.local[0] = launch.local[1] = 1;
    if (rows) {
        const int64_t share = rows_share(p, device);
        launch_arg(&launch, ARG_INT(s->outer));
        launch_arg(&launch, ARG_INT(s->axis));
        launch_arg(&launch, ARG_INT(share));
        launch.global[0] = (size_t)ceil_div(s->outer, share);
        launch.global[1] = 1;
    } else {
        launch_arg(&launch, ARG_INT(s->axis));
        launch_arg(&launch, ARG_INT(s->inner));
        launch.global[0] = (size_t)ceil_div(s->inner, lanes);
        launch.global[1] = (size_t)s->outer;
    }
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_softmax_rows = {
    .name = "softmax/rows",
    .kind = PROBLEM_SOFTMAX,
    .applicable = rows_applicable,
    .candidates = one_candidate,
    .estimate = rows_estimate,
    .emit = rows_emit,
};

/* ---- group ---- */

static int group_items(const problem *p, const socle_device *device, const tuning *t)
{
    int wanted = t->value[0] != 0 ? t->value[0] : 256;
    while (wanted > 32 && wanted / 2 >= p->softmax.axis)
        wanted /= 2;
    return device_group_items(device, wanted);
}

static bool group_applicable(const problem *p, const socle_device *device)
{
    return fits(p) && device_group_items(device, 2) == 2 && p->softmax.axis / 8 <= device_loop_turns(device);
}

static double group_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double share = device_is_cpu_shaped(device) ? 0.005 : p->softmax.inner == 1 ? 0.3 : 0.05;
    return estimate_s(device, elements(p) * EXPONENTIAL_FLOPS, share, 1.5 * problem_bytes(p), 1,
                      p->softmax.outer * p->softmax.inner);
}

static socle_status group_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    const softmax_problem *s = &p->softmax;
    const int items = group_items(p, device, t);
    solver_launch launch = begin(p, "softmax/group", "softmax_group", operands);
    text_addf(&launch.options, " -DITEMS=%d", items);
    launch_arg(&launch, ARG_INT(s->axis));
    launch_arg(&launch, ARG_INT(s->inner));
    launch.dims = 1;
    launch.global[0] = (size_t)(s->outer * s->inner) * (size_t)items;
    launch.local[0] = (size_t)items;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_softmax_group = {
    .name = "softmax/group",
    .kind = PROBLEM_SOFTMAX,
    .applicable = group_applicable,
    .candidates = group_size_candidates,
    .estimate = group_estimate,
    .emit = group_emit,
};

/* ---- plain ---- */

static bool plain_applicable(const problem *p, const socle_device *device)
{
    return (storage_is_real32(p->dtype) || p->dtype == SOCLE_FLOAT64) && storage_runs(p->dtype, device) &&
           p->softmax.axis <= device_loop_turns(device) / 3;
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double share = device_is_cpu_shaped(device) ? 0.01 : 0.1;
    return estimate_s(device, elements(p) * 2 * EXPONENTIAL_FLOPS, share, 3 * problem_bytes(p), 1, 0);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)device;
    (void)t;
    solver_launch launch = begin(p, "softmax/plain", "softmax_plain", operands);
    launch_arg(&launch, ARG_LONG(p->softmax.axis));
    launch_arg(&launch, ARG_LONG(p->softmax.inner));
    launch.dims = 2;
    launch.global[0] = p->softmax.axis > 0 ? (size_t)p->softmax.inner : 0;
    launch.global[1] = (size_t)p->softmax.outer;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_softmax_plain = {
    .name = "softmax/plain",
    .kind = PROBLEM_SOFTMAX,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .emit = plain_emit,
};
