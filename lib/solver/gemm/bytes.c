/* gemm/bytes: products of bytes (int8, uint8) with sums in int32 on CPU-shaped devices: the register tiles and panels of
 * gemm/packed with a quarter of the bytes. Where the device has an instruction for sums of four such products (probed, see
 * device_instruction in device.h), it is used; else sums are made in float, which is exact for blocks of k. B is packed once
 * where it is constant, else by a step of its own. gemm/bytes_plain: one work-item per element, any shape. */
#include "rows.h"

#define DOT_STEP 4
#define DOT_CHUNK 64

static bool has_dot(const socle_device *device)
{
    return device_has_instruction(device, INSTRUCTION_VPDPBUSD);
}

static int byte_lanes(const socle_device *device)
{
    return has_dot(device) ? 16 : device_lanes(device);
}

/* Bytes of k, padded as the kernel walks through them. */
static int64_t depth_of(const problem *p, const socle_device *device)
{
    return round_up(p->gemm.k, has_dot(device) ? DOT_CHUNK : byte_lanes(device));
}

/* A row's bytes, as such or as floats, and their sum. */
static gemm_rows rows_of(const problem *p, const socle_device *device)
{
    const int64_t per_byte = has_dot(device) ? 1 : sizeof(float);
    return (gemm_rows){byte_lanes(device), depth_of(p, device) * per_byte + (int64_t)sizeof(int32_t),
                       has_dot(device) ? 3.0 : 0.8};
}

static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    return gemm_rows_tuning(p, device, rows_of(p, device), t);
}

static bool bytes_applicable(const problem *p, const socle_device *device)
{
    const gemm_problem *g = &p->gemm;
    const int64_t most = INT32_MAX / 4;
    return problem_is_bytes(p) && g->batch_rank == 0 && !g->transpose_a && g->m > 0 && g->n > 0 && g->k > 0 && g->m < most &&
           g->n < most && g->k < most && device_runs_long_loops(device) && storage_runs(problem_result_dtype(p), device) &&
           gemm_rows_fit(p, device, rows_of(p, device), &(tuning){{0}});
}

static int bytes_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    return gemm_rows_candidates(p, device, rows_of(p, device), out, capacity);
}

static double bytes_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    if (!device_is_cpu_shaped(device))
        return estimate_s(device, problem_flops(p), 0.01, problem_bytes(p), 1, 0);
    const double rows = (double)round_up(g->m, r.value[ROWS]);
    const double columns = (double)round_up(g->n, r.value[VECTORS] * byte_lanes(device));
    const double flops = 2 * rows * columns * (double)depth_of(p, device);
    double seconds = estimate_s(device, flops, rows_of(p, device).share, gemm_seen_bytes(p), 1, gemm_rows_groups(p, &r));
    if (!gemm_can_pack(p))
        seconds += estimate_s(device, 4.0 * (double)g->k * (double)g->n, 0.05, 0, 2, 0);
    return seconds;
}

/* ---- B in panels, the sums of its columns behind them ---- */

static int64_t padded_columns(const problem *p, const socle_device *device, const tuning *r)
{
    return round_up(p->gemm.n, r->value[VECTORS] * byte_lanes(device));
}

static size_t packed_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    return (size_t)padded_columns(p, device, &r) * ((size_t)depth_of(p, device) + sizeof(int32_t));
}

static size_t bytes_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return gemm_can_pack(p) ? packed_bytes(p, device, t) : 0;
}

static size_t bytes_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return gemm_can_pack(p) ? 0 : packed_bytes(p, device, t);
}

/* -D options that all kernels of a problem share. */
static void add_options(solver_launch *launch, const problem *p, const socle_device *device)
{
    text_addf(&launch->options, "-DSTORAGE=%s -DWIDTH=%d -DA_SIGNED=%d -DB_SIGNED=%d -DTRANSPOSE_B=%d",
              storage_name(problem_result_dtype(p)), byte_lanes(device), p->dtype == SOCLE_INT8,
              problem_weight_dtype(p) == SOCLE_INT8, p->gemm.transpose_b);
    if (has_dot(device))
        text_add(&launch->options, " -DDOT=1");
}

