/* C = alpha op(A) op(B) for small or flat products on CPU-shaped devices: one launch, A read in place, one work-item per
 * group. Each group computes `columns` columns of `rows` rows in register tiles of ROWS x (VECTORS * WIDTH). Tiles and vectors
 * that would reach over an edge are moved back over their neighbours and compute the same values again, so there is no tail
 * code; therefore m >= ROWS and n >= WIDTH. B: in place by rows; B_TRANSPOSED (stored [n][k]): brought into local memory panel
 * by panel; B_COPIED: the same for rows that many tiles share; B_PACKED: panels of gemm/pack, with an overlap of WIDTH. */
#include "common/storage.cl"
#include "common/epilogue.cl"
#include "gemm/operands.cl"
#ifndef ROWS
#define ROWS 8
#endif
#ifndef VECTORS
#define VECTORS 2
#endif
#ifndef B_TRANSPOSED
#define B_TRANSPOSED 0
#endif
#ifndef B_COPIED
#define B_COPIED 0
#endif
#ifndef B_PACKED
#define B_PACKED 0
#endif
#define B_LOCAL (B_TRANSPOSED || B_COPIED)
#define COLUMNS (VECTORS * WIDTH)
#if TRANSPOSE_A
#define A_AT(i, k) LOAD1(x + (size_t)(k) * m + (i))
#else
#define A_AT(i, k) LOAD1(x + (size_t)(i) * depth + (k))
#endif
#if B_LOCAL
#define B_SPACE __local
typedef real panel_element;
#define B_VECTOR(p) VLOAD(p)
#else
#define B_SPACE __global
typedef element panel_element;
#define B_VECTOR(p) LOADV(p)
#endif

#if B_TRANSPOSED
#include "common/transpose.cl"
#endif

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void gemm_direct(__global const element *restrict a, __global const element *restrict b, __global element *restrict c,
                          int m, int n, int depth, int group_rows, int group_columns, long stride_a, long stride_b, float alpha
#if B_LOCAL
                          , __local real *panel
#endif
                          EPILOGUE_PARAMS)
{
    const long batch = get_group_id(2);
    const int row_first = get_group_id(1) * group_rows, row_end = min(m, row_first + group_rows);
    const int column_first = get_group_id(0) * group_columns, column_end = min(n, column_first + group_columns);
    a += BATCH_A(batch);
    b += BATCH_B(batch);
    c += (size_t)batch * m * n;
    for (int column = column_first; column < column_end; column += COLUMNS) {
        int at[VECTORS]; /* first column of each vector */
        UNROLL for (int j = 0; j < VECTORS; j++)
            at[j] = min(column + j * WIDTH, n - WIDTH);
#if B_TRANSPOSED
        UNROLL for (int j = 0; j < VECTORS; j++)
            transpose_panel(b + (size_t)at[j] * depth, depth, depth, panel + j * WIDTH, COLUMNS);
#elif B_COPIED
        for (int k = 0; k < depth; k++)
            UNROLL for (int j = 0; j < VECTORS; j++)
                VSTORE(LOADV(b + (size_t)k * n + at[j]), panel + (size_t)k * COLUMNS + j * WIDTH);
#endif
#if B_LOCAL
        __local const real *y = panel;
        const int y_step = COLUMNS;
#elif B_PACKED
        __global const element *y = b + (size_t)column * depth;
        const int y_step = COLUMNS;
#else
        __global const element *y = b;
        const int y_step = n;
#endif
        for (int tile = row_first; tile < row_end; tile += ROWS) {
            const int row = min(tile, m - ROWS);
            __global const element *x = a + (TRANSPOSE_A ? (size_t)row : (size_t)row * depth);
            realv sum[ROWS][VECTORS];
            UNROLL for (int i = 0; i < ROWS; i++)
                UNROLL for (int j = 0; j < VECTORS; j++)
                    sum[i][j] = (realv)(0);
            for (int k = 0; k < depth; k++) {
                B_SPACE const panel_element *line = y + (size_t)k * y_step;
                realv value[VECTORS];
                UNROLL for (int j = 0; j < VECTORS; j++)
                    value[j] = B_VECTOR(line + (B_LOCAL || B_PACKED ? j * WIDTH : at[j]));
                UNROLL for (int i = 0; i < ROWS; i++) {
                    const realv factor = (realv)(A_AT(i, k));
                    UNROLL for (int j = 0; j < VECTORS; j++)
                        sum[i][j] = fma(factor, value[j], sum[i][j]);
                }
            }
            UNROLL for (int i = 0; i < ROWS; i++) {
                UNROLL for (int j = 0; j < VECTORS; j++) {
                    const size_t start = (size_t)(row + i) * n + at[j], index = (size_t)batch * m * n + start;
                    STOREV(EPILOGUEV(sum[i][j] * alpha, index, at[j]), c + start);
                }
            }
        }
    }
}
