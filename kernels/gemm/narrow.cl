/* C = alpha A B for few rows and constant weights B in a narrower type than A's, on CPU-shaped devices: the time is that of reading B
 * once, so that half the bytes are half the time. B lies in panels [n / COLUMNS][k][COLUMNS], behind them, where there are scales,
 * their values as floats [k / block][columns], then the zeros: B = (stored - zero) * scale. One work-item per group of columns. */
#include "common/weights.cl"
#include "common/epilogue.cl"
#include "common/prefetch.cl"
#ifndef ROWS
#define ROWS 1
#endif
#ifndef VECTORS
#define VECTORS 8
#endif
#ifndef SCALES
#define SCALES 0
#endif
#ifndef ZEROS
#define ZEROS 0
#endif
#define COLUMNS (VECTORS * WIDTH)
#define AHEAD 4096 /* bytes: a page */

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void gemm_narrow(__global const element *restrict a, __global const weight *restrict b, __global element *restrict c,
                          long scales_offset, int m, int n, int depth, int block, int padded_columns,
                          int group_columns, float alpha EPILOGUE_PARAMS)
{
    const int column_first = get_group_id(0) * group_columns, column_end = min(n, column_first + group_columns);
    __global const float *scales = (__global const float *)b + scales_offset;
    for (int column = column_first; column < column_end; column += COLUMNS) {
        __global const weight *panel = b + (size_t)column * depth;
        for (int row_wanted = 0; row_wanted < m; row_wanted += ROWS) {
            const int row = min(row_wanted, m - ROWS);
            realv sum[ROWS][VECTORS];
            UNROLL for (int i = 0; i < ROWS; i++)
                UNROLL for (int j = 0; j < VECTORS; j++)
                    sum[i][j] = (realv)(0);
            for (int first = 0; first < depth; first += block) {
                realv part[ROWS][VECTORS];
                UNROLL for (int i = 0; i < ROWS; i++)
                    UNROLL for (int j = 0; j < VECTORS; j++)
                        part[i][j] = (realv)(0);
#if ZEROS
                realv zero[VECTORS];
                UNROLL for (int j = 0; j < VECTORS; j++)
                    zero[j] = VLOAD(scales + ((size_t)(depth / block) + first / block) * padded_columns + column + j * WIDTH);
#endif
                const int end = min(depth, first + block);
                UNROLL_BY(2) for (int k = first; k < end; k++) {
                    __global const weight *of_k = panel + (size_t)k * COLUMNS;
                    realv value[VECTORS];
                    UNROLL for (int line = 0; line < COLUMNS * (int)sizeof(weight); line += 64)
                        PREFETCH((__global const char *)of_k + AHEAD + line);
                    UNROLL for (int j = 0; j < VECTORS; j++) {
                        value[j] = LOAD_WEIGHTV(of_k + j * WIDTH);
#if ZEROS
                        value[j] -= zero[j];
#endif
                    }
                    UNROLL for (int i = 0; i < ROWS; i++) {
                        const realv factor = (realv)(LOAD1(a + (size_t)(row + i) * depth + k));
                        UNROLL for (int j = 0; j < VECTORS; j++)
                            part[i][j] = fma(factor, value[j], part[i][j]);
                    }
                }
                UNROLL for (int j = 0; j < VECTORS; j++) {
#if SCALES
                    const realv scale = alpha * VLOAD(scales + (size_t)(first / block) * padded_columns + column + j * WIDTH);
#else
                    const realv scale = (realv)(alpha);
#endif
                    UNROLL for (int i = 0; i < ROWS; i++)
                        sum[i][j] = fma(part[i][j], scale, sum[i][j]);
                }
            }
            const int columns = min(COLUMNS, column_end - column);
            __global element *to = c + (size_t)row * n + column;
            if (columns == COLUMNS) {
                UNROLL for (int i = 0; i < ROWS; i++) {
                    UNROLL for (int j = 0; j < VECTORS; j++) {
                        const size_t index = (size_t)(row + i) * n + column + j * WIDTH;
                        STOREV(EPILOGUEV(sum[i][j], index, column + j * WIDTH), to + (size_t)i * n + j * WIDTH);
                    }
                }
            } else {
                real lanes[ROWS * COLUMNS];
                UNROLL for (int i = 0; i < ROWS; i++)
                    UNROLL for (int j = 0; j < VECTORS; j++)
                        VSTORE(sum[i][j], lanes + i * COLUMNS + j * WIDTH);
                for (int i = 0; i < ROWS; i++) {
                    for (int j = 0; j < columns; j++) {
                        const size_t index = (size_t)(row + i) * n + column + j;
                        STORE1(EPILOGUE1(lanes[i * COLUMNS + j], index, column + j), to + (size_t)i * n + j);
                    }
                }
            }
        }
    }
}
