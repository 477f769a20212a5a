/* WIDTH rows of `depth` elements (row stride `stride`) become `depth` lines of WIDTH lanes in local memory, `pitch` apart.
 * Squares of WIDTH are turned in registers. */
#include "common/storage.cl"
#include "common/turn.cl"
#if WIDTH >= 4
TURN_FUNCTIONS(realv)
#define TURN(square, other) PASTE(TURN_SQUARE, WIDTH)(realv, square, other)
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
        UNROLL for (int i = 0; i < WIDTH; i++)
            VSTORE(square[i], to + (size_t)(k + i) * pitch);
    }
#endif
    for (; k < depth; k++)
        for (int i = 0; i < WIDTH; i++)
            to[(size_t)k * pitch + i] = LOAD1(from + i * stride + k);
}
