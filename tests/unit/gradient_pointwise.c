/* Every pointwise derivative of the operator table, alone and broadcast, against finite differences. */
#include "../support/check_gradient.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

typedef struct domain {
    const char *op;
    double low, high; /* where it is defined and smooth */
} domain;

/* Operators that are defined, or invertible, on a part of the line only. */
static const domain domains[] = {{"Log", 0.2, 3},   {"Sqrt", 0.2, 3},     {"Asin", -0.9, 0.9}, {"Acos", -0.9, 0.9},
                                 {"Acosh", 1.1, 3}, {"Atanh", -0.9, 0.9}, {"Tan", -1.2, 1.2},  {"Reciprocal", 0.3, 2},
                                 {"Pow", 0.3, 2},   {"Div", 0.3, 2},      {"Mod", 0.3, 2}};

static domain domain_of(const char *op)
{
    for (size_t i = 0; i < COUNT_OF(domains); i++)
        if (strcmp(domains[i].op, op) == 0)
            return domains[i];
    return (domain){op, -4, 4};
}

static bool has_slope(const graph_operator *op)
{
    return op->kind == OPERATOR_POINTWISE && op->derivative != NULL && op->derivative[0] != 0;
}

static socle_attribute mode_of(const char *op)
{
    return strcmp(op, "Mod") == 0 ? ATTRIBUTE_INT("fmod", 1) : ATTRIBUTE_FLOAT("unused_here", 0);
}

Test(gradient_pointwise, of_every_operator_of_one_input_equals_finite_differences)
{
    int checked = 0;
    for (int i = 0; i < operator_count(); i++) {
        const graph_operator *op = operator_at(i);
        if (!has_slope(op) || op->min_inputs != 1 || op->max_inputs != 1)
            continue;
        const domain d = domain_of(op->name);
        gradient_check c;
        check_start(&c);
        const value_id x = check_input(&c, d.low, d.high, DIMS(3, 7));
        check_gradients(&c, graph_add(c.graph, op->domain, op->name, &x, 1, NULL, 0, 1));
        check_finish(&c);
        checked++;
    }
    cr_assert_gt(checked, 30);
}

Test(gradient_pointwise, of_every_operator_of_two_inputs_is_summed_over_broadcast_dimensions)
{
    int checked = 0;
    for (int i = 0; i < operator_count(); i++) {
        const graph_operator *op = operator_at(i);
        if (!has_slope(op) || op->min_inputs > 2 || (op->max_inputs < 2 && op->max_inputs != -1))
            continue;
        if (strcmp(op->name, "Clip") == 0) /* its bounds are scalars */
            continue;
        const domain d = domain_of(op->name);
        const socle_attribute mode = mode_of(op->name);
        gradient_check c;
        check_start(&c);
        const value_id inputs[] = {check_input(&c, d.low, d.high, DIMS(2, 3, 4)), check_input(&c, d.low, d.high, DIMS(3, 1))};
        check_gradients(&c, graph_add(c.graph, op->domain, op->name, inputs, 2, &mode, mode.kind == SOCLE_ATTRIBUTE_INT, 1));
        check_finish(&c);
        checked++;
    }
    cr_assert_gt(checked, 6);
}

Test(gradient_pointwise, of_attributes_given_on_the_node_uses_them)
{
    const char *const ops[] = {"LeakyRelu", "Elu", "Celu", "Selu", "HardSigmoid", "ThresholdedRelu"};
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        gradient_check c;
        check_start(&c);
        const socle_attribute alpha = ATTRIBUTE_FLOAT("alpha", 0.3);
        const value_id x = check_input(&c, -2, 2, DIMS(11));
        check_gradients(&c, graph_add(c.graph, "", ops[i], &x, 1, &alpha, 1, 1));
        check_finish(&c);
    }
}

Test(gradient_pointwise, of_where_goes_to_the_side_that_was_taken)
{
    gradient_check c;
    check_start(&c);
    const value_id a = check_input(&c, -1, 1, DIMS(4, 3)), b = check_input(&c, -1, 1, DIMS(3));
    const value_id condition = graph_binary(c.graph, "Less", a, graph_constant_scalar(c.graph, SOCLE_FLOAT32, 0.1));
    const value_id inputs[] = {condition, a, b};
    check_gradients(&c, graph_add(c.graph, "", "Where", inputs, 3, NULL, 0, 1));
    check_finish(&c);
}

Test(gradient_pointwise, of_clip_is_zero_outside_of_the_bounds)
{
    gradient_check c;
    check_start(&c);
    const value_id inputs[] = {check_input(&c, -2, 2, DIMS(9)), graph_constant_scalar(c.graph, SOCLE_FLOAT32, -0.5),
                               graph_constant_scalar(c.graph, SOCLE_FLOAT32, 0.75)};
    check_gradients(&c, graph_add(c.graph, "", "Clip", inputs, 3, NULL, 0, 1));
    check_finish(&c);
}

