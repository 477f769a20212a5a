/* The k best of each line along the axis, one work-item per element: it counts the elements that stand before its own. */
#include "common/storage.cl"
#include "topk/keys.cl"
#ifndef HAS_VALUES
#define HAS_VALUES 1
#endif
#ifndef HAS_INDICES
#define HAS_INDICES 1
#endif

__kernel void topk_plain(__global const element *restrict x_all,
#if HAS_VALUES
                         __global element *restrict values,
#endif
#if HAS_INDICES
                         __global long *restrict indices,
#endif
                         long axis, long inner, long k)
{
    const long place = get_global_id(0);
    const size_t line = get_global_id(1), outer = line / inner, column = line % inner;
    __global const element *x = x_all + outer * axis * inner + column;
    const key_type own = key_of(LOAD1(x + place * inner));
    long rank = 0;
    for (long i = 0; i < axis; i++) {
        const key_type key = key_of(LOAD1(x + i * inner));
        rank += key > own || (key == own && i < place);
    }
    if (rank < k) {
        const size_t at = (outer * k + rank) * inner + column;
#if HAS_VALUES
        COPY1(x + place * inner, values + at);
#endif
#if HAS_INDICES
        indices[at] = place;
#endif
    }
}
