/* Kernels of products, softmax, normalizations, attention, CumSum, TopK, gather, scatter and ArgMax at small shapes, for a driver
 * that watches every access and barrier (oclgrind), and for one that does not. */
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(solvers, .fini = solver_case_finish);

static void check(const problem *p, solver_reference reference)
{
    const solver_case c = {.p = p, .reference = reference, .seed = 1};
    solver_case_check(&c);
    cr_assert_gt(solver_case_runs(), 0, "no device ran anything");
}

static void check_product(int64_t m, int64_t n, int64_t k, int flags, socle_dtype dtype)
{
    const problem p = {
        .kind = PROBLEM_GEMM,
        .dtype = dtype,
        .gemm = {
            .m = m, .n = n, .k = k, .transpose_a = flags & 1, .transpose_b = flags & 2, .alpha = 1, .b_constant = flags & 4}};
    check(&p, reference_gemm);
}

Test(solvers, products_stay_inside_of_their_operands)
{
    for (int flags = 0; flags < 8; flags++)
        check_product(9, 21, 18, flags, SOCLE_FLOAT32);
    check_product(1, 5, 3, 2, SOCLE_FLOAT32);
    check_product(2, 19, 17, 6, SOCLE_FLOAT16);
    check_product(3, 18, 9, 0, SOCLE_BFLOAT16);
}

Test(solvers, products_that_are_read_by_four_stay_inside_of_their_operands)
{
    for (int flags = 0; flags < 4; flags++)
        check_product(12, 20, 36, flags, flags == 1 ? SOCLE_FLOAT16 : flags == 2 ? SOCLE_BFLOAT16 : SOCLE_FLOAT32);
}

/* The kernel takes every size of sub-groups, so also that of one item, on devices that have none. */
Test(solvers, products_by_sub_groups_stay_inside_of_their_operands)
{
    socle_context *context = solver_case_context();
    for (int i = 0; i < socle_device_count(context); i++)
        ((socle_device *)socle_device_at(context, i))->capabilities.sub_groups = true;
    setenv("SOCLE_TEST_SOLVER", "gemm/subgroup", 1);
    check_product(9, 21, 18, 1, SOCLE_FLOAT32);
    check_product(10, 20, 7, 0, SOCLE_FLOAT16);
    unsetenv("SOCLE_TEST_SOLVER");
}

/* The instruction's place is taken by local memory. */
Test(solvers, products_by_matrix_instructions_stay_inside_of_their_operands)
{
    setenv("SOCLE_TEST_SOLVER", "gemm/matrix", 1);
    solver_case_use_matrices(MATRIX_MMA);
    check_product(9, 11, 37, 0, SOCLE_FLOAT16);
    check_product(12, 20, 36, 1, SOCLE_BFLOAT16);
    solver_case_use_matrices(MATRIX_DPAS_8);
    check_product(5, 20, 34, 2, SOCLE_BFLOAT16);
    solver_case_use_matrices(MATRIX_DPAS_16);
    check_product(8, 12, 40, 3, SOCLE_FLOAT16);
    solver_case_use_matrices(MATRIX_MFMA);
    check_product(5, 19, 18, 2, SOCLE_FLOAT16);
    solver_case_use_matrices(MATRIX_WMMA);
    check_product(12, 20, 40, 0, SOCLE_FLOAT16);
    unsetenv("SOCLE_TEST_SOLVER");
}

Test(solvers, a_product_split_along_k_stays_inside_of_its_operands)
{
    check_product(4, 6, 520, 0, SOCLE_FLOAT32);
}

Test(solvers, products_with_narrow_weights_stay_inside_of_their_operands)
{
    static const socle_dtype types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_INT8, SOCLE_UINT8};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        problem p = {.kind = PROBLEM_GEMM,
                     .dtype = SOCLE_FLOAT32,
                     .gemm = {.m = i % 2 ? 1 : 3,
                              .n = 21,
                              .k = 19,
                              .transpose_b = i / 2 % 2,
                              .alpha = 1,
                              .b_constant = true,
                              .b_dtype = types[i]}};
        if (i >= 2)
            p.gemm.scales = (gemm_scales){true, true, i == 3, 0};
        check(&p, reference_gemm);
    }
}

static void check_product_of_bytes(int64_t m, int64_t n, int64_t k, int flags)
{
    const problem p = {.kind = PROBLEM_GEMM,
                       .dtype = flags & 1 ? SOCLE_INT8 : SOCLE_UINT8,
                       .gemm = {.m = m,
                                .n = n,
                                .k = k,
                                .transpose_b = flags & 1,
                                .alpha = 1,
                                .b_constant = flags & 2,
                                .b_dtype = flags & 2 ? SOCLE_UINT8 : SOCLE_INT8,
                                .c_dtype = SOCLE_INT32}};
    check(&p, reference_gemm);
}

Test(solvers, products_of_bytes_stay_inside_of_their_operands)
{
    for (int flags = 0; flags < 4; flags++) {
        check_product_of_bytes(5, 19, 18, flags);
        if (flags < 2) /* words of four bytes */
            check_product_of_bytes(8, 12, 36, flags);
    }
}

