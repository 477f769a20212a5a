/* WIDTH rows of `depth` elements (row stride `stride`) become `depth` lines of WIDTH lanes in local memory, `pitch` apart.
 * Squares of WIDTH are turned in registers: log2(WIDTH) rounds of interleaving pairs of rows that lie half a square apart. */
#include "common/storage.cl"
#if WIDTH >= 4
static inline realv interleave_low(realv x, realv y)
{
    realv r;
    r.even = x.lo;
    r.odd = y.lo;
    return r;
}

static inline realv interleave_high(realv x, realv y)
{
    realv r;
    r.even = x.hi;
    r.odd = y.hi;
    return r;
}

#define TURN(from, to)                                                                                                \
    UNROLL for (int i = 0; i < WIDTH / 2; i++) {                                                                      \
        to[2 * i] = interleave_low(from[i], from[i + WIDTH / 2]);                                                     \
        to[2 * i + 1] = interleave_high(from[i], from[i + WIDTH / 2]);                                                \
    }
#endif

static void transpose_panel(__global const element *from, size_t stride, int depth, __local real *to, int pitch)
{
    int k = 0;
#if WIDTH >= 4
    for (; k + WIDTH <= depth; k += WIDTH) {
        realv square[WIDTH], turned[WIDTH];
        UNROLL for (int i = 0; i < WIDTH; i++)
            square[i] = LOADV(from + i * stride + k);
        TURN(square, turned)
        TURN(turned, square)
#if WIDTH >= 8
        TURN(square, turned)
#if WIDTH == 16
        TURN(turned, square)
#else
        UNROLL for (int i = 0; i < WIDTH; i++)
            square[i] = turned[i];
#endif
#endif
        UNROLL for (int i = 0; i < WIDTH; i++)
            VSTORE(square[i], to + (size_t)(k + i) * pitch);
    }
#endif
    for (; k < depth; k++)
        for (int i = 0; i < WIDTH; i++)
            to[(size_t)k * pitch + i] = LOAD1(from + i * stride + k);
}
