/* From MatMul and Gemm nodes to problems, with the pointwise operators behind them as epilogues: by every solver on every device
 * against the float64 reference. */
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>
#include <math.h>

#define DIMS(...)                                                                                                                \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[])                                                       \
    {                                                                                                                            \
        __VA_ARGS__                                                                                                              \
    }

static value_id add_input(socle_graph *graph, const char *name, socle_dtype dtype, int rank, const int64_t *dims)
{
    graph_type type = {.dtype = dtype, .rank = rank};
    for (int i = 0; i < rank; i++)
        type.dims[i] = dims[i];
    const value_id value = graph_add_input(graph, name, &type);
    cr_assert_neq(value, GRAPH_NONE, "%s", socle_error_message());
    return value;
}

static socle_graph *new_graph(void)
{
    socle_graph *graph = NULL;
    cr_assert_eq(socle_graph_create(solver_case_context(), "test", &graph), SOCLE_OK, "%s", socle_error_message());
    return graph;
}

static problem describe(const socle_graph *graph, value_id y, const epilogue *e, value_id *operands)
{
    problem p;
    int count = 0;
    const socle_status status = problem_from_node(graph, graph->values[y].producer, e, true, &p, operands, &count);
    cr_assert_eq(status, SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(count, 3);
    return p;
}

/* ---- problems ---- */

static problem matmul(int rank_a, const int64_t *a, int rank_b, const int64_t *b)
{
    value_id operands[PROBLEM_MAX_OPERANDS];
    socle_graph *graph = new_graph();
    const value_id x = add_input(graph, "x", SOCLE_FLOAT32, rank_a, a), w = add_input(graph, "w", SOCLE_FLOAT32, rank_b, b);
    const value_id y = graph_binary(graph, "MatMul", x, w);
    cr_assert_neq(y, GRAPH_NONE, "%s", socle_error_message());
    problem p = describe(graph, y, NULL, operands);
    p.graph = NULL;
    socle_graph_destroy(graph);
    return p;
}

static void expect(const problem *p, const char *text)
{
    char got[256];
    problem_text(p, got, sizeof(got));
    cr_assert_str_eq(got, text);
    if (p->gemm.batch_rank == 0) /* the suite of products runs those of one matrix */
        return;
    const solver_case c = {.p = p, .reference = reference_gemm, .seed = 3};
    solver_case_check(&c);
}

Test(gemm_graph, matmul_of_every_rank_becomes_one_product)
{
    problem p = matmul(DIMS(5, 7), DIMS(7, 3));
    expect(&p, "gemm 5x3x7 nn f32");
    p = matmul(DIMS(4, 5, 7), DIMS(7, 3)); /* one taller product */
    expect(&p, "gemm 20x3x7 nn f32");
    p = matmul(DIMS(4, 5, 7), DIMS(4, 7, 3));
    expect(&p, "gemm 5x3x7 nn b4:35:21 f32");
    p = matmul(DIMS(2, 3, 5, 7), DIMS(2, 3, 7, 4)); /* two batch axes walked as one */
    expect(&p, "gemm 5x4x7 nn b6:35:28 f32");
    p = matmul(DIMS(2, 1, 5, 7), DIMS(3, 7, 4));
    expect(&p, "gemm 5x4x7 nn b2:35:0 b3:0:28 f32");
    p = matmul(DIMS(7), DIMS(7, 3));
    expect(&p, "gemm 1x3x7 nn f32");
    p = matmul(DIMS(5, 7), DIMS(7)); /* the vector's product with the transposed matrix */
    expect(&p, "gemm 1x5x7 nt f32");
    p = matmul(DIMS(2, 5, 7), DIMS(7));
    expect(&p, "gemm 1x5x7 nt b2:0:35 f32");
    p = matmul(DIMS(9), DIMS(9));
    expect(&p, "gemm 1x1x9 nn f32");
}

Test(gemm_graph, a_gemm_with_an_addend_is_refused_by_name)
{
    problem p;
    value_id operands[PROBLEM_MAX_OPERANDS];
    int count;
    socle_graph *graph = new_graph();
    const value_id x = add_input(graph, "x", SOCLE_FLOAT32, DIMS(2, 3)), w = add_input(graph, "w", SOCLE_FLOAT32, DIMS(3, 4));
    const value_id c = add_input(graph, "c", SOCLE_FLOAT32, DIMS(4));
    const value_id y = graph_add(graph, "", "Gemm", (value_id[]){x, w, c}, 3, NULL, 0, 1);
    cr_assert_neq(y, GRAPH_NONE);
    cr_assert_eq(problem_from_node(graph, graph->values[y].producer, NULL, true, &p, operands, &count), SOCLE_UNSUPPORTED);
    socle_graph_destroy(graph);
}

/* ---- epilogues: y = relu(alpha x w + bias) * scalar + residual ---- */

static void reference_layer(const problem *p, double *const *values)
{
    const gemm_problem *g = &p->gemm;
    const double *bias = values[3], *scalar = values[4], *residual = values[5];
    reference_gemm(p, values);
    for (int64_t i = 0; i < g->m * g->n; i++)
        values[2][i] = fmax(values[2][i] + bias[i % g->n], 0) * scalar[0] + residual[i];
}

static void check_layer(int64_t m, int64_t n, int64_t k, bool transpose_b, bool constant_b, socle_dtype dtype)
{
    value_id operands[PROBLEM_MAX_OPERANDS];
    socle_graph *graph = new_graph();
    const int64_t w_dims[] = {transpose_b ? n : k, transpose_b ? k : n};
    const value_id x = add_input(graph, "x", dtype, DIMS(m, k)), w = add_input(graph, "w", dtype, 2, w_dims);
    const value_id bias = add_input(graph, "bias", dtype, DIMS(n)), scalar = add_input(graph, "scalar", dtype, DIMS(1));
    const value_id residual = add_input(graph, "residual", dtype, DIMS(m, n));
    const socle_attribute attributes[] = {ATTRIBUTE_INT("transB", transpose_b), ATTRIBUTE_FLOAT("alpha", 0.5)};
    const value_id y = graph_add(graph, "", "Gemm", (value_id[]){x, w}, 2, attributes, 2, 1);
    const value_id out = graph_binary(
        graph, "Add", graph_binary(graph, "Mul", graph_unary(graph, "Relu", graph_binary(graph, "Add", y, bias)), scalar),
        residual);
    cr_assert_neq(out, GRAPH_NONE, "%s", socle_error_message());
    epilogue e = {.input = y, .output = y};
    for (node_id node = graph->values[y].producer + 1; node <= graph->values[out].producer; node++)
        cr_assert(codegen_epilogue_add(graph, &e, node, 1), "node %d does not fit the epilogue", (int)node);
    problem p = describe(graph, y, &e, operands);
    p.gemm.b_constant = constant_b;
    const solver_case c = {.p = &p, .reference = reference_layer, .seed = (uint64_t)(m + n + k)};
    solver_case_check(&c);
    socle_graph_destroy(graph);
}

Test(gemm_graph, epilogues_are_applied_once_to_every_element)
{
    check_layer(33, 45, 20, false, false, SOCLE_FLOAT32);
    check_layer(33, 45, 20, true, true, SOCLE_FLOAT32);
    check_layer(20, 10, 600, true, false, SOCLE_FLOAT32);
    check_layer(1, 70, 40, false, true, SOCLE_FLOAT32);
    check_layer(3, 70, 40, true, false, SOCLE_FLOAT32);
    check_layer(70, 130, 1100, false, true, SOCLE_FLOAT32); /* several blocks of k */
    check_layer(16, 32, 3000, false, false, SOCLE_FLOAT32); /* k split over groups */
    check_layer(5, 3, 8, false, false, SOCLE_FLOAT32);
}

Test(gemm_graph, epilogues_of_half_and_bfloat16_are_applied)
{
    solver_case_use_matrices(MATRIX_DPAS_16);
    check_layer(17, 45, 20, false, false, SOCLE_FLOAT16);
    check_layer(17, 45, 20, true, true, SOCLE_BFLOAT16);
}
