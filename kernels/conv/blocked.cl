/* Direct convolution for CPUs in channels of 16: images are [batch][channels / 16][depth][height][width][16], so that the lanes of
 * a vector are channels, a pixel's value is broadcast, and results are written as the next convolution reads them.
 *
 * A group computes some rows and columns of one plane of an image for a slice of the result channels. The rows that it reads are
 * staged in local memory, widened and with zeros beside them, once for all result channels, a chunk of the blocks of channels at a
 * time; where every pixel is read once (1x1 of stride 1 without padding), they are read in place. Taps whose row or plane lies
 * outside of the image are left out. A register tile holds MR pixels x NV vectors of sums; weights were packed in the order in
 * which it needs them (conv/blocked_pack.cl).
 *
 * LANES 16: x is in blocks; 1: x is plain [batch][channels][depth][height][width], as the first convolution of a network finds
 * it. What shapes the code is compiled in (conv/blocks.cl), all else given at run time, so that layers of a network share programs:
 * to compile one can take longer than a hundred runs. */
#include "conv/common.cl"

#include "conv/blocks.cl"

#ifndef LANES
#define LANES 16
#endif
#ifndef IN_PLACE
#define IN_PLACE 0
#endif

/* ---- staging ---- */

#if IN_PLACE
typedef __global const real *pixel_pointer;
#else
typedef __local const real *pixel_pointer;

/* The first tap inside of an axis, and the one behind the last, where tap 0 is at `position` and the next one `apart` on. */
#define FIRST_TAP(position, apart) ((position) < 0 ? ((apart) - 1 - (position)) / (apart) : 0)
#define END_TAP(position, apart, extent, taps) ((position) < (extent) ? min(((extent) - 1 - (position)) / (apart) + 1, taps) : 0)

/* `width` columns of a row of from_w from column x0 on, zero where they lie outside of the image. */
static inline void stage_row(__global const element *row, int from_w, __local real *to, int x0, int width)
{
    const int before = (max(-x0, 0) + APART_W - 1) / APART_W, inside = (max(from_w - x0, 0) + APART_W - 1) / APART_W;
    const int first = min(before, width), end = max(min(width, inside), first);
#if LANES == 16
    for (int x = 0; x < first; x++)
        vstore16((real16)(0), 0, to + x * 16);
    for (int x = first; x < end; x++)
        vstore16(LOADV(row + (x0 + x * APART_W) * 16), 0, to + x * 16);
    for (int x = end; x < width; x++)
        vstore16((real16)(0), 0, to + x * 16);
#else
    for (int x = 0; x < first; x++)
        to[x] = 0;
    int x = first;
    for (; APART_W == 1 && x + 16 <= end; x += 16)
        vstore16(LOADV(row + x0 + x), 0, to + x);
    for (; x < end; x++)
        to[x] = LOAD1(row + x0 + x * APART_W);
    for (x = end; x < width; x++)
        to[x] = 0;
#endif
}

/* Rows and planes inside of the image, of `blocks` blocks of channels; staged_h and staged_w: extents of a staged plane. */
static void stage(__global const element *x, int from_d, int from_h, int from_w, __local real *staged, int staged_h, int staged_w,
                  int z0, int y0, int x0, int blocks)
{
    for (int c = 0; c < blocks; c++)
        for (int kd = FIRST_TAP(z0, RD); kd < END_TAP(z0, RD, from_d, KD); kd++)
            for (int q = FIRST_TAP(y0, APART_H); q < END_TAP(y0, APART_H, from_h, staged_h); q++)
                stage_row(x + (((size_t)c * from_d + z0 + kd * RD) * from_h + y0 + q * APART_H) * (from_w * LANES), from_w,
                          staged + ((c * KD + kd) * staged_h + q) * (staged_w * LANES), x0, staged_w);
}

/* Rows of taps that lie inside of the image, of all staged channels, for results of which plane `front` and row `top` are the
 * first that are read: where their pixels lie behind the first tap's, and their weights in units of a vector. One list instead of
 * nested loops, which made Intel's compiler spill sums. Returns how many. */
