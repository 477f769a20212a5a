/* Gradient of the weights for CPUs: one work-item per work-group, lanes of a vector are neighbouring pixels.
 *
 * dw[oc][c][tap] is the product of dy's pixels with those pixels of x that the tap reads. A group computes TO_SLICE result
 * channels x FROM_SLICE input channels for its chunk of the work, which is units of ROWS result rows of one image. It stages
 * UNITS of them at a time, x as conv/direct.cl does, dy with zeros where a row of x continues behind its end. A register tile
 * sums MR channels x NC columns (a column is an input channel and a tap); lanes are added up at the very end, chunks by
 * conv_weight_reduce, always in the same order. */
#include "conv/common.cl"

#ifndef FROM_CHANNELS
#define GROUPS 1
#define BATCH 2
#define FROM_CHANNELS 5 /* of a group: of x */
#define TO_CHANNELS 11  /* of a group: of dy */
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
#define PHASES_H 1
#define PHASES_W 1
#define PHASE_H 1
#define PHASE_W 1
#define PITCH 10
#define ROWS 4
#endif
#ifndef MR
#define MR 8 /* channels of a register tile */
#endif
#ifndef NC
#define NC 3 /* columns of a register tile */
#endif
#ifndef UNITS
#define UNITS 2
#endif
#ifndef TO_SLICE
#define TO_SLICE TO_CHANNELS
#endif
#ifndef FROM_SLICE
#define FROM_SLICE FROM_CHANNELS
#endif
#ifndef CHUNKS
#define CHUNKS 1
#endif

#define SHIFT_H ((KH - 1) * RH / SH)
#define PLANE ((ROWS + SHIFT_H) * PITCH)
#define CHANNEL (KD * PHASES_H * PHASES_W * PLANE)
#define VECTORS (((ROWS - 1) * PITCH + TO_W + 15) / 16)
#define TAPS (KD * KH * KW)
#define COLUMNS (FROM_SLICE * TAPS)
#define UNIT_FLOATS (FROM_SLICE * CHANNEL)
#define STAGED ((UNITS * UNIT_FLOATS + 32 + (KW - 1) * RW / SW + 15) / 16 * 16)
#define ROW_BLOCKS ((TO_H + ROWS - 1) / ROWS)
#define ALL_UNITS (BATCH * TO_D * ROW_BLOCKS)
#define UNITS_PER_CHUNK ((ALL_UNITS + CHUNKS - 1) / CHUNKS)

#include "conv/stage.cl"

/* Where in a unit's staged x the pixels of a column begin. */
static inline int column_offset(int column)
{
    const int c = column / TAPS, kd = column % TAPS / (KH * KW), kh = column % (KH * KW) / KW, kw = column % KW;
    return c * CHANNEL + (kd * PHASES_H + kh * RH % SH / PHASE_H) * PHASES_W * PLANE + kh * RH / SH * PITCH +
           (kw * RW % SW / PHASE_W) * PLANE + kw * RW / SW;
}

static inline void clear(__local real *to, int count)
{
    int i = 0;
    for (; i + 16 <= count; i += 16)
        vstore16((real16)(0), 0, to + i);
    for (; i < count; i++)
        to[i] = 0;
}

/* Rows that a unit's results read; what lies outside of the image is zero. */
static inline void stage_x(__global const element *image, __local real *staged, int od, int y0, int channels)
{
    for (int c = 0; c < channels; c++)
        for (int kd = 0; kd < KD; kd++) {
            const int d = od * SD + kd * RD - PD;
            __global const element *plane = image + ((size_t)c * FROM_D + max(d, 0)) * (FROM_H * FROM_W);
            for (int a = 0; a < PHASES_H; a++)
                for (int q = 0; q < ROWS + SHIFT_H; q++) {
                    const int h = (y0 + q) * SH + a * PHASE_H - PH;
                    __local real *to = staged + ((c * KD + kd) * PHASES_H + a) * PHASES_W * PLANE + q * PITCH;
                    for (int b = 0; b < PHASES_W; b++) {
                        if (d >= 0 && d < FROM_D && h >= 0 && h < FROM_H)
                            stage_row(plane + (size_t)h * FROM_W, to + b * PLANE, b * PHASE_W);
                        else
                            clear(to + b * PLANE, PITCH);
                    }
                }
        }
}

static inline void stage_dy(__global const element *image, __local real *staged, int y0, int channels)
{
    const int rows = min(ROWS, TO_H - y0);
    for (int o = 0; o < channels; o++) {
        __global const element *from = image + (size_t)o * (TO_D * TO_H * TO_W) + y0 * TO_W;
        __local real *to = staged + o * (VECTORS * 16);
        for (int r = 0; r < rows; r++) {
            int i = 0;
            for (; i + 16 <= TO_W; i += 16)
                vstore16(LOADV(from + r * TO_W + i), 0, to + r * PITCH + i);
            if (i + 8 <= TO_W) {
                vstore8(LOAD8(from + r * TO_W + i), 0, to + r * PITCH + i);
                i += 8;
            }
            for (; i < TO_W; i++)
                to[r * PITCH + i] = LOAD1(from + r * TO_W + i);
        }
        if (rows < ROWS)
            clear(to + rows * PITCH, VECTORS * 16 - rows * PITCH);
    }
}

