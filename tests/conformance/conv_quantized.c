/* Quantized convolutions as networks have them, planned and run on every device: exact sums and ONNX's rounding, with zero points
 * of every kind, scales per channel and bias, several layers behind each other, and sums that become numbers and meet others.
 * Scales are powers of two, so that float32 is exact and halves occur. ONNX operators QLinearConv and ConvInteger, version 10. */
#include "../support/graph_case.h"
#include "../support/on_devices.h"
#include "../support/reference_conv.h"
#include "run/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct layer {
    conv_geometry g;
    socle_dtype x, w, y;
    int x_zero, w_zero, y_zero;
    bool per_channel, bias;
} layer;

static bool is_signed(socle_dtype dtype)
{
    return dtype == SOCLE_INT8;
}

static value_id number(graph_case *c, socle_dtype dtype, double value)
{
    return graph_constant_scalar(c->graph, dtype, value);
}

static double w_scale(const layer *l, int64_t channel)
{
    return l->per_channel ? ldexp(1, -9 - (int)(channel % 3)) : ldexp(1, -10);
}

static value_id add_layer(graph_case *c, const layer *l, value_id x, value_id *w, value_id *bias)
{
    const conv_geometry *g = &l->g;
    const int64_t pads[] = {g->pad_begin[0], g->pad_begin[1], g->pad_end[0], g->pad_end[1]}, channels = g->out_channels;
    const double low = is_signed(l->w) ? -128 : 0, high = is_signed(l->w) ? 127 : 255;
    float scales[64];
    for (int64_t i = 0; i < channels; i++)
        scales[i] = (float)w_scale(l, i);
    const graph_type list = graph_case_type(SOCLE_FLOAT32, 1, &channels);
    *w = graph_case_constant(c, l->w, low, high, SHAPE(channels, g->channels / g->groups, g->kernel[0], g->kernel[1]));
    *bias = l->bias ? graph_case_constant(c, SOCLE_INT32, -5000, 5000, SHAPE(channels)) : GRAPH_NONE;
    const value_id inputs[] = {x,
                               number(c, SOCLE_FLOAT32, 0.5),
                               number(c, l->x, l->x_zero),
                               *w,
                               l->per_channel ? graph_add_constant(c->graph, NULL, &list, scales, true)
                                              : number(c, SOCLE_FLOAT32, w_scale(l, 0)),
                               number(c, l->w, l->w_zero),
                               number(c, SOCLE_FLOAT32, 0.5),
                               number(c, l->y, l->y_zero),
                               *bias};
    return graph_case_node(c, "QLinearConv", inputs, l->bias ? 9 : 8,
                           ATTRIBUTES(ATTRIBUTE_INTS("kernel_shape", g->kernel, 2), ATTRIBUTE_INTS("strides", g->stride, 2),
                                      ATTRIBUTE_INTS("dilations", g->dilation, 2), ATTRIBUTE_INTS("pads", pads, 4),
                                      ATTRIBUTE_INT("group", g->groups)));
}

static double *values_of(const graph_case *c, value_id v)
{
    const graph_value *value = &c->graph->values[v];
    return evaluate_widen(value->type.dtype, value->data, graph_type_count(&value->type));
}

static int64_t result_count(const conv_geometry *g)
{
    return g->batch * g->out_channels * g->output[0] * g->output[1];
}

/* Sums of (x - zero of x)(w - zero of w): padding then is 0. */
static double *sums_of(const graph_case *c, const layer *l, const double *x, value_id w_value)
{
    const conv_geometry *g = &l->g;
    const int64_t x_count = g->batch * g->channels * g->input[0] * g->input[1];
    const int64_t w_count = graph_type_count(&c->graph->values[w_value].type);
    double *numbers = malloc((size_t)x_count * sizeof(double)), *w = values_of(c, w_value);
    double *sums = calloc((size_t)result_count(g), sizeof(double));
    for (int64_t i = 0; i < x_count; i++)
        numbers[i] = x[i] - l->x_zero;
    for (int64_t i = 0; i < w_count; i++)
        w[i] -= l->w_zero;
    reference_conv(g, numbers, w, sums);
    free(numbers);
    free(w);
    return sums;
}

static double *reference(const graph_case *c, const layer *l, const double *x, value_id w, value_id bias_value)
{
    const int64_t pixels = l->g.output[0] * l->g.output[1];
    const double low = is_signed(l->y) ? -128 : 0, high = is_signed(l->y) ? 127 : 255;
    double *y = sums_of(c, l, x, w), *bias = bias_value != GRAPH_NONE ? values_of(c, bias_value) : NULL;
    for (int64_t i = 0; i < result_count(&l->g); i++) {
        const int64_t channel = i / pixels % l->g.out_channels;
        y[i] = nearbyint((y[i] + (bias != NULL ? bias[channel] : 0)) * w_scale(l, channel)) + l->y_zero;
        y[i] = fmin(fmax(y[i], low), high);
    }
    free(bias);
    return y;
}

