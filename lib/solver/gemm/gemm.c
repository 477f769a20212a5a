#include "gemm.h"

int64_t gemm_batches(const gemm_problem *g)
{
    int64_t batches = 1;
    for (int i = 0; i < g->batch_rank; i++)
        batches *= g->batch[i];
    return batches;
}

bool gemm_vectorizable(const problem *p)
{
    return p->gemm.b_dtype == SOCLE_NONE && gemm_extents_fit(p);
}

static bool extents_fit(const gemm_problem *g)
{
    const int64_t most = INT32_MAX / 4;
    return g->m > 0 && g->n > 0 && g->k > 0 && g->m < most && g->n < most && g->k < most && gemm_batches(g) > 0 &&
           gemm_batches(g) < most;
}

bool gemm_extents_fit(const problem *p)
{
    return storage_is_real32(p->dtype) && extents_fit(&p->gemm);
}

bool gemm_bytes_fit(const problem *p, const socle_device *device)
{
    return problem_is_bytes(p) && storage_runs(problem_result_dtype(p), device) && extents_fit(&p->gemm);
}

bool gemm_batches_fit(const gemm_problem *g)
{
    return gemm_batches(g) <= UINT16_MAX;
}

/* Batch number -> offset in elements, through all dimensions of the batch. */
static void define_batch(text *prelude, const char *name, const gemm_problem *g, const int64_t *strides)
{
    int64_t inner = 1;
    text_addf(prelude, "#define %s(batch) (0", name);
    for (int i = g->batch_rank - 1; i >= 0; i--) {
        if (strides[i] != 0)
            text_addf(prelude, " + (batch) / %lldL %% %lldL * %lldL", (long long)inner, (long long)g->batch[i],
                      (long long)strides[i]);
        inner *= g->batch[i];
    }
    text_add(prelude, ")\n");
}

void gemm_add_batch_offsets(solver_launch *launch, const gemm_problem *g)
{
    if (g->batch_rank > 1) {
        define_batch(&launch->prelude, "BATCH_A", g, g->stride_a);
        define_batch(&launch->prelude, "BATCH_B", g, g->stride_b);
    }
}

void gemm_add_options(solver_launch *launch, const problem *p)
{
    text_addf(&launch->options, "-DSTORAGE=%s", storage_name(p->dtype));
    gemm_add_batch_offsets(launch, &p->gemm);
}

void gemm_add_batch_strides(solver_launch *launch, const gemm_problem *g)
{
    launch_arg(launch, ARG_LONG(g->batch_rank == 1 ? g->stride_a[0] : 0));
    launch_arg(launch, ARG_LONG(g->batch_rank == 1 ? g->stride_b[0] : 0));
}

void gemm_add_bytes_options(solver_launch *launch, const problem *p)
{
    text_addf(&launch->options, "-DSTORAGE=%s -DA_SIGNED=%d -DB_SIGNED=%d -DTRANSPOSE_A=%d -DTRANSPOSE_B=%d",
              storage_name(problem_result_dtype(p)), p->dtype == SOCLE_INT8, problem_weight_dtype(p) == SOCLE_INT8,
              p->gemm.transpose_a, p->gemm.transpose_b);
    gemm_add_batch_offsets(launch, &p->gemm);
}

void gemm_add_batch_args(solver_launch *launch, const gemm_problem *g)
{
    gemm_add_batch_strides(launch, g);
    launch_arg(launch, ARG_FLOAT(g->alpha));
}

bool gemm_in_quads(const problem *p, const socle_device *device, int64_t contiguous, const int64_t *strides)
{
    bool quads = contiguous % 4 == 0 && device->capabilities.base_alignment_bytes % (4 * sizeof(float)) == 0;
    for (int i = 0; i < p->gemm.batch_rank && strides != NULL; i++)
        quads = quads && strides[i] % 4 == 0;
    return quads;
}

double gemm_seen_bytes(const problem *p)
{
    const double bytes = problem_bytes(p);
    return bytes < 16e6 ? bytes / 4 : bytes;
}

size_t gemm_split_bytes(const gemm_problem *g, int splits)
{
    return splits > 1 ? (size_t)(gemm_batches(g) * splits * g->m * g->n) * sizeof(float) : 0;
}

static socle_status emit_reduce(const problem *p, const char *algorithm, int splits, const solver_operands *operands,
                                step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    solver_launch launch = {
        .algorithm = algorithm, .source = "gemm/reduce", .kernel = "gemm_reduce", .dims = 2, .epilogue = true};
    text_addf(&launch.options, "-DSTORAGE=%s", storage_name(p->dtype));
    launch_arg(&launch, ARG_OPERAND(operands->workspace));
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_C]));
    launch_arg(&launch, ARG_LONG(g->m * g->n));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(splits));
    launch_arg(&launch, ARG_FLOAT(g->alpha));
    launch.global[0] = (size_t)(g->m * g->n);
    launch.global[1] = (size_t)gemm_batches(g);
    launch.flops = (double)launch.global[0] * (double)launch.global[1] * splits;
    launch.bytes = launch.flops * sizeof(float);
    return launch_emit(&launch, p, operands, steps);
}

socle_status gemm_emit_split(solver_launch *product, const problem *p, int splits, const solver_operands *operands,
                             step_list *steps)
{
    const char *algorithm = product->algorithm;
    const socle_status status = launch_emit(product, p, operands, steps);
    return status == SOCLE_OK && splits > 1 ? emit_reduce(p, algorithm, splits, operands, steps) : status;
}
