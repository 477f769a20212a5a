/* Networks whose images lie in blocks of channels, against the float64 oracle: convolutions of every kind, pooling, residuals,
 * concatenation, gates per channel, means, and readers that want plain images in between. */
#include "../support/evaluate.h"
#include "../support/graph_case.h"
#include "../support/on_devices.h"
#include "run/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Convolution with bias, alike along all axes of the images. */
static value_id conv(graph_case *c, value_id x, int64_t channels, int64_t kernel, int64_t stride, int64_t groups)
{
    const int64_t from = c->graph->values[x].type.dims[1], pad = kernel / 2, kernels[] = {kernel, kernel, kernel};
    const int64_t strides[] = {stride, stride, stride}, pads[] = {pad, pad, pad, pad, pad, pad};
    const int axes = c->graph->values[x].type.rank - 2;
    const int64_t weight[] = {channels, from / groups, kernel, kernel, kernel};
    const value_id inputs[] = {x, graph_case_constant(c, SOCLE_FLOAT32, -0.2, 0.2, axes + 2, weight),
                               graph_case_constant(c, SOCLE_FLOAT32, -0.5, 0.5, SHAPE(channels))};
    return graph_case_node(c, "Conv", inputs, 3,
                           ATTRIBUTES(ATTRIBUTE_INTS("kernel_shape", kernels, axes), ATTRIBUTE_INTS("strides", strides, axes),
                                      ATTRIBUTE_INTS("pads", pads, 2 * axes), ATTRIBUTE_INT("group", groups)));
}

static value_id pool(graph_case *c, const char *op, value_id x, int64_t kernel, int64_t stride, int64_t pad)
{
    const int64_t kernels[] = {kernel, kernel, kernel}, strides[] = {stride, stride, stride},
                  pads[] = {pad, pad, pad, pad, pad, pad};
    const int axes = c->graph->values[x].type.rank - 2;
    return graph_case_node(c, op, &x, 1,
                           ATTRIBUTES(ATTRIBUTE_INTS("kernel_shape", kernels, axes), ATTRIBUTE_INTS("strides", strides, axes),
                                      ATTRIBUTE_INTS("pads", pads, 2 * axes)));
}

static void add_output(graph_case *c, value_id value, const char *name)
{
    cr_assert_eq(graph_add_output(c->graph, value, name), SOCLE_OK, "%s", socle_error_message());
}

/* A residual block, a concatenation and a gate, with plain images wanted at the ends and in the middle. */
static void build_network(graph_case *c, int axes)
{
    const int64_t dims[] = {2, 3, 13, 11, 6};
    const value_id x = graph_case_input(c, SOCLE_FLOAT32, -1, 1, axes + 2, dims);
    const value_id a = CASE_NODE(c, "Relu", conv(c, x, 16, 3, 2, 1));
    const value_id b = CASE_NODE(c, "Relu", conv(c, a, 32, 1, 1, 1));
    const value_id d = CASE_NODE(c, "Relu", conv(c, b, 32, 3, 1, 32));
    const value_id e = CASE_NODE(c, "Add", conv(c, d, 16, 3, 1, 1), a);
    const value_id parts[] = {e, d};
    const value_id f = graph_case_node(c, "Concat", parts, 2, ATTRIBUTES(ATTRIBUTE_INT("axis", 1)));
    const value_id mean = CASE_NODE(c, "GlobalAveragePool", f);
    const value_id gate = CASE_NODE(c, "Sigmoid", conv(c, mean, 48, 1, 1, 1));
    const value_id gated = CASE_NODE(c, "Mul", f, gate);
    const value_id p = pool(c, "MaxPool", gated, 3, 2, 1);
    add_output(c, e, "middle");
    add_output(c, CASE_NODE(c, "Softmax", pool(c, "AveragePool", p, 2, 1, 0)), "pooled");
    add_output(c, CASE_NODE(c, "GlobalMaxPool", conv(c, p, 32, 1, 2, 1)), "end");
}

