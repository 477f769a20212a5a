/* Gradient of layer, RMS, group and instance normalization of x [images][lines][length]. With h = (x - mean) * inverse over the n
 * elements of a row and g = dy * scale (lib/graph/normalize_grad.c):
 *   dx = inverse * (g - sum(g) / n - h * sum(g * h) / n), dscale = sum(dy * h), dbias = sum(dy), these over all rows.
 * A work-group takes the rows of one line of `share` images, one after the other: each stays in the cache for its passes (mean, variance
 * about it, sums, dx). What its rows give to dscale and dbias it adds up in a part of its own; a second kernel adds up the parts.
 * Scales are one per element of a line (PER_ELEMENT), or one per `block` elements. */
#include "norm/walk.cl"
#ifndef PER_ELEMENT
#define PER_ELEMENT 1
#endif
#ifndef HAS_BIAS
#define HAS_BIAS 1
#endif
#ifndef CENTERED
#define CENTERED 1
#endif

#define ADD_VALUE(n, a, b) a += LOAD##n(x + at);
#define ADD_SQUARE(n, a, b)                                                                                           \
    const TYPE##n distance = LOAD##n(x + at) - mean;                                                                  \
    a += distance * distance;
#define ADD_TO(n, p, value) WRITE##n(READ##n(p) + (value), p);
#if HAS_BIAS
#define ADD_TO_BIAS(n, channel, value) ADD_TO(n, dbias + (channel), value)
#else
#define ADD_TO_BIAS(n, channel, value)
#endif
#if PER_ELEMENT
#define WEIGHT(n) LOAD##n(scale + (at - start))
#define CHANNEL (int)(at - start)
/* sum(g) and sum(g * h) */
#define ADD_GRADIENT(n, a, b)                                                                                         \
    const TYPE##n gradient = LOAD##n(dy + at), along = gradient * ((LOAD##n(x + at) - mean) * inverse);               \
    ADD_TO(n, dscale + (at - start), along)                                                                           \
    ADD_TO_BIAS(n, at - start, gradient)                                                                              \
    a += gradient * WEIGHT(n);                                                                                        \
    b += along * WEIGHT(n);
