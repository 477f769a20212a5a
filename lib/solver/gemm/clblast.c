/* gemm/clblast: CLBlast's product, as one way among the others. Its kernels are tuned for GPUs; it takes no empty matrices and no
 * epilogue. */
#ifdef SOCLE_HAVE_CLBLAST
#include "gemm.h"

#include "../clblast.h"

typedef struct clblast_call {
    gemm_problem problem;
} clblast_call;

static CLBlastTranspose transposed(bool yes)
{
    return yes ? CLBlastTransposeYes : CLBlastTransposeNo;
}

static socle_status run(socle_device *device, cl_command_queue queue, const cl_mem *memory, const step_arg *args, int arg_count,
                        const void *data)
{
    const gemm_problem *g = &((const clblast_call *)data)->problem;
    const size_t m = (size_t)g->m, n = (size_t)g->n, k = (size_t)g->k;
    const size_t lda = g->transpose_a ? m : k, ldb = g->transpose_b ? k : n;
    const clblast_library *clblast = clblast_get();
    (void)args;
    (void)arg_count;
    CLBlastStatusCode code;
    if (g->batch_rank == 0)
        code = clblast->sgemm(CLBlastLayoutRowMajor, transposed(g->transpose_a), transposed(g->transpose_b), m, n, k, g->alpha,
                              memory[GEMM_A], 0, lda, memory[GEMM_B], 0, ldb, 0.0f, memory[GEMM_C], 0, n, &queue, NULL);
    else
        code = clblast->sgemm_strided_batched(CLBlastLayoutRowMajor, transposed(g->transpose_a), transposed(g->transpose_b), m, n,
                                              k, g->alpha, memory[GEMM_A], 0, lda, (size_t)g->stride_a[0], memory[GEMM_B], 0, ldb,
                                              (size_t)g->stride_b[0], 0.0f, memory[GEMM_C], 0, n, m * n, (size_t)g->batch[0],
                                              &queue, NULL);
    if (code != CLBlastSuccess)
        return socle_fail(SOCLE_DRIVER, "%s: CLBlast's product of %zux%zux%zu failed with status %d: choose another solver",
                          device->info.id, m, n, k, (int)code);
    return SOCLE_OK;
}

static bool clblast_applicable(const problem *p, const socle_device *device)
{
    const gemm_problem *g = &p->gemm;
    problem_operand operands[PROBLEM_MAX_OPERANDS + EPILOGUE_MAX_OPERANDS];
    int count;
    (void)device;
    /* Its strided batches want matrices of their own. */
    bool fits = p->dtype == SOCLE_FLOAT32 && p->epilogue == NULL && gemm_vectorizable(p) && !p->deterministic &&
                (g->batch_rank == 0 || (g->batch_rank == 1 && g->stride_a[0] > 0 && g->stride_b[0] > 0));
    if (fits)
        problem_operands(p, operands, &count);
    for (int i = GEMM_A; fits && i <= GEMM_C; i++)
        fits = clblast_numbers(operands[i].count);
    return fits && clblast_get() != NULL;
}

static double clblast_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double share = device_is_cpu_shaped(device) ? 0.1 : 0.45;
    return estimate_s(device, problem_flops(p), share, 3 * problem_bytes(p), 4, 0);
}

static socle_status clblast_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                 step_list *steps)
{
    (void)t;
    const clblast_call call = {p->gemm};
    return clblast_add_call(p, device, operands, "gemm/clblast", 3, run, &call, sizeof(call), steps);
}

const solver solver_gemm_clblast = {
    .name = "gemm/clblast",
    .kind = PROBLEM_GEMM,
    .applicable = clblast_applicable,
    .candidates = one_candidate,
    .estimate = clblast_estimate,
    .emit = clblast_emit,
};
#else
typedef int clblast_is_absent;
#endif
