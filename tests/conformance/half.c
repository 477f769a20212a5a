/* float16 and bfloat16 wherever float32 may stand: every operator on numbers once (TopK, which makes two results: topk.c),
 * planned and run on every device, against the float64 oracle on the same operands. Sums and functions are made in float32, so
 * that what differs is the rounding of what is stored: a few units of the type, relative to the largest result. */
#include "../support/graph_case.h"
#include "../support/on_devices.h"
#include "run/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

TestSuite(half, .timeout = 600);

#define MOST_OUTPUTS 80
#define ROUNDINGS 6 /* of values stored on the way to a result */

static const socle_dtype types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16};

static double unit(socle_dtype dtype)
{
    return dtype == SOCLE_FLOAT16 ? ldexp(1, -11) : ldexp(1, -8);
}

static void *room_for(const socle_graph *graph, value_id value)
{
    return calloc(graph_type_bytes(&graph->values[value].type) + 1, 1);
}

static void compare(const graph_case *c, const evaluation *oracle, int output, const void *taken, double share,
                    const char *device)
{
    const value_id v = c->graph->outputs[output];
    const graph_type *type = &c->graph->values[v].type;
    const double *wanted = evaluation_get(oracle, v);
    double *got = evaluate_widen(type->dtype, taken, graph_type_count(type)), largest = 0;
    for (int64_t i = 0; i < graph_type_count(type); i++)
        largest = fmax(largest, isfinite(wanted[i]) ? fabs(wanted[i]) : 0);
    for (int64_t i = 0; i < graph_type_count(type); i++)
        cr_assert(got[i] == wanted[i] || (isnan(got[i]) && isnan(wanted[i])) || fabs(got[i] - wanted[i]) <= share * largest,
                  "%s[%lld] on %s is %.9g, not %.9g", c->graph->output_names[output], (long long)i, device, got[i], wanted[i]);
    free(got);
}

