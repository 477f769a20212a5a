/* Gradient of the weights for CPUs: one work-item per work-group, lanes of a vector are neighbouring pixels.
 *
 * dw[oc][c][tap] is the product of dy's pixels with those pixels of x that the tap reads. A group computes TO_SLICE result
 * channels x FROM_SLICE input channels for its chunk of the work, which is units of ROWS result rows of one image. It stages
 * UNITS of them at a time, x as conv/direct.cl does, dy with zeros where a row of x continues behind its end. A register tile
 * sums MR channels x NC columns (a column is an input channel and a tap); its lanes are added up before it leaves the registers.
 * Chunks are added by conv_weight_reduce, always in the same order. */
#include "conv/common.cl"
#include "conv/taps.cl"

#ifndef ROWS
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
#define LISTS ((MR * NC + 15) / 16) /* vectors that hold the sums of a tile */
#define COLUMN_TILES ((COLUMNS + NC - 1) / NC)
#define SUMS ((TO_SLICE + MR - 1) / MR * COLUMN_TILES * (LISTS * 16))
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
static inline void stage_x(__global const element *image, __global const element *limit, __local real *staged, int od, int y0,
                           int channels)
{
    for (int c = 0; c < channels; c++)
        for (int kd = 0; kd < KD; kd++) {
            const int d = od * SD + kd * RD - PD;
            __global const element *plane = image + ((size_t)c * FROM_D + max(d, 0)) * (FROM_H * FROM_W);
            for (int phase = 0; phase < PHASES_H * PHASES_W; phase++) {
                __local real *to = staged + ((c * KD + kd) * (PHASES_H * PHASES_W) + phase) * PLANE;
                const int h0 = y0 * SH + phase / PHASES_W * PHASE_H - PH, b = phase % PHASES_W * PHASE_W;
                for (int q = 0; q < ROWS + SHIFT_H; q++) {
                    const int h = h0 + q * SH;
                    if (d >= 0 && d < FROM_D && h >= 0 && h < FROM_H)
                        stage_row(plane + (size_t)h * FROM_W, limit, to + q * PITCH, b - PW);
                    else
                        clear(to + q * PITCH, PITCH);
                }
            }
        }
}

/* Rows of dy; a row's last vector runs over its end with zeros, and the next row is written behind it. */
static inline void stage_dy(__global const element *image, __global const element *limit, __local real *staged, int y0,
                            int channels)
{
    const int rows = min(ROWS, TO_H - y0);
    for (int o = 0; o < channels; o++) {
        __global const element *from = image + (size_t)o * (TO_D * TO_H * TO_W) + y0 * TO_W;
        __local real *to = staged + o * (VECTORS * 16);
        for (int r = 0; r < rows; r++) {
            __global const element *row = from + r * TO_W;
            int i = 0;
            for (; i + 16 <= TO_W; i += 16)
                vstore16(LOADV(row + i), 0, to + r * PITCH + i);
            if (i < TO_W && row + i + 16 <= limit)
                vstore16(first_lanes(LOADV(row + i), TO_W - i), 0, to + r * PITCH + i);
            else
                for (; i < TO_W; i++)
                    to[r * PITCH + i] = LOAD1(row + i);
        }
        if (rows < ROWS)
            clear(to + rows * PITCH, VECTORS * 16 - rows * PITCH);
    }
}

/* One vector of the sums of 16 vectors' lanes: neighbours are added until each vector is one lane. */
static inline real16 sums_of_lanes(real16 *list)
{
    UNROLL for (int i = 0; i < 8; i++)
        list[i] = (real16)(list[2 * i].even + list[2 * i].odd, list[2 * i + 1].even + list[2 * i + 1].odd);
    UNROLL for (int i = 0; i < 4; i++)
        list[i] = (real16)(list[2 * i].even + list[2 * i].odd, list[2 * i + 1].even + list[2 * i + 1].odd);
    UNROLL for (int i = 0; i < 2; i++)
        list[i] = (real16)(list[2 * i].even + list[2 * i].odd, list[2 * i + 1].even + list[2 * i + 1].odd);
    return (real16)(list[0].even + list[0].odd, list[1].even + list[1].odd);
}

/* Adds the products of `units` staged units to a tile of sums. What lies behind the last channel or column repeats the last
 * one, and is not used. */
