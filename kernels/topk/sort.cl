/* The k best of each line along the axis, for any k: one work-item sorts a line by its keys, 8 bits at a time from the lowest
 * (radix sort, which keeps equal elements in their order), on scratch memory of its own group. Where few of many are wanted, it
 * first counts how often each of the keys' leading 12 bits comes, and sorts only what cannot be left out by them. */
#include "common/storage.cl"
#include "topk/keys.cl"
#ifndef HAS_VALUES
#define HAS_VALUES 1
#endif
#ifndef HAS_INDICES
#define HAS_INDICES 1
#endif
#define DIGITS (KEY_BITS / 8)
#define DIGIT(key, d) ((int)((key) >> (8 * (d))) & 255)
#define LEADING(key) ((int)((key) >> (KEY_BITS - 12)))
#define FEW(k, axis) ((k) <= (axis) / 4)
#define KEY(i) (~key_of(LOAD1(x + (size_t)(i) * inner))) /* the best first */

/* The leading bits of the k-th best key of a line. */
static int leading_of_last(__global const element *x, int axis, int inner, int k)
{
    int counts[4096], bits = 0;
    for (int i = 0; i < 4096; i++)
        counts[i] = 0;
    for (int i = 0; i < axis; i++)
        counts[LEADING(KEY(i))]++;
    for (int sum = counts[0]; sum < k; sum += counts[bits])
        bits++;
    return bits;
}

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void topk_sort(__global const element *restrict x_all,
#if HAS_VALUES
                        __global element *restrict values,
#endif
#if HAS_INDICES
                        __global long *restrict indices,
#endif
                        __global key_type *restrict scratch, long scratch_keys, int lines, int axis, int inner, int k,
                        int group_lines)
{
    __global int *place_scratch = (__global int *)(scratch + scratch_keys); /* behind the keys of all groups */
    const int first = get_group_id(0) * group_lines, end = min(lines, first + group_lines);
    int starts[DIGITS][256];
    for (int line = first; line < end; line++) {
        const size_t outer = line / inner, column = line % inner;
        __global const element *x = x_all + outer * axis * inner + column;
        __global key_type *from = scratch + get_group_id(0) * (size_t)axis * 2, *to = from + axis;
        __global int *from_place = place_scratch + get_group_id(0) * (size_t)axis * 2, *to_place = from_place + axis;
        for (int d = 0; d < DIGITS; d++)
            for (int i = 0; i < 256; i++)
                starts[d][i] = 0;
        const int last = FEW(k, axis) ? leading_of_last(x, axis, inner, k) : 4095;
        int count = 0;
        for (int i = 0; i < axis; i++) {
            const key_type key = KEY(i);
            if (LEADING(key) > last)
                continue;
            from[count] = key;
            from_place[count++] = i;
            for (int d = 0; d < DIGITS; d++)
                starts[d][DIGIT(key, d)]++;
        }
        for (int d = 0; d < DIGITS; d++) {
            int sum = 0;
            const bool alike = starts[d][DIGIT(from[0], d)] == count;
            if (alike)
                continue;
            for (int i = 0; i < 256; i++) {
                const int next = sum + starts[d][i];
                starts[d][i] = sum;
                sum = next;
            }
            for (int i = 0; i < count; i++) {
                const key_type key = from[i];
                const int place = starts[d][DIGIT(key, d)]++;
                to[place] = key;
                to_place[place] = from_place[i];
            }
            __global key_type *keys = from;
            __global int *places = from_place;
            from = to;
            from_place = to_place;
            to = keys;
            to_place = places;
        }
        for (int i = 0; i < k; i++) {
            const size_t at = (outer * k + i) * inner + column;
#if HAS_VALUES
            COPY1(x + (size_t)from_place[i] * inner, values + at);
#endif
#if HAS_INDICES
            indices[at] = from_place[i];
#endif
        }
    }
}
