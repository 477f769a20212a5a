/* Pooling for CPUs: one work-item per work-group, lanes of a vector are neighbouring pixels. A maximum or a sum over a window
 * is taken along rows first and then along columns. A group computes ROWS rows of results of PLANES images, one after the
 * other: it stages the image rows that they read, padded and split by column phase as in conv/direct.cl, combines the taps of a
 * row, then the rows. -DMAXIMUM: the maximum (a NaN wins), else the average, -DCOUNT_PAD: over the padding too. Depth must be
 * 1. */
#include "conv/common.cl"
#include "conv/geometry.cl"

#ifndef PITCH
#define PITCH 10
#define PHASES_W 1 /* column phases that taps use, PHASE_W apart */
#define PHASE_W 1
#endif
#ifndef ROWS
#define ROWS 4
#endif
#ifndef PLANES
#define PLANES 2
#endif


#define NEEDED ((ROWS - 1) * SH + (KH - 1) * RH + 1) /* image rows of a block */
#define PLANE (NEEDED * PITCH)
#define VECTORS ((PLANE + 15) / 16)
#define SHIFT_W ((KW - 1) * RW / SW)
#define STAGED ((PHASES_W * PLANE + 32 + SHIFT_W + 15) / 16 * 16)
#define COLUMN_OFFSET(kw) (((kw) * RW % SW / PHASE_W) * PLANE + (kw) * RW / SW)
/* Rows lie in memory as they are staged: all of a block are one run of pixels. */
#define ONE_RUN (PW == 0 && (SW == 1 ? PITCH == IW : SW == 2 && IW % 2 == 0 && PITCH == IW / 2))

#include "pool/window.cl"

#define FROM_W IW
#define PAD_VALUE EMPTY
#include "conv/stage.cl"

static inline void fill(__local real *to, int count)
{
    for (int i = 0; i < count; i += 16)
        vstore16((real16)(EMPTY), 0, to + i);
}

static inline void stage(__global const element *image, __global const element *limit, __local real *staged, int first, int rows)
{
    for (int b = 0; b < PHASES_W; b++)
        for (int q = 0; q < rows; q++) {
            const int h = first + q;
            __local real *to = staged + b * PLANE + q * PITCH;
            if (h >= 0 && h < IH)
                stage_row(image + (size_t)h * IW, limit, to, b * PHASE_W - PW);
            else
                for (int i = 0; i < PITCH; i++)
                    to[i] = EMPTY;
        }
}

#if ONE_RUN
/* Rows first .. first + rows - 1, all inside the image. */
static inline void stage_run(__global const element *image, __local real *staged, int first, int rows)
{
    __global const element *from = image + (size_t)first * IW;
    int i = 0;
#if SW == 1
    for (; i + 16 <= rows * PITCH; i += 16)
        vstore16(LOADV(from + i), 0, staged + i);
    for (; i < rows * PITCH; i++)
        staged[i] = LOAD1(from + i);
#else
    for (; i + 16 <= rows * PITCH; i += 16) {
        const real16 low = LOADV(from + 2 * i), high = LOADV(from + 2 * i + 16);
        vstore16((real16)(low.even, high.even), 0, staged + i);
        if (PHASES_W > 1)
            vstore16((real16)(low.odd, high.odd), 0, staged + PLANE + i);
    }
    for (; i < rows * PITCH; i++)
        for (int b = 0; b < PHASES_W; b++)
            staged[b * PLANE + i] = LOAD1(from + 2 * i + b);
#endif
}
#endif

/* Groups of work: (row blocks, blocks of PLANES images). */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void pool_rows(__global const element *restrict x, __global element *restrict y)
{
    __local real staged[STAGED] __attribute__((aligned(64)));
    __local real across[VECTORS * 16 + 16] __attribute__((aligned(64)));
    __local real joined[ROWS * OW + 32] __attribute__((aligned(64)));
    const int y0 = (int)get_group_id(0) * ROWS, rows = min(ROWS, OH - y0), first = y0 * SH - PH;
    const int plane0 = (int)get_group_id(1) * PLANES, plane1 = min(plane0 + PLANES, BATCH * CHANNELS);
#ifndef MAXIMUM
    __local real share[OW + 16]; /* of each column: 1 / taps */
    for (int i = 0; i < OW; i++)
        share[i] = (real)1 / taps_counted(i, KW, SW, RW, PW, EW, IW);
#endif
    fill(staged, STAGED);
    for (int plane = plane0; plane < plane1; plane++) {
        __global const element *image = x + (size_t)plane * (IH * IW);
        __global element *out = y + (size_t)plane * (OH * OW) + y0 * OW;
#if ONE_RUN
        if (first >= 0 && first + NEEDED <= IH)
            stage_run(image, staged, first, NEEDED);
        else
#endif
            stage(image, x + (size_t)BATCH * CHANNELS * (IH * IW), staged, first, NEEDED);
        for (int v = 0; v < VECTORS; v++) {
            real16 best = vload16(0, staged + COLUMN_OFFSET(0) + v * 16);
            UNROLL_BY(8) for (int kw = 1; kw < KW; kw++)
            {
                const real16 pixels = vload16(0, staged + COLUMN_OFFSET(kw) + v * 16);
                best = COMBINE(best, pixels);
            }
            vstore16(best, 0, across + v * 16);
        }
        for (int r = 0; r < rows; r++) {
            __local const real *row = across + r * (SH * PITCH);
#ifndef MAXIMUM
            const real of_row = (real)1 / taps_counted(y0 + r, KH, SH, RH, PH, EH, IH);
#endif
            for (int i = 0; i < OW; i += 16) {
                const int from = OW >= 16 ? min(i, OW - 16) : i; /* the last vector overlaps the one before */
                real16 best = vload16(0, row + from);
                for (int kh = 1; kh < KH; kh++) {
                    const real16 pixels = vload16(0, row + kh * (RH * PITCH) + from);
                    best = COMBINE(best, pixels);
                }
#ifndef MAXIMUM
                best *= vload16(0, share + from) * of_row;
#endif
                if (OW >= 16)
                    STOREV(best, out + r * OW + from);
                else
                    vstore16(best, 0, joined + r * OW);
            }
        }
        if (OW < 16)
            store_joined(joined, rows * OW, out);
    }
}
