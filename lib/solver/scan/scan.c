/* Cumulative sums: scan/rows (CPU-shaped: vectors, long rows in parts), scan/group (GPU-shaped: a work-group per line),
 * scan/plain (one work-item per line). The latter two share a kernel. */
#include "../launch.h"

static bool fits(const problem *p)
{
    const scan_problem *s = &p->scan;
    const int64_t most = INT32_MAX / 4;
    int64_t lines;
    return s->axis > 0 && s->axis < most && s->inner < most && multiply_fits(s->outer, s->inner, &lines) && lines < most;
}

static solver_launch begin(const problem *p, const char *algorithm, const char *source, const char *kernel)
{
    solver_launch launch = {
        .algorithm = algorithm, .source = source, .kernel = kernel, .flops = problem_flops(p), .bytes = problem_bytes(p)};
    text_addf(&launch.options, "-DSTORAGE=%s -DEXCLUSIVE=%d -DREVERSE=%d", storage_name(p->dtype), p->scan.exclusive,
              p->scan.reverse);
    return launch;
}

/* ---- rows ---- */

static bool has_vectors(socle_dtype dtype)
{
    return storage_is_real32(dtype) || dtype == SOCLE_FLOAT64 || dtype == SOCLE_INT32 || dtype == SOCLE_INT64;
}

static bool rows_applicable(const problem *p, const socle_device *device)
{
    return fits(p) && device_runs_long_loops(device) && has_vectors(p->dtype) && storage_runs(p->dtype, device);
}

/* Elements of a part: rows are cut where they are too few to keep all compute units busy. */
static int64_t part_of(const problem *p, const socle_device *device)
{
    const scan_problem *s = &p->scan;
    const int64_t wanted = 2 * device_units(device), least = 4096;
    const int64_t parts = s->outer < wanted ? ceil_div(wanted, s->outer > 0 ? s->outer : 1) : 1;
    const int64_t part = round_up(ceil_div(s->axis, parts), 64);
    return part < least ? least : part;
}

static int64_t parts_of(const problem *p, const socle_device *device)
{
    return p->scan.inner == 1 ? ceil_div(p->scan.axis, part_of(p, device)) : 1;
}

static size_t real_bytes(socle_dtype dtype)
{
    return dtype == SOCLE_FLOAT64 || dtype == SOCLE_INT64 ? 8 : 4;
}

static size_t rows_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const int64_t parts = parts_of(p, device);
    return parts > 1 ? (size_t)(p->scan.outer * parts) * real_bytes(p->dtype) : 0;
}

/* Columns of a work-item. */
static int64_t columns_of(const problem *p, const socle_device *device)
{
    const scan_problem *s = &p->scan;
    const int64_t lanes = device_lanes(device), wanted = 2 * device_units(device);
    const int64_t blocks = s->outer < wanted ? ceil_div(wanted, s->outer > 0 ? s->outer : 1) : 1;
    return round_up(ceil_div(s->inner, blocks), lanes);
}

static double rows_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const int64_t parts = parts_of(p, device);
    const bool lanes = p->scan.inner == 1 || p->scan.inner >= device_lanes(device);
    const double share = device_is_cpu_shaped(device) ? (lanes ? 0.1 : 0.01) : 0.005;
    return estimate_s(device, problem_flops(p), share, problem_bytes(p) * (parts > 1 ? 1.5 : 1), parts > 1 ? 2 : 1, 0);
}

static socle_status emit_rows(const problem *p, const socle_device *device, const solver_operands *operands, step_list *steps)
{
    const scan_problem *s = &p->scan;
    const int64_t part = part_of(p, device), parts = parts_of(p, device);
    const size_t global[] = {(size_t)parts, (size_t)s->outer};
    if (parts > 1) {
        solver_launch sums = begin(p, "scan/rows", "scan/rows", "scan_sums");
        text_addf(&sums.options, " -DWIDTH=%d -DCUT=%d", device_lanes(device), parts > 1);
        launch_arg(&sums, ARG_OPERAND(operands->data[0]));
        launch_arg(&sums, ARG_OPERAND(operands->workspace));
        launch_arg(&sums, ARG_LONG(s->axis));
        launch_arg(&sums, ARG_INT(part));
        launch_arg(&sums, ARG_INT(parts));
        sums.dims = 2;
        sums.global[0] = global[0];
        sums.global[1] = global[1];
        sums.local[0] = sums.local[1] = 1;
        sums.bytes /= 2;
        const socle_status status = launch_emit(&sums, p, operands, steps);
        if (status != SOCLE_OK)
            return status;
    }
    solver_launch launch = begin(p, "scan/rows", "scan/rows", "scan_rows");
    text_addf(&launch.options, " -DWIDTH=%d -DCUT=%d", device_lanes(device), parts > 1);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    if (parts > 1)
        launch_arg(&launch, ARG_OPERAND(operands->workspace));
    launch_arg(&launch, ARG_LONG(s->axis));
    launch_arg(&launch, ARG_INT(part));
    launch_arg(&launch, ARG_INT(parts));
    launch.dims = 2;
    launch.global[0] = global[0];
    launch.global[1] = global[1];
    launch.local[0] = launch.local[1] = 1;
    return launch_emit(&launch, p, operands, steps);
}

