/* The K best of a row on CPU-shaped devices: one work-item per group of rows keeps the best so far in order; whole vectors that
 * hold nothing better than the last of them are passed over by one comparison. For small K. */
#include "common/storage.cl"
#include "topk/keys.cl"
#ifndef K
#define K 8
#endif
#ifndef HAS_VALUES
#define HAS_VALUES 1
#endif
#ifndef HAS_INDICES
#define HAS_INDICES 1
#endif
#if SMALLEST /* a NaN is neither */
#define MAY_BE_BETTER(x, bound) (!((x) >= (bound)))
#else
#define MAY_BE_BETTER(x, bound) (!((x) <= (bound)))
#endif

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void topk_select(__global const element *restrict x_all,
#if HAS_VALUES
                          __global element *restrict values,
#endif
#if HAS_INDICES
                          __global long *restrict indices,
#endif
                          int rows, int axis, int group_rows)
{
    const int first = get_group_id(0) * group_rows, end = min(rows, first + group_rows);
    key_type keys[K];
    int places[K];
    for (int row = first; row < end; row++) {
        __global const element *x = x_all + (size_t)row * axis;
        int count = 0;
        real bound = 0;
        for (int i = 0; i < axis;) {
            if (count == K) {
                for (; i + WIDTH <= axis; i += WIDTH)
                    if (any(MAY_BE_BETTER(LOADV(x + i), bound)))
                        break;
            }
            const int stop = min(axis, i + WIDTH);
            for (; i < stop; i++) {
                const key_type key = key_of(LOAD1(x + i));
                int place = count;
                if (count == K && key <= keys[K - 1])
                    continue;
                if (count == K)
                    place = K - 1;
                else
                    count++;
                for (; place > 0 && keys[place - 1] < key; place--) {
                    keys[place] = keys[place - 1];
                    places[place] = places[place - 1];
                }
                keys[place] = key;
                places[place] = i;
                if (count == K)
                    bound = LOAD1(x + places[K - 1]);
            }
        }
        for (int i = 0; i < K; i++) {
#if HAS_VALUES
            COPY1(x + places[i], values + (size_t)row * K + i);
#endif
#if HAS_INDICES
            indices[(size_t)row * K + i] = places[i];
#endif
        }
    }
}
