/* Gradient of a gather: dx[outer][index][inner] = sum of dy[outer][i][inner] over all i with that index. Every element of dx
 * is added up by one work-item in the order of the indices, so no atomics are needed and the result never depends on timing.
 * gather_grad_rows: a work-group owns `share` rows along the axis and walks through all indices; its work-items share out the
 * columns. gather_grad_plain: one work-item per element of dx. gather_grad_elements: one work-item per line along the axis
 * (GatherElements). */
#include "gather/sums.cl"
#include "common/index.cl"

#if ROUNDS || (STORAGE != FLOAT16 && STORAGE != BFLOAT16) /* no arithmetic on half types */
__kernel void gather_grad_rows(__global const element *restrict dy, __global const INDEX *restrict indices,
                               __global sum_element *restrict sums, long axis, long inner, long count, long share)
{
    const long first = get_group_id(0) * share, last = min(axis, first + share), outer = get_group_id(1);
    const long item = get_local_id(0), items = get_local_size(0);
    __global sum_element *to = sums + outer * axis * inner;
    __global const element *from = dy + outer * count * inner;
    for (long i = first; i < last; i++)
        for (long j = item; j < inner; j += items)
            to[i * inner + j] = 0;
    for (long k = 0; k < count; k++) {
        const long index = index_inside(indices[k], axis);
        if (index >= first && index < last) {
            long i = item;
#if (STORAGE == FLOAT32 || ROUNDS) && WIDTH > 1
            if (items == 1) {
                for (; i + WIDTH <= inner; i += WIDTH)
                    VSTORE(VLOAD(to + index * inner + i) + LOADV(from + k * inner + i), to + index * inner + i);
            }
#endif
            for (; i < inner; i += items)
                to[index * inner + i] += LOAD1(from + k * inner + i);
        }
    }
}
#endif

__kernel void gather_grad_plain(__global const element *restrict dy, __global const INDEX *restrict indices,
                                __global element *restrict dx, long size, long axis, long inner, long count)
{
    const long i = get_global_id(0);
    if (i >= size)
        return;
    const long column = i % inner, place = i / inner % axis, outer = i / inner / axis;
    __global const element *from = dy + outer * count * inner + column;
    real sum = 0;
    for (long k = 0; k < count; k++)
        if (index_inside(indices[k], axis) == place)
            sum += LOAD1(from + k * inner);
    STORE1(sum, dx + i);
}

#ifndef DATA_OFFSET
#define DATA_OFFSET(line) 0  /* of a line along the axis, in the data and in the indices */
#define INDEX_OFFSET(line) 0
#endif

__kernel void gather_grad_zero(__global element *restrict dx)
{
    const real zero = 0;
    STORE1(zero, dx + get_global_id(0));
}

__kernel void gather_grad_elements(__global const element *restrict dy, __global const INDEX *restrict indices,
                                   __global sum_element *restrict sums, long lines, long axis, long inner, long count,
                                   long index_inner)
{
    const long line = get_global_id(0);
    if (line >= lines)
        return;
    __global sum_element *to = sums + DATA_OFFSET(line);
    const long first = INDEX_OFFSET(line);
    for (long k = 0; k < count; k++) {
        __global sum_element *here = to + index_inside(indices[first + k * index_inner], axis) * inner;
        const real sum = LOAD_SUM(here) + LOAD1(dy + first + k * index_inner);
        STORE_SUM(sum, here);
    }
}