static socle_status rows_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                              step_list *steps)
{
    (void)t;
    const scan_problem *s = &p->scan;
    if (s->inner == 1)
        return emit_rows(p, device, operands, steps);
    const int64_t columns = columns_of(p, device);
    solver_launch launch = begin(p, "scan/rows", "scan/rows", "scan_columns");
    text_addf(&launch.options, " -DWIDTH=%d", device_lanes(device));
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_INT(s->axis));
    launch_arg(&launch, ARG_INT(s->inner));
    launch_arg(&launch, ARG_INT(columns));
    launch.dims = 2;
    launch.global[0] = s->inner > 0 ? (size_t)ceil_div(s->inner, columns) : 0;
    launch.global[1] = (size_t)s->outer;
    launch.local[0] = launch.local[1] = 1;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_scan_rows = {
    .name = "scan/rows",
    .kind = PROBLEM_SCAN,
    .applicable = rows_applicable,
    .candidates = one_candidate,
    .estimate = rows_estimate,
    .workspace_bytes = rows_workspace_bytes,
    .emit = rows_emit,
};

/* ---- group, plain ---- */

static socle_status emit_items(const problem *p, int items, const char *algorithm, const solver_operands *operands,
                               step_list *steps)
{
    const scan_problem *s = &p->scan;
    solver_launch launch = begin(p, algorithm, "scan/plain", "scan_plain");
    text_addf(&launch.options, " -DITEMS=%d", items);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_LONG(s->axis));
    launch_arg(&launch, ARG_LONG(s->inner));
    launch.dims = 1;
    launch.global[0] = s->axis > 0 ? (size_t)(s->outer * s->inner) * (size_t)items : 0;
    launch.local[0] = items > 1 ? (size_t)items : 0;
    return launch_emit(&launch, p, operands, steps);
}

static int group_items(const problem *p, const socle_device *device)
{
    int wanted = 256;
    while (wanted > 32 && wanted / 2 >= p->scan.axis)
        wanted /= 2;
    return device_group_items(device, wanted);
}

static bool group_applicable(const problem *p, const socle_device *device)
{
    return fits(p) && storage_runs(p->dtype, device) && device_group_items(device, 2) == 2 &&
           p->scan.axis / 8 <= device_loop_turns(device);
}

static double group_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double share = device_is_cpu_shaped(device) ? 0.001 : p->scan.inner == 1 ? 0.1 : 0.02;
    return estimate_s(device, 10 * problem_flops(p), share, problem_bytes(p), 1, p->scan.outer * p->scan.inner);
}

static socle_status group_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)t;
    return emit_items(p, group_items(p, device), "scan/group", operands, steps);
}

const solver solver_scan_group = {
    .name = "scan/group",
    .kind = PROBLEM_SCAN,
    .applicable = group_applicable,
    .candidates = one_candidate,
    .estimate = group_estimate,
    .emit = group_emit,
};

static bool plain_applicable(const problem *p, const socle_device *device)
{
    return storage_runs(p->dtype, device) && p->scan.axis <= device_loop_turns(device);
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double share = device_is_cpu_shaped(device) ? 0.004 : p->scan.inner == 1 ? 0.002 : 0.05;
    return estimate_s(device, problem_flops(p), share, problem_bytes(p), 1, p->scan.outer * p->scan.inner);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)device;
    (void)t;
    return emit_items(p, 1, "scan/plain", operands, steps);
}

const solver solver_scan_plain = {
    .name = "scan/plain",
    .kind = PROBLEM_SCAN,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .emit = plain_emit,
};
