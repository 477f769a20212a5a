/* Layer, RMS, group and instance normalization: norm/rows (CPU-shaped: vectors), norm/group (GPU-shaped: a work-group per row),
 * norm/plain (one work-item per row). The latter two share a kernel. */
#include "../launch.h"

static bool fits(const problem *p)
{
    const norm_problem *n = &p->norm;
    const int64_t most = INT32_MAX / 4;
    return storage_is_real32(p->dtype) && n->rows < most && n->row > 0 && n->row < most && n->scale_rows < most &&
           n->scale_block > 0 && n->scale_block < most && (n->scale_block == 1 || n->row % n->scale_block == 0);
}

/* x [, scale] [, bias], y [, mean, inverse], as problem_kind lists them; results that nobody asked for are GRAPH_NONE. */
static solver_launch begin(const problem *p, const char *algorithm, const char *source, const char *kernel,
                           const solver_operands *operands)
{
    const norm_problem *n = &p->norm;
    const int data_count = 2 + n->has_scale + n->has_bias;
    const bool mean = n->statistics && operands->data[data_count] != GRAPH_NONE;
    const bool inverse = n->statistics && operands->data[data_count + 1] != GRAPH_NONE;
    solver_launch launch = {.algorithm = algorithm,
                            .source = source,
                            .kernel = kernel,
                            .dims = 1,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    text_addf(&launch.options, "-DSTORAGE=%s -DHAS_SCALE=%d -DHAS_BIAS=%d -DHAS_MEAN=%d -DHAS_INVERSE=%d -DCENTERED=%d",
              storage_name(p->dtype), n->has_scale, n->has_bias, mean, inverse, !n->root_mean_square);
    for (int i = 0; i < data_count; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    if (mean)
        launch_arg(&launch, ARG_OPERAND(operands->data[data_count]));
    if (inverse)
        launch_arg(&launch, ARG_OPERAND(operands->data[data_count + 1]));
    return launch;
}

/* ---- rows ---- */

static bool rows_applicable(const problem *p, const socle_device *device)
{
    return fits(p) && device_runs_long_loops(device);
}

static int64_t rows_share(const problem *p, const socle_device *device)
{
    const int64_t least = ceil_div(4096, p->norm.row), share = ceil_div(p->norm.rows, 4 * device_units(device));
    return share > least ? share : least;
}

static double rows_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const bool vectors = p->norm.scale_block == 1 || p->norm.scale_block >= device_lanes(device);
    const double share = device_is_cpu_shaped(device) ? (vectors ? 0.2 : 0.02) : 0.005;
    return estimate_s(device, problem_flops(p), share, problem_bytes(p), 1, ceil_div(p->norm.rows, rows_share(p, device)));
}

static socle_status rows_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                              step_list *steps)
{
    (void)t;
    const norm_problem *n = &p->norm;
    const int64_t share = rows_share(p, device);
    solver_launch launch = begin(p, "norm/rows", "norm/rows", "norm_rows", operands);
    text_addf(&launch.options, " -DWIDTH=%d -DPER_ELEMENT=%d", device_lanes(device), n->scale_block == 1);
    launch_arg(&launch, ARG_INT(n->rows));
    launch_arg(&launch, ARG_INT(n->row));
    launch_arg(&launch, ARG_INT(n->scale_rows));
    launch_arg(&launch, ARG_INT(n->scale_block));
    launch_arg(&launch, ARG_FLOAT(n->epsilon));
    launch_arg(&launch, ARG_INT(share));
    launch.global[0] = (size_t)ceil_div(n->rows, share);
    launch.local[0] = 1;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_norm_rows = {
    .name = "norm/rows",
    .kind = PROBLEM_NORM,
    .applicable = rows_applicable,
    .candidates = one_candidate,
    .estimate = rows_estimate,
    .emit = rows_emit,
};

/* ---- group, plain ---- */

static socle_status emit_items(const problem *p, int items, const char *algorithm, const solver_operands *operands,
                               step_list *steps)
{
    const norm_problem *n = &p->norm;
    solver_launch launch = begin(p, algorithm, "norm/plain", "norm_plain", operands);
    text_addf(&launch.options, " -DITEMS=%d", items);
    launch_arg(&launch, ARG_LONG(n->row));
    launch_arg(&launch, ARG_LONG(n->scale_rows));
    launch_arg(&launch, ARG_LONG(n->scale_block));
    launch_arg(&launch, ARG_FLOAT(n->epsilon));
    launch.global[0] = n->row > 0 || n->statistics ? (size_t)n->rows * (size_t)items : 0;
    launch.local[0] = (size_t)items;
    return launch_emit(&launch, p, operands, steps);
}

static int group_items(const problem *p, const socle_device *device, const tuning *t)
{
    int wanted = t->value[0] != 0 ? t->value[0] : 256;
    while (wanted > 32 && wanted / 2 >= p->norm.row)
        wanted /= 2;
    return device_group_items(device, wanted);
}

static bool group_applicable(const problem *p, const socle_device *device)
{
    return fits(p) && device_group_items(device, 2) == 2 && p->norm.row / 8 <= device_loop_turns(device);
}

static double group_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double share = device_is_cpu_shaped(device) ? 0.004 : 0.2;
    return estimate_s(device, problem_flops(p), share, 2 * problem_bytes(p), 1, p->norm.rows);
}

static socle_status group_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    return emit_items(p, group_items(p, device, t), "norm/group", operands, steps);
}

const solver solver_norm_group = {
    .name = "norm/group",
    .kind = PROBLEM_NORM,
    .applicable = group_applicable,
    .candidates = group_size_candidates,
    .estimate = group_estimate,
    .emit = group_emit,
};

static bool plain_applicable(const problem *p, const socle_device *device)
{
    return (storage_is_real32(p->dtype) || p->dtype == SOCLE_FLOAT64) && storage_runs(p->dtype, device) &&
           (p->norm.scale_block > 0 || p->norm.row == 0) && p->norm.row <= device_loop_turns(device) / 3;
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double share = device_is_cpu_shaped(device) ? 0.01 : 0.003;
    return estimate_s(device, problem_flops(p), share, 3 * problem_bytes(p), 1, p->norm.rows);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)device;
    (void)t;
    return emit_items(p, 1, "norm/plain", operands, steps);
}

const solver solver_norm_plain = {
    .name = "norm/plain",
    .kind = PROBLEM_NORM,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .emit = plain_emit,
};
