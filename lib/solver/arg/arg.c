/* ArgMax and ArgMin: arg/rows (CPU-shaped: vectors), arg/group (GPU-shaped: a work-group per row), arg/plain (one work-item per
 * row). The latter two share a kernel. */
#include "../launch.h"

static bool fits(const problem *p)
{
    const arg_problem *a = &p->arg;
    const int64_t most = INT32_MAX / 4;
    int64_t rows;
    return a->axis > 0 && a->axis < most && a->inner < most && multiply_fits(a->outer, a->inner, &rows) && rows < most;
}

static solver_launch begin(const problem *p, const char *algorithm, const char *source, const char *kernel,
                           const solver_operands *operands)
{
    solver_launch launch = {
        .algorithm = algorithm, .source = source, .kernel = kernel, .flops = problem_flops(p), .bytes = problem_bytes(p)};
    text_addf(&launch.options, "-DSTORAGE=%s -DMINIMUM=%d -DLAST=%d", storage_name(p->dtype), p->arg.minimum, p->arg.last);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    return launch;
}

/* ---- rows ---- */

static int column_lanes(const problem *p, const socle_device *device)
{
    int lanes = device_lanes(device);
    while (lanes > 1 && lanes > p->arg.inner)
        lanes = lanes > 4 ? lanes / 2 : 1;
    return lanes;
}

static bool rows_applicable(const problem *p, const socle_device *device)
{
    return fits(p) && device_runs_long_loops(device) && storage_is_real32(p->dtype) &&
           (p->arg.inner == 1 || column_lanes(p, device) > 1);
}

static int64_t rows_share(const problem *p, const socle_device *device)
{
    const int64_t least = ceil_div(8192, p->arg.axis), share = ceil_div(p->arg.outer, 4 * device_units(device));
    return share > least ? share : least;
}

static double rows_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    return estimate_s(device, 4 * problem_flops(p), device_is_cpu_shaped(device) ? 0.2 : 0.005, problem_bytes(p), 1, 0);
}

static socle_status rows_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                              step_list *steps)
{
    (void)t;
    const arg_problem *a = &p->arg;
    const bool rows = a->inner == 1;
    const int lanes = rows ? device_lanes(device) : column_lanes(p, device);
    solver_launch launch = begin(p, "arg/rows", "arg/rows", rows ? "arg_rows" : "arg_columns", operands);
    text_addf(&launch.options, " -DWIDTH=%d", lanes);
    launch.dims = 2;
    launch.local[0] = launch.local[1] = 1;
    if (rows) {
        const int64_t share = rows_share(p, device);
        launch_arg(&launch, ARG_INT(a->outer));
        launch_arg(&launch, ARG_INT(a->axis));
        launch_arg(&launch, ARG_INT(share));
        launch.global[0] = (size_t)ceil_div(a->outer, share);
        launch.global[1] = 1;
    } else {
        launch_arg(&launch, ARG_INT(a->axis));
        launch_arg(&launch, ARG_INT(a->inner));
        launch.global[0] = (size_t)ceil_div(a->inner, lanes);
        launch.global[1] = (size_t)a->outer;
    }
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_arg_rows = {
    .name = "arg/rows",
    .kind = PROBLEM_ARG,
    .applicable = rows_applicable,
    .candidates = one_candidate,
    .estimate = rows_estimate,
    .emit = rows_emit,
};

/* ---- group, plain ---- */

static socle_status emit_items(const problem *p, int items, const char *algorithm, const solver_operands *operands,
                               step_list *steps)
{
    const arg_problem *a = &p->arg;
    solver_launch launch = begin(p, algorithm, "arg/plain", "arg_plain", operands);
    text_addf(&launch.options, " -DITEMS=%d", items);
    launch_arg(&launch, ARG_LONG(a->axis));
    launch_arg(&launch, ARG_LONG(a->inner));
    launch.dims = 1;
    launch.global[0] = (size_t)(a->outer * a->inner) * (size_t)items;
    launch.local[0] = (size_t)items;
    return launch_emit(&launch, p, operands, steps);
}

static int group_items(const problem *p, const socle_device *device)
{
    int wanted = 256;
    while (wanted > 32 && wanted / 2 >= p->arg.axis)
        wanted /= 2;
    return device_group_items(device, wanted);
}

static bool group_applicable(const problem *p, const socle_device *device)
{
    return fits(p) && storage_runs(p->dtype, device) && device_group_items(device, 2) == 2 &&
           p->arg.axis / 30 <= device_loop_turns(device);
}

static double group_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double share = device_is_cpu_shaped(device) ? 0.003 : p->arg.inner == 1 ? 0.2 : 0.05;
    return estimate_s(device, 4 * problem_flops(p), share, problem_bytes(p), 1, 0);
}

static socle_status group_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)t;
    return emit_items(p, group_items(p, device), "arg/group", operands, steps);
}

const solver solver_arg_group = {
    .name = "arg/group",
    .kind = PROBLEM_ARG,
    .applicable = group_applicable,
    .candidates = one_candidate,
    .estimate = group_estimate,
    .emit = group_emit,
};

static bool plain_applicable(const problem *p, const socle_device *device)
{
    return storage_runs(p->dtype, device) && p->arg.axis <= device_loop_turns(device);
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double share = device_is_cpu_shaped(device) ? 0.01 : p->arg.inner == 1 ? 0.003 : 0.1;
    return estimate_s(device, 4 * problem_flops(p), share, problem_bytes(p), 1, 0);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)device;
    (void)t;
    return emit_items(p, 1, "arg/plain", operands, steps);
}

const solver solver_arg_plain = {
    .name = "arg/plain",
    .kind = PROBLEM_ARG,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .emit = plain_emit,
};
