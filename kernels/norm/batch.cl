/* Batch normalization with the batch's own statistics. Mean and variance of a chunk are made in two passes over it, about its own
 * mean, and joined with those of the chunks before by Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for
 * Computing Sample Variances", 1979, (2.1): as accurate as two passes over all, where mean and variance of one pass over sums of
 * squares would be lost for a large mean. The last pass then reads x from the cache. */
#include "norm/batch_common.cl"

/* Joins `more` elements of this mean and this sum of squares about it to the `count` before. */
static void join(real *count, real *mean, real *squares, real more, real more_mean, real more_squares)
{
    const real total = *count + more, delta = more_mean - *mean, part = more / total;
    *mean += delta * part;
    *squares += more_squares + delta * delta * *count * part;
    *count = total;
}

#define ADD_VALUE(n, a, b) a += LOAD##n(x + at);
#define ADD_SQUARE(n, a, b)                                                                                           \
    const TYPE##n distance = LOAD##n(x + at) - chunk_mean;                                                            \
    a += distance * distance;
#define NORMALIZE(n, a, b)                                                                                            \
    const TYPE##n value = (LOAD##n(x + at) - mean) * factor + addend;                                                 \
    STORE##n(EPILOGUE##n(value, at, channel), y + at);
/* count, mean and squares of elements first..end-1 */
#define STATISTICS(first, end)                                                                                        \
    for (int chunk = first; chunk < (end); chunk += CHUNK) {                                                          \
        const int chunk_end = min(end, chunk + CHUNK), size = chunk_end - chunk;                                      \
        real chunk_mean, chunk_squares, nothing;                                                                      \
        SUM_ELEMENTS(chunk, chunk_end, ADD_VALUE, chunk_mean, nothing)                                                \
        chunk_mean /= size;                                                                                           \
        SUM_ELEMENTS(chunk, chunk_end, ADD_SQUARE, chunk_squares, nothing)                                            \
        join(&count, &mean, &squares, size, chunk_mean, chunk_squares);                                               \
    }

#if SPLIT
/* found: [channels][groups] of mean and squares */
__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void batch_norm_statistics(__global const element *restrict x, __global real *restrict found, int channels, int pixels,
                                    int all, int share)
{
    LOCAL_SUMS
    const int channel = get_group_id(1), first = get_group_id(0) * share, end = min(all, first + share);
    real count = 0, mean = 0, squares = 0;
    STATISTICS(first, end)
    if (get_local_id(0) == 0) {
        const size_t group = (size_t)channel * get_num_groups(0) + get_group_id(0);
        found[2 * group] = mean;
        found[2 * group + 1] = squares;
    }
}
#endif

__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void batch_norm(__global const element *restrict x, __global const element *restrict scale,
                         __global const element *restrict bias, __global element *restrict y, __global real *restrict means,
                         __global real *restrict variances, __global real *restrict inverses,
#if SPLIT
                         __global const real *restrict found,
#endif
                         int channels, int pixels, int all, int share, float epsilon EPILOGUE_PARAMS)
{
    const int channel = get_group_id(1), first = get_group_id(0) * share, end = min(all, first + share);
    real count = 0, mean = 0, squares = 0;
#if SPLIT
    __global const real *of_channel = found + 2 * (size_t)channel * get_num_groups(0);
    for (int group = 0; group < get_num_groups(0); group++)
        join(&count, &mean, &squares, min(share, all - group * share), of_channel[2 * group], of_channel[2 * group + 1]);
#else
    LOCAL_SUMS
    STATISTICS(first, end)
#endif
    const real variance = squares / all, inverse = 1 / sqrt(variance + (real)epsilon);
    const real factor = LOAD1(scale + channel) * inverse, addend = LOAD1(bias + channel);
    if (get_local_id(0) == 0 && get_group_id(0) == 0) {
        means[channel] = all == 0 ? (real)NAN : mean;
        variances[channel] = variance;
        inverses[channel] = inverse;
    }
    FOR_ELEMENTS(first, end, NORMALIZE)
}
