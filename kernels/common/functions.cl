/* Elementary functions of float for LANES lanes (1: a number): without branches, and a fraction of the instructions that drivers' own take.
 * Generated kernels put this text in front of themselves for each number of lanes; others include it, behind a LANES of their own. A NaN
 * stays one. */
#ifndef LANES
#define LANES 16
#endif
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAMED(name) JOIN(name##_, LANES)
#if LANES == 1
#define FLOATS float
#define AS_FLOATS as_float
#define AS_INTS as_int
#else
#define FLOATS JOIN(float, LANES)
#define AS_FLOATS JOIN(as_float, LANES)
#define AS_INTS JOIN(as_int, LANES)
#endif
#define ALL(number) ((FLOATS)(number))

/* clamp() would take a number for a NaN. */
static inline FLOATS NAMED(bounded)(FLOATS x, float low, float high)
{
    x = x < ALL(low) ? ALL(low) : x;
    return x > ALL(high) ? ALL(high) : x;
}

/* exp(x) within 2.2 units in the last place; what is below 1.7e-38 is 0. exp(x) = 2^k exp(r), |r| <= log(2) / 2: k lies in the last bits
 * of a sum with 1.5 * 2^23 + 126, which are 2^(k - 1) as the exponent of a float; the polynomial is 2 exp(r), so that a result next to
 * the largest float does not overflow on the way. log(2) in two parts: Cody and Waite, "Software Manual for the Elementary Functions",
 * 1980. */
static inline FLOATS NAMED(exponential)(FLOATS x)
{
    x = NAMED(bounded)(x, -87.6f, 89.0f);
    const FLOATS shifted = fma(x, ALL(1.44269504f), ALL(12583038.0f)), k = shifted - ALL(12583038.0f);
    const FLOATS r = fma(k, ALL(2.12194440e-4f), fma(k, ALL(-0.693359375f), x));
    FLOATS p = fma(r, ALL(1.6625045e-2f), ALL(8.3780320e-2f));
    p = fma(p, r, ALL(0.33334228f));
    p = fma(p, r, ALL(0.9999846f));
    p = fma(p, r, ALL(2.0f));
    p = fma(p, r, ALL(2.0f));
    return p * AS_FLOATS(AS_INTS(shifted) << 23);
}

/* tanh(x) within 3.2e-7 of its value (6 units in the last place), never beyond 1: a quotient of polynomials in x * x, whose relative error
 * on 0..9, where float's tanh becomes 1, was made small by least squares with the weights of Lawson. */
static inline FLOATS NAMED(hyperbolic_tangent)(FLOATS x)
{
    const FLOATS t = NAMED(bounded)(x, -9.02f, 9.02f), s = t * t;
    FLOATS p = fma(s, ALL(1.3319072e-8f), ALL(2.0583482e-5f)), q = fma(s, ALL(7.7620194e-7f), ALL(3.2830928e-4f));
    p = fma(p, s, ALL(3.4940345e-3f));
    q = fma(q, s, ALL(2.5871074e-2f));
    p = fma(p, s, ALL(0.13379718f));
    q = fma(q, s, ALL(0.46713033f));
    p = fma(p, s, ALL(1.0f));
    q = fma(q, s, ALL(1.0f));
    return NAMED(bounded)(t * p / q, -1.0f, 1.0f);
}

/* erf(x) within 3.9e-7 of its value (6 units in the last place), never beyond 1: in the same way, on 0..3.93. */
static inline FLOATS NAMED(error_function)(FLOATS x)
{
    const FLOATS t = NAMED(bounded)(x, -3.93f, 3.93f), s = t * t;
    FLOATS p = fma(s, ALL(1.9815355e-8f), ALL(-1.955378e-6f)), q = fma(s, ALL(9.639007e-4f), ALL(1.4426853e-2f));
    p = fma(p, s, ALL(1.4249333e-4f));
    q = fma(q, s, ALL(0.11536149f));
    p = fma(p, s, ALL(3.7367563e-3f));
    q = fma(q, s, ALL(0.51129085f));
    p = fma(p, s, ALL(5.068911e-2f));
    q = fma(q, s, ALL(1.0f));
    p = fma(p, s, ALL(0.2008055f));
    p = fma(p, s, ALL(1.1283791f));
    return NAMED(bounded)(t * p / q, -1.0f, 1.0f);
}
#undef LANES
#undef JOIN_
#undef JOIN
#undef NAMED
#undef FLOATS
#undef AS_FLOATS
#undef AS_INTS
#undef ALL
