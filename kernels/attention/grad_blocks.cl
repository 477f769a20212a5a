/* Gradient of attention on CPU-shaped devices, one work-item per group. A group takes every `splits`-th block of keys of one head of
 * keys; for each it walks through the queries of all heads that share it in blocks, makes their p and ds anew in the cache, adds to dk
 * and dv of the block of keys at once, and to dq in float32 in the workspace, of which every split has a part of its own: nothing is
 * added up in an order that could change. attention_grad_start makes the totals, attention_grad_finish adds up dq.
 * All products run in register tiles of ROWS x 2 vectors. */
#include "attention/lanes.cl"
#include "common/exponential.cl"
#include "common/transpose.cl"
#include "attention/grad_common.cl"
#ifndef ROWS
#define ROWS 8
#endif
#ifndef QUERIES
#define QUERIES 64 /* of a block: a multiple of ROWS */
#endif
#ifndef KEYS
#define KEYS 64 /* of a block: a multiple of ROWS and of 2 * WIDTH */
#endif
#define HEAD_PAD ((HEAD + WIDTH - 1) / WIDTH * WIDTH)
#define VALUE_PAD ((VALUE + WIDTH - 1) / WIDTH * WIDTH)

/* c[ROWS][vectors] = (add ? c : 0) + sum over i of a[row * a_row + i * a_step] b[i * b_step + column] */
#define TILE(vectors)                                                                                                 \
    {                                                                                                                 \
        realv sum[ROWS][vectors];                                                                                     \
        UNROLL for (int r = 0; r < ROWS; r++) {                                                                       \
            UNROLL for (int v = 0; v < vectors; v++)                                                                  \
                sum[r][v] = add ? VLOAD(c + r * c_row + column + v * WIDTH) : (realv)(0);                             \
        }                                                                                                             \
        for (int i = 0; i < count; i++) {                                                                             \
            realv other[vectors];                                                                                     \
            UNROLL for (int v = 0; v < vectors; v++)                                                                  \
                other[v] = VLOAD(b + i * b_step + column + v * WIDTH);                                                \
            UNROLL for (int r = 0; r < ROWS; r++) {                                                                   \
                const realv one = (realv)(a[r * a_row + i * a_step]);                                                 \
                UNROLL for (int v = 0; v < vectors; v++)                                                              \
                    sum[r][v] = fma(one, other[v], sum[r][v]);                                                        \
            }                                                                                                         \
        }                                                                                                             \
        UNROLL for (int r = 0; r < ROWS; r++) {                                                                       \
            UNROLL for (int v = 0; v < vectors; v++)                                                                  \
                VSTORE(sum[r][v], c + r * c_row + column + v * WIDTH);                                                \
        }                                                                                                             \
    }

/* c[rows][columns] of such tiles; columns: whole vectors */
static inline void multiply(__local const real *a, int a_row, int a_step, __local const real *b, int b_step, int count,
                            __local real *c, int c_row, int rows, int columns, bool add)
{
    for (int row = 0; row < rows; row += ROWS, a += ROWS * a_row, c += ROWS * c_row) {
        int column = 0;
        for (; column + 2 * WIDTH <= columns; column += 2 * WIDTH)
            TILE(2)
        if (column < columns)
            TILE(1)
    }
}

/* `count` rows of `size` elements, times factor, into rows of `pad`; zeros behind them, up to `rows`. */
static inline void stage(__global const element *from, long stride, int count, int rows, int size, int pad, real factor,
                         __local real *to)
{
    for (int r = 0; r < rows; r++, to += pad) {
        int i = 0;
        for (; r < count && i + WIDTH <= size; i += WIDTH)
            VSTORE(LOADV(from + r * stride + i) * factor, to + i);
        for (; i < pad; i++)
            to[i] = r < count && i < size ? (real)LOAD1(from + r * stride + i) * factor : (real)0;
    }
}

/* Columns of keys: [size][KEYS], zeros behind the last key. */
static inline void turn(__global const element *from, long stride, int count, int size, __local real *to)
{
    int key = 0;
    for (; key + WIDTH <= count; key += WIDTH)
        transpose_panel(from + key * stride, stride, size, to + key, KEYS);
    for (; key < KEYS; key++)
        for (int i = 0; i < size; i++)
            to[i * KEYS + key] = key < count ? (real)LOAD1(from + key * stride + i) : (real)0;
}

