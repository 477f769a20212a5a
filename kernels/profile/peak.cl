/* Peak arithmetic rate: independent chains of fused multiply-adds held in registers. CHAINS * LANES * 2 operations per
 * iteration and work-item. -DHALF: half arithmetic; -DDOT: 8-bit dot products with 32-bit sums, 8 operations each. */
#ifndef LANES
#define LANES 16
#endif
#ifndef CHAINS
#define CHAINS 12
#endif
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#if LANES == 1
#define VECTOR(type) type
#else
#define VECTOR(type) PASTE(type, LANES)
#endif

#if defined(DOT)
typedef int value;
#define STEP(sum, x, y) ((sum) + dot_4x8packed_ss_int(as_uint(sum), as_uint(x)))
#elif defined(HALF)
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
typedef VECTOR(half) value;
#define STEP(sum, x, y) fma(sum, x, y)
#else
typedef VECTOR(float) value;
#define STEP(sum, x, y) fma(sum, x, y)
#endif

__kernel void peak(__global value *out, float factor, float addend, int iterations)
{
    value sum[CHAINS];
    const value x = (value)(factor), y = (value)(addend);
#pragma unroll
    for (int i = 0; i < CHAINS; i++)
        sum[i] = (value)(addend * (float)(i + 1));
    for (int k = 0; k < iterations; k++) {
#pragma unroll
        for (int i = 0; i < CHAINS; i++)
            sum[i] = STEP(sum[i], x, y);
    }
    value total = sum[0];
#pragma unroll
    for (int i = 1; i < CHAINS; i++)
        total += sum[i];
    out[get_global_id(0)] = total;
}
