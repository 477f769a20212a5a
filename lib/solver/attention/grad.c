/* Gradient of attention: attention_grad/blocks (CPU-shaped: register tiles, a group per head of keys), attention_grad/group
 * (GPU-shaped: a work-group per query and one per key) and attention_grad/plain (one work-item each). None keeps the scores in
 * memory, none adds up in an order that changes. */
#include "attention.h"

static bool has_elements(const problem *p)
{
    const attention_problem *a = &p->attention;
    return attention_fits(p) && a->value > 0 && a->heads > 0 && a->batch > 0 && a->queries > 0 && a->keys > 0;
}

/* The operands behind the mask: dq, dk, dv. */
static int result_operand(const problem *p, int index)
{
    return 6 + (p->attention.mask != SOCLE_NONE) + index;
}

static void add_operand(solver_launch *launch, const solver_operands *operands, int number)
{
    launch_arg(launch, ARG_OPERAND(operands->data[number]));
}

static void add_mask(solver_launch *launch, const problem *p, const solver_operands *operands)
{
    if (p->attention.mask != SOCLE_NONE)
        add_operand(launch, operands, 6);
}

/* ---- blocks ---- */

typedef struct blocks_shape {
    int rows, block;            /* of a register tile; queries, and keys, of a block */
    int64_t splits, head, maps; /* parts of the keys; elements of a row of dq; heads of all batches */
} blocks_shape;

static size_t local_bytes(const problem *p, const socle_device *device, int block)
{
    const int64_t lanes = device_lanes(device), head = round_up(p->attention.head, lanes),
                  value = round_up(p->attention.value, lanes);
    return sizeof(float) * (size_t)(block * (5 * head + 3 * value) + 2 * block * block);
}

/* Blocks of 64 while the second cache of a core and the device's local memory have room for them. */
static int block_of(const problem *p, const socle_device *device)
{
    const size_t most = 192 << 10, local = device->capabilities.local_memory_bytes;
    int block = 64;
    while (block > 2 * device_lanes(device) && local_bytes(p, device, block) > (local < most ? local : most))
        block /= 2;
    return block;
}

static blocks_shape shape_of(const problem *p, const socle_device *device)
{
    const attention_problem *a = &p->attention;
    const int64_t groups = a->batch * a->kv_heads, wanted = 4 * (int64_t)device_units(device);
    blocks_shape s = {device_lanes(device) == 16 ? 8 : 4, block_of(p, device), 1, round_up(a->head, device_lanes(device)),
                      a->batch * a->heads};
    const int64_t key_blocks = ceil_div(a->keys, s.block);
    if (groups < wanted)
        s.splits = ceil_div(wanted, groups);
    if (s.splits > key_blocks)
        s.splits = key_blocks;
    return s;
}

static bool blocks_applicable(const problem *p, const socle_device *device)
{
    return has_elements(p) && storage_is_real32(p->dtype) && device_runs_long_loops(device) &&
           local_bytes(p, device, block_of(p, device)) <= device->capabilities.local_memory_bytes;
}

/* dq of every split, then the totals. */
static int64_t split_size(const problem *p, const blocks_shape *s)
{
    return s->maps * p->attention.queries * s->head;
}

static size_t blocks_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const blocks_shape s = shape_of(p, device);
    return sizeof(float) * (size_t)(s.splits * split_size(p, &s) + s.maps * p->attention.queries);
}

static double blocks_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const attention_problem *a = &p->attention;
    const blocks_shape s = shape_of(p, device);
    const double flops = attention_scores(p) * (6.0 * (double)a->head + 4.0 * (double)a->value + 60);
    const double bytes = problem_bytes(p) + 2.0 * (double)blocks_workspace_bytes(p, device, t);
    return estimate_s(device, flops, device_is_cpu_shaped(device) ? 0.6 : 0.005, bytes, 3, a->batch * a->kv_heads * s.splits);
}