/* Rows of results. */
static inline void put(__local const real *from, int pad, int count, int size, real factor, __global element *to, long stride)
{
    for (int r = 0; r < count; r++, from += pad) {
        int i = 0;
        for (; i + WIDTH <= size; i += WIDTH)
            STOREV(VLOAD(from + i) * factor, to + r * stride + i);
        for (; i < size; i++) {
            const real result = from[i] * factor;
            STORE1(result, to + r * stride + i);
        }
    }
}

/* totals[map][query] = the sum of dy y over the row */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void attention_grad_start(__global const element *restrict dy_all, __global const element *restrict y_all,
                                   __global real *restrict found, long totals_at, STRIDES(y), int heads, int queries)
{
    __global real *totals = found + totals_at;
    const int which = get_group_id(1), batch = which / heads, head = which % heads;
    const int end = min(queries, (int)(get_group_id(0) + 1) * QUERIES);
    for (int query = get_group_id(0) * QUERIES; query < end; query++) {
        const size_t at = batch * y_batch + head * y_head + query * y_row;
        realv sum = (realv)(0);
        real rest = 0;
        int i = 0;
        for (; i + WIDTH <= VALUE; i += WIDTH)
            sum = fma(LOADV(dy_all + at + i), LOADV(y_all + at + i), sum);
        for (; i < VALUE; i++)
            rest = fma((real)LOAD1(dy_all + at + i), (real)LOAD1(y_all + at + i), rest);
        totals[(size_t)which * queries + query] = sum_of_lanes(sum) + rest;
    }
}

