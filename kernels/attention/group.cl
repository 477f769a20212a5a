/* Attention on GPU-shaped devices: a work-group of ITEMS per query. For every ITEMS keys each work-item makes one score; then the
 * work-items share out the columns of the values. Softmax goes along, as in attention/packed. */
#include "attention/common.cl"
#ifndef HEAD
#define HEAD 16
#endif
#ifndef VALUE
#define VALUE 16
#endif
#ifndef ITEMS
#define ITEMS 64
#endif
#define OWN ((VALUE + ITEMS - 1) / ITEMS) /* columns of a work-item */

#define TREE(array, value, operation)                                                                                 \
    array[item] = value;                                                                                              \
    barrier(CLK_LOCAL_MEM_FENCE);                                                                                     \
    for (int part = ITEMS / 2; part > 0; part /= 2) {                                                                 \
        if (item < part) {                                                                                            \
            const real a = array[item], b = array[item + part];                                                       \
            array[item] = operation;                                                                                  \
        }                                                                                                             \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                                 \
    }

__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void attention_group(__global const element *restrict q_all, __global const element *restrict k_all,
                              __global const element *restrict v_all,
#if MASK
                              __global const mask_element *restrict mask_all,
#endif
                              __global element *restrict y_all,
#if LSE
                              __global real *restrict lse,
#endif
                              STRIDES(q), STRIDES(k), STRIDES(v), STRIDES(y),
#if MASK
                              STRIDES(mask), long mask_key,
#endif
                              int heads, int shared, int queries, int keys, int offset, float scale, float softcap)
{
    __local real staged[HEAD], weights[ITEMS], tree[ITEMS];
    const int item = get_local_id(0), query = get_group_id(0);
    const int batch = get_group_id(1) / heads, head = get_group_id(1) % heads;
    __global const element *k = k_all + batch * k_batch + head / shared * k_head;
    __global const element *v = v_all + batch * v_batch + head / shared * v_head;
    __global const element *q = q_all + batch * q_batch + head * q_head + query * q_row;
    __global element *y = y_all + batch * y_batch + head * y_head + query * y_row;
    real sums[OWN], top = -INFINITY, total = 0;
    for (int d = item; d < HEAD; d += ITEMS)
        staged[d] = (real)LOAD1(q + d) * scale;
    for (int c = 0; c < OWN; c++)
        sums[c] = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    const int open = OPEN_KEYS(query);
    for (int first = 0; first < open; first += ITEMS) {
        const int key = first + item, count = min(ITEMS, open - first);
        real score = -INFINITY;
        if (key < open) {
            score = 0;
            for (int d = 0; d < HEAD; d++)
                score = fma(staged[d], (real)LOAD1(k + key * k_row + d), score);
            score = CAPPED(score);
#if MASK
            score = MASKED1(score, mask_all + batch * mask_batch + head * mask_head + query * mask_row + key * mask_key);
#endif
        }
        TREE(tree, score, (a > b ? a : b))
        const real here = tree[0], now = here > top ? here : top, from = now == -INFINITY ? (real)0 : now;
        barrier(CLK_LOCAL_MEM_FENCE);
        weights[item] = exp(score - from);
        TREE(tree, weights[item], a + b)
        const real shrink = exp(top - from);
        total = total * shrink + tree[0];
        top = now;
        for (int c = 0; c < OWN; c++) {
            const int column = item + c * ITEMS;
            real sum = sums[c] * shrink;
            for (int i = 0; column < VALUE && i < count; i++)
                sum = fma(weights[i], (real)LOAD1(v + (first + i) * v_row + column), sum);
            sums[c] = sum;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#if LSE
    if (item == 0)
        lse[(size_t)get_group_id(1) * queries + query] = LOG_OF_SUM(top, total);
#endif
    for (int c = 0; c < OWN; c++) {
        const real result = total == 0 ? (real)0 : sums[c] / total;
        if (item + c * ITEMS < VALUE)
            STORE1(result, y + item + c * ITEMS);
    }
}
