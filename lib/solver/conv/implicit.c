/* conv/implicit, conv_input/implicit, conv_weight/implicit: convolution as a product that gathers its matrices into local memory,
 * for GPUs (kernels/conv/implicit.cl, implicit_weight.cl). Every geometry. Weights are packed once where they are constant, else
 * by a step; the gradient of the data runs once for each phase of the stride. Where there are few results, sums are cut into
 * parts that groups of their own compute, and added up in a fixed order. */
#include "implicit.h"

/* ---- memory: in the workspace the parts of sums, behind them the packed weights unless they are prepared ---- */

size_t implicit_part_bytes(const problem *p, int chunks)
{
    if (implicit_is_weight(p))
        return conv_weight_partial_bytes(p, chunks);
    return chunks > 1 ? (size_t)round_up(implicit_result_count(p) * chunks, 4) * problem_real_bytes(p) : 0;
}

/* Of all phases' packed weights. */
static size_t packed_bytes(const implicit_way *way, const problem *p, const tuning *t)
{
    int64_t count = 0;
    if (implicit_is_weight(p))
        return 0;
    for (int64_t i = 0; i < tap_conv_phases(p); i++) {
        const tap_conv c = tap_conv_at(p, i);
        count += way->packed_count(p, &c, t);
    }
    return (size_t)count * problem_real_bytes(p);
}

size_t implicit_prepared_bytes(const implicit_way *way, const problem *p, const socle_device *device, const tuning *t)
{
    const tuning resolved = way->resolve(p, device, t);
    return p->conv.w_constant ? packed_bytes(way, p, &resolved) : 0;
}

size_t implicit_workspace_bytes(const implicit_way *way, const problem *p, const socle_device *device, const tuning *t)
{
    const tuning resolved = way->resolve(p, device, t);
    const size_t packed = p->conv.w_constant ? 0 : packed_bytes(way, p, &resolved);
    return implicit_part_bytes(p, resolved.value[way->chunks]) + packed;
}

/* ---- steps ---- */

static void add_options(text *options, const problem *p, const socle_device *device, const tap_conv *c, const tuning *t)
{
    const int *v = t->value;
    (void)device;
    tap_conv_add_options(options, p, c);
    text_addf(options, " -DWX=%d -DWY=%d -DTM=%d -DTN=%d -DBK=%d", v[IMPLICIT_WX], v[IMPLICIT_WY], v[IMPLICIT_TM], v[IMPLICIT_TN],
              v[IMPLICIT_BK]);
    if (v[IMPLICIT_CHUNKS] > 1)
        text_addf(options, " -DCHUNKS=%d", v[IMPLICIT_CHUNKS]);
    if (!implicit_is_weight(p))
        text_addf(options, " -DBLOCKS=%d", implicit_by_blocks(c, t));
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
    const implicit_extents e = implicit_extents_of(p, c);
    solver_launch launch = {.algorithm = algorithm,
                            .source = implicit_is_weight(p) ? "conv/implicit_weight" : "conv/implicit",
                            .kernel = implicit_is_weight(p) ? "conv_weight_implicit" : "conv_implicit",
                            .epilogue = !implicit_is_weight(p) && t->value[IMPLICIT_CHUNKS] <= 1,
                            .channel_uniform = true,
                            .dims = 3,
                            .local = {(size_t)implicit_items(t), 1, 1},
                            .flops = 2.0 * (double)(e.rows * e.columns * e.groups) * (double)e.depth,
                            .bytes = problem_bytes(p)};
    launch.global[0] =
        (size_t)(ceil_div(e.rows, implicit_tile_rows(t)) * ceil_div(e.columns, implicit_tile_columns(t))) * launch.local[0];
    launch.global[1] = (size_t)e.groups;
    launch.global[2] = (size_t)t->value[IMPLICIT_CHUNKS];
    add_options(&launch.options, p, NULL, c, t);
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

/* offset: of the first phase's, in numbers. */
static socle_status emit_packing(const implicit_way *way, const problem *p, const socle_device *device, const tuning *t,
                                 const solver_operands *operands, int to, int64_t offset, step_list *steps)
{
    socle_status status = SOCLE_OK;
    for (int64_t i = 0; i < tap_conv_phases(p) && status == SOCLE_OK; i++) {
        const tap_conv c = tap_conv_at(p, i);
        const int64_t count = way->packed_count(p, &c, t);
        solver_launch launch = {.algorithm = way->algorithm(p),
                                .source = way->source,
                                .kernel = way->pack_kernel,
                                .dims = 2,
                                .global = {(size_t)(count / c.groups), (size_t)c.groups},
                                .bytes = 2.0 * (double)problem_real_bytes(p) * (double)count};
        way->add_options(&launch.options, p, device, &c, t);
        launch_arg(&launch, ARG_OPERAND(operands->data[1]));
        launch_arg(&launch, ARG_OPERAND(to));
        launch_arg(&launch, ARG_LONG(offset));
        status = launch_emit(&launch, p, operands, steps);
        offset += count;
    }
    return status;
}

socle_status implicit_prepare(const implicit_way *way, const problem *p, const socle_device *device, const tuning *t,
                              const solver_operands *operands, step_list *steps)
{
    const tuning resolved = way->resolve(p, device, t);
    return emit_packing(way, p, device, &resolved, operands, operands->prepared, 0, steps);
}

/* Adds up the parts of the sums in the workspace, [chunks] results in float, in order, with p's epilogue. */
static socle_status emit_adding(const problem *p, const socle_device *device, int chunks, const char *algorithm,
                                const solver_operands *operands, step_list *steps)
{
    const size_t items = (size_t)device_group_items(device, 128);
    const tap_conv c = tap_conv_at(p, 0); /* the whole result is the same for all phases */
    const int64_t count = implicit_result_count(p);
    solver_launch launch = {.algorithm = algorithm,
                            .source = "conv/implicit",
                            .kernel = "conv_implicit_add",
                            .epilogue = true,
                            .channel_uniform = true,
                            .dims = 1,
                            .global = {(size_t)round_up(count, (int64_t)items)},
                            .local = {items, 1, 1},
                            .flops = (double)count * chunks,
                            .bytes = (double)problem_real_bytes(p) * (double)count * chunks};
    tap_conv_add_options(&launch.options, p, &c);
    text_addf(&launch.options, " -DCHUNKS=%d", chunks);
    launch_arg(&launch, ARG_OPERAND(operands->workspace));
    launch_arg(&launch, ARG_OPERAND(operands->data[2]));
    return launch_emit(&launch, p, operands, steps);
}

socle_status implicit_emit(const implicit_way *way, const problem *p, const socle_device *device, const tuning *t,
                           const solver_operands *operands, step_list *steps)
{
    const tuning resolved = way->resolve(p, device, t);
    const int chunks = resolved.value[way->chunks];
    socle_status status = SOCLE_OK;
    implicit_operands at = {.x = operands->data[0],
                            .packed = p->conv.w_constant ? operands->prepared : operands->workspace,
                            .y = chunks > 1 ? operands->workspace : operands->data[2]};
    if (packed_bytes(way, p, &resolved) == 0) { /* no phase has a tap: nothing is read */
        at.packed = operands->data[1];
    } else if (!p->conv.w_constant) {
        at.packed_offset = (int64_t)(implicit_part_bytes(p, chunks) / problem_real_bytes(p));
        status = emit_packing(way, p, device, &resolved, operands, at.packed, at.packed_offset, steps);
    }
    for (int64_t i = 0; i < tap_conv_phases(p) && status == SOCLE_OK; i++) {
        const tap_conv c = tap_conv_at(p, i);
        if (conv_volume(c.to) > 0)
            status = way->emit_product(p, device, &c, &resolved, &at, operands, steps);
        at.packed_offset += way->packed_count(p, &c, &resolved);
    }
    return status == SOCLE_OK && chunks > 1 ? emit_adding(p, device, chunks, way->algorithm(p), operands, steps) : status;
}

socle_status implicit_emit_weight(const implicit_way *way, const problem *p, const socle_device *device, const tuning *t,
                                  const solver_operands *operands, step_list *steps)
{
    const tap_conv c = tap_conv_at(p, 0);
    const tuning resolved = way->resolve(p, device, t);
    const int chunks = resolved.value[way->chunks];
    solver_launch launch = way->product(p, device, &c, &resolved);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_OPERAND(chunks > 1 ? operands->workspace : operands->data[2]));
    const socle_status status = launch_emit(&launch, p, operands, steps);
    return status == SOCLE_OK && chunks > 1 ? conv_weight_reduce(p, device, way->algorithm(p), operands, chunks, steps) : status;
}

