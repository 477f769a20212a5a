/* Gather of long rows on CPU-shaped devices: one work-item per group copies group_rows rows of `inner` elements in vectors. */
#ifndef ELEMENT
#define ELEMENT uint
#endif
#include "common/index.cl"

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void gather_blocks(__global const ELEMENT *restrict data, __global const INDEX *restrict indices,
                            __global ELEMENT *restrict y,
                            long rows, long axis, long inner, long count, long group_rows)
{
    const long first = get_group_id(0) * group_rows, end = min(rows, first + group_rows);
    for (long row = first; row < end; row++) {
        const long index = index_inside(indices[row % count], axis);
        __global const ELEMENT *from = data + (row / count * axis + index) * inner;
        __global ELEMENT *to = y + row * inner;
        long i = 0;
        for (; i + 16 <= inner; i += 16)
            vstore16(vload16(0, from + i), 0, to + i);
        for (; i < inner; i++)
            to[i] = from[i];
    }
}
