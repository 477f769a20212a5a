/* Attention on CPU-shaped devices, one work-item per group. A group takes some tiles of ROWS queries of one head; for each it
 * walks through the keys in blocks: scores of a block by register tiles of ROWS x 2 vectors, their exponentials below the largest
 * score so far, and the sums of values weighed by them, which are scaled down whenever a larger score turns up (Milakov and
 * Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al., "FlashAttention", 2022). Scores never reach memory
 * beyond the block. Keys come packed by attention/pack. */
#include "attention/lanes.cl"
#include "common/exponential.cl"
#ifndef HEAD
#define HEAD 16
#endif
#ifndef VALUE
#define VALUE 16
#endif
#ifndef ROWS
#define ROWS 8
#endif
#ifndef BLOCK
#define BLOCK 256 /* keys: a multiple of COLUMNS */
#endif
#define COLUMNS (2 * WIDTH)
#define VALUE_PAD ((VALUE + WIDTH - 1) / WIDTH * WIDTH)

/* ROWS x COLUMNS scores. queries: [head][ROWS], panel: [head][COLUMNS] */
static void score_panel(__local const real *queries, __global const real *panel, __local real *scores)
{
    realv sum[ROWS][2];
    UNROLL for (int r = 0; r < ROWS; r++)
        sum[r][0] = sum[r][1] = (realv)(0);
    for (int d = 0; d < HEAD; d++) {
        const realv low = VLOAD(panel + d * COLUMNS), high = VLOAD(panel + d * COLUMNS + WIDTH);
        UNROLL for (int r = 0; r < ROWS; r++) {
            const realv query = (realv)(queries[d * ROWS + r]);
            sum[r][0] = fma(query, low, sum[r][0]);
            sum[r][1] = fma(query, high, sum[r][1]);
        }
    }
    UNROLL for (int r = 0; r < ROWS; r++) {
        VSTORE(sum[r][0], scores + r * BLOCK);
        VSTORE(sum[r][1], scores + r * BLOCK + WIDTH);
    }
}

/* sums[r][column..] = sums * scale[r] + weights[r] values, `vectors` wide */
#define WEIGH(vectors)                                                                                                \
    {                                                                                                                 \
        realv sum[ROWS][vectors];                                                                                     \
        UNROLL for (int r = 0; r < ROWS; r++) {                                                                       \
            UNROLL for (int c = 0; c < vectors; c++)                                                                  \
                sum[r][c] = VLOAD(sums + r * VALUE_PAD + column + c * WIDTH) * scale[r];                              \
        }                                                                                                             \
        for (int key = 0; key < count; key++) {                                                                       \
            realv value[vectors];                                                                                     \
            UNROLL for (int c = 0; c < vectors; c++)                                                                  \
                value[c] = VLOAD(values + key * stride + column + c * WIDTH);                                         \
            UNROLL for (int r = 0; r < ROWS; r++) {                                                                   \
                const realv weight = (realv)(weights[r * BLOCK + key]);                                               \
                UNROLL for (int c = 0; c < vectors; c++)                                                              \
                    sum[r][c] = fma(weight, value[c], sum[r][c]);                                                     \
            }                                                                                                         \
        }                                                                                                             \
        UNROLL for (int r = 0; r < ROWS; r++) {                                                                       \
            UNROLL for (int c = 0; c < vectors; c++)                                                                  \
                VSTORE(sum[r][c], sums + r * VALUE_PAD + column + c * WIDTH);                                         \
        }                                                                                                             \
    }

