/* Benchmarks of single operators: a shape in words becomes a problem, a solver runs it, the caller takes the time in turns with
 * whatever it compares with. */
#include "profile.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct socle_bench {
    problem problem;
    tuned chosen;
    workload *work;
    char algorithm[96];
    const solver *solvers[16];
    int solver_count;
};

/* ---- shapes ---- */

#define MAX_DIM (1 << 24)           /* of each number in a shape */
#define MAX_WORK (INT64_C(1) << 60) /* multiplications: no size or count that follows from a shape overflows */

/* Reads "12x34x56" up to a comma or the end into dims: how many, or -1. What is larger than a number may be becomes one more than
 * that. */
static int read_dims(const char **text, int64_t *dims, int capacity)
{
    int count = 0;
    for (;;) {
        char *end;
        if (!isdigit((unsigned char)**text) || count == capacity)
            return -1;
        const long long number = strtoll(*text, &end, 10);
        dims[count++] = number > MAX_DIM ? MAX_DIM + 1 : number;
        *text = end;
        if (**text != 'x')
            return count;
        (*text)++;
    }
}

/* Every number, and all of them multiplied, within the bounds. */
static bool is_small(int count, const int64_t *dims, int64_t *work)
{
    bool small = true;
    for (int i = 0; i < count; i++)
        small = small && dims[i] <= MAX_DIM && multiply_fits(*work, dims[i] > 0 ? dims[i] : 1, work) && *work <= MAX_WORK;
    return small;
}

static socle_status fail_large(const char *shape)
{
    return socle_fail(SOCLE_INVALID_ARGUMENT,
                      "shape '%s' is too large: each number is at most %d, and all multiplications at most 2^60", shape, MAX_DIM);
}

/* Behind a product's shape: how its operands are stored. */
static const struct {
    const char *text;
    socle_dtype dtype, b_dtype, c_dtype;
    bool scales; /* one per column */
} storages[] = {{"", SOCLE_FLOAT32, SOCLE_NONE, SOCLE_NONE, false},
                {",float16", SOCLE_FLOAT16, SOCLE_NONE, SOCLE_NONE, false},
                {",bfloat16", SOCLE_BFLOAT16, SOCLE_NONE, SOCLE_NONE, false},
                {",float32*float16", SOCLE_FLOAT32, SOCLE_FLOAT16, SOCLE_NONE, false},
                {",float32*bfloat16", SOCLE_FLOAT32, SOCLE_BFLOAT16, SOCLE_NONE, false},
                {",float32*int8", SOCLE_FLOAT32, SOCLE_INT8, SOCLE_NONE, true},
                {",uint8*int8", SOCLE_UINT8, SOCLE_INT8, SOCLE_INT32, false},
                {",int8*int8", SOCLE_INT8, SOCLE_INT8, SOCLE_INT32, false}};

static socle_status read_gemm(const char *shape, bool constant_weights, problem *p)
{
    int64_t dims[3];
    const char *rest = shape;
    size_t i = 0;
    const bool fits = read_dims(&rest, dims, 3) == 3;
    while (fits && i < COUNT_OF(storages) && strcmp(rest, storages[i].text) != 0)
        i++;
    if (!fits || i == COUNT_OF(storages))
        return socle_fail(
            SOCLE_INVALID_ARGUMENT,
            "shape '%s' is not MxNxK[,types]: write for example 1024x1024x1024 or 1024x1024x1024,uint8*int8 (types: "
            "float16, bfloat16, float32*float16, float32*bfloat16, float32*int8, uint8*int8, int8*int8)",
            shape);
    int64_t work = 1;
    if (!is_small(3, dims, &work))
        return fail_large(shape);
    p->kind = PROBLEM_GEMM;
    p->dtype = storages[i].dtype;
    p->gemm = (gemm_problem){.m = dims[0],
                             .n = dims[1],
                             .k = dims[2],
                             .alpha = 1,
                             .b_constant = constant_weights,
                             .b_dtype = storages[i].b_dtype,
                             .c_dtype = storages[i].c_dtype,
                             .scales = {.present = storages[i].scales, .per_column = storages[i].scales}};
    return SOCLE_OK;
}

