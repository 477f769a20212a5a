/* conv/bytes: convolutions of bytes (int8, uint8) with sums in int32 on CPU-shaped devices, as products whose rows are runs of a
 * staged image (kernels/conv/bytes.cl), by the instruction of gemm/bytes where the device has it. conv/bytes_plain: one work-item
 * per result, any geometry. */
#include "conv.h"

enum { ROWS, VECTORS, PIXELS, GROUP_COLUMNS };

#define DOT_STEP 4

static bool has_dot(const socle_device *device)
{
    return device->byte_dot == DOT_VPDPBUSD;
}

static int byte_lanes(const socle_device *device)
{
    return has_dot(device) ? 16 : device_lanes(device);
}

static int step_of(const socle_device *device)
{
    return has_dot(device) ? DOT_STEP : 1;
}

static int64_t words_of(const conv_geometry *g, const socle_device *device)
{
    return ceil_div(g->channels, step_of(device));
}

static int64_t depth_of(const conv_geometry *g, const socle_device *device)
{
    return conv_volume(g->kernel) * words_of(g, device);
}

static size_t staged_bytes(const conv_geometry *g, const socle_device *device)
{
    int64_t pixels = g->batch;
    for (int i = 0; i < 3; i++)
        pixels *= g->input[i] + g->pad_begin[i] + g->pad_end[i];
    return (size_t)(pixels * words_of(g, device)) * sizeof(int32_t);
}

/* The tuning with defaults in the place of zeros. */
static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    const conv_geometry g = conv_geometry_3d(p);
    const int lanes = byte_lanes(device);
    const int64_t results = conv_volume(g.output);
    tuning r = *t;
    if (r.value[ROWS] == 0)
        r.value[ROWS] = lanes == 16 ? 8 : 4;
    if (r.value[VECTORS] == 0)
        r.value[VECTORS] = g.out_channels <= lanes ? 1 : 2;
    if (r.value[PIXELS] == 0)
        r.value[PIXELS] = results < 112 ? (int)round_up(results, 16) : 112;
    r.value[PIXELS] = (int)round_up(r.value[PIXELS], r.value[ROWS]);
    const int columns = r.value[VECTORS] * lanes;
    if (r.value[GROUP_COLUMNS] == 0) {
        const int64_t pixel_groups = g.batch * ceil_div(results, r.value[PIXELS]), wanted = 4 * device_units(device);
        const int64_t panels = ceil_div(g.out_channels, columns), share = ceil_div(wanted, pixel_groups);
        r.value[GROUP_COLUMNS] = (int)(ceil_div(panels, share < panels ? share : panels) * columns);
    }
    return r;
}

static size_t tile_bytes(const socle_device *device, const tuning *r)
{
    return (size_t)(r->value[PIXELS] * r->value[VECTORS] * byte_lanes(device)) * sizeof(int32_t);
}

/* Weights that change are left to conv/bytes_plain: no network of bytes has them. */
static bool bytes_applicable(const problem *p, const socle_device *device)
{
    if (!problem_is_bytes(p) || !p->conv.w_constant || p->conv.layout != CONV_PLAIN || !conv_fits(p) || problem_flops(p) <= 0)
        return false;
    const conv_geometry g = conv_geometry_3d(p);
    const tuning zero = {{0}}, r = resolved(p, device, &zero);
    return g.groups == 1 && device_runs_long_loops(device) && storage_runs(problem_result_dtype(p), device) &&
           depth_of(&g, device) < INT32_MAX / 256 && staged_bytes(&g, device) / (size_t)g.batch < INT32_MAX &&
           tile_bytes(device, &r) + 8 * (size_t)r.value[PIXELS] <= device->capabilities.local_memory_bytes;
}

static int bytes_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    static const int tiles[][3] = {{8, 2, 0},   {12, 2, 0}, {14, 2, 56}, {7, 2, 0},  {6, 4, 0}, {4, 4, 0},
                                   {8, 2, 192}, {8, 2, 48}, {8, 3, 0},   {14, 1, 0}, {4, 2, 0}};
    const conv_geometry g = conv_geometry_3d(p);
    int count = add_candidate(out, 0, capacity, (tuning){{0}});
    for (size_t i = 0; i < COUNT_OF(tiles); i++) {
        const tuning t = {{tiles[i][0], tiles[i][1], tiles[i][2]}}, r = resolved(p, device, &t);
        if ((tiles[i][1] - 1) * byte_lanes(device) < g.out_channels &&
            tile_bytes(device, &r) + 8 * (size_t)r.value[PIXELS] <= device->capabilities.local_memory_bytes)
            count = add_candidate(out, count, capacity, t);
    }
    return count;
}

