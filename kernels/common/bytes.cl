/* Bytes times bytes: what the factors are stored as, and sums of four products at once. STORAGE is that of the results. */
#include "common/storage.cl"
#ifndef A_SIGNED
#define A_SIGNED 0
#endif
#ifndef B_SIGNED
#define B_SIGNED 1
#endif
#if A_SIGNED
typedef char a_byte;
#else
typedef uchar a_byte;
#endif
#if B_SIGNED
typedef char b_byte;
#else
typedef uchar b_byte;
#endif

/* DOT: a processor's instruction, probed before it is used (lib/profile/instructions.c): per lane, four unsigned bytes of a
 * times four signed ones of b are added to a 32-bit sum. */
#ifndef DOT
#define DOT 0
#endif
#define DOT_VPDPBUSD 1
#define DOT_PACKED 2 /* the device's own: common/dot4.cl */
#if DOT == DOT_VPDPBUSD
static inline int16 dot_bytes(int16 sum, int16 a, int16 b)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
}
#elif DOT == 0
static inline int16 dot_bytes(int16 sum, int16 a, int16 b)
{
    UNROLL for (int byte = 0; byte < 32; byte += 8)
        sum += (a >> byte & 0xff) * (b << (24 - byte) >> 24);
    return sum;
}
#endif