Test(gradient_pointwise, of_clip_with_one_bound_passes_the_other_side)
{
    gradient_check c;
    check_start(&c);
    const value_id inputs[] = {check_input(&c, -2, 2, DIMS(9)), GRAPH_NONE, graph_constant_scalar(c.graph, SOCLE_FLOAT32, 0.75)};
    check_gradients(&c, graph_add(c.graph, "", "Clip", inputs, 3, NULL, 0, 1));
    check_finish(&c);
}

Test(gradient_pointwise, of_variadic_operators_reaches_each_of_three_inputs)
{
    const char *const ops[] = {"Sum", "Mean", "Max", "Min"};
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        gradient_check c;
        check_start(&c);
        const value_id inputs[] = {check_input(&c, -1, 1, DIMS(2, 5)), check_input(&c, -1, 1, DIMS(5)),
                                   check_input(&c, -1, 1, DIMS(2, 1))};
        check_gradients(&c, graph_add(c.graph, "", ops[i], inputs, 3, NULL, 0, 1));
        check_finish(&c);
    }
}

Test(gradient_pointwise, of_gelu_in_both_forms)
{
    const char *const forms[] = {"none", "tanh"};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        gradient_check c;
        check_start(&c);
        const socle_attribute form = ATTRIBUTE_STRING("approximate", forms[i]);
        const value_id x = check_input(&c, -3, 3, DIMS(13));
        check_gradients(&c, graph_add(c.graph, "", "Gelu", &x, 1, &form, 1, 1));
        check_finish(&c);
    }
}

Test(gradient_pointwise, of_a_value_used_twice_is_the_sum)
{
    gradient_check c;
    check_start(&c);
    const value_id x = check_input(&c, -1, 1, DIMS(6));
    const value_id y = graph_binary(c.graph, "Mul", graph_unary(c.graph, "Sin", x), graph_binary(c.graph, "Add", x, x));
    check_gradients(&c, y);
    check_finish(&c);
}

Test(gradient_pointwise, of_the_gradient_is_the_second_derivative)
{
    const char *const ops[] = {"Tanh", "Sigmoid", "Exp", "Softplus", "Erf", "Mish"};
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        gradient_check c;
        check_start(&c);
        const value_id x = check_input(&c, -2, 2, DIMS(5));
        check_second_gradients(&c, graph_unary(c.graph, ops[i], x));
        check_finish(&c);
    }
}

Test(gradient_pointwise, of_a_cast_is_cast_back)
{
    gradient_check c;
    check_start(&c);
    const value_id x = check_input(&c, -1, 1, DIMS(4));
    const socle_attribute to64 = ATTRIBUTE_INT("to", 11), to32 = ATTRIBUTE_INT("to", 1);
    value_id y = graph_add(c.graph, "", "Cast", &x, 1, &to64, 1, 1);
    y = graph_unary(c.graph, "Exp", y);
    check_gradients(&c, graph_add(c.graph, "", "Cast", &y, 1, &to32, 1, 1));
    check_finish(&c);
}

Test(gradient_pointwise, of_something_independent_is_zeros)
{
    gradient_check c;
    check_start(&c);
    const value_id x = check_input(&c, -1, 1, DIMS(3)), z = check_input(&c, -1, 1, DIMS(2, 2));
    const value_id loss = graph_add(c.graph, "", "ReduceSum", &x, 1, NULL, 0, 1);
    value_id gradient;
    const graph_type scalar = c.graph->values[loss].type;
    cr_assert_eq(graph_type_count(&scalar), 1);
    cr_assert_eq(graph_differentiate(c.graph, loss, &z, 1, &gradient), SOCLE_OK, "%s", socle_error_message());
    evaluation e;
    evaluation_start(&e, c.graph);
    evaluation_set(&e, x, c.elements[0]);
    evaluation_set(&e, z, c.elements[1]);
    cr_assert(evaluation_run(&e), "%s", e.error);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(evaluation_get(&e, gradient)[i], 0);
    evaluation_finish(&e);
    check_finish(&c);
}

Test(gradient_pointwise, of_more_than_one_number_is_refused)
{
    gradient_check c;
    check_start(&c);
    const value_id x = check_input(&c, -1, 1, DIMS(3));
    value_id gradient;
    cr_assert_eq(graph_differentiate(c.graph, x, &x, 1, &gradient), SOCLE_INVALID_ARGUMENT);
    cr_assert(strstr(socle_error_message(), "a loss is one floating-point number") != NULL);
    check_finish(&c);
}
