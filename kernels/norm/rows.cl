/* Layer, group and instance normalization on CPU-shaped devices: one work-item per group of rows, lanes along the row, which
 * stays in the cache between its passes: mean, variance about the mean, result. Scale and bias are one per element
 * (SCALE_BLOCK 1) or one per block of elements. */
#include "common/lanes.cl"
#ifndef HAS_SCALE
#define HAS_SCALE 1
#endif
#ifndef HAS_BIAS
#define HAS_BIAS 1
#endif
#ifndef HAS_MEAN
#define HAS_MEAN 0
#endif
#ifndef HAS_INVERSE
#define HAS_INVERSE 0
#endif
#ifndef PER_ELEMENT
#define PER_ELEMENT 1
#endif
#ifndef CENTERED
#define CENTERED 1
#endif
#define SUMS 4

/* Sum of (x - shift), or of its square, over a row. */
#define SUM_ROW(result, expression)                                                                                   \
    {                                                                                                                 \
        realv sum[SUMS];                                                                                              \
        real rest = 0;                                                                                                \
        int i = 0;                                                                                                    \
        UNROLL for (int s = 0; s < SUMS; s++)                                                                         \
            sum[s] = (realv)(0);                                                                                      \
        for (; i + SUMS * WIDTH <= length; i += SUMS * WIDTH) {                                                       \
            UNROLL for (int s = 0; s < SUMS; s++) {                                                                   \
                const realv value = LOADV(x + i + s * WIDTH);                                                         \
                sum[s] += expression;                                                                                 \
            }                                                                                                         \
        }                                                                                                             \
        for (; i + WIDTH <= length; i += WIDTH) {                                                                     \
            const realv value = LOADV(x + i);                                                                         \
            sum[0] += expression;                                                                                     \
        }                                                                                                             \
        for (; i < length; i++) {                                                                                     \
            const real value = LOAD1(x + i);                                                                          \
            rest += expression;                                                                                       \
        }                                                                                                             \
        result = sum_of_lanes((sum[0] + sum[1]) + (sum[2] + sum[3])) + rest;                                          \
    }

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void norm_rows(__global const element *restrict x_all,
#if HAS_SCALE
                        __global const element *restrict scale,
#endif
#if HAS_BIAS
                        __global const element *restrict bias,
#endif
                        __global element *restrict y_all,
#if HAS_MEAN
                        __global real *restrict means,
#endif
#if HAS_INVERSE
                        __global real *restrict inverses,
#endif
                        int rows, int length, int scale_rows, int scale_block, float epsilon, int group_rows)
{
    const int first = get_group_id(0) * group_rows, end = min(rows, first + group_rows);
    for (int row = first; row < end; row++) {
        __global const element *x = x_all + (size_t)row * length;
        __global element *y = y_all + (size_t)row * length;
        real mean = 0, variance;
#if CENTERED
        SUM_ROW(mean, value)
        mean /= length;
#endif
        SUM_ROW(variance, (value - mean) * (value - mean))
        const real inverse = 1 / sqrt(variance / length + epsilon);
#if HAS_MEAN
        means[row] = mean;
#endif
#if HAS_INVERSE
        inverses[row] = inverse;
#endif
#if PER_ELEMENT
        const size_t at = (size_t)(row % scale_rows) * length;
        int i = 0;
        for (; i + WIDTH <= length; i += WIDTH) {
            realv value = (LOADV(x + i) - mean) * inverse;
#if HAS_SCALE
            value *= LOADV(scale + at + i);
#endif
#if HAS_BIAS
            value += LOADV(bias + at + i);
#endif
            STOREV(value, y + i);
        }
        for (; i < length; i++) {
            real value = (LOAD1(x + i) - mean) * inverse;
#if HAS_SCALE
            value *= LOAD1(scale + at + i);
#endif
#if HAS_BIAS
            value += LOAD1(bias + at + i);
#endif
            STORE1(value, y + i);
        }
#else
        size_t channel = (size_t)(row % scale_rows) * length / scale_block;
        for (int block = 0; block < length; block += scale_block, channel++) {
            const int block_end = min(length, block + scale_block);
            real factor = inverse, addend = 0;
#if HAS_SCALE
            factor *= LOAD1(scale + channel);
#endif
#if HAS_BIAS
            addend = LOAD1(bias + channel);
#endif
            int i = block;
            for (; i + WIDTH <= block_end; i += WIDTH)
                STOREV((LOADV(x + i) - mean) * factor + addend, y + i);
            for (; i < block_end; i++)
                STORE1((LOAD1(x + i) - mean) * factor + addend, y + i);
        }
#endif
    }
}
