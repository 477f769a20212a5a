/* Copying image rows into local memory, one phase of the columns at a time (see conv/direct.cl): needs FROM_W, SW, PW, PITCH. */
#include "conv/common.cl"

#ifndef FROM_W
#define FROM_W 9
#endif
#ifndef PITCH
#define PITCH 10
#endif
#ifndef SW
#define SW 1
#define PW 1
#endif

/* Columns of phase b that lie inside the image: plane column x shows image column x * SW + b - PW. */
#define FIRST_COLUMN(b) (PW - (b) > 0 ? (PW - (b) + SW - 1) / SW : 0)
#define END_COLUMN(b) min((FROM_W - 1 + PW - (b)) / SW + 1, PITCH)

static inline void stage_row(__global const element *row, __local real *to, int b)
{
    const int first = FIRST_COLUMN(b), end = FROM_W - 1 + PW - b < 0 ? 0 : END_COLUMN(b);
    int x = first;
#if SW == 1
    __global const element *from = row - PW;
    for (; x + 16 <= end; x += 16)
        vstore16(LOADV(from + x), 0, to + x);
    if (x + 8 <= end) {
        vstore8(LOAD8(from + x), 0, to + x);
        x += 8;
    }
    if (x + 4 <= end) {
        vstore4(LOAD4(from + x), 0, to + x);
        x += 4;
    }
#elif SW == 2
    for (; x + 16 <= end && 2 * x + 31 + b - PW < FROM_W; x += 16) {
        const real16 low = LOADV(row + 2 * x + b - PW), high = LOADV(row + 2 * x + 16 + b - PW);
        vstore16((real16)(low.even, high.even), 0, to + x);
    }
#endif
    for (; x < end; x++)
        to[x] = LOAD1(row + x * SW + b - PW);
}
