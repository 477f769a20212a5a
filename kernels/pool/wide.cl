/* Pooling for CPUs of images at least 16 wide: one work-item per work-group, lanes of a vector are neighbouring pixels. A group computes
 * ROWS rows of results of PLANES images, one after the other: the image rows of each window are combined as they are loaded, then the
 * columns, from a padded row in local memory. -DMAXIMUM: the maximum (a NaN wins), else the average, -DCOUNT_PAD: over the padding too.
 * Depth must be 1, the horizontal stride 1 or 2. */
#include "conv/common.cl"
#include "conv/geometry.cl"

#ifndef ROWS
#define ROWS 4
#define PLANES 2
#endif

#include "pool/window.cl"

#define READ ((OW - 1) * SW + (KW - 1) * RW + 1) /* columns that windows reach, padding included */
#define PITCH (((READ > PW + IW ? READ : PW + IW) + 16 * SW + 15) / 16 * 16)
#if SW == 1
#define COLUMNS(p) vload16(0, p)
#else
#define COLUMNS(p) (real16)(vload16(0, p).even, vload16(1, p).even)
#endif

/* The image rows of the window that begins at row h0, combined. */
static inline void combine_rows(__global const element *image, int h0, __local real *to)
{
    const bool inner = h0 >= 0 && h0 + (KH - 1) * RH < IH;
    for (int i = 0; i < IW; i += 16) {
        const int at = min(i, IW - 16); /* the last vector overlaps the one before */
        real16 best = (real16)(EMPTY);
        if (inner) {
            best = LOADV(image + h0 * IW + at);
            UNROLL_BY(8) for (int kh = 1; kh < KH; kh++)
            {
                const real16 pixels = LOADV(image + (h0 + kh * RH) * IW + at);
                best = COMBINE(best, pixels);
            }
        } else {
            for (int kh = 0; kh < KH; kh++) {
                const int h = h0 + kh * RH;
                if (h >= 0 && h < IH) {
                    const real16 pixels = LOADV(image + h * IW + at);
                    best = COMBINE(best, pixels);
                }
            }
        }
        vstore16(best, 0, to + at);
    }
}

/* Groups of work: (row blocks, blocks of PLANES images). */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void pool_wide(__global const element *restrict x, __global element *restrict y)
{
    __local real combined[ROWS * PITCH] __attribute__((aligned(64)));
#if OW < 16
    __local real joined[ROWS * OW + 16] __attribute__((aligned(64)));
#endif
    const int y0 = (int)get_group_id(0) * ROWS, rows = min(ROWS, OH - y0);
    const int plane0 = (int)get_group_id(1) * PLANES, plane1 = min(plane0 + PLANES, BATCH * CHANNELS);
#ifndef MAXIMUM
    __local real share[OW + 16]; /* of each column: 1 / taps */
    for (int i = 0; i < OW; i++)
        share[i] = (real)1 / taps_counted(i, KW, SW, RW, PW, EW, IW);
#endif
    for (int i = 0; i < ROWS * PITCH; i += 16)
        vstore16((real16)(EMPTY), 0, combined + i);
    for (int plane = plane0; plane < plane1; plane++) {
        __global const element *image = x + (size_t)plane * (IH * IW);
        __global element *out = y + (size_t)plane * (OH * OW) + y0 * OW;
        for (int r = 0; r < rows; r++)
            combine_rows(image, (y0 + r) * SH - PH, combined + r * PITCH + PW);
        for (int r = 0; r < rows; r++) {
            __local const real *row = combined + r * PITCH;
#ifndef MAXIMUM
            const real of_row = (real)1 / taps_counted(y0 + r, KH, SH, RH, PH, EH, IH);
#endif
            for (int i = 0; i < OW; i += 16) {
                const int from = OW >= 16 ? min(i, OW - 16) : i;
                real16 best = COLUMNS(row + from * SW);
                UNROLL_BY(8) for (int kw = 1; kw < KW; kw++)
                {
                    const real16 pixels = COLUMNS(row + from * SW + kw * RW);
                    best = COMBINE(best, pixels);
                }
#ifndef MAXIMUM
                best *= vload16(0, share + from) * of_row;
#endif
#if OW >= 16
                STOREV(best, out + r * OW + from);
#else
                vstore16(best, 0, joined + r * OW);
#endif
            }
        }
#if OW < 16
        store_joined(joined, rows * OW, out);
#endif
    }
}
