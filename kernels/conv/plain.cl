/* Convolution and its two gradients, one work-item per result, straight from the definition: applies to everything and is what
 * faster ways are compared with. Some devices end a work-item's loops after 65,535 iterations, so a sum may be split over
 * launches: `first` and `count` say which part of the outer loop to add, `partial` keeps sums in between. */
#include "conv/common.cl"
#include "conv/geometry.cl"

/* 16: x, y of the forward pass lie in blocks of 16 channels, which then are a multiple of 16 (conv/blocked.cl). */
#ifndef X_LANES
#define X_LANES 1
#endif
#ifndef Y_LANES
#define Y_LANES 1
#endif

static inline bool inside(int position, int extent)
{
    return position >= 0 && position < extent;
}

__kernel void conv(__global const element *x, __global const element *w, __global element *y, __global real *partial, int first,
                   int count EPILOGUE_PARAMS)
{
    const int ow = (int)get_global_id(0), oh = (int)get_global_id(1) % OH, od = (int)get_global_id(1) / OH;
    const int oc = (int)get_global_id(2) % OUT_CHANNELS, n = (int)get_global_id(2) / OUT_CHANNELS;
    const int group = oc / GROUP_OUT_CHANNELS;
    const size_t plane = (size_t)n * OUT_CHANNELS + oc;
    const size_t index = (((plane / Y_LANES) * OD + od) * OH * OW + (size_t)oh * OW + ow) * Y_LANES + plane % Y_LANES;
    real sum = first > 0 ? partial[index] : (real)0;
    for (int c = first; c < first + count; c++) {
        const size_t from = (size_t)n * CHANNELS + group * GROUP_CHANNELS + c;
        __global const element *image = x + from / X_LANES * (ID * IH * IW * X_LANES) + from % X_LANES;
        __global const element *filter = w + ((size_t)oc * GROUP_CHANNELS + c) * KD * KH * KW;
        for (int kd = 0; kd < KD; kd++) {
            const int id = od * SD + kd * RD - PD;
            for (int kh = 0; kh < KH && inside(id, ID); kh++) {
                const int ih = oh * SH + kh * RH - PH;
                for (int kw = 0; kw < KW && inside(ih, IH); kw++) {
                    const int iw = ow * SW + kw * RW - PW;
                    if (inside(iw, IW))
                        sum = fma(LOAD1(image + (((size_t)id * IH + ih) * IW + iw) * X_LANES),
                                  LOAD1(filter + (kd * KH + kh) * KW + kw), sum);
                }
            }
        }
    }
    if (first + count < GROUP_CHANNELS)
        partial[index] = sum;
    else
        STORE1(EPILOGUE1(sum, index, oc), y + index);
}

/* Where the result's position `at` (padding included) was read by tap k: the output position, or -1. */
static inline int reader(int at, int k, int stride, int dilation, int extent)
{
    const int from = at - k * dilation;
    return from >= 0 && from % stride == 0 && from / stride < extent ? from / stride : -1;
}

__kernel void conv_input(__global const element *dy, __global const element *w, __global element *dx,
                         __global real *partial, int first, int count EPILOGUE_PARAMS)
{
    const int iw = (int)get_global_id(0), ih = (int)get_global_id(1) % IH, id = (int)get_global_id(1) / IH;
    const int c = (int)get_global_id(2) % CHANNELS, n = (int)get_global_id(2) / CHANNELS;
    const int group = c / GROUP_CHANNELS, group_c = c % GROUP_CHANNELS;
    const size_t index = (((size_t)n * CHANNELS + c) * ID + id) * IH * IW + (size_t)ih * IW + iw;
    real sum = first > 0 ? partial[index] : (real)0;
    for (int o = first; o < first + count; o++) {
        const int oc = group * GROUP_OUT_CHANNELS + o;
        __global const element *image = dy + ((size_t)n * OUT_CHANNELS + oc) * OD * OH * OW;
        __global const element *filter = w + ((size_t)oc * GROUP_CHANNELS + group_c) * KD * KH * KW;
        for (int kd = 0; kd < KD; kd++) {
            const int od = reader(id + PD, kd, SD, RD, OD);
            for (int kh = 0; kh < KH && od >= 0; kh++) {
                const int oh = reader(ih + PH, kh, SH, RH, OH);
                for (int kw = 0; kw < KW && oh >= 0; kw++) {
                    const int ow = reader(iw + PW, kw, SW, RW, OW);
                    if (ow >= 0)
                        sum = fma(LOAD1(image + ((size_t)od * OH + oh) * OW + ow), LOAD1(filter + (kd * KH + kh) * KW + kw), sum);
                }
            }
        }
    }
    if (first + count < GROUP_OUT_CHANNELS)
        partial[index] = sum;
    else
        STORE1(EPILOGUE1(sum, index, c), dx + index);
}

/* first, count: rows of dy's images, numbered through batch, depth and height. */
__kernel void conv_weight(__global const element *dy, __global const element *x, __global element *dw,
                          __global real *partial, int first, int count)
{
    const int kw = (int)get_global_id(0), kh = (int)get_global_id(1) % KH, kd = (int)get_global_id(1) / KH;
    const int c = (int)get_global_id(2) % GROUP_CHANNELS, oc = (int)get_global_id(2) / GROUP_CHANNELS;
    const int group = oc / GROUP_OUT_CHANNELS;
    const size_t index = (((size_t)oc * GROUP_CHANNELS + c) * KD + kd) * KH * KW + kh * KW + kw;
    real sum = first > 0 ? partial[index] : (real)0;
    for (int row = first; row < first + count; row++) {
        const int oh = row % OH, od = row / OH % OD, n = row / OH / OD;
        const int id = od * SD + kd * RD - PD, ih = oh * SH + kh * RH - PH;
        __global const element *gradient = dy + (((size_t)n * OUT_CHANNELS + oc) * OD + od) * OH * OW + (size_t)oh * OW;
        __global const element *image = x + ((size_t)n * CHANNELS + group * GROUP_CHANNELS + c) * ID * IH * IW;
        for (int ow = 0; ow < OW && inside(id, ID) && inside(ih, IH); ow++) {
            const int iw = ow * SW + kw * RW - PW;
            if (inside(iw, IW))
                sum = fma(LOAD1(gradient + ow), LOAD1(image + ((size_t)id * IH + ih) * IW + iw), sum);
        }
    }
    if (first + count < BATCH * OD * OH)
        partial[index] = sum;
    else
        STORE1(sum, dw + index);
}