#else
#define WEIGHT(n) weight
#define CHANNEL channel
/* sum(dy) and sum(dy * (x - mean)) of a channel */
#define ADD_GRADIENT(n, a, b)                                                                                         \
    const TYPE##n gradient = LOAD##n(dy + at);                                                                        \
    a += gradient;                                                                                                    \
    b += gradient * (LOAD##n(x + at) - mean);
#endif
#define SPREAD(n, a, b)                                                                                               \
    const TYPE##n value = LOAD##n(dy + at) * WEIGHT(n) * inverse + ((LOAD##n(x + at) - mean) * slope + addend);       \
    STORE##n(EPILOGUE##n(value, at, line * channels + CHANNEL), dx + at);
#define CLEAR(n, a, b) WRITE##n((TYPE##n)(0), parts + at);

/* parts: [images / share][columns], a column for each element of dscale, then for each of dbias. channels: of a line */
__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void norm_grad(__global const element *restrict dy, __global const element *restrict x,
                        __global const element *restrict scales, __global element *restrict dx, __global real *restrict parts,
                        int images, int length, int lines, int block, float epsilon, int share EPILOGUE_PARAMS)
{
    LOCAL_SUMS
    const int line = get_group_id(1), first = get_group_id(0) * share, end = min(images, first + share);
    const int channels = length / block;
    const size_t columns = (size_t)lines * channels, part = (1 + HAS_BIAS) * columns * get_group_id(0) + (size_t)line * channels;
    __global const element *scale = scales + (size_t)line * channels;
    __global real *dscale = parts + part, *dbias = dscale + columns;
    FOR_SPAN(part, channels, CLEAR)
#if HAS_BIAS
    FOR_SPAN(part + columns, channels, CLEAR)
#endif
    for (int image = first; image < end; image++) {
        const size_t start = ((size_t)image * lines + line) * length;
        real mean = 0, variance, nothing, sum = 0, along = 0;
#if CENTERED
        SUM_OF(FOR_SPAN(start, length, ADD_VALUE), mean, nothing)
        mean /= length;
#endif
        SUM_OF(FOR_SPAN(start, length, ADD_SQUARE), variance, nothing)
        const real inverse = 1 / sqrt(variance / length + (real)epsilon);
#if PER_ELEMENT
        SUM_OF(FOR_SPAN(start, length, ADD_GRADIENT), sum, along)
#else
        for (int channel = 0; channel < channels; channel++) {
            real of_bias, of_scale;
            SUM_OF(FOR_SPAN(start + (size_t)channel * block, block, ADD_GRADIENT), of_bias, of_scale)
            of_scale *= inverse;
            if (get_local_id(0) == channel % ITEMS) {
                ADD_TO(1, dscale + channel, of_scale)
                ADD_TO_BIAS(1, channel, of_bias)
            }
            sum += of_bias * LOAD1(scale + channel);
            along += of_scale * LOAD1(scale + channel);
        }
#endif
        const real slope = -inverse * inverse * along / length, addend = CENTERED ? -inverse * sum / length : 0;
#if PER_ELEMENT
        FOR_SPAN(start, length, SPREAD)
#else
        for (int channel = 0; channel < channels; channel++) {
            const real weight = LOAD1(scale + channel);
            FOR_SPAN(start + (size_t)channel * block, block, SPREAD)
        }
#endif
    }
}

/* Adds up the parts of each column. With VECTORS a work-item takes SUMS vectors of columns; else a work-group takes LANES columns, each by
 * ITEMS / LANES work-items, and a tree adds up what they found. */
#if VECTORS
#define COLUMNS (SUMS * WIDTH)
#else
#define LANES (ITEMS < 32 ? ITEMS : 32)
#endif
#if HAS_BIAS
#define STORE_COLUMN(value, column)                                                                                   \
    if ((column) < channels)                                                                                          \
        dscale[column] = value;                                                                                       \
    else                                                                                                              \
        dbias[(column) - channels] = value;
#else
#define STORE_COLUMN(value, column) dscale[column] = value;
#endif

__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void norm_grad_parts(__global const real *restrict parts, __global real *restrict dscale,
#if HAS_BIAS
                              __global real *restrict dbias,
#endif
                              int count, int channels)
{
    const int columns = (1 + HAS_BIAS) * channels;
#if VECTORS
    const int first = get_group_id(0) * COLUMNS, end = min(columns, first + COLUMNS);
    real totals[COLUMNS];
    if (end - first == COLUMNS) {
        realv sums[SUMS];
        UNROLL for (int s = 0; s < SUMS; s++)
            sums[s] = (realv)(0);
        for (int part = 0; part < count; part++)
            UNROLL for (int s = 0; s < SUMS; s++)
                sums[s] += VLOAD(parts + (size_t)part * columns + first + s * WIDTH);
        UNROLL for (int s = 0; s < SUMS; s++)
            VSTORE(sums[s], totals + s * WIDTH);
    } else {
        for (int column = first; column < end; column++) {
            totals[column - first] = 0;
            for (int part = 0; part < count; part++)
                totals[column - first] += parts[(size_t)part * columns + column];
        }
    }
    for (int column = first; column < end; column++)
        STORE_COLUMN(totals[column - first], column)
#else
    const int item = get_local_id(0), column = get_group_id(0) * LANES + item % LANES;
    real total = 0;
    for (int part = item / LANES; part < count && column < columns; part += ITEMS / LANES)
        total += parts[(size_t)part * columns + column];
#if ITEMS > LANES
    __local real tree[ITEMS];
    tree[item] = total;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int half_of = ITEMS / 2; half_of >= LANES; half_of /= 2) {
        if (item < half_of)
            tree[item] += tree[item + half_of];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    total = tree[item];
#endif
    if (item < LANES && column < columns)
        STORE_COLUMN(total, column)
#endif
}
