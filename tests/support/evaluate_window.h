/* Windows that slide over an input: the geometry of convolutions and pooling, read from a node's attributes. */
#ifndef SOCLE_TESTS_EVALUATE_WINDOW_H
#define SOCLE_TESTS_EVALUATE_WINDOW_H

#include "evaluate.h"

#define WINDOW_AXES 3

/* Always three axes: those that are missing come first, with one element. */
typedef struct window {
    int64_t in[WINDOW_AXES], out[WINDOW_AXES], kernel[WINDOW_AXES], stride[WINDOW_AXES], dilation[WINDOW_AXES];
    int64_t before[WINDOW_AXES], after[WINDOW_AXES];
    int64_t groups;
} window;

/* large: what the window slides over; small: one element per window; kernel: its sizes, NULL: the attribute kernel_shape. */
void evaluate_window(const graph_node *node, const operand *large, const operand *small, const int64_t *kernel, window *w);
/* Linear places in one channel of the window's element k at output o; -1: in the padding. */
int64_t evaluate_window_place(const window *w, const int64_t *o, const int64_t *k);
static inline int64_t evaluate_window_count(const int64_t *sizes)
{
    return sizes[0] * sizes[1] * sizes[2];
}
static inline void evaluate_window_at(const int64_t *sizes, int64_t index, int64_t *at)
{
    at[2] = index % sizes[2];
    at[1] = index / sizes[2] % sizes[1];
    at[0] = index / sizes[2] / sizes[1];
}

#endif
