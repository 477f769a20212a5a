/* What batch normalization and its gradient share: walks through the elements of one channel, those of all images one behind the
 * other ([batch][channels][pixels]). A work-group takes `share` elements; where they are not all (SPLIT), what the groups of a channel
 * found lies in a workspace between two kernels. */
#include "norm/walk.cl"
#ifndef SPLIT
#define SPLIT 0
#endif

/* Where element i of the channel lies. */
#define ELEMENT(i) (((size_t)((i) / pixels) * channels + channel) * pixels + (i) % pixels)

/* BODY for elements first..end-1 of the channel. */
#if VECTORS
#define FOR_ELEMENTS(first, end, BODY)                                                                                \
    if ((first) < (end)) {                                                                                            \
        size_t start = ELEMENT(first);                                                                                \
        int length = pixels - (first) % pixels; /* to the end of the first image, then whole images */                \
        for (int left = (end) - (first); left > 0; left -= length, start += (size_t)(channels - 1) * pixels + length, \
                 length = pixels) {                                                                                   \
            length = min(length, left);                                                                               \
            FOR_SPAN(start, length, BODY)                                                                             \
        }                                                                                                             \
    }
#define CHUNK 4096 /* elements that the first cache keeps between two passes, and that one sum is made of */
#else
#define FOR_ELEMENTS(first, end, BODY)                                                                                \
    for (int i = (first) + (int)get_local_id(0); i < (end); i += ITEMS) {                                             \
        const size_t at = ELEMENT(i);                                                                                 \
        BODY(1, rest_a, rest_b)                                                                                       \
    }
#define CHUNK share
#endif
#define SUM_ELEMENTS(first, end, BODY, a, b) SUM_OF(FOR_ELEMENTS(first, end, BODY), a, b)