/* "1x64x56x56,64x3x3,s1,p1": input, weights, then any of s (stride), p (padding), d (dilation), g (groups), c16 (images in blocks
 * of 16 channels) */
static socle_status read_conv(const char *shape, problem_kind kind, bool constant_weights, problem *p)
{
    int64_t x[5], w[4];
    const char *rest = shape;
    const int x_rank = read_dims(&rest, x, 5);
    int w_rank = -1;
    conv_geometry *g = &p->conv.g;
    int64_t stride = 1, padding = 0, dilation = 1, groups = 1, lanes = 1;
    if (x_rank >= 3 && *rest == ',') {
        rest++;
        w_rank = read_dims(&rest, w, 4);
    }
    bool fits = w_rank == x_rank - 1;
    while (fits && *rest == ',') {
        int64_t *to = rest[1] == 's'   ? &stride
                      : rest[1] == 'p' ? &padding
                      : rest[1] == 'd' ? &dilation
                      : rest[1] == 'g' ? &groups
                      : rest[1] == 'c' ? &lanes
                                       : NULL;
        rest += 2;
        fits = to && read_dims(&rest, to, 1) == 1;
    }
    fits = fits && (lanes == 1 || (lanes == 16 && w[0] % 16 == 0));
    if (!fits || *rest || stride < 1 || dilation < 1 || groups < 1)
        return socle_fail(SOCLE_INVALID_ARGUMENT,
                          "shape '%s' is not N x C x H x W , OC x KH x KW , stride , padding: write for example "
                          "1x64x56x56,64x3x3,s1,p1",
                          shape);
    int64_t work = 1, padded_work = 1;
    if (!is_small(x_rank, x, &work) || !is_small(w_rank, w, &work) || stride > MAX_DIM || padding > MAX_DIM ||
        dilation > MAX_DIM || groups > MAX_DIM)
        return fail_large(shape);
    p->kind = kind;
    p->conv.w_constant = constant_weights;
    p->conv.layout = lanes == 1 || kind != PROBLEM_CONV ? CONV_PLAIN : x[1] % 16 == 0 ? CONV_IN_BLOCKS : CONV_INTO_BLOCKS;
    *g = (conv_geometry){.spatial = x_rank - 2, .batch = x[0], .channels = x[1], .out_channels = w[0], .groups = groups};
    for (int i = 0; i < g->spatial; i++) {
        g->input[i] = x[2 + i];
        g->kernel[i] = w[1 + i];
        g->stride[i] = stride;
        g->dilation[i] = dilation;
        g->pad_begin[i] = g->pad_end[i] = padding;
        g->output[i] = (x[2 + i] + 2 * padding - dilation * (w[1 + i] - 1) - 1) / stride + 1;
        fits = fits && g->output[i] > 0;
    }
    if (fits &&
        (!is_small(2, x, &padded_work) || !is_small(w_rank, w, &padded_work) || !is_small(g->spatial, g->output, &padded_work)))
        return fail_large(shape);
    if (!fits || x[1] % groups || w[0] % groups)
        return socle_fail(SOCLE_SHAPE_MISMATCH, "shape '%s': the kernel does not fit the input, or groups do not divide channels",
                          shape);
    return SOCLE_OK;
}

/* "4096x768": rows, each normalized by itself; behind it ",rms", or ",g32" where NxCx... is normalized in groups of channels */
static socle_status read_norm_grad(const char *shape, problem *p)
{
    int64_t x[5], groups = 0, work = 1;
    const char *rest = shape;
    norm_problem *n = &p->norm;
    const int rank = read_dims(&rest, x, 5);
    const bool squares = rank > 0 && strcmp(rest, ",rms") == 0;
    bool fits = rank >= 2;
    if (fits && strncmp(rest, ",g", 2) == 0) {
        rest += 2;
        fits = read_dims(&rest, &groups, 1) == 1 && groups > 0 && x[1] % groups == 0;
    }
    if (!fits || (*rest != 0 && !squares))
        return socle_fail(SOCLE_INVALID_ARGUMENT,
                          "shape '%s' is not ROWSxLENGTH[,rms] or NxCx...,gGROUPS: write for example 4096x768", shape);
    if (!is_small(rank, x, &work))
        return fail_large(shape);
    p->kind = PROBLEM_NORM_GRAD;
    *n = (norm_problem){.rows = x[0],
                        .row = 1,
                        .scale_rows = 1,
                        .scale_block = 1,
                        .epsilon = 1e-5f,
                        .has_scale = true,
                        .has_bias = !squares,
                        .root_mean_square = squares};
    for (int i = 1; i < rank; i++)
        n->row *= x[i];
    if (groups > 0) {
        n->rows *= groups;
        n->row /= groups;
        n->scale_rows = groups;
        n->scale_block = n->row / (x[1] / groups);
    }
    return SOCLE_OK;
}

