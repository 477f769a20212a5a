/* Softmax and log-softmax, one work-item per row: what always works. */
#include "common/storage.cl"
#ifndef LOGARITHM
#define LOGARITHM 0
#endif
#define FOR_AXIS for (long i = 0; i < axis; i++)

__kernel void softmax_plain(__global const element *restrict x_all, __global element *restrict y_all, long axis, long inner)
{
    const size_t column = get_global_id(0), first = get_global_id(1) * (size_t)axis * inner + column;
    __global const element *x = x_all + first;
    __global element *y = y_all + first;
    real most = -INFINITY, sum = 0;
    FOR_AXIS {
        const real value = LOAD1(x + i * inner);
        most = value > most ? value : most;
    }
    FOR_AXIS sum += exp(LOAD1(x + i * inner) - most);
#if LOGARITHM
    const real factor = log(sum);
    FOR_AXIS {
        const real value = LOAD1(x + i * inner) - most - factor;
        STORE1(value, y + i * inner);
    }
#else
    FOR_AXIS {
        const real value = exp(LOAD1(x + i * inner) - most) / sum;
        STORE1(value, y + i * inner);
    }
#endif
}
