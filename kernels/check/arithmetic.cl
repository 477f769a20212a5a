/* A kernel whose results the host knows exactly: integers, and floats small enough that every step is exact. */
__kernel void arithmetic(__global const int *a, __global const float *b, __global int *integers, __global float *reals, int count)
{
    int i = get_global_id(0);
    if (i >= count)
        return;
    int sum = 0;
    for (int k = 0; k <= i % 7; k++)
        sum += a[i] * k - (i ^ k);
    integers[i] = sum;
    reals[i] = fma(b[i], 0.5f, (float)(sum & 1023)) - 3.0f;
}