static inline int list_tap_rows(int blocks, int from_d, int from_h, int staged_h, int row_pitch, int front, int top,
                                __local int2 *list)
{
    int count = 0;
    for (int c = 0; c < blocks; c++)
        for (int kd = FIRST_TAP(front, RD); kd < END_TAP(front, RD, from_d, KD); kd++)
            for (int kh = FIRST_TAP(top, RH); kh < END_TAP(top, RH, from_h, KH); kh++)
                list[count++] = (int2)(((c * KD + kd) * staged_h + kh * RH) * row_pitch, ((c * KD + kd) * KH + kh) * (KW * LANES));
    return count;
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

/* Sums of R pixels x V vectors; the last chunk's go to y, the others' are kept in `sums`. */
#define TILE(R, V)                                                                                                            \
    {                                                                                                                         \
        real16 acc[R][V];                                                                                                     \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < V; j++) acc[i][j] =                                     \
            first_chunk ? (real16)(0) : vload16(0, sums + (i * V + j) * 16);                                                  \
        for (int t = 0; t < tap_rows; t++) {                                                                                  \
            pixel_pointer row = x + READ_AT(t);                                                                               \
            __global const real *w = weights + WEIGH_AT(t) * (V * 16);                                                        \
            ROW_OF_TAPS(R, V)                                                                                                 \
        }                                                                                                                     \
        if (!last_chunk) {                                                                                                    \
            UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < V; j++)                                             \
                vstore16(acc[i][j], 0, sums + (i * V + j) * 16);                                                              \
        } else {                                                                                                              \
            UNROLL for (int j = 0; j < V; j++) UNROLL for (int i = 0; i < R; i++)                                             \
            {                                                                                                                 \
                const size_t at = index + (size_t)j * to_volume + i * 16;                                                     \
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

#if IN_PLACE
#define READ_AT(t) ((t) * block_pitch)
#define WEIGH_AT(t) ((t) * LANES)
#define LIST_TAP_ROWS(r) blocks
#else
#define READ_AT(t) list[t].x
#define WEIGH_AT(t) list[t].y
#define LIST_TAP_ROWS(r) list_tap_rows(blocks, from_d, from_h, staged_h, row_pitch, front, (y0 + (r)) * SH - pad_h, list)
#endif

/* All pixels of a group for V vectors of channels. */
#define PIXELS(V)                                                                                                             \
    for (int r = 0; r < rows; r++) {                                                                                          \
        pixel_pointer x = pixels + r * (SH / APART_H * row_pitch);                                                            \
        size_t index = at_first + (size_t)r * (to_w * 16);                                                                    \
        const int tap_rows = LIST_TAP_ROWS(r);                                                                                \
        int p = 0;                                                                                                            \
        for (; p + MR <= columns; p += MR, x += MR * (SW / APART_W) * LANES, index += MR * 16) {                              \
            TILE(MR, V)                                                                                                       \
            sums += MR * V * 16;                                                                                              \
        }                                                                                                                     \
        END_OF_ROW(V)                                                                                                         \
    }

/* x, packed, y as above; groups of work: (column blocks x row blocks, groups * slices, batch x to_d). A group computes most_rows x
 * most_columns (all of a row or a multiple of MR) for `slice` channels (a multiple of NR unless it is all to_channels, which are a
 * group's), from `chunk` of its from_blocks at a time. Local memory: chunk * KD * staged_h * staged_w * LANES pixels; the sums of a
 * group where there are several chunks; chunk * KD * KH rows of taps. */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void conv_blocked(__global const element *restrict x, __global const real *restrict packed, __global element *restrict y,
                           __local real *staged, __local real *all_sums, __local int2 *list, int groups, int from_blocks,
                           int to_channels, int from_d, int from_h, int from_w, int to_d, int to_h, int to_w, int pad_d, int pad_h,
                           int pad_w, int staged_h, int staged_w, int most_rows, int most_columns, int chunk,
                           int slice EPILOGUE_PARAMS)
{
    const int column_blocks = (to_w + most_columns - 1) / most_columns, slices = (to_channels + slice - 1) / slice;
    const int p0 = (int)get_group_id(0) % column_blocks * most_columns, y0 = (int)get_group_id(0) / column_blocks * most_rows;
    const int group = (int)get_group_id(1) / slices, first = (int)get_group_id(1) % slices * slice;
    const int end = min(first + slice, to_channels), n = (int)get_group_id(2) / to_d, z0 = (int)get_group_id(2) % to_d;
    const int rows = min(most_rows, to_h - y0), columns = min(most_columns, to_w - p0);
    const int volume = from_d * from_h * from_w * LANES, to_volume = to_d * to_h * to_w * 16;
    __global const element *image = x + (size_t)(n * groups + group) * ((size_t)from_blocks * volume);
#if IN_PLACE
    const int block_pitch = volume, row_pitch = from_w * LANES;
#else
    const int row_pitch = staged_w * LANES, front = z0 * SD - pad_d;
#endif
    for (int c0 = 0; c0 < from_blocks; c0 += chunk) {
        const int blocks = min(chunk, from_blocks - c0);
        const bool first_chunk = c0 == 0, last_chunk = c0 + chunk >= from_blocks;
        __local real *sums = all_sums;
#if IN_PLACE
        pixel_pointer pixels = image + (size_t)c0 * volume + (y0 * from_w + p0) * LANES;
#else
        stage(image + (size_t)c0 * volume, from_d, from_h, from_w, staged, staged_h, staged_w, front, y0 * SH - pad_h,
              p0 * SW - pad_w, blocks);
        pixel_pointer pixels = staged;
#endif
        for (int o = first; o < end; o += NR) {
            const int width = min(NR, to_channels - o), channel = group * to_channels + o;
            __global const real *weights =
                packed + (size_t)channel * (from_blocks * LANES * TAPS) + (size_t)c0 * (TAPS * LANES) * width;
            const size_t plane = ((size_t)n * (groups * (to_channels / 16)) + channel / 16) * to_d + z0;
            const size_t at_first = (plane * (to_h * to_w) + y0 * to_w + p0) * 16;
#if TAIL_V
            if (width < NR) {
                PIXELS(TAIL_V)
                continue;
            }
#endif
            PIXELS(NV)
        }
    }
}
