/* pool/blocked: pooling on CPUs whose images lie in blocks of 16 channels (kernels/pool/blocked.cl). */
#include "pool.h"

enum { POOL_ROWS };

static bool blocked_applicable(const problem *p, const socle_device *device)
{
    return conv_supported_in_blocks(p, device) && conv_is_flat(p) && !p->pool.indices &&
           !device_has_quirk(device, QUIRK_LOOP_LIMIT);
}

static int blocked_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const conv_geometry g = conv_geometry_3d(p);
    const int64_t others = g.batch * (g.channels / 16), wanted = 4 * device_units(device);
    const int64_t blocks = others >= wanted || others == 0 ? 1 : ceil_div(wanted, others);
    const int64_t rows = ceil_div(g.output[1], blocks < g.output[1] ? blocks : g.output[1] > 0 ? g.output[1] : 1);
    return add_candidate(out, 0, capacity, (tuning){{(int)(rows > 0 ? rows : 1)}});
}

static double blocked_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double cycles = problem_flops(p) / 16 * 2; /* of a load, a comparison, a selection */
    return estimate_s(device, 0, 1, problem_bytes(p), 1, 0) + cycles * 0.4e-9 / device_units(device);
}

static socle_status blocked_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                 step_list *steps)
{
    const conv_geometry g = conv_geometry_3d(p);
    const tuning resolved = tuning_resolve(p, device, t, POOL_ROWS, blocked_candidates);
    solver_launch launch = {
        .algorithm = "pool/blocked",
        .source = "pool/blocked",
        .kernel = "pool_blocked",
        .dims = 2,
        .global = {(size_t)ceil_div(g.output[1], resolved.value[POOL_ROWS]), (size_t)(g.batch * (g.channels / 16))},
        .local = {1, 1},
        .flops = problem_flops(p),
        .bytes = problem_bytes(p)};
    pool_add_options(&launch.options, p);
    text_addf(&launch.options, " -DROWS=%d", resolved.value[POOL_ROWS]);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_pool_blocked = {
    .name = "pool/blocked",
    .kind = PROBLEM_POOL,
    .applicable = blocked_applicable,
    .candidates = blocked_candidates,
    .estimate = blocked_estimate,
    .emit = blocked_emit,
};