static solver_launch blocks_begin(const problem *p, const socle_device *device, const blocks_shape *s, const char *kernel)
{
    solver_launch launch = attention_begin(p, "attention_grad/blocks", "attention/grad_blocks", kernel);
    attention_add_form(&launch, p);
    text_addf(&launch.options, " -DWIDTH=%d -DROWS=%d -DQUERIES=%d -DKEYS=%d", device_lanes(device), s->rows, s->block, s->block);
    launch.dims = 2;
    launch.global[0] = (size_t)ceil_div(p->attention.queries, s->block);
    launch.global[1] = (size_t)s->maps;
    launch.local[0] = launch.local[1] = 1;
    return launch;
}

static step_arg workspace_arg(const solver_operands *operands)
{
    return ARG_OPERAND(operands->workspace);
}

static socle_status emit_start(const problem *p, const socle_device *device, const blocks_shape *s,
                               const solver_operands *operands, step_list *steps)
{
    solver_launch launch = blocks_begin(p, device, s, "attention_grad_start");
    add_operand(&launch, operands, 0);
    add_operand(&launch, operands, 4);
    launch_arg(&launch, workspace_arg(operands));
    launch_arg(&launch, ARG_LONG(s->splits * split_size(p, s)));
    attention_add_strides(&launch, p->attention.stride_y);
    launch_arg(&launch, ARG_INT(p->attention.heads));
    launch_arg(&launch, ARG_INT(p->attention.queries));
    launch.flops = 2.0 * (double)(s->maps * p->attention.queries * p->attention.value);
    launch.bytes = launch.flops * (double)socle_dtype_size_bytes(p->dtype);
    return launch_emit(&launch, p, operands, steps);
}

static socle_status emit_finish(const problem *p, const socle_device *device, const blocks_shape *s,
                                const solver_operands *operands, step_list *steps)
{
    solver_launch launch = blocks_begin(p, device, s, "attention_grad_finish");
    launch_arg(&launch, workspace_arg(operands));
    add_operand(&launch, operands, result_operand(p, 0));
    attention_add_strides(&launch, p->attention.stride_q);
    launch_arg(&launch, ARG_INT(p->attention.heads));
    launch_arg(&launch, ARG_INT(p->attention.queries));
    launch_arg(&launch, ARG_INT(s->splits));
    launch_arg(&launch, ARG_LONG(split_size(p, s)));
    launch_arg(&launch, ARG_FLOAT(p->attention.scale));
    launch.flops = (double)(s->splits * split_size(p, s));
    launch.bytes = launch.flops * (double)sizeof(float) + (double)(split_size(p, s) * (int64_t)socle_dtype_size_bytes(p->dtype));
    return launch_emit(&launch, p, operands, steps);
}

static socle_status blocks_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    (void)t;
    const attention_problem *a = &p->attention;
    const blocks_shape s = shape_of(p, device);
    socle_status status = emit_start(p, device, &s, operands, steps);
    if (status != SOCLE_OK)
        return status;
    solver_launch launch = blocks_begin(p, device, &s, "attention_grad_blocks");
    launch.flops = problem_flops(p);
    for (int i = 0; i < 4; i++)
        add_operand(&launch, operands, i);
    add_operand(&launch, operands, 5);
    add_mask(&launch, p, operands);
    add_operand(&launch, operands, result_operand(p, 1));
    add_operand(&launch, operands, result_operand(p, 2));
    launch_arg(&launch, workspace_arg(operands));
    attention_add_rest(&launch, p, (const int64_t *[]){a->stride_q, a->stride_k, a->stride_v, a->stride_y}, 4);
    launch_arg(&launch, ARG_LONG(split_size(p, &s)));
    launch.global[0] = (size_t)s.splits;
    launch.global[1] = (size_t)(a->batch * a->kv_heads);
    status = launch_emit(&launch, p, operands, steps);
    return status == SOCLE_OK ? emit_finish(p, device, &s, operands, steps) : status;
}

const solver solver_attention_grad_blocks = {
    .name = "attention_grad/blocks",
    .kind = PROBLEM_ATTENTION_GRAD,
    .applicable = blocks_applicable,
    .candidates = one_candidate,
    .estimate = blocks_estimate,
    .workspace_bytes = blocks_workspace_bytes,
    .emit = blocks_emit,
};