static socle_status emit_pack(const problem *p, const socle_device *device, const tuning *t, int from, int to, step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const int64_t depth = depth_of(p, device), columns = padded_columns(p, device, &r);
    const int step = has_dot(device) ? DOT_STEP : 1, panel = r.value[VECTORS] * byte_lanes(device);
    solver_launch pack = {.algorithm = "gemm/bytes", .source = "gemm/bytes_pack", .kernel = "gemm_bytes_pack", .dims = 2};
    add_options(&pack, p, device);
    text_addf(&pack.options, " -DCOLUMNS=%d -DSTEP=%d", panel, step);
    launch_arg(&pack, ARG_OPERAND(from));
    launch_arg(&pack, ARG_OPERAND(to));
    launch_arg(&pack, ARG_INT(g->n));
    launch_arg(&pack, ARG_INT(g->k));
    launch_arg(&pack, ARG_INT(depth));
    pack.global[0] = (size_t)(depth / step);
    pack.global[1] = (size_t)(columns / panel);
    pack.bytes = 2 * (double)g->n * (double)g->k;
    socle_status status = launch_emit(&pack, p, NULL, steps);
    if (status != SOCLE_OK)
        return status;
    solver_launch sums = {.algorithm = "gemm/bytes", .source = "gemm/bytes_pack", .kernel = "gemm_bytes_sums", .dims = 1};
    add_options(&sums, p, device);
    text_addf(&sums.options, " -DCOLUMNS=%d -DSTEP=%d", panel, step);
    launch_arg(&sums, ARG_OPERAND(to));
    launch_arg(&sums, ARG_OPERAND(to));
    launch_arg(&sums, ARG_LONG(columns * depth / (int64_t)sizeof(int32_t)));
    launch_arg(&sums, ARG_INT(depth));
    sums.global[0] = (size_t)columns;
    sums.bytes = (double)g->n * (double)g->k;
    return launch_emit(&sums, p, NULL, steps);
}

static socle_status bytes_prepare(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                  step_list *steps)
{
    return emit_pack(p, device, t, operands->data[GEMM_B], operands->prepared, steps);
}

static socle_status bytes_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const int64_t depth = depth_of(p, device), columns = padded_columns(p, device, &r);
    const int panels = gemm_can_pack(p) ? operands->prepared : operands->workspace;
    if (!gemm_can_pack(p)) {
        const socle_status status = emit_pack(p, device, t, operands->data[GEMM_B], panels, steps);
        if (status != SOCLE_OK)
            return status;
    }
    solver_launch launch = {.algorithm = "gemm/bytes",
                            .source = "gemm/bytes",
                            .kernel = "gemm_bytes",
                            .dims = 2,
                            .local = {1, 1, 1},
                            .epilogue = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    add_options(&launch, p, device);
    text_addf(&launch.options, " -DROWS=%d -DVECTORS=%d", r.value[ROWS], r.value[VECTORS]);
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_A]));
    launch_arg(&launch, ARG_OPERAND(panels));
    launch_arg(&launch, ARG_OPERAND(panels));
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_C]));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    launch_arg(&launch, ARG_INT(depth));
    launch_arg(&launch, ARG_LONG(columns * depth / (int64_t)sizeof(int32_t)));
    launch_arg(&launch, ARG_INT(r.value[GROUP_ROWS]));
    launch_arg(&launch, ARG_INT(r.value[GROUP_COLUMNS]));
    const int64_t sums_bytes = round_up(r.value[GROUP_ROWS], r.value[ROWS]) * (int64_t)sizeof(int32_t);
    launch_arg(&launch, ARG_LOCAL(gemm_rows_local_bytes(rows_of(p, device), &r) - sums_bytes));
    launch_arg(&launch, ARG_LOCAL(sums_bytes));
    launch.global[0] = (size_t)ceil_div(g->m, r.value[GROUP_ROWS]);
    launch.global[1] = (size_t)ceil_div(g->n, r.value[GROUP_COLUMNS]);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_gemm_bytes = {
    .name = "gemm/bytes",
    .kind = PROBLEM_GEMM,
    .applicable = bytes_applicable,
    .candidates = bytes_candidates,
    .estimate = bytes_estimate,
    .workspace_bytes = bytes_workspace_bytes,
    .prepared_bytes = bytes_prepared_bytes,
    .prepare = bytes_prepare,
    .emit = bytes_emit,
    .epilogues = true,
};

/* ---- one work-item per element ---- */

static bool plain_applicable(const problem *p, const socle_device *device)
{
    const int64_t turns = p->gemm.k + ceil_div(p->gemm.k, 16);
    return problem_is_bytes(p) && storage_runs(problem_result_dtype(p), device) && turns < device_loop_turns(device);
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    return estimate_s(device, problem_flops(p), device_is_cpu_shaped(device) ? 0.008 : 0.05, problem_bytes(p), 1, 0);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    (void)device;
    (void)t;
    solver_launch launch = {.algorithm = "gemm/bytes_plain",
                            .source = "gemm/bytes_plain",
                            .kernel = "gemm_bytes_plain",
                            .dims = 3,
                            .epilogue = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    gemm_add_bytes_options(&launch, p);
    for (int i = 0; i < 3; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    launch_arg(&launch, ARG_LONG(g->m));
    launch_arg(&launch, ARG_LONG(g->n));
    launch_arg(&launch, ARG_LONG(g->k));
    gemm_add_batch_strides(&launch, g);
    launch.global[0] = (size_t)g->n;
    launch.global[1] = (size_t)g->m;
    launch.global[2] = (size_t)gemm_batches(g);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_gemm_bytes_plain = {
    .name = "gemm/bytes_plain",
    .kind = PROBLEM_GEMM,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .emit = plain_emit,
    .epilogues = true,
};
