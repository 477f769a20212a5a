/* Pointwise operators: one entry gives an operator its OpenCL expression, its value on the host and its derivative; everything
 * else (kernels, fusion, folding, differentiation) follows from it. Operators without evaluate_integer take floats only.
 * Derivatives use y where they can, so that an activation's input need not be kept for the backward pass. */
#include "evaluate.h"
#include "gradients.h"
#include "operators.h"

#define NAMED(text, version) .name = text, .domain = "", .since = version, .kind = OPERATOR_POINTWISE
#define ARITY(count) .min_inputs = count, .max_inputs = count, .min_outputs = 1, .max_outputs = 1
#define REAL(function) .evaluate = evaluate_##function, .fold = fold_pointwise
#define NUMBER(function) REAL(function), .evaluate_integer = evaluate_integer_##function

#define UNARY(text, version, function) NAMED(text, version), ARITY(1), REAL(function), .infer = infer_pointwise
#define UNARY_NUMBER(text, version, function) NAMED(text, version), ARITY(1), NUMBER(function), .infer = infer_pointwise
#define BINARY_NUMBER(text, version, function) NAMED(text, version), ARITY(2), NUMBER(function), .infer = infer_pointwise
#define COMPARE(text, version, function)                                                                                         \
    NAMED(text, version), ARITY(2), NUMBER(function), .infer = infer_comparison, .boolean_result = true, .derivative = ""
#define LOGIC(text, arity, function)                                                                                             \
    NAMED(text, 1), ARITY(arity), .evaluate_integer = evaluate_integer_##function, .fold = fold_pointwise, .infer = infer_logic, \
                                  .boolean_result = true, .derivative = ""

#define SOFTPLUS "SELECT(GT(a, CONST(0)), a, CONST(0)) + log1p(exp(-fabs(a)))"

