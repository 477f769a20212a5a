/* Direct convolution for CPUs in channels of 16: images are [batch][channels / 16][depth][height][width][16], so that the lanes of
 * a vector are channels, a pixel's value is broadcast, and results are written as the next convolution reads them.
 *
 * A group computes ROWS rows x COLUMNS columns of one plane of an image for SLICE result channels. The rows that it reads are
 * staged in local memory, widened and with zeros beside them, once for all result channels, BLOCK blocks of channels at a time;
 * where every pixel is read once (1x1 of stride 1 without padding), they are read in place. Taps whose row or plane lies
 * outside of the image are left out. A register tile holds MR pixels x NV vectors of sums; weights were packed in the order in
 * which it needs them (blocked_weights).
 *
 * LANES 16: x is in blocks; 1: x is plain [batch][channels][depth][height][width], as the first convolution of a network finds
 * it. Names of the geometry: conv/taps.cl. */
#include "conv/common.cl"

#include "conv/blocks.cl"

#ifndef LANES
#define LANES 16
#endif
#ifndef BLOCK
#define BLOCK (FROM_CHANNELS / LANES) /* blocks of channels staged at a time */
#endif
#define FROM_BLOCKS (FROM_CHANNELS / LANES)
#define CHUNKS ((FROM_BLOCKS + BLOCK - 1) / BLOCK)
#define READ_ONCE (TAPS == 1 && SD * SH * SW == 1 && TO_D == FROM_D && TO_H == FROM_H && TO_W == FROM_W)
#define IN_PLACE (LANES == 16 && STORAGE == FLOAT32 && READ_ONCE)
#define TO_BLOCKS (TO_CHANNELS / 16)
#define PLANE (FROM_H * FROM_W * LANES)
#define VOLUME (FROM_D * PLANE)
#define TO_VOLUME (TO_D * TO_H * TO_W * 16)

/* [GROUPS][tiles of NR channels][FROM_BLOCKS][KD][KH][KW][LANES][the tile's channels]; items: (all tiles, FROM_BLOCKS). */
__kernel void blocked_weights(__global const element *restrict w, __global real *restrict packed)
{
    const int tiles = (TO_CHANNELS + NR - 1) / NR;
    const int group = (int)get_global_id(0) / tiles, o0 = (int)get_global_id(0) % tiles * NR, block = (int)get_global_id(1);
    const int width = min(NR, TO_CHANNELS - o0);
    __global real *to = packed + ((size_t)group * TO_CHANNELS + o0) * (FROM_CHANNELS * TAPS) + (size_t)block * (TAPS * LANES) * width;
    for (int tap = 0; tap < TAPS; tap++)
        for (int c = 0; c < LANES; c++)
            for (int o = 0; o < width; o++)
                *to++ = LOAD1(w + ((size_t)(group * TO_CHANNELS + o0 + o) * FROM_CHANNELS + block * LANES + c) * TAPS + tap);
}

/* ---- staging ---- */

#if IN_PLACE
typedef __global const real *pixel_pointer;
#define ROW_PITCH (FROM_W * LANES)
#define PLANE_PITCH PLANE
#define BLOCK_PITCH VOLUME
#define FIRST_TAP(position, apart) 0
#define END_TAP(position, apart, extent, taps) (taps)
#else
typedef __local const real *pixel_pointer;
#define ROW_PITCH (STAGED_W * LANES)
#define PLANE_PITCH (STAGED_H * ROW_PITCH)
#define BLOCK_PITCH (KD * PLANE_PITCH)
/* The first tap inside of an axis, and the one behind the last, where tap 0 is at `position` and the next one `apart` on. */
#define FIRST_TAP(position, apart) ((position) < 0 ? ((apart) - 1 - (position)) / (apart) : 0)
#define END_TAP(position, apart, extent, taps) ((position) < (extent) ? min(((extent) - 1 - (position)) / (apart) + 1, taps) : 0)

