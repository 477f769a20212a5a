/* Convolution of bytes with sums in 32 bits on CPUs whose images lie in blocks of 16 channels, as conv/blocked.cl makes those of
 * numbers: the lanes of a vector are result channels, a pixel's word of four channels is broadcast, and results are written as the
 * next convolution reads them.
 *
 * A group computes ROWS rows of one image for SLICE result channels. The rows that it reads are staged in local memory with their
 * padding, once for all result channels; where nothing is padded and every pixel is read once (1x1 of stride 1), they are read in
 * place. A register tile holds MR pixels x NV vectors of sums. Signs are dealt with as in conv/bytes.cl; sums of each result
 * channel's weights stand behind the packed weights. Names of the geometry: conv/taps.cl. */
#include "common/bytes.cl"
#include "common/epilogue.cl"

#include "conv/taps.cl"
#ifndef ROWS
#define ROWS 1
#endif
#ifndef SLICE
#define SLICE TO_CHANNELS /* result channels of a group, a multiple of NR unless it is all */
#endif
#define TAIL_V (TO_CHANNELS % NR / 16)
#define TAIL_R (TO_W % MR)
#include "conv/blocks.cl"

#define STAGED_H (((ROWS - 1) * SH + (KH - 1) * RH) / APART_H + 1)
#define STAGED_W (((TO_W - 1) * SW + (KW - 1) * RW) / APART_W + 1)
#define WORDS 4 /* of a pixel in a block */
#define FROM_BLOCKS (FROM_CHANNELS / 16)
#define IN_PLACE (!A_SIGNED && TAPS == 1 && SH == 1 && SW == 1 && PH == 0 && PW == 0 && TO_H == FROM_H && TO_W == FROM_W)
#define PLANE (FROM_H * FROM_W * 16)
#define SIGN_BITS (A_SIGNED ? 0x80808080u : 0u)

/* ---- weights ---- */

#define WEIGHT(o, c, tap) (w[((size_t)(o) * FROM_CHANNELS + (c)) * TAPS + (tap)] ^ (B_SIGNED ? 0 : 0x80))

/* [tiles of NR channels][FROM_BLOCKS][KH][KW][WORDS][the tile's channels]; items: (tiles, FROM_BLOCKS). */
__kernel void bytes_blocked_weights(__global const uchar *restrict w, __global uint *restrict packed)
{
    const int o0 = (int)get_global_id(0) * NR, block = (int)get_global_id(1), width = min(NR, TO_CHANNELS - o0);
    __global uint *to = packed + (size_t)o0 * (FROM_CHANNELS / 4 * TAPS) + (size_t)block * (TAPS * WORDS) * width;
    for (int tap = 0; tap < TAPS; tap++)
        for (int c = block * 16; c < block * 16 + 16; c += 4)
            for (int o = o0; o < o0 + width; o++)
                *to++ = (uint)WEIGHT(o, c, tap) | (uint)WEIGHT(o, c + 1, tap) << 8 | (uint)WEIGHT(o, c + 2, tap) << 16 |
                        (uint)WEIGHT(o, c + 3, tap) << 24;
}

/* Sums of each result channel's weights; items: (TO_CHANNELS). */
__kernel void bytes_blocked_sums(__global const uchar *restrict w, __global int *restrict packed, long offset)
{
    const int o = (int)get_global_id(0);
    int sum = 0;
    for (int c = 0; c < FROM_CHANNELS; c++)
        for (int tap = 0; tap < TAPS; tap++)
            sum += (char)WEIGHT(o, c, tap);
    packed[offset + o] = sum;
}

/* ---- staging ---- */

#if IN_PLACE
typedef __global const int *pixel_pointer;
#define ROW_PITCH (FROM_W * WORDS)
#define BLOCK_PITCH (PLANE / 4)
#else
typedef __local const int *pixel_pointer;
#define ROW_PITCH (STAGED_W * WORDS)
#define BLOCK_PITCH (STAGED_H * ROW_PITCH)

/* Rows from y0 on of all blocks, `empty` where they lie outside of the image. */
static void stage(__global const uchar *x, __local int *to, int y0, int4 empty)
{
    const int before = (PW + APART_W - 1) / APART_W, inside = (FROM_W + PW + APART_W - 1) / APART_W;
    const int first = min(before, STAGED_W), end = max(min(STAGED_W, inside), first);
    for (int c = 0; c < FROM_BLOCKS; c++, x += PLANE) {
        for (int q = 0; q < STAGED_H; q++, to += ROW_PITCH) {
            const int h = y0 + q * APART_H;
            const bool there = h >= 0 && h < FROM_H;
            __global const uchar *row = x + ((there ? h : 0) * FROM_W - PW) * 16;
            const int from = there ? first : STAGED_W;
            for (int i = 0; i < from; i++)
                vstore4(empty, i, to);
            for (int i = from; i < end; i++)
                vstore4(as_int4(vload16(0, row + i * APART_W * 16)) ^ (int4)(SIGN_BITS), i, to);
            for (int i = max(from, end); i < STAGED_W; i++)
                vstore4(empty, i, to);
        }
    }
}
#endif

/* ---- the register tile ---- */

