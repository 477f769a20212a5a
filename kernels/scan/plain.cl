/* Cumulative sums by a group of ITEMS work-items per line along the axis: each chunk of ITEMS elements by doubling distances in
 * local memory (Hillis and Steele, "Data parallel algorithms", 1986), on top of what came before. With ITEMS 1 it always works. */
#include "common/storage.cl"
#ifndef EXCLUSIVE
#define EXCLUSIVE 0
#endif
#ifndef REVERSE
#define REVERSE 0
#endif
#ifndef ITEMS
#define ITEMS 1
#endif

#if ITEMS > 1
__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
#endif
__kernel void scan_plain(__global const element *restrict x_all, __global element *restrict y_all, long axis, long inner)
{
    const size_t line = get_global_id(0) / ITEMS, start = line / inner * axis * inner + line % inner;
    __global const element *x = x_all + start;
    __global element *y = y_all + start;
    real before = 0;
#if ITEMS > 1
    __local real sums[ITEMS];
    const int item = get_local_id(0);
    for (long first = 0; first < axis; first += ITEMS) {
        const long i = first + item, at = (REVERSE ? axis - 1 - i : i) * inner;
        sums[item] = i < axis ? (real)LOAD1(x + at) : (real)0;
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int distance = 1; distance < ITEMS; distance *= 2) {
            const real other = item >= distance ? sums[item - distance] : (real)0;
            barrier(CLK_LOCAL_MEM_FENCE);
            sums[item] += other;
            barrier(CLK_LOCAL_MEM_FENCE);
        }
        const real result = before + (!EXCLUSIVE ? sums[item] : item > 0 ? sums[item - 1] : (real)0);
        if (i < axis)
            STORE1(result, y + at);
        before += sums[ITEMS - 1];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#else
    for (long i = 0; i < axis; i++) {
        const long at = (REVERSE ? axis - 1 - i : i) * inner;
        const real after = before + LOAD1(x + at), result = EXCLUSIVE ? before : after;
        STORE1(result, y + at);
        before = after;
    }
#endif
}
