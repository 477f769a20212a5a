/* Gradient of pooling for CPUs: one work-item per work-group and PLANES whole images, lanes of a vector are neighbouring
 * windows. x and the sums of dx lie in local memory split by phase of rows and columns as in conv/direct.cl, so that one tap of
 * 16 windows is one vector: each tap adds its share of dy in a fixed order. -DMAXIMUM: the first maximum of a window takes all,
 * else every element the same share, -DCOUNT_PAD: over the padding too. Depth must be 1. */
#include "conv/common.cl"
#include "conv/geometry.cl"
#include "common/turn.cl"
TURN_FUNCTIONS(real16)

#ifndef PITCH
#define PITCH 10
#define PHASES_H 1 /* phases that taps use, PHASE_ apart */
#define PHASES_W 1
#define PHASE_H 1
#define PHASE_W 1
#endif
#ifndef PLANES
#define PLANES 2
#endif

#define FROM_W IW
#define PAD_VALUE (-INFINITY)
#include "conv/stage.cl"

#define SHIFT_H ((KH - 1) * RH / SH)
#define SHIFT_W ((KW - 1) * RW / SW)
#define PLANE ((OH + SHIFT_H) * PITCH)
#define VECTORS (((OH - 1) * PITCH + OW + 15) / 16)
#define STAGED ((PHASES_H * PHASES_W * PLANE + 32 + SHIFT_W + 15) / 16 * 16)
#define OFFSET(kh, kw)                                                                                                        \
    (((kh) * RH % SH / PHASE_H * PHASES_W + (kw) * RW % SW / PHASE_W) * PLANE + (kh) * RH / SH * PITCH + (kw) * RW / SW)

static inline void fill(__local real *to, int count, real value)
{
    for (int i = 0; i < count; i += 16)
        vstore16((real16)(value), 0, to + i);
}

/* dy with a row's gap to the next one zero (it was filled before). */
static inline void stage_gradient(__global const element *from, __local real *gradient)
{
    for (int r = 0; r < OH; r++) {
        int i = 0;
        for (; i + 16 <= OW; i += 16)
            vstore16(LOADV(from + r * OW + i), 0, gradient + r * PITCH + i);
        if (i + 8 <= OW) {
            vstore8(LOAD8(from + r * OW + i), 0, gradient + r * PITCH + i);
            i += 8;
        }
        if (i + 4 <= OW) {
            vstore4(LOAD4(from + r * OW + i), 0, gradient + r * PITCH + i);
            i += 4;
        }
        for (; i < OW; i++)
            gradient[r * PITCH + i] = LOAD1(from + r * OW + i);
    }
}

#ifdef MAXIMUM
static inline void stage_image(__global const element *image, __global const element *limit, __local real *staged)
{
    for (int phase = 0; phase < PHASES_H * PHASES_W; phase++)
        for (int q = 0; q < OH + SHIFT_H; q++) {
            const int h = q * SH + phase / PHASES_W * PHASE_H - PH;
            if (h >= 0 && h < IH)
                stage_row(image + (size_t)h * IW, limit, staged + phase * PLANE + q * PITCH, phase % PHASES_W * PHASE_W - PW);
        }
}

/* Tap by tap over all windows: the sums of neighbouring taps overlap, and reading what was just written in other pieces stalls
 * a core. What is left of dy after the first maximum is 0. */
static inline void spread(__local const real *pixels, __local real *gradient, __local real *sums)
{
    __local real *best = sums + STAGED;
    for (int v = 0; v < VECTORS; v++) {
        real16 largest = (real16)(-INFINITY);
        for (int kh = 0; kh < KH; kh++)
            UNROLL_BY(4) for (int kw = 0; kw < KW; kw++)
            {
                const real16 x = vload16(0, pixels + OFFSET(kh, kw) + v * 16);
                largest = x > largest || x != x ? x : largest;
            }
        vstore16(largest, 0, best + v * 16);
    }
    for (int kh = 0; kh < KH; kh++)
        for (int kw = 0; kw < KW; kw++)
            for (int v = 0; v < VECTORS; v++) {
                __local real *to = sums + OFFSET(kh, kw) + v * 16;
                const real16 x = vload16(0, pixels + OFFSET(kh, kw) + v * 16), left = vload16(0, gradient + v * 16);
                const real16 largest = vload16(0, best + v * 16);
                vstore16(vload16(0, to) + (x == largest || x != x ? left : (real16)(0)), 0, to);
                vstore16(x == largest || x != x ? (real16)(0) : left, 0, gradient + v * 16);
            }
}
#else
#include "pool/window.cl"

