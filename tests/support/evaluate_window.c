/* The geometry of evaluate_window.h. */
#include "evaluate_window.h"

#include <string.h>

static void read_sizes(const graph_node *node, const char *name, int axes, int64_t absent, int64_t *sizes)
{
    int64_t given[2 * WINDOW_AXES];
    const int count = node_ints(node, name, given, 2 * WINDOW_AXES);
    for (int i = 0; i < WINDOW_AXES; i++)
        sizes[i] = absent;
    for (int i = 0; i < axes && count == axes; i++)
        sizes[WINDOW_AXES - axes + i] = given[i];
}

/* SAME_UPPER, SAME_LOWER: as much padding as makes one window per stride; the odd one at the end, or at the beginning. */
static void pad_same(window *w, bool upper)
{
    for (int i = 0; i < WINDOW_AXES; i++) {
        int64_t total = (w->out[i] - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1 - w->in[i];
        total = total < 0 ? 0 : total;
        w->before[i] = upper ? total / 2 : total - total / 2;
        w->after[i] = total - w->before[i];
    }
}

void evaluate_window(const graph_node *node, const operand *large, const operand *small, const int64_t *kernel, window *w)
{
    const int axes = large->rank - 2;
    const char *automatic = node_string(node, "auto_pad", "NOTSET");
    int64_t pads[2 * WINDOW_AXES];
    read_sizes(node, "kernel_shape", axes, 1, w->kernel);
    read_sizes(node, "strides", axes, 1, w->stride);
    read_sizes(node, "dilations", axes, 1, w->dilation);
    w->groups = node_int(node, "group", 1);
    for (int i = 0; i < WINDOW_AXES; i++) {
        w->in[i] = w->out[i] = 1;
        w->before[i] = w->after[i] = 0;
    }
    for (int i = 0; i < axes; i++) {
        const int to = WINDOW_AXES - axes + i;
        w->in[to] = large->dims[2 + i];
        w->out[to] = small->dims[2 + i];
        if (kernel != NULL)
            w->kernel[to] = kernel[i];
    }
    if (strncmp(automatic, "SAME", 4) == 0) {
        pad_same(w, strcmp(automatic, "SAME_UPPER") == 0);
        return;
    }
    if (node_ints(node, "pads", pads, 2 * WINDOW_AXES) != 2 * axes)
        return;
    for (int i = 0; i < axes; i++) {
        w->before[WINDOW_AXES - axes + i] = pads[i];
        w->after[WINDOW_AXES - axes + i] = pads[axes + i];
    }
}

int64_t evaluate_window_place(const window *w, const int64_t *o, const int64_t *k)
{
    int64_t place = 0;
    for (int i = 0; i < WINDOW_AXES; i++) {
        const int64_t at = o[i] * w->stride[i] + k[i] * w->dilation[i] - w->before[i];
        if (at < 0 || at >= w->in[i])
            return -1;
        place = place * w->in[i] + at;
    }
    return place;
}
