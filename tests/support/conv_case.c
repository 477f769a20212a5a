#include "conv_case.h"
#include "reference_conv.h"

#include <criterion/criterion.h>
#include <stdlib.h>

bool conv_case_finish(conv_geometry *g)
{
    for (int i = 0; i < g->spatial; i++) {
        const int64_t reach = g->input[i] + g->pad_begin[i] + g->pad_end[i] - ((g->kernel[i] - 1) * g->dilation[i] + 1);
        if (reach < 0)
            return false;
        g->output[i] = reach / g->stride[i] + 1;
    }
    return true;
}

conv_geometry conv_case_square(int64_t batch, int64_t channels, int64_t out_channels, int64_t extent, int64_t kernel,
                               int64_t stride, int64_t pad)
{
    conv_geometry g = {.spatial = 2, .batch = batch, .channels = channels, .out_channels = out_channels, .groups = 1};
    for (int i = 0; i < 2; i++) {
        g.input[i] = extent;
        g.kernel[i] = kernel;
        g.stride[i] = stride;
        g.dilation[i] = 1;
        g.pad_begin[i] = g.pad_end[i] = pad;
    }
    cr_assert(conv_case_finish(&g));
    return g;
}

conv_geometry conv_case_row(int64_t channels, int64_t out_channels, int64_t extent, int64_t kernel, int64_t stride, int64_t pad)
{
    conv_geometry g = conv_case_square(1, channels, out_channels, extent, kernel, stride, pad);
    g.spatial = 1;
    return g;
}

conv_geometry conv_case_geometry(uint64_t seed, bool pooling)
{
    static const int64_t most[] = {0, 70, 24, 8}; /* extents by number of axes */
    solver_random r = {seed};
    conv_geometry g;
    do {
        g = (conv_geometry){.spatial = (int)solver_pick(&r, 1, 3), .batch = solver_pick(&r, 1, 3)};
        g.groups = pooling || solver_pick(&r, 0, 2) > 0 ? 1 : solver_pick(&r, 2, 3);
        g.channels = g.groups * solver_pick(&r, 1, 9);
        g.out_channels = pooling ? g.channels : g.groups * solver_pick(&r, 1, 18);
        for (int i = 0; i < g.spatial; i++) {
            g.input[i] = solver_pick(&r, 1, most[g.spatial]);
            g.kernel[i] = solver_pick(&r, 1, 4);
            g.stride[i] = solver_pick(&r, 0, 1) > 0 ? 1 : solver_pick(&r, 2, 4);
            g.dilation[i] = solver_pick(&r, 0, 2) > 0 ? 1 : solver_pick(&r, 2, 3);
            g.pad_begin[i] = solver_pick(&r, 0, (g.kernel[i] - 1) * (pooling ? 1 : 2));
            g.pad_end[i] = solver_pick(&r, 0, (g.kernel[i] - 1) * (pooling ? 1 : 2));
        }
    } while (!conv_case_finish(&g));
    return g;
}

double *conv_case_turned(const double *from, int64_t planes, int64_t pixels, bool into_blocks)
{
    double *to = malloc((size_t)(planes * pixels + 1) * sizeof(*to));
    for (int64_t c = 0; c < planes; c++)
        for (int64_t i = 0; i < pixels; i++) {
            const int64_t plain = c * pixels + i, blocked = (c / 16 * pixels + i) * 16 + c % 16;
            to[into_blocks ? blocked : plain] = from[into_blocks ? plain : blocked];
        }
    return to;
}

static int64_t pixels_of(const conv_geometry *g, const int64_t *extents)
{
    int64_t count = 1;
    for (int i = 0; i < g->spatial; i++)
        count *= extents[i];
    return count;
}

static void reference_in_blocks(const problem *p, double *const *v)
{
    const conv_geometry *g = p->kind == PROBLEM_POOL ? &p->pool.g : &p->conv.g;
    const int64_t from = pixels_of(g, g->input), to = pixels_of(g, g->output), planes = g->batch * g->out_channels;
    const bool turn = p->kind == PROBLEM_POOL || p->conv.layout == CONV_IN_BLOCKS;
    double *x = turn ? conv_case_turned(v[0], g->batch * g->channels, from, false) : NULL;
    double *y = calloc((size_t)(planes * to) + 1, sizeof(*y));
    if (p->kind == PROBLEM_POOL)
        reference_pool(&p->pool, x, y, NULL);
    else
        reference_conv(g, turn ? x : v[0], v[1], y);
    double *blocks = conv_case_turned(y, planes, to, true);
    for (int64_t i = 0; i < planes * to; i++)
        v[p->kind == PROBLEM_POOL ? 1 : 2][i] = blocks[i];
    free(blocks);
    free(x);
    free(y);
}

void conv_case_reference(const problem *p, double *const *v)
{
    const bool pool = p->kind == PROBLEM_POOL || p->kind == PROBLEM_POOL_GRAD;
    if (pool ? p->pool.in_blocks : p->conv.layout != CONV_PLAIN) {
        reference_in_blocks(p, v);
        return;
    }
    switch (p->kind) {
    case PROBLEM_CONV:
        reference_conv(&p->conv.g, v[0], v[1], v[2]);
        break;
    case PROBLEM_CONV_INPUT:
        reference_conv_input(&p->conv.g, v[0], v[1], v[2]);
        break;
    case PROBLEM_CONV_WEIGHT:
        reference_conv_weight(&p->conv.g, v[0], v[1], v[2]);
        break;
    case PROBLEM_POOL:
        reference_pool(&p->pool, v[0], v[1], p->pool.indices ? v[2] : NULL);
        break;
    default:
        reference_pool_grad(&p->pool, v[0], v[1], v[p->pool.maximum ? 2 : 1]);
    }
}

void conv_case_check(const problem *p, int tunings, uint64_t seed)
{
    const solver_case c = {.p = p, .reference = conv_case_reference, .seed = seed, .tunings = tunings};
    solver_case_check(&c);
}
