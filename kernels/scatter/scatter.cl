/* ScatterElements: y = data, then y[.. index ..] = updates[..] or combined with it. scatter_lines (after a copy of the data):
 * one work-item per line along the axis, so that updates of one element meet in one work-item, in order. scatter_plain: one
 * work-item per element of y looks through its line's indices. Indices out of range are ignored. */
#include "gather/sums.cl"
#include "common/index.cl"
#ifndef REDUCTION
#define REDUCTION 0
#endif
#if REDUCTION == 0
#define COMBINE(old, update) (update)
#elif REDUCTION == 1
#define COMBINE(old, update) ((old) + (update))
#elif REDUCTION == 2
#define COMBINE(old, update) ((old) * (update))
#elif REDUCTION == 3
#define COMBINE(old, update) ((update) > (old) || (update) != (update) ? (update) : (old))
#else
#define COMBINE(old, update) ((update) < (old) || (update) != (update) ? (update) : (old))
#endif
#ifndef DATA_OFFSET
#define DATA_OFFSET(line) 0  /* of a line along the axis, in the data and in the indices */
#define INDEX_OFFSET(line) 0
#endif

__kernel void scatter_lines(__global const INDEX *restrict indices, __global const element *restrict updates,
                            __global sum_element *restrict y, long lines, long axis, long inner, long count, long index_inner)
{
    const long line = get_global_id(0);
    if (line >= lines)
        return;
    __global sum_element *to = y + DATA_OFFSET(line);
    const long first = INDEX_OFFSET(line);
    for (long k = 0; k < count; k++) {
        const long index = index_from_start(indices[first + k * index_inner], axis);
        if (index >= 0 && index < axis) {
            __global sum_element *here = to + index * inner;
            const real old = LOAD_SUM(here), update = LOAD1(updates + first + k * index_inner);
            STORE_SUM(COMBINE(old, update), here);
        }
    }
}

#ifndef LINE_IN_INDICES
#define LINE_IN_INDICES(i) 1 /* whether the line of the i-th element of y has indices, and where they start */
#define LINE_START(i) 0
#endif

__kernel void scatter_plain(__global const element *restrict data, __global const INDEX *restrict indices,
                            __global const element *restrict updates, __global element *restrict y, long size, long axis,
                            long inner, long count, long index_inner)
{
    const long i = get_global_id(0);
    if (i >= size)
        return;
    const long place = i / inner % axis;
    real value = LOAD1(data + i);
    if (LINE_IN_INDICES(i)) {
        const long first = LINE_START(i);
        for (long k = 0; k < count; k++) {
            if (index_from_start(indices[first + k * index_inner], axis) == place) {
                const real old = value, update = LOAD1(updates + first + k * index_inner);
                value = COMBINE(old, update);
            }
        }
    }
    STORE1(value, y + i);
}
