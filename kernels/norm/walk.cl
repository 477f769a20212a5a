/* Walks through elements that lie next to each other, by one work-item with vectors (VECTORS 1) or by ITEMS work-items, which add up
 * through a tree. BODY(n, a, b) is done for the element at offset `at` (n: 1) or for the WIDTH from there on (n: V): TYPE, LOAD,
 * STORE, EPILOGUE, READ and WRITE (of numbers of type real) end in n; a and b are where it adds up. */
#include "common/lanes.cl"
#include "common/epilogue.cl"
#ifndef VECTORS
#define VECTORS 1
#endif
#ifndef ITEMS
#define ITEMS 1
#endif
#define SUMS 4
#define TYPE1 real
#define TYPEV realv
#define READ1(p) (*(p))
#define READV(p) VLOAD(p)
#define WRITE1(v, p) (*(p) = (v))
#define WRITEV(v, p) VSTORE(v, p)

/* SUM_OF(WALK, a, b): what the bodies of a walk (a statement) add to their a and b, for all work-items. */
#if VECTORS
#define FOR_SPAN(first, count, BODY)                                                                                  \
    {                                                                                                                 \
        const size_t span = first;                                                                                    \
        const int length_of_span = count;                                                                             \
        int k = 0;                                                                                                    \
        for (; k + SUMS * WIDTH <= length_of_span; k += SUMS * WIDTH) {                                               \
            UNROLL for (int s = 0; s < SUMS; s++) {                                                                   \
                const size_t at = span + k + s * WIDTH;                                                               \
                BODY(V, sums_a[s], sums_b[s])                                                                         \
            }                                                                                                         \
        }                                                                                                             \
        for (; k + WIDTH <= length_of_span; k += WIDTH) {                                                             \
            const size_t at = span + k;                                                                               \
            BODY(V, sums_a[0], sums_b[0])                                                                             \
        }                                                                                                             \
        for (; k < length_of_span; k++) {                                                                             \
            const size_t at = span + k;                                                                               \
            BODY(1, rest_a, rest_b)                                                                                   \
        }                                                                                                             \
    }
#define SUM_OF(WALK, a, b)                                                                                            \
    {                                                                                                                 \
        realv sums_a[SUMS], sums_b[SUMS];                                                                             \
        real rest_a = 0, rest_b = 0;                                                                                  \
        UNROLL for (int s = 0; s < SUMS; s++)                                                                         \
            sums_a[s] = sums_b[s] = (realv)(0);                                                                       \
        WALK                                                                                                          \
        a = sum_of_lanes((sums_a[0] + sums_a[1]) + (sums_a[2] + sums_a[3])) + rest_a;                                 \
        b = sum_of_lanes((sums_b[0] + sums_b[1]) + (sums_b[2] + sums_b[3])) + rest_b;                                 \
    }
#define LOCAL_SUMS
#else
#define FOR_SPAN(first, count, BODY)                                                                                  \
    {                                                                                                                 \
        const size_t span = first;                                                                                    \
        for (int k = get_local_id(0); k < (count); k += ITEMS) {                                                      \
            const size_t at = span + k;                                                                               \
            BODY(1, rest_a, rest_b)                                                                                   \
        }                                                                                                             \
    }
#define SUM_OF(WALK, a, b)                                                                                            \
    {                                                                                                                 \
        real rest_a = 0, rest_b = 0;                                                                                  \
        WALK                                                                                                          \
        SUM_ITEMS(rest_a, rest_b)                                                                                     \
        a = rest_a;                                                                                                   \
        b = rest_b;                                                                                                   \
    }
#if ITEMS > 1
#define LOCAL_SUMS __local real tree_a[ITEMS], tree_b[ITEMS];
#define SUM_ITEMS(a, b)                                                                                               \
    {                                                                                                                 \
        const int item = get_local_id(0);                                                                             \
        tree_a[item] = a;                                                                                             \
        tree_b[item] = b;                                                                                             \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                                 \
        for (int part = ITEMS / 2; part > 0; part /= 2) {                                                             \
            if (item < part) {                                                                                        \
                tree_a[item] += tree_a[item + part];                                                                  \
                tree_b[item] += tree_b[item + part];                                                                  \
            }                                                                                                         \
            barrier(CLK_LOCAL_MEM_FENCE);                                                                             \
        }                                                                                                             \
        a = tree_a[0];                                                                                                \
        b = tree_b[0];                                                                                                \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                                 \
    }
#else
#define LOCAL_SUMS
#define SUM_ITEMS(a, b)
#endif
#endif
