/* Pooling for CPUs in blocks of 16 channels (conv/blocked.cl): lanes are channels. A group computes ROWS rows of one block of
 * channels of one image. -DMAXIMUM: the maximum (a NaN wins), else the average over the window's pixels inside the image or
 * (-DCOUNT_PAD) inside image and padding. */
#include "conv/common.cl"
#include "conv/geometry.cl"

#ifndef ROWS
#define ROWS 4
#endif

/* Taps of a window that begins at `first` that lie in low..high-1. */
static inline int taps_inside(int first, int taps, int dilation, int low, int high)
{
    int count = 0;
    for (int k = 0; k < taps; k++)
        count += first + k * dilation >= low && first + k * dilation < high;
    return count;
}

/* Groups of work: (row blocks, batch * blocks of channels). */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void pool_blocked(__global const element *restrict x, __global element *restrict y)
{
    const int y0 = (int)get_group_id(0) * ROWS;
    __global const element *image = x + get_group_id(1) * (size_t)(IH * IW * 16);
    __global element *to = y + get_group_id(1) * (size_t)(OH * OW * 16);
    for (int oh = y0; oh < min(y0 + ROWS, OH); oh++) {
        const int h0 = oh * SH - PH;
        for (int ow = 0; ow < OW; ow++) {
            const int w0 = ow * SW - PW;
#ifdef MAXIMUM
            real16 best = (real16)(LOWEST);
#else
            real16 best = (real16)(0);
#endif
            for (int kh = 0; kh < KH; kh++) {
                const int h = h0 + kh * RH;
                for (int kw = 0; kw < KW && h >= 0 && h < IH; kw++) {
                    const int w = w0 + kw * RW;
                    if (w < 0 || w >= IW)
                        continue;
                    const real16 value = LOADV(image + (h * IW + w) * 16);
#ifdef MAXIMUM
                    best = value > best || isnan(value) ? value : best; /* nothing is greater than a NaN */
#else
                    best += value;
#endif
                }
            }
#ifndef MAXIMUM
#ifdef COUNT_PAD
            const int count = taps_inside(h0, KH, RH, -PH, IH + EH) * taps_inside(w0, KW, RW, -PW, IW + EW);
#else
            const int count = taps_inside(h0, KH, RH, 0, IH) * taps_inside(w0, KW, RW, 0, IW);
#endif
            best /= (real16)(max(count, 1));
#endif
            STOREV(best, to + (oh * OW + ow) * 16);
        }
    }
}
