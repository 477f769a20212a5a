/* Squares of n vectors of n lanes are turned in registers: log2(n) rounds of interleaving pairs of vectors that lie half a square
 * apart. V is the vectors' type, for which TURN_FUNCTIONS has to stand in front. */
#ifndef UNROLL
#define UNROLL _Pragma("unroll")
#endif
#define INTERLEAVE(V, name, half)                                                                                       \
    static inline V name(V x, V y)                                                                                      \
    {                                                                                                                   \
        V r;                                                                                                            \
        r.even = x.half;                                                                                                \
        r.odd = y.half;                                                                                                 \
        return r;                                                                                                       \
    }
#define TURN_FUNCTIONS(V)                                                                                               \
    INTERLEAVE(V, interleave_low_##V, lo)                                                                               \
    INTERLEAVE(V, interleave_high_##V, hi)

#define TURN_ROUND(V, n, from, to)                                                                                      \
    UNROLL for (int i = 0; i < (n) / 2; i++) {                                                                          \
        to[2 * i] = interleave_low_##V(from[i], from[i + (n) / 2]);                                                     \
        to[2 * i + 1] = interleave_high_##V(from[i], from[i + (n) / 2]);                                                \
    }

/* In place; `other` is an array of as many vectors. */
#define TURN_SQUARE4(V, square, other)                                                                                  \
    TURN_ROUND(V, 4, square, other)                                                                                     \
    TURN_ROUND(V, 4, other, square)
#define TURN_SQUARE8(V, square, other)                                                                                  \
    TURN_ROUND(V, 8, square, other)                                                                                     \
    TURN_ROUND(V, 8, other, square)                                                                                     \
    TURN_ROUND(V, 8, square, other)                                                                                     \
    UNROLL for (int i = 0; i < 8; i++)                                                                                  \
        square[i] = other[i];
#define TURN_SQUARE16(V, square, other)                                                                                 \
    TURN_ROUND(V, 16, square, other)                                                                                    \
    TURN_ROUND(V, 16, other, square)                                                                                    \
    TURN_ROUND(V, 16, square, other)                                                                                    \
    TURN_ROUND(V, 16, other, square)
