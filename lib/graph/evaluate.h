/* Pointwise operators on the host, for constant folding and as the reference of their OpenCL expressions: A, B, C are the inputs
 * of one element, P(i) is the operator's i-th float attribute. */
#ifndef SOCLE_LIB_GRAPH_EVALUATE_H
#define SOCLE_LIB_GRAPH_EVALUATE_H

#include <stdint.h>

/* X(name, value in float64) */
#define EVALUATE_REAL_LIST(X)                                                                                                    \
    X(abs, fabs(A))                                                                                                              \
    X(acos, acos(A))                                                                                                             \
    X(acosh, acosh(A))                                                                                                           \
    X(add, A + B)                                                                                                                \
    X(asin, asin(A))                                                                                                             \
    X(asinh, asinh(A))                                                                                                           \
    X(atan, atan(A))                                                                                                             \
    X(atanh, atanh(A))                                                                                                           \
    X(ceil, ceil(A))                                                                                                             \
    X(celu, A < 0 ? P(0) * expm1(A / P(0)) : A)                                                                                  \
    X(clip, A > C ? C : (A < B ? (B > C ? C : B) : A))                                                                           \
    X(cos, cos(A))                                                                                                               \
    X(cosh, cosh(A))                                                                                                             \
    X(div, A / B)                                                                                                                \
    X(elu, A < 0 ? P(0) * expm1(A) : A)                                                                                          \
    X(equal, A == B)                                                                                                             \
    X(erf, erf(A))                                                                                                               \
    X(exp, exp(A))                                                                                                               \
    X(floor, floor(A))                                                                                                           \
    X(gelu_erf, 0.5 * A * (1 + erf(A * M_SQRT1_2)))                                                                              \
    X(gelu_tanh, 0.5 * A * (1 + tanh(M_2_SQRTPI * M_SQRT1_2 * A * (1 + 0.044715 * A * A))))                                      \
    X(greater, A > B)                                                                                                            \
    X(greater_or_equal, A >= B)                                                                                                  \
    X(hard_sigmoid, clamp_unit(P(0) * A + P(1)))                                                                                 \
    X(hard_swish, A *clamp_unit(A / 6 + 0.5))                                                                                    \
    X(is_inf, (P(1) != 0 && A == INFINITY) || (P(0) != 0 && A == -INFINITY))                                                     \
    X(is_nan, isnan(A))                                                                                                          \
    X(leaky_relu, A < 0 ? P(0) * A : A)                                                                                          \
    X(less, A < B)                                                                                                               \
    X(less_or_equal, A <= B)                                                                                                     \
    X(log, log(A))                                                                                                               \
    X(max, isnan(A) || A > B ? A : B)                                                                                            \
    X(min, isnan(A) || A < B ? A : B)                                                                                            \
    X(mish, A *tanh(softplus(A)))                                                                                                \
    X(mod, fmod(A, B))                                                                                                           \
    X(mul, A *B)                                                                                                                 \
    X(neg, -A)                                                                                                                   \
    X(pow, pow(A, B))                                                                                                            \
    X(prelu, A < 0 ? A * B : A)                                                                                                  \
    X(reciprocal, 1 / A)                                                                                                         \
    X(relu, A < 0 ? 0 : A)                                                                                                       \
    X(round, nearbyint(A))                                                                                                       \
    X(selu, P(1) * (A < 0 ? P(0) * expm1(A) : A))                                                                                \
    X(shrink, A < -P(1) ? A + P(0) : (A > P(1) ? A - P(0) : 0))                                                                  \
    X(sigmoid, 1 / (1 + exp(-A)))                                                                                                \
    X(sign, A > 0 ? 1 : (A < 0 ? -1 : A))                                                                                        \
    X(sin, sin(A))                                                                                                               \
    X(sinh, sinh(A))                                                                                                             \
    X(softplus, softplus(A))                                                                                                     \
    X(softsign, A / (1 + fabs(A)))                                                                                               \
    X(sqrt, sqrt(A))                                                                                                             \
    X(sub, A - B)                                                                                                                \
    X(tan, tan(A))                                                                                                               \
    X(tanh, tanh(A))                                                                                                             \
    X(thresholded_relu, A > P(0) ? A : 0)                                                                                        \
    X(where, A != 0 ? B : C)                                                                                                     \
    X(where_positive, B > 0 ? A : 0)

/* X(name, value in int64); overflow wraps as on devices, a division by zero gives 0 */
#define EVALUATE_INTEGER_LIST(X)                                                                                                 \
    X(abs, A < 0 ? wrap_sub(0, A) : A)                                                                                           \
    X(add, wrap_add(A, B))                                                                                                       \
    X(and, A != 0 && B != 0)                                                                                                     \
    X(clip, A > C ? C : (A < B ? (B > C ? C : B) : A))                                                                           \
    X(div, divide(A, B))                                                                                                         \
    X(equal, A == B)                                                                                                             \
    X(greater, A > B)                                                                                                            \
    X(greater_or_equal, A >= B)                                                                                                  \
    X(less, A < B)                                                                                                               \
    X(less_or_equal, A <= B)                                                                                                     \
    X(max, A > B ? A : B)                                                                                                        \
    X(min, A < B ? A : B)                                                                                                        \
    X(mod, P(0) != 0 ? remainder_of(A, B) : floor_modulo(A, B))                                                                  \
    X(mul, wrap_mul(A, B))                                                                                                       \
    X(neg, wrap_sub(0, A))                                                                                                       \
    X(not, A == 0)                                                                                                               \
    X(or, A != 0 || B != 0)                                                                                                      \
    X(pow, power(A, B))                                                                                                          \
    X(prelu, A < 0 ? wrap_mul(A, B) : A)                                                                                         \
    X(relu, A < 0 ? 0 : A)                                                                                                       \
    X(sign, (A > 0) - (A < 0))                                                                                                   \
    X(subtract_product, wrap_sub(A, wrap_mul(B, C)))                                                                             \
    X(sub, wrap_sub(A, B))                                                                                                       \
    X(where, A != 0 ? B : C)                                                                                                     \
    X(xor, (A != 0) != (B != 0))

#define EVALUATE_DECLARE_REAL(name, value) double evaluate_##name(const double *inputs, const double *attributes);
#define EVALUATE_DECLARE_INTEGER(name, value) int64_t evaluate_integer_##name(const int64_t *inputs, const double *attributes);
EVALUATE_REAL_LIST(EVALUATE_DECLARE_REAL)
EVALUATE_INTEGER_LIST(EVALUATE_DECLARE_INTEGER)

#endif
