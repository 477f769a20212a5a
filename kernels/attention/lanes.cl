/* The mask on vectors of scores, for the ways of attention on CPU-shaped devices. */
#include "common/lanes.cl"
#include "attention/common.cl"

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
