/* From Conv and ConvGradInput nodes to problems, with bias, activation and residual behind them as epilogues: by every solver on
 * every device against the float64 reference. */
#include "../support/conv_case.h"
#include "../support/reference_conv.h"

#include <criterion/criterion.h>
#include <math.h>

static value_id add_input(socle_graph *graph, const char *name, socle_dtype dtype, int rank, const int64_t *dims)
{
    graph_type type = {.dtype = dtype, .rank = rank};
    for (int i = 0; i < rank; i++)
        type.dims[i] = dims[i];
    const value_id value = graph_add_input(graph, name, &type);
    cr_assert_neq(value, GRAPH_NONE, "%s", socle_error_message());
    return value;
}

static int64_t pixels_of(const int64_t extent[3])
{
    return extent[0] * extent[1];
}

/* out = relu(y + bias) * 0.5 + residual; values: the problem's three operands, bias, residual. */
static void apply_epilogue(double *const *values, int64_t batch, int64_t channels, int64_t pixels)
{
    for (int64_t i = 0; i < batch * channels * pixels; i++)
        values[2][i] = fmax(values[2][i] + values[3][i / pixels % channels], 0) * 0.5 + values[4][i];
}

static void reference_layer(const problem *p, double *const *values)
{
    const conv_geometry *g = &p->conv.g;
    if (p->kind == PROBLEM_CONV) {
        reference_conv(g, values[0], values[1], values[2]);
        apply_epilogue(values, g->batch, g->out_channels, pixels_of(g->output));
    } else {
        reference_conv_input(g, values[0], values[1], values[2]);
        apply_epilogue(values, g->batch, g->channels, pixels_of(g->input));
    }
}

static value_id add_convolution(socle_graph *graph, const conv_geometry *g, problem_kind kind, socle_dtype dtype)
{
    const bool forward = kind == PROBLEM_CONV;
    const int64_t x_dims[] = {g->batch, g->channels, g->input[0], g->input[1]};
    const int64_t y_dims[] = {g->batch, g->out_channels, g->output[0], g->output[1]};
    const int64_t w_dims[] = {g->out_channels, g->channels / g->groups, g->kernel[0], g->kernel[1]};
    const int64_t pads[] = {g->pad_begin[0], g->pad_begin[1], g->pad_end[0], g->pad_end[1]};
    const value_id inputs[] = {add_input(graph, "from", dtype, 4, forward ? x_dims : y_dims),
                               add_input(graph, "w", dtype, 4, w_dims)};
    const socle_attribute attributes[] = {ATTRIBUTE_INTS("strides", g->stride, 2),      ATTRIBUTE_INTS("pads", pads, 4),
                                          ATTRIBUTE_INTS("kernel_shape", g->kernel, 2), ATTRIBUTE_INT("group", g->groups),
                                          ATTRIBUTE_INTS("dilations", g->dilation, 2),  ATTRIBUTE_INTS("input_shape", x_dims, 4)};
    const value_id y =
        graph_add(graph, forward ? "" : "socle", forward ? "Conv" : "ConvGradInput", inputs, 2, attributes, forward ? 5 : 6, 1);
    cr_assert_neq(y, GRAPH_NONE, "%s", socle_error_message());
    return y;
}

