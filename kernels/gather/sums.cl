/* Sums in between, of gradients of gathers and of scatters: they stand where the result does, or where that would round them
 * (ROUNDS: float16 and bfloat16) in a workspace of float, which is rounded in the end. */
#include "common/storage.cl"

#ifndef ROUNDS
#define ROUNDS 0
#endif
#if ROUNDS
typedef real sum_element;
#define LOAD_SUM(p) (*(p))
#define STORE_SUM(v, p) (*(p) = (v))
#else
typedef element sum_element;
#define LOAD_SUM(p) LOAD1(p)
#define STORE_SUM(v, p) STORE1(v, p)
#endif

/* A work-item takes WIDTH of `count` elements. */
__kernel void sums_widen(__global const element *restrict x, __global real *restrict sums, long count)
{
    const long first = (long)get_global_id(0) * WIDTH;
    if (first + WIDTH <= count)
        VSTORE(LOADV(x + first), sums + first);
    else
        for (long i = first; i < count; i++)
            sums[i] = LOAD1(x + i);
}

__kernel void sums_round(__global const real *restrict sums, __global element *restrict y, long count)
{
    const long first = (long)get_global_id(0) * WIDTH;
    if (first + WIDTH <= count)
        STOREV(VLOAD(sums + first), y + first);
    else
        for (long i = first; i < count; i++)
            STORE1(sums[i], y + i);
}
