/* Pointwise operators: each result from the inputs' elements at the same, broadcast, place. */
#include "evaluate.h"

#include <math.h>
#include <string.h>

typedef struct point {
    const double *x; /* the inputs' elements */
    int count;
    const graph_node *node;
    bool integer; /* the inputs' type */
    int64_t index;
} point;

#define X (p->x[0])
#define Y (p->x[1])
#define ATTRIBUTE(name, absent) node_float(p->node, name, absent)
#define RULE(name, value)                                                                                                        \
    static double rule_##name(const point *p)                                                                                    \
    {                                                                                                                            \
        return value;                                                                                                            \
    }

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double modulo(const point *p)
{
    if (p->integer && Y == 0)
        return 0;
    const double rest = fmod(X, Y);
    if (node_int(p->node, "fmod", 0) != 0 || !p->integer)
        return rest;
    return rest != 0 && (rest < 0) != (Y < 0) ? rest + Y : rest;
}

static double divide(const point *p)
{
    if (!p->integer)
        return X / Y;
    return Y == 0 ? 0 : trunc(X / Y);
}

static double largest(const point *p, double sign)
{
    double best = X;
    for (int i = 1; i < p->count; i++) {
        if (isnan(best) || isnan(p->x[i]))
            return NAN;
        if (sign * p->x[i] > sign * best)
            best = p->x[i];
    }
    return best;
}

static double sum(const point *p)
{
    double total = 0;
    for (int i = 0; i < p->count; i++)
        total += p->x[i];
    return total;
}

static double clip(const point *p)
{
    double x = X;
    if (p->count > 1 && !isnan(p->x[1]) && x < p->x[1])
        x = p->x[1];
    if (p->count > 2 && !isnan(p->x[2]) && x > p->x[2])
        x = p->x[2];
    return x;
}