Test(solvers, softmax_stays_inside_of_its_operands)
{
    const softmax_problem shapes[] = {{3, 19, 1, false}, {2, 5, 18, true}, {2, 3, 1, true}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        const problem p = {.kind = PROBLEM_SOFTMAX, .dtype = SOCLE_FLOAT32, .softmax = shapes[i]};
        check(&p, reference_softmax);
    }
}

Test(solvers, normalization_stays_inside_of_its_operands)
{
    const norm_problem shapes[] = {{3, 37, 1, 1, 1e-5f, true, true, true, false},
                                   {4, 24, 2, 12, 1e-5f, true, true, false, false},
                                   {2, 21, 1, 1, 1e-5f, true, false, false, true}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        const problem p = {.kind = PROBLEM_NORM, .dtype = SOCLE_FLOAT32, .norm = shapes[i]};
        check(&p, reference_norm);
    }
}

Test(solvers, gradients_of_normalization_stay_inside_of_their_operands)
{
    const norm_problem shapes[] = {{5, 37, 1, 1, 1e-5f, true, true, false, false},
                                   {4, 24, 2, 12, 1e-5f, true, true, false, false},
                                   {3, 70, 1, 1, 1e-5f, true, false, false, true}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        const problem p = {.kind = PROBLEM_NORM_GRAD, .dtype = SOCLE_FLOAT32, .norm = shapes[i]};
        check(&p, reference_norm_grad);
    }
}

Test(solvers, batch_normalization_stays_inside_of_its_operands)
{
    const batch_norm_problem shapes[] = {{2, 3, 37, 1e-5f}, {2, 1, 4200, 1e-5f}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        problem p = {.kind = PROBLEM_BATCH_NORM, .dtype = SOCLE_FLOAT32, .batch_norm = shapes[i]};
        check(&p, reference_batch_norm);
        p.kind = PROBLEM_BATCH_NORM_GRAD;
        check(&p, reference_batch_norm_grad);
    }
}

Test(solvers, arg_stays_inside_of_its_operands)
{
    const arg_problem shapes[] = {{3, 19, 1, false, false}, {2, 5, 18, true, true}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        const problem p = {.kind = PROBLEM_ARG, .dtype = SOCLE_FLOAT32, .arg = shapes[i]};
        check(&p, reference_arg);
    }
}

Test(solvers, cumulative_sums_stay_inside_of_their_operands)
{
    const scan_problem shapes[] = {{3, 37, 1, false, false}, {2, 5, 19, true, true}, {1, 8300, 1, true, true}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        const problem p = {.kind = PROBLEM_SCAN, .dtype = SOCLE_FLOAT32, .scan = shapes[i]};
        check(&p, reference_scan);
    }
}

Test(solvers, topk_stays_inside_of_its_operands)
{
    const topk_problem shapes[] = {{3, 37, 1, 5, false}, {2, 9, 3, 9, true}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        const problem p = {.kind = PROBLEM_TOPK, .dtype = SOCLE_FLOAT32, .topk = shapes[i]};
        check(&p, reference_topk);
    }
}

Test(solvers, attention_stays_inside_of_its_operands)
{
    const int64_t heads = 2, queries = 9, keys = 37, size = 5;
    const attention_problem a = {.batch = 1,
                                 .heads = heads,
                                 .kv_heads = 1,
                                 .queries = queries,
                                 .keys = keys,
                                 .head = size,
                                 .value = size,
                                 .stride_q = {heads * queries * size, queries * size, size},
                                 .stride_k = {keys * size, keys * size, size},
                                 .stride_v = {keys * size, keys * size, size},
                                 .stride_y = {heads * queries * size, queries * size, size},
                                 .causal = true,
                                 .offset = 28,
                                 .scale = 1,
                                 .mask = SOCLE_FLOAT32,
                                 .stride_mask = {0, 0, keys, 1},
                                 .mask_count = queries * keys};
    problem p = {.kind = PROBLEM_ATTENTION, .dtype = SOCLE_FLOAT32, .attention = a};
    p.attention.log_sums = true;
    check(&p, reference_attention);
    p.attention.log_sums = false;
    p.kind = PROBLEM_ATTENTION_GRAD;
    check(&p, reference_attention_grad);
}

Test(solvers, gather_and_scatter_stay_inside_of_their_operands)
{
    const gather_problem rows = {.outer = 2,
                                 .axis = 5,
                                 .inner = 19,
                                 .count = 4,
                                 .index_dtype = SOCLE_INT64,
                                 .rank = 3,
                                 .axis_index = 1,
                                 .data_dims = {2, 5, 19}};
    const gather_problem elements = {.outer = 2,
                                     .axis = 5,
                                     .inner = 3,
                                     .count = 4,
                                     .elements = true,
                                     .index_dtype = SOCLE_INT32,
                                     .rank = 3,
                                     .axis_index = 1,
                                     .data_dims = {2, 5, 3},
                                     .index_dims = {2, 4, 2},
                                     .reduction = 1};
    const gather_problem *shapes[] = {&rows, &elements};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        problem p = {.kind = PROBLEM_GATHER, .dtype = SOCLE_FLOAT32, .gather = *shapes[i]};
        check(&p, reference_gather);
        p.kind = PROBLEM_GATHER_GRAD;
        check(&p, reference_gather_grad);
        p.kind = PROBLEM_SCATTER;
        if (shapes[i]->elements)
            check(&p, reference_scatter);
    }
}
