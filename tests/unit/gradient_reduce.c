/* Gradients of reductions against finite differences. */
#include "../support/check_gradient.h"

#include <criterion/criterion.h>

static const char *const reductions[] = {"ReduceSum", "ReduceMean", "ReduceMax",    "ReduceMin",       "ReduceProd",
                                         "ReduceL1",  "ReduceL2",   "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"};

static void check_reduction(const char *op, const int64_t *axes, int count, bool keep)
{
    gradient_check c;
    check_start(&c);
    const socle_attribute keepdims = ATTRIBUTE_INT("keepdims", keep);
    const value_id x = check_input(&c, 0.2, 2, DIMS(2, 3, 4));
    const value_id inputs[] = {x, count > 0 ? graph_constant_ints(c.graph, axes, count) : GRAPH_NONE};
    check_gradients(&c, graph_add(c.graph, "", op, inputs, count > 0 ? 2 : 1, &keepdims, 1, 1));
    check_finish(&c);
}

Test(gradient_reduce, along_one_axis_two_axes_and_all)
{
    for (size_t i = 0; i < COUNT_OF(reductions); i++) {
        check_reduction(reductions[i], (int64_t[]){1}, 1, true);
        check_reduction(reductions[i], (int64_t[]){-1, 0}, 2, false);
        check_reduction(reductions[i], NULL, 0, false);
    }
}

Test(gradient_reduce, of_a_product_with_a_zero_reaches_that_element_alone)
{
    gradient_check c;
    check_start(&c);
    const int64_t axes[] = {1};
    const value_id inputs[] = {check_input(&c, 0.5, 2, DIMS(3, 3)), graph_constant_ints(c.graph, axes, 1)};
    c.elements[0][1] = 0;                    /* one zero in the first row */
    c.elements[0][3] = c.elements[0][5] = 0; /* two in the second */
    check_gradients(&c, graph_add(c.graph, "", "ReduceProd", inputs, 2, NULL, 0, 1));
    check_finish(&c);
}

Test(gradient_reduce, of_a_norm_of_zeros_is_zero)
{
    gradient_check c;
    check_start(&c);
    const value_id x = check_input(&c, 1, 2, DIMS(4));
    const value_id norm = graph_unary(c.graph, "ReduceL2", x);
    const socle_attribute flat = ATTRIBUTE_INT("keepdims", 0);
    const value_id loss = graph_add(c.graph, "", "ReduceSum", &norm, 1, &flat, 1, 1);
    value_id gradient;
    cr_assert_eq(graph_differentiate(c.graph, loss, &x, 1, &gradient), SOCLE_OK, "%s", socle_error_message());
    evaluation e;
    const double zeros[4] = {0};
    evaluation_start(&e, c.graph);
    evaluation_set(&e, x, zeros);
    cr_assert(evaluation_run(&e), "%s", e.error);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(evaluation_get(&e, gradient)[i], 0);
    evaluation_finish(&e);
    check_finish(&c);
}

Test(gradient_reduce, twice)
{
    for (size_t i = 0; i < COUNT_OF(reductions); i++) {
        gradient_check c;
        check_start(&c);
        const int64_t axes[] = {0};
        const value_id x = check_input(&c, 0.3, 2, DIMS(3, 2));
        const value_id inputs[] = {graph_binary(c.graph, "Mul", x, x), graph_constant_ints(c.graph, axes, 1)};
        check_second_gradients(&c, graph_add(c.graph, "", reductions[i], inputs, 2, NULL, 0, 1));
        check_finish(&c);
    }
}
