/* Linear forms of loop variables: exact division, ranges, strides and text. */
#include "codegen/linear.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(codegen_linear, .timeout = 10);

/* i in 0..3, j in 0..9 along the lanes, t irregular along the lanes. */
static const variable_table variables = {.items = {{"i", 0, 3, 0, 0}, {"j", 0, 9, 1, 1}, {"t", 0, 4, LANE_IRREGULAR, -1}},
                                         .count = 3};

static linear form(int64_t constant, int64_t i, int64_t j, int64_t t)
{
    linear f = linear_constant(constant), v[3] = {linear_variable(0), linear_variable(1), linear_variable(2)};
    const int64_t factors[3] = {i, j, t};
    for (int k = 0; k < 3; k++)
        cr_assert(linear_add(&f, &v[k], factors[k]));
    return f;
}

static void expect_split(linear f, int64_t divisor, linear quotient, linear remainder)
{
    linear q, r;
    cr_assert(linear_split(&f, &variables, divisor, &q, &r));
    cr_assert(linear_equal(&q, &quotient));
    cr_assert(linear_equal(&r, &remainder));
}

Test(codegen_linear, divides_where_the_rest_stays_below_the_divisor)
{
    expect_split(form(0, 10, 1, 0), 10, form(0, 1, 0, 0), form(0, 0, 1, 0));
    expect_split(form(45, 20, 1, 0), 20, form(2, 1, 0, 0), form(5, 0, 1, 0));
    expect_split(form(19, 20, -1, 0), 20, form(0, 1, 0, 0), form(19, 0, -1, 0));
    expect_split(form(-1, 20, -1, 0), 20, form(-1, 1, 0, 0), form(19, 0, -1, 0));
}

Test(codegen_linear, refuses_to_divide_where_the_rest_may_reach_the_divisor)
{
    linear f = form(1, 10, 1, 0), q, r;
    cr_assert_not(linear_split(&f, &variables, 10, &q, &r));
    f = form(0, 10, 1, 0);
    cr_assert_not(linear_split(&f, &variables, 5, &q, &r));
}

Test(codegen_linear, knows_range_and_lane_stride)
{
    int64_t low, high;
    linear f = form(5, 10, -2, 0);
    linear_range(&f, &variables, &low, &high);
    cr_assert_eq(low, 5 - 18);
    cr_assert_eq(high, 35);
    cr_assert_eq(linear_lane_stride(&f, &variables), -2);
    f = form(0, 1, 0, 0);
    cr_assert_eq(linear_lane_stride(&f, &variables), 0);
    f = form(0, 1, 1, 1);
    cr_assert_eq(linear_lane_stride(&f, &variables), LANE_IRREGULAR);
}

Test(codegen_linear, terms_that_cancel_disappear)
{
    linear f = form(3, 2, 1, 0), minus = form(0, 2, 0, 0), expected = form(3, 0, 1, 0);
    cr_assert(linear_add(&f, &minus, -1));
    cr_assert(linear_equal(&f, &expected));
}

Test(codegen_linear, reads_as_an_expression)
{
    const linear forms[] = {form(0, 0, 0, 0), form(-7, 0, 0, 0), form(0, 1, 0, 0), form(-3, 4, -1, 2)};
    static const char *const expected[] = {"0", "-7", "i", "(i * 4 - j + t * 2 - 3)"};
    for (int k = 0; k < 4; k++) {
        text t = {0};
        linear_write(&forms[k], &variables, &t);
        cr_assert_str_eq(t.data, expected[k]);
        text_finish(&t);
    }
}
