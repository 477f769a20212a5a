/* C = op(A) op(B) of bytes with sums in 32 bits, one work-item per element: what always works. The loop is cut so that devices that
 * end loops early take long ones. */
#include "common/bytes.cl"
#include "common/epilogue.cl"
#include "gemm/operands.cl"
#define AT_ONCE 16

__kernel void gemm_bytes_plain(__global const a_byte *restrict a, __global const b_byte *restrict b, __global element *restrict c,
                               long m, long n, long k, long stride_a, long stride_b EPILOGUE_PARAMS)
{
    const long column = get_global_id(0), row = get_global_id(1), batch = get_global_id(2);
    if (column >= n || row >= m)
        return;
    __global const a_byte *x = a + BATCH_A(batch) + (TRANSPOSE_A ? row : row * k);
    __global const b_byte *y = b + BATCH_B(batch) + (TRANSPOSE_B ? column * k : column);
    const long step_x = TRANSPOSE_A ? m : 1, step_y = TRANSPOSE_B ? 1 : n;
    const size_t index = ((size_t)batch * m + row) * n + column;
    int sum = 0;
    for (long i = 0; i < k; i += AT_ONCE)
        UNROLL for (int at = 0; at < AT_ONCE; at++)
            sum += i + at < k ? (int)x[(i + at) * step_x] * (int)y[(i + at) * step_y] : 0;
    STORE1(EPILOGUE1(sum, index, column), c + index);
}
