/* Gather and GatherElements: gather/blocks copies whole rows in vectors (CPU-shaped), gather/plain has a work-item per element
 * (GPU-shaped, and everything else). */
#include "gather.h"

static solver_launch begin(const problem *p, const char *algorithm, const char *kernel, const solver_operands *operands)
{
    solver_launch launch = {
        .algorithm = algorithm, .source = algorithm, .kernel = kernel, .dims = 1, .flops = 0, .bytes = problem_bytes(p)};
    text_addf(&launch.options, "-DELEMENT=%s -DINDEX=%s", gather_copy_type(p->dtype), gather_index_type(&p->gather));
    for (int i = 0; i < 3; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    return launch;
}

/* ---- blocks ---- */

static bool blocks_applicable(const problem *p, const socle_device *device)
{
    return gather_copy_type(p->dtype) != NULL && device_runs_long_loops(device) && !p->gather.elements && p->gather.axis > 0 &&
           p->gather.inner >= 8;
}

static int64_t blocks_share(const problem *p, const socle_device *device)
{
    const gather_problem *g = &p->gather;
    const int64_t least = ceil_div(4096, g->inner), share = ceil_div(g->outer * g->count, 4 * device_units(device));
    return share > least ? share : least;
}

static double blocks_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double slow = device_is_cpu_shaped(device) ? 1 : 40;
    return estimate_s(device, 0, 1, slow * problem_bytes(p), 1, 0);
}

static socle_status blocks_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    (void)t;
    const gather_problem *g = &p->gather;
    const int64_t share = blocks_share(p, device);
    solver_launch launch = begin(p, "gather/blocks", "gather_blocks", operands);
    launch_arg(&launch, ARG_LONG(g->outer * g->count));
    launch_arg(&launch, ARG_LONG(g->axis));
    launch_arg(&launch, ARG_LONG(g->inner));
    launch_arg(&launch, ARG_LONG(g->count));
    launch_arg(&launch, ARG_LONG(share));
    launch.global[0] = (size_t)ceil_div(g->outer * g->count, share);
    launch.local[0] = 1;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_gather_blocks = {
    .name = "gather/blocks",
    .kind = PROBLEM_GATHER,
    .applicable = blocks_applicable,
    .candidates = one_candidate,
    .estimate = blocks_estimate,
    .emit = blocks_emit,
};

/* ---- plain ---- */

static bool plain_applicable(const problem *p, const socle_device *device)
{
    (void)device;
    return gather_copy_type(p->dtype) != NULL;
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double slow = device_is_cpu_shaped(device) ? 6 : 1;
    return estimate_s(device, 0, 1, slow * problem_bytes(p), 1, 0);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)device;
    (void)t;
    const gather_problem *g = &p->gather;
    solver_launch launch = begin(p, "gather/plain", g->elements ? "gather_elements" : "gather_plain", operands);
    const int64_t size = g->elements ? gather_count(g->index_dims, g->rank, -1) : g->outer * g->count * g->inner;
    if (g->elements) {
        int64_t strides[SOCLE_MAX_RANK];
        gather_strides(g->data_dims, g->rank, strides);
        gather_define_offset(&launch.prelude, "OFFSET", g->index_dims, g->rank, -1, g->axis_index, strides);
    }
    launch_arg(&launch, ARG_LONG(size));
    launch_arg(&launch, ARG_LONG(g->axis));
    launch_arg(&launch, ARG_LONG(g->inner));
    if (!g->elements)
        launch_arg(&launch, ARG_LONG(g->count));
    launch.global[0] = g->axis > 0 ? (size_t)size : 0;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_gather_plain = {
    .name = "gather/plain",
    .kind = PROBLEM_GATHER,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .emit = plain_emit,
};
