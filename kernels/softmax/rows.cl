/* Softmax and log-softmax on CPU-shaped devices, one work-item per group. softmax_rows: the axis is innermost, lanes run along
 * it; a row stays in the cache between its passes: maximum, exponentials and their sum, scaling. softmax_columns: lanes run
 * along what lies inside of the axis (inner >= WIDTH); the last vector is moved back over its neighbour. */
#include "common/lanes.cl"
#include "common/exponential.cl"
#ifndef LOGARITHM
#define LOGARITHM 0
#endif
#define STREAMS 4 /* vectors in flight, so that no sum waits for the one before */
#define KEEPS_EXPONENTIALS (STORAGE == FLOAT32 && !LOGARITHM) /* others would lose them to the rounding of the store */

/* The `count` < WIDTH elements at the end of a row; the other lanes are -infinity, whose exponential is 0. */
static realv load_tail(__global const element *x, int count)
{
    real lanes[WIDTH];
    for (int i = 0; i < WIDTH; i++)
        lanes[i] = i < count ? LOAD1(x + i) : (real)(-INFINITY);
    return VLOAD(lanes);
}

static void store_tail(realv v, __global element *y, int count)
{
    real lanes[WIDTH];
    VSTORE(v, lanes);
    for (int i = 0; i < count; i++)
        STORE1(lanes[i], y + i);
}

static realv finished(realv x, real most, real factor)
{
#if LOGARITHM
    return x - most - factor;
#else
    return EXPONENTIAL(x - most) * factor;
#endif
}

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void softmax_rows(__global const element *restrict x_all, __global element *restrict y_all, int rows, int axis,
                           int group_rows)
{
    const int first = get_group_id(0) * group_rows, end = min(rows, first + group_rows);
    const int whole = axis / WIDTH * WIDTH, rest = axis - whole;
    for (int row = first; row < end; row++) {
        __global const element *x = x_all + (size_t)row * axis;
        __global element *y = y_all + (size_t)row * axis;
        realv tops[STREAMS], sums[STREAMS];
        int at = 0;
        UNROLL for (int s = 0; s < STREAMS; s++) {
            tops[s] = (realv)(-INFINITY);
            sums[s] = (realv)(0);
        }
        for (; at + STREAMS * WIDTH <= whole; at += STREAMS * WIDTH) {
            UNROLL for (int s = 0; s < STREAMS; s++)
                tops[s] = larger(LOADV(x + at + s * WIDTH), tops[s]);
        }
        for (; at < whole; at += WIDTH)
            tops[0] = larger(LOADV(x + at), tops[0]);
        realv top = larger(larger(tops[0], tops[1]), larger(tops[2], tops[3]));
        if (rest > 0)
            top = larger(load_tail(x + whole, rest), top);
        const real most = largest_lane(top);
        for (at = 0; at + STREAMS * WIDTH <= whole; at += STREAMS * WIDTH) {
            UNROLL for (int s = 0; s < STREAMS; s++) {
                const realv e = EXPONENTIAL(LOADV(x + at + s * WIDTH) - most);
                sums[s] += e;
#if KEEPS_EXPONENTIALS
                STOREV(e, y + at + s * WIDTH);
#endif
            }
        }
        for (; at < whole; at += WIDTH) {
            const realv e = EXPONENTIAL(LOADV(x + at) - most);
            sums[0] += e;
#if KEEPS_EXPONENTIALS
            STOREV(e, y + at);
#endif
        }
        realv sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        realv last = (realv)(0);
        if (rest > 0) {
            last = EXPONENTIAL(load_tail(x + whole, rest) - most);
            /* of a row of -infinity alone the lanes behind its end are NaN too, as is its every result */
            sum += last;
        }
        const real total = sum_of_lanes(sum);
#if LOGARITHM
        const real factor = log(total);
#else
        const real factor = 1 / total;
#endif
        for (int i = 0; i < whole; i += WIDTH) {
#if KEEPS_EXPONENTIALS
            STOREV(LOADV(y + i) * factor, y + i);
#else
            STOREV(finished(LOADV(x + i), most, factor), y + i);
#endif
        }
        if (rest > 0)
            store_tail(LOGARITHM ? finished(load_tail(x + whole, rest), most, factor) : last * factor, y + whole, rest);
    }
}

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void softmax_columns(__global const element *restrict x_all, __global element *restrict y_all, int axis, int inner)
{
    const int column = min((int)get_group_id(0) * WIDTH, inner - WIDTH);
    const size_t start = get_group_id(1) * (size_t)axis * inner + column;
    __global const element *x = x_all + start;
    __global element *y = y_all + start;
    realv most = (realv)(-INFINITY), sum = (realv)(0);
    for (int i = 0; i < axis; i++)
        most = larger(LOADV(x + (size_t)i * inner), most);
    for (int i = 0; i < axis; i++)
        sum += EXPONENTIAL(LOADV(x + (size_t)i * inner) - most);
#if LOGARITHM
    const realv factor = log(sum);
#else
    const realv factor = 1 / sum;
#endif
    for (int i = 0; i < axis; i++) {
        const realv d = LOADV(x + (size_t)i * inner) - most;
#if LOGARITHM
        STOREV(d - factor, y + (size_t)i * inner);
#else
        STOREV(EXPONENTIAL(d) * factor, y + (size_t)i * inner);
#endif
    }
}
