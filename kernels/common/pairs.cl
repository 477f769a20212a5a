/* Pairs of bfloat16 in words of 32 bits: dot_pairs adds both products of each lane's pairs to a float. */
#include "common/storage.cl"

/* PAIRS: by the processor's instruction, probed before it is used (lib/profile/instructions.c), which rounds each of the two sums
 * to nearest even and takes operands and results below 2^-126 (denormals) for 0. */
#ifndef PAIRS
#define PAIRS 0
#endif
static inline float16 dot_pairs(float16 sum, int16 a, int16 b)
{
#if PAIRS
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
#else
    const int16 high = (int16)(0xffff0000);
    return fma(as_float16(a << 16), as_float16(b << 16), fma(as_float16(a & high), as_float16(b & high), sum));
#endif
}
