/* Adds the sums of a product that was split along k: partial [batch][splits][m * n] floats, in order, so that the result never
 * depends on timing. One work-item per element. */
#include "common/storage.cl"
#include "common/epilogue.cl"

__kernel void gemm_reduce(__global const real *restrict partial, __global element *restrict c, long size, int n, int splits,
                          float alpha EPILOGUE_PARAMS)
{
    const size_t i = get_global_id(0), batch = get_global_id(1);
    if (i >= size)
        return;
    __global const real *from = partial + batch * splits * size + i;
    real sum = 0;
    for (int split = 0; split < splits; split++)
        sum += from[split * size];
    const size_t index = batch * size + i;
    STORE1(EPILOGUE1(sum * alpha, index, i % n), c + index);
}
