/* The operator table: each pointwise operator's host evaluation against libm and the definitions of ONNX, its OpenCL expression
 * (interpreted here) against its host evaluation, and the table's own consistency. */
#include "../../lib/graph/fold.h"
#include "../../lib/graph/operators.h"
#include "../support/graph_case.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- definitions, written out once more; attributes at their defaults ---- */

#define DEFINE(name, value)                                                                                                      \
    static double name(double a, double b, double c)                                                                             \
    {                                                                                                                            \
        (void)b, (void)c;                                                                                                        \
        return (value);                                                                                                          \
    }
DEFINE(add, a + b)
DEFINE(sub, a - b)
DEFINE(mul, a *b)
DEFINE(quotient, a / b)
DEFINE(modulo, fmod(a, b))
DEFINE(power, pow(a, b))
DEFINE(absolute, fabs(a))
DEFINE(negative, -a)
DEFINE(sign, isnan(a) ? a : (a > 0) - (a < 0))
DEFINE(inverse, 1 / a)
DEFINE(root, sqrt(a))
DEFINE(up, ceil(a))
DEFINE(down, floor(a))
DEFINE(nearest, rint(a))
DEFINE(exponential, exp(a))
DEFINE(logarithm, log(a))
DEFINE(error, erf(a))
DEFINE(sine, sin(a))
DEFINE(cosine, cos(a))
DEFINE(tangent, tan(a))
DEFINE(arcsine, asin(a))
DEFINE(arccosine, acos(a))
DEFINE(arctangent, atan(a))
DEFINE(hsine, sinh(a))
DEFINE(hcosine, cosh(a))
DEFINE(htangent, tanh(a))
DEFINE(ahsine, asinh(a))
DEFINE(ahcosine, acosh(a))
DEFINE(ahtangent, atanh(a))
DEFINE(maximum, isnan(a) || isnan(b) ? NAN : fmax(a, b))
DEFINE(minimum, isnan(a) || isnan(b) ? NAN : fmin(a, b))
DEFINE(clip, isnan(a) ? a : fmin(fmax(a, b), c))
DEFINE(relu, isnan(a) ? a : fmax(a, 0))
DEFINE(sigmoid, 1 / (1 + exp(-a)))
DEFINE(leaky, a < 0 ? 0.01 * a : a)
DEFINE(prelu, a < 0 ? b * a : a)
DEFINE(elu, a < 0 ? exp(a) - 1 : a)
DEFINE(selu, 1.05070102214813232421875 * (a < 0 ? 1.67326319217681884765625 * (exp(a) - 1) : a))
DEFINE(hard_sigmoid, isnan(a) ? a : fmax(0, fmin(1, 0.2 * a + 0.5)))
DEFINE(hard_swish, isnan(a) ? a : a *fmax(0, fmin(1, a / 6 + 0.5)))
DEFINE(softplus, a > 500 ? a : log(exp(a) + 1))
DEFINE(softsign, a / (1 + fabs(a)))
DEFINE(mish, a *tanh(a > 500 ? a : log(exp(a) + 1)))
DEFINE(shrink, a<-0.5 || a> 0.5 ? a : 0)
DEFINE(thresholded, a > 1 ? a : 0)
DEFINE(equal, a == b)
DEFINE(greater, a > b)
DEFINE(greater_equal, a >= b)
DEFINE(less, a < b)
DEFINE(less_equal, a <= b)
DEFINE(infinite, isinf(a) != 0)
DEFINE(not_number, isnan(a) != 0)
DEFINE(choose, a != 0 ? b : c)
DEFINE(gelu, 0.5 * a * (1 + erf(a / sqrt(2))))
DEFINE(gelu_tanh, 0.5 * a * (1 + tanh(sqrt(2 / M_PI) * (a + 0.044715 * a * a * a))))

typedef struct definition {
    const char *op;
    double (*value)(double a, double b, double c);
} definition;

DEFINE(where_positive, b > 0 ? a : 0)

