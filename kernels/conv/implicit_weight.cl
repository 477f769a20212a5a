/* The gradient of a convolution's weights as a product whose right matrix is never stored, for GPUs: rows are dy's channels,
 * columns (x's channel, tap), the sum runs over the pixels of the batch, in chunks where there are few weights. Each item gathers
 * one pixel of a step for some rows and columns: neighbours read neighbouring pixels, and the pixel's position is counted on
 * without a division. Where a column reads is kept in local memory for all steps. Tiles are turned while they are stored: rows of
 * local memory are 16 bytes longer than their content, so that this meets no bank twice. */
#define PAD 4
#define A_PITCH (BM + PAD)
#define B_PITCH (BN + PAD)
#include "conv/implicit_tiles.cl"

#define COLUMNS (FROM_CHANNELS * TAPS)
#define CHUNK ((PIXELS + CHUNKS - 1) / CHUNKS)
#define APART (ITEMS / BK) /* rows, and columns, from one load of an item to the next */
#define LOADS_A (BM / APART)
#define LOADS_B (BN / APART)

#define FETCH                                                                                                                 \
    {                                                                                                                         \
        const int d0 = d * SD - PD, h0 = h * SH - PH, w0 = w * SW - PW;                                                       \
        __global const element *left = dy + ((size_t)n * GROUPS + group) * ((size_t)TO_CHANNELS * TO_IMAGE);                  \
        __global const element *right = x + ((size_t)n * GROUPS + group) * ((size_t)FROM_CHANNELS * FROM_IMAGE);              \
        const int p = (d * TO_H + h) * TO_W + w, q = (d0 * FROM_H + h0) * FROM_W + w0;                                        \
        const bool is_there = pixel < end;                                                                                    \
        UNROLL for (int l = 0; l < LOADS_A; l++)                                                                              \
        {                                                                                                                     \
            const int row = row0 + first + l * APART;                                                                         \
            next_a[l] = is_there && row < TO_CHANNELS ? LOAD1(left + row * TO_IMAGE + p) : (real)0;                           \
        }                                                                                                                     \
        UNROLL for (int l = 0; l < LOADS_B; l++)                                                                              \
        {                                                                                                                     \
            const int4 tap = taps[first + l * APART];                                                                         \
            const bool is_inside = is_there && (uint)(d0 + tap.s1) < (uint)FROM_D && (uint)(h0 + tap.s2) < (uint)FROM_H &&    \
                                   (uint)(w0 + tap.s3) < (uint)FROM_W;                                                        \
            next_b[l] = is_inside ? LOAD1(right + q + tap.s0) : (real)0;                                                      \
        }                                                                                                                     \
        pixel += BK;                                                                                                          \
        w += BK % TO_W;                                                                                                       \
        const bool over_w = w >= TO_W;                                                                                        \
        w -= over_w ? TO_W : 0;                                                                                               \
        h += BK / TO_W % TO_H + over_w;                                                                                       \
        const bool over_h = h >= TO_H;                                                                                        \
        h -= over_h ? TO_H : 0;                                                                                               \
        d += BK / (TO_H * TO_W) % TO_D + over_h;                                                                              \
        const bool over_d = d >= TO_D;                                                                                        \
        d -= over_d ? TO_D : 0;                                                                                               \
        n += BK / TO_IMAGE + over_d;                                                                                          \
    }
#define PLACE(side)                                                                                                           \
    UNROLL for (int l = 0; l < LOADS_A; l++)                                                                                  \
        ((__local real *)a[side])[item % BK * A_PITCH + first + l * APART] = next_a[l];                                       \
    UNROLL for (int l = 0; l < LOADS_B; l++)                                                                                  \
        ((__local real *)b[side])[item % BK * B_PITCH + first + l * APART] = next_b[l];

/* Groups of work: (row tiles of all column tiles, GROUPS, CHUNKS). dw: [CHUNKS] gradients. */
__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void conv_weight_implicit(__global const element *restrict dy, __global const element *restrict x,
                                   __global result *restrict dw)
{
    DECLARE((TO_CHANNELS + BM - 1) / BM)
    __local int4 taps[BN]; /* of a column: its offset, and its (d, h, w), from a pixel's first element in a plane */
    const int group = (int)get_group_id(1), chunk = (int)get_group_id(2), first = item / BK;
    const int begin = min(chunk * CHUNK, PIXELS), end = min(begin + CHUNK, PIXELS), steps = (end - begin + BK - 1) / BK;
    real next_a[LOADS_A], next_b[LOADS_B];
    for (int i = item; i < BN; i += ITEMS) {
        const int column = column0 + i, tap = column % TAPS;
        const int kd = tap / (KH * KW) * RD, kh = tap / KW % KH * RH, kw = tap % KW * RW;
        taps[i] = (int4)(column / TAPS * FROM_IMAGE + (kd * FROM_H + kh) * FROM_W + kw, kd, kh, column < COLUMNS ? kw : NOWHERE);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    int pixel = begin + item % BK; /* and its place in dy, counted on by FETCH */
    int n = pixel / TO_IMAGE, d = pixel / (TO_H * TO_W) % TO_D, h = pixel / TO_W % TO_H, w = pixel % TO_W;
    SUM_OF_STEPS(steps)
    UNROLL for (int j = 0; j < TN / 4; j++)
    {
        const int column = COLUMN_AT(j);
        UNROLL for (int i = 0; i < TM; i++)
        {
            const int row = ROW_AT(i);
            __global result *to =
                dw + (size_t)chunk * (GROUPS * TO_CHANNELS * COLUMNS) + (size_t)(group * TO_CHANNELS + row) * COLUMNS + column;
            if (row < TO_CHANNELS && column + 4 <= COLUMNS)
                STORE_RESULTS(sum[i][j], to);
            else if (row < TO_CHANNELS)
                UNROLL for (int lane = 0; lane < 4; lane++)
                    if (column + lane < COLUMNS)
                        STORE_RESULT(lane_of(sum[i][j], lane), to + lane);
        }
    }
}
