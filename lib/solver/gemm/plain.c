/* gemm/plain: one work-item per element. Runs every problem on every device, and is what the other ways are compared with. */
#include "gemm.h"

static bool plain_applicable(const problem *p, const socle_device *device)
{
    const bool computes =
        storage_is_real32(p->dtype) || p->dtype == SOCLE_FLOAT64 || p->dtype == SOCLE_INT32 || p->dtype == SOCLE_INT64;
    return computes && p->gemm.b_dtype == SOCLE_NONE && storage_runs(p->dtype, device);
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double share = device_is_cpu_shaped(device) ? 0.008 : 0.05;
    return estimate_s(device, problem_flops(p), share, problem_bytes(p), 1, 0);
}

/* One launch for k from `first` to `end`. */
static socle_status emit_slice(const problem *p, int64_t first, int64_t end, const solver_operands *operands, step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    solver_launch launch = {.algorithm = "gemm/plain",
                            .source = "gemm/plain",
                            .kernel = "gemm_plain",
                            .dims = 3,
                            .epilogue = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    gemm_add_options(&launch, p);
    text_addf(&launch.options, " -DTRANSPOSE_A=%d -DTRANSPOSE_B=%d", g->transpose_a, g->transpose_b);
    for (int i = 0; i < 3; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    launch_arg(&launch, ARG_LONG(g->m));
    launch_arg(&launch, ARG_LONG(g->n));
    launch_arg(&launch, ARG_LONG(g->k));
    launch_arg(&launch, ARG_LONG(first));
    launch_arg(&launch, ARG_LONG(end));
    gemm_add_batch_args(&launch, g);
    launch.global[0] = (size_t)g->n;
    launch.global[1] = (size_t)g->m;
    launch.global[2] = (size_t)gemm_batches(g);
    return launch_emit(&launch, p, operands, steps);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    const int64_t most = device_loop_turns(device), k = p->gemm.k;
    int64_t first = 0;
    socle_status status;
    (void)t;
    do {
        const int64_t end = k - first > most ? first + most : k;
        status = emit_slice(p, first, end, operands, steps);
        first = end;
    } while (status == SOCLE_OK && first < k);
    return status;
}

const solver solver_gemm_plain = {
    .name = "gemm/plain",
    .kind = PROBLEM_GEMM,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .emit = plain_emit,
    .epilogues = true,
};
