/* Generated kernels without a reduction, on every device: chains, broadcasting, types and what expressions ask for. */
#include "codegen_case.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(codegen_elementwise, .timeout = 300);

Test(codegen_elementwise, chain_over_odd_size_is_one_step)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(100003));
    const value_id y = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(100003));
    case_output(&c, CASE_UNARY(&c, "Relu", CASE_BINARY(&c, "Mul", CASE_BINARY(&c, "Add", x, y), y)));
    case_check(&c);
    cr_assert_eq(c.steps, 1);
    case_finish(&c);
}

Test(codegen_elementwise, sizes_around_the_vector_width_leave_nothing_out)
{
    static const int64_t counts[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 47};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        codegen_case c;
        case_start(&c);
        const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(counts[i]));
        case_output(&c, CASE_UNARY(&c, "Exp", x));
        case_check(&c);
        case_finish(&c);
    }
}

Test(codegen_elementwise, inputs_broadcast_in_every_direction)
{
    static const int64_t shapes[][4] = {{4, 5, 6, 7}, {1, 5, 1, 1}, {4, 1, 6, 1}, {1, 1, 1, 7},
                                        {1, 5, 6, 7}, {4, 1, 1, 7}, {1, 1, 1, 1}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (size_t k = i; k < COUNT_OF(shapes); k++) {
            codegen_case c;
            case_start(&c);
            const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, 4, shapes[i]),
                           y = case_input(&c, SOCLE_FLOAT32, -2, 2, 4, shapes[k]);
            case_output(&c, CASE_BINARY(&c, "Sub", x, y));
            case_check(&c);
            case_finish(&c);
        }
}

Test(codegen_elementwise, bias_with_few_and_with_many_channels)
{
    static const int64_t channels[] = {1, 3, 10, 16, 31, 128};
    for (size_t i = 0; i < COUNT_OF(channels); i++) {
        codegen_case c;
        case_start(&c);
        const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(300, channels[i]));
        const value_id b = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(channels[i]));
        case_output(&c, CASE_UNARY(&c, "Tanh", CASE_BINARY(&c, "Add", x, b)));
        case_check(&c);
        case_finish(&c);
    }
}

Test(codegen_elementwise, functions_are_accurate_over_their_range)
{
    static const char *const functions[] = {"Erf", "Exp", "Tanh", "Sigmoid", "Softplus", "Sin", "Atan", "Sinh", "Mish", "Asinh"};
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -9, 9, CASE_DIMS(5003)),
                   tiny = case_input(&c, SOCLE_FLOAT32, -0.1, 0.1, CASE_DIMS(5003));
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        case_output(&c, CASE_UNARY(&c, functions[i], x));
        case_output(&c, CASE_UNARY(&c, functions[i], tiny));
    }
    case_check(&c);
    case_finish(&c);
}

/* Each value in a tensor of its own, so that its results are compared with themselves: whole vectors and a rest. */
Test(codegen_elementwise, functions_are_accurate_where_floats_end)
{
    static const char *const functions[] = {"Exp", "Tanh", "Erf", "Sigmoid"};
    static const double values[] = {NAN,   INFINITY, -INFINITY, 0,    -0.0, 1.2e-38, -1.2e-38, 1e-20, 1e-4,
                                    -0.01, 88.7,     87.4,      -103, 9.01, -9.02,   3.95,     1e30,  -3.4e38};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        codegen_case c;
        double content[33];
        for (size_t k = 0; k < COUNT_OF(content); k++)
            content[k] = (double)(float)values[i];
        case_start(&c);
        c.tolerance = 1e-6;
        const value_id x = case_input_of(&c, SOCLE_FLOAT32, content, CASE_DIMS(COUNT_OF(content)));
        for (size_t f = 0; f < COUNT_OF(functions); f++)
            case_output(&c, CASE_UNARY(&c, functions[f], x));
        case_check(&c);
        case_finish(&c);
    }
}

Test(codegen_elementwise, scalars_and_eight_dimensions)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, 0, (const int64_t[]){0});
    const value_id y = case_input(&c, SOCLE_FLOAT32, -2, 2, 0, (const int64_t[]){0});
    case_output(&c, CASE_BINARY(&c, "Mul", x, y));
    case_check(&c);
    case_finish(&c);
    case_start(&c);
    const value_id a = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(2, 1, 3, 1, 2, 1, 5, 3));
    const value_id b = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(1, 4, 3, 2, 1, 2, 5, 1));
    case_output(&c, CASE_BINARY(&c, "Add", a, b));
    case_check(&c);
    case_finish(&c);
}

Test(codegen_elementwise, empty_tensors_need_no_step)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(0, 4));
    case_output(&c, CASE_UNARY(&c, "Relu", x));
    case_check(&c);
    cr_assert_eq(c.steps, 0);
    case_finish(&c);
}

Test(codegen_elementwise, several_outputs_are_written_by_one_step)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(33, 65));
    const value_id e = CASE_UNARY(&c, "Exp", x), s = CASE_BINARY(&c, "Add", e, x);
    case_output(&c, e);
    case_output(&c, s);
    case_output(&c, CASE_BINARY(&c, "Mul", s, e));
    case_check(&c);
    cr_assert_eq(c.steps, 1);
    case_finish(&c);
}

Test(codegen_elementwise, every_storage_type_is_added_and_compared)
{
    static const socle_dtype types[] = {SOCLE_FLOAT32, SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT64, SOCLE_INT8,
                                        SOCLE_UINT8,   SOCLE_INT16,   SOCLE_INT32,    SOCLE_INT64};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        codegen_case c;
        case_start(&c);
        const value_id x = case_input(&c, types[i], 0, 60, CASE_DIMS(7, 37)), y = case_input(&c, types[i], 0, 60, CASE_DIMS(37));
        case_output(&c, CASE_BINARY(&c, "Add", x, y));
        case_output(&c, CASE_BINARY(&c, "Less", x, y));
        case_check(&c);
        case_finish(&c);
    }
}

