/* The one-dimensional transforms of F(F, 3): B^T of pixels, G of weights, A^T of sums, on vectors or, with LANES, on something
 * else; d(i) reads element i, o(i) is where result i goes. Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
 * 2016, section 4; points 0, 1, -1, 2, -2, 1/2, -1/2. The rows of G are scaled so that few of its operations multiply, which units
 * that are busy with products would have to do; A^T makes up for that.
 *
 * Tiles of fewer results take part in fewer points: F(n, 3) needs points 0 to n and the last one, at infinity, of those of F(F, 3), and
 * weights at a point are the same in all of them. _n: of n results. */
#include "common/storage.cl"

#ifndef LANES
#define LANES realv
#endif
#ifndef F
#define F 4
#endif
#define A (F + 2)
#define INPUT_TRANSFORM_2(d, o)                                                                                               \
    {                                                                                                                         \
        o(0) = d(0) - d(2);                                                                                                   \
        o(1) = d(1) + d(2);                                                                                                   \
        o(2) = d(2) - d(1);                                                                                                   \
        o(A - 1) = d(1) - d(3);                                                                                               \
    }
#define OUTPUT_TRANSFORM_2(d, o)                                                                                              \
    {                                                                                                                         \
        const LANES sum = d(1) + d(2), difference = d(1) - d(2);                                                              \
        o(0) = fma(sum, (LANES)(0.5f), d(0));                                                                                 \
        o(1) = fma(difference, (LANES)(0.5f), -d(A - 1));                                                                     \
    }
#if F >= 4
#define INPUT_TRANSFORM_3(d, o)                                                                                               \
    {                                                                                                                         \
        const LANES d1 = d(1), d2 = d(2), d3 = d(3), a = d3 - d1;                                                             \
        o(0) = fma(d(0) - d2, (LANES)(2.f), a);                                                                               \
        o(1) = fma(d1, (LANES)(2.f), d2 - d3);                                                                                \
        o(2) = fma(d2, (LANES)(3.f), fma(d1, (LANES)(-2.f), -d3));                                                            \
        o(3) = a;                                                                                                             \
        o(A - 1) = fma(a, (LANES)(-2.f), d(4) - d2);                                                                          \
    }
#define OUTPUT_TRANSFORM_3(d, o)                                                                                              \
    {                                                                                                                         \
        const LANES s1 = d(1) * 0.5f, t1 = d(2) * (1.f / 6), s2 = d(3);                                                       \
        o(0) = fma(d(0), (LANES)(0.5f), fma(s2, (LANES)(1.f / 6), s1 + t1));                                                  \
        o(1) = fma(s2, (LANES)(1.f / 3), s1 - t1);                                                                            \
        o(2) = fma(s2, (LANES)(2.f / 3), s1 + t1) + d(A - 1);                                                                 \
    }
#define INPUT_TRANSFORM_4(d, o)                                                                                               \
    {                                                                                                                         \
        const LANES d0 = d(0), d1 = d(1), d2 = d(2), d3 = d(3), d4 = d(4), d5 = d(5);                                         \
        const LANES a = fma(d2, (LANES)(-4.f), d4), b = fma(d1, (LANES)(-4.f), d3), e = d4 - d2, f = d3 - d1;                 \
        o(0) = fma(d0, (LANES)(4.f), fma(d2, (LANES)(-5.f), d4));                                                             \
        o(1) = a + b;                                                                                                         \
        o(2) = a - b;                                                                                                         \
        o(3) = fma(f, (LANES)(2.f), e);                                                                                       \
        o(4) = fma(f, (LANES)(-2.f), e);                                                                                      \
        o(A - 1) = fma(d1, (LANES)(4.f), fma(d3, (LANES)(-5.f), d5));                                                         \
    }
#define OUTPUT_TRANSFORM_4(d, o)                                                                                              \
    {                                                                                                                         \
        const LANES s1 = (d(1) + d(2)) * (-1.f / 6), t1 = (d(1) - d(2)) * (-1.f / 6), s2 = d(3) + d(4), t2 = d(3) - d(4);     \
        o(0) = fma(d(0), (LANES)(0.25f), fma(s2, (LANES)(1.f / 24), s1));                                                     \
        o(1) = fma(t2, (LANES)(1.f / 12), t1);                                                                                \
        o(2) = fma(s2, (LANES)(1.f / 6), s1);                                                                                 \
        o(3) = fma(t2, (LANES)(1.f / 3), t1) + d(A - 1);                                                                      \
    }