/* ---- the solvers ---- */

static int64_t packed_count(const problem *p, const tap_conv *c, const tuning *t)
{
    (void)p;
    return implicit_packed_count(c, t);
}

static solver_launch product(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t)
{
    (void)device;
    return product_of(p, c, t, algorithm_of(p));
}

static socle_status emit_product(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t,
                                 const implicit_operands *at, const solver_operands *operands, step_list *steps)
{
    (void)device;
    return implicit_emit_product(p, c, t, algorithm_of(p), at, operands, steps);
}

static const implicit_way in_floats = {.source = "conv/implicit",
                                       .pack_kernel = "conv_implicit_pack",
                                       .chunks = IMPLICIT_CHUNKS,
                                       .resolve = implicit_resolve,
                                       .packed_count = packed_count,
                                       .algorithm = algorithm_of,
                                       .add_options = add_options,
                                       .product = product,
                                       .emit_product = emit_product};

static size_t prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return implicit_prepared_bytes(&in_floats, p, device, t);
}

static size_t workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return implicit_workspace_bytes(&in_floats, p, device, t);
}

static socle_status prepare(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                            step_list *steps)
{
    return implicit_prepare(&in_floats, p, device, t, operands, steps);
}

static socle_status emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                         step_list *steps)
{
    return implicit_emit(&in_floats, p, device, t, operands, steps);
}

static socle_status emit_weight(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    return implicit_emit_weight(&in_floats, p, device, t, operands, steps);
}

const solver solver_conv_implicit = {
    .name = "conv/implicit",
    .kind = PROBLEM_CONV,
    .applicable = implicit_applicable,
    .candidates = implicit_candidates,
    .estimate = implicit_estimate,
    .workspace_bytes = workspace_bytes,
    .prepared_bytes = prepared_bytes,
    .prepare = prepare,
    .emit = emit,
    .epilogues = true,
};

const solver solver_conv_input_implicit = {
    .name = "conv_input/implicit",
    .kind = PROBLEM_CONV_INPUT,
    .applicable = implicit_applicable,
    .candidates = implicit_candidates,
    .estimate = implicit_estimate,
    .workspace_bytes = workspace_bytes,
    .prepared_bytes = prepared_bytes,
    .prepare = prepare,
    .emit = emit,
    .epilogues = true,
};

const solver solver_conv_weight_implicit = {
    .name = "conv_weight/implicit",
    .kind = PROBLEM_CONV_WEIGHT,
    .applicable = implicit_applicable,
    .candidates = implicit_candidates,
    .estimate = implicit_estimate,
    .workspace_bytes = workspace_bytes,
    .emit = emit_weight,
};
