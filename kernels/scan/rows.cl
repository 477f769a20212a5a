/* Cumulative sums on CPU-shaped devices. scan_rows: the axis is innermost; a work-item takes one part of a row, a vector at a
 * time: prefix sums of its lanes in log2(WIDTH) shifted additions, then what came before. Rows that are cut into several parts
 * have the sums of these added up first, by scan_sums. scan_columns: lanes run along what lies inside of the axis. */
#include "common/storage.cl"
#ifndef EXCLUSIVE
#define EXCLUSIVE 0
#endif
#ifndef REVERSE
#define REVERSE 0
#endif
#ifndef CUT
#define CUT 0 /* rows are cut into parts */
#endif

#if WIDTH == 16
#define SHIFT1(v) (realv)(0, v.s0123, v.s4567, v.s89ab, v.scd, v.se)
#define SHIFT2(v) (realv)(0, 0, v.s01234567, v.s89ab, v.scd)
#define SHIFT4(v) (realv)(0, 0, 0, 0, v.s01234567, v.s89ab)
#define SHIFT8(v) (realv)(0, 0, 0, 0, 0, 0, 0, 0, v.s01234567)
#define BACKWARDS(v) v.sfedcba9876543210
#define LAST_LANE sf
#elif WIDTH == 8
#define SHIFT1(v) (realv)(0, v.s0123, v.s45, v.s6)
#define SHIFT2(v) (realv)(0, 0, v.s0123, v.s45)
#define SHIFT4(v) (realv)(0, 0, 0, 0, v.s0123)
#define BACKWARDS(v) v.s76543210
#define LAST_LANE s7
#else
#define SHIFT1(v) (realv)(0, v.s01, v.s2)
#define SHIFT2(v) (realv)(0, 0, v.s01)
#define BACKWARDS(v) v.s3210
#define LAST_LANE s3
#endif

static realv prefix_sums(realv v)
{
    v += SHIFT1(v);
    v += SHIFT2(v);
#if WIDTH > 4
    v += SHIFT4(v);
#endif
#if WIDTH > 8
    v += SHIFT8(v);
#endif
    return v;
}

static real sum_of_part(__global const element *x, int length)
{
    realv sum[4];
    real rest = 0;
    int i = 0;
    UNROLL for (int s = 0; s < 4; s++)
        sum[s] = (realv)(0);
    for (; i + 4 * WIDTH <= length; i += 4 * WIDTH) {
        UNROLL for (int s = 0; s < 4; s++)
            sum[s] += LOADV(x + i + s * WIDTH);
    }
    for (; i + WIDTH <= length; i += WIDTH)
        sum[0] += LOADV(x + i);
    for (; i < length; i++)
        rest += LOAD1(x + i);
    return prefix_sums((sum[0] + sum[1]) + (sum[2] + sum[3])).LAST_LANE + rest;
}

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void scan_sums(__global const element *restrict x, __global real *restrict sums, long axis, int part, int parts)
{
    const size_t row = get_group_id(1);
    const long first = get_group_id(0) * (long)part;
    sums[row * parts + get_group_id(0)] = sum_of_part(x + row * axis + first, (int)min((long)part, axis - first));
}

/* Where a walk of `length` elements has got to after i of them. */
#define PLACE(i, count) (REVERSE ? length - (i) - (count) : (i))

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void scan_rows(__global const element *restrict x_all, __global element *restrict y_all,
#if CUT
                        __global const real *restrict sums,
#endif
                        long axis, int part, int parts)
{
    const size_t row = get_group_id(1);
    const long first = get_group_id(0) * (long)part;
    const int length = (int)min((long)part, axis - first);
    __global const element *x = x_all + row * axis + first;
    __global element *y = y_all + row * axis + first;
    real before = 0;
#if CUT
    const int own = get_group_id(0);
    for (int i = REVERSE ? parts - 1 : 0; i != own; i += REVERSE ? -1 : 1)
        before += sums[row * parts + i];
#endif
    int i = 0;
    for (; i + WIDTH <= length; i += WIDTH) {
        realv value = LOADV(x + PLACE(i, WIDTH));
#if REVERSE
        value = BACKWARDS(value);
#endif
        const realv sums_here = prefix_sums(value);
        realv result = (EXCLUSIVE ? SHIFT1(sums_here) : sums_here) + before;
        before += sums_here.LAST_LANE;
#if REVERSE
        result = BACKWARDS(result);
#endif
        STOREV(result, y + PLACE(i, WIDTH));
    }
    for (; i < length; i++) {
        const real after = before + LOAD1(x + PLACE(i, 1)), result = EXCLUSIVE ? before : after;
        STORE1(result, y + PLACE(i, 1));
        before = after;
    }
}

#define WALK(vectors)                                                                                                 \
    {                                                                                                                 \
        realv sum[vectors];                                                                                           \
        UNROLL for (int v = 0; v < vectors; v++)                                                                      \
            sum[v] = (realv)(0);                                                                                      \
        for (int i = 0; i < axis; i++) {                                                                              \
            const size_t at = (size_t)(REVERSE ? axis - 1 - i : i) * inner + column;                                  \
            UNROLL for (int v = 0; v < vectors; v++) {                                                                \
                const realv after = sum[v] + LOADV(x + at + v * WIDTH);                                               \
                STOREV(EXCLUSIVE ? sum[v] : after, y + at + v * WIDTH);                                               \
                sum[v] = after;                                                                                       \
            }                                                                                                         \
        }                                                                                                             \
    }

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void scan_columns(__global const element *restrict x_all, __global element *restrict y_all, int axis, int inner,
                           int columns)
{
    const size_t start = get_group_id(1) * (size_t)axis * inner;
    const int end = min(inner, (int)(get_group_id(0) + 1) * columns);
    __global const element *x = x_all + start;
    __global element *y = y_all + start;
    int column = get_group_id(0) * columns;
    for (; column + 4 * WIDTH <= end; column += 4 * WIDTH)
        WALK(4)
    for (; column + WIDTH <= end; column += WIDTH)
        WALK(1)
    for (; column < end; column++) {
        real sum = 0;
        for (int i = 0; i < axis; i++) {
            const size_t at = (size_t)(REVERSE ? axis - 1 - i : i) * inner + column;
            const real after = sum + LOAD1(x + at), result = EXCLUSIVE ? sum : after;
            STORE1(result, y + at);
            sum = after;
        }
    }
}
