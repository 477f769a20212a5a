/* Convolution and its two gradients: one walk over all products x * w that make y, each of which says where a product goes. */
#include "evaluate_window.h"

#include <string.h>

/* large [n, channels, ...], small [n, out channels, ...], w [out channels, channels / groups, ...] */
typedef struct products {
    const operand *large, *small, *w;
    window window;
    char result;      /* 'y': small, 'x': large, 'w': weights */
    double pad_value; /* of bytes, around large */
} products;

static void add_product(const products *p, int64_t large, int64_t small, int64_t w)
{
    if (p->result == 'y')
        p->small->data[small] += p->large->data[large] * p->w->data[w];
    else if (p->result == 'x')
        p->large->data[large] += p->small->data[small] * p->w->data[w];
    else
        p->w->data[w] += p->large->data[large] * p->small->data[small];
}

/* All products of one output channel of one image. */
static void walk_channel(const products *p, int64_t n, int64_t channel)
{
    const window *w = &p->window;
    const int64_t inputs = evaluate_window_count(w->in), outputs = evaluate_window_count(w->out);
    const int64_t taps = evaluate_window_count(w->kernel), per_group = p->w->dims[1];
    const int64_t first = channel / (p->w->dims[0] / w->groups) * per_group;
    for (int64_t c = 0; c < per_group; c++) {
        for (int64_t i = 0; i < outputs * taps; i++) {
            int64_t o[WINDOW_AXES], k[WINDOW_AXES];
            evaluate_window_at(w->out, i / taps, o);
            evaluate_window_at(w->kernel, i % taps, k);
            const int64_t place = evaluate_window_place(w, o, k);
            if (place >= 0)
                add_product(p, (n * p->large->dims[1] + first + c) * inputs + place,
                            (n * p->small->dims[1] + channel) * outputs + i / taps, (channel * per_group + c) * taps + i % taps);
            else if (p->pad_value != 0)
                p->small->data[(n * p->small->dims[1] + channel) * outputs + i / taps] +=
                    p->pad_value * p->w->data[(channel * per_group + c) * taps + i % taps];
        }
    }
}

static void walk(const graph_node *node, const operand *large, const operand *small, const operand *w, char result)
{
    products p = {large, small, w, {{0}, {0}, {0}, {0}, {0}, {0}, {0}, 0}, result, (double)node_int(node, "pad_value", 0)};
    evaluate_window(node, large, small, w->dims + 2, &p.window);
    for (int64_t n = 0; n < small->dims[0]; n++)
        for (int64_t channel = 0; channel < w->dims[0]; channel++)
            walk_channel(&p, n, channel);
}

static void add_bias(operation *o)
{
    const operand *y = &o->out[0];
    if (o->in_count < 3 || o->in[2].data == NULL || y->count == 0)
        return;
    const int64_t inner = y->count / y->dims[0] / y->dims[1];
    for (int64_t i = 0; i < y->count; i++)
        y->data[i] += o->in[2].data[i / inner % y->dims[1]];
}

/* The window of ConvTranspose slides over its output. Padding that output_shape or auto_pad ask for is resolved here. */
static void transposed(operation *o)
{
    const operand *x = &o->in[0], *w = &o->in[1], *y = &o->out[0];
    const int axes = x->rank - 2;
    int64_t extra[WINDOW_AXES] = {0}, shape[WINDOW_AXES];
    const char *automatic = node_string(o->node, "auto_pad", "NOTSET");
    products p = {y, x, w, {{0}, {0}, {0}, {0}, {0}, {0}, {0}, 0}, 'x', 0};
    evaluate_window(o->node, y, x, w->dims + 2, &p.window);
    node_ints(o->node, "output_padding", extra, WINDOW_AXES);
    const bool sized = node_ints(o->node, "output_shape", shape, WINDOW_AXES) == axes;
    for (int i = 0; i < axes && (sized || strncmp(automatic, "SAME", 4) == 0); i++) {
        const int a = WINDOW_AXES - axes + i;
        const int64_t full =
            (p.window.out[a] - 1) * p.window.stride[a] + extra[i] + (p.window.kernel[a] - 1) * p.window.dilation[a] + 1;
        const int64_t total = full > p.window.in[a] ? full - p.window.in[a] : 0;
        p.window.before[a] = strcmp(automatic, "SAME_UPPER") == 0 ? total / 2 : total - total / 2;
    }
    for (int64_t n = 0; n < x->dims[0]; n++)
        for (int64_t channel = 0; channel < w->dims[0]; channel++)
            walk_channel(&p, n, channel);
    add_bias(o);
}

bool evaluate_convolution(operation *o)
{
    if (evaluate_is(o, "ConvInteger")) { /* zero points are lowered */
        walk(o->node, &o->in[0], &o->out[0], &o->in[1], 'y');
    } else if (evaluate_is(o, "Conv")) {
        walk(o->node, &o->in[0], &o->out[0], &o->in[1], 'y');
        add_bias(o);
    } else if (evaluate_is(o, "ConvGradInput")) {
        walk(o->node, &o->out[0], &o->in[0], &o->in[1], 'x');
    } else if (evaluate_is(o, "ConvGradWeight")) {
        walk(o->node, &o->in[1], &o->in[0], &o->out[0], 'w');
    } else if (evaluate_is(o, "ConvTranspose")) {
        transposed(o);
    } else {
        return false;
    }
    return true;
}
