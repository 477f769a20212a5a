/* The matrix product over a generated space: extents at edges, primes, ones and zeros, every flag, batches, types, alphas,
 * infinities, by every solver on every device. SOCLE_TEST_SEED=N runs product N alone; SOCLE_TEST_ALL=1 runs many. */
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { FEW = 5, MANY = 120 };

static int64_t extent(solver_random *r)
{
    static const int64_t usual[] = {1, 1, 2, 3, 5, 7, 8, 13, 15, 16, 17, 31, 32, 33, 48, 61, 64, 65, 97, 127, 128};
    return solver_pick(r, 0, 40) == 0 ? 0 : usual[solver_pick(r, 0, (int64_t)COUNT_OF(usual) - 1)];
}

/* Matrices one behind the other, with a gap, or one for all. */
static int64_t batch_stride(solver_random *r, int64_t matrix)
{
    const int64_t kind = solver_pick(r, 0, 2);
    return kind == 0 ? 0 : kind == 1 ? matrix : matrix + solver_pick(r, 1, 9);
}

static void add_batches(solver_random *r, gemm_problem *g)
{
    const int64_t a = g->m * g->k, b = g->k * g->n;
    g->batch_rank = (int)solver_pick(r, 1, 2);
    g->batch[0] = solver_pick(r, 1, 4);
    g->stride_a[0] = batch_stride(r, a);
    g->stride_b[0] = batch_stride(r, b);
    if (g->batch_rank == 2) { /* one operand repeats along each axis */
        g->batch[1] = solver_pick(r, 2, 3);
        g->stride_a[0] = a * g->batch[1];
        g->stride_a[1] = solver_pick(r, 0, 1) * a;
        g->stride_b[0] = 0;
        g->stride_b[1] = b;
    }
}

static problem product_of_seed(uint32_t seed, int *specials)
{
    static const socle_dtype types[] = {SOCLE_FLOAT32, SOCLE_FLOAT32, SOCLE_FLOAT32,
                                        SOCLE_FLOAT32, SOCLE_FLOAT16, SOCLE_BFLOAT16};
    static const float alphas[] = {1, 1, 1, -0.75f, 2, 0};
    solver_random r = {seed};
    problem p = {.kind = PROBLEM_GEMM};
    gemm_problem *g = &p.gemm;
    p.dtype = types[solver_pick(&r, 0, (int64_t)COUNT_OF(types) - 1)];
    g->m = extent(&r);
    g->n = extent(&r);
    g->k = solver_pick(&r, 0, 9) == 0 ? solver_pick(&r, 500, 1500) : extent(&r);
    g->transpose_a = solver_pick(&r, 0, 1) != 0;
    g->transpose_b = solver_pick(&r, 0, 1) != 0;
    g->alpha = alphas[solver_pick(&r, 0, (int64_t)COUNT_OF(alphas) - 1)];
    if (solver_pick(&r, 0, 3) == 0)
        add_batches(&r, g);
    else
        g->b_constant = solver_pick(&r, 0, 1) != 0;
    *specials = solver_pick(&r, 0, 7) == 0 ? 2 : 0;
    return p;
}

static void check_seed(uint32_t seed)
{
    int specials;
    const problem p = product_of_seed(seed, &specials);
    const solver_case c = {.p = &p, .reference = reference_gemm, .seed = seed, .specials = specials, .tunings = 1};
    solver_case_check(&c);
}

Test(gemm_random, generated_products_match_the_reference, .timeout = 1800)
{
    const char *one = getenv("SOCLE_TEST_SEED");
    const uint32_t first = one != NULL ? (uint32_t)strtoul(one, NULL, 10) : 1;
    const uint32_t count = one != NULL ? 1 : getenv("SOCLE_TEST_ALL") != NULL ? MANY : FEW;
    for (uint32_t i = 0; i < count; i++)
        check_seed(first + i);
}
