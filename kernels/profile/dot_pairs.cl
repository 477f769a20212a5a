/* Probes sums of products of pairs of bfloat16 as common/pairs.cl makes them: 4 words of a and 16 of b a round. */
#include "common/pairs.cl"

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void dot_pair_rounds(__global float *out, __global const int *a, __global const int *b, int rounds)
{
    float16 sum[4];
    UNROLL for (int i = 0; i < 4; i++)
        sum[i] = (float16)(i);
    for (int k = 0; k < rounds; k++)
        UNROLL for (int i = 0; i < 4; i++)
            sum[i] = dot_pairs(sum[i], (int16)(a[k * 4 + i]), vload16(0, b + k * 16));
    UNROLL for (int i = 0; i < 4; i++)
        vstore16(sum[i], 0, out + i * 16);
}
