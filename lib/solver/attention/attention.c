/* Attention: attention/packed (CPU-shaped: register tiles on packed keys), attention/group (GPU-shaped: a work-group per query),
 * attention/plain (a work-item per element). None keeps the scores in memory. */
#include "attention.h"

static void add_result(solver_launch *launch, const problem *p, const solver_operands *operands)
{
    const bool mask = p->attention.mask != SOCLE_NONE;
    if (mask)
        launch_arg(launch, ARG_OPERAND(operands->data[3]));
    launch_arg(launch, ARG_OPERAND(operands->data[3 + mask]));
    if (p->attention.log_sums)
        launch_arg(launch, ARG_OPERAND(operands->data[4 + mask]));
}

/* ---- packed ---- */

static int tile_rows(const socle_device *device)
{
    return device_lanes(device) == 16 ? 8 : 4;
}

static bool packed_applicable(const problem *p, const socle_device *device)
{
    const attention_problem *a = &p->attention;
    return attention_fits(p) && a->keys > 0 && a->value > 0 && storage_is_real32(p->dtype) && device_runs_long_loops(device);
}

/* Values of float32 in whole vectors are read where they are. */
static bool packs_values(const problem *p, const socle_device *device)
{
    return p->dtype != SOCLE_FLOAT32 || p->attention.value % device_lanes(device) != 0;
}

static int64_t panels_of(const problem *p, const socle_device *device)
{
    return ceil_div(p->attention.keys, 2 * device_lanes(device));
}

static int64_t packed_keys(const problem *p, const socle_device *device)
{
    const attention_problem *a = &p->attention;
    return a->batch * a->kv_heads * panels_of(p, device) * a->head * 2 * device_lanes(device);
}

static int64_t packed_row(const problem *p, const socle_device *device)
{
    return round_up(p->attention.value, device_lanes(device));
}

static size_t packed_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const attention_problem *a = &p->attention;
    const int64_t values = packs_values(p, device) ? a->batch * a->kv_heads * a->keys * packed_row(p, device) : 0;
    return (size_t)(packed_keys(p, device) + values) * sizeof(float);
}

/* Tiles of a group: enough groups for all compute units, but not more launches' worth of them than that. */
static int64_t tiles_of(const problem *p, const socle_device *device)
{
    const attention_problem *a = &p->attention;
    const int64_t tiles = ceil_div(a->queries, tile_rows(device)), maps = a->batch * a->heads > 0 ? a->batch * a->heads : 1;
    const int64_t parts = ceil_div(8 * device_units(device), maps);
    const int64_t each = ceil_div(tiles, parts);
    return each > 4 ? 4 : each > 0 ? each : 1;
}

static double packed_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const attention_problem *a = &p->attention;
    const int rows = tile_rows(device);
    const double padded = (double)round_up(a->queries, rows) / (double)(a->queries > 0 ? a->queries : 1);
    const double flops = attention_scores(p) * padded * (2.0 * (double)(a->head + packed_row(p, device)) + 40);
    return estimate_s(device, flops, device_is_cpu_shaped(device) ? 0.7 : 0.005, 2 * problem_bytes(p), 2,
                      a->batch * a->heads * ceil_div(a->queries, rows));
}

static socle_status emit_pack(const problem *p, const socle_device *device, const solver_operands *operands, step_list *steps)
{
    const attention_problem *a = &p->attention;
    solver_launch launch = attention_begin(p, "attention/packed", "attention/pack", "attention_pack");
    text_addf(&launch.options, " -DWIDTH=%d -DPACK_VALUES=%d", device_lanes(device), packs_values(p, device));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_OPERAND(operands->data[2]));
    launch_arg(&launch, ARG_OPERAND(operands->workspace));
    launch_arg(&launch, ARG_LONG(packed_keys(p, device)));
    attention_add_strides(&launch, a->stride_k);
    attention_add_strides(&launch, a->stride_v);
    launch_arg(&launch, ARG_INT(a->kv_heads));
    launch_arg(&launch, ARG_INT(a->keys));
    launch.dims = 2;
    launch.global[0] = (size_t)panels_of(p, device);
    launch.global[1] = (size_t)(a->batch * a->kv_heads);
    launch.local[0] = launch.local[1] = 1;
    launch.flops = 0;
    return launch_emit(&launch, p, operands, steps);
}