static double unit_clamp(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

static double gelu_tanh(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static double gelu_erf(double x)
{
    return 0.5 * x * (1 + erf(x / sqrt(2)));
}

static double gelu(const point *p)
{
    return strcmp(node_string(p->node, "approximate", "none"), "tanh") == 0 ? gelu_tanh(X) : gelu_erf(X);
}

/* "lowbias32" of Wellons over the index, with a key from seed and salt: the definition that the kernels follow, in float32 as
 * there. */
static double evaluate_dropout(uint32_t seed, uint32_t salt, uint32_t index, double ratio)
{
    uint32_t key = seed * 0x9e3779b9u + salt * 0x85ebca6bu;
    key = (key ^ (key >> 16)) * 0x7feb352du;
    uint32_t x = index ^ key ^ (key >> 15);
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    x ^= x >> 16;
    return (float)(x >> 8) * 0x1p-24f < (float)ratio ? 0 : 1.0f / (1.0f - (float)ratio);
}

static double dropout_mask(const point *p)
{
    const double ratio = ATTRIBUTE("ratio", 0.5);
    const graph_attribute *salt = node_attribute(p->node, "salt");
    const uint32_t s = salt == NULL ? 0 : salt->kind == SOCLE_ATTRIBUTE_INT ? (uint32_t)salt->i : (uint32_t)salt->f;
    return evaluate_dropout((uint32_t)(int32_t)X, s, (uint32_t)p->index, ratio);
}

RULE(add, X + Y)
RULE(sub, X - Y)
RULE(mul, X *Y)
RULE(div, divide(p))
RULE(mod, modulo(p))
RULE(pow, pow(X, Y))
RULE(max, largest(p, 1))
RULE(min, largest(p, -1))
RULE(sum, sum(p))
RULE(mean, sum(p) / p->count)
RULE(abs, fabs(X))
RULE(neg, -X)
RULE(sign, (X > 0) - (X < 0))
RULE(reciprocal, 1 / X)
RULE(sqrt, sqrt(X))
RULE(ceil, ceil(X))
RULE(floor, floor(X))
RULE(round, nearbyint(X))
RULE(clip, clip(p))
RULE(exp, exp(X))
RULE(log, log(X))
RULE(erf, erf(X))
RULE(sin, sin(X))
RULE(cos, cos(X))
RULE(tan, tan(X))
RULE(asin, asin(X))
RULE(acos, acos(X))
RULE(atan, atan(X))
RULE(sinh, sinh(X))
RULE(cosh, cosh(X))
RULE(asinh, asinh(X))
RULE(acosh, acosh(X))
RULE(atanh, atanh(X))
RULE(relu, X > 0 || isnan(X) ? X : 0)
RULE(sigmoid, 1 / (1 + exp(-X)))
RULE(tanh, tanh(X))
RULE(leaky_relu, X < 0 ? ATTRIBUTE("alpha", 0.01) * X : X)
RULE(prelu, X < 0 ? Y * X : X)
RULE(elu, X < 0 ? ATTRIBUTE("alpha", 1) * (exp(X) - 1) : X)
RULE(celu, fmax(X, 0) + fmin(0, ATTRIBUTE("alpha", 1) * (exp(X / ATTRIBUTE("alpha", 1)) - 1)))
RULE(selu,
     ATTRIBUTE("gamma", 1.05070102214813232421875) * (X > 0 ? X : ATTRIBUTE("alpha", 1.67326319217681884765625) * (exp(X) - 1)))
RULE(hard_sigmoid, unit_clamp(ATTRIBUTE("alpha", 0.2) * X + ATTRIBUTE("beta", 0.5)))
RULE(hard_swish, X *unit_clamp(X / 6 + 0.5))
RULE(mish, X *tanh(softplus(X)))
RULE(softplus, softplus(X))
RULE(softsign, X / (1 + fabs(X)))
RULE(shrink, X<-ATTRIBUTE("lambd", 0.5) ? X + ATTRIBUTE("bias", 0) : X> ATTRIBUTE("lambd", 0.5) ? X - ATTRIBUTE("bias", 0) : 0)
RULE(thresholded_relu, X > ATTRIBUTE("alpha", 1) ? X : 0)
RULE(equal, X == Y)
RULE(greater, X > Y)
RULE(greater_or_equal, X >= Y)
RULE(less, X < Y)
RULE(less_or_equal, X <= Y)
RULE(and, X != 0 && Y != 0)
RULE(or, X != 0 || Y != 0)
RULE(xor, (X != 0) != (Y != 0))
RULE(not, X == 0)
RULE(is_inf, (X == INFINITY && node_int(p->node, "detect_positive", 1) != 0) ||
                 (X == -INFINITY && node_int(p->node, "detect_negative", 1) != 0))
RULE(is_nan, isnan(X))
RULE(where, X != 0 ? Y : p->x[2])
RULE(where_positive, Y > 0 ? X : 0)
RULE(subtract_product, X - Y * p->x[2])
RULE(same, X)
RULE(gelu, gelu(p))
RULE(gelu_erf, gelu_erf(X))
RULE(gelu_tanh, gelu_tanh(X))
RULE(dropout_mask, dropout_mask(p))

static const struct {
    const char *name;
    double (*rule)(const point *p);
} rules[] = {
    {"Add", rule_add},
    {"Sub", rule_sub},
    {"Mul", rule_mul},
    {"Div", rule_div},
    {"Mod", rule_mod},
    {"Pow", rule_pow},
    {"Max", rule_max},
    {"Min", rule_min},
    {"Sum", rule_sum},
    {"Mean", rule_mean},
    {"Abs", rule_abs},
    {"Neg", rule_neg},
    {"Sign", rule_sign},
    {"Reciprocal", rule_reciprocal},
    {"Sqrt", rule_sqrt},
    {"Ceil", rule_ceil},
    {"Floor", rule_floor},
    {"Round", rule_round},
    {"Clip", rule_clip},
    {"Exp", rule_exp},
    {"Log", rule_log},
    {"Erf", rule_erf},
    {"Sin", rule_sin},
    {"Cos", rule_cos},
    {"Tan", rule_tan},
    {"Asin", rule_asin},
    {"Acos", rule_acos},
    {"Atan", rule_atan},
    {"Sinh", rule_sinh},
    {"Cosh", rule_cosh},
    {"Asinh", rule_asinh},
    {"Acosh", rule_acosh},
    {"Atanh", rule_atanh},
    {"Relu", rule_relu},
    {"Sigmoid", rule_sigmoid},
    {"Tanh", rule_tanh},
    {"LeakyRelu", rule_leaky_relu},
    {"PRelu", rule_prelu},
    {"Elu", rule_elu},
    {"Celu", rule_celu},
    {"Selu", rule_selu},
    {"HardSigmoid", rule_hard_sigmoid},
    {"HardSwish", rule_hard_swish},
    {"Mish", rule_mish},
    {"Softplus", rule_softplus},
    {"Softsign", rule_softsign},
    {"Shrink", rule_shrink},
    {"ThresholdedRelu", rule_thresholded_relu},
    {"Equal", rule_equal},
    {"Greater", rule_greater},
    {"GreaterOrEqual", rule_greater_or_equal},
    {"Less", rule_less},
    {"LessOrEqual", rule_less_or_equal},
    {"And", rule_and},
    {"Or", rule_or},
    {"Xor", rule_xor},
    {"Not", rule_not},
    {"IsInf", rule_is_inf},
    {"IsNaN", rule_is_nan},
    {"Where", rule_where},
    {"WherePositive", rule_where_positive},
    {"SubtractProduct", rule_subtract_product},
    {"RoundSmall", rule_round},
    {"Cast", rule_same},
    {"CastLike", rule_same},
    {"Gelu", rule_gelu},
    {"GeluErf", rule_gelu_erf},
    {"GeluTanh", rule_gelu_tanh},
    {"DropoutMask", rule_dropout_mask},
};

static bool is_integer(socle_dtype dtype)
{
    return dtype == SOCLE_INT8 || dtype == SOCLE_INT16 || dtype == SOCLE_INT32 || dtype == SOCLE_INT64 || dtype == SOCLE_UINT8;
}

static double wrap(double value, int bits, bool is_signed)
{
    const double range = ldexp(1, bits);
    value = value - floor(value / range) * range;
    return is_signed && value >= range / 2 ? value - range : value;
}

/* The element as its type holds it: integers wrap, floats become integers towards zero, narrow floats are rounded. float32 is
 * not: this is the reference of float32 arithmetic. */
static double stored(socle_dtype dtype, double value)
{
    switch (dtype) {
    case SOCLE_BOOL:
        return value != 0;
    case SOCLE_INT8:
        return wrap(trunc(value), 8, true);
    case SOCLE_UINT8:
        return wrap(trunc(value), 8, false);
    case SOCLE_INT16:
        return wrap(trunc(value), 16, true);
    case SOCLE_INT32:
        return wrap(trunc(value), 32, true);
    case SOCLE_INT64:
        return trunc(value);
    case SOCLE_FLOAT16:
        return half_to_float(float_to_half((float)value));
    case SOCLE_BFLOAT16:
        return bfloat16_to_float(float_to_bfloat16((float)value));
    default:
        return value;
    }
}

bool evaluate_pointwise(operation *o)
{
    double (*rule)(const point *p) = NULL;
    for (size_t i = 0; i < COUNT_OF(rules) && rule == NULL; i++)
        if (evaluate_is(o, rules[i].name))
            rule = rules[i].rule;
    if (rule == NULL)
        return false;
    double elements[EVALUATE_MAX_OPERANDS];
    const bool casts = evaluate_is(o, "CastLike");
    const int count = casts ? 1 : o->in_count;
    const bool integer = is_integer(o->in[0].dtype);
    operand *out = &o->out[0];
    for (int64_t i = 0; i < out->count; i++) {
        int64_t at[SOCLE_MAX_RANK];
        evaluate_coordinates(out, i, at);
        for (int k = 0; k < count; k++)
            elements[k] = o->in[k].data == NULL ? NAN : o->in[k].data[evaluate_broadcast_offset(&o->in[k], at, out->rank)];
        const point p = {elements, count, o->node, integer, i};
        out->data[i] = stored(out->dtype, rule(&p));
    }
    return true;
}
