/* C = alpha A op(B) for few rows and B stored [n][k], on CPU-shaped devices: lanes run along k, both operands are read in
 * place and once, so that the memory's bandwidth is the limit. ROWS rows x COLUMNS columns at a time; one work-item per group
 * of group_columns columns. */
#include "common/storage.cl"
#include "common/epilogue.cl"
#include "gemm/operands.cl"
#ifndef ROWS
#define ROWS 1
#endif
#ifndef COLUMNS
#define COLUMNS 4
#endif

static real sum_of_lanes(realv x)
{
#if WIDTH == 16
    const float8 eight = x.lo + x.hi;
    const float4 four = eight.lo + eight.hi;
#elif WIDTH == 8
    const float4 four = x.lo + x.hi;
#elif WIDTH == 4
    const float4 four = x;
#endif
#if WIDTH == 1
    return x;
#else
    const float2 two = four.lo + four.hi;
    return two.x + two.y;
#endif
}

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void gemm_dot(__global const element *restrict a, __global const element *restrict b, __global element *restrict c,
                       int m, int n, int depth, int group_columns, long stride_a, long stride_b, float alpha EPILOGUE_PARAMS)
{
    const long batch = get_group_id(2);
    const int column_first = get_group_id(0) * group_columns, column_end = min(n, column_first + group_columns);
    const int row_first = min((int)get_group_id(1) * ROWS, m - ROWS);
    a += BATCH_A(batch) + (size_t)row_first * depth;
    b += BATCH_B(batch);
    for (int column = column_first; column < column_end; column += COLUMNS) {
        realv sum[ROWS][COLUMNS];
        real tail[ROWS][COLUMNS];
        size_t at[COLUMNS];
        UNROLL for (int j = 0; j < COLUMNS; j++)
            at[j] = (size_t)min(column + j, n - 1) * depth;
        UNROLL for (int i = 0; i < ROWS; i++) {
            UNROLL for (int j = 0; j < COLUMNS; j++) {
                sum[i][j] = (realv)(0);
                tail[i][j] = 0;
            }
        }
        int k = 0;
        for (; k + WIDTH <= depth; k += WIDTH) {
            realv x[ROWS];
            UNROLL for (int i = 0; i < ROWS; i++)
                x[i] = LOADV(a + (size_t)i * depth + k);
            UNROLL for (int j = 0; j < COLUMNS; j++) {
                const realv y = LOADV(b + at[j] + k);
                UNROLL for (int i = 0; i < ROWS; i++)
                    sum[i][j] = fma(x[i], y, sum[i][j]);
            }
        }
        for (; k < depth; k++)
            UNROLL for (int i = 0; i < ROWS; i++)
                UNROLL for (int j = 0; j < COLUMNS; j++)
                    tail[i][j] = fma(LOAD1(a + (size_t)i * depth + k), LOAD1(b + at[j] + k), tail[i][j]);
        UNROLL for (int i = 0; i < ROWS; i++) {
            UNROLL for (int j = 0; j < COLUMNS; j++) {
                if (column + j < column_end) {
                    const size_t index = ((size_t)batch * m + row_first + i) * n + column + j;
                    const real value = (sum_of_lanes(sum[i][j]) + tail[i][j]) * alpha;
                    STORE1(EPILOGUE1(value, index, column + j), c + index);
                }
            }
        }
    }
}
