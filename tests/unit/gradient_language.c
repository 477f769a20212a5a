/* The language of derivatives. */
#include "../support/check_gradient.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static double value_of(const char *expression, double a, double b)
{
    gradient_check c;
    check_start(&c);
    const char *const names[] = {"a", "b", "$alpha"};
    const value_id values[] = {check_input(&c, 0, 1, DIMS(1)), check_input(&c, 0, 1, DIMS(1)),
                               graph_constant_scalar(c.graph, SOCLE_FLOAT32, 0.25)};
    c.elements[0][0] = a;
    c.elements[1][0] = b;
    const value_id y = graph_derive(c.graph, expression, names, values, 3);
    cr_assert(y != GRAPH_NONE, "%s: %s", expression, socle_error_message());
    evaluation e;
    evaluation_start(&e, c.graph);
    evaluation_set(&e, values[0], c.elements[0]);
    evaluation_set(&e, values[1], c.elements[1]);
    cr_assert(evaluation_run(&e), "%s", e.error);
    const double result = evaluation_get(&e, y)[0];
    evaluation_finish(&e);
    check_finish(&c);
    return result;
}

Test(gradient_language, binds_products_before_sums_and_from_the_left)
{
    cr_assert_float_eq(value_of("a + b * 2", 3, 5), 13, 1e-12);
    cr_assert_float_eq(value_of("a - b - 1", 3, 5), -3, 1e-12);
    cr_assert_float_eq(value_of("a / b / 2", 3, 5), 0.3, 1e-12);
    cr_assert_float_eq(value_of("(a + b) * 2", 3, 5), 16, 1e-12);
    cr_assert_float_eq(value_of("-a * b", 3, 5), -15, 1e-12);
    cr_assert_float_eq(value_of("a * -b", 3, 5), -15, 1e-12);
    cr_assert_float_eq(value_of("- - a", 3, 5), 3, 1e-12);
}

Test(gradient_language, calls_operators_by_name)
{
    cr_assert_float_eq(value_of("Exp(a) * Tanh(b)", 0.5, 0.25), exp(0.5) * tanh(0.25), 1e-12);
    cr_assert_float_eq(value_of("Where(Greater(a, 0), b, b * $alpha)", -1, 4), 1, 1e-12);
    cr_assert_float_eq(value_of("Where(Greater(a, 0), b, b * $alpha)", 1, 4), 4, 1e-12);
    cr_assert_float_eq(value_of("a * Cast(Less(a, b))", 2, 4), 2, 1e-12);
    cr_assert_float_eq(value_of("Pow(a, b - 1)", 3, 4), 27, 1e-9);
}

Test(gradient_language, computes_numbers_among_themselves)
{
    cr_assert_float_eq(value_of("a * (1 / 4)", 8, 0), 2, 1e-12);
    cr_assert_float_eq(value_of("1.5e1 - -1", 0, 0), 16, 1e-6);
    cr_assert_float_eq(value_of("0", 0, 0), 0, 0);
}

static void fails(const char *expression, const char *why)
{
    gradient_check c;
    check_start(&c);
    const char *const names[] = {"a"};
    const value_id a = check_input(&c, 0, 1, DIMS(1));
    cr_assert_eq(graph_derive(c.graph, expression, names, &a, 1), GRAPH_NONE, "%s is accepted", expression);
    cr_assert(strstr(socle_error_message(), why) != NULL, "%s: %s", expression, socle_error_message());
    check_finish(&c);
}

Test(gradient_language, names_what_it_does_not_understand)
{
    fails("a + ", "an operand is missing");
    fails("a + q", "unknown name");
    fails("(a", "')' is missing");
    fails("Exp(a", "')' is missing");
    fails("a b", "unexpected text");
    fails("$beta", "unknown attribute");
    fails("Nothing(a)", "Nothing");
}

Test(gradient_language, refuses_bottomless_nesting)
{
    char deep[512];
    memset(deep, '(', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = 0;
    fails(deep, "too deep");
}
