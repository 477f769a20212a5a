/* Convolution of bytes with sums in 32 bits, one work-item per result, from the definition: what always works. LANES 16: x and y
 * lie in blocks of 16 channels, which then are a multiple of 16. */
#include "common/bytes.cl"
#include "common/epilogue.cl"
#include "conv/geometry.cl"
#ifndef LANES
#define LANES 1
#endif

__kernel void conv_bytes_plain(__global const a_byte *x, __global const b_byte *w, __global element *y,
                               int pad_value EPILOGUE_PARAMS)
{
    const int ow = (int)get_global_id(0), oh = (int)get_global_id(1) % OH, od = (int)get_global_id(1) / OH;
    const int oc = (int)get_global_id(2) % OUT_CHANNELS, n = (int)get_global_id(2) / OUT_CHANNELS;
    const int group = oc / GROUP_OUT_CHANNELS;
    const size_t plane = (size_t)n * OUT_CHANNELS + oc;
    const size_t index = (((plane / LANES) * OD + od) * OH * OW + (size_t)oh * OW + ow) * LANES + plane % LANES;
    int sum = 0;
    for (int c = 0; c < GROUP_CHANNELS; c++) {
        const size_t from = (size_t)n * CHANNELS + group * GROUP_CHANNELS + c;
        __global const a_byte *image = x + from / LANES * (ID * IH * IW * LANES) + from % LANES;
        __global const b_byte *filter = w + ((size_t)oc * GROUP_CHANNELS + c) * KD * KH * KW;
        for (int tap = 0; tap < KD * KH * KW; tap++) {
            const int id = od * SD + tap / (KH * KW) * RD - PD, ih = oh * SH + tap / KW % KH * RH - PH;
            const int iw = ow * SW + tap % KW * RW - PW;
            const bool inside = id >= 0 && id < ID && ih >= 0 && ih < IH && iw >= 0 && iw < IW;
            sum += (inside ? (int)image[(((size_t)id * IH + ih) * IW + iw) * LANES] : pad_value) * (int)filter[tap];
        }
    }
    STORE1(EPILOGUE1(sum, index, oc), y + index);
}
