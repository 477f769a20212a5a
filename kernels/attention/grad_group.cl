/* Gradient of attention by ITEMS work-items per query (attention_grad_queries: dq) and per key (attention_grad_keys: dk and dv). Each
 * work-item makes p and ds of one key, or query, at a time; then they share out the columns that these weigh. With ITEMS 1 it always
 * works. */
#include "attention/grad_common.cl"
#ifndef ITEMS
#define ITEMS 1
#endif
#define OWN_OF_HEAD ((HEAD + ITEMS - 1) / ITEMS) /* columns of a work-item */
#define OWN_OF_VALUE ((VALUE + ITEMS - 1) / ITEMS)
#if MASK
#define MASKED(score, query, key)                                                                                     \
    MASKED1(score, mask_all + batch * mask_batch + head * mask_head + (query) * mask_row + (key) * mask_key)
#else
#define MASKED(score, query, key) (score)
#endif
#if ITEMS > 1
#define WAIT barrier(CLK_LOCAL_MEM_FENCE);
#else
#define WAIT
#endif

static real dot_product(__global const element *a, __global const element *b, int size)
{
    real sum = 0;
    for (int i = 0; i < size; i++)
        sum = fma((real)LOAD1(a + i), (real)LOAD1(b + i), sum);
    return sum;
}

/* weight and slope of one query and one key that is open to it; total: of dy y */
#define MAKE_SLOPE(query, key, q, k, v, dy, below, total)                                                             \
    const real capped = CAPPED(dot_product(q, k, HEAD) * (real)scale);                                                \
    const real weight = exp(MASKED(capped, query, key) - (below));                                                    \
    const real slope = weight * (dot_product(dy, v, VALUE) - (total)) * CAP_SLOPE(capped) * (real)scale;

#define EXTENTS                                                                                                       \
    STRIDES(q), STRIDES(k), STRIDES(v), STRIDES(y), MASK_STRIDES int heads, int shared, int queries, int keys,        \
        int offset, float scale, float softcap
#if MASK
#define MASK_STRIDES STRIDES(mask), long mask_key,
#define MASK_OPERAND __global const mask_element *restrict mask_all,
#else
#define MASK_STRIDES
#define MASK_OPERAND
#endif

__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void attention_grad_queries(__global const element *restrict dy_all, __global const element *restrict q_all,
                                     __global const element *restrict k_all, __global const element *restrict v_all,
                                     __global const element *restrict y_all, __global const real *restrict lse,
                                     MASK_OPERAND __global element *restrict dq_all, EXTENTS)
{
    __local real slopes[ITEMS];
    const int item = get_local_id(0), query = get_group_id(0);
    const int batch = get_group_id(1) / heads, head = get_group_id(1) % heads;
    const size_t of_query = batch * q_batch + head * q_head + query * q_row;
    const size_t of_result = batch * y_batch + head * y_head + query * y_row;
    __global const element *k = k_all + batch * k_batch + head / shared * k_head;
    __global const element *v = v_all + batch * v_batch + head / shared * v_head;
    const real below = lse[(size_t)get_group_id(1) * queries + query];
    const real total = dot_product(dy_all + of_result, y_all + of_result, VALUE);
    const int open = OPEN_KEYS(query);
    real sums[OWN_OF_HEAD];
    for (int c = 0; c < OWN_OF_HEAD; c++)
        sums[c] = 0;
    for (int first = 0; first < open; first += ITEMS) {
        const int key = first + item, count = min(ITEMS, open - first);
        if (key < open) {
            MAKE_SLOPE(query, key, q_all + of_query, k + key * k_row, v + key * v_row, dy_all + of_result, below, total)
            slopes[item] = slope;
        }
        WAIT
        for (int c = 0; c < OWN_OF_HEAD; c++) {
            const int column = item + c * ITEMS;
            for (int i = 0; column < HEAD && i < count; i++)
                sums[c] = fma(slopes[i], (real)LOAD1(k + (first + i) * k_row + column), sums[c]);
        }
        WAIT
    }
    for (int c = 0; c < OWN_OF_HEAD; c++)
        if (item + c * ITEMS < HEAD)
            STORE1(sums[c], dq_all + of_query + item + c * ITEMS);
}

__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void attention_grad_keys(__global const element *restrict dy_all, __global const element *restrict q_all,
                                  __global const element *restrict k_all, __global const element *restrict v_all,
                                  __global const element *restrict y_all, __global const real *restrict lse,
                                  MASK_OPERAND __global element *restrict dk_all, __global element *restrict dv_all, EXTENTS)
{
    __local real weights[ITEMS], slopes[ITEMS];
    const int item = get_local_id(0), key = get_group_id(0), kv_heads = heads / shared;
    const int batch = get_group_id(1) / kv_heads, kv_head = get_group_id(1) % kv_heads;
    const size_t of_key = batch * k_batch + kv_head * k_head + key * k_row;
    const size_t of_value = batch * v_batch + kv_head * v_head + key * v_row;
    real key_sums[OWN_OF_HEAD], value_sums[OWN_OF_VALUE];
    for (int c = 0; c < OWN_OF_HEAD; c++)
        key_sums[c] = 0;
    for (int c = 0; c < OWN_OF_VALUE; c++)
        value_sums[c] = 0;
    for (int head = kv_head * shared; head < (kv_head + 1) * shared; head++) {
        const size_t map = (size_t)batch * heads + head;
        __global const element *q = q_all + batch * q_batch + head * q_head;
        const size_t of_results = batch * y_batch + head * y_head;
        for (int first = 0; first < queries; first += ITEMS) {
            const int query = first + item, count = min(ITEMS, queries - first);
            if (query < queries && key < OPEN_KEYS(query)) {
                const size_t of_result = of_results + query * y_row;
                const real total = dot_product(dy_all + of_result, y_all + of_result, VALUE);
                MAKE_SLOPE(query, key, q + query * q_row, k_all + of_key, v_all + of_value, dy_all + of_result,
                           lse[map * queries + query], total)
                weights[item] = weight;
                slopes[item] = slope;
            } else {
                weights[item] = slopes[item] = 0;
            }
            WAIT
            for (int c = 0; c < OWN_OF_HEAD; c++) {
                const int column = item + c * ITEMS;
                for (int i = 0; column < HEAD && i < count; i++)
                    key_sums[c] = fma(slopes[i], (real)LOAD1(q + (first + i) * q_row + column), key_sums[c]);
            }
            for (int c = 0; c < OWN_OF_VALUE; c++) {
                const int column = item + c * ITEMS;
                for (int i = 0; column < VALUE && i < count; i++)
                    value_sums[c] = fma(weights[i], (real)LOAD1(dy_all + of_results + (first + i) * y_row + column), value_sums[c]);
            }
            WAIT
        }
    }
    for (int c = 0; c < OWN_OF_HEAD; c++)
        if (item + c * ITEMS < HEAD)
            STORE1(key_sums[c], dk_all + of_key + item + c * ITEMS);
    for (int c = 0; c < OWN_OF_VALUE; c++)
        if (item + c * ITEMS < VALUE)
            STORE1(value_sums[c], dv_all + of_value + item + c * ITEMS);
}