/* ---- group, plain: one kernel for dq, one for dk and dv ---- */

static socle_status emit_items(const problem *p, const char *algorithm, int items, bool of_keys, const solver_operands *operands,
                               step_list *steps)
{
    const attention_problem *a = &p->attention;
    solver_launch launch =
        attention_begin(p, algorithm, "attention/grad_group", of_keys ? "attention_grad_keys" : "attention_grad_queries");
    attention_add_form(&launch, p);
    text_addf(&launch.options, " -DITEMS=%d", items);
    for (int i = 0; i < 6; i++)
        add_operand(&launch, operands, i);
    add_mask(&launch, p, operands);
    for (int i = of_keys ? 1 : 0; i < (of_keys ? 3 : 1); i++)
        add_operand(&launch, operands, result_operand(p, i));
    attention_add_rest(&launch, p, (const int64_t *[]){a->stride_q, a->stride_k, a->stride_v, a->stride_y}, 4);
    launch.dims = 2;
    launch.flops = problem_flops(p) * 0.7; /* each makes the scores anew */
    launch.global[0] = (size_t)(of_keys ? a->keys : a->queries) * (size_t)items;
    launch.global[1] = (size_t)(a->batch * (of_keys ? a->kv_heads : a->heads));
    launch.local[0] = (size_t)items;
    launch.local[1] = 1;
    return launch_emit(&launch, p, operands, steps);
}

static socle_status emit_both(const problem *p, const char *algorithm, int items, const solver_operands *operands,
                              step_list *steps)
{
    const socle_status status = emit_items(p, algorithm, items, false, operands, steps);
    return status == SOCLE_OK ? emit_items(p, algorithm, items, true, operands, steps) : status;
}

/* Turns of the loops of a work-item. */
static bool loops_end(const problem *p, const socle_device *device, int items)
{
    const attention_problem *a = &p->attention;
    const double size = (double)(a->head + a->value), queries = (double)a->queries * (double)(a->heads / a->kv_heads);
    const double most = queries > (double)a->keys ? queries : (double)a->keys;
    return (most / items + 1) * (2 * size + 8) + most * (size / items + 2) <= (double)device_loop_turns(device);
}

static double items_estimate(const problem *p, const socle_device *device, double share)
{
    const double flops = attention_scores(p) * (8.0 * (double)p->attention.head + 8.0 * (double)p->attention.value + 120);
    return estimate_s(device, flops, share, problem_bytes(p), 2, p->attention.batch * p->attention.heads * p->attention.queries);
}

static int group_items(const socle_device *device)
{
    return device_group_items(device, 64);
}

static bool group_applicable(const problem *p, const socle_device *device)
{
    return has_elements(p) && storage_is_real32(p->dtype) && group_items(device) >= 32 &&
           loops_end(p, device, group_items(device));
}

static double group_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    return items_estimate(p, device, device_is_cpu_shaped(device) ? 0.01 : 0.1);
}

static socle_status group_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)t;
    return emit_both(p, "attention_grad/group", group_items(device), operands, steps);
}

const solver solver_attention_grad_group = {
    .name = "attention_grad/group",
    .kind = PROBLEM_ATTENTION_GRAD,
    .applicable = group_applicable,
    .candidates = one_candidate,
    .estimate = group_estimate,
    .emit = group_emit,
};

static bool plain_applicable(const problem *p, const socle_device *device)
{
    const bool is_real = storage_is_real32(p->dtype) || p->dtype == SOCLE_FLOAT64;
    return has_elements(p) && is_real && storage_runs(p->dtype, device) && loops_end(p, device, 1);
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    return items_estimate(p, device, 0.01);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)device;
    (void)t;
    return emit_both(p, "attention_grad/plain", 1, operands, steps);
}

const solver solver_attention_grad_plain = {
    .name = "attention_grad/plain",
    .kind = PROBLEM_ATTENTION_GRAD,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .emit = plain_emit,
};
