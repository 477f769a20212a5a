/* Probes: an empty kernel (launch cost), and a loop of 70,000 dependent iterations (llvmpipe ends loops after 65,535). */
__kernel void empty(__global int *out)
{
    if (get_global_id(0) == 0)
        out[0] = 1;
}

__kernel void long_loop(__global uint *out, int iterations)
{
    uint state = 1u;
    for (int i = 0; i < iterations; i++) { /* xorshift, Marsaglia 2003 */
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
    }
    out[get_global_id(0)] = state;
}
