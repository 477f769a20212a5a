/* Gradients of matrix products against finite differences. */
#include "../support/check_gradient.h"

#include <criterion/criterion.h>

static value_id gemm(gradient_check *c, const value_id *inputs, int count, bool ta, bool tb, double alpha, double beta)
{
    const socle_attribute attributes[] = {ATTRIBUTE_INT("transA", ta), ATTRIBUTE_INT("transB", tb),
                                          ATTRIBUTE_FLOAT("alpha", alpha), ATTRIBUTE_FLOAT("beta", beta)};
    return graph_add(c->graph, "", "Gemm", inputs, count, attributes, 4, 1);
}

Test(gradient_product, of_gemm_with_every_combination_of_flags)
{
    for (int flags = 0; flags < 4; flags++) {
        const bool ta = flags & 1, tb = flags & 2;
        gradient_check c;
        check_start(&c);
        const value_id inputs[] = {check_input(&c, -1, 1, 2, ta ? (int64_t[]){4, 3} : (int64_t[]){3, 4}),
                                   check_input(&c, -1, 1, 2, tb ? (int64_t[]){5, 4} : (int64_t[]){4, 5}),
                                   check_input(&c, -1, 1, DIMS(3, 5))};
        check_gradients(&c, gemm(&c, inputs, 3, ta, tb, 0.5, -2));
        check_finish(&c);
    }
}

Test(gradient_product, of_gemm_sums_a_broadcast_c)
{
    static const struct {
        int rank;
        int64_t dims[2];
    } shapes[] = {{1, {5}}, {2, {1, 5}}, {2, {3, 1}}, {1, {1}}, {0, {0}}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        gradient_check c;
        check_start(&c);
        const value_id inputs[] = {check_input(&c, -1, 1, DIMS(3, 4)), check_input(&c, -1, 1, DIMS(4, 5)),
                                   check_input(&c, -1, 1, shapes[i].rank, shapes[i].dims)};
        check_gradients(&c, gemm(&c, inputs, 3, false, false, 1, 0.5));
        check_finish(&c);
    }
}

Test(gradient_product, of_gemm_without_c_can_be_differentiated_twice)
{
    gradient_check c;
    check_start(&c);
    const value_id inputs[] = {check_input(&c, -1, 1, DIMS(2, 3)), check_input(&c, -1, 1, DIMS(4, 3))};
    check_second_gradients(&c, gemm(&c, inputs, 2, false, true, 2, 1));
    check_finish(&c);
}

static void check_matmul(int rank_a, const int64_t *dims_a, int rank_b, const int64_t *dims_b)
{
    gradient_check c;
    check_start(&c);
    const value_id a = check_input(&c, -1, 1, rank_a, dims_a), b = check_input(&c, -1, 1, rank_b, dims_b);
    check_gradients(&c, graph_binary(c.graph, "MatMul", a, b));
    check_finish(&c);
}

Test(gradient_product, of_matmul_of_matrices)
{
    check_matmul(DIMS(3, 4), DIMS(4, 5));
}

Test(gradient_product, of_matmul_of_a_stack_and_a_matrix)
{
    check_matmul(DIMS(2, 3, 4), DIMS(4, 5));
    check_matmul(DIMS(4, 5), DIMS(2, 5, 3));
}

Test(gradient_product, of_matmul_of_stacks_sums_what_was_broadcast)
{
    check_matmul(DIMS(2, 3, 4), DIMS(2, 4, 2));
    check_matmul(DIMS(2, 1, 3, 4), DIMS(3, 4, 2));
    check_matmul(DIMS(1, 3, 4), DIMS(2, 4, 2));
}

Test(gradient_product, of_matmul_of_vectors)
{
    check_matmul(DIMS(4), DIMS(4));
    check_matmul(DIMS(4), DIMS(4, 3));
    check_matmul(DIMS(3, 4), DIMS(4));
    check_matmul(DIMS(4), DIMS(2, 4, 3));
    check_matmul(DIMS(2, 3, 4), DIMS(4));
}

Test(gradient_product, of_a_dense_layer_has_no_transposes)
{
    gradient_check c;
    check_start(&c);
    const value_id inputs[] = {check_input(&c, -1, 1, DIMS(3, 4)), check_input(&c, -1, 1, DIMS(5, 4)),
                               check_input(&c, -1, 1, DIMS(5))};
    const value_id y = graph_unary(c.graph, "Tanh", gemm(&c, inputs, 3, false, true, 1, 1));
    check_gradients(&c, y);
    for (int n = 0; n < c.graph->node_count; n++)
        cr_assert_str_neq(c.graph->nodes[n].op->name, "Transpose");
    check_finish(&c);
}
