/* C = alpha op(A) op(B) by the instructions of common/matrix.cl, float sums of TF32, half or bfloat16 factors: a work-group
 * computes TILE_M x TILE_N of C from tiles of A and B in local memory, each 32 work-items of it 8 ITEM_M x 4 ITEM_N. (CUTLASS,
 * "Efficient GEMM in CUDA", warp-level tiles.)
 *
 * Tiles hold words of 4 bytes with k innermost: TILE_K words and 4 to spare a line, so that the 32 words of a fragment lie in 32
 * banks. There are two of each: while one is multiplied the next is fetched into registers, one barrier a step. Memory is read in
 * fours of numbers: along k, where that is the operand's contiguous axis, else across it, for halves from two lines at once.
 * QUADS_x: those fours lie at aligned addresses, whole. */
#include "gemm/results.cl"
#include "common/matrix.cl"
#include "gemm/tiles.cl"
#define LINE (TILE_K + 4)
#define LOADS_OF(tile) (((tile) * TILE_K / 4 + ITEMS - 1) / ITEMS)
#define LOADS_A LOADS_OF(TILE_M)
#define LOADS_B LOADS_OF(TILE_N)
#define WARP_M (8 * ITEM_M)
#define WARP_N (4 * ITEM_N)
#define ROWS (WARP_M / MATRIX_M)
#define COLUMNS (WARP_N / MATRIX_N)

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

/* An item's share of the tile that begins at number `first` along k and at `start` along the other axis, of `extent`. */
static inline void fetch(uint4 *next, __global const raw *from, bool along_k, bool quads, int tile, int loads, int item, int first,
                         int depth, int start, int extent)
{
    UNROLL for (int l = 0; l < loads; l++) {
        const int e = l * ITEMS + item;
        const int2 at = place_of_words(e, along_k, tile);
        const int k = first + at.y * NUMBERS, other = start + at.x;
        const bool used = e < tile * TILE_K / 4;
        __global const raw *p = from + (along_k ? (size_t)other * depth + k : (size_t)k * extent + other);
        const int inside = !used || (along_k ? other : k) >= (along_k ? extent : depth) ? 0 : along_k ? depth - k : extent - other;
        const raw4 low = four_of(p, inside, quads);
#if NUMBERS == 1
        next[l] = words_of(low);
#else
        const raw4 high = four_of(p + (along_k ? 4 : extent), along_k ? inside - 4 : k + 1 < depth ? inside : 0, quads);
        next[l] = along_k ? words_of((raw4)(low.s02, high.s02), (raw4)(low.s13, high.s13)) : words_of(low, high);
#endif
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

#define FETCH(first)                                                                                                    \
    fetch(next_a, (__global const raw *)a, !TRANSPOSE_A, QUADS_A, TILE_M, LOADS_A, item, first, depth, start.y, m);     \
    fetch(next_b, (__global const raw *)b, TRANSPOSE_B, QUADS_B, TILE_N, LOADS_B, item, first, depth, start.x, n);
#define PLACE(side)                                                                                                     \
    place((__local uint *)tiles_a[side], next_a, !TRANSPOSE_A, TILE_M, LOADS_A, item);                                  \
    place((__local uint *)tiles_b[side], next_b, TRANSPOSE_B, TILE_N, LOADS_B, item);

/* Groups: (tiles, 1, batches). */
__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void gemm_matrix(__global const element *restrict a, __global const element *restrict b, __global element *restrict c,
                          int m, int n, int depth, long stride_a, long stride_b, float alpha EPILOGUE_PARAMS)
{
    __local uint4 tiles_a[2][TILE_M * LINE / 4], tiles_b[2][TILE_N * LINE / 4];
#if MATRIX == MATRIX_SHARED
    __local uint shared[ITEMS * 6];
#else
    __local uint *shared = 0;
#endif
    const int item = get_local_id(0), lane = item % MATRIX_ITEMS, warp = item / MATRIX_ITEMS;
    const int2 start = tile_of_group(get_group_id(0), m, n) * (int2)(TILE_N, TILE_M);
    const int2 within = (int2)(warp % (TILE_N / WARP_N) * WARP_N, warp / (TILE_N / WARP_N) * WARP_M);
    const long batch = get_group_id(2);
    uint4 next_a[LOADS_A], next_b[LOADS_B];
    float sum[ROWS][COLUMNS][4];
    a += BATCH_A(batch);
    b += BATCH_B(batch);
    UNROLL for (int i = 0; i < ROWS; i++)
        UNROLL for (int j = 0; j < COLUMNS; j++)
            UNROLL for (int at = 0; at < 4; at++)
                sum[i][j][at] = 0.0f;
    FETCH(0)
    PLACE(0)
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int first = 0, side = 0; first < depth; first += TILE_K * NUMBERS, side ^= 1) {
        const bool more = first + TILE_K * NUMBERS < depth;
        if (more) {
            FETCH(first + TILE_K * NUMBERS)
        }
        UNROLL for (int word = 0; word < TILE_K; word += MATRIX_WORDS) {
            __local const uint *tile_a = (__local const uint *)tiles_a[side] + within.y * LINE + word;
            __local const uint *tile_b = (__local const uint *)tiles_b[side] + within.x * LINE + word;
            uint4 x[ROWS];
            uint2 y[COLUMNS];
            UNROLL for (int i = 0; i < ROWS; i++)
                x[i] = fragment_a(tile_a + i * MATRIX_M * LINE, LINE, lane);
            UNROLL for (int j = 0; j < COLUMNS; j++)
                y[j] = fragment_b(tile_b + j * MATRIX_N * LINE, LINE, lane);
            UNROLL for (int i = 0; i < ROWS; i++)
                UNROLL for (int j = 0; j < COLUMNS; j++)
                    matrix_multiply(sum[i][j], x[i], y[j], shared);
        }
        if (more) {
            PLACE(side ^ 1)
            barrier(CLK_LOCAL_MEM_FENCE);
        }
    }
    UNROLL for (int i = 0; i < ROWS; i++) {
        UNROLL for (int j = 0; j < COLUMNS; j++) {
            UNROLL for (int at = 0; at < 4; at++) {
                const int row = start.y + within.y + i * MATRIX_M + MATRIX_ROW(lane, at);
                const int column = start.x + within.x + j * MATRIX_N + MATRIX_COLUMN(lane, at);
                const size_t index = ((size_t)batch * m + row) * n + column;
                if (row < m && column < n)
                    STORE_ONE(sum[i][j][at], index, column);
            }
        }
    }
}
