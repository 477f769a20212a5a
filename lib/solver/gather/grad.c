/* Gradients of Gather and GatherElements. gather_grad/rows: each group owns some rows of dx and walks through all indices;
 * gather_grad/plain: a work-item per element of dx (Gather), per line along the axis (GatherElements). No atomics: results do not
 * depend on timing. Sums are those of float, also of half types. */
#include "gather.h"

/* to: dx, or sums. */
static solver_launch begin(const problem *p, const char *algorithm, const char *kernel, const solver_operands *operands, int to)
{
    solver_launch launch = {.algorithm = algorithm,
                            .source = "gather/grad",
                            .kernel = kernel,
                            .dims = 1,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    text_addf(&launch.options, "-DSTORAGE=%s -DINDEX=%s -DROUNDS=%d", storage_name(p->dtype), gather_index_type(&p->gather),
              to != operands->data[2]);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_OPERAND(to));
    return launch;
}

static bool adds(socle_dtype dtype, const socle_device *device)
{
    return dtype != SOCLE_BOOL && storage_runs(dtype, device);
}

/* ---- rows ---- */

static bool rows_applicable(const problem *p, const socle_device *device)
{
    const gather_problem *g = &p->gather;
    return adds(p->dtype, device) && device_runs_long_loops(device) && !g->elements && g->axis > 0;
}

/* Also of lines: where each element of dx is one work-item's, its sum is in a register. */
static size_t sums_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    (void)device;
    (void)t;
    return gather_rounds(p, GATHER_ADD) ? gather_sums_bytes(&p->gather) : 0;
}

static int row_items(const problem *p, const socle_device *device)
{
    int wanted = 1;
    while (!device_is_cpu_shaped(device) && wanted < 128 && wanted < p->gather.inner)
        wanted *= 2;
    return device_group_items(device, wanted);
}

/* Rows that a group owns: more groups read the indices more often. */
static int64_t rows_share(const problem *p, const socle_device *device)
{
    const int64_t parts = (device_is_cpu_shaped(device) ? 2 : 8) * device_units(device);
    const int64_t least = device_is_cpu_shaped(device) ? ceil_div(4096, p->gather.inner > 0 ? p->gather.inner : 1) : 1;
    const int64_t share = ceil_div(p->gather.axis, parts);
    return share > least ? share : least;
}

static double rows_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const gather_problem *g = &p->gather;
    const int64_t groups = ceil_div(g->axis, rows_share(p, device)) * g->outer;
    const double walks = (double)groups * (double)g->count * 2;
    const double share = device_is_cpu_shaped(device) ? 0.02 : 0.01 * row_items(p, device) / 32;
    return estimate_s(device, walks + problem_flops(p), share, 1.5 * problem_bytes(p), 1, groups);
}

static socle_status rows_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                              step_list *steps)
{
    (void)t;
    const gather_problem *g = &p->gather;
    const int items = row_items(p, device);
    const int64_t share = rows_share(p, device);
    const bool rounds = gather_rounds(p, GATHER_ADD);
    solver_launch launch =
        begin(p, "gather_grad/rows", "gather_grad_rows", operands, rounds ? operands->workspace : operands->data[2]);
    text_addf(&launch.options, " -DWIDTH=%d", device_lanes(device));
    launch_arg(&launch, ARG_LONG(g->axis));
    launch_arg(&launch, ARG_LONG(g->inner));
    launch_arg(&launch, ARG_LONG(g->count));
    launch_arg(&launch, ARG_LONG(share));
    launch.dims = 2;
    launch.global[0] = (size_t)ceil_div(g->axis, share) * (size_t)items;
    launch.global[1] = g->inner > 0 ? (size_t)g->outer : 0;
    launch.local[0] = (size_t)items;
    launch.local[1] = 1;
    const socle_status status = launch_emit(&launch, p, operands, steps);
    return status == SOCLE_OK && rounds
               ? gather_emit_sums(p, "gather_grad/rows", false, operands->workspace, operands->data[2], operands, steps)
               : status;
}

