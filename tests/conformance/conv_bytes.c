/* Convolutions of bytes by every solver on every device: their sums must be exact. */
#include "../support/conv_case.h"
#include "../support/reference_conv.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* The convolution of an image with its padding around it. */
static void reference(const problem *p, double *const *values)
{
    const conv_geometry *g = &p->conv.g;
    conv_geometry padded = *g;
    int64_t count = g->batch * g->channels;
    for (int d = 0; d < g->spatial; d++) {
        padded.input[d] += g->pad_begin[d] + g->pad_end[d];
        padded.pad_begin[d] = padded.pad_end[d] = 0;
        count *= padded.input[d];
    }
    double *x = malloc((size_t)count * sizeof(*x));
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i, at = 0, stride = 1;
        bool inside = true;
        for (int d = g->spatial - 1; d >= 0; d--) {
            const int64_t k = rest % padded.input[d] - g->pad_begin[d];
            inside = inside && k >= 0 && k < g->input[d];
            at += k * stride;
            stride *= g->input[d];
            rest /= padded.input[d];
        }
        x[i] = inside ? values[0][rest * stride + at] : p->conv.pad_value;
    }
    reference_conv(&padded, x, values[1], values[2]);
    free(x);
}

static void reference_in_blocks(const problem *p, double *const *values)
{
    const conv_geometry *g = &p->conv.g;
    const int64_t planes = g->batch * g->out_channels;
    int64_t pixels = 1, read = 1;
    for (int i = 0; i < g->spatial; i++) {
        pixels *= g->output[i];
        read *= g->input[i];
    }
    double *y = calloc((size_t)(planes * pixels), sizeof(*y));
    double *x = conv_case_turned(values[0], g->batch * g->channels, read, false);
    reference(p, (double *[]){x, values[1], y});
    double *blocks = conv_case_turned(y, planes, pixels, true);
    for (int64_t i = 0; i < planes * pixels; i++)
        values[2][i] = blocks[i];
    free(blocks);
    free(x);
    free(y);
}

static problem convolution(conv_geometry g, int flags, uint64_t seed)
{
    return (problem){.kind = PROBLEM_CONV,
                     .dtype = flags & 1 ? SOCLE_INT8 : SOCLE_UINT8,
                     .conv = {.g = g,
                              .w_constant = !(flags & 4),
                              .w_dtype = flags & 2 ? SOCLE_UINT8 : SOCLE_INT8,
                              .y_dtype = SOCLE_INT32,
                              .pad_value = flags & 1 ? -(int)(seed % 129) : (int)(seed * 37 % 256)}};
}

static void check(conv_geometry g, int flags, uint64_t seed, int tunings)
{
    const problem p = convolution(g, flags, seed);
    const solver_case c = {.p = &p, .reference = reference, .seed = seed, .tunings = tunings};
    solver_case_check(&c);
}

Test(conv_bytes, random_geometries_give_exact_sums)
{
    for (int i = 0; i < 6; i++)
        check(conv_case_geometry(7000 + (uint64_t)i, false), i % 8, 7000 + (uint64_t)i, 1);
}

Test(conv_bytes, layers_of_networks_give_exact_sums)
{
    check(conv_case_square(2, 3, 8, 17, 7, 2, 3), 0, 1, 1); /* a first layer */
    check(conv_case_square(1, 37, 35, 9, 3, 1, 1), 1, 2, 1);
    check(conv_case_square(1, 24, 20, 13, 3, 2, 1), 2, 3, 1);
    check(conv_case_square(2, 70, 19, 7, 1, 1, 0), 3, 4, 1);
}

Test(conv_bytes, many_products_give_exact_sums)
{
    check(conv_case_square(1, 300, 17, 4, 3, 1, 1), 0, 5, 1);
    check(conv_case_square(1, 5900, 5, 5, 3, 1, 1), 3, 8, 1); /* more channels than local memory holds */
}

static void check_in_blocks(conv_geometry g, int flags, uint64_t seed, int tunings)
{
    problem p = convolution(g, flags, seed);
    p.conv.layout = CONV_IN_BLOCKS;
    const solver_case c = {.p = &p, .reference = reference_in_blocks, .seed = seed, .tunings = tunings};
    solver_case_check(&c);
}

Test(conv_bytes, images_in_blocks_of_channels_give_exact_sums)
{
    for (uint64_t seed = 7100, count = 0; count < (getenv("SOCLE_TEST_ALL") != NULL ? 60 : 6); seed++, count++) {
        conv_geometry g = conv_case_geometry(seed, false);
        g.channels = g.groups * (g.channels / g.groups % 3 + 1) * 16;
        g.out_channels = g.groups * (g.out_channels / g.groups % 6 + 1) * 16;
        check_in_blocks(g, (int)count % 4, seed, 1);
    }
    check_in_blocks(conv_case_square(2, 32, 48, 14, 1, 1, 0), 0, 1, 1); /* read in place */
    check_in_blocks(conv_case_square(1, 64, 32, 7, 1, 1, 0), 3, 2, 1);
    check_in_blocks(conv_case_square(1, 16, 80, 15, 1, 2, 0), 1, 3, 1);
    check_in_blocks(conv_case_square(1, 48, 64, 11, 3, 1, 1), 2, 4, 8);
}

Test(conv_bytes, tunings_give_exact_sums)
{
    check(conv_case_square(2, 21, 50, 10, 3, 1, 1), 3, 6, 6);
}
