/* C = alpha op(A) op(B) on GPU-shaped devices: a work-group computes TILE_M x TILE_N of C from tiles of A and B in local
 * memory, each work-item ITEM_M x ITEM_N of it in registers, spaced so that neighbours read and write neighbouring columns.
 * The next tiles are fetched into registers while the present ones are used. Volkov and Demmel, "Benchmarking GPUs to tune
 * dense linear algebra", 2008. */
#include "common/storage.cl"
#include "common/epilogue.cl"
#ifndef TILE_M
#define TILE_M 64
#endif
#ifndef TILE_N
#define TILE_N 64
#endif
#ifndef TILE_K
#define TILE_K 16
#endif
#ifndef ITEM_M
#define ITEM_M 4
#endif
#ifndef ITEM_N
#define ITEM_N 4
#endif
#ifndef TRANSPOSE_A
#define TRANSPOSE_A 0
#endif
#ifndef TRANSPOSE_B
#define TRANSPOSE_B 0
#endif
#ifndef BATCH_A
#define BATCH_A(batch) ((batch) * stride_a)
#define BATCH_B(batch) ((batch) * stride_b)
#endif
#define ITEMS_M (TILE_M / ITEM_M)
#define ITEMS_N (TILE_N / ITEM_N)
#define ITEMS (ITEMS_M * ITEMS_N)
#define LOADS_A (TILE_M * TILE_K / ITEMS)
#define LOADS_B (TILE_N * TILE_K / ITEMS)

/* Element `e` of a tile -> its place in k and along the other axis: neighbouring work-items read neighbouring elements. */
#if TRANSPOSE_A
#define A_K(e) ((e) / TILE_M)
#define A_M(e) ((e) % TILE_M)
#else
#define A_K(e) ((e) % TILE_K)
#define A_M(e) ((e) / TILE_K)
#endif
#if TRANSPOSE_B
#define B_K(e) ((e) % TILE_K)
#define B_N(e) ((e) / TILE_K)
#else
#define B_K(e) ((e) / TILE_N)
#define B_N(e) ((e) % TILE_N)
#endif

__attribute__((reqd_work_group_size(ITEMS_N, ITEMS_M, 1)))
__kernel void gemm_tiled(__global const element *restrict a, __global const element *restrict b, __global element *restrict c,
                         int m, int n, int depth, long stride_a, long stride_b, float alpha EPILOGUE_PARAMS)
{
    __local float tile_a[TILE_K][TILE_M + 1], tile_b[TILE_K][TILE_N + 1];
    const int lane_n = get_local_id(0), lane_m = get_local_id(1), item = lane_m * ITEMS_N + lane_n;
    const int row_first = get_group_id(1) * TILE_M, column_first = get_group_id(0) * TILE_N;
    const long batch = get_group_id(2);
    float next_a[LOADS_A], next_b[LOADS_B], sum[ITEM_M][ITEM_N];
    a += BATCH_A(batch);
    b += BATCH_B(batch);
    UNROLL for (int i = 0; i < ITEM_M; i++)
        UNROLL for (int j = 0; j < ITEM_N; j++)
            sum[i][j] = 0;
#define FETCH(first)                                                                                              \
    UNROLL for (int l = 0; l < LOADS_A; l++) {                                                                      \
        const int e = item + l * ITEMS, k = (first) + A_K(e), row = row_first + A_M(e);                             \
        next_a[l] = k < depth && row < m ? LOAD1(a + (TRANSPOSE_A ? (size_t)k * m + row : (size_t)row * depth + k)) : 0.0f; \
    }                                                                                                               \
    UNROLL for (int l = 0; l < LOADS_B; l++) {                                                                      \
        const int e = item + l * ITEMS, k = (first) + B_K(e), column = column_first + B_N(e);                       \
        const size_t at = TRANSPOSE_B ? (size_t)column * depth + k : (size_t)k * n + column;                          \
        next_b[l] = k < depth && column < n ? LOAD1(b + at) : 0.0f;                                                   \
    }
    FETCH(0)
    for (int first = 0; first < depth; first += TILE_K) {
        UNROLL for (int l = 0; l < LOADS_A; l++)
            tile_a[A_K(item + l * ITEMS)][A_M(item + l * ITEMS)] = next_a[l];
        UNROLL for (int l = 0; l < LOADS_B; l++)
            tile_b[B_K(item + l * ITEMS)][B_N(item + l * ITEMS)] = next_b[l];
        barrier(CLK_LOCAL_MEM_FENCE);
        if (first + TILE_K < depth) {
            FETCH(first + TILE_K)
        }
        UNROLL for (int k = 0; k < TILE_K; k++) {
            float x[ITEM_M], y[ITEM_N];
            UNROLL for (int i = 0; i < ITEM_M; i++)
                x[i] = tile_a[k][lane_m + i * ITEMS_M];
            UNROLL for (int j = 0; j < ITEM_N; j++)
                y[j] = tile_b[k][lane_n + j * ITEMS_N];
            UNROLL for (int i = 0; i < ITEM_M; i++)
                UNROLL for (int j = 0; j < ITEM_N; j++)
                    sum[i][j] = fma(x[i], y[j], sum[i][j]);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    UNROLL for (int i = 0; i < ITEM_M; i++) {
        UNROLL for (int j = 0; j < ITEM_N; j++) {
            const int row = row_first + lane_m + i * ITEMS_M, column = column_first + lane_n + j * ITEMS_N;
            if (row < m && column < n) {
                const size_t index = ((size_t)batch * m + row) * n + column;
                STORE1(EPILOGUE1(sum[i][j] * alpha, index, column), c + index);
            }
        }
    }
}
