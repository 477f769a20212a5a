/* Gather and GatherElements, one work-item per element of the result: y[outer][i][inner] = data[outer][index][inner]. Elements
 * are moved as they are, as unsigned integers of their size. Negative indices count from the end; what is out of range is
 * taken from the nearest end, so that no index can read outside of the data. */
#ifndef ELEMENT
#define ELEMENT uint
#endif
#include "common/index.cl"

__kernel void gather_plain(__global const ELEMENT *restrict data, __global const INDEX *restrict indices,
                           __global ELEMENT *restrict y,
                           long size, long axis, long inner, long count)
{
    const long i = get_global_id(0);
    if (i >= size)
        return;
    const long column = i % inner, row = i / inner, outer = row / count;
    const long index = index_inside(indices[row % count], axis);
    y[i] = data[(outer * axis + index) * inner + column];
}

#ifndef OFFSET
#define OFFSET(i) 0 /* offset in the data of the element that the i-th index names, without its part along the axis */
#endif

__kernel void gather_elements(__global const ELEMENT *restrict data, __global const INDEX *restrict indices,
                              __global ELEMENT *restrict y, long size, long axis, long inner)
{
    const long i = get_global_id(0);
    if (i < size)
        y[i] = data[OFFSET(i) + index_inside(indices[i], axis) * inner];
}
