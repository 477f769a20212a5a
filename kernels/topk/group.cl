/* The k best of a line along the axis on GPU-shaped devices: a work-group keeps the KEEP best so far in local memory beside a
 * chunk of the line, and sorts both together (Batcher, "Sorting networks and their applications", 1968) until the line ends. A
 * key and its place are one number, so that no two are equal. */
#include "common/storage.cl"
#include "topk/keys.cl"
#ifndef KEEP
#define KEEP 64 /* a power of two, at least k */
#endif
#ifndef ITEMS
#define ITEMS 64
#endif
#ifndef HAS_VALUES
#define HAS_VALUES 1
#endif
#ifndef HAS_INDICES
#define HAS_INDICES 1
#endif

__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void topk_group(__global const element *restrict x_all,
#if HAS_VALUES
                         __global element *restrict values,
#endif
#if HAS_INDICES
                         __global long *restrict indices,
#endif
                         int axis, int inner, int k)
{
    __local ulong best[2 * KEEP];
    const int item = get_local_id(0);
    const size_t line = get_group_id(0), outer = line / inner, column = line % inner;
    __global const element *x = x_all + outer * axis * inner + column;
    for (int i = item; i < KEEP; i += ITEMS)
        best[i] = 0;
    for (int first = 0; first < axis; first += KEEP) {
        for (int i = item; i < KEEP; i += ITEMS) {
            ulong entry = 0;
            if (first + i < axis)
                entry = ((ulong)key_of(LOAD1(x + (size_t)(first + i) * inner)) << 32) | (uint)~(first + i);
            best[KEEP + i] = entry;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int run = 2; run <= 2 * KEEP; run *= 2) {
            for (int distance = run / 2; distance > 0; distance /= 2) {
                for (int pair = item; pair < KEEP; pair += ITEMS) {
                    const int low = pair / distance * 2 * distance + pair % distance, high = low + distance;
                    const bool falling = (low & run) == 0;
                    const ulong a = best[low], b = best[high];
                    if ((a < b) == falling) {
                        best[low] = b;
                        best[high] = a;
                    }
                }
                barrier(CLK_LOCAL_MEM_FENCE);
            }
        }
    }
    for (int i = item; i < k; i += ITEMS) {
        const uint place = ~(uint)best[i];
        const size_t at = (outer * k + i) * inner + column;
#if HAS_VALUES
        COPY1(x + (size_t)place * inner, values + at);
#endif
#if HAS_INDICES
        indices[at] = place;
#endif
    }
}