static socle_status packed_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    (void)t;
    const attention_problem *a = &p->attention;
    const int64_t tiles = tiles_of(p, device), row = packed_row(p, device);
    const int64_t stride_packed[] = {a->kv_heads * a->keys * row, a->keys * row, row};
    const bool packs = packs_values(p, device);
    socle_status status = emit_pack(p, device, operands, steps);
    if (status != SOCLE_OK)
        return status;
    solver_launch launch = attention_begin(p, "attention/packed", "attention/packed", "attention_packed");
    attention_add_form(&launch, p);
    text_addf(&launch.options, " -DWIDTH=%d -DROWS=%d", device_lanes(device), tile_rows(device));
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->workspace));
    launch_arg(&launch, ARG_OPERAND(packs ? operands->workspace : operands->data[2]));
    add_result(&launch, p, operands);
    launch_arg(&launch, ARG_LONG(packs ? packed_keys(p, device) : 0));
    attention_add_rest(&launch, p, (const int64_t *[]){a->stride_q, packs ? stride_packed : a->stride_v, a->stride_y}, 3);
    launch_arg(&launch, ARG_INT(tiles));
    launch.dims = 2;
    launch.global[0] = (size_t)ceil_div(a->queries, tiles * tile_rows(device));
    launch.global[1] = (size_t)(a->batch * a->heads);
    launch.local[0] = launch.local[1] = 1;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_attention_packed = {
    .name = "attention/packed",
    .kind = PROBLEM_ATTENTION,
    .applicable = packed_applicable,
    .candidates = one_candidate,
    .estimate = packed_estimate,
    .workspace_bytes = packed_workspace_bytes,
    .emit = packed_emit,
};

/* ---- group ---- */

static int group_items(const problem *p, const socle_device *device)
{
    const int wanted = p->attention.value > 64 ? 128 : 64;
    return device_group_items(device, wanted);
}

static bool group_applicable(const problem *p, const socle_device *device)
{
    const attention_problem *a = &p->attention;
    const int64_t turns = ceil_div(a->keys, 32) * (a->head + 8) + a->keys * ceil_div(a->value, 32);
    return attention_fits(p) && storage_is_real32(p->dtype) && device_group_items(device, 32) == 32 &&
           turns <= device_loop_turns(device);
}

static double group_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const attention_problem *a = &p->attention;
    return estimate_s(device, attention_scores(p) * (2.0 * (double)(a->head + a->value) + 60),
                      device_is_cpu_shaped(device) ? 0.01 : 0.1, problem_bytes(p), 1, a->batch * a->heads * a->queries);
}

static socle_status group_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)t;
    const attention_problem *a = &p->attention;
    const int items = group_items(p, device);
    solver_launch launch = attention_begin(p, "attention/group", "attention/group", "attention_group");
    attention_add_form(&launch, p);
    text_addf(&launch.options, " -DITEMS=%d", items);
    for (int i = 0; i < 3; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    add_result(&launch, p, operands);
    attention_add_rest(&launch, p, (const int64_t *[]){a->stride_q, a->stride_k, a->stride_v, a->stride_y}, 4);
    launch.dims = 2;
    launch.global[0] = a->value > 0 ? (size_t)a->queries * (size_t)items : 0;
    launch.global[1] = (size_t)(a->batch * a->heads);
    launch.local[0] = (size_t)items;
    launch.local[1] = 1;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_attention_group = {
    .name = "attention/group",
    .kind = PROBLEM_ATTENTION,
    .applicable = group_applicable,
    .candidates = one_candidate,
    .estimate = group_estimate,
    .emit = group_emit,
};

/* ---- plain ---- */

static bool plain_applicable(const problem *p, const socle_device *device)
{
    const attention_problem *a = &p->attention;
    const bool real = storage_is_real32(p->dtype) || p->dtype == SOCLE_FLOAT64;
    return real && storage_runs(p->dtype, device) && a->kv_heads > 0 && a->keys * (a->head + 1) <= device_loop_turns(device);
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const attention_problem *a = &p->attention;
    return estimate_s(device, attention_scores(p) * (double)a->value * (2.0 * (double)a->head + 100),
                      device_is_cpu_shaped(device) ? 0.01 : 0.1, problem_bytes(p), 1, 0);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)device;
    (void)t;
    const attention_problem *a = &p->attention;
    solver_launch launch = attention_begin(p, "attention/plain", "attention/plain", "attention_plain");
    attention_add_form(&launch, p);
    for (int i = 0; i < 3; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    add_result(&launch, p, operands);
    attention_add_rest(&launch, p, (const int64_t *[]){a->stride_q, a->stride_k, a->stride_v, a->stride_y}, 4);
    launch_arg(&launch, ARG_INT(a->head));
    launch.dims = 3;
    launch.global[0] = (size_t)a->value;
    launch.global[1] = (size_t)a->queries;
    launch.global[2] = (size_t)(a->batch * a->heads);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_attention_plain = {
    .name = "attention/plain",
    .kind = PROBLEM_ATTENTION,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .emit = plain_emit,
};
