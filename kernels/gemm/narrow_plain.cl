/* C = alpha A op(B) with weights B in a narrower type than A's, one work-item per element: what always works. A launch adds up the
 * products of k from `first` to `end`; sums in between stand in C where k is done by several launches. */
#include "common/weights.cl"
#include "common/epilogue.cl"
#include "gemm/operands.cl"
#ifndef PER_COLUMN
#define PER_COLUMN 0
#endif
#ifndef SCALES
#define SCALES 0
#endif
#ifndef ZEROS
#define ZEROS 0
#endif
#if PER_COLUMN
#define SCALE_AT(part) (TRANSPOSE_B ? column * blocks + (part) : (part) * n + column)
#else
#define SCALE_AT(part) (part)
#endif

__kernel void gemm_narrow_plain(__global const element *restrict a, __global const weight *restrict b,
                                __global element *restrict c, __global const element *restrict scales,
                                __global const weight *restrict zeros, long m, long n, long k, long first, long end, long block,
                                float alpha EPILOGUE_PARAMS)
{
    const long column = get_global_id(0), row = get_global_id(1), blocks = k / block;
    if (column >= n || row >= m)
        return;
    __global const element *x = a + row * k;
    __global const weight *y = b + (TRANSPOSE_B ? column * k : column);
    const long step = TRANSPOSE_B ? 1 : n;
    const size_t index = (size_t)row * n + column;
    real sum = first > 0 ? LOAD1(c + index) : (real)0;
    for (long i = first; i < end; i++) {
        float value = LOAD_WEIGHT1(y + i * step);
#if ZEROS
        value -= LOAD_WEIGHT1(zeros + SCALE_AT(i / block));
#endif
#if SCALES
        value *= LOAD1(scales + SCALE_AT(i / block));
#endif
        sum = fma(LOAD1(x + i), value, sum);
    }
    if (end < k)
        STORE1(sum, c + index);
    else
        STORE1(EPILOGUE1(sum * alpha, index, column), c + index);
}
