/* The functions of evaluate.h's lists. */
#include "evaluate.h"

#include <math.h>

static double clamp_unit(double x)
{
    return x < 0 ? 0 : (x > 1 ? 1 : x);
}

/* log(1 + exp(x)) without overflow. */
static double softplus(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

static int64_t wrap_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t wrap_sub(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t wrap_mul(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

static int64_t divide(int64_t a, int64_t b)
{
    if (b == 0)
        return 0;
    return b == -1 ? wrap_sub(0, a) : a / b;
}

static int64_t remainder_of(int64_t a, int64_t b)
{
    return b == 0 || b == -1 ? 0 : a % b;
}

/* The result has the sign of the divisor, as in Python. */
static int64_t floor_modulo(int64_t a, int64_t b)
{
    const int64_t r = remainder_of(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static int64_t power(int64_t base, int64_t exponent)
{
    int64_t result = 1;
    if (exponent < 0)
        return base == 1 ? 1 : (base == -1 ? (exponent % 2 != 0 ? -1 : 1) : 0);
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1)
            result = wrap_mul(result, base);
        base = wrap_mul(base, base);
    }
    return result;
}

#define A inputs[0]
#define B inputs[1]
#define C inputs[2]
#define P(i) attributes[i]

#define EVALUATE_DEFINE_REAL(name, value)                                                                                        \
    double evaluate_##name(const double *inputs, const double *attributes)                                                       \
    {                                                                                                                            \
        (void)attributes;                                                                                                        \
        return (value);                                                                                                          \
    }
#define EVALUATE_DEFINE_INTEGER(name, value)                                                                                     \
    int64_t evaluate_integer_##name(const int64_t *inputs, const double *attributes)                                             \
    {                                                                                                                            \
        (void)attributes;                                                                                                        \
        return (value);                                                                                                          \
    }
EVALUATE_REAL_LIST(EVALUATE_DEFINE_REAL)
EVALUATE_INTEGER_LIST(EVALUATE_DEFINE_INTEGER)
