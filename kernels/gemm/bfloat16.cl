/* C = alpha A B of bfloat16 with sums in float on CPU-shaped devices, as gemm/bytes makes those of bytes: a group of one work-item
 * computes group_rows x group_columns of C from rows of A in local memory and panels of B that gemm/bfloat16_pack made; register
 * tile ROWS x COLUMNS. Words are pairs along k; `depth` is their number, padded with 0. */
#ifndef STORAGE
#define STORAGE BFLOAT16
#endif
#include "common/pairs.cl"
#include "common/epilogue.cl"
#ifndef ROWS
#define ROWS 8
#endif
#ifndef VECTORS
#define VECTORS 2
#endif
#define COLUMNS (VECTORS * WIDTH)
#define CHUNK 16 /* words of k that lie together in local memory, per row */

/* CHUNK words of a row from element k on. */
static inline int16 row_words(__global const ushort *from, int k, int k_total)
{
    if (k + 2 * CHUNK <= k_total)
        return (int16)(as_int8(vload16(0, from + k)), as_int8(vload16(1, from + k)));
    ushort elements[2 * CHUNK];
    for (int i = 0; i < 2 * CHUNK; i++)
        elements[i] = k + i < k_total ? from[k + i] : (ushort)0;
    return (int16)(as_int8(vload16(0, elements)), as_int8(vload16(1, elements)));
}

/* ROWS rows of A (`count` of them exist) as [depth / CHUNK][ROWS][CHUNK]. */
static void stage_rows(__global const ushort *a, int count, int k_total, int depth, __local int *to)
{
    for (int i = 0; i < ROWS; i++) {
        __global const ushort *from = a + (size_t)(i < count ? i : 0) * k_total;
        for (int word = 0; word < depth; word += CHUNK)
            vstore16(row_words(from, 2 * word, k_total), 0, to + (size_t)word * ROWS + i * CHUNK);
    }
}

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void gemm_bfloat16(__global const ushort *restrict a, __global const int *restrict b, __global element *restrict c, int m,
                            int n, int k_total, int depth, int group_rows, int group_columns, float alpha,
                            __local int *rows_of_a EPILOGUE_PARAMS)
{
    const int row_first = get_group_id(0) * group_rows, row_end = min(m, row_first + group_rows);
    const int column_first = get_group_id(1) * group_columns, column_end = min(n, column_first + group_columns);
    for (int row = row_first; row < row_end; row += ROWS)
        stage_rows(a + (size_t)row * k_total, min(ROWS, row_end - row), k_total, depth,
                   rows_of_a + (size_t)(row - row_first) * depth);
    for (int column = column_first; column < column_end; column += COLUMNS) {
        const int columns = min(COLUMNS, column_end - column);
        for (int row = row_first; row < row_end; row += ROWS) {
            float16 sum[ROWS][VECTORS];
            UNROLL for (int i = 0; i < ROWS; i++)
                UNROLL for (int j = 0; j < VECTORS; j++)
                    sum[i][j] = (float16)(0);
            for (int word = 0; word < depth; word += CHUNK) {
                __local const int *x = rows_of_a + (size_t)(row - row_first) * depth + (size_t)word * ROWS;
                __global const int *lines = b + (size_t)column * depth + (size_t)word * COLUMNS;
                UNROLL_BY(4) for (int q = 0; q < CHUNK; q++) {
                    int16 value[VECTORS];
                    UNROLL for (int j = 0; j < VECTORS; j++)
                        value[j] = vload16(0, lines + q * COLUMNS + j * WIDTH);
                    UNROLL for (int i = 0; i < ROWS; i++) {
                        const int16 factor = (int16)(x[i * CHUNK + q]);
                        UNROLL for (int j = 0; j < VECTORS; j++)
                            sum[i][j] = dot_pairs(sum[i][j], factor, value[j]);
                    }
                }
            }
            const int rows = min(ROWS, row_end - row);
            if (rows == ROWS && columns == COLUMNS) {
                UNROLL for (int i = 0; i < ROWS; i++) {
                    UNROLL for (int j = 0; j < VECTORS; j++) {
                        const size_t index = (size_t)(row + i) * n + column + j * WIDTH;
                        STOREV(EPILOGUEV(sum[i][j] * alpha, index, column + j * WIDTH), c + index);
                    }
                }
            } else {
                float lanes[ROWS * COLUMNS];
                UNROLL for (int i = 0; i < ROWS; i++)
                    UNROLL for (int j = 0; j < VECTORS; j++)
                        VSTORE(sum[i][j], lanes + i * COLUMNS + j * WIDTH);
                for (int i = 0; i < rows; i++) {
                    for (int j = 0; j < columns; j++) {
                        const size_t index = (size_t)(row + i) * n + column + j;
                        STORE1(EPILOGUE1(lanes[i * COLUMNS + j] * alpha, index, column + j), c + index);
                    }
                }
            }
        }
    }
}
