/* Probes sums of four products of bytes as common/dot4.cl makes them, for every pair of signs: out[signs * items + item], a run
 * over `rounds` words of each operand. */
#include "common/dot4.cl"

__kernel void dot_words(__global int *out, __global const uint *a, __global const uint *b, int rounds)
{
    const int item = get_global_id(0), items = get_global_size(0);
    int ss = 0, su = 0, us = 0, uu = 0;
    for (int k = 0; k < rounds; k++) {
        const uint x = a[k * items + item], y = b[k * items + item];
        ss += DOT4_SS(x, y);
        su += DOT4_SU(x, y);
        us += DOT4_US(x, y);
        uu += DOT4_UU(x, y);
    }
    out[item] = ss;
    out[items + item] = su;
    out[2 * items + item] = us;
    out[3 * items + item] = uu;
}
