/* What batch normalization and its gradient share: walks through the elements of one channel, those of all images one behind the
 * other ([batch][channels][pixels]). On CPU-shaped devices by one work-item, with vectors along the pixels (VECTORS 1); on others by
 * ITEMS work-items, which add up through a tree. A work-group takes `share` elements; where they are not all (SPLIT), what the
 * groups of a channel found lies in a workspace between two kernels. */
#include "common/lanes.cl"
#include "common/epilogue.cl"
#ifndef VECTORS
#define VECTORS 1
#endif
#ifndef ITEMS
#define ITEMS 1
#endif
#ifndef SPLIT
#define SPLIT 0
#endif
#define SUMS 4

/* Where element i of the channel lies. */
#define ELEMENT(i) (((size_t)((i) / pixels) * channels + channel) * pixels + (i) % pixels)

/* BODY(type, LOAD, STORE, EPILOGUE, a, b) for elements first..end-1, of which `at` is the offset; a and b: where it adds up. */
#if VECTORS
#define FOR_ELEMENTS(first, end, BODY)                                                                                \
    if ((first) < (end)) {                                                                                            \
        size_t start = ELEMENT(first);                                                                                \
        int length = pixels - (first) % pixels; /* to the end of the first image, then whole images */                \
        for (int left = (end) - (first); left > 0; left -= length, start += (size_t)(channels - 1) * pixels + length, \
                 length = pixels) {                                                                                   \
            int k = 0;                                                                                                \
            length = min(length, left);                                                                               \
            for (; k + SUMS * WIDTH <= length; k += SUMS * WIDTH) {                                                   \
                UNROLL for (int s = 0; s < SUMS; s++) {                                                               \
                    const size_t at = start + k + s * WIDTH;                                                          \
                    BODY(realv, LOADV, STOREV, EPILOGUEV, sums_a[s], sums_b[s])                                       \
                }                                                                                                     \
            }                                                                                                         \
            for (; k + WIDTH <= length; k += WIDTH) {                                                                 \
                const size_t at = start + k;                                                                          \
                BODY(realv, LOADV, STOREV, EPILOGUEV, sums_a[0], sums_b[0])                                           \
            }                                                                                                         \
            for (; k < length; k++) {                                                                                 \
                const size_t at = start + k;                                                                          \
                BODY(real, LOAD1, STORE1, EPILOGUE1, rest_a, rest_b)                                                  \
            }                                                                                                         \
        }                                                                                                             \
    }
#define SUM_ELEMENTS(first, end, BODY, a, b)                                                                          \
    {                                                                                                                 \
        realv sums_a[SUMS], sums_b[SUMS];                                                                             \
        real rest_a = 0, rest_b = 0;                                                                                  \
        UNROLL for (int s = 0; s < SUMS; s++)                                                                         \
            sums_a[s] = sums_b[s] = (realv)(0);                                                                       \
        FOR_ELEMENTS(first, end, BODY)                                                                                \
        a = sum_of_lanes((sums_a[0] + sums_a[1]) + (sums_a[2] + sums_a[3])) + rest_a;                                 \
        b = sum_of_lanes((sums_b[0] + sums_b[1]) + (sums_b[2] + sums_b[3])) + rest_b;                                 \
    }
#define CHUNK 4096 /* elements that the first cache keeps between two passes, and that one sum is made of */
#define LOCAL_SUMS
#else
#define FOR_ELEMENTS(first, end, BODY)                                                                                \
    for (int i = (first) + (int)get_local_id(0); i < (end); i += ITEMS) {                                             \
        const size_t at = ELEMENT(i);                                                                                 \
        BODY(real, LOAD1, STORE1, EPILOGUE1, rest_a, rest_b)                                                          \
    }
#define SUM_ELEMENTS(first, end, BODY, a, b)                                                                          \
    {                                                                                                                 \
        real rest_a = 0, rest_b = 0;                                                                                  \
        FOR_ELEMENTS(first, end, BODY)                                                                                \
        SUM_ITEMS(rest_a, rest_b)                                                                                     \
        a = rest_a;                                                                                                   \
        b = rest_b;                                                                                                   \
    }
#define CHUNK share
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
