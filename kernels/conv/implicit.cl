/* Convolution as a product whose matrices are never stored, for GPUs: work-groups of WX x WY items compute BM rows (result
 * channels) x BN columns (pixels of the whole batch), TM x TN in the registers of each item. BK steps of the sum (input
 * channels x taps) at a time are gathered into local memory. The names of the geometry are those of conv/direct.cl, so the
 * gradient of the data runs here as well, phase by phase; conv_weight_implicit is the gradient of the weights: rows are dy's
 * channels, columns (x's channel, tap), the sum runs over pixels. */
#include "conv/common.cl"

#ifndef FROM_CHANNELS
#define BATCH 2
#define GROUPS 1
#define FROM_CHANNELS 5
#define TO_CHANNELS 11
#define FROM_D 1
#define FROM_H 9
#define FROM_W 9
#define TO_D 1
#define TO_H 9
#define TO_W 9
#define KD 1
#define KH 3
#define KW 3
#define SD 1
#define SH 1
#define SW 1
#define RD 1
#define RH 1
#define RW 1
#define PD 0
#define PH 1
#define PW 1
#define Y_D 1
#define Y_H 9
#define Y_W 9
#define Y_STEP_D 1
#define Y_STEP_H 1
#define Y_STEP_W 1
#define Y_FIRST_D 0
#define Y_FIRST_H 0
#define Y_FIRST_W 0
#define FULL_D 1
#define FULL_H 3
#define FULL_W 3
#define TAP_FIRST_D 0
#define TAP_FIRST_H 0
#define TAP_FIRST_W 0
#define TAP_STEP_D 1
#define TAP_STEP_H 1
#define TAP_STEP_W 1
#endif
#ifndef WX
#define WX 8
#define WY 8
#define TM 4
#define TN 4
#define BK 8
#endif
#ifndef CHUNKS
#define CHUNKS 1
#endif

#define BM (WY * TM)
#define BN (WX * TN)
#define TAPS (KD * KH * KW)
/* A phase of a gradient may have no taps: nothing is divided by these then. */
#define SOME(count) ((count) > 0 ? (count) : 1)
#define FROM_IMAGE (FROM_D * FROM_H * FROM_W)
#define TO_IMAGE (TO_D * TO_H * TO_W)
#define PIXELS (BATCH * TO_IMAGE)

/* x at the tap of result pixel `pixel` (numbered through the batch), 0 in the padding. */
static inline real pixel_at(__global const element *x, int group, int pixel, int c, int tap)
{
    const int n = pixel / TO_IMAGE, p = pixel % TO_IMAGE;
    const int d = p / (TO_H * TO_W) * SD + tap / SOME(KH * KW) * RD - PD;
    const int h = p / TO_W % TO_H * SH + tap / SOME(KW) % SOME(KH) * RH - PH;
    const int w = p % TO_W * SW + tap % SOME(KW) * RW - PW;
    if (d < 0 || d >= FROM_D || h < 0 || h >= FROM_H || w < 0 || w >= FROM_W)
        return 0;
    return LOAD1(x + ((size_t)(n * GROUPS + group) * FROM_CHANNELS + c) * FROM_IMAGE + (d * FROM_H + h) * FROM_W + w);
}

#define MULTIPLY                                                                                                              \
    barrier(CLK_LOCAL_MEM_FENCE);                                                                                             \
    UNROLL for (int k = 0; k < BK; k++)                                                                                       \
    {                                                                                                                         \
        real left[TM], right[TN];                                                                                             \
        UNROLL for (int i = 0; i < TM; i++) left[i] = a[k * BM + ly + i * WY];                                                \
        UNROLL for (int j = 0; j < TN; j++) right[j] = b[k * BN + lx + j * WX];                                               \
        UNROLL for (int i = 0; i < TM; i++) UNROLL for (int j = 0; j < TN; j++) sum[i][j] = fma(left[i], right[j], sum[i][j]); \
    }                                                                                                                         \
    barrier(CLK_LOCAL_MEM_FENCE);

#define DECLARE                                                                                                               \
    __local real a[BK * BM], b[BK * BN];                                                                                      \
    const int lx = (int)get_local_id(0), ly = (int)get_local_id(1), item = ly * WX + lx;                                      \
    const int column0 = (int)get_group_id(0) * BN, row0 = (int)get_group_id(1) * BM;                                          \
    real sum[TM][TN];                                                                                                         \
    UNROLL for (int i = 0; i < TM; i++) UNROLL for (int j = 0; j < TN; j++) sum[i][j] = 0;

