/* C = alpha op(A) op(B) on CPU-shaped devices, for products with enough rows to reuse what is packed. One work-item per group;
 * a group computes group_rows x group_columns of C, block of k by block of k. Rows of A are copied into local memory as panels
 * of ROWS rows, in whole vectors ([k / WIDTH][ROWS][WIDTH]; transposed A: [k][ROWS]). B comes in panels of COLUMNS columns:
 * packed once by gemm/pack (B_FORM 0), or copied (1) or transposed (2) into local memory by the group. Register tile: ROWS x
 * COLUMNS. Panels are padded with zeros, so there is no tail code but for what is stored. SPLIT: a group does one block of k
 * and writes its sums to C as floats, one slice per block: gemm/reduce adds them. Goto and van de Geijn, "Anatomy of High-
 * Performance Matrix Multiplication", 2008. */
#include "common/storage.cl"
#include "common/epilogue.cl"
#include "gemm/operands.cl"
#ifndef ROWS
#define ROWS 8
#endif
#ifndef VECTORS
#define VECTORS 2
#endif
#ifndef B_FORM
#define B_FORM 0
#endif
#ifndef SPLIT
#define SPLIT 0
#endif
#define COLUMNS (VECTORS * WIDTH)
#define PAD(k) (((k) + WIDTH - 1) / WIDTH * WIDTH)
#if TRANSPOSE_A
#define A_STEP_ROW 1
#define A_STEP_LANE ROWS
#else
#define A_STEP_ROW WIDTH
#define A_STEP_LANE 1
#endif
#if B_FORM == 0
#define B_SPACE __global
#define B_VECTOR(p) LOADV(p)
typedef element panel_element;
#else
#define B_SPACE __local
#define B_VECTOR(p) VLOAD(p)
typedef real panel_element;
#include "common/transpose.cl"
#endif
#if SPLIT
typedef real result_element;
#else
typedef element result_element;
#endif

/* `count` (<= ROWS) rows of A, `depth` of k: a points at the first. */
static void pack_a(__global const element *a, size_t stride, int count, int depth, __local real *to)
{
#if TRANSPOSE_A
    for (int k = 0; k < depth; k++) {
        __global const element *from = a + (size_t)k * stride;
#if ROWS == WIDTH
        if (count == ROWS) {
            const realv line = LOADV(from);
            VSTORE(line, to + (size_t)k * ROWS);
            continue;
        }
#elif ROWS == 8 && STORAGE == FLOAT32
        if (count == ROWS) {
            vstore8(vload8(0, from), 0, to + (size_t)k * ROWS);
            continue;
        }
#endif
        for (int i = 0; i < ROWS; i++)
            to[(size_t)k * ROWS + i] = i < count ? LOAD1(from + i) : (real)0;
    }
    for (int k = depth * ROWS; k < PAD(depth) * ROWS; k++)
        to[k] = 0;
#else
    for (int k = 0; k < depth; k += WIDTH) {
        __local real *square = to + (size_t)k * ROWS;
        for (int i = 0; i < ROWS; i++) {
            __global const element *from = a + (size_t)i * stride + k;
            realv line = (realv)(0);
            if (i < count && k + WIDTH <= depth) {
                line = LOADV(from);
            } else if (i < count) {
                real lanes[WIDTH];
                for (int l = 0; l < WIDTH; l++)
                    lanes[l] = k + l < depth ? LOAD1(from + l) : (real)0;
                line = VLOAD(lanes);
            }
            VSTORE(line, square + i * WIDTH);
        }
    }
#endif
}