static inline void spread(__local const real *share, __local real *gradient, __local real *sums)
{
    for (int v = 0; v < VECTORS; v++)
        vstore16(vload16(0, gradient + v * 16) * vload16(0, share + v * 16), 0, gradient + v * 16);
    for (int kh = 0; kh < KH; kh++)
        for (int kw = 0; kw < KW; kw++)
            for (int v = 0; v < VECTORS; v++) {
                __local real *to = sums + OFFSET(kh, kw) + v * 16;
                vstore16(vload16(0, to) + vload16(0, gradient + v * 16), 0, to);
            }
}
#endif

/* Sums of one image row from their phases. */
static inline void write_row(__local const real *sums, __global element *row, int h)
{
    const int a = (h + PH) % SH, q = (h + PH) / SH;
    if (a % PHASE_H != 0 || a / PHASE_H >= PHASES_H || q >= OH + SHIFT_H) {
        for (int w = 0; w < IW; w++)
            STORE1((real)0, row + w);
        return;
    }
    __local const real *from = sums + a / PHASE_H * PHASES_W * PLANE + q * PITCH;
    int w = 0;
#if SW == 1
    for (; w + 16 <= IW && w + PW + 16 <= PITCH; w += 16)
        STOREV(vload16(0, from + w + PW), row + w);
#elif SW == 2 && PHASES_W == 2 && PHASE_W == 1
    for (; w + 32 <= IW && (w + 1 + PW) / 2 + 16 <= PITCH; w += 32) {
        const real16 even = vload16(0, from + PW % 2 * PLANE + (w + PW) / 2);
        const real16 odd = vload16(0, from + (PW + 1) % 2 * PLANE + (w + 1 + PW) / 2);
        STOREV(interleave_low_real16(even, odd), row + w);
        STOREV(interleave_high_real16(even, odd), row + w + 16);
    }
#endif
    for (; w < IW; w++) {
        const int b = (w + PW) % SW, at = (w + PW) / SW;
        const bool read = b % PHASE_W == 0 && b / PHASE_W < PHASES_W && at < OW + SHIFT_W && at < PITCH;
        STORE1(read ? from[b / PHASE_W * PLANE + at] : (real)0, row + w);
    }
}

/* Groups of work: blocks of PLANES images. */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void pool_grad_planes(__global const element *restrict dy
#ifdef MAXIMUM
                               , __global const element *restrict x
#endif
                               , __global element *restrict dx)
{
#ifdef MAXIMUM
    __local real sums[STAGED + VECTORS * 16] __attribute__((aligned(64))); /* and behind them the windows' maxima */
#else
    __local real sums[STAGED] __attribute__((aligned(64)));
#endif
    __local real gradient[VECTORS * 16] __attribute__((aligned(64)));
#ifdef MAXIMUM
    __local real pixels[STAGED] __attribute__((aligned(64)));
    fill(pixels, STAGED, -INFINITY);
#else
    __local real pixels[VECTORS * 16] __attribute__((aligned(64))); /* of each window: 1 / elements */
    fill(pixels, VECTORS * 16, 0);
    for (int r = 0; r < OH; r++)
        for (int i = 0; i < OW; i++)
            pixels[r * PITCH + i] = (real)1 / (taps_counted(r, KH, SH, RH, PH, EH, IH) * taps_counted(i, KW, SW, RW, PW, EW, IW));
#endif
    fill(gradient, VECTORS * 16, 0);
    const int plane0 = (int)get_global_id(0) * PLANES, plane1 = min(plane0 + PLANES, BATCH * CHANNELS);
    for (int plane = plane0; plane < plane1; plane++) {
        fill(sums, STAGED, 0);
#ifdef MAXIMUM
        stage_image(x + (size_t)plane * (IH * IW), x + (size_t)BATCH * CHANNELS * (IH * IW), pixels);
#endif
        stage_gradient(dy + (size_t)plane * (OH * OW), gradient);
        spread(pixels, gradient, sums);
        for (int h = 0; h < IH; h++)
            write_row(sums, dx + (size_t)plane * (IH * IW) + h * IW, h);
    }
}