static const graph_operator table[] = {
    /* arithmetic */
    {BINARY_NUMBER("Add", 1, add), .expression = "a + b", .derivative = "dy; dy"},
    {BINARY_NUMBER("Sub", 1, sub), .expression = "a - b", .derivative = "dy; -dy"},
    {BINARY_NUMBER("Mul", 1, mul), .expression = "a * b", .derivative = "dy * b; dy * a"},
    {BINARY_NUMBER("Div", 1, div), .expression = "a / b", .derivative = "dy / b; -dy * y / b"},
    {BINARY_NUMBER("Mod", 10, mod), .expression = "fmod(a, b)", .integer_expression = "SELECT($fmod, a % b, (a % b + b) % b)",
     .attributes = "fmod=0", .derivative = "dy; -dy * Sign(a / b) * Floor(Abs(a / b))"},
    {NAMED("Pow", 1), ARITY(2), NUMBER(pow), .infer = infer_pow, .lower = lower_pow, .expression = "pow(a, b)",
     .derivative = "dy * b * Pow(a, b - 1); Where(Greater(a, 0), dy * y * Log(a), 0)"},
    {NAMED("Max", 1), .min_inputs = 1, .max_inputs = -1, .min_outputs = 1, .max_outputs = 1, NUMBER(max),
     .infer = infer_pointwise, .lower = lower_variadic, .expression = "SELECT(NE(a, a), a, SELECT(GT(a, b), a, b))",
     .integer_expression = "SELECT(GT(a, b), a, b)",
     .derivative = "Where(GreaterOrEqual(a, b), dy, 0); Where(GreaterOrEqual(a, b), 0, dy)"},
    {NAMED("Min", 1), .min_inputs = 1, .max_inputs = -1, .min_outputs = 1, .max_outputs = 1, NUMBER(min),
     .infer = infer_pointwise, .lower = lower_variadic, .expression = "SELECT(NE(a, a), a, SELECT(LT(a, b), a, b))",
     .integer_expression = "SELECT(LT(a, b), a, b)",
     .derivative = "Where(LessOrEqual(a, b), dy, 0); Where(LessOrEqual(a, b), 0, dy)"},
    {UNARY_NUMBER("Abs", 1, abs), .expression = "fabs(a)", .integer_expression = "SELECT(LT(a, CONST(0)), -a, a)",
     .derivative = "dy * Sign(a)"},
    {UNARY_NUMBER("Neg", 1, neg), .expression = "-a", .derivative = "-dy"},
    {UNARY_NUMBER("Sign", 9, sign), .expression = "SELECT(GT(a, CONST(0)), CONST(1), SELECT(LT(a, CONST(0)), CONST(-1), a))",
     .derivative = ""},
    {UNARY("Reciprocal", 1, reciprocal), .expression = "CONST(1) / a", .derivative = "-dy * y * y"},
    {UNARY("Sqrt", 1, sqrt), .expression = "sqrt(a)", .derivative = "dy * 0.5 / y"},
    {UNARY("Ceil", 1, ceil), .expression = "ceil(a)", .derivative = ""},
    {UNARY("Floor", 1, floor), .expression = "floor(a)", .derivative = ""},
    {UNARY("Round", 11, round), .expression = "rint(a)", .derivative = ""},
    {NAMED("Clip", 1), .min_inputs = 1, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1, NUMBER(clip),
     .infer = infer_pointwise, .lower = lower_clip,
     .expression = "SELECT(GT(a, c), c, SELECT(LT(a, b), SELECT(GT(b, c), c, b), a))",
     .derivative = "Where(And(GreaterOrEqual(a, b), LessOrEqual(a, c)), dy, 0);"
                   "Where(And(Less(a, b), LessOrEqual(b, c)), dy, 0);"
                   "Where(Or(Greater(a, c), And(Less(a, b), Greater(b, c))), dy, 0)"},

    /* exponentials and trigonometry */
    {UNARY("Exp", 1, exp), .expression = "exp(a)", .derivative = "dy * y"},
    {UNARY("Log", 1, log), .expression = "log(a)", .derivative = "dy / a"},
    {UNARY("Erf", 9, erf), .expression = "erf(a)", .derivative = "dy * 1.1283791670955126 * Exp(-a * a)"},
    {UNARY("Sin", 7, sin), .expression = "sin(a)", .derivative = "dy * Cos(a)"},
    {UNARY("Cos", 7, cos), .expression = "cos(a)", .derivative = "-dy * Sin(a)"},
    {UNARY("Tan", 7, tan), .expression = "tan(a)", .derivative = "dy * (1 + y * y)"},
    {UNARY("Asin", 7, asin), .expression = "asin(a)", .derivative = "dy / Sqrt(1 - a * a)"},
    {UNARY("Acos", 7, acos), .expression = "acos(a)", .derivative = "-dy / Sqrt(1 - a * a)"},
    {UNARY("Atan", 7, atan), .expression = "atan(a)", .derivative = "dy / (1 + a * a)"},
    {UNARY("Sinh", 9, sinh), .expression = "sinh(a)", .derivative = "dy * Cosh(a)"},
    {UNARY("Cosh", 9, cosh), .expression = "cosh(a)", .derivative = "dy * Sinh(a)"},
    {UNARY("Asinh", 9, asinh), .expression = "asinh(a)", .derivative = "dy / Sqrt(a * a + 1)"},
    {UNARY("Acosh", 9, acosh), .expression = "acosh(a)", .derivative = "dy / (Sqrt(a - 1) * Sqrt(a + 1))"},
    {UNARY("Atanh", 9, atanh), .expression = "atanh(a)", .derivative = "dy / (1 - a * a)"},

    /* activations */
    {UNARY_NUMBER("Relu", 1, relu), .expression = "SELECT(LT(a, CONST(0)), CONST(0), a)", .derivative = "WherePositive(dy, y)"},
    {UNARY("Sigmoid", 1, sigmoid), .expression = "CONST(1) / (CONST(1) + exp(-a))", .derivative = "dy * y * (1 - y)"},
    {UNARY("Tanh", 1, tanh), .expression = "tanh(a)", .derivative = "dy * (1 - y * y)"},
    {UNARY("LeakyRelu", 1, leaky_relu), .attributes = "alpha=0.01", .expression = "SELECT(LT(a, CONST(0)), $alpha * a, a)",
     .derivative = "Where(Less(a, 0), dy * $alpha, dy)"},
    {NAMED("PRelu", 1), ARITY(2), NUMBER(prelu), .infer = infer_prelu, .expression = "SELECT(LT(a, CONST(0)), a * b, a)",
     .derivative = "Where(Less(a, 0), dy * b, dy); Where(Less(a, 0), dy * a, 0)"},
    {UNARY("Elu", 1, elu), .attributes = "alpha=1", .expression = "SELECT(LT(a, CONST(0)), $alpha * expm1(a), a)",
     .derivative = "Where(Less(a, 0), dy * (y + $alpha), dy)"},
    {UNARY("Celu", 12, celu), .attributes = "alpha=1", .expression = "SELECT(LT(a, CONST(0)), $alpha * expm1(a / $alpha), a)",
     .derivative = "Where(Less(a, 0), dy * Exp(a / $alpha), dy)"},
    {UNARY("Selu", 1, selu), .attributes = "alpha=1.67326319217681884765625 gamma=1.05070102214813232421875",
     .expression = "$gamma * SELECT(LT(a, CONST(0)), $alpha * expm1(a), a)",
     .derivative = "Where(Less(a, 0), dy * (y + $gamma * $alpha), dy * $gamma)"},
    {UNARY("HardSigmoid", 1, hard_sigmoid), .attributes = "alpha=0.2 beta=0.5",
     .expression = "SELECT(LT($alpha * a + $beta, CONST(0)), CONST(0), "
                   "SELECT(GT($alpha * a + $beta, CONST(1)), CONST(1), $alpha * a + $beta))",
     .derivative = "Where(And(Greater(y, 0), Less(y, 1)), dy * $alpha, 0)"},
    {UNARY("HardSwish", 14, hard_swish),
     .expression = "a * SELECT(LT(a, CONST(-3)), CONST(0), SELECT(GT(a, CONST(3)), CONST(1), "
                   "a * CONST(0.16666666666666666) + CONST(0.5)))",
     .derivative = "Where(LessOrEqual(a, -3), 0, Where(GreaterOrEqual(a, 3), dy, dy * (a / 3 + 0.5)))"},
    {UNARY("Mish", 18, mish), .expression = "a * tanh(" SOFTPLUS ")",
     .derivative = "dy * (Tanh(Softplus(a)) + a * (1 - Tanh(Softplus(a)) * Tanh(Softplus(a))) * Sigmoid(a))"},
    {UNARY("Softplus", 1, softplus), .expression = SOFTPLUS, .derivative = "dy * Sigmoid(a)"},
    {UNARY("Softsign", 1, softsign), .expression = "a / (CONST(1) + fabs(a))",
     .derivative = "dy / ((1 + Abs(a)) * (1 + Abs(a)))"},
    {UNARY("Shrink", 9, shrink), .attributes = "bias=0 lambd=0.5",
     .expression = "SELECT(LT(a, -$lambd), a + $bias, SELECT(GT(a, $lambd), a - $bias, CONST(0)))",
     .derivative = "Where(Or(Less(a, -$lambd), Greater(a, $lambd)), dy, 0)"},
    {UNARY("ThresholdedRelu", 10, thresholded_relu), .attributes = "alpha=1", .expression = "SELECT(GT(a, $alpha), a, CONST(0))",
     .derivative = "Where(Greater(a, $alpha), dy, 0)"},

    /* comparison, logic, choice and type */
    {COMPARE("Equal", 1, equal), .expression = "EQ(a, b)"},
    {COMPARE("Greater", 1, greater), .expression = "GT(a, b)"},
    {COMPARE("GreaterOrEqual", 12, greater_or_equal), .expression = "GE(a, b)"},
    {COMPARE("Less", 1, less), .expression = "LT(a, b)"},
    {COMPARE("LessOrEqual", 12, less_or_equal), .expression = "LE(a, b)"},
    {LOGIC("And", 2, and), .expression = "a * b"},
    {LOGIC("Or", 2, or), .expression = "SELECT(a, CONST(1), b)"},
    {LOGIC("Xor", 2, xor), .expression = "NE(a, b)"},
    {LOGIC("Not", 1, not ), .expression = "EQ(a, CONST(0))"},
    {NAMED("IsInf", 10), ARITY(1), REAL(is_inf), .infer = infer_comparison, .boolean_result = true, .derivative = "",
     .attributes = "detect_negative=1 detect_positive=1",
     .expression =
         "SELECT(EQ(a, CONST(INFINITY)), $detect_positive, SELECT(EQ(a, CONST(-INFINITY)), $detect_negative, CONST(0)))"},
    {NAMED("IsNaN", 9), ARITY(1), REAL(is_nan), .infer = infer_comparison, .boolean_result = true, .derivative = "",
     .expression = "NE(a, a)"},
    {NAMED("Where", 9), ARITY(3), NUMBER(where), .infer = infer_where, .expression = "SELECT(a, b, c)",
     .derivative = "; Where(a, dy, 0); Where(a, 0, dy)"},
    /* A value's conversion to the output's type (attribute `to`) is the generator's; a bool takes part as 0 or 1. */
    {NAMED("Cast", 1), ARITY(1), .infer = infer_cast, .fold = fold_cast, .expression = "a", .gradient = gradient_cast},
};

const operator_table operators_pointwise = {table, COUNT_OF(table)};
