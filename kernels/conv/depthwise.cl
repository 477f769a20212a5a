/* Depthwise convolution for CPUs in blocks of 16 channels (conv/blocked.cl): every channel has a filter of its own, so that the
 * lanes of a vector never meet. A group computes ROWS rows of one block of channels of one image; a register tile holds TILE
 * neighbouring pixels. Rows and columns outside of the image are passed over; tiles away from the edges know at compile time that
 * they need not look. */
#include "conv/common.cl"

#ifndef GROUPS
#define GROUPS 32
#endif
#include "conv/taps.cl"

#ifndef TILE
#define TILE 7
#endif
#ifndef ROWS
#define ROWS 4
#endif

#define BLOCKS (GROUPS / 16)
#define TAPS (KH * KW)
#define READ ((TILE - 1) * SW + (KW - 1) * RW + 1) /* columns that a tile reads */

/* [BLOCKS][TAPS][16] from [GROUPS][1][KH][KW]; items: blocks. */
__kernel void depthwise_weights(__global const element *restrict w, __global real *restrict packed)
{
    const int block = (int)get_global_id(0);
    for (int tap = 0; tap < TAPS; tap++)
        for (int i = 0; i < 16; i++)
            packed[(block * TAPS + tap) * 16 + i] = LOAD1(w + (block * 16 + i) * TAPS + tap);
}

/* Adds a row of taps: `from` is the row's pixel under the tile's first tap, x0 its column. */
#define ADD_TAPS(PIXEL)                                                                                                       \
    {                                                                                                                         \
        real16 pixels[READ];                                                                                                  \
        UNROLL for (int c = 0; c < READ; c++) pixels[c] = PIXEL;                                                              \
        UNROLL for (int kw = 0; kw < KW; kw++) UNROLL for (int i = 0; i < TILE; i++) acc[i] =                                 \
            fma(pixels[i * SW + kw * RW], weights[kw], acc[i]);                                                               \
    }

/* Groups of work: (row blocks, BLOCKS, batch). */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void conv_depthwise(__global const element *restrict x, __global const real *restrict packed,
                             __global element *restrict y EPILOGUE_PARAMS)
{
    const int block = (int)get_group_id(1), n = (int)get_group_id(2), y0 = (int)get_group_id(0) * ROWS;
    __global const element *image = x + ((size_t)n * BLOCKS + block) * (FROM_H * FROM_W * 16);
    const size_t plane = ((size_t)n * BLOCKS + block) * (TO_H * TO_W * 16);
    for (int oh = y0; oh < min(y0 + ROWS, TO_H); oh++)
        for (int p = 0; p < TO_W; p += TILE) {
            const int x0 = p * SW - PW;
            real16 acc[TILE];
            UNROLL for (int i = 0; i < TILE; i++)
                acc[i] = (real16)(0);
            for (int kh = 0; kh < KH; kh++) {
                const int h = oh * SH + kh * RH - PH;
                if (h < 0 || h >= FROM_H)
                    continue;
                __global const element *from = image + ((long)h * FROM_W + x0) * 16;
                real16 weights[KW];
                UNROLL for (int kw = 0; kw < KW; kw++)
                    weights[kw] = vload16(0, packed + (block * TAPS + kh * KW + kw) * 16);
                if (x0 >= 0 && x0 + READ <= FROM_W)
                    ADD_TAPS(LOADV(from + c * 16))
                else
                    ADD_TAPS((x0 + c >= 0 && x0 + c < FROM_W ? LOADV(from + c * 16) : (real16)(0)))
            }
            UNROLL for (int i = 0; i < TILE; i++)
                if (p + i < TO_W) {
                    const size_t at = plane + (size_t)(oh * TO_W + p + i) * 16;
                    STOREV(EPILOGUE16(acc[i], at, block * 16), y + at);
                }
        }
}