static const definition definitions[] = {{"Add", add},
                                         {"Sub", sub},
                                         {"Mul", mul},
                                         {"Div", quotient},
                                         {"Mod", modulo},
                                         {"Pow", power},
                                         {"Abs", absolute},
                                         {"Neg", negative},
                                         {"Sign", sign},
                                         {"Reciprocal", inverse},
                                         {"Sqrt", root},
                                         {"Ceil", up},
                                         {"Floor", down},
                                         {"Round", nearest},
                                         {"RoundSmall", nearest},
                                         {"Exp", exponential},
                                         {"Log", logarithm},
                                         {"Erf", error},
                                         {"Sin", sine},
                                         {"Cos", cosine},
                                         {"Tan", tangent},
                                         {"Asin", arcsine},
                                         {"Acos", arccosine},
                                         {"Atan", arctangent},
                                         {"Sinh", hsine},
                                         {"Cosh", hcosine},
                                         {"Tanh", htangent},
                                         {"Asinh", ahsine},
                                         {"Acosh", ahcosine},
                                         {"Atanh", ahtangent},
                                         {"Max", maximum},
                                         {"Min", minimum},
                                         {"Clip", clip},
                                         {"Relu", relu},
                                         {"Sigmoid", sigmoid},
                                         {"LeakyRelu", leaky},
                                         {"PRelu", prelu},
                                         {"Elu", elu},
                                         {"Celu", elu},
                                         {"Selu", selu},
                                         {"HardSigmoid", hard_sigmoid},
                                         {"HardSwish", hard_swish},
                                         {"Softplus", softplus},
                                         {"Softsign", softsign},
                                         {"Mish", mish},
                                         {"Shrink", shrink},
                                         {"ThresholdedRelu", thresholded},
                                         {"Equal", equal},
                                         {"Greater", greater},
                                         {"GreaterOrEqual", greater_equal},
                                         {"Less", less},
                                         {"LessOrEqual", less_equal},
                                         {"IsInf", infinite},
                                         {"IsNaN", not_number},
                                         {"Where", choose},
                                         {"GeluErf", gelu},
                                         {"GeluTanh", gelu_tanh},
                                         {"WherePositive", where_positive}};

static const definition *definition_of(const char *op)
{
    for (size_t i = 0; i < COUNT_OF(definitions); i++)
        if (strcmp(definitions[i].op, op) == 0)
            return &definitions[i];
    return NULL;
}

/* Float attributes at their defaults, as folding reads them. */
static void defaults(const graph_operator *op, double *attributes)
{
    const graph_node node = {.op = op};
    operator_attribute_values(&node, attributes, 4);
}

static const double points[] = {-INFINITY, -700, -4, -3,  -2.5, -1, -0.5, -0.25, -0.0,     0,
                                0.25,      0.5,  1,  1.5, 2.5,  3,  7.25, 700,   INFINITY, NAN};

static bool close_to(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    return a == b || fabs(a - b) <= 1e-13 * (1 + fabs(b));
}

/* Calls check for every combination of points as operands (0 where there are fewer than three). */
static int for_all_points(const graph_operator *op,
                          void (*check)(const graph_operator *op, const double *in, const double *attributes))
{
    const int arity = op->max_inputs < 0 ? 2 : op->max_inputs, n = (int)COUNT_OF(points);
    double attributes[4];
    int checked = 0;
    defaults(op, attributes);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < (arity > 1 ? n : 1); j++)
            for (int k = 0; k < (arity > 2 ? n : 1); k++, checked++)
                check(op, (const double[]){points[i], points[j], points[k], 0}, attributes);
    return checked;
}

static void check_definition(const graph_operator *op, const double *in, const double *attributes)
{
    const double got = op->evaluate(in, attributes), wanted = definition_of(op->name)->value(in[0], in[1], in[2]);
    if (strcmp(op->name, "Clip") == 0 && (isnan(in[1]) || isnan(in[2])))
        return; /* a bound that is no number means nothing */
    cr_expect(close_to(got, wanted), "%s(%g, %g, %g) is %.17g, not %.17g", op->name, in[0], in[1], in[2], got, wanted);
}

Test(graph_operators, evaluation_on_the_host_is_the_definition_everywhere)
{
    int checked = 0;
    for (int i = 0; i < operator_count(); i++) {
        const graph_operator *op = operator_at(i);
        if (op->evaluate == NULL)
            continue;
        cr_assert_not_null(definition_of(op->name), "%s has no definition here", op->name);
        checked += for_all_points(op, check_definition);
    }
    cr_assert_gt(checked, 5000);
}

