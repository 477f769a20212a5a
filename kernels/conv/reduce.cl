/* dw = the sum of partial sums of CHUNKS parts of the work, always in the same order; a work-item adds BLOCK of `count`
 * elements. */
#include "conv/common.cl"

#ifndef CHUNKS
#define CHUNKS 2
#endif
#ifndef BLOCK
#define BLOCK 256
#endif
__kernel void conv_weight_reduce(__global const real *restrict partial, __global element *restrict dw, int count)
{
    const int first = (int)get_global_id(0) * BLOCK, end = min(first + BLOCK, count);
    int i = first;
    for (; i + 16 <= end; i += 16) {
        real16 sum = vload16(0, partial + i);
        for (int chunk = 1; chunk < CHUNKS; chunk++)
            sum += vload16(0, partial + (size_t)chunk * count + i);
        STOREV(sum, dw + i);
    }
    for (; i < end; i++) {
        real sum = partial[i];
        for (int chunk = 1; chunk < CHUNKS; chunk++)
            sum += partial[(size_t)chunk * count + i];
        STORE1(sum, dw + i);
    }
}