static int64_t panel_columns(const problem *p, const socle_device *device, const tuning *r)
{
    return round_up(p->conv.g.out_channels, r->value[VECTORS] * byte_lanes(device));
}

static double bytes_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const conv_geometry g = conv_geometry_3d(p);
    const tuning r = resolved(p, device, t);
    if (!device_is_cpu_shaped(device))
        return estimate_s(device, problem_flops(p), 0.01, problem_bytes(p), 2, 0);
    const int64_t pixel_groups = ceil_div(conv_volume(g.output), r.value[PIXELS]);
    const double pixels = (double)(g.batch * round_up(conv_volume(g.output), r.value[ROWS]));
    const double flops = 2 * pixels * (double)panel_columns(p, device, &r) * (double)(depth_of(&g, device) * step_of(device));
    const double staging_s = estimate_s(device, (double)staged_bytes(&g, device), 0.05, 0, 1, 0);
    const int64_t groups = g.batch * pixel_groups * ceil_div(g.out_channels, r.value[GROUP_COLUMNS]);
    return staging_s + estimate_s(device, flops, has_dot(device) ? 2.5 : 0.7, problem_bytes(p) / 4, 1, groups);
}

static size_t bytes_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const conv_geometry g = conv_geometry_3d(p);
    const tuning r = resolved(p, device, t);
    const size_t panels = (size_t)round_up(panel_columns(p, device, &r) * depth_of(&g, device) * step_of(device), 64);
    return panels + (size_t)panel_columns(p, device, &r) * sizeof(int32_t);
}

static size_t bytes_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const conv_geometry g = conv_geometry_3d(p);
    (void)t;
    return staged_bytes(&g, device);
}

static void add_options(solver_launch *launch, const problem *p, const socle_device *device, const tuning *r)
{
    problem results = *p;
    results.dtype = problem_result_dtype(p);
    conv_add_options(&launch->options, &results);
    text_addf(&launch->options, " -DWIDTH=%d -DROWS=%d -DVECTORS=%d -DPIXELS=%d -DA_SIGNED=%d -DB_SIGNED=%d%s",
              byte_lanes(device), r->value[ROWS], r->value[VECTORS], r->value[PIXELS], p->dtype == SOCLE_INT8,
              problem_weight_dtype(p) == SOCLE_INT8, has_dot(device) ? " -DDOT=1" : "");
}

static int64_t sums_offset(const problem *p, const socle_device *device, const tuning *r)
{
    const conv_geometry g = conv_geometry_3d(p);
    return round_up(panel_columns(p, device, r) * depth_of(&g, device) * step_of(device), 64) / (int64_t)sizeof(int32_t);
}

static socle_status bytes_prepare(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                  step_list *steps)
{
    const conv_geometry g = conv_geometry_3d(p);
    const tuning r = resolved(p, device, t);
    solver_launch pack = {.algorithm = "conv/bytes", .source = "conv/bytes", .kernel = "conv_bytes_pack", .dims = 2};
    add_options(&pack, p, device, &r);
    launch_arg(&pack, ARG_OPERAND(operands->data[1]));
    launch_arg(&pack, ARG_OPERAND(operands->prepared));
    pack.global[0] = (size_t)depth_of(&g, device);
    pack.global[1] = (size_t)panel_columns(p, device, &r);
    const socle_status status = launch_emit(&pack, p, operands, steps);
    if (status != SOCLE_OK)
        return status;
    solver_launch sums = {.algorithm = "conv/bytes", .source = "conv/bytes", .kernel = "conv_bytes_sums", .dims = 1};
    add_options(&sums, p, device, &r);
    launch_arg(&sums, ARG_OPERAND(operands->prepared));
    launch_arg(&sums, ARG_OPERAND(operands->prepared));
    launch_arg(&sums, ARG_LONG(sums_offset(p, device, &r)));
    sums.global[0] = (size_t)panel_columns(p, device, &r);
    return launch_emit(&sums, p, operands, steps);
}

