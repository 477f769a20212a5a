/* Memory bandwidth: a copy of `count` vectors. BLOCKED: each work-item copies one contiguous part (CPUs); otherwise neighbouring
 * work-items copy neighbouring vectors (GPUs). */
#ifndef LANES
#define LANES 16
#endif
#ifndef BLOCKED
#define BLOCKED 1
#endif
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
typedef PASTE(float, LANES) value;

__kernel void copy(__global const value *restrict in, __global value *restrict out, int count)
{
#if BLOCKED
    const int part = (count + (int)get_global_size(0) - 1) / (int)get_global_size(0);
    const int first = (int)get_global_id(0) * part;
    const int last = min(first + part, count);
    for (int i = first; i < last; i++)
        out[i] = in[i];
#else
    const int i = (int)get_global_id(0);
    if (i < count)
        out[i] = in[i];
#endif
}
