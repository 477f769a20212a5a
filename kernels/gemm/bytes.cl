/* C = A B of bytes with sums in 32 bits on CPU-shaped devices, after gemm/packed: a group of one work-item computes group_rows x
 * group_columns of C from rows of A in local memory and panels of B that gemm/bytes_pack made; register tile ROWS x COLUMNS.
 *
 * DOT: with an instruction that multiplies unsigned by signed bytes, four at once. Signed a become a + 128, unsigned b are stored
 * less 128; with x and y the bytes as the instruction sees them, a b = (x - za)(y + zb) = x y - za y + zb (x - za), where za, zb
 * are 0 or 128: the sums over y stand behind the panels, those over x are made while A is copied. Bytes behind k are 0 on both
 * sides.
 *
 * Without: in float, which is exact for 512 products of bytes (2^9 255 128 < 2^24), for 256 of unsigned ones. */
#include "common/bytes.cl"
#include "common/epilogue.cl"
#ifndef ROWS
#define ROWS 8
#endif
#ifndef VECTORS
#define VECTORS 2
#endif
#define COLUMNS (VECTORS * WIDTH)
#define INTV VECTOR(int)

#if DOT
#define STEP 4
#define CHUNK 64 /* bytes of k that lie together in local memory, per row */
typedef int staged;
#else
#define STEP 1
#define CHUNK WIDTH
typedef float staged;
#define EXACT (A_SIGNED || B_SIGNED ? 512 : 256)
#endif
#define CHUNK_ITEMS (CHUNK / STEP)

#if DOT
/* 64 bytes of a row from k on, as the instruction takes them. */
static inline int16 row_words(__global const uchar *from, int k, int k_total)
{
    int16 words;
    if (k + CHUNK <= k_total) {
        words = (int16)(as_int4(vload16(0, from + k)), as_int4(vload16(1, from + k)), as_int4(vload16(2, from + k)),
                        as_int4(vload16(3, from + k)));
#if A_SIGNED
        words ^= (int16)(0x80808080);
#endif
        return words;
    }
    uchar bytes[CHUNK];
    for (int i = 0; i < CHUNK; i++)
        bytes[i] = k + i < k_total ? from[k + i] ^ (A_SIGNED ? 0x80 : 0) : 0;
    return (int16)(as_int4(vload16(0, bytes)), as_int4(vload16(1, bytes)), as_int4(vload16(2, bytes)), as_int4(vload16(3, bytes)));
}

static inline int sum_of_words(int16 x)
{
    const int8 eight = x.lo + x.hi;
    const int4 four = eight.lo + eight.hi;
    const int2 two = four.lo + four.hi;
    return two.x + two.y;
}
#else
static inline VECTOR(float) row_floats(__global const a_byte *from, int k, int k_total)
{
    if (k + CHUNK <= k_total)
        return CONVERT_VECTOR(float)(VLOAD(from + k));
    float lanes[WIDTH];
    for (int i = 0; i < WIDTH; i++)
        lanes[i] = k + i < k_total ? (float)from[k + i] : 0.0f;
    return VLOAD(lanes);
}
#endif

/* ROWS rows of A (`count` of them exist) as [k / CHUNK][ROWS][CHUNK_ITEMS]; sums[row]: of the bytes, less za each. */
static void stage_rows(__global const a_byte *a, int count, int k_total, int depth, __local staged *to, __local int *sums)
{
    for (int i = 0; i < ROWS; i++) {
        __global const a_byte *from = a + (size_t)(i < count ? i : 0) * k_total;
#if DOT
        int16 total = (int16)(0);
        for (int k = 0; k < depth; k += CHUNK) {
            const int16 words = row_words((__global const uchar *)from, k, k_total);
#if !B_SIGNED
            total = dot_bytes(total, words, (int16)(0x01010101));
#endif
            vstore16(words, 0, to + (size_t)k / STEP * ROWS + i * CHUNK_ITEMS);
        }
        sums[i] = sum_of_words(total) - (A_SIGNED ? 128 * k_total : 0);
#else
        for (int k = 0; k < depth; k += CHUNK)
            VSTORE(row_floats(from, k, k_total), to + (size_t)k * ROWS + i * CHUNK_ITEMS);
#endif
    }
}