static socle_status emit_stage(const problem *p, const socle_device *device, const tuning *r, const solver_operands *operands,
                               step_list *steps)
{
    const conv_geometry g = conv_geometry_3d(p);
    solver_launch stage = {.algorithm = "conv/bytes", .source = "conv/bytes", .kernel = "conv_bytes_stage", .dims = 3};
    add_options(&stage, p, device, r);
    launch_arg(&stage, ARG_OPERAND(operands->data[0]));
    launch_arg(&stage, ARG_OPERAND(operands->workspace));
    stage.global[0] = (size_t)(g.input[1] + g.pad_begin[1] + g.pad_end[1]);
    stage.global[1] = (size_t)(g.input[0] + g.pad_begin[0] + g.pad_end[0]);
    stage.global[2] = (size_t)g.batch;
    stage.bytes = 2 * (double)staged_bytes(&g, device);
    return launch_emit(&stage, p, operands, steps);
}

static socle_status bytes_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    const conv_geometry g = conv_geometry_3d(p);
    const tuning r = resolved(p, device, t);
    const socle_status status = emit_stage(p, device, &r, operands, steps);
    if (status != SOCLE_OK)
        return status;
    solver_launch launch = {.algorithm = "conv/bytes",
                            .source = "conv/bytes",
                            .kernel = "conv_bytes",
                            .dims = 3,
                            .local = {1, 1, 1},
                            .epilogue = true,
                            .channel_uniform = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    add_options(&launch, p, device, &r);
    launch_arg(&launch, ARG_OPERAND(operands->workspace));
    launch_arg(&launch, ARG_OPERAND(operands->prepared));
    launch_arg(&launch, ARG_OPERAND(operands->prepared));
    launch_arg(&launch, ARG_OPERAND(operands->data[2]));
    launch_arg(&launch, ARG_LONG(sums_offset(p, device, &r)));
    launch_arg(&launch, ARG_INT(r.value[GROUP_COLUMNS]));
    launch_arg(&launch, ARG_LOCAL((int64_t)tile_bytes(device, &r)));
    launch_arg(&launch, ARG_LOCAL(r.value[PIXELS] * (int64_t)sizeof(int32_t)));
    launch_arg(&launch, ARG_LOCAL(r.value[PIXELS] * (int64_t)sizeof(int32_t)));
    launch.global[0] = (size_t)ceil_div(conv_volume(g.output), r.value[PIXELS]);
    launch.global[1] = (size_t)ceil_div(g.out_channels, r.value[GROUP_COLUMNS]);
    launch.global[2] = (size_t)g.batch;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_conv_bytes = {
    .name = "conv/bytes",
    .kind = PROBLEM_CONV,
    .applicable = bytes_applicable,
    .candidates = bytes_candidates,
    .estimate = bytes_estimate,
    .workspace_bytes = bytes_workspace_bytes,
    .prepared_bytes = bytes_prepared_bytes,
    .prepare = bytes_prepare,
    .emit = bytes_emit,
    .epilogues = true,
};

/* ---- one work-item per result ---- */

static bool plain_applicable(const problem *p, const socle_device *device)
{
    const conv_geometry g = conv_geometry_3d(p);
    return problem_is_bytes(p) && p->conv.layout == CONV_PLAIN && conv_fits(p) && storage_runs(problem_result_dtype(p), device) &&
           g.channels / g.groups * (1 + conv_volume(g.kernel)) < device_loop_turns(device);
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    return estimate_s(device, problem_flops(p), device_is_cpu_shaped(device) ? 0.008 : 0.05, problem_bytes(p), 1, 0);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    const conv_geometry g = conv_geometry_3d(p);
    problem results = *p;
    (void)device;
    (void)t;
    results.dtype = problem_result_dtype(p);
    solver_launch launch = {.algorithm = "conv/bytes_plain",
                            .source = "conv/bytes_plain",
                            .kernel = "conv_bytes_plain",
                            .dims = 3,
                            .epilogue = true,
                            .channel_uniform = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    conv_add_options(&launch.options, &results);
    text_addf(&launch.options, " -DA_SIGNED=%d -DB_SIGNED=%d", p->dtype == SOCLE_INT8, problem_weight_dtype(p) == SOCLE_INT8);
    for (int i = 0; i < 3; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    launch.global[0] = (size_t)g.output[2];
    launch.global[1] = (size_t)(g.output[0] * g.output[1]);
    launch.global[2] = (size_t)(g.batch * g.out_channels);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_conv_bytes_plain = {
    .name = "conv/bytes_plain",
    .kind = PROBLEM_CONV,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .emit = plain_emit,
    .epilogues = true,
};
