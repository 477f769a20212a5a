/* Keys and values as attention/packed reads them: keys turned into panels of COLUMNS, [panel][head][COLUMNS], behind the last key
 * zeros; values in rows of whole vectors. One work-item per panel. */
#include "common/transpose.cl"
#ifndef HEAD
#define HEAD 16
#endif
#ifndef VALUE
#define VALUE 16
#endif
#ifndef PACK_VALUES
#define PACK_VALUES 1
#endif
#define COLUMNS (2 * WIDTH)
#define VALUE_PAD ((VALUE + WIDTH - 1) / WIDTH * WIDTH)

static void turn_panel(__global const element *from, long stride, int count, __local real *turned, __global real *to)
{
    if (count < COLUMNS) {
        for (int d = 0; d < HEAD; d++)
            for (int c = 0; c < COLUMNS; c++)
                to[d * COLUMNS + c] = c < count ? (real)LOAD1(from + c * stride + d) : (real)0;
        return;
    }
    transpose_panel(from, stride, HEAD, turned, COLUMNS);
    transpose_panel(from + WIDTH * stride, stride, HEAD, turned + WIDTH, COLUMNS);
    for (int i = 0; i < HEAD * COLUMNS; i += WIDTH)
        VSTORE(VLOAD(turned + i), to + i);
}

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void attention_pack(__global const element *restrict k_all, __global const element *restrict v_all,
                             __global real *restrict packed_keys, long values_at, long k_batch, long k_head, long k_row,
                             long v_batch, long v_head, long v_row, int heads, int keys)
{
    const int panel = get_group_id(0), panels = get_num_groups(0), first = panel * COLUMNS, count = min(COLUMNS, keys - first);
    const size_t which = get_group_id(1), batch = which / heads, head = which % heads;
    __local real turned[HEAD * COLUMNS];
    turn_panel(k_all + batch * k_batch + head * k_head + first * k_row, k_row, count, turned,
               packed_keys + (which * panels + panel) * HEAD * COLUMNS);
#if PACK_VALUES
    __global const element *v = v_all + batch * v_batch + head * v_head + first * v_row;
    __global real *to = packed_keys + values_at + (which * keys + first) * VALUE_PAD;
    for (int c = 0; c < count; c++)
        for (int i = 0; i < VALUE_PAD; i++)
            to[c * VALUE_PAD + i] = i < VALUE ? (real)LOAD1(v + c * v_row + i) : (real)0;
#endif
}