/* ---- public ---- */

socle_status socle_bench_create(socle_device *device, const char *what, const char *shape, const char *algorithm,
                                int constant_weights, socle_bench **bench)
{
    if (!device || !what || !shape || !bench)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_bench_create: device, what, shape and bench must not be NULL");
    socle_bench *b = memory_alloc(sizeof(*b));
    if (!b)
        return SOCLE_OUT_OF_MEMORY;
    b->problem.dtype = SOCLE_FLOAT32;
    socle_status status;
    if (!strcmp(what, "gemm"))
        status = read_gemm(shape, constant_weights != 0, &b->problem);
    else if (!strcmp(what, "conv"))
        status = read_conv(shape, PROBLEM_CONV, constant_weights != 0, &b->problem);
    else if (!strcmp(what, "conv_input") || !strcmp(what, "conv_weight")) /* training: weights change */
        status = read_conv(shape, !strcmp(what, "conv_input") ? PROBLEM_CONV_INPUT : PROBLEM_CONV_WEIGHT, false, &b->problem);
    else if (!strcmp(what, "norm_grad"))
        status = read_norm_grad(shape, &b->problem);
    else
        status = socle_fail(SOCLE_INVALID_ARGUMENT,
                            "'%s' cannot be benchmarked: use gemm, conv, conv_input, conv_weight or norm_grad", what);
    if (!status) {
        if (problem_wants_instructions(&b->problem)) /* how they are done depends on what was probed */
            profile_get(device);
        b->solver_count = solver_candidates(&b->problem, device, b->solvers, (int)COUNT_OF(b->solvers));
        status = b->solver_count ? SOCLE_OK : SOCLE_UNSUPPORTED;
    }
    if (!status && algorithm) {
        b->chosen = (tuned){solver_find(algorithm), {{0}}, -1};
        if (!b->chosen.solver || b->chosen.solver->kind != b->problem.kind || !b->chosen.solver->applicable(&b->problem, device))
            status = socle_fail(SOCLE_UNSUPPORTED, "%s cannot run %s %s on %s", algorithm, what, shape, device->info.id);
        else
            b->chosen.solver->candidates(&b->problem, device, &b->chosen.tuning, 1);
    } else if (!status) {
        status = tuner_best(device, &b->problem, &b->chosen);
    }
    if (!status)
        status = workload_create(device, &b->problem, b->chosen.solver, &b->chosen.tuning, &b->work);
    if (!status)
        status = workload_run(b->work, NULL);
    if (status) {
        socle_bench_destroy(b);
        return status;
    }
    snprintf(b->algorithm, sizeof(b->algorithm), "%s%s", b->chosen.solver->name, b->chosen.us >= 0 ? " (tuned)" : "");
    *bench = b;
    return SOCLE_OK;
}

void socle_bench_destroy(socle_bench *bench)
{
    if (!bench)
        return;
    workload_destroy(bench->work);
    memory_free(bench);
}

socle_status socle_bench_run(socle_bench *bench, double *seconds)
{
    return workload_run(bench->work, seconds);
}

const char *socle_bench_algorithm(const socle_bench *bench)
{
    return bench->algorithm;
}

double socle_bench_flops(const socle_bench *bench)
{
    return problem_flops(&bench->problem);
}

double socle_bench_bytes(const socle_bench *bench)
{
    return problem_bytes(&bench->problem);
}

const char *socle_bench_candidate(const socle_bench *bench, int index)
{
    return index >= 0 && index < bench->solver_count ? bench->solvers[index]->name : NULL;
}