/* The graph's outputs on the device are the oracle's. */
static void check(socle_device *device, graph_case *c, socle_dtype dtype)
{
    const device_plan_options options = {0};
    socle_graph *copy = NULL;
    device_plan *plan = NULL;
    executor *e = NULL;
    evaluation oracle;
    void *inputs[GRAPH_CASE_MAX_INPUTS], *outputs[MOST_OUTPUTS];
    evaluation_start(&oracle, c->graph);
    for (int i = 0; i < c->input_count; i++) {
        const graph_type *type = &c->graph->values[c->inputs[i]].type;
        inputs[i] = room_for(c->graph, c->inputs[i]);
        evaluate_narrow(type->dtype, c->elements[i], inputs[i], graph_type_count(type));
        free(c->elements[i]);
        c->elements[i] = evaluate_widen(type->dtype, inputs[i], graph_type_count(type));
        evaluation_set(&oracle, c->inputs[i], c->elements[i]);
    }
    cr_assert(evaluation_run(&oracle), "%s", oracle.error);
    for (int i = 0; i < c->graph->output_count; i++)
        outputs[i] = room_for(c->graph, c->graph->outputs[i]);
    cr_assert_eq(graph_clone(c->graph, true, &copy), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(device_plan_create(device, copy, &options, &plan), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(executor_create(plan, &e), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(executor_run(e, (const void *const *)inputs, outputs), SOCLE_OK, "%s", socle_error_message());
    for (int i = 0; i < c->graph->output_count; i++)
        compare(c, &oracle, i, outputs[i], ROUNDINGS * unit(dtype), socle_device_get_info(device)->id);
    executor_destroy(e);
    evaluation_finish(&oracle);
    for (int i = 0; i < c->graph->output_count; i++)
        free(outputs[i]);
    for (int i = 0; i < c->input_count; i++) {
        free(inputs[i]);
        free(c->elements[i]);
    }
    socle_graph_destroy(c->graph);
}

static void output(graph_case *c, value_id value, const char *name)
{
    cr_assert_eq(graph_add_output(c->graph, value, name), SOCLE_OK, "%s: %s", name, socle_error_message());
}

/* ---- one element at a time ---- */

static void check_pointwise(socle_device *device)
{
    static const char *const unary[] = {"Abs",      "Acos",        "Asin",
                                        "Asinh",    "Atan",        "Atanh",
                                        "Ceil",     "Celu",        "Cos",
                                        "Cosh",     "Elu",         "Erf",
                                        "Exp",      "Floor",       "Gelu",
                                        "Neg",      "HardSigmoid", "HardSwish",
                                        "Identity", "IsNaN",       "IsInf",
                                        "Mish",     "LeakyRelu",   "Relu",
                                        "Round",    "Selu",        "Shrink",
                                        "Sigmoid",  "Sign",        "Sin",
                                        "Sinh",     "Tan",         "ThresholdedRelu",
                                        "Tanh",     "Softplus",    "Softsign"};
    static const char *const of_positive[] = {"Acosh", "Log", "Reciprocal", "Sqrt"};
    static const char *const binary[] = {"Add", "Sub",   "Mul",   "Div",  "Max",         "Min",     "Mean",          "Sum",
                                         "Pow", "PRelu", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"};
    for (size_t t = 0; t < COUNT_OF(types); t++) {
        graph_case c;
        graph_case_start(&c);
        const value_id x = graph_case_input(&c, types[t], -0.9, 0.9, SHAPE(5, 37));
        const value_id positive = graph_case_input(&c, types[t], 1.1, 4, SHAPE(5, 37));
        const value_id y = graph_case_input(&c, types[t], 0.5, 2, SHAPE(37));
        for (size_t i = 0; i < COUNT_OF(unary); i++)
            output(&c, CASE_NODE(&c, unary[i], x), unary[i]);
        for (size_t i = 0; i < COUNT_OF(of_positive); i++)
            output(&c, CASE_NODE(&c, of_positive[i], positive), of_positive[i]);
        for (size_t i = 0; i < COUNT_OF(binary); i++)
            output(&c, CASE_NODE(&c, binary[i], positive, y), binary[i]);
        output(&c, CASE_NODE(&c, "Where", CASE_NODE(&c, "Less", x, y), x, y), "Where");
        output(&c, CASE_NODE(&c, "Clip", x, graph_case_constant(&c, types[t], -0.5, -0.4, SCALAR)), "Clip");
        check(device, &c, types[t]);
    }
}

/* ---- elements that move, sums, order ---- */

static void check_movement_and_reductions(socle_device *device)
{
    static const char *const reductions[] = {"ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
                                             "ReduceMin",    "ReduceProd",      "ReduceSum", "ReduceSumSquare"};
    static const int64_t perm[] = {0, 3, 1, 2};
    for (size_t t = 0; t < COUNT_OF(types); t++) {
        graph_case c;
        graph_case_start(&c);
        const value_id x = graph_case_input(&c, types[t], 0.5, 1.5, SHAPE(2, 4, 6, 5));
        const value_id other = graph_case_input(&c, types[t], -1, 1, SHAPE(2, 4, 6, 5));
        const value_id row = graph_case_input(&c, types[t], -1, 1, SHAPE(1, 5)), parts[] = {x, other};
        output(&c, graph_case_node(&c, "Transpose", &x, 1, ATTRIBUTES(ATTRIBUTE_INTS("perm", perm, 4))), "Transpose");
        output(&c, graph_case_node(&c, "Concat", parts, 2, ATTRIBUTES(ATTRIBUTE_INT("axis", 2))), "Concat");
        output(&c, graph_case_node(&c, "DepthToSpace", &x, 1, ATTRIBUTES(ATTRIBUTE_INT("blocksize", 2))), "DepthToSpace");
        output(&c,
               CASE_NODE(&c, "Slice", x, graph_case_ints(&c, 1, (int64_t[]){1}), graph_case_ints(&c, 1, (int64_t[]){5}),
                         graph_case_ints(&c, 1, (int64_t[]){2}), graph_case_ints(&c, 1, (int64_t[]){2})),
               "Slice");
        output(&c, CASE_NODE(&c, "Pad", x, graph_case_ints(&c, 8, (int64_t[]){0, 0, 1, 2, 0, 0, 2, 1})), "Pad");
        output(&c, CASE_NODE(&c, "Expand", row, graph_case_ints(&c, 2, (int64_t[]){7, 5})), "Expand");
        output(&c, CASE_NODE(&c, "Tile", row, graph_case_ints(&c, 2, (int64_t[]){3, 2})), "Tile");
        output(&c, CASE_NODE(&c, "Reshape", x, graph_case_ints(&c, 2, (int64_t[]){8, 30})), "Reshape");
        output(&c, CASE_NODE(&c, "Trilu", other), "Trilu");
        output(&c, CASE_NODE(&c, "Gather", x, graph_case_ints(&c, 3, (int64_t[]){1, 0, 1})), "Gather");
        output(&c, CASE_NODE(&c, "CumSum", x, graph_constant_scalar(c.graph, SOCLE_INT64, 2)), "CumSum");
        output(&c, CASE_NODE(&c, "ArgMax", row), "ArgMax");
        for (size_t i = 0; i < COUNT_OF(reductions); i++)
            output(&c, CASE_NODE(&c, reductions[i], x, graph_case_ints(&c, 1, (int64_t[]){3})), reductions[i]);
        check(device, &c, types[t]);
    }
}

/* ---- products, windows, normalization ---- */

static void check_anchors(socle_device *device)
{
    static const int64_t pads[] = {1, 1, 1, 1}, window[] = {3, 3};
    for (size_t t = 0; t < COUNT_OF(types); t++) {
        graph_case c;
        graph_case_start(&c);
        const socle_dtype d = types[t];
        const value_id x = graph_case_input(&c, d, -1, 1, SHAPE(2, 16, 7, 6)), m = graph_case_input(&c, d, -1, 1, SHAPE(9, 21));
        const value_id sequence = graph_case_input(&c, d, -1, 1, SHAPE(1, 2, 5, 8));
        const value_id w = graph_case_constant(&c, d, -1, 1, SHAPE(16, 16, 3, 3)),
                       b = graph_case_constant(&c, d, -1, 1, SHAPE(16));
        const value_id scale = graph_case_constant(&c, d, 0.5, 1.5, SHAPE(16)),
                       of_row = graph_case_constant(&c, d, 0.5, 1.5, SHAPE(21));
        const value_id factor = graph_case_constant(&c, d, -1, 1, SHAPE(21, 18));
        const value_id addend = graph_case_constant(&c, d, -1, 1, SHAPE(18));
        const value_id conv[] = {x, w, b};
        output(&c, CASE_NODE(&c, "MatMul", m, factor), "MatMul");
        output(&c, CASE_NODE(&c, "Gemm", m, factor, addend), "Gemm");
        output(&c, graph_case_node(&c, "Conv", conv, 3, ATTRIBUTES(ATTRIBUTE_INTS("pads", pads, 4))), "Conv");
        output(&c, graph_case_node(&c, "ConvTranspose", conv, 3, ATTRIBUTES(ATTRIBUTE_INTS("pads", pads, 4))), "ConvTranspose");
        output(&c, graph_case_node(&c, "MaxPool", &x, 1, ATTRIBUTES(ATTRIBUTE_INTS("kernel_shape", window, 2))), "MaxPool");
        output(&c, graph_case_node(&c, "AveragePool", &x, 1, ATTRIBUTES(ATTRIBUTE_INTS("kernel_shape", window, 2))),
               "AveragePool");
        output(&c, CASE_NODE(&c, "GlobalAveragePool", x), "GlobalAveragePool");
        output(&c, CASE_NODE(&c, "GlobalMaxPool", x), "GlobalMaxPool");
        output(&c, CASE_NODE(&c, "BatchNormalization", x, scale, b, b, scale), "BatchNormalization");
        output(&c, CASE_NODE(&c, "InstanceNormalization", x, scale, b), "InstanceNormalization");
        const value_id group[] = {x, scale, b};
        output(&c, graph_case_node(&c, "GroupNormalization", group, 3, ATTRIBUTES(ATTRIBUTE_INT("num_groups", 4))),
               "GroupNormalization");
        output(&c, CASE_NODE(&c, "LayerNormalization", m, of_row), "LayerNormalization");
        output(&c, CASE_NODE(&c, "RMSNormalization", m, of_row), "RMSNormalization");
        output(&c, CASE_NODE(&c, "Softmax", m), "Softmax");
        output(&c, CASE_NODE(&c, "LogSoftmax", m), "LogSoftmax");
        output(&c, CASE_NODE(&c, "Attention", sequence, sequence, sequence), "Attention");
        check(device, &c, d);
    }
}

Test(half, every_pointwise_operator_takes_it)
{
    test_on_devices(check_pointwise);
}

Test(half, movement_and_reductions_take_it)
{
    test_on_devices(check_movement_and_reductions);
}

Test(half, products_windows_and_normalization_take_it)
{
    test_on_devices(check_anchors);
}
