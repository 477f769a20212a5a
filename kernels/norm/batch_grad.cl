/* Gradient of batch normalization. With h = (x - mean) * inverse over n elements of a channel (Ioffe and Szegedy, "Batch
 * Normalization", 2015, section 3):
 *   dbias = sum(dy), dscale = sum(dy * h), dx = scale * inverse * (dy - dbias / n - h * dscale / n). */
#include "norm/batch_common.cl"

#define ADD_GRADIENT(n, a, b)                                                                                         \
    const TYPE##n gradient = LOAD##n(dy + at);                                                                        \
    a += gradient;                                                                                                    \
    b += gradient * (LOAD##n(x + at) - mean);
#define SPREAD(n, a, b)                                                                                               \
    const TYPE##n value = LOAD##n(dy + at) * factor + ((LOAD##n(x + at) - mean) * slope + addend);                    \
    STORE##n(EPILOGUE##n(value, at, channel), dx + at);
/* sum(dy) and sum(dy * (x - mean)) of elements first..end-1, chunk by chunk, so that sums stay short */
#define SUMS_OF_GRADIENTS(first, end)                                                                                 \
    for (int chunk = first; chunk < (end); chunk += CHUNK) {                                                          \
        const int chunk_end = min(end, chunk + CHUNK);                                                                \
        real part, part_along;                                                                                        \
        SUM_ELEMENTS(chunk, chunk_end, ADD_GRADIENT, part, part_along)                                                \
        sum += part;                                                                                                  \
        along += part_along;                                                                                          \
    }

#if SPLIT
/* found: [channels][groups] of sum(dy) and sum(dy * (x - mean)) */
__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void batch_norm_sums(__global const element *restrict dy, __global const element *restrict x,
                              __global const real *restrict means, __global real *restrict found, int channels, int pixels,
                              int all, int share)
{
    LOCAL_SUMS
    const int channel = get_group_id(1), first = get_group_id(0) * share, end = min(all, first + share);
    const real mean = means[channel];
    real sum = 0, along = 0;
    SUMS_OF_GRADIENTS(first, end)
    if (get_local_id(0) == 0) {
        const size_t group = (size_t)channel * get_num_groups(0) + get_group_id(0);
        found[2 * group] = sum;
        found[2 * group + 1] = along;
    }
}
#endif

__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void batch_norm_grad(__global const element *restrict dy, __global const element *restrict x,
                              __global const element *restrict scale, __global const real *restrict means,
                              __global const real *restrict inverses, __global element *restrict dx,
                              __global real *restrict dscale, __global real *restrict dbias,
#if SPLIT
                              __global const real *restrict found,
#endif
                              int channels, int pixels, int all, int share EPILOGUE_PARAMS)
{
    const int channel = get_group_id(1), first = get_group_id(0) * share, end = min(all, first + share);
    const real mean = means[channel], inverse = inverses[channel];
    real sum = 0, along = 0;
#if SPLIT
    __global const real *of_channel = found + 2 * (size_t)channel * get_num_groups(0);
    for (int group = 0; group < get_num_groups(0); group++) {
        sum += of_channel[2 * group];
        along += of_channel[2 * group + 1];
    }
#else
    LOCAL_SUMS
    SUMS_OF_GRADIENTS(first, end)
#endif
    if (get_local_id(0) == 0 && get_group_id(0) == 0) {
        dscale[channel] = along * inverse;
        dbias[channel] = sum;
    }
    const real factor = LOAD1(scale + channel) * inverse;
    const real slope = -factor * inverse * inverse * along / all, addend = -factor * sum / all;
    FOR_ELEMENTS(first, end, SPREAD)
}
