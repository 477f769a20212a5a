/* What convolutions as products without stored matrices share, for GPUs: work-groups of WX x WY items compute BM rows x BN
 * columns of results from BK steps of the sum at a time, which lie in local memory; TM x TN of them stand in the registers of
 * each item, in quads: quads of neighbouring items lie next to each other, so that local memory is read 16 bytes at a time and
 * without bank conflicts, and results are stored in runs. Neighbours form rectangles of 8 columns, as in gemm/tiles.cl: 8 x 4 of 8
 * x 8 results read 96 values of a step, 16 x 2 would read 144. Volkov and Demmel, "Benchmarking GPUs to tune dense linear algebra",
 * 2008; Nugteren, "Tutorial: OpenCL SGEMM tuning for Kepler", 2014 (prefetching, wider loads); NVIDIA, "CUDA C++ Best Practices
 * Guide", chapter on memory optimizations (coalescing, 32 banks of 4 bytes). */
#define WIDTH 4
#include "common/storage.cl"
#include "common/epilogue.cl"
#include "conv/gathered.cl"
#include "common/steps.cl"

#ifndef WX
#define WX 8
#define WY 8
#define TM 4 /* multiples of 4, as TN is */
#define TN 4
#define BK 8
#endif

#define BM (WY * TM)
#define BN (WX * TN)
#define ITEMS (WX * WY)
#define LINE_ITEMS (WX % 8 == 0 ? 8 : WX)

typedef realv quad;

/* Neighbouring groups share their columns and take other rows: pixels come from memory once, weights stay in the cache. */
#define DECLARE(row_tiles)                                                                                                    \
    __local quad a[2][BK * A_PITCH / 4], b[2][BK * B_PITCH / 4];                                                              \
    const int item = (int)get_local_id(0);                                                                                    \
    const int lx = item / (LINE_ITEMS * WY) * LINE_ITEMS + item % LINE_ITEMS, ly = item / LINE_ITEMS % WY;                    \
    const int row0 = (int)get_group_id(0) % (row_tiles) * BM, column0 = (int)get_group_id(0) / (row_tiles) * BN;              \
    quad sum[TM][TN / 4];                                                                                                     \
    UNROLL for (int i = 0; i < TM; i++) UNROLL for (int j = 0; j < TN / 4; j++) sum[i][j] = (quad)(0);

/* Row i and quad j of an item's results. */
#define ROW_AT(i) (row0 + ((i) / 4 * WY + ly) * 4 + (i) % 4)
#define COLUMN_AT(j) (column0 + ((j) * WX + lx) * 4)

#define MULTIPLY_ROW(row, factor, j) sum[row][j] = fma((quad)(factor), right[j], sum[row][j]);
#define MULTIPLY(side)                                                                                                        \
    UNROLL for (int k = 0; k < BK; k++)                                                                                       \
    {                                                                                                                         \
        quad left[TM / 4], right[TN / 4];                                                                                     \
        UNROLL for (int i = 0; i < TM / 4; i++) left[i] = a[side][k * (A_PITCH / 4) + i * WY + ly];                           \
        UNROLL for (int j = 0; j < TN / 4; j++) right[j] = b[side][k * (B_PITCH / 4) + j * WX + lx];                          \
        UNROLL for (int i = 0; i < TM / 4; i++) UNROLL for (int j = 0; j < TN / 4; j++)                                       \
        {                                                                                                                     \
            MULTIPLY_ROW(4 * i, left[i].s0, j)                                                                                \
            MULTIPLY_ROW(4 * i + 1, left[i].s1, j)                                                                            \
            MULTIPLY_ROW(4 * i + 2, left[i].s2, j)                                                                            \
            MULTIPLY_ROW(4 * i + 3, left[i].s3, j)                                                                            \
        }                                                                                                                     \
    }

/* A lane that is not known at compile time, without an array that would have to lie in memory. */
static inline real lane_of(quad v, int lane)
{
    return lane < 2 ? (lane == 0 ? v.s0 : v.s1) : lane == 2 ? v.s2 : v.s3;
}
