/* What the windows of pooling make of their pixels: -DMAXIMUM: the largest (a NaN wins), else the sum, of which an average is taken. */
#include "conv/common.cl"

#ifdef MAXIMUM
#define EMPTY (-INFINITY)
#define COMBINE(a, x) ((x) > (a) || (x) != (x) ? (x) : (a))
#else
#define EMPTY 0
#define COMBINE(a, x) ((a) + (x))
#endif

/* Taps of an axis that count for the average of result `at`. */
static inline int taps_counted(int at, int taps, int stride, int dilation, int pad, int pad_end, int extent)
{
    int count = 0;
    for (int k = 0; k < taps; k++) {
        const int here = at * stride + k * dilation - pad;
#ifdef COUNT_PAD
        count += here < extent + pad_end;
#else
        count += here >= 0 && here < extent;
#endif
    }
    return max(count, 1);
}

/* Rows shorter than a vector are joined before they are stored. */
static inline void store_joined(__local const real *joined, int count, __global element *out)
{
    int i = 0;
    for (; i + 16 <= count; i += 16)
        STOREV(vload16(0, joined + i), out + i);
    for (; i < count; i++)
        STORE1(joined[i], out + i);
}