static void check_layer(conv_geometry g, problem_kind kind, socle_dtype dtype)
{
    socle_graph *graph = NULL;
    cr_assert_eq(socle_graph_create(solver_case_context(), "test", &graph), SOCLE_OK, "%s", socle_error_message());
    const value_id y = add_convolution(graph, &g, kind, dtype);
    const graph_type *type = &graph->values[y].type;
    const int64_t bias_dims[] = {1, type->dims[1], 1, 1};
    int64_t dims[4];
    for (int i = 0; i < 4; i++)
        dims[i] = type->dims[i];
    const value_id bias = add_input(graph, "bias", dtype, 4, bias_dims), residual = add_input(graph, "residual", dtype, 4, dims);
    const value_id half = graph_constant_scalar(graph, dtype, 0.5);
    const value_id out =
        graph_binary(graph, "Add",
                     graph_binary(graph, "Mul", graph_unary(graph, "Relu", graph_binary(graph, "Add", y, bias)), half), residual);
    cr_assert_neq(out, GRAPH_NONE, "%s", socle_error_message());
    epilogue e = {.input = y, .output = y};
    for (node_id node = graph->values[y].producer + 1; node <= graph->values[out].producer; node++)
        cr_assert(codegen_epilogue_add(graph, &e, node, 1), "node %d does not fit the epilogue", (int)node);
    problem p;
    value_id operands[PROBLEM_MAX_OPERANDS];
    int count = 0;
    const socle_status status = problem_from_node(graph, graph->values[y].producer, &e, true, &p, operands, &count);
    cr_assert_eq(status, SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(count, 3);
    cr_assert_eq(p.kind, kind);
    p.conv.w_constant = kind == PROBLEM_CONV;
    const solver_case c = {.p = &p, .reference = reference_layer, .seed = 7};
    solver_case_check(&c);
    socle_graph_destroy(graph);
}

/* ---- images in blocks of channels ---- */

static void reference_in_blocks(const problem *p, double *const *values)
{
    const conv_geometry *g = &p->conv.g;
    const int64_t pixels = pixels_of(g->output), count = g->batch * g->out_channels * pixels;
    conv_case_reference(p, values);
    for (int64_t i = 0; i < count; i++) {
        const int64_t channel = i / (pixels * 16) % (g->out_channels / 16) * 16 + i % 16;
        values[2][i] = fmax(values[2][i] + values[3][channel], 0) + values[4][i];
    }
}

static void check_in_blocks(conv_geometry g, socle_dtype dtype)
{
    socle_graph *graph = NULL;
    cr_assert_eq(socle_graph_create(solver_case_context(), "test", &graph), SOCLE_OK, "%s", socle_error_message());
    const int64_t w_dims[] = {g.out_channels, g.channels / g.groups, g.kernel[0], g.kernel[1]};
    const int64_t x_dims[] = {g.batch, g.channels / 16, g.input[0], g.input[1], 16};
    const int64_t y_dims[] = {g.batch, g.out_channels / 16, g.output[0], g.output[1], 16};
    const int64_t bias_dims[] = {1, g.out_channels / 16, 1, 1, 16};
    const int64_t pads[] = {g.pad_begin[0], g.pad_begin[1], g.pad_end[0], g.pad_end[1]};
    const value_id inputs[] = {add_input(graph, "from", dtype, 5, x_dims), add_input(graph, "w", dtype, 4, w_dims)};
    const socle_attribute attributes[] = {ATTRIBUTE_INTS("strides", g.stride, 2), ATTRIBUTE_INTS("pads", pads, 4),
                                          ATTRIBUTE_INT("group", g.groups)};
    const value_id y = graph_add(graph, "socle", "ConvInBlocks", inputs, 2, attributes, 3, 1);
    cr_assert_neq(y, GRAPH_NONE, "%s", socle_error_message());
    const value_id bias = add_input(graph, "bias", dtype, 5, bias_dims),
                   residual = add_input(graph, "residual", dtype, 5, y_dims);
    const value_id out = graph_binary(graph, "Add", graph_unary(graph, "Relu", graph_binary(graph, "Add", y, bias)), residual);
    cr_assert_neq(out, GRAPH_NONE, "%s", socle_error_message());
    epilogue e = {.input = y, .output = y};
    for (node_id node = graph->values[y].producer + 1; node <= graph->values[out].producer; node++)
        cr_assert(codegen_epilogue_add(graph, &e, node, EPILOGUE_IN_BLOCKS), "node %d does not fit the epilogue", (int)node);
    problem p;
    value_id operands[PROBLEM_MAX_OPERANDS];
    int count = 0;
    const socle_status status = problem_from_node(graph, graph->values[y].producer, &e, true, &p, operands, &count);
    cr_assert_eq(status, SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(p.conv.layout, CONV_IN_BLOCKS);
    p.conv.w_constant = true;
    const solver_case c = {.p = &p, .reference = reference_in_blocks, .seed = 8};
    solver_case_check(&c);
    socle_graph_destroy(graph);
}

Test(conv_graph, epilogues_of_convolutions_in_blocks_are_applied_once_to_every_element, .timeout = 300)
{
    conv_geometry depthwise = conv_case_square(1, 32, 32, 9, 3, 1, 1);
    depthwise.groups = 32;
    check_in_blocks(conv_case_square(2, 16, 48, 9, 3, 1, 1), SOCLE_FLOAT32);
    check_in_blocks(depthwise, SOCLE_FLOAT32);
}

Test(conv_graph, epilogues_of_convolutions_are_applied_once_to_every_element, .timeout = 300)
{
    check_layer(conv_case_square(2, 16, 33, 9, 3, 1, 1), PROBLEM_CONV, SOCLE_FLOAT32);
    check_layer(conv_case_square(1, 3, 10, 40, 5, 2, 2), PROBLEM_CONV, SOCLE_FLOAT32);
    check_layer(conv_case_square(2, 9, 12, 6, 1, 1, 0), PROBLEM_CONV, SOCLE_FLOAT16);
    check_layer(conv_case_square(1, 200, 6, 4, 3, 1, 1), PROBLEM_CONV, SOCLE_FLOAT32); /* long sums: in parts */
}

Test(conv_graph, epilogues_of_transposed_convolutions_are_applied_once_to_every_element, .timeout = 300)
{
    check_layer(conv_case_square(2, 10, 7, 19, 3, 2, 1), PROBLEM_CONV_INPUT, SOCLE_FLOAT32);
    check_layer(conv_case_square(2, 5, 7, 20, 2, 1, 0), PROBLEM_CONV_INPUT, SOCLE_BFLOAT16);
}
