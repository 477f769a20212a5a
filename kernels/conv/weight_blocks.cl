/* Gradient of the weights for CPUs as a product over pixels: one work-item per work-group, lanes of a vector are channels of dy.
 *
 * A group computes 16 input channels x TO_SLICE result channels, all taps, for its chunk of the work, which is units of ROWS result rows
 * of one image. It turns the unit's images into [pixels][16 channels] in local memory, x with its padding; then each pixel of x is
 * broadcast to the vectors of dy that read it: a register tile sums MR channels of x x NV vectors of channels of dy over the unit's
 * pixels. Chunks are added by conv_weight_reduce, always in the same order. Names of the geometry as in conv/direct.cl. */
#include "conv/common.cl"
#include "common/transpose.cl"

#ifndef FROM_CHANNELS
#define GROUPS 1
#define BATCH 2
#define FROM_CHANNELS 20 /* of a group: of x */
#define TO_CHANNELS 35   /* of a group: of dy */
#define FROM_H 9
#define FROM_W 9
#define TO_H 9
#define TO_W 9
#define KH 3
#define KW 3
#define SH 1
#define SW 1
#define RH 1
#define RW 1
#define PH 1
#define PW 1
#endif
#ifndef MR
#define MR 8 /* channels of x of a register tile: divides 16 */
#endif
#ifndef NV
#define NV 2 /* vectors of channels of dy of a register tile */
#endif
#ifndef ROWS
#define ROWS 4
#endif
#ifndef TO_SLICE
#define TO_SLICE 32 /* a multiple of 16 * NV */
#endif
#ifndef CHUNKS
#define CHUNKS 1
#endif

#define NR (16 * NV)
#define TAPS (KH * KW)
#define READ_H ((ROWS - 1) * SH + (KH - 1) * RH + 1)
#define READ_W ((TO_W - 1) * SW + (KW - 1) * RW + 1)
#define GRADIENT (ROWS * TO_W * 16) /* floats of 16 channels of a unit's dy */
#define ROW_BLOCKS ((TO_H + ROWS - 1) / ROWS)
#define ALL_UNITS (BATCH * ROW_BLOCKS)
#define UNITS_PER_CHUNK ((ALL_UNITS + CHUNKS - 1) / CHUNKS)

/* `count` pixels, one behind the other in each of `channels` planes, become [count][16 lanes]; missing channels are zero. */
static void turn(__global const element *from, size_t plane, int count, int channels, __local real *to)
{
    if (channels >= 16) {
        transpose_panel(from, plane, count, to, 16);
        return;
    }
    for (int p = 0; p < count; p++)
        for (int c = 0; c < 16; c++)
            to[p * 16 + c] = c < channels ? LOAD1(from + (size_t)c * plane + p) : (real)0;
}

static void clear(__local real *to, int pixels)
{
    for (int i = 0; i < pixels; i++)
        vstore16((real16)(0), 0, to + i * 16);
}

/* Rows h0.. of an image with what lies around it. dense: room for the rows that are there. */
static void stage_x(__global const element *image, int channels, int h0, __local real *dense, __local real *staged)
{
    const int first = max(h0, 0), end = max(min(h0 + READ_H, FROM_H), first);
    const int left = min(PW, READ_W), width = max(min(FROM_W, READ_W - PW), 0);
    turn(image + (size_t)first * FROM_W, FROM_H * FROM_W, (end - first) * FROM_W, channels, dense);
    for (int q = 0; q < READ_H; q++) {
        const int h = h0 + q;
        __local real *to = staged + q * (READ_W * 16);
        if (h < first || h >= end) {
            clear(to, READ_W);
            continue;
        }
        clear(to, left);
        for (int i = 0; i < width; i++)
            vstore16(vload16(0, dense + ((h - first) * FROM_W + i) * 16), 0, to + (left + i) * 16);
        clear(to + (left + width) * 16, READ_W - left - width);
    }
}

/* Adds a unit's products to one tile of sums. */
static inline void add_tile(__local const real *x, __local const real *dy, __local real *sums, int rows)
{
    real16 acc[MR][NV];
    UNROLL for (int i = 0; i < MR; i++)
        UNROLL for (int j = 0; j < NV; j++)
            acc[i][j] = vload16(0, sums + i * TO_SLICE + j * 16);
    for (int r = 0; r < rows; r++) {
        __local const real *a = x + r * (SH * READ_W * 16), *g = dy + r * (TO_W * 16);
        UNROLL_BY(2) for (int p = 0; p < TO_W; p++) {
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
    __local real dense[READ_H * FROM_W * 16] __attribute__((aligned(64)));
    __local real staged[READ_H * READ_W * 16] __attribute__((aligned(64)));
    __local real gradient[TO_SLICE / 16 * GRADIENT] __attribute__((aligned(64)));
    __local real sums[TAPS * 16 * TO_SLICE] __attribute__((aligned(64)));
    const int blocks = (FROM_CHANNELS + 15) / 16, group = (int)get_group_id(1), chunk = (int)get_group_id(2);
    const int c0 = (int)get_group_id(0) % blocks * 16, o0 = (int)get_group_id(0) / blocks * TO_SLICE;
    const int from = min(16, FROM_CHANNELS - c0), to = min(TO_SLICE, TO_CHANNELS - o0);
    const int first = chunk * UNITS_PER_CHUNK, end = min(first + UNITS_PER_CHUNK, ALL_UNITS);
    clear(sums, TAPS * TO_SLICE);
    for (int unit = first; unit < end; unit++) {
        const int y0 = unit % ROW_BLOCKS * ROWS, n = unit / ROW_BLOCKS, rows = min(ROWS, TO_H - y0);
        __global const element *result = dy + ((size_t)(n * GROUPS + group) * TO_CHANNELS + o0) * (TO_H * TO_W) + y0 * TO_W;
        stage_x(x + ((size_t)(n * GROUPS + group) * FROM_CHANNELS + c0) * (FROM_H * FROM_W), from, y0 * SH - PH, dense, staged);
        for (int o = 0; o < TO_SLICE; o += 16)
            turn(result + (size_t)min(o, to) * (TO_H * TO_W), TO_H * TO_W, rows * TO_W, max(to - o, 0), gradient + o / 16 * GRADIENT);
        for (int o = 0; o < to; o += NR) /* a tile's dy stays in the first-level cache */
            for (int tap = 0; tap < TAPS; tap++)
                for (int c = 0; c < 16; c += MR)
                    add_tile(staged + (tap / KW * (RH * READ_W) + tap % KW * RW) * 16 + c, gradient + o / 16 * GRADIENT,
                             sums + (tap * 16 + c) * TO_SLICE + o, rows);
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
