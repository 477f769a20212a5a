/* One walk over every (result, tap) pair that lies inside the image serves convolution, its gradients and pooling. */
#include "reference_conv.h"

#include <math.h>
#include <string.h>

/* The geometry in three dimensions, leading ones 1. */
typedef struct box {
    int64_t input[3], kernel[3], stride[3], dilation[3], pad[3], pad_end[3], output[3];
    int64_t inputs, kernels, outputs;
} box;

static box box_of(const conv_geometry *g)
{
    box b = {.inputs = 1, .kernels = 1, .outputs = 1};
    for (int i = 0; i < 3; i++) {
        const int from = i - (3 - g->spatial);
        b.input[i] = from < 0 ? 1 : g->input[from];
        b.kernel[i] = from < 0 ? 1 : g->kernel[from];
        b.stride[i] = from < 0 ? 1 : g->stride[from];
        b.dilation[i] = from < 0 ? 1 : g->dilation[from];
        b.pad[i] = from < 0 ? 0 : g->pad_begin[from];
        b.pad_end[i] = from < 0 ? 0 : g->pad_end[from];
        b.output[i] = from < 0 ? 1 : g->output[from];
        b.inputs *= b.input[i];
        b.kernels *= b.kernel[i];
        b.outputs *= b.output[i];
    }
    return b;
}

/* Image position that tap `kernel` of result `output` reads, both linear; -1: in the padding, -2: behind the padding. */
static int64_t position(const box *b, int64_t output, int64_t kernel)
{
    int64_t o[3] = {output / (b->output[1] * b->output[2]), output / b->output[2] % b->output[1], output % b->output[2]};
    int64_t k[3] = {kernel / (b->kernel[1] * b->kernel[2]), kernel / b->kernel[2] % b->kernel[1], kernel % b->kernel[2]};
    int64_t at = 0, result = 0;
    for (int i = 0; i < 3; i++) {
        const int64_t here = o[i] * b->stride[i] + k[i] * b->dilation[i] - b->pad[i];
        if (here >= b->input[i] + b->pad_end[i])
            return -2;
        if (here < 0 || here >= b->input[i])
            result = -1;
        at = at * b->input[i] + here;
    }
    return result < 0 ? -1 : at;
}

typedef void (*pair_visitor)(double *x, double *w, double *y);

static void visit_pairs(const conv_geometry *g, double *x, double *w, double *y, pair_visitor visit)
{
    const box b = box_of(g);
    const int64_t in = g->channels / g->groups, out = g->out_channels / g->groups;
    for (int64_t n = 0; n < g->batch; n++)
        for (int64_t oc = 0; oc < g->out_channels; oc++)
            for (int64_t c = 0; c < in; c++)
                for (int64_t o = 0; o < b.outputs; o++)
                    for (int64_t k = 0; k < b.kernels; k++) {
                        const int64_t at = position(&b, o, k);
                        if (at >= 0)
                            visit(x + (n * g->channels + oc / out * in + c) * b.inputs + at, w + (oc * in + c) * b.kernels + k,
                                  y + (n * g->out_channels + oc) * b.outputs + o);
                    }
}

static void add_to_y(double *x, double *w, double *y)
{
    *y += *x * *w;
}

static void add_to_x(double *x, double *w, double *y)
{
    *x += *y * *w;
}

static void add_to_w(double *x, double *w, double *y)
{
    *w += *x * *y;
}

void reference_conv(const conv_geometry *g, const double *x, const double *w, double *y)
{
    memset(y, 0, (size_t)(g->batch * g->out_channels * box_of(g).outputs) * sizeof(*y));
    visit_pairs(g, (double *)x, (double *)w, y, add_to_y);
}

void reference_conv_input(const conv_geometry *g, const double *dy, const double *w, double *dx)
{
    memset(dx, 0, (size_t)(g->batch * g->channels * box_of(g).inputs) * sizeof(*dx));
    visit_pairs(g, dx, (double *)w, (double *)dy, add_to_x);
}

void reference_conv_weight(const conv_geometry *g, const double *dy, const double *x, double *dw)
{
    memset(dw, 0, (size_t)(g->out_channels * (g->channels / g->groups) * box_of(g).kernels) * sizeof(*dw));
    visit_pairs(g, (double *)x, dw, (double *)dy, add_to_w);
}

/* First maximum of a window (a NaN is one), -1 where the window lies in the padding. */
static int64_t first_maximum(const box *b, const double *image, int64_t output)
{
    int64_t found = -1;
    for (int64_t k = 0; k < b->kernels; k++) {
        const int64_t at = position(b, output, k);
        if (at < 0 || (found >= 0 && isnan(image[found])))
            continue;
        if (found < 0 || isnan(image[at]) || image[at] > image[found])
            found = at;
    }
    return found;
}

static double window_size(const box *b, int64_t output, bool include_pad)
{
    double count = 0;
    for (int64_t k = 0; k < b->kernels; k++) {
        const int64_t at = position(b, output, k);
        count += at >= 0 || (at == -1 && include_pad);
    }
    return count > 0 ? count : 1;
}

void reference_pool(const pool_problem *p, const double *x, double *y, double *indices)
{
    const box b = box_of(&p->g);
    for (int64_t plane = 0; plane < p->g.batch * p->g.channels; plane++)
        for (int64_t o = 0; o < b.outputs; o++) {
            const double *image = x + plane * b.inputs;
            double sum = 0;
            for (int64_t k = 0; k < b.kernels; k++) {
                const int64_t at = position(&b, o, k);
                sum += at >= 0 ? image[at] : 0;
            }
            const int64_t maximum = first_maximum(&b, image, o);
            y[plane * b.outputs + o] = !p->maximum   ? sum / window_size(&b, o, p->count_include_pad)
                                       : maximum < 0 ? -INFINITY
                                                     : image[maximum];
            if (indices)
                indices[plane * b.outputs + o] = (double)(plane * b.inputs + (maximum < 0 ? 0 : maximum));
        }
}

void reference_pool_grad(const pool_problem *p, const double *dy, const double *x, double *dx)
{
    const box b = box_of(&p->g);
    memset(dx, 0, (size_t)(p->g.batch * p->g.channels * b.inputs) * sizeof(*dx));
    for (int64_t plane = 0; plane < p->g.batch * p->g.channels; plane++)
        for (int64_t o = 0; o < b.outputs; o++) {
            const double gradient = dy[plane * b.outputs + o];
            if (p->maximum) {
                const int64_t maximum = first_maximum(&b, x + plane * b.inputs, o);
                if (maximum >= 0)
                    dx[plane * b.inputs + maximum] += gradient;
                continue;
            }
            for (int64_t k = 0; k < b.kernels; k++) {
                const int64_t at = position(&b, o, k);
                if (at >= 0)
                    dx[plane * b.inputs + at] += gradient / window_size(&b, o, p->count_include_pad);
            }
        }
}
