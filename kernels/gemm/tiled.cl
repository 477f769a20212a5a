/* C = alpha op(A) op(B) on GPU-shaped devices: a work-group computes TILE_M x TILE_N of C from tiles of A and B in local memory,
 * each work-item ITEM_M x ITEM_N of it in registers. Volkov and Demmel, "Benchmarking GPUs to tune dense linear algebra", 2008;
 * CUTLASS, "Efficient GEMM in CUDA".
 *
 * Both tiles lie by k in local memory, so that an item reads its rows and columns as vectors of 4. There are two of each: while
 * one is multiplied, the next is fetched into registers, and it is written into the other without waiting for anybody, so that a
 * step has one barrier. Lines whose values come along k are padded by 4: with TILE_K of 8, the 32 scalar stores of neighbouring
 * items then fall into 32 banks.
 *
 * Steps of k are unrolled by 4: LLVM for AMD's GPUs moves all reads of local memory in front of an unrolled loop's sums, so that
 * 8 steps of 8 x 8 results take 218 registers, 16 do not fit in 256, and 4 take 138 to 178: two groups or more at a time.
 *
 * QUADS_x: the operand's contiguous extent and its batches are multiples of 4, so that it is read by the aligned quad; else
 * neighbouring items read neighbouring elements. SPLIT: k is split over groups, each writes its sums, which gemm/reduce adds. */
#include "gemm/results.cl"
#include "gemm/tiles.cl"

#define LINE_A (TILE_M + (TRANSPOSE_A ? 0 : 4))
#define LINE_B (TILE_N + (TRANSPOSE_B ? 4 : 0))
#define QUADS_OF(tile) (((tile) * TILE_K / 4 + ITEMS - 1) / ITEMS)
#define LOADS_A QUADS_OF(TILE_M)
#define LOADS_B QUADS_OF(TILE_N)
#define VECTORS (ITEM_N / 4)

/* Number of component `at` of an item's load `l` among the elements of a tile, counted along the operand's contiguous axis. */
#define ELEMENT(l, at, quads, item) ((quads) ? ((l) * ITEMS + (item)) * 4 + (at) : ((l) * 4 + (at)) * ITEMS + (item))

/* An item's share of the tile that begins at `first` along k and at `start` along the other axis, of `extent`. along_k: k is the
 * contiguous axis, of `line` elements. What lies outside is 0. */
static inline void fetch(float *next, __global const element *from, bool along_k, bool quads, int tile, int loads, int item,
                         int first, int end, int start, int extent, int line)
{
    UNROLL for (int l = 0; l < loads; l++) {
        UNROLL for (int at = 0; at < (quads ? 1 : 4); at++) {
            const int e = ELEMENT(l, at, quads, item), k = first + (along_k ? e % TILE_K : e / tile);
            const int other = start + (along_k ? e / TILE_K : e % tile);
            const bool inside = e < tile * TILE_K && k < end && other < extent;
            __global const element *p = from + (along_k ? (size_t)other * line + k : (size_t)k * line + other);
            if (quads) {
                const float4 four = inside ? LOAD4(p) : (float4)(0.0f);
                next[l * 4] = four.x;
                next[l * 4 + 1] = four.y;
                next[l * 4 + 2] = four.z;
                next[l * 4 + 3] = four.w;
            } else {
                next[l * 4 + at] = inside ? LOAD1(p) : 0.0f;
            }
        }
    }
}

/* Brings it into local memory. */
static inline void place(__local float *to, const float *next, bool along_k, bool quads, int tile, int loads, int item, int line)
{
    UNROLL for (int l = 0; l < loads; l++) {
        const int e = ELEMENT(l, 0, quads, item);
        if (quads && !along_k && e < tile * TILE_K) {
            *(__local float4 *)(to + e / tile * line + e % tile) =
                (float4)(next[l * 4], next[l * 4 + 1], next[l * 4 + 2], next[l * 4 + 3]);
            continue;
        }
        UNROLL for (int at = 0; at < 4; at++) {
            const int one = ELEMENT(l, at, quads, item);
            if (one < tile * TILE_K)
                to[along_k ? one % TILE_K * line + one / TILE_K : one / tile * line + one % tile] = next[l * 4 + at];
        }
    }
}

