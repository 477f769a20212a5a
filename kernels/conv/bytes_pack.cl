/* Packs weights for kernels/conv/bytes.cl: [output channels / COLUMNS][words][taps][COLUMNS], words of four channels as its
 * instruction takes them, or floats of one; behind them the sum of each output channel's bytes, as int. */
#include "common/bytes.cl"
#include "conv/geometry.cl"
#ifndef COLUMNS
#define COLUMNS 6
#endif
#if DOT
#define STEP 4
typedef int staged;
#else
#define STEP 1
typedef float staged;
#endif
#define WORDS ((CHANNELS + STEP - 1) / STEP)
#define TAPS (KD * KH * KW)

/* One work-item per word of an output channel. */
__kernel void conv_bytes_pack(__global const b_byte *restrict w, __global staged *restrict packed)
{
    const int at = (int)get_global_id(0), oc = (int)get_global_id(1), word = at / TAPS, tap = at % TAPS;
    __global staged *to = packed + ((size_t)(oc / COLUMNS) * WORDS * TAPS + at) * COLUMNS + oc % COLUMNS;
#if DOT
    uint bytes = 0;
    for (int s = 0; s < STEP; s++) {
        const int c = word * STEP + s;
        if (c < CHANNELS && oc < OUT_CHANNELS)
            bytes |= (uint)(uchar)(w[((size_t)oc * CHANNELS + c) * TAPS + tap] ^ (B_SIGNED ? 0 : 0x80)) << (8 * s);
    }
    *to = as_int(bytes);
#else
    *to = oc < OUT_CHANNELS ? (float)w[((size_t)oc * CHANNELS + word) * TAPS + tap] : 0.0f;
#endif
}

__kernel void conv_bytes_sums(__global const char *restrict packed, __global int *restrict sums, long offset)
{
    const int oc = (int)get_global_id(0);
    __global const char *from = packed + ((size_t)(oc / COLUMNS) * WORDS * TAPS * COLUMNS + oc % COLUMNS) * 4;
    int sum = 0;
    for (int at = 0; at < WORDS * TAPS; at++)
        for (int s = 0; s < 4; s++)
            sum += from[(size_t)at * COLUMNS * 4 + s];
    sums[offset + oc] = sum;
}
