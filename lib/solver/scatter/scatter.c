/* ScatterElements: scatter/lines copies the data and lets a work-item run along each line that has indices; scatter/plain lets a
 * work-item for each element of the result look through its line's indices. Both add, multiply and compare in the order of the
 * indices. */
#include "../gather/gather.h"

static solver_launch begin(const problem *p, const char *algorithm, const char *kernel)
{
    solver_launch launch = {.algorithm = algorithm,
                            .source = "scatter/scatter",
                            .kernel = kernel,
                            .dims = 1,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    text_addf(&launch.options, "-DSTORAGE=%s -DINDEX=%s -DREDUCTION=%d", storage_name(p->dtype), gather_index_type(&p->gather),
              p->gather.reduction);
    return launch;
}

static void add_extents(solver_launch *launch, const gather_problem *g, int64_t size)
{
    launch_arg(launch, ARG_LONG(size));
    launch_arg(launch, ARG_LONG(g->axis));
    launch_arg(launch, ARG_LONG(g->inner));
    launch_arg(launch, ARG_LONG(g->count));
    launch_arg(launch, ARG_LONG(gather_index_inner(g)));
}

/* ---- lines ---- */

static bool lines_applicable(const problem *p, const socle_device *device)
{
    return storage_runs(p->dtype, device) && p->gather.elements && p->gather.count <= device_loop_turns(device);
}

static size_t lines_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    (void)device;
    (void)t;
    return gather_rounds(p, p->gather.reduction) ? gather_sums_bytes(&p->gather) : 0;
}

static double lines_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    return estimate_s(device, problem_flops(p), 0.02, 2 * problem_bytes(p), 2, 0);
}

static socle_status emit_copy(const solver_operands *operands, size_t size_bytes, step_list *steps)
{
    step *copy = step_add(steps, STEP_COPY, "scatter/lines");
    if (copy == NULL)
        return SOCLE_OUT_OF_MEMORY;
    copy->from = operands->data[0];
    copy->to = operands->data[3];
    copy->size_bytes = size_bytes;
    copy->bytes = 2.0 * (double)size_bytes;
    return SOCLE_OK;
}

static socle_status lines_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)device;
    (void)t;
    const gather_problem *g = &p->gather;
    const bool rounds = gather_rounds(p, g->reduction);
    const size_t size_bytes = (size_t)gather_count(g->data_dims, g->rank, -1) * socle_dtype_size_bytes(p->dtype);
    if (size_bytes == 0)
        return SOCLE_OK;
    socle_status status =
        rounds ? gather_emit_sums(p, "scatter/lines", true, operands->data[0], operands->workspace, operands, steps)
               : emit_copy(operands, size_bytes, steps);
    if (status != SOCLE_OK)
        return status;
    solver_launch launch = begin(p, "scatter/lines", "scatter_lines");
    const int64_t lines = gather_count(g->index_dims, g->rank, g->axis_index);
    text_addf(&launch.options, " -DROUNDS=%d", rounds);
    gather_define_lines(&launch.prelude, g);
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_OPERAND(operands->data[2]));
    launch_arg(&launch, ARG_OPERAND(rounds ? operands->workspace : operands->data[3]));
    add_extents(&launch, g, lines);
    launch.global[0] = g->count > 0 ? (size_t)lines : 0;
    status = launch_emit(&launch, p, operands, steps);
    return status == SOCLE_OK && rounds
               ? gather_emit_sums(p, "scatter/lines", false, operands->workspace, operands->data[3], operands, steps)
               : status;
}

const solver solver_scatter_lines = {
    .name = "scatter/lines",
    .kind = PROBLEM_SCATTER,
    .applicable = lines_applicable,
    .candidates = one_candidate,
    .estimate = lines_estimate,
    .workspace_bytes = lines_workspace_bytes,
    .emit = lines_emit,
};

/* ---- plain ---- */

static bool plain_applicable(const problem *p, const socle_device *device)
{
    return storage_runs(p->dtype, device) && p->gather.elements && p->gather.count <= device_loop_turns(device);
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double looks = 2 * (double)gather_count(p->gather.data_dims, p->gather.rank, -1) * (double)p->gather.count;
    return estimate_s(device, looks, 0.02, problem_bytes(p), 1, 0);
}

/* Whether the line of an element of y has indices: its other coordinates lie within the indices'. */
static void define_membership(text *out, const gather_problem *g)
{
    int64_t inner = 1;
    text_add(out, "#define LINE_IN_INDICES(i) (1");
    for (int d = g->rank - 1; d >= 0; d--) {
        if (d != g->axis_index && g->index_dims[d] < g->data_dims[d])
            text_addf(out, " && (i) / %lldL %% %lldL < %lldL", (long long)inner, (long long)g->data_dims[d],
                      (long long)g->index_dims[d]);
        inner *= g->data_dims[d];
    }
    text_add(out, ")\n");
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)device;
    (void)t;
    const gather_problem *g = &p->gather;
    const int64_t size = gather_count(g->data_dims, g->rank, -1);
    int64_t strides[SOCLE_MAX_RANK];
    solver_launch launch = begin(p, "scatter/plain", "scatter_plain");
    define_membership(&launch.prelude, g);
    gather_strides(g->index_dims, g->rank, strides);
    gather_define_offset(&launch.prelude, "LINE_START", g->data_dims, g->rank, -1, g->axis_index, strides);
    for (int i = 0; i < 4; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    add_extents(&launch, g, size);
    launch.global[0] = (size_t)size;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_scatter_plain = {
    .name = "scatter/plain",
    .kind = PROBLEM_SCATTER,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .emit = plain_emit,
};