#ifndef WEIGHT
static inline real weight_at(__global const element *w, int group, int from, int to, int tap)
{
    const int kd = TAP_FIRST_D + tap / SOME(KH * KW) * TAP_STEP_D, kh = TAP_FIRST_H + tap / SOME(KW) % SOME(KH) * TAP_STEP_H;
    const int at = (kd * FULL_H + kh) * FULL_W + TAP_FIRST_W + tap % SOME(KW) * TAP_STEP_W;
#ifdef TRANSPOSED
    const size_t filter = (size_t)(group * FROM_CHANNELS + from) * TO_CHANNELS + to;
#else
    const size_t filter = (size_t)(group * TO_CHANNELS + to) * FROM_CHANNELS + from;
#endif
    return LOAD1(w + filter * (FULL_D * FULL_H * FULL_W) + at);
}

/* Groups of work: (columns, rows, GROUPS). */
__attribute__((reqd_work_group_size(WX, WY, 1)))
__kernel void conv_implicit(__global const element *restrict x, __global const element *restrict w, __global element *restrict y
                            EPILOGUE_PARAMS)
{
    DECLARE
    const int group = (int)get_group_id(2), depth = FROM_CHANNELS * TAPS;
    for (int k0 = 0; k0 < depth; k0 += BK) {
        for (int i = item; i < BK * BM; i += WX * WY) {
            const int k = k0 + i % BK, row = row0 + i / BK;
            const bool is_there = k < depth && row < TO_CHANNELS;
            a[i % BK * BM + i / BK] = is_there ? weight_at(w, group, k / SOME(TAPS), row, k % SOME(TAPS)) : (real)0;
        }
        for (int i = item; i < BK * BN; i += WX * WY) {
            const int k = k0 + i / BN, column = column0 + i % BN;
            b[i] = k < depth && column < PIXELS ? pixel_at(x, group, column, k / SOME(TAPS), k % SOME(TAPS)) : (real)0;
        }
        MULTIPLY
    }
    for (int j = 0; j < TN; j++) {
        const int pixel = column0 + lx + j * WX, n = pixel / TO_IMAGE, p = pixel % TO_IMAGE;
        const int d = Y_FIRST_D + p / (TO_H * TO_W) * Y_STEP_D, h = Y_FIRST_H + p / TO_W % TO_H * Y_STEP_H;
        const int at = (d * Y_H + h) * Y_W + Y_FIRST_W + p % TO_W * Y_STEP_W;
        for (int i = 0; i < TM; i++) {
            const int row = row0 + ly + i * WY, channel = group * TO_CHANNELS + row;
            const size_t index = ((size_t)n * (GROUPS * TO_CHANNELS) + channel) * (Y_D * Y_H * Y_W) + at;
            if (pixel < PIXELS && row < TO_CHANNELS)
                STORE1(EPILOGUE1(sum[i][j], index, channel), y + index);
        }
    }
}
#else
#define COLUMNS (FROM_CHANNELS * TAPS)
#define CHUNK ((PIXELS + CHUNKS - 1) / CHUNKS)

/* Groups of work: (columns, rows, GROUPS * CHUNKS). dw: `element` with one chunk, else [CHUNKS] of `real`. */
__attribute__((reqd_work_group_size(WX, WY, 1)))
__kernel void conv_weight_implicit(__global const element *restrict dy, __global const element *restrict x,
#if CHUNKS == 1
                                   __global element *restrict dw)
#else
                                   __global real *restrict dw)
#endif
{
    DECLARE
    const int group = (int)get_group_id(2) % GROUPS, chunk = (int)get_group_id(2) / GROUPS;
    const int end = min((chunk + 1) * CHUNK, PIXELS);
    for (int k0 = chunk * CHUNK; k0 < end; k0 += BK) {
        for (int i = item; i < BK * BM; i += WX * WY) {
            const int k = k0 + i % BK, row = row0 + i / BK, n = k / TO_IMAGE;
            const size_t at = ((size_t)(n * GROUPS + group) * TO_CHANNELS + row) * TO_IMAGE + k % TO_IMAGE;
            a[i % BK * BM + i / BK] = k < end && row < TO_CHANNELS ? LOAD1(dy + at) : (real)0;
        }
        for (int i = item; i < BK * BN; i += WX * WY) {
            const int k = k0 + i % BK, column = column0 + i / BK;
            b[i % BK * BN + i / BK] = k < end && column < COLUMNS ? pixel_at(x, group, k, column / TAPS, column % TAPS) : (real)0;
        }
        MULTIPLY
    }
    for (int i = 0; i < TM; i++)
        for (int j = 0; j < TN; j++) {
            const int row = row0 + ly + i * WY, column = column0 + lx + j * WX;
            const size_t index = (size_t)(group * TO_CHANNELS + row) * COLUMNS + column;
            if (row >= TO_CHANNELS || column >= COLUMNS)
                continue;
#if CHUNKS == 1
            STORE1(sum[i][j], dw + index);
#else
            dw[(size_t)chunk * (GROUPS * TO_CHANNELS * COLUMNS) + index] = sum[i][j];
#endif
        }
}
#endif
