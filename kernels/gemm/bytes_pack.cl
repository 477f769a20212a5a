/* Packs B of bytes for kernels/gemm/bytes.cl: panels [n / COLUMNS][depth / STEP][COLUMNS][STEP], bytes outside of B are 0; behind the
 * panels the sum of each column, as int. With an instruction (DOT) bytes are signed: unsigned ones are stored less 128. One
 * work-item per panel and STEP rows; the sums one per column. */
#include "common/bytes.cl"
#include "gemm/operands.cl"
#ifndef COLUMNS
#define COLUMNS 32
#endif
#ifndef STEP
#define STEP 4
#endif
#define STORED(x) ((char)(DOT && !B_SIGNED ? (x) - 128 : (x)))

__kernel void gemm_bytes_pack(__global const b_byte *restrict b, __global char *restrict packed, int n, int k, int depth)
{
    const int row = get_global_id(0) * STEP, first = get_global_id(1) * COLUMNS;
    __global char *to = packed + (size_t)get_global_id(1) * depth * COLUMNS + (size_t)row * COLUMNS;
    for (int i = 0; i < COLUMNS; i++) {
        const int column = first + i;
        for (int s = 0; s < STEP; s++) {
            const bool inside = row + s < k && column < n;
            const size_t at = TRANSPOSE_B ? (size_t)column * k + row + s : (size_t)(row + s) * n + column;
            to[i * STEP + s] = inside ? STORED((int)b[inside ? at : 0]) : (char)0;
        }
    }
}

__kernel void gemm_bytes_sums(__global const char *restrict packed, __global int *restrict sums, long offset, int depth)
{
    const int column = get_global_id(0);
    __global const char *from = packed + (size_t)(column / COLUMNS) * depth * COLUMNS + (size_t)(column % COLUMNS) * STEP;
    int sum = 0;
    for (int row = 0; row < depth; row += STEP)
        for (int s = 0; s < STEP; s++)
            sum += from[(size_t)row * COLUMNS + s];
    sums[offset + column] = sum;
}
