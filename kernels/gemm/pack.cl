/* Packs B once, for products that read it as panels [n / COLUMNS][depth][COLUMNS] with depth = k rounded up; what lies outside
 * of B is 0, or (OVERLAP: lanes of a vector, at most n) a vector that would reach over n begins at n - OVERLAP instead. One
 * work-item per row of a panel. */
#include "common/storage.cl"
#include "gemm/operands.cl"
#ifndef COLUMNS
#define COLUMNS 32
#endif
#ifndef OVERLAP
#define OVERLAP 0
#endif
#if OVERLAP
#define COLUMN(i) (min(first + (i) / OVERLAP * OVERLAP, n - OVERLAP) + (i) % OVERLAP)
#else
#define COLUMN(i) (first + (i))
#endif

__kernel void gemm_pack(__global const element *restrict b, __global element *restrict packed, int n, int k, int depth)
{
    const int row = get_global_id(0), first = get_global_id(1) * COLUMNS;
    if (row >= depth)
        return;
    __global element *to = packed + ((size_t)get_global_id(1) * depth + row) * COLUMNS;
    for (int i = 0; i < COLUMNS; i++) {
        const int column = COLUMN(i);
        real value = 0;
        if (row < k && column < n)
            value = LOAD1(b + (TRANSPOSE_B ? (size_t)column * k + row : (size_t)row * n + column));
        STORE1(value, to + i);
    }
}
