/* Vectors of scores: their lanes, and the mask on them, for the ways of attention on CPU-shaped devices. */
#include "common/lanes.cl"
#include "attention/common.cl"

#if WIDTH == 16
#define LANE_NUMBERS (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#elif WIDTH == 8
#define LANE_NUMBERS (int8)(0, 1, 2, 3, 4, 5, 6, 7)
#else
#define LANE_NUMBERS (int4)(0, 1, 2, 3)
#endif

#if MASK
/* `count` lanes of the mask lie in memory. */
static inline realv masked(realv score, __global const mask_element *mask, long stride, int count)
{
    real lanes[WIDTH];
    if (stride == 1 && count >= WIDTH) {
#if MASK == 1
        return CONVERT_VECTOR(int)(VLOAD(mask)) != 0 ? score : (realv)(-INFINITY);
#else
        return score + LOADV(mask);
#endif
    }
    VSTORE(score, lanes);
    for (int i = 0; i < WIDTH && i < count; i++)
        lanes[i] = MASKED1(lanes[i], mask + i * stride);
    return VLOAD(lanes);
}
#endif