static inline void add_tile(__local const real *x, __local const int *offsets, __local const real *dy, __local real *sums, int o,
                            int column, int channels, int columns, int units)
{
    real16 acc[MR][NC];
    int from[NC], gradient[MR];
    UNROLL for (int j = 0; j < NC; j++)
        from[j] = offsets[min(column + j, columns - 1)];
    UNROLL for (int i = 0; i < MR; i++)
        gradient[i] = min(o + i, channels - 1) * (VECTORS * 16);
    UNROLL for (int i = 0; i < MR; i++)
        UNROLL for (int j = 0; j < NC; j++)
            acc[i][j] = (real16)(0);
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
    UNROLL for (int l = 0; l < LISTS; l++) {
        real16 list[16];
        UNROLL for (int k = 0; k < 16; k++)
            list[k] = l * 16 + k < MR * NC ? acc[(l * 16 + k) % (MR * NC) / NC][(l * 16 + k) % NC] : (real16)(0);
        vstore16(vload16(0, sums + l * 16) + sums_of_lanes(list), 0, sums + l * 16);
    }
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
    __local real gradient[UNITS * TO_SLICE * VECTORS * 16 + 16] __attribute__((aligned(64)));
    __local real sums[SUMS] __attribute__((aligned(64)));
    const int from_slices = (FROM_CHANNELS + FROM_SLICE - 1) / FROM_SLICE;
    const int c0 = (int)get_group_id(0) % from_slices * FROM_SLICE, o0 = (int)get_group_id(0) / from_slices * TO_SLICE;
    const int group = (int)get_group_id(1), chunk = (int)get_group_id(2);
    const int from = min(FROM_SLICE, FROM_CHANNELS - c0), to = min(TO_SLICE, TO_CHANNELS - o0);
    const int first = chunk * UNITS_PER_CHUNK, end = min(first + UNITS_PER_CHUNK, ALL_UNITS);
    __local int offsets[COLUMNS];
    __global const element *end_of_x = x + (size_t)BATCH * GROUPS * FROM_CHANNELS * (FROM_D * FROM_H * FROM_W);
    __global const element *end_of_dy = dy + (size_t)BATCH * GROUPS * TO_CHANNELS * (TO_D * TO_H * TO_W);
    for (int column = 0; column < COLUMNS; column++)
        offsets[column] = column_offset(column);
    clear(staged, STAGED);
    clear(gradient, UNITS * TO_SLICE * VECTORS * 16);
    clear(sums, SUMS);
    for (int unit = first; unit < end; unit += UNITS) {
        const int units = min(UNITS, end - unit);
        for (int u = 0; u < units; u++) {
            const int here = unit + u, y0 = here % ROW_BLOCKS * ROWS;
            const int od = here / ROW_BLOCKS % TO_D, n = here / (ROW_BLOCKS * TO_D);
            stage_x(x + ((size_t)(n * GROUPS + group) * FROM_CHANNELS + c0) * (FROM_D * FROM_H * FROM_W),
                    end_of_x, staged + u * UNIT_FLOATS, od, y0, from);
            stage_dy(dy + (((size_t)(n * GROUPS + group) * TO_CHANNELS + o0) * TO_D + od) * (TO_H * TO_W),
                     end_of_dy, gradient + u * (TO_SLICE * VECTORS * 16), y0, to);
        }
        for (int o = 0; o < to; o += MR) /* a tile's rows of dy stay in the first-level cache */
            for (int column = 0; column < from * TAPS; column += NC)
                add_tile(staged, offsets, gradient, sums + (o / MR * COLUMN_TILES + column / NC) * (LISTS * 16), o, column, to,
                         from * TAPS, units);
    }
    for (int o = 0; o < to; o++)
        for (int column = 0; column < from * TAPS; column++) {
            const size_t index = ((size_t)(group * TO_CHANNELS + o0 + o) * FROM_CHANNELS + c0) * TAPS + column;
            const real sum = sums[(o / MR * COLUMN_TILES + column / NC) * (LISTS * 16) + o % MR * NC + column % NC];
#if CHUNKS == 1
            STORE1(sum, dw + index);
#else
            dw[(size_t)chunk * (GROUPS * TO_CHANNELS * FROM_CHANNELS * TAPS) + index] = sum;
#endif
        }
}
