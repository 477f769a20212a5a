/* Gradient of the weights for CPUs as a product over pixels: one work-item per work-group, lanes of a vector are channels of dy.
 *
 * A group computes 16 input channels x TO_SLICE result channels, all taps, for its chunk of the work, which is units of ROWS x
 * COLUMNS results of one plane of an image. It turns the unit's images into [pixels][16 channels] in local memory, x with its
 * padding, one plane for each of the KD that the unit reads; then each pixel of x is broadcast to the vectors of dy that read it:
 * a register tile sums MR channels of x x NV vectors of channels of dy over the unit's pixels. Chunks are added by
 * conv_weight_reduce, always in the same order. Names of the geometry: conv/taps.cl. */
#include "conv/common.cl"
#include "common/transpose.cl"
#include "conv/taps.cl"

#ifndef MR
#define MR 8 /* channels of x of a register tile: divides 16 */
#endif
#ifndef NV
#define NV 2 /* vectors of channels of dy of a register tile */
#endif
#ifndef ROWS
#define ROWS 4
#endif
#ifndef COLUMNS
#define COLUMNS TO_W
#endif
#ifndef TO_SLICE
#define TO_SLICE 32 /* a multiple of 16 * NV */
#endif
#ifndef CHUNKS
#define CHUNKS 1
#endif

#define NR (16 * NV)
#define TAPS (KD * KH * KW)
#define READ_H ((ROWS - 1) * SH + (KH - 1) * RH + 1)
#define READ_W ((COLUMNS - 1) * SW + (KW - 1) * RW + 1)
#define WHOLE_ROWS (COLUMNS == TO_W)   /* then rows that follow each other are turned at once */
#define GRADIENT (ROWS * COLUMNS * 16) /* floats of 16 channels of a unit's dy */
#define ROW_BLOCKS ((TO_H + ROWS - 1) / ROWS)
#define COLUMN_BLOCKS ((TO_W + COLUMNS - 1) / COLUMNS)
#define ALL_UNITS (BATCH * TO_D * ROW_BLOCKS * COLUMN_BLOCKS)
#define FROM_PLANE (FROM_D * FROM_H * FROM_W) /* of one channel */
#define TO_PLANE (TO_D * TO_H * TO_W)
#define UNITS_PER_CHUNK ((ALL_UNITS + CHUNKS - 1) / CHUNKS)

/* `count` pixels, one behind the other in each of `channels` planes, become [count][16 lanes]; missing channels are zero. */
static void turn(__global const element *from, size_t plane, int count, int channels, __local real *to)
{
    if (channels >= 16) {
        transpose_panel(from, plane, count, to, 16);
        return;
    }
    for (int p = 0; p < count; p++) {
        vstore16((real16)(0), 0, to + p * 16);
        for (int c = 0; c < channels; c++)
            to[p * 16 + c] = LOAD1(from + (size_t)c * plane + p);
    }
}

static void clear(__local real *to, int pixels)
{
    for (int i = 0; i < pixels; i++)
        vstore16((real16)(0), 0, to + i * 16);
}

/* Rows h0.. and columns w0.. of a plane with what lies around it. dense: room for whole rows that are there. */
static void stage_x(__global const element *plane, int channels, int h0, int w0, __local real *dense, __local real *staged)
{
    const int first = max(h0, 0), end = max(min(h0 + READ_H, FROM_H), first);
    const int left = min(max(-w0, 0), READ_W), width = max(min(FROM_W - w0, READ_W) - left, 0);
#if WHOLE_ROWS
    turn(plane + (size_t)first * FROM_W, FROM_PLANE, (end - first) * FROM_W, channels, dense);
#endif
    for (int q = 0; q < READ_H; q++) {
        const int h = h0 + q;
        __local real *to = staged + q * (READ_W * 16);
        if (h < first || h >= end) {
            clear(to, READ_W);
            continue;
        }
        clear(to, left);
#if WHOLE_ROWS
        for (int i = 0; i < width; i++)
            vstore16(vload16(0, dense + ((h - first) * FROM_W + i) * 16), 0, to + (left + i) * 16);
#else
        turn(plane + h * FROM_W + w0 + left, FROM_PLANE, width, channels, to + left * 16);
#endif
        clear(to + (left + width) * 16, READ_W - left - width);
    }
}

/* 16 channels of a unit's dy. */
static void stage_dy(__global const element *plane, int channels, int rows, int columns, __local real *staged)
{
#if WHOLE_ROWS
    turn(plane, TO_PLANE, rows * TO_W, channels, staged);
#else
    for (int r = 0; r < rows; r++)
        turn(plane + r * TO_W, TO_PLANE, columns, channels, staged + r * (COLUMNS * 16));
#endif
}