#if B_FORM != 0
/* One panel of B: columns column.. (of n), `depth` of k from `first` on. */
static void pack_b(__global const element *b, int n, int k_total, int column, int first, int depth, __local real *to)
{
    UNROLL for (int j = 0; j < VECTORS; j++) {
        const int start = column + j * WIDTH, count = clamp(n - start, 0, WIDTH);
#if B_FORM == 2
        __global const element *from = b + (size_t)start * k_total + first;
        if (count == WIDTH) {
            transpose_panel(from, k_total, depth, to + j * WIDTH, COLUMNS);
            continue;
        }
        const size_t step_lane = k_total, step_k = 1;
#else
        __global const element *from = b + (size_t)first * n + start;
        if (count == WIDTH) {
            for (int k = 0; k < depth; k++) {
                const realv line = LOADV(from + (size_t)k * n);
                VSTORE(line, to + (size_t)k * COLUMNS + j * WIDTH);
            }
            continue;
        }
        const size_t step_lane = 1, step_k = n;
#endif
        for (int k = 0; k < depth; k++)
            for (int l = 0; l < WIDTH; l++)
                to[(size_t)k * COLUMNS + j * WIDTH + l] = l < count ? LOAD1(from + k * step_k + l * step_lane) : (real)0;
    }
    for (int i = depth * COLUMNS; i < PAD(depth) * COLUMNS; i++)
        to[i] = 0;
}
#endif

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void gemm_packed(__global const element *restrict a, __global const element *restrict b,
                          __global result_element *restrict c, int m, int n, int k_total, int block, int group_rows,
                          int group_columns, int splits, long stride_a, long stride_b, float alpha, __local real *rows_of_a,
                          __local real *panel EPILOGUE_PARAMS)
{
    const long batch = get_group_id(2) / splits;
    const int split = get_group_id(2) % splits;
    const int row_first = get_group_id(0) * group_rows, row_end = min(m, row_first + group_rows);
    const int column_first = get_group_id(1) * group_columns, column_end = min(n, column_first + group_columns);
    const int k_first = SPLIT ? split * block : 0, k_end = SPLIT ? min(k_total, k_first + block) : k_total;
    a += BATCH_A(batch);
    b += BATCH_B(batch);
    c += (size_t)(SPLIT ? get_group_id(2) : batch) * m * n;
    for (int first = k_first; first == k_first || first < k_end; first += block) {
        const int depth = min(block, k_end - first), padded = PAD(depth);
        const bool last = first + depth >= k_end;
        for (int row = row_first; row < row_end; row += ROWS)
            pack_a(a + (TRANSPOSE_A ? (size_t)first * m + row : (size_t)row * k_total + first), TRANSPOSE_A ? m : k_total,
                   min(ROWS, row_end - row), depth, rows_of_a + (size_t)(row - row_first) * padded);
        for (int column = column_first; column < column_end; column += COLUMNS) {
#if B_FORM == 0
            __global const element *y = b + (size_t)column * PAD(k_total) + (size_t)first * COLUMNS;
#else
            pack_b(b, n, k_total, column, first, depth, panel);
            __local const real *y = panel;
#endif
            const int columns = min(COLUMNS, column_end - column);
            for (int row = row_first; row < row_end; row += ROWS) {
                __local const real *x = rows_of_a + (size_t)(row - row_first) * padded;
                realv sum[ROWS][VECTORS];
                UNROLL for (int i = 0; i < ROWS; i++)
                    UNROLL for (int j = 0; j < VECTORS; j++)
                        sum[i][j] = (realv)(0);
                for (int k = 0; k < padded; k += WIDTH) {
                    __local const real *square = x + (size_t)k * ROWS;
                    B_SPACE const panel_element *lines = y + (size_t)k * COLUMNS;
                    UNROLL_BY(4) for (int q = 0; q < WIDTH; q++) {
                        realv value[VECTORS];
                        UNROLL for (int j = 0; j < VECTORS; j++)
                            value[j] = B_VECTOR(lines + q * COLUMNS + j * WIDTH);
                        UNROLL for (int i = 0; i < ROWS; i++) {
                            const realv factor = (realv)(square[i * A_STEP_ROW + q * A_STEP_LANE]);
                            UNROLL for (int j = 0; j < VECTORS; j++)
                                sum[i][j] = fma(factor, value[j], sum[i][j]);
                        }
                    }
                }
                const int rows = min(ROWS, row_end - row);
                __global result_element *to = c + (size_t)row * n + column;
#if SPLIT
#define RESULT1(x, row, column) (x)
#define RESULTV(x, row, column) (x)
#define PUT1(x, p) (*(p) = (x))
#define PUTV(x, p) VSTORE(x, p)
#define GET1(p) (*(p))
#define GETV(p) VLOAD(p)
#else
#define RESULT1(x, row, column) EPILOGUE1((x) * alpha, ((size_t)batch * m + (row)) * n + (column), column)
#define RESULTV(x, row, column) EPILOGUEV((x) * alpha, ((size_t)batch * m + (row)) * n + (column), column)
#define PUT1(x, p) STORE1(x, p)
#define PUTV(x, p) STOREV(x, p)
#define GET1(p) LOAD1(p)
#define GETV(p) LOADV(p)
#endif
                if (rows == ROWS && columns == COLUMNS) {
                    UNROLL for (int i = 0; i < ROWS; i++) {
                        UNROLL for (int j = 0; j < VECTORS; j++) {
                            realv value = sum[i][j];
                            if (first > k_first)
                                value += GETV(to + (size_t)i * n + j * WIDTH);
                            if (last)
                                PUTV(RESULTV(value, row + i, column + j * WIDTH), to + (size_t)i * n + j * WIDTH);
                            else
                                PUTV(value, to + (size_t)i * n + j * WIDTH);
                        }
                    }
                } else {
                    real lanes[ROWS * COLUMNS];
                    UNROLL for (int i = 0; i < ROWS; i++)
                        UNROLL for (int j = 0; j < VECTORS; j++)
                            VSTORE(sum[i][j], lanes + i * COLUMNS + j * WIDTH);
                    for (int i = 0; i < rows; i++) {
                        for (int j = 0; j < columns; j++) {
                            real value = lanes[i * COLUMNS + j];
                            if (first > k_first)
                                value += GET1(to + (size_t)i * n + j);
                            if (last)
                                PUT1(RESULT1(value, row + i, column + j), to + (size_t)i * n + j);
                            else
                                PUT1(value, to + (size_t)i * n + j);
                        }
                    }
                }
            }
        }
    }
}
