/* Softmax and log-softmax on GPU-shaped devices: a work-group of ITEMS per row. Each work-item keeps a running maximum and the
 * sum of exponentials below it, so that the row is read once for both (Milakov and Gimelshein, "Online normalizer calculation
 * for softmax", 2018); a tree joins them. */
#include "common/storage.cl"
#ifndef LOGARITHM
#define LOGARITHM 0
#endif
#ifndef ITEMS
#define ITEMS 64
#endif

__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void softmax_group(__global const element *restrict x_all, __global element *restrict y_all, int axis, int inner)
{
    __local real tops[ITEMS], sums[ITEMS];
    const int item = get_local_id(0);
    const size_t row = get_group_id(0), start = row / inner * (size_t)axis * inner + row % inner;
    __global const element *x = x_all + start;
    __global element *y = y_all + start;
    real top = -INFINITY, sum = 0;
    for (int i = item; i < axis; i += ITEMS) {
        const real value = LOAD1(x + (size_t)i * inner);
        if (value > top) {
            sum = sum * exp(top - value) + 1;
            top = value;
        } else if (top > -INFINITY || isnan(value)) {
            sum += exp(value - top);
        }
    }
    tops[item] = top;
    sums[item] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int half_items = ITEMS / 2; half_items > 0; half_items /= 2) {
        if (item < half_items) {
            const real a = tops[item], b = tops[item + half_items], most = a > b ? a : b;
            const real left = a == most ? sums[item] : sums[item] * exp(a - most);
            const real right = b == most ? sums[item + half_items] : sums[item + half_items] * exp(b - most);
            tops[item] = most;
            sums[item] = left + right;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    const real most = tops[0], total = most == INFINITY ? (real)NAN : sums[0]; /* infinity less infinity */
#if LOGARITHM
    const real factor = log(total);
#else
    const real factor = 1 / total;
#endif
    for (int i = item; i < axis; i += ITEMS) {
        const real d = LOAD1(x + (size_t)i * inner) - most;
        STORE1(LOGARITHM ? d - factor : exp(d) * factor, y + (size_t)i * inner);
    }
}