const solver solver_gather_grad_rows = {
    .name = "gather_grad/rows",
    .kind = PROBLEM_GATHER_GRAD,
    .applicable = rows_applicable,
    .candidates = one_candidate,
    .estimate = rows_estimate,
    .workspace_bytes = sums_bytes,
    .emit = rows_emit,
};

/* ---- plain ---- */

static bool plain_applicable(const problem *p, const socle_device *device)
{
    return adds(p->dtype, device) && p->gather.count <= device_loop_turns(device);
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const gather_problem *g = &p->gather;
    const double size = (double)g->outer * (double)g->axis * (double)g->inner;
    const double looks = g->elements ? problem_flops(p) : size * (double)g->count * 2;
    return estimate_s(device, looks, device_is_cpu_shaped(device) ? 0.02 : 0.05, problem_bytes(p), g->elements ? 2 : 1, 0);
}

static size_t plain_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return p->gather.elements ? sums_bytes(p, device, t) : 0;
}

/* All of dx, or of the sums, is 0 before lines are added to: those without indices stay so. */
static socle_status emit_zeros(const problem *p, const solver_operands *operands, step_list *steps)
{
    const gather_problem *g = &p->gather;
    const bool rounds = gather_rounds(p, GATHER_ADD);
    const size_t size_bytes =
        rounds ? gather_sums_bytes(g) : (size_t)gather_count(g->data_dims, g->rank, -1) * socle_dtype_size_bytes(p->dtype);
    if (size_bytes == 0)
        return SOCLE_OK;
    if (size_bytes % 4 == 0) {
        step *s = step_add(steps, STEP_FILL, "gather_grad/plain");
        if (s == NULL)
            return SOCLE_OUT_OF_MEMORY;
        s->to = rounds ? operands->workspace : operands->data[2];
        s->size_bytes = size_bytes;
        s->bytes = (double)size_bytes;
        return SOCLE_OK;
    }
    solver_launch launch = {.algorithm = "gather_grad/plain",
                            .source = "gather/grad",
                            .kernel = "gather_grad_zero",
                            .dims = 1,
                            .bytes = (double)size_bytes};
    text_addf(&launch.options, "-DSTORAGE=%s -DINDEX=%s", storage_name(p->dtype), gather_index_type(g));
    launch_arg(&launch, ARG_OPERAND(operands->data[2]));
    launch.global[0] = (size_t)gather_count(g->data_dims, g->rank, -1);
    return launch_emit(&launch, p, operands, steps);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)device;
    (void)t;
    const gather_problem *g = &p->gather;
    const int64_t size = g->outer * g->axis * g->inner;
    const bool rounds = g->elements && gather_rounds(p, GATHER_ADD);
    if (g->elements) {
        socle_status status = emit_zeros(p, operands, steps);
        if (status != SOCLE_OK)
            return status;
    }
    solver_launch launch = begin(p, "gather_grad/plain", g->elements ? "gather_grad_elements" : "gather_grad_plain", operands,
                                 rounds ? operands->workspace : operands->data[2]);
    const int64_t lines = g->elements ? gather_count(g->index_dims, g->rank, g->axis_index) : 0;
    if (g->elements)
        gather_define_lines(&launch.prelude, g);
    launch_arg(&launch, ARG_LONG(g->elements ? lines : size));
    launch_arg(&launch, ARG_LONG(g->axis));
    launch_arg(&launch, ARG_LONG(g->inner));
    launch_arg(&launch, ARG_LONG(g->count));
    if (g->elements)
        launch_arg(&launch, ARG_LONG(gather_index_inner(g)));
    launch.global[0] = size == 0 ? 0 : g->elements ? (g->count > 0 ? (size_t)lines : 0) : (size_t)size;
    const socle_status status = launch_emit(&launch, p, operands, steps);
    return status == SOCLE_OK && rounds
               ? gather_emit_sums(p, "gather_grad/plain", false, operands->workspace, operands->data[2], operands, steps)
               : status;
}

const solver solver_gather_grad_plain = {
    .name = "gather_grad/plain",
    .kind = PROBLEM_GATHER_GRAD,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .workspace_bytes = plain_workspace_bytes,
    .emit = plain_emit,
};