/* One row from column x0 on, zero where it lies outside of the image. */
static inline void stage_row(__global const element *row, __local real *to, int x0)
{
    const int before = (max(-x0, 0) + APART_W - 1) / APART_W, inside = (max(FROM_W - x0, 0) + APART_W - 1) / APART_W;
    const int first = min(before, STAGED_W), end = max(min(STAGED_W, inside), first);
#if LANES == 16
    for (int x = 0; x < first; x++)
        vstore16((real16)(0), 0, to + x * 16);
    for (int x = first; x < end; x++)
        vstore16(LOADV(row + (x0 + x * APART_W) * 16), 0, to + x * 16);
    for (int x = end; x < STAGED_W; x++)
        vstore16((real16)(0), 0, to + x * 16);
#else
    for (int x = 0; x < first; x++)
        to[x] = 0;
    int x = first;
    for (; APART_W == 1 && x + 16 <= end; x += 16)
        vstore16(LOADV(row + x0 + x), 0, to + x);
    for (; x < end; x++)
        to[x] = LOAD1(row + x0 + x * APART_W);
    for (x = end; x < STAGED_W; x++)
        to[x] = 0;
#endif
}

/* Rows and planes inside of the image. */
static void stage(__global const element *x, __local real *staged, int z0, int y0, int x0, int blocks)
{
    for (int c = 0; c < blocks; c++)
        for (int kd = FIRST_TAP(z0, RD); kd < END_TAP(z0, RD, FROM_D, KD); kd++)
            for (int q = FIRST_TAP(y0, APART_H); q < END_TAP(y0, APART_H, FROM_H, STAGED_H); q++)
                stage_row(x + (size_t)c * VOLUME + (size_t)(z0 + kd * RD) * PLANE + (y0 + q * APART_H) * (FROM_W * LANES),
                          staged + c * BLOCK_PITCH + kd * PLANE_PITCH + q * ROW_PITCH, x0);
}
#endif

/* ---- the register tile ---- */

#define STEP(R, V, a, w)                                                                                                      \
    {                                                                                                                         \
        real16 weights[V];                                                                                                    \
        UNROLL for (int j = 0; j < V; j++) weights[j] = vload16(0, (w) + j * 16);                                             \
        UNROLL for (int i = 0; i < R; i++)                                                                                    \
        {                                                                                                                     \
            const real16 pixel = (real16)((a)[i * (SW / APART_W * LANES)]);                                                   \
            UNROLL for (int j = 0; j < V; j++) acc[i][j] = fma(pixel, weights[j], acc[i][j]);                                 \
        }                                                                                                                     \
    }

#if LANES == 16
#define ROW_OF_TAPS(R, V)                                                                                                     \
    for (int kw = 0; kw < KW; kw++) {                                                                                         \
        pixel_pointer a = row + kw * (RW * LANES);                                                                            \
        UNROLL_BY(4) for (int q = 0; q < LANES; q++) STEP(R, V, a + q, w + (kw * LANES + q) * (V * 16))                       \
    }
#else
#define ROW_OF_TAPS(R, V)                                                                                                     \
    UNROLL_BY(8) for (int kw = 0; kw < KW; kw++) STEP(R, V, row + kw * RW, w + kw * (V * 16))
#endif

/* Rows of taps that lie inside of the image, of all staged channels, for results of which plane `front` and row `top` are the
 * first that are read: where their pixels lie behind the first tap's, and their weights in units of a vector. One list instead of
 * nested loops, which made Intel's compiler spill sums. Returns how many. */
static inline int list_tap_rows(int blocks, int front, int top, int *read_at, int *weigh_at)
{
    int count = 0;
    for (int c = 0; c < blocks; c++)
        for (int kd = FIRST_TAP(front, RD); kd < END_TAP(front, RD, FROM_D, KD); kd++)
            for (int kh = FIRST_TAP(top, RH); kh < END_TAP(top, RH, FROM_H, KH); kh++) {
                read_at[count] = c * BLOCK_PITCH + kd * PLANE_PITCH + kh * (RH * ROW_PITCH);
                weigh_at[count++] = ((c * KD + kd) * KH + kh) * (KW * LANES);
            }
    return count;
}

/* Sums of R pixels x V vectors; the last chunk's go to y, the others' are kept in `sums`. */
#define TILE(R, V)                                                                                                            \
    {                                                                                                                         \
        real16 acc[R][V];                                                                                                     \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < V; j++) acc[i][j] =                                     \
            CHUNKS == 1 || chunk == 0 ? (real16)(0) : vload16(0, sums + (i * V + j) * 16);                                    \
        for (int t = 0; t < tap_rows; t++) {                                                                                  \
            pixel_pointer row = x + read_at[t];                                                                               \
            __global const real *w = weights + weigh_at[t] * (V * 16);                                                        \
            ROW_OF_TAPS(R, V)                                                                                                 \
        }                                                                                                                     \
        if (CHUNKS > 1 && chunk < CHUNKS - 1) {                                                                               \
            UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < V; j++)                                             \
                vstore16(acc[i][j], 0, sums + (i * V + j) * 16);                                                              \
        } else {                                                                                                              \
            UNROLL for (int j = 0; j < V; j++) UNROLL for (int i = 0; i < R; i++)                                             \
            {                                                                                                                 \
                const size_t at = index + (size_t)j * TO_VOLUME + i * 16;                                                     \
                STOREV(EPILOGUE16(acc[i][j], at, channel + j * 16), y + at);                                                  \
            }                                                                                                                 \
        }                                                                                                                     \
    }

