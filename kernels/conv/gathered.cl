/* What convolutions as products without stored matrices share, with the names of conv/taps.cl: extents, where a tap lies inside of an
 * image, and how results are stored: where the sum is in parts, as they are, to be added up afterwards. */
#include "common/storage.cl"
#include "conv/taps.cl"

#ifndef CHUNKS
#define CHUNKS 1 /* parts of the sum */
#endif

#define TAPS (KD * KH * KW)
/* A phase of a gradient may have no taps: nothing is divided by these then. */
#define SOME(count) ((count) > 0 ? (count) : 1)
#define FROM_IMAGE (FROM_D * FROM_H * FROM_W)
#define TO_IMAGE (TO_D * TO_H * TO_W)
#define PIXELS (BATCH * TO_IMAGE)
#define NOWHERE (INT_MIN / 2) /* a position that no tap brings into the image */
#define IS_INSIDE(d, h, w) ((uint)(d) < (uint)FROM_D && (uint)(h) < (uint)FROM_H && (uint)(w) < (uint)FROM_W)
#define FROM_PLANES (GROUPS * FROM_CHANNELS)
#define TO_PLANES (GROUPS * TO_CHANNELS)
#define Y_IMAGE (Y_D * Y_H * Y_W)
#define RESULTS ((size_t)BATCH * TO_PLANES * Y_IMAGE)

/* The next tap or, behind the last one, the first of the channels `channels` further. */
#define NEXT_TAP(channels)                                                                                                    \
    if (++kw == KW) {                                                                                                         \
        kw = 0;                                                                                                               \
        if (++kh == KH) {                                                                                                     \
            kh = 0;                                                                                                           \
            if (++kd == KD) {                                                                                                 \
                kd = 0;                                                                                                       \
                c += channels;                                                                                                \
            }                                                                                                                 \
        }                                                                                                                     \
    }

#if CHUNKS == 1
typedef element result;
#define STORE_RESULT(v, p) STORE1(v, p)
#define STORE_RESULTS(v, p) STOREV(v, p)
#else
typedef real result;
#define STORE_RESULT(v, p) (*(p) = (v))
#define STORE_RESULTS(v, p) VSTORE(v, p)
#endif

/* Where results of a pixel of the batch lie in the first plane of the group. */
static inline size_t place_of(int pixel)
{
    const int n = pixel / TO_IMAGE, p = pixel % TO_IMAGE;
    const int d = Y_FIRST_D + p / (TO_H * TO_W) * Y_STEP_D, h = Y_FIRST_H + p / TO_W % TO_H * Y_STEP_H;
    return (size_t)n * TO_PLANES * Y_IMAGE + (d * Y_H + h) * Y_W + Y_FIRST_W + p % TO_W * Y_STEP_W;
}

/* Where the weight of a tap from channel `from` to channel `to` of a group lies. */
static inline size_t weight_place(int group, int to, int from, int tap)
{
    const int d = TAP_FIRST_D + tap / SOME(KH * KW) * TAP_STEP_D, h = TAP_FIRST_H + tap / SOME(KW) % SOME(KH) * TAP_STEP_H;
    const int at = (d * FULL_H + h) * FULL_W + TAP_FIRST_W + tap % SOME(KW) * TAP_STEP_W;
#ifdef TRANSPOSED
    const size_t filter = (size_t)(group * FROM_CHANNELS + from) * TO_CHANNELS + to;
#else
    const size_t filter = (size_t)(group * TO_CHANNELS + to) * FROM_CHANNELS + from;
#endif
    return filter * (FULL_D * FULL_H * FULL_W) + at;
}