/* ---- an interpreter of the OpenCL expressions ---- */

typedef struct parser {
    const char *at;
    const double *in, *attributes;
    const char *names; /* of the attributes, as in the table */
} parser;

static double sum(parser *p);

static void skip(parser *p)
{
    p->at += strspn(p->at, " ");
}

static bool take(parser *p, char c)
{
    skip(p);
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

static void word(parser *p, char *out)
{
    int length = 0;
    while ((isalnum((unsigned char)*p->at) || *p->at == '_') && length < 31)
        out[length++] = *p->at++;
    out[length] = 0;
}

static double attribute(parser *p)
{
    char name[32], list[32];
    const char *at = p->names;
    word(p, name);
    for (int i = 0; at != NULL && *at != 0; i++) {
        snprintf(list, sizeof(list), "%.*s", (int)strcspn(at, "="), at);
        if (strcmp(list, name) == 0)
            return p->attributes[i];
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    cr_assert_fail("unknown attribute $%s", name);
    return NAN;
}

static double call(const char *name, const double *x, int count)
{
    static const struct {
        const char *name;
        double (*function)(double);
    } unary[] = {{"fabs", fabs},   {"sqrt", sqrt},   {"ceil", ceil},   {"floor", floor}, {"rint", rint}, {"exp", exp},
                 {"log", log},     {"erf", erf},     {"sin", sin},     {"cos", cos},     {"tan", tan},   {"asin", asin},
                 {"acos", acos},   {"atan", atan},   {"sinh", sinh},   {"cosh", cosh},   {"tanh", tanh}, {"asinh", asinh},
                 {"acosh", acosh}, {"atanh", atanh}, {"expm1", expm1}, {"log1p", log1p}};
    for (size_t i = 0; i < COUNT_OF(unary); i++)
        if (count == 1 && strcmp(unary[i].name, name) == 0)
            return unary[i].function(x[0]);
    if (count == 1 && strcmp(name, "CONST") == 0)
        return x[0];
    if (count == 2 && strcmp(name, "fmod") == 0)
        return fmod(x[0], x[1]);
    if (count == 2 && strcmp(name, "pow") == 0)
        return pow(x[0], x[1]);
    if (count == 3 && strcmp(name, "SELECT") == 0)
        return x[0] != 0 ? x[1] : x[2];
    if (count == 2 && strlen(name) == 2)
        return strcmp(name, "LT") == 0   ? x[0] < x[1]
               : strcmp(name, "LE") == 0 ? x[0] <= x[1]
               : strcmp(name, "GT") == 0 ? x[0] > x[1]
               : strcmp(name, "GE") == 0 ? x[0] >= x[1]
               : strcmp(name, "EQ") == 0 ? x[0] == x[1]
                                         : x[0] != x[1];
    cr_assert_fail("unknown function %s of %d", name, count);
    return NAN;
}

static double primary(parser *p)
{
    char name[32];
    double arguments[4];
    int count = 0;
    skip(p);
    if (take(p, '-'))
        return -primary(p);
    if (take(p, '(')) {
        const double inner = sum(p);
        cr_assert(take(p, ')'));
        return inner;
    }
    if (take(p, '$'))
        return attribute(p);
    if (isdigit((unsigned char)*p->at))
        return strtod(p->at, (char **)&p->at);
    word(p, name);
    if (!take(p, '(')) {
        if (strcmp(name, "ROUNDER") == 0)
            return 0x1.8p52;
        if (strcmp(name, "INFINITY") == 0)
            return INFINITY;
        cr_assert(strlen(name) == 1 && name[0] >= 'a' && name[0] <= 'd', "unknown name '%s'", name);
        return p->in[name[0] - 'a'];
    }
    do
        arguments[count++] = sum(p);
    while (count < 4 && take(p, ','));
    cr_assert(take(p, ')'));
    return call(name, arguments, count);
}

static double product(parser *p)
{
    double x = primary(p);
    for (;;) {
        if (take(p, '*'))
            x *= primary(p);
        else if (take(p, '/'))
            x /= primary(p);
        else if (take(p, '%'))
            x = fmod(x, primary(p));
        else
            return x;
    }
}

static double sum(parser *p)
{
    double x = product(p);
    for (;;) {
        if (take(p, '+'))
            x += product(p);
        else if (take(p, '-'))
            x -= product(p);
        else
            return x;
    }
}

static double interpret(const char *expression, const graph_operator *op, const double *in, const double *attributes)
{
    parser p = {expression, in, attributes, op->attributes};
    const double value = sum(&p);
    skip(&p);
    cr_assert_eq(*p.at, 0, "%s: '%s' is left over", op->name, p.at);
    return value;
}

static void check_expression(const graph_operator *op, const double *in, const double *attributes)
{
    const double got = interpret(op->expression, op, in, attributes), wanted = op->evaluate(in, attributes);
    cr_expect(close_to(got, wanted), "%s(%g, %g, %g): the expression is %.17g, on the host %.17g", op->name, in[0], in[1], in[2],
              got, wanted);
}

Test(graph_operators, expressions_are_what_the_host_evaluates)
{
    int checked = 0;
    for (int i = 0; i < operator_count(); i++) {
        const graph_operator *op = operator_at(i);
        if (op->expression != NULL && op->evaluate != NULL)
            checked += for_all_points(op, check_expression);
    }
    cr_assert_gt(checked, 5000);
}

/* Without a form of their own for integers, the expression is that of the floats. */
Test(graph_operators, integer_expressions_are_what_the_host_evaluates)
{
    int checked = 0;
    for (int i = 0; i < operator_count(); i++) {
        const graph_operator *op = operator_at(i);
        /* quotients here are real ones, and integer powers are computed in float32 */
        if (op->expression == NULL || op->evaluate_integer == NULL || strcmp(op->name, "Div") == 0 ||
            strcmp(op->name, "Pow") == 0)
            continue;
        const bool boolean = op->evaluate == NULL;
        double attributes[4];
        defaults(op, attributes);
        for (int64_t a = boolean ? 0 : -7; a <= (boolean ? 1 : 7); a++) {
            for (int64_t b = boolean ? 0 : -4; b <= (boolean ? 1 : 4); b++, checked++) {
                if (b == 0 && strcmp(op->name, "Mod") == 0)
                    continue;
                const int64_t in[] = {a, b, 3, 0};
                const double reals[] = {(double)a, (double)b, 3, 0};
                const char *text = op->integer_expression != NULL ? op->integer_expression : op->expression;
                cr_expect_eq(interpret(text, op, reals, attributes), (double)op->evaluate_integer(in, attributes), "%s(%d, %d)",
                             op->name, (int)a, (int)b);
            }
        }
    }
    cr_assert_gt(checked, 500);
}

Test(graph_operators, reductions_combine_map_and_finish)
{
    static const struct {
        const char *op;
        double value; /* of 3, -4, 12 */
    } wanted[] = {{"ReduceSum", 11},       {"ReduceMean", 11.0 / 3}, {"ReduceMax", 12}, {"ReduceMin", -4},
                  {"ReduceProd", -144},    {"ReduceL1", 19},         {"ReduceL2", 13},  {"ReduceLogSum", 2.3978952727983707},
                  {"ReduceSumSquare", 169}};
    static const double elements[] = {3, -4, 12};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        const graph_operator *op = operator_find(NULL, "", wanted[i].op);
        double total = interpret(op->reduce_initial, op, elements, NULL);
        for (int k = 0; k < 3; k++) {
            /* the language's x and y are this interpreter's c and d, its N a number */
            char combine[128];
            const double in[] = {elements[k], 0, total, interpret(op->reduce_map, op, &elements[k], NULL)};
            snprintf(combine, sizeof(combine), "%s", op->reduce_combine);
            for (char *at = combine; *at != 0; at++)
                *at = *at == 'x' ? 'c' : (*at == 'y' ? 'd' : *at);
            total = interpret(combine, op, in, NULL);
        }
        char finish[64];
        snprintf(finish, sizeof(finish), "%s", op->reduce_finish);
        for (char *at = finish; *at != 0; at++)
            *at = *at == 'y' ? 'd' : (*at == 'N' ? '3' : *at);
        cr_expect(close_to(interpret(finish, op, (const double[]){0, 0, 0, total}, NULL), wanted[i].value), "%s", op->name);
    }
}

/* ---- the table ---- */

Test(graph_operators, every_entry_is_complete_and_found)
{
    for (int i = 0; i < operator_count(); i++) {
        const graph_operator *op = operator_at(i);
        cr_assert_eq(operator_find(NULL, op->domain, op->name), op, "%s is there twice", op->name);
        cr_assert_not_null(op->infer, "%s", op->name);
        cr_assert(op->since >= 1 && op->since <= GRAPH_OPSET_NEWEST, "%s", op->name);
        cr_assert(op->max_inputs < 0 || op->max_inputs >= op->min_inputs, "%s", op->name);
        cr_assert((op->kind != OPERATOR_POINTWISE) == (op->expression == NULL), "%s", op->name);
        cr_assert((op->kind != OPERATOR_REDUCTION) == (op->reduce_combine == NULL), "%s", op->name);
        cr_assert(op->kind != OPERATOR_COMPOSITE || op->lower != NULL, "%s", op->name);
        cr_assert(op->kind != OPERATOR_HOST || op->fold != NULL, "%s", op->name);
    }
    cr_assert_null(operator_at(operator_count()));
    cr_assert_null(operator_find(NULL, "", "Nothing"));
    cr_assert_null(operator_find(NULL, "com.other", "Relu"));
    cr_assert_eq(operator_find(NULL, "ai.onnx", "Relu"), operator_find(NULL, "", "Relu"));
}

Test(graph_operators, the_operators_of_the_first_release_are_all_there)
{
    static const char names[] = "Gemm MatMul Conv ConvTranspose MaxPool AveragePool GlobalMaxPool GlobalAveragePool "
                                "BatchNormalization LayerNormalization "
                                "GroupNormalization InstanceNormalization Softmax LogSoftmax SoftmaxCrossEntropyLoss "
                                "NegativeLogLikelihoodLoss Abs Acos Acosh Add "
                                "And Asin Asinh Atan Atanh Ceil Celu Clip Cos Cosh Div Elu Equal Erf Exp Floor Gelu Greater "
                                "GreaterOrEqual HardSigmoid HardSwish "
                                "IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow "
                                "Reciprocal Relu Round Selu Shrink "
                                "Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Sum Tan Tanh ThresholdedRelu Where Xor Cast "
                                "CastLike Dropout Reshape Flatten "
                                "Squeeze Unsqueeze Transpose Concat Split Slice Pad Expand Tile Gather GatherElements "
                                "ScatterElements DepthToSpace SpaceToDepth "
                                "ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum "
                                "ReduceLogSumExp ReduceSumSquare ArgMax ArgMin "
                                "Shape Size Constant ConstantOfShape Range Identity Trilu";
    char copy[sizeof(names)], *rest;
    memcpy(copy, names, sizeof(names));
    for (char *name = strtok_r(copy, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest))
        cr_expect_not_null(operator_find(NULL, "", name), "%s", name);
}

/* ---- attributes reach the evaluation ---- */

Test(graph_operators, attributes_replace_the_defaults)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const float data[] = {-2};
    const graph_type type = graph_case_type(SOCLE_FLOAT32, SHAPE(1));
    const value_id x = graph_add_constant(c->graph, NULL, &type, data, true);
    const value_id leaky = graph_case_node(c, "LeakyRelu", &x, 1, ATTRIBUTES(ATTRIBUTE_FLOAT("alpha", 0.25)));
    const value_id hard = graph_case_node(c, "HardSigmoid", &x, 1, ATTRIBUTES(ATTRIBUTE_FLOAT("beta", 0.75)));
    const value_id shrink =
        graph_case_node(c, "Shrink", &x, 1, ATTRIBUTES(ATTRIBUTE_FLOAT("lambd", 1), ATTRIBUTE_FLOAT("bias", 0.5)));
    cr_assert_eq(graph_fold(c->graph), SOCLE_OK);
    cr_assert_float_eq(*(const float *)c->graph->values[leaky].data, -0.5f, 1e-6);
    cr_assert_float_eq(*(const float *)c->graph->values[hard].data, 0.35f, 1e-6);
    cr_assert_float_eq(*(const float *)c->graph->values[shrink].data, -1.5f, 1e-6);
    graph_case_finish(c);
}
