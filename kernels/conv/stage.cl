/* Copying image rows into local memory, one phase of the columns at a time (see conv/direct.cl): needs FROM_W, SW, PITCH,
 * and PAD_VALUE where padding is not 0. A row's last vector may run over its end into the next row, with padding: rows of a
 * plane, and planes, are staged in the order in which they lie. */
#include "conv/common.cl"

#ifndef FROM_W
#define FROM_W 9
#endif
#ifndef PITCH
#define PITCH 10
#endif
#ifndef SW
#define SW 1
#endif
#ifndef PAD_VALUE
#define PAD_VALUE 0
#endif

/* The first n lanes of v, padding behind them. */
static inline real16 first_lanes(real16 v, int n)
{
    const mask16 lane = (mask16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return lane < (mask16)(n) ? v : (real16)(PAD_VALUE);
}

/* c0: the image's column that `to` begins with, in front of it where negative; the next one is SW columns on. limit: where the
 * tensor ends: nothing behind it is read. */
static inline void stage_row(__global const element *row, __global const element *limit, __local real *to, int c0)
{
    const int first = c0 < 0 ? (-c0 + SW - 1) / SW : 0, end = FROM_W - 1 - c0 < 0 ? 0 : min((FROM_W - 1 - c0) / SW + 1, PITCH);
    __global const element *from = row + c0;
    int x = first;
#if SW == 1
    for (; x + 16 <= end; x += 16)
        vstore16(LOADV(from + x), 0, to + x);
    if (x < end && from + x + 16 <= limit) {
        vstore16(first_lanes(LOADV(from + x), end - x), 0, to + x);
        return;
    }
#elif SW == 2
    for (; x < end && from + 2 * x + 32 <= limit; x += 16) {
        const real16 low = LOADV(from + 2 * x), high = LOADV(from + 2 * x + 16);
        vstore16(first_lanes((real16)(low.even, high.even), end - x), 0, to + x);
    }
#endif
    for (; x < end; x++)
        to[x] = LOAD1(from + x * SW);
}
