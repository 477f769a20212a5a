/* Constant weights in a narrow type, made ready once. gemm_narrow_pack: panels [n / COLUMNS][depth][COLUMNS] of the weights as they
 * are, one work-item per row of a panel. gemm_narrow_scales: scales, then zeros, as floats [blocks][padded columns], one work-item
 * each. gemm_widen: panels of the numbers that the weights stand for, in the type of what they are multiplied with. What lies
 * outside of B is 0. */
#include "common/weights.cl"
#include "gemm/operands.cl"
#ifndef COLUMNS
#define COLUMNS 32
#endif
#ifndef PER_COLUMN
#define PER_COLUMN 0
#endif
#ifndef SCALES
#define SCALES 0
#endif
#ifndef ZEROS
#define ZEROS 0
#endif
/* Where the scale of a column and a block of rows lies. */
#if PER_COLUMN
#define SCALE_AT(column, part) (TRANSPOSE_B ? (size_t)(column) * blocks + (part) : (size_t)(part) * n + (column))
#else
#define SCALE_AT(column, part) ((size_t)(part))
#endif

__kernel void gemm_narrow_pack(__global const weight_bits *restrict b, __global weight_bits *restrict packed, int n, int depth)
{
    const int row = get_global_id(0), first = get_global_id(1) * COLUMNS;
    __global weight_bits *to = packed + ((size_t)get_global_id(1) * depth + row) * COLUMNS;
    for (int i = 0; i < COLUMNS; i++) {
        const int column = first + i;
        to[i] = column < n ? b[TRANSPOSE_B ? (size_t)column * depth + row : (size_t)row * n + column] : (weight_bits)0;
    }
}

__kernel void gemm_narrow_scales(__global const element *restrict scales, __global const weight *restrict zeros,
                                 __global weight_bits *restrict packed, long offset, int n, int blocks)
{
    const int column = get_global_id(0), part = get_global_id(1), columns = get_global_size(0);
    __global float *to = (__global float *)(packed + offset) + (size_t)part * columns + column;
    *to = column < n ? (float)LOAD1(scales + SCALE_AT(column, part)) : 0.0f;
    if (ZEROS)
        to[(size_t)blocks * columns] = column < n ? LOAD_WEIGHT1(zeros + SCALE_AT(column, part)) : 0.0f;
}

__kernel void gemm_widen(__global const weight *restrict b, __global element *restrict packed, __global const element *restrict scales,
                         __global const weight *restrict zeros, int n, int k, int depth, int block, int blocks)
{
    const int row = get_global_id(0), first = get_global_id(1) * COLUMNS;
    __global element *to = packed + ((size_t)get_global_id(1) * depth + row) * COLUMNS;
    for (int i = 0; i < COLUMNS; i++) {
        const int column = first + i;
        float value = 0;
        if (row < k && column < n) {
            value = LOAD_WEIGHT1(b + (TRANSPOSE_B ? (size_t)column * k + row : (size_t)row * n + column));
#if ZEROS
            value -= LOAD_WEIGHT1(zeros + SCALE_AT(column, row / block));
#endif
#if SCALES
            value *= (float)LOAD1(scales + SCALE_AT(column, row / block));
#endif
        }
        STORE1(value, to + i);
    }
}