#if B_SIGNED
#define ADD_BYTES(R, a)
#define ADD_SUMS_OF_BYTES(R, V)
#else
#define ADD_BYTES(R, a)                                                                                                       \
    UNROLL for (int i = 0; i < R; i++) bytes[i] = dot_bytes(bytes[i], (int16)((a)[i * (SW / APART_W * WORDS)]), (int16)(0x01010101));
#define ADD_SUMS_OF_BYTES(R, V)                                                                                               \
    UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < V; j++) acc[i][j] += 128 * bytes[i];
#endif

#define STEP(R, V, a, w)                                                                                                      \
    {                                                                                                                         \
        int16 weights[V];                                                                                                     \
        UNROLL for (int j = 0; j < V; j++) weights[j] = vload16(0, (w) + j * 16);                                             \
        UNROLL for (int i = 0; i < R; i++)                                                                                    \
        {                                                                                                                     \
            const int16 pixel = (int16)((a)[i * (SW / APART_W * WORDS)]);                                                     \
            UNROLL for (int j = 0; j < V; j++) acc[i][j] = dot_bytes(acc[i][j], pixel, weights[j]);                           \
        }                                                                                                                     \
        ADD_BYTES(R, a)                                                                                                       \
    }

#define TILE(R, V)                                                                                                            \
    {                                                                                                                         \
        int16 acc[R][V], bytes[R];                                                                                            \
        UNROLL for (int i = 0; i < R; i++)                                                                                    \
        {                                                                                                                     \
            bytes[i] = (int16)(0);                                                                                            \
            UNROLL for (int j = 0; j < V; j++) acc[i][j] = (A_SIGNED ? -128 : 0) * vload16(0, sums + o + j * 16) -            \
                                                           (A_SIGNED && !B_SIGNED ? 128 * 128 * FROM_CHANNELS * TAPS : 0);    \
        }                                                                                                                     \
        __global const int *w = weights_of_tile;                                                                              \
        for (int c = 0; c < FROM_BLOCKS; c++)                                                                                 \
            for (int kh = 0; kh < KH; kh++)                                                                                   \
                for (int kw = 0; kw < KW; kw++, w += WORDS * V * 16) {                                                        \
                    pixel_pointer a = x + c * BLOCK_PITCH + kh * (RH * ROW_PITCH) + kw * (RW * WORDS);                        \
                    UNROLL for (int q = 0; q < WORDS; q++) STEP(R, V, a + q, w + q * (V * 16))                                \
                }                                                                                                             \
        ADD_SUMS_OF_BYTES(R, V)                                                                                               \
        UNROLL for (int j = 0; j < V; j++) UNROLL for (int i = 0; i < R; i++)                                                 \
        {                                                                                                                     \
            const size_t at = index + (size_t)j * (TO_H * TO_W * 16) + i * 16;                                                \
            STOREV(EPILOGUE16(acc[i][j], at, o + j * 16), y + at);                                                            \
        }                                                                                                                     \
    }

#if TAIL_R
#define END_OF_ROW(V)                                                                                                         \
    if (p < TO_W)                                                                                                             \
        TILE(TAIL_R, V)
#else
#define END_OF_ROW(V)
#endif

/* All pixels of a group for V vectors of channels. */
#define PIXELS(V)                                                                                                             \
    for (int r = 0; r < rows; r++) {                                                                                          \
        pixel_pointer x = pixels + r * (SH / APART_H * ROW_PITCH);                                                            \
        size_t index = at_first + (size_t)r * (TO_W * 16);                                                                    \
        int p = 0;                                                                                                            \
        for (; p + MR <= TO_W; p += MR, x += MR * (SW / APART_W) * WORDS, index += MR * 16)                                   \
            TILE(MR, V)                                                                                                       \
        END_OF_ROW(V)                                                                                                         \
    }

/* Groups: (row blocks, slices, batch); sums_offset: of the weights' sums behind the packed weights. */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void conv_bytes_blocked(__global const uchar *restrict x, __global const int *restrict packed,
                                 __global const int *restrict packed_sums, __global element *restrict y, long sums_offset,
                                 int pad_value EPILOGUE_PARAMS)
{
    const int y0 = (int)get_group_id(0) * ROWS, rows = min(ROWS, TO_H - y0), n = (int)get_group_id(2);
    const int first = (int)get_group_id(1) * SLICE, end = min(first + SLICE, TO_CHANNELS);
    __global const int *sums = packed_sums + sums_offset;
    __global const uchar *image = x + (size_t)n * (FROM_BLOCKS * PLANE);
#if IN_PLACE
    pixel_pointer pixels = (__global const int *)image + y0 * ROW_PITCH;
#else
    __local int staged[FROM_BLOCKS * BLOCK_PITCH] __attribute__((aligned(64)));
    stage(image, staged, y0 * SH - PH, (int4)(as_int(((uint)pad_value & 0xffu) * 0x01010101u ^ SIGN_BITS)));
    pixel_pointer pixels = staged;
#endif
    for (int o = first; o < end; o += NR) {
        __global const int *weights_of_tile = packed + (size_t)o * (FROM_CHANNELS / 4 * TAPS);
        const size_t at_first = (((size_t)n * (TO_CHANNELS / 16) + o / 16) * (TO_H * TO_W) + y0 * TO_W) * 16;
#if TAIL_V
        if (TO_CHANNELS - o < NR) {
            PIXELS(TAIL_V)
            continue;
        }
#endif
#if TO_CHANNELS >= NR
        PIXELS(NV)
#endif
    }
}
