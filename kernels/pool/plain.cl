/* Pooling and its gradient, one work-item per result. -DMAXIMUM: the maximum (the first one of a window counts; a NaN wins),
 * else the average, over the window's elements inside the image or (-DCOUNT_PAD) inside image and padding. -DINDICES: also
 * writes where the maximum stands in x. */
#include "conv/common.cl"
#include "conv/geometry.cl"

/* 16: images lie in blocks of 16 channels (conv/blocked.cl); not for indices or gradients. */
#ifndef LANES
#define LANES 1
#endif

#ifdef REAL_IS_FLOAT
#define IS_NAN(x) isnan(x)
#else
#define IS_NAN(x) false
#endif

typedef struct window {
    int d, h, w; /* of its first tap, in x's coordinates */
} window;

static inline window window_at(int od, int oh, int ow)
{
    const window at = {od * SD - PD, oh * SH - PH, ow * SW - PW};
    return at;
}

static inline bool inside(int position, int extent)
{
    return position >= 0 && position < extent;
}

#ifdef MAXIMUM
/* Index in the image of the window's first maximum, -1 when the window lies in the padding; its value in *best. */
static inline int argument_of_maximum(__global const element *image, window at, real *best)
{
    int found = -1;
    for (int kd = 0; kd < KD; kd++)
        for (int kh = 0; kh < KH; kh++)
            for (int kw = 0; kw < KW; kw++) {
                const int d = at.d + kd * RD, h = at.h + kh * RH, w = at.w + kw * RW;
                if (!inside(d, ID) || !inside(h, IH) || !inside(w, IW))
                    continue;
                const int index = (d * IH + h) * IW + w;
                const real value = LOAD1(image + index * LANES);
                if (found < 0 || value > *best || (IS_NAN(value) && !IS_NAN(*best))) {
                    *best = value;
                    found = index;
                }
            }
    return found;
}
#else
static inline int taps_inside(int first, int taps, int dilation, int low, int high)
{
    int count = 0;
    for (int k = 0; k < taps; k++)
        count += first + k * dilation >= low && first + k * dilation < high;
    return count;
}

/* Elements that the window's average is taken over. */
static inline int divisor(window at)
{
#ifdef COUNT_PAD
    const int count = taps_inside(at.d, KD, RD, -PD, ID + ED) * taps_inside(at.h, KH, RH, -PH, IH + EH) *
                      taps_inside(at.w, KW, RW, -PW, IW + EW);
#else
    const int count = taps_inside(at.d, KD, RD, 0, ID) * taps_inside(at.h, KH, RH, 0, IH) * taps_inside(at.w, KW, RW, 0, IW);
#endif
    return max(count, 1);
}
#endif

__kernel void pool(__global const element *x, __global element *y
#ifdef INDICES
                   , __global long *indices
#endif
)
{
    const int ow = (int)get_global_id(0), oh = (int)get_global_id(1) % OH, od = (int)get_global_id(1) / OH;
    const size_t plane = get_global_id(2);
    const window at = window_at(od, oh, ow);
    const size_t index = (((plane / LANES) * OD + od) * OH * OW + (size_t)oh * OW + ow) * LANES + plane % LANES;
    __global const element *image = x + plane / LANES * (ID * IH * IW * LANES) + plane % LANES;
#ifdef MAXIMUM
    real best = LOWEST;
#ifdef INDICES
    indices[index] = (long)(plane * (ID * IH * IW)) + max(argument_of_maximum(image, at, &best), 0);
#else
    argument_of_maximum(image, at, &best);
#endif
    STORE1(best, y + index);
#else
    real sum = 0;
    for (int kd = 0; kd < KD; kd++)
        for (int kh = 0; kh < KH; kh++)
            for (int kw = 0; kw < KW; kw++) {
                const int d = at.d + kd * RD, h = at.h + kh * RH, w = at.w + kw * RW;
                if (inside(d, ID) && inside(h, IH) && inside(w, IW))
                    sum += LOAD1(image + ((d * IH + h) * IW + w) * LANES);
            }
    STORE1(sum / (real)divisor(at), y + index);
#endif
}

/* Output positions whose windows may reach input position `at` (padding included). */
static inline int first_reader(int at, int taps, int stride, int dilation)
{
    const int from = at - (taps - 1) * dilation;
    return from <= 0 ? 0 : (from + stride - 1) / stride;
}

/* Each element of dx gathers from the windows that contain it, so that nothing is added in an order that depends on timing. */
__kernel void pool_grad(__global const element *dy
#ifdef MAXIMUM
                        , __global const element *x
#endif
                        , __global element *dx)
{
    const int iw = (int)get_global_id(0), ih = (int)get_global_id(1) % IH, id = (int)get_global_id(1) / IH;
    const size_t plane = get_global_id(2);
    const int here = (id * IH + ih) * IW + iw;
    const int last_d = min((id + PD) / SD, OD - 1), last_h = min((ih + PH) / SH, OH - 1), last_w = min((iw + PW) / SW, OW - 1);
    real sum = 0;
    for (int od = first_reader(id + PD, KD, SD, RD); od <= last_d; od++)
        for (int oh = first_reader(ih + PH, KH, SH, RH); oh <= last_h; oh++)
            for (int ow = first_reader(iw + PW, KW, SW, RW); ow <= last_w; ow++) {
                const window at = window_at(od, oh, ow);
                const real gradient = LOAD1(dy + (plane * OD + od) * OH * OW + (size_t)oh * OW + ow);
                if ((id - at.d) % RD || (ih - at.h) % RH || (iw - at.w) % RW)
                    continue;
#ifdef MAXIMUM
                real best = LOWEST;
                if (argument_of_maximum(x + plane * (ID * IH * IW), at, &best) == here)
                    sum += gradient;
#else
                sum += gradient / (real)divisor(at);
#endif
            }
    STORE1(sum, dx + plane * (ID * IH * IW) + here);
}
