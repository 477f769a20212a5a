/* ArgMax and ArgMin by a group of ITEMS work-items per row, joined by a tree. With ITEMS 1 it always works. NaNs never win. */
#include "common/storage.cl"
#ifndef MINIMUM
#define MINIMUM 0
#endif
#ifndef LAST
#define LAST 0
#endif
#ifndef ITEMS
#define ITEMS 1
#endif
#if LAST
#define BEATS(a, b) (MINIMUM ? (a) <= (b) : (a) >= (b))
#else
#define BEATS(a, b) (MINIMUM ? (a) < (b) : (a) > (b))
#endif

__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void arg_plain(__global const element *restrict x_all, __global long *restrict y, long axis, long inner)
{
    const int item = get_local_id(0);
    const size_t row = get_group_id(0);
    __global const element *x = x_all + row / inner * axis * inner + row % inner;
    real best = MINIMUM ? HIGHEST : LOWEST;
    long at = -1;
    for (long i = item; i < axis; i += ITEMS) {
        const real value = LOAD1(x + i * inner);
        if (BEATS(value, best)) {
            best = value;
            at = i;
        }
    }
#if ITEMS > 1
    __local real values[ITEMS];
    __local long places[ITEMS];
    values[item] = best;
    places[item] = at;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int part = ITEMS / 2; part > 0; part /= 2) {
        if (item < part && places[item + part] >= 0) {
            const real a = values[item], b = values[item + part];
            const long p = places[item], q = places[item + part];
            if (p < 0 || (a == b ? (LAST ? q > p : q < p) : BEATS(b, a))) {
                values[item] = b;
                places[item] = q;
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    at = places[0];
#endif
    if (item == 0)
        y[row] = max(at, 0L);
}