#define FETCH(first)                                                                                                    \
    fetch(next_a, a, !TRANSPOSE_A, QUADS_A, TILE_M, LOADS_A, item, first, end, start.y, m, TRANSPOSE_A ? m : depth);    \
    fetch(next_b, b, TRANSPOSE_B, QUADS_B, TILE_N, LOADS_B, item, first, end, start.x, n, TRANSPOSE_B ? depth : n);
#define PLACE(side)                                                                                                     \
    place((__local float *)tiles_a[side], next_a, !TRANSPOSE_A, QUADS_A, TILE_M, LOADS_A, item, LINE_A);                \
    place((__local float *)tiles_b[side], next_b, TRANSPOSE_B, QUADS_B, TILE_N, LOADS_B, item, LINE_B);

/* Groups: (tiles, splits, batches). split_depth: a multiple of TILE_K. */
__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void gemm_tiled(__global const element *restrict a, __global const element *restrict b, __global result *restrict c,
                         int m, int n, int depth, int split_depth, long stride_a, long stride_b, float alpha EPILOGUE_PARAMS)
{
    __local float4 tiles_a[2][TILE_K * LINE_A / 4], tiles_b[2][TILE_K * LINE_B / 4];
    const int item = get_local_id(0);
    const int2 place_in_tile = place_of_item(item), start = tile_of_group(get_group_id(0), m, n) * (int2)(TILE_N, TILE_M);
    const int begin = get_group_id(1) * split_depth, end = min(depth, begin + split_depth);
    const long batch = get_group_id(2);
    float next_a[LOADS_A * 4], next_b[LOADS_B * 4];
    float4 sum[ITEM_M][VECTORS];
    a += BATCH_A(batch);
    b += BATCH_B(batch);
    UNROLL for (int i = 0; i < ITEM_M; i++)
        UNROLL for (int j = 0; j < VECTORS; j++)
            sum[i][j] = (float4)(0.0f);
    FETCH(begin)
    PLACE(0)
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int first = begin, side = 0; first < end; first += TILE_K, side ^= 1) {
        const bool more = first + TILE_K < end;
        if (more) {
            FETCH(first + TILE_K)
        }
        UNROLL_BY(4) for (int k = 0; k < TILE_K; k++) {
            __local const float *line_a = (__local const float *)tiles_a[side] + k * LINE_A;
            __local const float *line_b = (__local const float *)tiles_b[side] + k * LINE_B;
            float x[ITEM_M];
            float4 y[VECTORS];
#if QUAD_M == 4
            UNROLL for (int i = 0; i < ITEM_M; i += 4) {
                const float4 four = *(__local const float4 *)(line_a + ROW_OF(place_in_tile.y, i));
                x[i] = four.x;
                x[i + 1] = four.y;
                x[i + 2] = four.z;
                x[i + 3] = four.w;
            }
#else
            UNROLL for (int i = 0; i < ITEM_M; i++)
                x[i] = line_a[ROW_OF(place_in_tile.y, i)];
#endif
            UNROLL for (int j = 0; j < VECTORS; j++)
                y[j] = *(__local const float4 *)(line_b + QUAD_OF(place_in_tile.x, j));
            UNROLL for (int i = 0; i < ITEM_M; i++)
                UNROLL for (int j = 0; j < VECTORS; j++)
                    sum[i][j] = fma((float4)(x[i]), y[j], sum[i][j]);
        }
        if (more) {
            PLACE(side ^ 1)
            barrier(CLK_LOCAL_MEM_FENCE);
        }
    }
    const size_t part = SPLIT ? (size_t)batch * get_num_groups(1) + get_group_id(1) : (size_t)batch;
    UNROLL for (int i = 0; i < ITEM_M; i++) {
        UNROLL for (int j = 0; j < VECTORS; j++) {
            const int row = start.y + ROW_OF(place_in_tile.y, i), column = start.x + QUAD_OF(place_in_tile.x, j);
            STORE_RESULTS(sum[i][j], part, row, column)
        }
    }
}