#endif
#if F >= 6
#define INPUT_TRANSFORM_6(d, o)                                                                                               \
    {                                                                                                                         \
        const LANES d0 = d(0), d1 = d(1), d2 = d(2), d3 = d(3), d4 = d(4), d5 = d(5), d6 = d(6), d7 = d(7);                   \
        LANES a = fma(d4, (LANES)(-4.25f), d2 + d6), b = fma(d3, (LANES)(-4.25f), d1 + d5);                                   \
        o(0) = fma(d4 - d2, (LANES)(5.25f), d0 - d6);                                                                         \
        o(A - 1) = fma(d3 - d5, (LANES)(5.25f), d7 - d1);                                                                     \
        o(1) = a + b;                                                                                                         \
        o(2) = a - b;                                                                                                         \
        a = fma(d2, (LANES)(0.25f), fma(d4, (LANES)(-1.25f), d6));                                                            \
        b = fma(d1, (LANES)(0.5f), fma(d3, (LANES)(-2.5f), d5 * 2.f));                                                        \
        o(3) = a + b;                                                                                                         \
        o(4) = a - b;                                                                                                         \
        a = fma(d2, (LANES)(4.f), fma(d4, (LANES)(-5.f), d6));                                                                \
        b = fma(d1, (LANES)(2.f), fma(d3, (LANES)(-2.5f), d5 * 0.5f));                                                        \
        o(5) = a + b;                                                                                                         \
        o(6) = a - b;                                                                                                         \
    }
#define OUTPUT_TRANSFORM_6(d, o)                                                                                              \
    {                                                                                                                         \
        const LANES s1 = (d(1) + d(2)) * (-2.f / 9), t1 = (d(1) - d(2)) * (-2.f / 9), s2 = d(3) + d(4), t2 = d(3) - d(4);     \
        const LANES s3 = d(5) + d(6), t3 = d(5) - d(6);                                                                       \
        o(0) = fma(s3, (LANES)(8.f / 45), fma(s2, (LANES)(1.f / 90), d(0) + s1));                                             \
        o(1) = fma(t2, (LANES)(1.f / 45), fma(t3, (LANES)(4.f / 45), t1));                                                    \
        o(2) = fma(s2, (LANES)(2.f / 45), fma(s3, (LANES)(2.f / 45), s1));                                                    \
        o(3) = fma(t2, (LANES)(4.f / 45), fma(t3, (LANES)(1.f / 45), t1));                                                    \
        o(4) = fma(s2, (LANES)(8.f / 45), fma(s3, (LANES)(1.f / 90), s1));                                                    \
        o(5) = fma(t2, (LANES)(16.f / 45), fma(t3, (LANES)(1.f / 180), t1)) + d(A - 1);                                       \
    }
#endif

#if F == 2
#define INPUT_TRANSFORM INPUT_TRANSFORM_2
#define OUTPUT_TRANSFORM OUTPUT_TRANSFORM_2
#define WEIGHT_TRANSFORM(d, o)                                                                                                \
    {                                                                                                                         \
        const LANES even = d(0) + d(2), odd = d(1);                                                                           \
        o(0) = d(0);                                                                                                          \
        o(1) = even + odd;                                                                                                    \
        o(2) = even - odd;                                                                                                    \
        o(A - 1) = d(2);                                                                                                      \
    }
#elif F == 4
#define INPUT_TRANSFORM INPUT_TRANSFORM_4
#define OUTPUT_TRANSFORM OUTPUT_TRANSFORM_4
#define WEIGHT_TRANSFORM(d, o)                                                                                                \
    {                                                                                                                         \
        const LANES odd = d(1), twice = odd + odd, even = d(0) + d(2), wide = fma(d(2), (LANES)(4.f), d(0));                  \
        o(0) = d(0);                                                                                                          \
        o(1) = even + odd;                                                                                                    \
        o(2) = even - odd;                                                                                                    \
        o(3) = wide + twice;                                                                                                  \
        o(4) = wide - twice;                                                                                                  \
        o(A - 1) = d(2);                                                                                                      \
    }
#else
#define INPUT_TRANSFORM INPUT_TRANSFORM_6
#define OUTPUT_TRANSFORM OUTPUT_TRANSFORM_6
#define WEIGHT_TRANSFORM(d, o)                                                                                                \
    {                                                                                                                         \
        const LANES odd = d(1), twice = odd + odd, even = d(0) + d(2);                                                        \
        const LANES wide = fma(d(2), (LANES)(4.f), d(0)), near = fma(d(0), (LANES)(4.f), d(2));                               \
        o(0) = d(0);                                                                                                          \
        o(1) = even + odd;                                                                                                    \
        o(2) = even - odd;                                                                                                    \
        o(3) = wide + twice;                                                                                                  \
        o(4) = wide - twice;                                                                                                  \
        o(5) = near + twice;                                                                                                  \
        o(6) = near - twice;                                                                                                  \
        o(A - 1) = d(2);                                                                                                      \
    }
#endif