/* Adds a unit's products to one tile of sums. */
static inline void add_tile(__local const real *x, __local const real *dy, __local real *sums, int rows, int columns)
{
    real16 acc[MR][NV];
    UNROLL for (int i = 0; i < MR; i++)
        UNROLL for (int j = 0; j < NV; j++)
            acc[i][j] = vload16(0, sums + i * TO_SLICE + j * 16);
    for (int r = 0; r < rows; r++) {
        __local const real *a = x + r * (SH * READ_W * 16), *g = dy + r * (COLUMNS * 16);
        UNROLL_BY(2) for (int p = 0; p < columns; p++) {
            real16 gradient[NV];
            UNROLL for (int j = 0; j < NV; j++)
                gradient[j] = vload16(0, g + j * GRADIENT + p * 16);
            UNROLL for (int i = 0; i < MR; i++) {
                const real16 pixel = (real16)(a[p * (SW * 16) + i]);
                UNROLL for (int j = 0; j < NV; j++)
                    acc[i][j] = fma(pixel, gradient[j], acc[i][j]);
            }
        }
    }
    UNROLL for (int i = 0; i < MR; i++)
        UNROLL for (int j = 0; j < NV; j++)
            vstore16(acc[i][j], 0, sums + i * TO_SLICE + j * 16);
}

/* Groups of work: (blocks of 16 channels of x x slices of dy's, GROUPS, CHUNKS). dw: `element` with one chunk, else [CHUNKS] of
 * `real`. */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void conv_weight_blocks(__global const element *restrict dy, __global const element *restrict x,
#if CHUNKS == 1
                                 __global element *restrict dw)
#else
                                 __global real *restrict dw)
#endif
{
    __local real dense[WHOLE_ROWS ? READ_H * FROM_W * 16 : 16] __attribute__((aligned(64)));
    __local real staged[KD * READ_H * READ_W * 16] __attribute__((aligned(64)));
    __local real gradient[TO_SLICE / 16 * GRADIENT] __attribute__((aligned(64)));
    __local real sums[TAPS * 16 * TO_SLICE] __attribute__((aligned(64)));
    const int blocks = (FROM_CHANNELS + 15) / 16, group = (int)get_group_id(1), chunk = (int)get_group_id(2);
    const int c0 = (int)get_group_id(0) % blocks * 16, o0 = (int)get_group_id(0) / blocks * TO_SLICE;
    const int from = min(16, FROM_CHANNELS - c0), to = min(TO_SLICE, TO_CHANNELS - o0);
    const int first = chunk * UNITS_PER_CHUNK, end = min(first + UNITS_PER_CHUNK, ALL_UNITS);
    clear(sums, TAPS * TO_SLICE);
    for (int unit = first; unit < end; unit++) {
        const int x0 = unit % COLUMN_BLOCKS * COLUMNS, y0 = unit / COLUMN_BLOCKS % ROW_BLOCKS * ROWS;
        const int z = unit / (COLUMN_BLOCKS * ROW_BLOCKS) % TO_D, n = unit / (COLUMN_BLOCKS * ROW_BLOCKS * TO_D);
        const int rows = min(ROWS, TO_H - y0), columns = WHOLE_ROWS ? TO_W : min(COLUMNS, TO_W - x0);
        __global const element *image = x + ((size_t)(n * GROUPS + group) * FROM_CHANNELS + c0) * FROM_PLANE;
        __global const element *result =
            dy + ((size_t)(n * GROUPS + group) * TO_CHANNELS + o0) * TO_PLANE + (size_t)(z * TO_H + y0) * TO_W + x0;
        const int d0 = z * SD - PD; /* planes outside of the image add nothing */
        const int first_d = d0 < 0 ? min((-d0 + RD - 1) / RD, KD) : 0;
        const int end_d = d0 < FROM_D ? min((FROM_D - 1 - d0) / RD + 1, KD) : 0;
        for (int kd = first_d; kd < end_d; kd++)
            stage_x(image + (size_t)(d0 + kd * RD) * (FROM_H * FROM_W), from, y0 * SH - PH, x0 * SW - PW, dense,
                    staged + kd * (READ_H * READ_W * 16));
        for (int o = 0; o < TO_SLICE; o += 16)
            stage_dy(result + (size_t)min(o, to) * TO_PLANE, max(to - o, 0), rows, columns, gradient + o / 16 * GRADIENT);
        for (int o = 0; o < to; o += NR) /* a tile's dy stays in the first-level cache */
            for (int tap = first_d * (KH * KW); tap < end_d * (KH * KW); tap++)
                for (int c = 0; c < 16; c += MR) {
                    const int row = tap / (KH * KW) * READ_H + tap / KW % KH * RH;
                    add_tile(staged + (row * READ_W + tap % KW * RW) * 16 + c, gradient + o / 16 * GRADIENT,
                             sums + (tap * 16 + c) * TO_SLICE + o, rows, columns);
                }
    }
    for (int o = 0; o < to; o++)
        for (int c = 0; c < from; c++)
            for (int tap = 0; tap < TAPS; tap++) {
                const size_t index = ((size_t)(group * TO_CHANNELS + o0 + o) * FROM_CHANNELS + c0 + c) * TAPS + tap;
                const real sum = sums[(tap * 16 + c) * TO_SLICE + o];
#if CHUNKS == 1
                STORE1(sum, dw + index);
#else
                dw[(size_t)chunk * (GROUPS * TO_CHANNELS * FROM_CHANNELS * TAPS) + index] = sum;
#endif
            }
}
