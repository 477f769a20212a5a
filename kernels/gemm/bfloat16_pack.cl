/* Packs B of bfloat16 for kernels/gemm/bfloat16.cl: panels [n / COLUMNS][depth][COLUMNS] of words, pairs along k; what lies outside
 * of B is 0. One work-item per panel and CHUNK lines of words. */
#include "common/storage.cl"
#include "gemm/operands.cl"
#ifndef VECTORS
#define VECTORS 2
#endif
#define COLUMNS (VECTORS * 16)
#define CHUNK 16

__kernel void gemm_bfloat16_pack(__global const ushort *restrict b, __global uint *restrict packed, int n, int k, int depth)
{
    const int word_first = get_global_id(0) * CHUNK, first = get_global_id(1) * COLUMNS;
    __global uint *to = packed + ((size_t)get_global_id(1) * depth + word_first) * COLUMNS;
    for (int word = word_first; word < word_first + CHUNK; word++, to += COLUMNS) {
        const int row = 2 * word;
        if (!TRANSPOSE_B && row + 1 < k && first + COLUMNS <= n) {
            __global const ushort *from = b + (size_t)row * n + first;
            UNROLL for (int j = 0; j < VECTORS; j++)
                vstore16(convert_uint16(vload16(j, from)) | convert_uint16(vload16(j, from + n)) << (uint16)(16), j, to);
            continue;
        }
        for (int i = 0; i < COLUMNS; i++) {
            const int column = first + i;
            __global const ushort *from = b + (TRANSPOSE_B ? (size_t)column * k + row : (size_t)row * n + column);
            const uint low = column < n && row < k ? from[0] : 0;
            const uint high = column < n && row + 1 < k ? from[TRANSPOSE_B ? 1 : n] : 0;
            to[i] = low | high << 16;
        }
    }
}
