/* Layer, group and instance normalization by a group of ITEMS work-items per row: a tree adds up mean and variance. With ITEMS
 * 1 it always works. */
#include "common/storage.cl"
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
#if HAS_SCALE
#define SCALE(channel) LOAD1(scale + (channel))
#else
#define SCALE(channel) 1
#endif
#if HAS_BIAS
#define BIAS(channel) LOAD1(bias + (channel))
#else
#define BIAS(channel) 0
#endif
#ifndef ITEMS
#define ITEMS 1
#endif
#define FOR_ROW for (long i = item; i < length; i += ITEMS)

#if ITEMS > 1
#define SUM_ITEMS(value)                                                                                              \
    sums[item] = value;                                                                                               \
    barrier(CLK_LOCAL_MEM_FENCE);                                                                                     \
    for (int part = ITEMS / 2; part > 0; part /= 2) {                                                                 \
        if (item < part)                                                                                              \
            sums[item] += sums[item + part];                                                                          \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                                 \
    }                                                                                                                 \
    value = sums[0];                                                                                                  \
    barrier(CLK_LOCAL_MEM_FENCE);
#else
#define SUM_ITEMS(value)
#endif

__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void norm_plain(__global const element *restrict x_all,
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
                         long length, long scale_rows, long scale_block, float epsilon)
{
#if ITEMS > 1
    __local real sums[ITEMS];
#endif
    const int item = get_local_id(0);
    const size_t row = get_group_id(0);
    __global const element *x = x_all + row * length;
    __global element *y = y_all + row * length;
    real mean = 0, variance = 0;
#if CENTERED
    FOR_ROW mean += LOAD1(x + i);
    SUM_ITEMS(mean)
    mean /= length;
#endif
    FOR_ROW {
        const real d = LOAD1(x + i) - mean;
        variance += d * d;
    }
    SUM_ITEMS(variance)
    const real inverse = 1 / sqrt(variance / length + (real)epsilon);
#if HAS_MEAN
    if (item == 0)
        means[row] = mean;
#endif
#if HAS_INVERSE
    if (item == 0)
        inverses[row] = inverse;
#endif
    FOR_ROW {
        const size_t channel = ((row % scale_rows) * length + i) / scale_block;
        const real value = (LOAD1(x + i) - mean) * inverse * SCALE(channel) + BIAS(channel);
        STORE1(value, y + i);
    }
}