static void weigh_values(__local const real *weights, __global const real *values, long stride, int count, const real *scale,
                         __local real *sums)
{
    int column = 0;
    for (; column + 2 * WIDTH <= VALUE_PAD; column += 2 * WIDTH)
        WEIGH(2)
    if (column < VALUE_PAD)
        WEIGH(1)
}

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void attention_packed(__global const element *restrict q_all, __global const real *restrict packed_keys,
                               __global const real *restrict values_all,
#if MASK
                               __global const mask_element *restrict mask_all,
#endif
                               __global element *restrict y_all,
#if LSE
                               __global real *restrict lse,
#endif
                               long values_at, STRIDES(q), STRIDES(v), STRIDES(y),
#if MASK
                               STRIDES(mask), long mask_key,
#endif
                               int heads, int shared, int queries, int keys, int offset, float scale, float softcap, int tiles)
{
    __local real staged[HEAD * ROWS], scores[ROWS * BLOCK], sums[ROWS * VALUE_PAD];
    const int which = get_group_id(1), batch = which / heads, head = which % heads, kv_heads = heads / shared;
    const size_t of_keys = (size_t)batch * kv_heads + head / shared;
    const int panels = (keys + COLUMNS - 1) / COLUMNS;
    __global const real *panel = packed_keys + of_keys * panels * HEAD * COLUMNS;
    __global const real *values = values_all + values_at + batch * v_batch + head / shared * v_head;
    __global const element *q = q_all + batch * q_batch + head * q_head;
    __global element *y = y_all + batch * y_batch + head * y_head;
    const int end = min(queries, (int)(get_group_id(0) + 1) * tiles * ROWS);
    for (int first = get_group_id(0) * tiles * ROWS; first < end; first += ROWS) {
        real top[ROWS], total[ROWS], shrink[ROWS];
        int open[ROWS], most_open = 0;
        for (int r = 0; r < ROWS; r++) { /* behind the last query its double, which is not stored */
            const int query = min(first + r, queries - 1);
            open[r] = OPEN_KEYS(query);
            most_open = max(most_open, open[r]);
            for (int d = 0; d < HEAD; d++)
                staged[d * ROWS + r] = (real)LOAD1(q + query * q_row + d) * scale;
            top[r] = -INFINITY;
            total[r] = 0;
        }
        for (int i = 0; i < ROWS * VALUE_PAD; i++)
            sums[i] = 0;
        for (int block = 0; block < most_open; block += BLOCK) {
            const int count = min(BLOCK, most_open - block), vectors = (count + COLUMNS - 1) / COLUMNS * 2;
            for (int i = 0; i < vectors / 2; i++)
                score_panel(staged, panel + ((size_t)block / COLUMNS + i) * HEAD * COLUMNS, scores + i * COLUMNS);
            for (int r = 0; r < ROWS; r++) {
                __local real *row = scores + r * BLOCK;
                realv largest = (realv)(-INFINITY), sum = (realv)(0);
#if MASK
                const int query = min(first + r, queries - 1);
                __global const mask_element *mask =
                    mask_all + batch * mask_batch + head * mask_head + query * mask_row + block * mask_key;
#endif
                for (int i = 0; i < vectors; i++) {
                    realv score = CAPPED(VLOAD(row + i * WIDTH));
#if MASK
                    score = masked(score, mask + i * WIDTH * mask_key, mask_key, keys - block - i * WIDTH);
#endif
                    if (block + (i + 1) * WIDTH > open[r])
                        score = LANE_NUMBERS < (VECTOR(int))(open[r] - block - i * WIDTH) ? score : (realv)(-INFINITY);
                    largest = larger(score, largest);
                    VSTORE(score, row + i * WIDTH);
                }
                const real here = largest_lane(largest), now = here > top[r] ? here : top[r];
                const real from = now == -INFINITY ? (real)0 : now; /* nothing is open yet: every exponential is 0 */
                for (int i = 0; i < vectors; i++) {
                    const realv weight = EXPONENTIAL(VLOAD(row + i * WIDTH) - from);
                    sum += weight;
                    VSTORE(weight, row + i * WIDTH);
                }
                shrink[r] = exp(top[r] - from);
                total[r] = total[r] * shrink[r] + sum_of_lanes(sum);
                top[r] = now;
            }
            weigh_values(scores, values + block * v_row, v_row, count, shrink, sums);
        }
        for (int r = 0; r < ROWS && first + r < end; r++) {
            const real factor = total[r] == 0 ? (real)0 : 1 / total[r];
            __global element *to = y + (first + r) * y_row;
#if LSE
            lse[(size_t)which * queries + first + r] = LOG_OF_SUM(top[r], total[r]);
#endif
            int i = 0;
            for (; i + WIDTH <= VALUE; i += WIDTH)
                STOREV(VLOAD(sums + r * VALUE_PAD + i) * factor, to + i);
            for (; i < VALUE; i++) {
                const real result = sums[r * VALUE_PAD + i] * factor;
                STORE1(result, to + i);
            }
        }
    }
}
