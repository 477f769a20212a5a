/* C = alpha op(A) op(B), one work-item per element, any type and shape: what always works, and what the other ways are
 * compared with. A launch adds up the products of k from `first` to `end`; sums in between stand in C where k is done by
 * several launches. */
#include "common/storage.cl"
#include "common/epilogue.cl"
#include "gemm/operands.cl"

__kernel void gemm_plain(__global const element *restrict a, __global const element *restrict b, __global element *restrict c,
                         long m, long n, long k, long first, long end, long stride_a, long stride_b, float alpha EPILOGUE_PARAMS)
{
    const long column = get_global_id(0), row = get_global_id(1), batch = get_global_id(2);
    if (column >= n || row >= m)
        return;
    __global const element *x = a + BATCH_A(batch) + (TRANSPOSE_A ? row : row * k);
    __global const element *y = b + BATCH_B(batch) + (TRANSPOSE_B ? column * k : column);
    const long step_x = TRANSPOSE_A ? m : 1, step_y = TRANSPOSE_B ? 1 : n;
    const size_t index = ((size_t)batch * m + row) * n + column;
    real sum = 0;
    for (long i = first; i < end; i++)
        sum = MULTIPLY_ADD(LOAD1(x + i * step_x), LOAD1(y + i * step_y), sum);
    if (first > 0)
        sum += LOAD1(c + index);
    if (end < k) {
        STORE1(sum, c + index);
        return;
    }
#ifdef REAL_IS_FLOAT
    sum *= (real)alpha;
#else
    sum = alpha == 1.0f ? sum : (real)((float)sum * alpha);
#endif
    STORE1(EPILOGUE1(sum, index, column), c + index);
}