Test(codegen_elementwise, casts_between_all_types)
{
    static const socle_dtype types[] = {SOCLE_FLOAT32, SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT64, SOCLE_INT8,
                                        SOCLE_UINT8,   SOCLE_INT16,   SOCLE_INT32,    SOCLE_INT64,   SOCLE_BOOL};
    static const int onnx[] = {1, 10, 16, 11, 3, 2, 5, 6, 7, 9};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        for (int real64 = 0; real64 < 2; real64++) {
            codegen_case c;
            case_start(&c);
            const value_id x = case_input(&c, types[i], 0, types[i] == SOCLE_BOOL ? 2 : 60, CASE_DIMS(53));
            for (size_t k = 0; k < COUNT_OF(types); k++) {
                if ((types[k] == SOCLE_FLOAT64) != real64)
                    continue;
                const socle_attribute to = ATTRIBUTE_INT("to", onnx[k]);
                const value_id y = case_node(&c, "Cast", 1, &x, 1, &to);
                case_output(&c, types[k] == SOCLE_BOOL ? CASE_UNARY(&c, "Not", y) : CASE_UNARY(&c, "Neg", y));
            }
            case_check(&c);
            case_finish(&c);
        }
}

Test(codegen_elementwise, logic_and_choice)
{
    codegen_case c;
    case_start(&c);
    const value_id p = case_input(&c, SOCLE_BOOL, 0, 2, CASE_DIMS(5, 1, 19)),
                   q = case_input(&c, SOCLE_BOOL, 0, 2, CASE_DIMS(3, 19));
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(19)),
                   y = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(5, 3, 1));
    const value_id both = CASE_BINARY(&c, "And", p, q), either = CASE_BINARY(&c, "Or", p, q);
    const value_id chosen[] = {CASE_BINARY(&c, "Xor", both, either), x, y};
    case_output(&c, case_node(&c, "Where", 3, chosen, 0, NULL));
    case_output(&c, CASE_UNARY(&c, "Not", both));
    case_check(&c);
    case_finish(&c);
}

Test(codegen_elementwise, nan_and_infinity_follow_the_rules)
{
    static const char *const unary[] = {"Relu", "Abs", "Neg", "Exp", "Sqrt", "Sigmoid", "IsNaN", "Floor", "LeakyRelu"};
    static const char *const binary[] = {"Max", "Min", "Add", "Mul", "Less", "GreaterOrEqual", "Equal", "Div"};
    double content[40], other[40];
    for (int i = 0; i < 40; i++) {
        static const double special[] = {NAN, INFINITY, -INFINITY, 0, 1.5, -2.5};
        content[i] = special[i % 6];
        other[i] = special[i / 6 % 6];
    }
    codegen_case c;
    case_start(&c);
    const value_id x = case_input_of(&c, SOCLE_FLOAT32, content, CASE_DIMS(40)),
                   y = case_input_of(&c, SOCLE_FLOAT32, other, CASE_DIMS(40));
    for (size_t i = 0; i < COUNT_OF(unary); i++)
        case_output(&c, CASE_UNARY(&c, unary[i], x));
    for (size_t i = 0; i < COUNT_OF(binary); i++)
        case_output(&c, CASE_BINARY(&c, binary[i], x, y));
    const value_id inf = case_node(&c, "IsInf", 1, &x, 1, &ATTRIBUTE_INT("detect_negative", 0));
    case_output(&c, inf);
    case_check(&c);
    case_finish(&c);
}

Test(codegen_elementwise, integer_division_by_zero_does_not_trap)
{
    static const double a[] = {7, -7, 5, 0, -2147483648.0, 9}, b[] = {0, 0, -1, 0, -1, 4};
    codegen_case c;
    case_start(&c);
    const value_id x = case_input_of(&c, SOCLE_INT32, a, CASE_DIMS(6)), y = case_input_of(&c, SOCLE_INT32, b, CASE_DIMS(6));
    case_output(&c, CASE_BINARY(&c, "Div", x, y));
    char *kernel = case_kernel(&c, SOCLE_DEVICE_CPU, 16);
    cr_assert(strstr(kernel, "divisor") != NULL);
    memory_free(kernel);
    case_finish(&c);
}

Test(codegen_elementwise, integers_are_divided_and_their_remainders_taken)
{
    static const char *const operators[] = {"Mod", "Div"}; /* in kernels of their own: oclgrind 21.10 gets both in one wrong */
    for (size_t i = 0; i < COUNT_OF(operators); i++) {
        codegen_case c;
        case_start(&c);
        const value_id p = case_input(&c, SOCLE_INT64, -50, 50, CASE_DIMS(77)),
                       q = case_input(&c, SOCLE_INT64, 1, 9, CASE_DIMS(77));
        case_output(&c, CASE_BINARY(&c, operators[i], p, q));
        case_check(&c);
        case_finish(&c);
    }
}

Test(codegen_elementwise, attributes_and_constants_become_literals)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -3, 3, CASE_DIMS(129));
    const value_id half = graph_constant_scalar(c.graph, SOCLE_FLOAT32, 0.5);
    const value_id y = case_node(&c, "LeakyRelu", 1, &x, 1, &ATTRIBUTE_FLOAT("alpha", 0.25));
    case_output(&c, CASE_UNARY(&c, "Selu", CASE_BINARY(&c, "Mul", y, half)));
    case_output(&c, case_node(&c, "Elu", 1, &x, 1, &ATTRIBUTE_FLOAT("alpha", 2)));
    case_check(&c);
    case_finish(&c);
}
