/* Generated kernels with reductions, on every device: along rows, columns and both, with producers in front and operators behind.
 */
#include "codegen_case.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

TestSuite(codegen_reduction, .timeout = 300);

static value_id reduce(codegen_case *c, const char *op, value_id x, int axis_count, const int64_t *axes, bool keepdims)
{
    const value_id inputs[] = {x, axis_count > 0 ? case_ints(c, axis_count, axes) : GRAPH_NONE};
    return case_node(c, op, axis_count > 0 ? 2 : 1, inputs, 1, &ATTRIBUTE_INT("keepdims", keepdims));
}

#define AXES(...)                                                                                                                \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[])                                                 \
    {                                                                                                                            \
        __VA_ARGS__                                                                                                              \
    }

Test(codegen_reduction, every_subset_of_axes)
{
    for (int subset = 1; subset < 16; subset++) {
        codegen_case c;
        int64_t axes[4];
        int count = 0;
        for (int i = 0; i < 4; i++)
            if (subset >> i & 1)
                axes[count++] = subset % 2 ? i : i - 4;
        case_start(&c);
        const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(5, 7, 18, 35));
        case_output(&c, reduce(&c, "ReduceSum", x, count, axes, subset % 3 == 0));
        case_check(&c);
        cr_assert_eq(c.steps, 1);
        case_finish(&c);
    }
}

Test(codegen_reduction, every_operator_along_rows_and_columns)
{
    static const char *const operators[] = {"ReduceSum", "ReduceMean", "ReduceMax",    "ReduceMin",      "ReduceProd",
                                            "ReduceL1",  "ReduceL2",   "ReduceLogSum", "ReduceSumSquare"};
    for (int64_t axis = 0; axis < 2; axis++) {
        codegen_case c; /* one loop does them all */
        case_start(&c);
        const value_id x = case_input(&c, SOCLE_FLOAT32, 0.8, 1.2, CASE_DIMS(70, 83));
        for (size_t i = 0; i < 8; i++)
            case_output(&c, reduce(&c, operators[i], x, 1, &axis, false));
        c.tolerance = 1e-5;
        case_check(&c);
        cr_assert_eq(c.steps, 1);
        case_finish(&c);
        case_start(&c);
        const value_id y = case_input(&c, SOCLE_FLOAT32, 0.8, 1.2, CASE_DIMS(70, 83));
        case_output(&c, reduce(&c, operators[8], y, 1, &axis, false));
        case_check(&c);
        case_finish(&c);
    }
}

Test(codegen_reduction, rows_and_columns_of_awkward_sizes)
{
    static const int64_t sizes[][2] = {{1, 1},    {1, 5},    {5, 1},   {3, 15},    {17, 16},  {2, 1000},
                                       {1000, 2}, {129, 67}, {64, 10}, {2000, 10}, {40, 4099}};
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (int64_t axis = 0; axis < 2; axis++) {
            codegen_case c;
            case_start(&c);
            const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, 2, sizes[i]);
            case_output(&c, reduce(&c, "ReduceMean", x, 1, &axis, true));
            case_check(&c);
            case_finish(&c);
        }
}

Test(codegen_reduction, long_sums_stay_accurate)
{
    for (int64_t axis = 0; axis < 2; axis++) {
        codegen_case c;
        case_start(&c);
        const int64_t dims[] = {axis == 0 ? 300000 : 2, axis == 0 ? 3 : 300000};
        const value_id x = case_input(&c, SOCLE_FLOAT32, 0, 1, 2, dims);
        case_output(&c, reduce(&c, "ReduceSum", x, 1, &axis, false));
        c.tolerance = 3e-7;
        case_check(&c);
        case_finish(&c);
    }
}

Test(codegen_reduction, producers_in_front_and_operators_behind_are_one_step)
{
    for (int64_t axis = 0; axis < 3; axis++) {
        codegen_case c;
        case_start(&c);
        const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(6, 33, 50));
        const value_id scale = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(33, 1));
        const value_id sum = reduce(&c, "ReduceSum", CASE_UNARY(&c, "Exp", CASE_BINARY(&c, "Mul", x, scale)), 1, &axis, false);
        const int64_t rest[] = {axis == 0 ? 33 : 6, axis == 2 ? 33 : 50};
        const value_id bias = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(rest[1]));
        case_output(&c, CASE_BINARY(&c, "Add", CASE_UNARY(&c, "Log", sum), bias));
        case_output(&c, sum);
        c.tolerance = 1e-5;
        case_check(&c);
        cr_assert_eq(c.steps, 1);
        case_finish(&c);
    }
}