/* Adds the products of `units` staged units to a tile of sums; channels and columns behind the last repeat it, and are not
 * used. */
static inline void add_tile(__local const real *x, __local const real *dy, __local real *sums, int o, int column, int channels,
                            int columns, int units)
{
    real16 acc[MR][NC];
    int from[NC], gradient[MR];
    UNROLL for (int j = 0; j < NC; j++)
        from[j] = column_offset(min(column + j, columns - 1));
    UNROLL for (int i = 0; i < MR; i++)
        gradient[i] = min(o + i, channels - 1) * (VECTORS * 16);
    UNROLL for (int i = 0; i < MR; i++)
        UNROLL for (int j = 0; j < NC; j++)
            acc[i][j] = vload16(0, sums + ((o + i) * COLUMNS + min(column + j, columns - 1)) * 16);
    for (int u = 0; u < units; u++)
        for (int v = 0; v < VECTORS; v++) {
            real16 pixels[NC];
            UNROLL for (int j = 0; j < NC; j++)
                pixels[j] = vload16(0, x + u * UNIT_FLOATS + from[j] + v * 16);
            UNROLL for (int i = 0; i < MR; i++) {
                const real16 g = vload16(0, dy + u * (TO_SLICE * VECTORS * 16) + gradient[i] + v * 16);
                UNROLL for (int j = 0; j < NC; j++)
                    acc[i][j] = fma(g, pixels[j], acc[i][j]);
            }
        }
    UNROLL for (int i = 0; i < MR; i++)
        UNROLL for (int j = 0; j < NC; j++)
            if (o + i < channels && column + j < columns)
                vstore16(acc[i][j], 0, sums + ((o + i) * COLUMNS + column + j) * 16);
}

static inline real sum_of_lanes(real16 v)
{
    const real8 a = v.lo + v.hi;
    const real4 b = a.lo + a.hi;
    return (b.x + b.z) + (b.y + b.w);
}

/* Groups of work: (slices of x's channels x slices of dy's, GROUPS, CHUNKS). dw: `element` with one chunk, else [CHUNKS] of
 * `real`. */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void conv_weight_direct(__global const element *restrict dy, __global const element *restrict x,
#if CHUNKS == 1
                                 __global element *restrict dw)
#else
                                 __global real *restrict dw)
#endif
{
    __local real staged[STAGED] __attribute__((aligned(64)));
    __local real gradient[UNITS * TO_SLICE * VECTORS * 16] __attribute__((aligned(64)));
    __local real sums[(TO_SLICE + MR) * COLUMNS * 16] __attribute__((aligned(64)));
    const int from_slices = (FROM_CHANNELS + FROM_SLICE - 1) / FROM_SLICE;
    const int c0 = (int)get_group_id(0) % from_slices * FROM_SLICE, o0 = (int)get_group_id(0) / from_slices * TO_SLICE;
    const int group = (int)get_group_id(1), chunk = (int)get_group_id(2);
    const int from = min(FROM_SLICE, FROM_CHANNELS - c0), to = min(TO_SLICE, TO_CHANNELS - o0);
    const int first = chunk * UNITS_PER_CHUNK, end = min(first + UNITS_PER_CHUNK, ALL_UNITS);
    clear(staged, STAGED);
    clear(gradient, UNITS * TO_SLICE * VECTORS * 16);
    clear(sums, (TO_SLICE + MR) * COLUMNS * 16);
    for (int unit = first; unit < end; unit += UNITS) {
        const int units = min(UNITS, end - unit);
        for (int u = 0; u < units; u++) {
            const int here = unit + u, y0 = here % ROW_BLOCKS * ROWS;
            const int od = here / ROW_BLOCKS % TO_D, n = here / (ROW_BLOCKS * TO_D);
            stage_x(x + ((size_t)(n * GROUPS + group) * FROM_CHANNELS + c0) * (FROM_D * FROM_H * FROM_W),
                    staged + u * UNIT_FLOATS, od, y0, from);
            stage_dy(dy + (((size_t)(n * GROUPS + group) * TO_CHANNELS + o0) * TO_D + od) * (TO_H * TO_W),
                     gradient + u * (TO_SLICE * VECTORS * 16), y0, to);
        }
        for (int column = 0; column < from * TAPS; column += NC)
            for (int o = 0; o < to; o += MR)
                add_tile(staged, gradient, sums, o, column, to, from * TAPS, units);
    }
    for (int o = 0; o < to; o++)
        for (int column = 0; column < from * TAPS; column++) {
            const size_t index = ((size_t)(group * TO_CHANNELS + o0 + o) * FROM_CHANNELS + c0) * TAPS + column;
            const real sum = sum_of_lanes(vload16(0, sums + (o * COLUMNS + column) * 16));
#if CHUNKS == 1
            STORE1(sum, dw + index);
#else
            dw[(size_t)chunk * (GROUPS * TO_CHANNELS * FROM_CHANNELS * TAPS) + index] = sum;
#endif
        }
}