static int count_in_blocks(const socle_graph *graph)
{
    int count = 0;
    for (int n = 0; n < graph->node_count; n++)
        count += graph->nodes[n].op != NULL && strstr(graph->nodes[n].op->name, "InBlocks") != NULL;
    return count;
}

static void compare_outputs(const graph_case *c, const evaluation *oracle, float *const *outputs, const char *device)
{
    for (int i = 0; i < c->graph->output_count; i++) {
        const value_id v = c->graph->outputs[i];
        const double *wanted = evaluation_get(oracle, v);
        for (int64_t k = 0; k < graph_type_count(&c->graph->values[v].type); k++)
            cr_assert_float_eq(outputs[i][k], wanted[k], 2e-5 * (1 + fabs(wanted[k])), "%s[%lld] on %s is %.9g, not %.9g",
                               c->graph->output_names[i], (long long)k, device, (double)outputs[i][k], wanted[k]);
    }
}

static void run(socle_device *device, int axes, bool in_blocks)
{
    const device_plan_options options = {.in_blocks = in_blocks};
    const char *id = socle_device_get_info(device)->id;
    graph_case c;
    evaluation oracle;
    socle_graph *copy = NULL;
    device_plan *plan = NULL;
    executor *e = NULL;
    float *outputs[3], *input;
    graph_case_start(&c);
    build_network(&c, axes);
    cr_assert_eq(graph_clone(c.graph, true, &copy), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(device_plan_create(device, copy, &options, &plan), SOCLE_OK, "%s", socle_error_message());
    const int expected = axes < 3 ? 8 : 6; /* pooling along three axes stays plain */
    cr_assert(!in_blocks || count_in_blocks(plan->graph) == expected, "%d of %d on %s", count_in_blocks(plan->graph), expected,
              id);
    cr_assert_eq(executor_create(plan, &e), SOCLE_OK, "%s", socle_error_message());
    const int64_t count = graph_type_count(&c.graph->values[c.inputs[0]].type);
    input = malloc((size_t)count * sizeof(*input));
    for (int64_t i = 0; i < count; i++)
        c.elements[0][i] = input[i] = (float)c.elements[0][i];
    for (int i = 0; i < 3; i++)
        outputs[i] = calloc((size_t)graph_type_count(&c.graph->values[c.graph->outputs[i]].type), sizeof(float));
    evaluation_start(&oracle, c.graph);
    evaluation_set(&oracle, c.inputs[0], c.elements[0]);
    cr_assert(evaluation_run(&oracle), "%s", oracle.error);
    const void *from[] = {input};
    void *to[] = {outputs[0], outputs[1], outputs[2]};
    for (int wait = 0; wait < 2; wait++) {
        e->polls = wait != 0;
        for (int i = 0; i < 3; i++)
            memset(outputs[i], 0, (size_t)graph_type_count(&c.graph->values[c.graph->outputs[i]].type) * sizeof(float));
        cr_assert_eq(executor_run(e, from, to), SOCLE_OK, "%s", socle_error_message());
        compare_outputs(&c, &oracle, outputs, id);
    }
    evaluation_finish(&oracle);
    executor_destroy(e);
    for (int i = 0; i < 3; i++)
        free(outputs[i]);
    free(input);
    for (int i = 0; i < c.input_count; i++)
        free(c.elements[i]);
    socle_graph_destroy(c.graph);
}

static void run_in_blocks(socle_device *device)
{
    for (int axes = 1; axes <= 3; axes++)
        run(device, axes, true);
}

static void run_by_cost(socle_device *device)
{
    run(device, 2, false);
}

Test(layouts, networks_in_blocks_of_channels_are_computed_as_by_the_oracle)
{
    test_on_devices(run_in_blocks);
}

Test(layouts, networks_are_computed_as_by_the_oracle_where_cost_decides)
{
    test_on_devices(run_by_cost);
}
