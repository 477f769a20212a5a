/* C = alpha op(A) op(B) by the instructions of common/matrix.cl: float sums of TF32, half or bfloat16 factors, or 32-bit sums of
 * bytes without alpha.
 *
 * Memory is read in fours: of words along k, where that is the operand's contiguous axis; across it of numbers, from as many lines
 * as make a word. QUADS_x: those fours lie at aligned addresses, whole. */
#include "common/matrix_tiles.cl"
#if FACTORS == INT8
#define FINISHED(v) (v)
#else
#define FINISHED(v) ((v) * alpha)
#endif
#include "gemm/results.cl"

/* Four numbers of a line from p on, of which `inside` are there; the others are 0. */
static inline raw4 four_of(__global const raw *p, int inside, bool quads)
{
    if (quads)
        return inside > 0 ? *(__global const raw4 *)p : (raw4)(0);
    return (raw4)(inside > 0 ? p[0] : (raw)0, inside > 1 ? p[1] : (raw)0, inside > 2 ? p[2] : (raw)0, inside > 3 ? p[3] : (raw)0);
}

/* Where four words begin, x: the number along the other axis, y: their word of k. Along k they follow each other there. Across it
 * neighbouring items take 8 fours of a word and 4 words or so, since a line of 32 fours would fall into two banks. */
static inline int2 place_of_words(int e, bool along_k, int tile)
{
    const int fours = min(8, tile / 4);
    return along_k ? (int2)(e / (TILE_K / 4), e % (TILE_K / 4) * 4)
                   : (int2)((e / (fours * TILE_K) * fours + e % fours) * 4, e / fours % TILE_K);
}

/* An item's share of the tile that begins at number `first` along k, which ends at `end`, and at `start` along the other axis, of
 * `extent`. */
static inline void fetch(uint4 *next, __global const raw *from, bool along_k, bool quads, int tile, int loads, int item, int first,
                         int end, int depth, int start, int extent)
{
    UNROLL for (int l = 0; l < loads; l++) {
        const int e = l * ITEMS + item;
        const int2 at = place_of_words(e, along_k, tile);
        const int k = first + at.y * NUMBERS, other = start + at.x;
        const int inside = e >= tile * TILE_K / 4 || other >= extent ? 0 : along_k ? end - k : extent - other;
        __global const raw *p = from + (along_k ? (size_t)other * depth + k : (size_t)k * extent + other);
        if (along_k && quads) {
            next[l] = WORDS_ALONG(inside > 0 ? *(__global const uint4 *)p : (uint4)(0));
            continue;
        }
        raw4 part[NUMBERS];
        UNROLL for (int i = 0; i < NUMBERS; i++)
            part[i] = along_k ? four_of(p + 4 * i, inside - 4 * i, false)
                              : four_of(p + (size_t)i * extent, k + i < end ? inside : 0, quads);
        next[l] = along_k ? WORDS_ALONG(AS_WORDS(part)) : WORDS_ACROSS(part);
    }
}

/* Brings it into local memory. */
static inline void place(__local uint *to, const uint4 *next, bool along_k, int tile, int loads, int item)
{
    UNROLL for (int l = 0; l < loads; l++) {
        const int e = l * ITEMS + item;
        const int2 at = place_of_words(e, along_k, tile);
        __local uint *p = to + at.x * LINE + at.y;
        if (e >= tile * TILE_K / 4)
            continue;
        if (along_k) {
            *(__local uint4 *)p = next[l];
        } else {
            p[0] = next[l].x;
            p[LINE] = next[l].y;
            p[2 * LINE] = next[l].z;
            p[3 * LINE] = next[l].w;
        }
    }
}

#define FETCH                                                                                                           \
    fetch(next_a, a, !TRANSPOSE_A, QUADS_A, TILE_M, LOADS_OF(TILE_M), item, first, end, depth, start.y, m);             \
    fetch(next_b, b, TRANSPOSE_B, QUADS_B, TILE_N, LOADS_OF(TILE_N), item, first, end, depth, start.x, n);              \
    first += TILE_K * NUMBERS;
#define PLACE(side)                                                                                                     \
    place((__local uint *)tiles_a[side], next_a, !TRANSPOSE_A, TILE_M, LOADS_OF(TILE_M), item);                         \
    place((__local uint *)tiles_b[side], next_b, TRANSPOSE_B, TILE_N, LOADS_OF(TILE_N), item);
#define STORE_SUM(value, row_, column_)                                                                                 \
    {                                                                                                                   \
        const int row = start.y + (row_), column = start.x + (column_);                                                 \
        const size_t index = (part * m + row) * n + column;                                                    \
        if (row < m && column < n)                                                                                      \
            STORE_ONE(value, index, column);                                                                            \
    }

/* Groups: (tiles, splits, batches). split_depth: a multiple of the numbers of TILE_K words. */
MATRIX_ATTRIBUTE
__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void gemm_matrix(__global const raw *restrict a, __global const raw *restrict b, __global result *restrict c, int m,
                          int n, int depth, int split_depth, long stride_a, long stride_b, float alpha EPILOGUE_PARAMS)
{
    MATRIX_DECLARE
    const int2 start = tile_of_group(get_group_id(0), m, n) * (int2)(TILE_N, TILE_M);
    const int begin = get_group_id(1) * split_depth, end = min(depth, begin + split_depth);
    const int steps = (end - begin + TILE_K * NUMBERS - 1) / (TILE_K * NUMBERS);
    const long batch = get_group_id(2);
    const size_t part = SPLIT ? (size_t)batch * get_num_groups(1) + get_group_id(1) : (size_t)batch;
    uint4 next_a[LOADS_OF(TILE_M)], next_b[LOADS_OF(TILE_N)];
    a += BATCH_A(batch);
    b += BATCH_B(batch);
    int first = begin;
    SUM_OF_STEPS(steps)
    MATRIX_RESULTS(STORE_SUM)
}
