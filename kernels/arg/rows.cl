/* ArgMax and ArgMin on CPU-shaped devices, one work-item per group. arg_rows: the axis is innermost, lanes run along it;
 * arg_columns: lanes run along what lies inside of the axis (inner >= WIDTH). NaNs never win. */
#include "common/storage.cl"
#ifndef MINIMUM
#define MINIMUM 0
#endif
#ifndef LAST
#define LAST 0
#endif
#if LAST
#define BEATS(a, b) (MINIMUM ? (a) <= (b) : (a) >= (b))
#else
#define BEATS(a, b) (MINIMUM ? (a) < (b) : (a) > (b))
#endif
#define WORST (MINIMUM ? HIGHEST : LOWEST)

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void arg_rows(__global const element *restrict x_all, __global long *restrict y, int rows, int axis, int group_rows)
{
    const int first = get_group_id(0) * group_rows, end = min(rows, first + group_rows);
    for (int row = first; row < end; row++) {
        __global const element *x = x_all + (size_t)row * axis;
        VECTOR(int) at = (VECTOR(int))(0), here;
        realv best = (realv)(WORST);
        int lane_at[WIDTH], i = 0;
        real lane_best[WIDTH];
        for (int l = 0; l < WIDTH; l++)
            lane_at[l] = l;
        here = VLOAD(lane_at);
        for (; i + WIDTH <= axis; i += WIDTH) {
            const realv value = LOADV(x + i);
            const VECTOR(int) wins = BEATS(value, best);
            best = wins ? value : best;
            at = wins ? here : at;
            here += (VECTOR(int))(WIDTH);
        }
        VSTORE(best, lane_best);
        VSTORE(at, lane_at);
        real top = WORST;
        int found = 0;
        if (axis >= WIDTH) {
            top = lane_best[0];
            found = lane_at[0];
            for (int l = 1; l < WIDTH; l++) {
                const bool same = lane_best[l] == top && (LAST ? lane_at[l] > found : lane_at[l] < found);
                if (same || (lane_best[l] != top && BEATS(lane_best[l], top))) {
                    top = lane_best[l];
                    found = lane_at[l];
                }
            }
        }
        for (; i < axis; i++) {
            const real value = LOAD1(x + i);
            if (BEATS(value, top)) {
                top = value;
                found = i;
            }
        }
        y[row] = found;
    }
}

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void arg_columns(__global const element *restrict x_all, __global long *restrict y, int axis, int inner)
{
    const int column = min((int)get_group_id(0) * WIDTH, inner - WIDTH);
    __global const element *x = x_all + get_group_id(1) * (size_t)axis * inner + column;
    VECTOR(int) at = (VECTOR(int))(0);
    realv best = (realv)(WORST);
    for (int i = 0; i < axis; i++) {
        const realv value = LOADV(x + (size_t)i * inner);
        const VECTOR(int) wins = BEATS(value, best);
        best = wins ? value : best;
        at = wins ? (VECTOR(int))(i) : at;
    }
    VSTORE(CONVERT_VECTOR(long)(at), y + get_group_id(1) * (size_t)inner + column);
}