/* The tile's sums over all of k. */
static inline void sum_tile(__local const staged *x, __global const char *y, int depth, INTV sum[ROWS][VECTORS])
{
#if DOT
    for (int k = 0; k < depth; k += CHUNK) {
        __local const int *words = x + (size_t)k / STEP * ROWS;
        __global const int *lines = (__global const int *)(y + (size_t)k * COLUMNS);
        UNROLL_BY(4) for (int q = 0; q < CHUNK_ITEMS; q++) {
            INTV value[VECTORS];
            UNROLL for (int j = 0; j < VECTORS; j++)
                value[j] = VLOAD(lines + q * COLUMNS + j * WIDTH);
            UNROLL for (int i = 0; i < ROWS; i++) {
                const INTV factor = (INTV)(words[i * CHUNK_ITEMS + q]);
                UNROLL for (int j = 0; j < VECTORS; j++)
                    sum[i][j] = dot_bytes(sum[i][j], factor, value[j]);
            }
        }
    }
#else
    for (int first = 0; first < depth; first += EXACT) {
        const int end = min(depth, first + EXACT);
        VECTOR(float) part[ROWS][VECTORS];
        UNROLL for (int i = 0; i < ROWS; i++)
            UNROLL for (int j = 0; j < VECTORS; j++)
                part[i][j] = (VECTOR(float))(0);
        for (int k = first; k < end; k += CHUNK) {
            __local const float *square = x + (size_t)k * ROWS;
            __global const b_byte *lines = (__global const b_byte *)(y + (size_t)k * COLUMNS);
            UNROLL_BY(4) for (int q = 0; q < CHUNK; q++) {
                VECTOR(float) value[VECTORS];
                UNROLL for (int j = 0; j < VECTORS; j++)
                    value[j] = CONVERT_VECTOR(float)(VLOAD(lines + q * COLUMNS + j * WIDTH));
                UNROLL for (int i = 0; i < ROWS; i++) {
                    const VECTOR(float) factor = (VECTOR(float))(square[i * CHUNK + q]);
                    UNROLL for (int j = 0; j < VECTORS; j++)
                        part[i][j] = fma(factor, value[j], part[i][j]);
                }
            }
        }
        UNROLL for (int i = 0; i < ROWS; i++)
            UNROLL for (int j = 0; j < VECTORS; j++)
                sum[i][j] += CONVERT_VECTOR(int)(part[i][j]);
    }
#endif
}

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void gemm_bytes(__global const a_byte *restrict a, __global const char *restrict b, __global const int *restrict column_sums,
                         __global element *restrict c, int m, int n, int k_total, int depth, long sums_offset, int group_rows,
                         int group_columns, __local staged *rows_of_a, __local int *row_sums EPILOGUE_PARAMS)
{
    const int row_first = get_group_id(0) * group_rows, row_end = min(m, row_first + group_rows);
    const int column_first = get_group_id(1) * group_columns, column_end = min(n, column_first + group_columns);
    for (int row = row_first; row < row_end; row += ROWS)
        stage_rows(a + (size_t)row * k_total, min(ROWS, row_end - row), k_total, depth,
                   rows_of_a + (size_t)(row - row_first) * (depth / STEP), row_sums + (row - row_first));
    for (int column = column_first; column < column_end; column += COLUMNS) {
        const int columns = min(COLUMNS, column_end - column);
        for (int row = row_first; row < row_end; row += ROWS) {
            const int rows = min(ROWS, row_end - row);
            INTV sum[ROWS][VECTORS];
            UNROLL for (int i = 0; i < ROWS; i++) {
                UNROLL for (int j = 0; j < VECTORS; j++) {
                    sum[i][j] = (INTV)(0);
#if DOT && A_SIGNED
                    sum[i][j] -= 128 * VLOAD(column_sums + sums_offset + column + j * WIDTH);
#endif
#if DOT && !B_SIGNED
                    sum[i][j] += (INTV)(128 * row_sums[row - row_first + i]);
#endif
                }
            }
            sum_tile(rows_of_a + (size_t)(row - row_first) * (depth / STEP), b + (size_t)column * depth, depth, sum);
            __global element *to = c + (size_t)row * n + column;
            if (rows == ROWS && columns == COLUMNS) {
                UNROLL for (int i = 0; i < ROWS; i++) {
                    UNROLL for (int j = 0; j < VECTORS; j++) {
                        const size_t index = (size_t)(row + i) * n + column + j * WIDTH;
                        STOREV(EPILOGUEV(sum[i][j], index, column + j * WIDTH), to + (size_t)i * n + j * WIDTH);
                    }
                }
            } else {
                int lanes[ROWS * COLUMNS];
                UNROLL for (int i = 0; i < ROWS; i++)
                    UNROLL for (int j = 0; j < VECTORS; j++)
                        VSTORE(sum[i][j], lanes + i * COLUMNS + j * WIDTH);
                for (int i = 0; i < rows; i++) {
                    for (int j = 0; j < columns; j++) {
                        const size_t index = (size_t)(row + i) * n + column + j;
                        STORE1(EPILOGUE1(lanes[i * COLUMNS + j], index, column + j), to + (size_t)i * n + j);
                    }
                }
            }
        }
    }
}