/* dq = scale times the sum of what the splits found */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void attention_grad_finish(__global const real *restrict found, __global element *restrict dq_all, STRIDES(q), int heads,
                                    int queries, int splits, long split_size, float scale)
{
    const int which = get_group_id(1), batch = which / heads, head = which % heads;
    const int end = min(queries, (int)(get_group_id(0) + 1) * QUERIES);
    for (int query = get_group_id(0) * QUERIES; query < end; query++) {
        __global const real *from = found + ((size_t)which * queries + query) * HEAD_PAD;
        __global element *to = dq_all + batch * q_batch + head * q_head + query * q_row;
        for (int i = 0; i < HEAD_PAD; i += WIDTH) {
            realv sum = VLOAD(from + i);
            for (int split = 1; split < splits; split++)
                sum += VLOAD(from + split * split_size + i);
            sum *= scale;
            if (i + WIDTH <= HEAD) {
                STOREV(sum, to + i);
                continue;
            }
            real lanes[WIDTH];
            VSTORE(sum, lanes);
            for (int l = 0; i + l < HEAD; l++)
                STORE1(lanes[l], to + i + l);
        }
    }
}

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void attention_grad_blocks(__global const element *restrict dy_all, __global const element *restrict q_all,
                                    __global const element *restrict k_all, __global const element *restrict v_all,
                                    __global const real *restrict lse,
#if MASK
                                    __global const mask_element *restrict mask_all,
#endif
                                    __global element *restrict dk_all, __global element *restrict dv_all,
                                    __global real *restrict found, STRIDES(q), STRIDES(k), STRIDES(v), STRIDES(y),
#if MASK
                                    STRIDES(mask), long mask_key,
#endif
                                    int heads, int shared, int queries, int keys, int offset, float scale, float softcap,
                                    long split_size)
{
    __local real q_rows[QUERIES * HEAD_PAD], dy_rows[QUERIES * VALUE_PAD], k_rows[KEYS * HEAD_PAD], k_turned[HEAD * KEYS];
    __local real v_turned[VALUE * KEYS], weights[QUERIES * KEYS], slopes[QUERIES * KEYS], dq_rows[QUERIES * HEAD_PAD];
    __local real dk_rows[KEYS * HEAD_PAD], dv_rows[KEYS * VALUE_PAD];
    const int split = get_group_id(0), splits = get_num_groups(0), kv_heads = heads / shared;
    const int batch = get_group_id(1) / kv_heads, kv_head = get_group_id(1) % kv_heads;
    __global const real *totals = found + splits * split_size;
    const size_t of_keys = batch * k_batch + kv_head * k_head, of_values = batch * v_batch + kv_head * v_head;
    for (int block = split * KEYS; block < keys; block += splits * KEYS) {
        const int block_keys = min(KEYS, keys - block);
        const bool is_first = block == split * KEYS;
        stage(k_all + of_keys + block * k_row, k_row, block_keys, KEYS, HEAD, HEAD_PAD, 1, k_rows);
        turn(k_all + of_keys + block * k_row, k_row, block_keys, HEAD, k_turned);
        turn(v_all + of_values + block * v_row, v_row, block_keys, VALUE, v_turned);
        for (int i = 0; i < KEYS * HEAD_PAD; i += WIDTH)
            VSTORE((realv)(0), dk_rows + i);
        for (int i = 0; i < KEYS * VALUE_PAD; i += WIDTH)
            VSTORE((realv)(0), dv_rows + i);
        for (int head = kv_head * shared; head < (kv_head + 1) * shared; head++) {
            const size_t map = (size_t)batch * heads + head;
            for (int first = 0; first < queries; first += QUERIES) {
                const int block_queries = min(QUERIES, queries - first);
                const int rows = (block_queries + ROWS - 1) / ROWS * ROWS;
                __global real *dq = found + split * split_size + (map * queries + first) * HEAD_PAD;
                if (OPEN_KEYS(first + block_queries - 1) <= block) { /* nothing of the block is open to any of them */
                    for (int i = 0; is_first && i < block_queries * HEAD_PAD; i += WIDTH)
                        VSTORE((realv)(0), dq + i);
                    continue;
                }
                stage(q_all + batch * q_batch + head * q_head + first * q_row, q_row, block_queries, rows, HEAD, HEAD_PAD, scale,
                      q_rows);
                stage(dy_all + batch * y_batch + head * y_head + first * y_row, y_row, block_queries, rows, VALUE, VALUE_PAD, 1,
                      dy_rows);
                multiply(q_rows, HEAD_PAD, 1, k_turned, KEYS, HEAD, weights, KEYS, rows, KEYS, false);
                multiply(dy_rows, VALUE_PAD, 1, v_turned, KEYS, VALUE, slopes, KEYS, rows, KEYS, false);
                for (int r = 0; r < rows; r++) {
                    const int query = first + min(r, block_queries - 1), open = OPEN_KEYS(query) - block;
                    const real below = r < block_queries ? lse[map * queries + query] : INFINITY;
                    const real total = totals[map * queries + query];
                    for (int i = 0; i < KEYS; i += WIDTH) {
                        const realv capped = CAPPED(VLOAD(weights + r * KEYS + i));
                        realv score = capped;
#if MASK
                        score = masked(score,
                                       mask_all + batch * mask_batch + head * mask_head + query * mask_row + (block + i) * mask_key,
                                       mask_key, block_keys - i);
#endif
                        if (i + WIDTH > open)
                            score = LANE_NUMBERS < (VECTOR(int))(open - i) ? score : (realv)(-INFINITY);
                        const realv weight = EXPONENTIAL(score - below);
                        VSTORE(weight, weights + r * KEYS + i);
                        const realv slope = weight * (VLOAD(slopes + r * KEYS + i) - total) * CAP_SLOPE(capped);
                        VSTORE(weight == (realv)(0) ? (realv)(0) : slope, slopes + r * KEYS + i);
                    }
                }
                multiply(weights, 1, KEYS, dy_rows, VALUE_PAD, rows, dv_rows, VALUE_PAD, KEYS, VALUE_PAD, true);
                multiply(slopes, 1, KEYS, q_rows, HEAD_PAD, rows, dk_rows, HEAD_PAD, KEYS, HEAD_PAD, true);
                multiply(slopes, KEYS, 1, k_rows, HEAD_PAD, KEYS, dq_rows, HEAD_PAD, rows, HEAD_PAD, false);
                for (int i = 0; i < block_queries * HEAD_PAD; i += WIDTH)
                    VSTORE(is_first ? VLOAD(dq_rows + i) : VLOAD(dq_rows + i) + VLOAD(dq + i), dq + i);
            }
        }
        put(dk_rows, HEAD_PAD, block_keys, HEAD, 1, dk_all + of_keys + block * k_row, k_row);
        put(dv_rows, VALUE_PAD, block_keys, VALUE, 1, dv_all + of_values + block * v_row, v_row);
    }
}