Test(codegen_reduction, bias_gradient_of_a_convolution_and_of_a_dense_layer)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(4, 24, 14, 14));
    case_output(&c, reduce(&c, "ReduceSum", x, AXES(0, 2, 3), false));
    case_check(&c);
    case_finish(&c);
    case_start(&c);
    const value_id y = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(2100, 128));
    case_output(&c, reduce(&c, "ReduceSum", y, AXES(0), false));
    case_check(&c);
    case_finish(&c);
}

Test(codegen_reduction, movement_in_front)
{
    for (int64_t axis = 0; axis < 2; axis++) {
        codegen_case c;
        case_start(&c);
        const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(40, 37)),
                       y = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(5, 40));
        const value_id turned = case_node(&c, "Transpose", 1, &x, 0, NULL);
        const value_id joined = case_node(&c, "Concat", 2, (const value_id[]){turned, y}, 1, &ATTRIBUTE_INT("axis", 0));
        const value_id pads = case_ints(&c, 4, (const int64_t[]){1, 2, 0, 3});
        const value_id padded =
            case_node(&c, "Pad", 2, (const value_id[]){joined, pads}, 1, &ATTRIBUTE_STRING("mode", "reflect"));
        case_output(&c, reduce(&c, "ReduceSum", padded, 1, &axis, false));
        case_check(&c);
        cr_assert_eq(c.steps, 1);
        case_finish(&c);
    }
}

Test(codegen_reduction, storage_types)
{
    static const socle_dtype types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT64, SOCLE_INT32, SOCLE_INT64};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        for (int64_t axis = 0; axis < 2; axis++) {
            codegen_case c;
            case_start(&c);
            const value_id x = case_input(&c, types[i], -30, 30, CASE_DIMS(19, 45));
            case_output(&c, reduce(&c, "ReduceSum", x, 1, &axis, false));
            case_output(&c, reduce(&c, "ReduceMax", x, 1, &axis, false));
            case_check(&c);
            case_finish(&c);
        }
}

Test(codegen_reduction, nothing_reduced_gives_the_identity)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(3, 0, 20));
    case_output(&c, reduce(&c, "ReduceSum", x, AXES(1), false));
    case_output(&c, reduce(&c, "ReduceProd", x, AXES(1), false));
    case_output(&c, reduce(&c, "ReduceMax", x, AXES(1), false));
    case_output(&c, reduce(&c, "ReduceMin", x, AXES(1), false));
    case_check(&c);
    case_finish(&c);
}

Test(codegen_reduction, axes_of_one_element_and_no_axes_at_all)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(3, 1, 20));
    case_output(&c, reduce(&c, "ReduceSumSquare", x, AXES(1), false));
    case_check(&c);
    case_finish(&c);
    case_start(&c);
    const value_id y = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(3, 70));
    case_output(&c, reduce(&c, "ReduceL1", y, 0, NULL, true));
    case_check(&c);
    case_finish(&c);
    case_start(&c);
    const value_id z = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(3, 70));
    case_output(&c, case_node(&c, "ReduceMax", 1, &z, 1, &ATTRIBUTE_INT("noop_with_empty_axes", 1)));
    case_check(&c);
    case_finish(&c);
}

Test(codegen_reduction, maximum_hands_nan_on)
{
    for (int64_t axis = 0; axis < 2; axis++) {
        double content[40 * 40];
        for (int i = 0; i < 40 * 40; i++)
            content[i] = i % 41 == 7 ? NAN : i % 13;
        codegen_case c;
        case_start(&c);
        const value_id x = case_input_of(&c, SOCLE_FLOAT32, content, CASE_DIMS(40, 40));
        case_output(&c, reduce(&c, "ReduceMax", x, 1, &axis, false));
        case_output(&c, reduce(&c, "ReduceMin", x, 1, &axis, false));
        case_check(&c);
        case_finish(&c);
    }
}
