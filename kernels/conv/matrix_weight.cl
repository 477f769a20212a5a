/* The gradient of a convolution's weights by the instructions of common/matrix.cl, as a product whose right matrix is never stored:
 * rows are dy's channels, columns (x's channel, tap), the sum runs over the pixels of the batch, in chunks where there are few
 * weights. An item takes the same four words of pixels for all of its rows and columns in a step, so that where a pixel lies is
 * computed once for them; neighbours take the next four of the line. Where a column reads is kept in local memory for all steps.
 * As conv/implicit_weight.cl, with the tiles of gemm/matrix.cl. Names of the geometry: conv/taps.cl. */
#include "common/matrix_tiles.cl"
#include "conv/gathered.cl"

#define FILTER (FROM_CHANNELS * TAPS)
#define CHUNK ((PIXELS + CHUNKS - 1) / CHUNKS)
#define STEP_PIXELS (TILE_K * NUMBERS)
#define FOURS (TILE_K / 4) /* of a line */
#define APART (ITEMS / FOURS) /* lines, from one load of an item to the next */

#define FETCH                                                                                                                 \
    UNROLL for (int l = 0; l < LOADS_OF(TILE_M); l++)                                                                         \
        UNROLL for (int i = 0; i < 4; i++)                                                                                    \
            next_a[l][i] = 0;                                                                                                 \
    UNROLL for (int l = 0; l < LOADS_OF(TILE_N); l++)                                                                         \
        UNROLL for (int i = 0; i < 4; i++)                                                                                    \
            next_b[l][i] = 0;                                                                                                 \
    UNROLL for (int i = 0; i < 4 * NUMBERS; i++) {                                                                            \
        const int pixel = first + i, n = pixel / TO_IMAGE, p = pixel % TO_IMAGE;                                              \
        const int d = p / (TO_H * TO_W) * SD - PD, h = p / TO_W % TO_H * SH - PH, w = p % TO_W * SW - PW;                     \
        __global const raw *left = dy + ((size_t)n * GROUPS + group) * ((size_t)TO_CHANNELS * TO_IMAGE) + p;                  \
        __global const raw *right = x + ((size_t)n * GROUPS + group) * ((size_t)FROM_CHANNELS * FROM_IMAGE);                  \
        const int at = (d * FROM_H + h) * FROM_W + w;                                                                         \
        const bool is_there = pixel < end;                                                                                    \
        UNROLL for (int l = 0; l < LOADS_OF(TILE_M); l++) {                                                                   \
            const int row = start.y + line + l * APART;                                                                       \
            if (is_there && row < TO_CHANNELS)                                                                                \
                next_a[l][i / NUMBERS] |= (uint)left[row * TO_IMAGE] << SHIFT_OF(i % NUMBERS);                                \
        }                                                                                                                     \
        UNROLL for (int l = 0; l < LOADS_OF(TILE_N); l++) {                                                                   \
            const int4 tap = taps[line + l * APART];                                                                          \
            if (is_there && IS_INSIDE(d + tap.s1, h + tap.s2, w + tap.s3))                                                    \
                next_b[l][i / NUMBERS] |= (uint)right[at + tap.s0] << SHIFT_OF(i % NUMBERS);                                  \
        }                                                                                                                     \
    }                                                                                                                         \
    first += STEP_PIXELS;
#define PLACE_TILE(to, next, tile)                                                                                            \
    UNROLL for (int l = 0; l < LOADS_OF(tile); l++)                                                                           \
        if (tile % APART == 0 || line + l * APART < tile)                                                                     \
            to[(line + l * APART) * (LINE / 4) + item % FOURS] =                                                              \
                WORDS_ALONG((uint4)(next[l][0], next[l][1], next[l][2], next[l][3]));
#define PLACE(side)                                                                                                           \
    PLACE_TILE(tiles_a[side], next_a, TILE_M)                                                                                 \
    PLACE_TILE(tiles_b[side], next_b, TILE_N)

#define STORE_SUM(value, row_, column_)                                                                                       \
    {                                                                                                                         \
        const int row = start.y + (row_), column = start.x + (column_);                                                       \
        if (row < TO_CHANNELS && column < FILTER)                                                                             \
            STORE_RESULT(value, dw + (size_t)(group * TO_CHANNELS + row) * FILTER + column);                                  \
    }

/* Groups of work: (tiles, GROUPS, CHUNKS). dw: [CHUNKS] gradients. */
MATRIX_ATTRIBUTE
__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void conv_weight_matrix(__global const raw *restrict dy, __global const raw *restrict x, __global result *restrict dw)
{
    MATRIX_DECLARE
    __local int4 taps[LOADS_OF(TILE_N) * APART]; /* of a column: its offset, and its (d, h, w), from a pixel's first in a plane */
    const int group = (int)get_group_id(1), chunk = (int)get_group_id(2), line = item / FOURS;
    const int2 start = tile_of_group((int)get_group_id(0), TO_CHANNELS, FILTER) * (int2)(TILE_N, TILE_M);
    const int begin = min(chunk * CHUNK, PIXELS), end = min(begin + CHUNK, PIXELS);
    const int steps = (end - begin + STEP_PIXELS - 1) / STEP_PIXELS;
    uint next_a[LOADS_OF(TILE_M)][4], next_b[LOADS_OF(TILE_N)][4];
    int first = begin + item % FOURS * (4 * NUMBERS);
    for (int i = item; i < LOADS_OF(TILE_N) * APART; i += ITEMS) {
        const int column = start.x + i, tap = column % TAPS;
        const int kd = tap / (KH * KW) * RD, kh = tap / KW % KH * RH, kw = tap % KW * RW;
        taps[i] = (int4)(column / TAPS * FROM_IMAGE + (kd * FROM_H + kh) * FROM_W + kw, kd, kh, column < FILTER ? kw : NOWHERE);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    dw += (size_t)chunk * (GROUPS * TO_CHANNELS * FILTER);
    SUM_OF_STEPS(steps)
    MATRIX_RESULTS(STORE_SUM)
}