/* Plans the graph for the device and runs it on its inputs; so many convolutions then work on blocks of channels at least. */
static void run(socle_device *device, const graph_case *c, const void *const *inputs, void *output, int in_blocks)
{
    const device_plan_options options = {.in_blocks = in_blocks > 0};
    int found = 0;
    socle_graph *copy = NULL;
    device_plan *plan = NULL;
    executor *e = NULL;
    cr_assert_eq(graph_clone(c->graph, true, &copy), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(device_plan_create(device, copy, &options, &plan), SOCLE_OK, "%s", socle_error_message());
    for (int n = 0; n < plan->graph->node_count; n++)
        found += plan->graph->nodes[n].op != NULL && strcmp(plan->graph->nodes[n].op->name, "ConvIntegerInBlocks") == 0;
    cr_assert_geq(found, in_blocks, "%d of %d in blocks", found, in_blocks);
    cr_assert_eq(executor_create(plan, &e), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(executor_run(e, inputs, &output), SOCLE_OK, "%s", socle_error_message());
    executor_destroy(e);
}

static value_id add_image(graph_case *c, const layer *l)
{
    const conv_geometry *g = &l->g;
    return graph_case_input(c, l->x, is_signed(l->x) ? -128 : 0, is_signed(l->x) ? 127 : 255,
                            SHAPE(g->batch, g->channels, g->input[0], g->input[1]));
}

/* Not graph_case_finish, which wants nothing left: devices are open. */
static void finish(graph_case *c)
{
    socle_graph_destroy(c->graph);
    for (int i = 0; i < c->input_count; i++)
        free(c->elements[i]);
}

static void check_layers(socle_device *device, const layer *layers, int count, int in_blocks)
{
    graph_case c;
    value_id values[5], w[4], bias[4];
    uint8_t image[8192], result[8192];
    graph_case_start(&c);
    values[0] = add_image(&c, &layers[0]);
    double *wanted = memcpy(malloc(sizeof(image) * sizeof(double)), c.elements[0],
                            (size_t)graph_type_count(&c.graph->values[values[0]].type) * sizeof(double));
    for (int i = 0; i < count; i++)
        values[i + 1] = add_layer(&c, &layers[i], values[i], &w[i], &bias[i]);
    cr_assert_eq(graph_add_output(c.graph, values[count], "y"), SOCLE_OK, "%s", socle_error_message());
    evaluate_narrow(layers[0].x, wanted, image, graph_type_count(&c.graph->values[values[0]].type));
    for (int i = 0; i < count; i++) {
        double *next = reference(&c, &layers[i], wanted, w[i], bias[i]);
        free(wanted);
        wanted = next;
    }
    const layer *last = &layers[count - 1];
    const int64_t results = result_count(&last->g);
    cr_assert_leq(results, (int64_t)sizeof(result));
    run(device, &c, (const void *[]){image}, result, in_blocks);
    double *taken = evaluate_widen(last->y, result, results);
    for (int64_t i = 0; i < results; i++)
        cr_assert_eq(taken[i], wanted[i], "[%lld] on %s is %g, not %g", (long long)i, socle_device_get_info(device)->id, taken[i],
                     wanted[i]);
    free(taken);
    free(wanted);
    finish(&c);
}

static conv_geometry square(int64_t batch, int64_t channels, int64_t out, int64_t extent, int64_t kernel, int64_t stride,
                            int64_t pad)
{
    const int64_t result = (extent + 2 * pad - kernel) / stride + 1;
    return (conv_geometry){.spatial = 2,
                           .batch = batch,
                           .channels = channels,
                           .out_channels = out,
                           .groups = 1,
                           .input = {extent, extent},
                           .kernel = {kernel, kernel},
                           .stride = {stride, stride},
                           .dilation = {1, 1},
                           .pad_begin = {pad, pad},
                           .pad_end = {pad, pad},
                           .output = {result, result}};
}

static void check_zero_points(socle_device *device)
{
    const layer layers[] = {
        {square(1, 6, 9, 9, 3, 1, 1), SOCLE_UINT8, SOCLE_INT8, SOCLE_UINT8, 130, 0, 7, true, true},
        {square(2, 5, 19, 8, 3, 2, 1), SOCLE_INT8, SOCLE_INT8, SOCLE_INT8, -3, 0, -100, false, true},
        {square(1, 8, 17, 6, 1, 1, 0), SOCLE_UINT8, SOCLE_UINT8, SOCLE_UINT8, 0, 111, 128, true, false},
        {square(1, 4, 6, 18, 3, 1, 1), SOCLE_INT8, SOCLE_UINT8, SOCLE_UINT8, 127, 200, 0, false, false},
    };
    for (size_t i = 0; i < COUNT_OF(layers); i++)
        check_layers(device, &layers[i], 1, 0);
}

static void check_chain(socle_device *device)
{
    const layer layers[] = {
        {square(1, 3, 12, 15, 3, 2, 1), SOCLE_UINT8, SOCLE_INT8, SOCLE_UINT8, 128, 0, 100, true, true},
        {square(1, 12, 12, 8, 3, 1, 1), SOCLE_UINT8, SOCLE_INT8, SOCLE_INT8, 100, 0, -20, true, true},
        {square(1, 12, 5, 8, 1, 1, 0), SOCLE_INT8, SOCLE_INT8, SOCLE_UINT8, -20, 0, 3, true, true},
    };
    check_layers(device, layers, COUNT_OF(layers), 0);
}

/* The first layer has too few channels for blocks. */
static void check_chain_in_blocks(socle_device *device)
{
    const layer layers[] = {
        {square(1, 3, 16, 15, 3, 2, 1), SOCLE_UINT8, SOCLE_INT8, SOCLE_UINT8, 128, 0, 100, true, true},
        {square(1, 16, 48, 8, 3, 1, 1), SOCLE_UINT8, SOCLE_INT8, SOCLE_INT8, 100, 0, -20, true, true},
        {square(1, 48, 32, 8, 1, 1, 0), SOCLE_INT8, SOCLE_INT8, SOCLE_UINT8, -20, 0, 3, false, true},
        {square(1, 32, 16, 8, 3, 2, 1), SOCLE_UINT8, SOCLE_UINT8, SOCLE_INT8, 3, 0, 5, true, false},
    };
    check_layers(device, layers, COUNT_OF(layers), 3);
}

static void check_depthwise(socle_device *device)
{
    layer l = {square(1, 6, 6, 7, 3, 1, 1), SOCLE_UINT8, SOCLE_INT8, SOCLE_UINT8, 131, 0, 9, true, true};
    l.g.groups = 6;
    check_layers(device, &l, 1, 0);
}

/* Sums as numbers, scaled, plus an image of numbers: the epilogue reads at each result's place. */
static void check_numbers(socle_device *device)
{
    const layer l = {square(1, 6, 9, 18, 3, 1, 1), SOCLE_UINT8, SOCLE_INT8, SOCLE_UINT8, 77, 0, 0, false, false};
    const conv_geometry *g = &l.g;
    graph_case c;
    uint8_t image[8192];
    float numbers[4096], result[4096];
    graph_case_start(&c);
    const value_id x = add_image(&c, &l);
    const value_id other = graph_case_input(&c, SOCLE_FLOAT32, -100, 100, SHAPE(1, g->out_channels, g->output[0], g->output[1]));
    const value_id w = graph_case_constant(&c, SOCLE_INT8, -128, 127, SHAPE(g->out_channels, g->channels, 3, 3));
    const value_id inputs[] = {x, w, number(&c, SOCLE_UINT8, l.x_zero)};
    const int64_t pads[] = {1, 1, 1, 1};
    const value_id sums = graph_case_node(&c, "ConvInteger", inputs, 3, ATTRIBUTES(ATTRIBUTE_INTS("pads", pads, 4)));
    const value_id y = graph_binary(
        c.graph, "Add",
        graph_binary(c.graph, "Mul", graph_case_node(&c, "Cast", &sums, 1, ATTRIBUTES(ATTRIBUTE_INT("to", SOCLE_FLOAT32))),
                     number(&c, SOCLE_FLOAT32, 0.125)),
        other);
    cr_assert_neq(y, GRAPH_NONE, "%s", socle_error_message());
    cr_assert_eq(graph_add_output(c.graph, y, "y"), SOCLE_OK, "%s", socle_error_message());
    evaluate_narrow(SOCLE_UINT8, c.elements[0], image, graph_type_count(&c.graph->values[x].type));
    for (int64_t i = 0; i < result_count(g); i++)
        numbers[i] = (float)c.elements[1][i];
    double *wanted = sums_of(&c, &l, c.elements[0], w);
    run(device, &c, (const void *[]){image, numbers}, result, 0);
    for (int64_t i = 0; i < result_count(g); i++)
        cr_assert_float_eq(result[i], wanted[i] * 0.125 + (double)numbers[i], 1e-2, "[%lld] on %s is %g, not %g", (long long)i,
                           socle_device_get_info(device)->id, (double)result[i], wanted[i] * 0.125 + (double)numbers[i]);
    free(wanted);
    finish(&c);
}

Test(conv_quantized, zero_points_scales_and_bias_give_the_bytes_of_the_definition)
{
    test_on_devices(check_zero_points);
}

Test(conv_quantized, layers_behind_each_other_give_the_bytes_of_the_definition)
{
    test_on_devices(check_chain);
}

Test(conv_quantized, layers_in_blocks_of_channels_give_the_bytes_of_the_definition)
{
    test_on_devices(check_chain_in_blocks);
}

Test(conv_quantized, depthwise_layers_give_the_bytes_of_the_definition)
{
    test_on_devices(check_depthwise);
}

Test(conv_quantized, sums_meet_an_image_of_numbers)
{
    test_on_devices(check_numbers);
}