#if TAIL_R
#define END_OF_ROW(V)                                                                                                         \
    if (p < columns) {                                                                                                        \
        TILE(TAIL_R, V)                                                                                                       \
        sums += TAIL_R * V * 16;                                                                                              \
    }
#else
#define END_OF_ROW(V)
#endif

/* All pixels of a group for V vectors of channels. */
#define PIXELS(V)                                                                                                             \
    for (int r = 0; r < rows; r++) {                                                                                          \
        pixel_pointer x = pixels + r * (SH / APART_H * ROW_PITCH);                                                            \
        size_t index = at_first + (size_t)r * (TO_W * 16);                                                                    \
        const int tap_rows = list_tap_rows(blocks, front, (y0 + r) * SH - PH, read_at, weigh_at);                             \
        int p = 0;                                                                                                            \
        for (; p + MR <= columns; p += MR, x += MR * (SW / APART_W) * LANES, index += MR * 16) {                              \
            TILE(MR, V)                                                                                                       \
            sums += MR * V * 16;                                                                                              \
        }                                                                                                                     \
        END_OF_ROW(V)                                                                                                         \
    }

/* x, packed, y as above; groups of work: (column blocks x row blocks, GROUPS * slices, batch x TO_D). */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void conv_blocked(__global const element *restrict x, __global const real *restrict packed,
                           __global element *restrict y EPILOGUE_PARAMS)
{
    const int column_blocks = (TO_W + COLUMNS - 1) / COLUMNS, slices = (TO_CHANNELS + SLICE - 1) / SLICE;
    const int p0 = (int)get_group_id(0) % column_blocks * COLUMNS, y0 = (int)get_group_id(0) / column_blocks * ROWS;
    const int group = (int)get_group_id(1) / slices, first = (int)get_group_id(1) % slices * SLICE;
    const int end = min(first + SLICE, TO_CHANNELS), n = (int)get_group_id(2) / TO_D, z0 = (int)get_group_id(2) % TO_D;
    const int rows = min(ROWS, TO_H - y0), columns = min(COLUMNS, TO_W - p0);
    const int front = z0 * SD - PD;
    int read_at[BLOCK * KD * KH], weigh_at[BLOCK * KD * KH];
    __global const element *image = x + (size_t)(n * GROUPS + group) * ((size_t)FROM_BLOCKS * VOLUME);
#if !IN_PLACE
    __local real staged[BLOCK * BLOCK_PITCH] __attribute__((aligned(64)));
#endif
#if CHUNKS > 1
    __local real all_sums[ROWS * COLUMNS * SLICE] __attribute__((aligned(64)));
#endif
    for (int chunk = 0; chunk < CHUNKS; chunk++) {
        const int c0 = chunk * BLOCK, blocks = min(BLOCK, FROM_BLOCKS - c0);
#if IN_PLACE
        pixel_pointer pixels = image + (size_t)c0 * VOLUME + (y0 * FROM_W + p0) * LANES;
#else
        stage(image + (size_t)c0 * VOLUME, staged, front, y0 * SH - PH, p0 * SW - PW, blocks);
        pixel_pointer pixels = staged;
#endif
#if CHUNKS > 1
        __local real *sums = all_sums;
#else
        __local real *sums = 0;
#endif
        for (int o = first; o < end; o += NR) {
            const int width = min(NR, TO_CHANNELS - o), channel = group * TO_CHANNELS + o;
            __global const real *weights = packed + (size_t)channel * (FROM_CHANNELS * TAPS) + (size_t)c0 * (TAPS * LANES) * width;
            const size_t plane = ((size_t)n * (GROUPS * TO_BLOCKS) + channel / 16) * TO_D + z0;
            const size_t at_first = (plane * (TO_H * TO_W) + y0 * TO_W + p0) * 16;
#if TAIL_V
            if (width < NR) {
                PIXELS(TAIL_V)
                continue;
            }
#endif
#if TO_CHANNELS >= NR
            PIXELS(NV)
#endif
        }
    }
}
