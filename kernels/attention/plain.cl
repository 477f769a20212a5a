/* Attention, one work-item per element of the result: what always works. */
#include "attention/common.cl"

__kernel void attention_plain(__global const element *restrict q_all, __global const element *restrict k_all,
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
                              int heads, int shared, int queries, int keys, int offset, float scale, float softcap, int length)
{
    const int column = get_global_id(0), query = get_global_id(1);
    const int batch = get_global_id(2) / heads, head = get_global_id(2) % heads;
    __global const element *k = k_all + batch * k_batch + head / shared * k_head;
    __global const element *v = v_all + batch * v_batch + head / shared * v_head + column;
    __global const element *q = q_all + batch * q_batch + head * q_head + query * q_row;
    const int open = OPEN_KEYS(query);
    real top = -INFINITY, total = 0, sum = 0;
    for (int key = 0; key < open; key++) {
        real score = 0;
        for (int d = 0; d < length; d++)
            score += (real)LOAD1(q + d) * (real)LOAD1(k + key * k_row + d);
        score = CAPPED(score * scale);
#if MASK
        score = MASKED1(score, mask_all + batch * mask_batch + head * mask_head + query * mask_row + key * mask_key);
#endif
        const real now = score > top ? score : top, from = now == -INFINITY ? (real)0 : now;
        const real shrink = exp(top - from), weight = exp(score - from);
        total = total * shrink + weight;
        sum = sum * shrink + weight * (real)LOAD1(v + key * v_row);
        top = now;
    }
#if LSE
    if (column == 0)
        lse[get_global_id(2) * queries + query] = LOG_OF_SUM(top, total);
#endif
    const real result = total == 0 ? (real)0 : sum / total;
    STORE1(result, y_all + batch * y_batch + head * y_head + query * y_row + column);
}
