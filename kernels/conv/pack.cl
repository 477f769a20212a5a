/* Weights in the order in which direct convolution reads them: [GROUPS][TILES][FROM_CHANNELS][TAPS][MR], widened to `real`,
 * channels behind the last one zero. Tap t of an axis is the kernel's position TAP_FIRST + t * TAP_STEP: all in order for a
 * forward pass, those of one phase backwards for the gradient of the data (-DTRANSPOSED), where w's first two axes change their
 * roles. */
#include "conv/common.cl"
#include "conv/taps.cl"

#ifndef MR
#define MR 8
#endif
#ifndef CHANNELS_PER_ITEM
#define CHANNELS_PER_ITEM 16
#endif
#define TILES ((TO_CHANNELS + MR - 1) / MR)
#define FULL (FULL_D * FULL_H * FULL_W)

static inline size_t filter_at(int group, int from, int to)
{
#ifdef TRANSPOSED
    return ((size_t)(group * FROM_CHANNELS + from) * TO_CHANNELS + to) * FULL;
#else
    return ((size_t)(group * TO_CHANNELS + to) * FROM_CHANNELS + from) * FULL;
#endif
}

/* offset: where this packing begins, in elements of `real`. */
__kernel void conv_pack(__global const element *w, __global real *packed, int offset)
{
    const int tile = (int)get_global_id(0) % TILES, group = (int)get_global_id(0) / TILES;
    const int c0 = (int)get_global_id(1) * CHANNELS_PER_ITEM, c1 = min(c0 + CHANNELS_PER_ITEM, FROM_CHANNELS);
    for (int c = c0; c < c1; c++) {
        __global real *to = packed + offset + (((size_t)group * TILES + tile) * FROM_CHANNELS + c) * (KD * KH * KW * MR);
        for (int i = 0; i < MR; i++) {
            const int channel = tile * MR + i;
            __global const element *from = w + filter_at(group, c, min(channel, TO_CHANNELS - 1));
            int t = i;
            for (int d = 0; d < KD; d++)
                for (int h = 0; h < KH; h++)
                    for (int k = 0; k < KW; k++, t += MR) {
                        const int at = ((TAP_FIRST_D + d * TAP_STEP_D) * FULL_H + TAP_FIRST_H + h * TAP_STEP_H) * FULL_W +
                                       TAP_FIRST_W + k * TAP_STEP_W;
                        to[t] = channel < TO_CHANNELS ? LOAD1(from + at) : (real)0;
                    }
        }
    }
}
