/* Probes the instruction that common/bytes.cl would use: sums of many products with every kind of sign, as the products of bytes
 * use it. Without DOT the same in plain arithmetic. */
#include "common/bytes.cl"

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void dot_rounds(__global int *out, __global const int *a, __global const int *b, int rounds)
{
#if DOT
    int16 sum[4];
    UNROLL for (int i = 0; i < 4; i++)
        sum[i] = (int16)(i);
    for (int k = 0; k < rounds; k++)
        UNROLL for (int i = 0; i < 4; i++)
            sum[i] = dot_bytes(sum[i], (int16)(a[k * 4 + i]), vload16(0, b + k * 16));
    UNROLL for (int i = 0; i < 4; i++)
        vstore16(sum[i], 0, out + i * 16);
#else
    for (int i = 0; i < 64; i++) {
        int sum = i / 16;
        for (int k = 0; k < rounds; k++) {
            const uint x = (uint)a[k * 4 + i / 16];
            const int y = b[k * 16 + i % 16];
            for (int byte = 0; byte < 4; byte++)
                sum += (int)((x >> (8 * byte)) & 255) * (int)(char)(y >> (8 * byte));
        }
        out[i] = sum;
    }
#endif
}
