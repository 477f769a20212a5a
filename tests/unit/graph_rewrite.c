/* Rewriting passes: they keep what a graph computes, by the oracle, and leave the form they promise. */
#include "../../lib/graph/gradients.h"
#include "../support/graph_case.h"

#include <criterion/criterion.h>
#include <socle/plan.h>
#include <stdlib.h>
#include <string.h>

#define WITH(op, count, attributes, ...) graph_case_node(c, op, (const value_id[]){__VA_ARGS__}, count, attributes)
#define LIST(...) graph_case_ints(c, SHAPE(__VA_ARGS__))
#define FLOATS(...) graph_case_constant(c, SOCLE_FLOAT32, 0.5, 1.5, SHAPE(__VA_ARGS__))
#define INPUT(...) graph_case_input(c, SOCLE_FLOAT32, -2, 2, SHAPE(__VA_ARGS__))

static void output(graph_case *c, value_id value)
{
    cr_assert_eq(graph_add_output(c->graph, value, NULL), SOCLE_OK, "%s", socle_error_message());
}

static bool has_kind(const graph_case *c, operator_kind kind)
{
    for (int n = 0; n < c->graph->node_count; n++)
        if (c->graph->nodes[n].op->kind == kind)
            return true;
    return false;
}

/* ---- lowering: each case ends in graph_simplify, after which no composite and no host operator is left ---- */

#define LOWER_CASE(name, tolerance, ...)                                                                                         \
    Test(graph_rewrite, name)                                                                                                    \
    {                                                                                                                            \
        graph_case made, *c = &made;                                                                                             \
        graph_case_start(c);                                                                                                     \
        __VA_ARGS__;                                                                                                             \
        graph_case_assert_kept(c, graph_lower, tolerance);                                                                       \
        cr_assert_not(has_kind(c, OPERATOR_COMPOSITE), "a composite is left");                                                   \
        graph_case_assert_kept(c, graph_simplify, tolerance);                                                                    \
        cr_assert_not(has_kind(c, OPERATOR_HOST), "a host operator is left");                                                    \
        graph_case_finish(c);                                                                                                    \
    }

LOWER_CASE(sum_and_mean_become_chains, 1e-6, const value_id a = INPUT(2, 3), b = INPUT(3), d = INPUT(2, 1);
           output(c, CASE_NODE(c, "Sum", a, b, d)); output(c, CASE_NODE(c, "Mean", a, b, d)); output(c, CASE_NODE(c, "Sum", a)))
LOWER_CASE(max_and_min_of_many_become_chains_of_two, 0, const value_id a = INPUT(2, 3), b = INPUT(3), d = INPUT(2, 1);
           output(c, CASE_NODE(c, "Max", a, b, d)); output(c, CASE_NODE(c, "Min", a, b, d, b)); output(c, CASE_NODE(c, "Max", a)))
LOWER_CASE(clip_without_bounds, 0, const value_id a = INPUT(7), half = graph_constant_scalar(c->graph, SOCLE_FLOAT32, 0.5);
           output(c, CASE_NODE(c, "Clip", a)); output(c, CASE_NODE(c, "Clip", a, half));
           output(c, CASE_NODE(c, "Clip", a, GRAPH_NONE, half)))
LOWER_CASE(small_powers_need_no_pow, 1e-6, const value_id a = graph_case_input(c, SOCLE_FLOAT32, 0.5, 2, SHAPE(7));
           for (int p = -1; p < 5; p++) output(c, CASE_NODE(c, "Pow", a, graph_constant_scalar(c->graph, SOCLE_FLOAT32, p)));
           output(c, CASE_NODE(c, "Pow", a, graph_constant_scalar(c->graph, SOCLE_FLOAT32, 0.5))))
LOWER_CASE(pow_of_mixed_types, 1e-6, const value_id a = INPUT(7), i = graph_case_input(c, SOCLE_INT64, 1, 5, SHAPE(7));
           output(c, CASE_NODE(c, "Pow", a, i)); output(c, CASE_NODE(c, "Pow", i, i)))
LOWER_CASE(gelu_both_forms, 1e-6, const value_id a = INPUT(9); output(c, CASE_NODE(c, "Gelu", a));
           output(c, WITH("Gelu", 1, ATTRIBUTES(ATTRIBUTE_STRING("approximate", "tanh")), a)))
LOWER_CASE(cast_like_becomes_cast, 0, output(c, CASE_NODE(c, "CastLike", INPUT(4), LIST(1))))
LOWER_CASE(dropout_in_inference_is_nothing, 0, const value_id a = INPUT(4, 2); output(c, CASE_NODE(c, "Dropout", a));
           output(c, CASE_NODE(c, "Relu", CASE_NODE(c, "Dropout", a))))
LOWER_CASE(global_pools_become_reductions, 1e-6, const value_id a = INPUT(2, 3, 4, 5);
           output(c, CASE_NODE(c, "GlobalAveragePool", a)); output(c, CASE_NODE(c, "GlobalMaxPool", a)))
LOWER_CASE(transposed_convolutions, 1e-5, const value_id x = INPUT(2, 4, 5);
           output(c, WITH("ConvTranspose", 3,
                          ATTRIBUTES(ATTRIBUTE_INTS("strides", ((const int64_t[]){3}), 1), ATTRIBUTE_INT("group", 2),
                                     ATTRIBUTE_INTS("pads", ((const int64_t[]){1, 0}), 2)),
                          x, FLOATS(4, 3, 3), FLOATS(6)));
           output(c, WITH("ConvTranspose", 2,
                          ATTRIBUTES(ATTRIBUTE_STRING("auto_pad", "SAME_LOWER"),
                                     ATTRIBUTE_INTS("strides", ((const int64_t[]){2}), 1)),
                          x, FLOATS(4, 3, 3))))
LOWER_CASE(batch_normalization_in_inference, 1e-6,
           output(c, CASE_NODE(c, "BatchNormalization", INPUT(2, 3, 4), FLOATS(3), FLOATS(3), FLOATS(3), FLOATS(3)));
           output(c, CASE_NODE(c, "BatchNormalization", INPUT(2, 3), FLOATS(3), FLOATS(3), FLOATS(3), FLOATS(3))))
LOWER_CASE(reduce_log_sum_exp, 1e-6, const value_id a = INPUT(3, 4); output(c, CASE_NODE(c, "ReduceLogSumExp", a, LIST(1)));
           output(c, WITH("ReduceLogSumExp", 1, ATTRIBUTES(ATTRIBUTE_INT("keepdims", 0)), a)))
LOWER_CASE(depth_to_space_and_back, 0, const value_id a = INPUT(2, 8, 2, 3);
           const socle_attribute block = ATTRIBUTE_INT("blocksize", 2);
           output(c, graph_case_node(c, "DepthToSpace", &a, 1, &block, 1));
           output(c, WITH("DepthToSpace", 1, ATTRIBUTES(block, ATTRIBUTE_STRING("mode", "CRD")), a));
           output(c, WITH("SpaceToDepth", 1, ATTRIBUTES(block), CASE_NODE(c, "Transpose", INPUT(2, 4, 6, 8)))))
LOWER_CASE(trilu_upper_and_lower, 0, const value_id a = INPUT(2, 3, 4); output(c, CASE_NODE(c, "Trilu", a));
           output(c,
                  WITH("Trilu", 2, ATTRIBUTES(ATTRIBUTE_INT("upper", 0)), a, graph_constant_scalar(c->graph, SOCLE_INT64, -1))))
LOWER_CASE(a_large_constant_of_shape_becomes_an_expanded_scalar, 0, output(c, CASE_NODE(c, "ConstantOfShape", LIST(300, 300))))

Test(graph_rewrite, batch_normalization_in_training_makes_running_statistics)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id inputs[] = {INPUT(4, 3, 2), FLOATS(3), FLOATS(3), FLOATS(3), FLOATS(3)};
    const socle_attribute training = ATTRIBUTE_INT("training_mode", 1);
    const value_id y = graph_add(c->graph, "", "BatchNormalization", inputs, 5, &training, 1, 3);
    cr_assert(y != GRAPH_NONE, "%s", socle_error_message());
    const value_id *outputs = c->graph->nodes[c->graph->values[y].producer].outputs;
    const value_id kept[] = {outputs[0], outputs[1], outputs[2]};
    for (int i = 0; i < 3; i++)
        output(c, kept[i]);
    graph_case_assert_kept(c, graph_lower, 1e-6);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(c->graph->outputs[i], kept[i], "an output lost its number");
    graph_case_finish(c);
}

/* ---- anchors that become what they are made of ---- */

static bool always(const socle_graph *graph, node_id node, void *user)
{
    (void)graph;
    (void)node;
    (void)user;
    return true;
}

static socle_status expand_all(socle_graph *graph)
{
    int expanded;
    const socle_status status = graph_expand(graph, always, NULL, &expanded);
    cr_assert_gt(expanded, 0, "nothing was expanded");
    return status;
}

static void expand(graph_case *c, const char *op, const value_id *inputs, int input_count, const socle_attribute *attribute,
                   int output_count)
{
    const value_id y = graph_add(c->graph, "socle", op, inputs, input_count, attribute, attribute != NULL, output_count);
    cr_assert(y != GRAPH_NONE, "%s", socle_error_message());
    for (int i = 0; i < output_count; i++)
        output(c, c->graph->nodes[c->graph->values[y].producer].outputs[i]);
    graph_case_assert_kept(c, expand_all, 1e-6);
    cr_assert_eq(graph_case_count_nodes(c, op), 0);
    graph_case_finish(c);
}

Test(graph_rewrite, batch_normalize_and_its_gradient_are_what_they_are_made_of)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    expand(c, "BatchNormalize", (const value_id[]){INPUT(3, 2, 2, 2), INPUT(2), INPUT(2)}, 3, NULL, 4);
    graph_case_start(c);
    expand(c, "BatchNormalizeGrad", (const value_id[]){INPUT(3, 2, 5), INPUT(3, 2, 5), INPUT(2), INPUT(2), INPUT(2)}, 5, NULL, 3);
    graph_case_start(c);
    expand(c, "BatchNormalize", (const value_id[]){INPUT(5, 3), INPUT(3), INPUT(3)}, 3, NULL, 4);
}

Test(graph_rewrite, the_gradient_of_a_normalization_is_what_it_is_made_of)
{
    graph_case made, *c = &made;
    const socle_attribute axis = ATTRIBUTE_INT("axis", 1), squares = ATTRIBUTE_INT("root_mean_square", 1);
    const socle_attribute groups = ATTRIBUTE_INT("num_groups", 2);
    graph_case_start(c);
    expand(c, "NormalizeGrad", (const value_id[]){INPUT(3, 2, 5), INPUT(3, 2, 5), INPUT(2, 5)}, 3, &axis, 3);
    graph_case_start(c);
    expand(c, "NormalizeGrad", (const value_id[]){INPUT(3, 2, 5), INPUT(3, 2, 5), INPUT(5)}, 3, &squares, 2);
    graph_case_start(c);
    expand(c, "NormalizeGrad", (const value_id[]){INPUT(3, 4, 5), INPUT(3, 4, 5), INPUT(4)}, 3, &groups, 3);
}

Test(graph_rewrite, the_gradient_of_attention_is_what_it_is_made_of)
{
    graph_case made, *c = &made;
    const socle_attribute scale = ATTRIBUTE_FLOAT("scale", 0.5), causal = ATTRIBUTE_INT("is_causal", 1);
    graph_case_start(c);
    expand(c, "ScaledAttentionGrad",
           (const value_id[]){INPUT(2, 4, 3, 5), INPUT(2, 4, 3, 2), INPUT(2, 2, 6, 2), INPUT(2, 2, 6, 5), INPUT(2, 4, 3, 5),
                              INPUT(2, 4, 3), INPUT(4, 1, 6)},
           7, &scale, 3);
    graph_case_start(c);
    const value_id q = INPUT(1, 2, 3, 1); /* of one element: the scale is 1 whether it is given or not */
    expand(c, "ScaledAttentionGrad",
           (const value_id[]){INPUT(1, 2, 3, 5), q, INPUT(1, 2, 4, 1), INPUT(1, 2, 4, 5), INPUT(1, 2, 3, 5), INPUT(1, 2, 3)}, 6,
           &causal, 3);
}

/* Losses, all reductions, with and without weights and an ignored label. */
static void lower_loss(const char *op, const char *reduction, bool weights, bool ignored)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id x = INPUT(5, 4, 3), labels = graph_case_input(c, SOCLE_INT64, 0, 4, SHAPE(5, 3));
    const value_id inputs[] = {x, labels, weights ? FLOATS(4) : GRAPH_NONE};
    const socle_attribute attributes[] = {ATTRIBUTE_STRING("reduction", reduction), ATTRIBUTE_INT("ignore_index", 2)};
    const bool softmax = op[0] == 'S';
    const value_id y = graph_add(c->graph, "", op, inputs, 3, attributes, ignored ? 2 : 1, softmax ? 2 : 1);
    cr_assert(y != GRAPH_NONE, "%s", socle_error_message());
    output(c, y);
    if (softmax)
        output(c, c->graph->nodes[c->graph->values[y].producer].outputs[1]);
    graph_case_assert_kept(c, graph_lower, 1e-6);
    cr_assert_not(has_kind(c, OPERATOR_COMPOSITE));
    cr_assert_eq(c->graph->outputs[0], y, "the loss lost its number");
    graph_case_assert_kept(c, graph_simplify, 1e-6);
    graph_case_finish(c);
}

Test(graph_rewrite, losses)
{
    static const char *const reductions[] = {"none", "sum", "mean"};
    for (size_t r = 0; r < COUNT_OF(reductions); r++) {
        for (int form = 0; form < 4; form++) {
            lower_loss("SoftmaxCrossEntropyLoss", reductions[r], form & 1, form & 2);
            lower_loss("NegativeLogLikelihoodLoss", reductions[r], form & 1, form & 2);
        }
    }
}

Test(graph_rewrite, lowering_for_gradients_keeps_what_has_a_gradient_of_its_own)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id x = INPUT(4, 3);
    const value_id norm = CASE_NODE(c, "BatchNormalization", x, FLOATS(3), FLOATS(3), FLOATS(3), FLOATS(3));
    output(c, CASE_NODE(c, "Max", CASE_NODE(c, "Gelu", norm), x, FLOATS(3)));
    graph_case_assert_kept(c, graph_lower_for_gradient, 1e-6);
    cr_assert_eq(graph_case_count_nodes(c, "BatchNormalization"), 1);
    cr_assert_eq(graph_case_count_nodes(c, "GeluErf"), 1);
    cr_assert_eq(graph_case_count_nodes(c, "Max"), 2);
    graph_case_finish(c);
}

/* ---- batch-norm folding ---- */

static value_id norm_of(graph_case *c, value_id x, int64_t channels)
{
    return CASE_NODE(c, "BatchNormalization", x, FLOATS(channels), FLOATS(channels), FLOATS(channels), FLOATS(channels));
}

static void assert_norm_folds(graph_case *c, const char *producer)
{
    graph_case_assert_kept(c, graph_fold_batch_norm, 1e-5);
    cr_assert_eq(c->graph->node_count, 1);
    cr_assert_str_eq(c->graph->nodes[0].op->name, producer);
    graph_case_finish(c);
}

#define NORM_CASE(name, producer, channels, expression)                                                                          \
    Test(graph_rewrite, name)                                                                                                    \
    {                                                                                                                            \
        graph_case made, *c = &made;                                                                                             \
        graph_case_start(c);                                                                                                     \
        output(c, norm_of(c, expression, channels));                                                                             \
        assert_norm_folds(c, producer);                                                                                          \
    }

NORM_CASE(batch_norm_folds_into_a_convolution, "Conv", 4, CASE_NODE(c, "Conv", INPUT(2, 3, 5, 5), FLOATS(4, 3, 3, 3)))
NORM_CASE(batch_norm_folds_into_a_grouped_convolution_with_bias, "Conv", 6,
          WITH("Conv", 3, ATTRIBUTES(ATTRIBUTE_INT("group", 3)), INPUT(2, 3, 7), FLOATS(6, 1, 3), FLOATS(6)))
NORM_CASE(batch_norm_folds_into_a_grouped_transposed_convolution, "ConvTranspose", 6,
          WITH("ConvTranspose", 2, ATTRIBUTES(ATTRIBUTE_INT("group", 2)), INPUT(2, 4, 5), FLOATS(4, 3, 3)))
NORM_CASE(batch_norm_folds_into_a_product, "Gemm", 5,
          WITH("Gemm", 3, ATTRIBUTES(ATTRIBUTE_FLOAT("alpha", 0.5), ATTRIBUTE_FLOAT("beta", 2)), INPUT(2, 3), FLOATS(3, 5),
               FLOATS(1, 5)))
NORM_CASE(batch_norm_folds_into_a_product_with_transposed_weights, "Gemm", 5,
          WITH("Gemm", 2, ATTRIBUTES(ATTRIBUTE_INT("transB", 1)), INPUT(2, 3), FLOATS(5, 3)))

Test(graph_rewrite, batch_norm_stays_where_something_else_reads_the_convolution)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id y = CASE_NODE(c, "Conv", INPUT(2, 3, 5), FLOATS(4, 3, 3));
    output(c, norm_of(c, y, 4));
    output(c, y);
    graph_case_assert_kept(c, graph_fold_batch_norm, 0);
    cr_assert_eq(c->graph->node_count, 2);
    graph_case_finish(c);
}

Test(graph_rewrite, simplify_folds_a_batch_norm_behind_an_identity)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id y = CASE_NODE(c, "Identity", CASE_NODE(c, "Conv", INPUT(2, 3, 5), CASE_NODE(c, "Identity", FLOATS(4, 3, 3))));
    output(c, CASE_NODE(c, "Relu", norm_of(c, CASE_NODE(c, "Dropout", y), 4)));
    graph_case_assert_kept(c, graph_simplify, 1e-5);
    cr_assert_eq(c->graph->node_count, 3, "more than Conv, Add of its bias and Relu is left");
    graph_case_finish(c);
}

/* ---- dead code, common subexpressions, idle nodes ---- */

Test(graph_rewrite, dead_nodes_go_and_live_ones_stay)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id x = INPUT(3);
    output(c, CASE_NODE(c, "Exp", x));
    CASE_NODE(c, "Log", CASE_NODE(c, "Sqrt", x));
    graph_case_assert_kept(c, graph_remove_dead, 0);
    cr_assert_eq(c->graph->node_count, 1);
    graph_case_finish(c);
}

Test(graph_rewrite, an_update_keeps_its_value_alive)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const float zero[3] = {0};
    const graph_type type = graph_case_type(SOCLE_FLOAT32, SHAPE(3));
    const value_id state = graph_add_state(c->graph, "state", &type, zero, true);
    const value_id next = CASE_NODE(c, "Add", state, INPUT(3));
    cr_assert_eq(graph_add_update(c->graph, state, next), SOCLE_OK);
    cr_assert_eq(graph_simplify(c->graph), SOCLE_OK);
    cr_assert_eq(c->graph->node_count, 1);
    cr_assert_eq(c->graph->updates[0].value, c->graph->nodes[0].outputs[0]);
    graph_case_finish(c);
}

Test(graph_rewrite, equal_expressions_are_computed_once)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id x = INPUT(4, 3);
    const value_id a = CASE_NODE(c, "ReduceSum", CASE_NODE(c, "Exp", x), LIST(1)),
                   b = CASE_NODE(c, "ReduceSum", CASE_NODE(c, "Exp", x), LIST(1));
    output(c, CASE_NODE(c, "Mul", a, b));
    output(c, b);
    graph_case_assert_kept(c, graph_merge_common, 0);
    cr_assert_eq(c->graph->node_count, 3);
    graph_case_finish(c);
}

Test(graph_rewrite, expressions_that_differ_in_an_attribute_stay_apart)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id x = INPUT(4, 3);
    output(c, WITH("LeakyRelu", 1, ATTRIBUTES(ATTRIBUTE_FLOAT("alpha", 0.1)), x));
    output(c, WITH("LeakyRelu", 1, ATTRIBUTES(ATTRIBUTE_FLOAT("alpha", 0.2)), x));
    graph_case_assert_kept(c, graph_merge_common, 0);
    cr_assert_eq(c->graph->node_count, 2);
    graph_case_finish(c);
}

Test(graph_rewrite, trainable_constants_are_not_merged)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id a = graph_constant_scalar(c->graph, SOCLE_FLOAT32, 3), b = graph_constant_scalar(c->graph, SOCLE_FLOAT32, 3);
    c->graph->values[a].trainable = c->graph->values[b].trainable = true;
    const value_id x = INPUT(2);
    output(c, CASE_NODE(c, "Mul", x, a));
    output(c, CASE_NODE(c, "Mul", x, b));
    graph_case_assert_kept(c, graph_merge_common, 0);
    cr_assert_eq(c->graph->node_count, 2);
    graph_case_finish(c);
}

Test(graph_rewrite, nodes_that_change_nothing_go)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id x = INPUT(2, 3, 4);
    value_id y = WITH("Cast", 1, ATTRIBUTES(ATTRIBUTE_INT("to", 1)), x);
    y = CASE_NODE(c, "Expand", y, LIST(3, 1));
    y = CASE_NODE(c, "Slice", y, LIST(0), LIST(100), LIST(1));
    y = CASE_NODE(c, "Pad", y, LIST(0, 0, 0, 0, 0, 0));
    y = WITH("Transpose", 1, ATTRIBUTES(ATTRIBUTE_INTS("perm", ((const int64_t[]){2, 0, 1}), 3)), y);
    y = WITH("Transpose", 1, ATTRIBUTES(ATTRIBUTE_INTS("perm", ((const int64_t[]){1, 2, 0}), 3)), y);
    y = CASE_NODE(c, "Reshape", CASE_NODE(c, "Reshape", y, LIST(24)), LIST(2, 3, 4));
    y = CASE_NODE(c, "Mul", graph_constant_scalar(c->graph, SOCLE_FLOAT32, 1), y);
    y = CASE_NODE(c, "Add", y, graph_constant_scalar(c->graph, SOCLE_FLOAT32, 0));
    output(c, CASE_NODE(c, "Neg", y));
    graph_case_assert_kept(c, graph_simplify, 0);
    cr_assert_eq(c->graph->node_count, 1, "%d nodes are left", c->graph->node_count);
    graph_case_finish(c);
}

Test(graph_rewrite, nodes_that_look_idle_and_are_not_stay)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id x = INPUT(3, 3), one = graph_constant_scalar(c->graph, SOCLE_FLOAT32, 1);
    output(c, CASE_NODE(c, "Transpose", x));
    output(c, CASE_NODE(c, "Slice", x, LIST(-1), LIST(INT64_MIN), LIST(0), LIST(-1)));
    output(c, CASE_NODE(c, "Mul", x, FLOATS(2, 3, 3)));
    output(c, CASE_NODE(c, "Div", one, x));
    output(c, CASE_NODE(c, "Sub", graph_constant_scalar(c->graph, SOCLE_FLOAT32, 0), x));
    output(c, WITH("Pad", 2, ATTRIBUTES(ATTRIBUTE_STRING("mode", "constant")), x, LIST(1, 0, -1, 0)));
    graph_case_assert_kept(c, graph_simplify, 0);
    cr_assert_eq(c->graph->node_count, 6);
    graph_case_finish(c);
}

/* ---- binding ---- */

static value_id symbolic_input(graph_case *c, const char *name, const char *first, const char *second)
{
    socle_value value;
    cr_assert_eq(
        socle_graph_input(c->graph, name, SOCLE_FLOAT32, 2, (int64_t[]){-1, -1}, (const char *const[]){first, second}, &value),
        SOCLE_OK);
    return value;
}

static const graph_type *type_of(const graph_case *c, value_id value)
{
    return &c->graph->values[value].type;
}

Test(graph_rewrite, binding_gives_the_first_open_dimension_the_batch_and_the_others_one)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id a = symbolic_input(c, "a", "N", "S"), b = symbolic_input(c, "b", "S", "N");
    const value_id y = CASE_NODE(c, "MatMul", a, b);
    output(c, y);
    cr_assert_eq(graph_bind_shapes(c->graph, NULL, 0, 32), SOCLE_OK, "%s", socle_error_message());
    cr_assert(type_of(c, a)->dims[0] == 32 && type_of(c, a)->dims[1] == 1 && type_of(c, b)->dims[0] == 1 &&
              type_of(c, b)->dims[1] == 32);
    cr_assert(type_of(c, y)->dims[0] == 32 && type_of(c, y)->dims[1] == 32);
    graph_case_finish(c);
}

Test(graph_rewrite, binding_by_symbol_and_by_input)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id a = symbolic_input(c, "a", "N", "S"), b = symbolic_input(c, "b", "S", NULL);
    output(c, CASE_NODE(c, "MatMul", a, b));
    const socle_shape_binding bindings[] = {{"S", 1, {7}}, {"b", 2, {7, 5}}};
    cr_assert_eq(graph_bind_shapes(c->graph, bindings, 2, 3), SOCLE_OK, "%s", socle_error_message());
    cr_assert(type_of(c, c->graph->outputs[0])->dims[0] == 3 && type_of(c, c->graph->outputs[0])->dims[1] == 5);
    graph_case_finish(c);
}

Test(graph_rewrite, bindings_that_contradict_each_other_or_name_nothing_are_refused)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id a = symbolic_input(c, "a", "N", "S");
    output(c, CASE_NODE(c, "Relu", a));
    const socle_shape_binding unknown[] = {{"M", 1, {7}}}, contradiction[] = {{"S", 1, {7}}, {"a", 2, {2, 8}}},
                              rank[] = {{"a", 3, {2, 8, 1}}};
    cr_assert_eq(graph_bind_shapes(c->graph, unknown, 1, 1), SOCLE_INVALID_ARGUMENT);
    cr_assert_str_eq(socle_error_message(), "'M' is no symbolic dimension and no input of 'case'");
    cr_assert_eq(graph_bind_shapes(c->graph, contradiction, 2, 1), SOCLE_SHAPE_MISMATCH);
    cr_assert_str_eq(socle_error_message(), "dimension 'S' is 7 already and 8 for input 'a'");
    cr_assert_eq(graph_bind_shapes(c->graph, rank, 1, 1), SOCLE_SHAPE_MISMATCH);
    graph_case_finish(c);
}

Test(graph_rewrite, binding_folds_shape_chains_but_no_weights)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id a = symbolic_input(c, "a", "N", "S"), w = FLOATS(3, 4);
    c->graph->values[w].trainable = true;
    const socle_shape_binding bindings[] = {{"S", 1, {4}}};
    const value_id flat = CASE_NODE(c, "Reshape", a, CASE_NODE(c, "Mul", CASE_NODE(c, "Shape", a), LIST(1)));
    output(c, CASE_NODE(c, "MatMul", flat, CASE_NODE(c, "Transpose", w)));
    cr_assert_eq(graph_bind_shapes(c->graph, bindings, 1, 2), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(graph_case_count_nodes(c, "Shape"), 0);
    cr_assert_eq(graph_case_count_nodes(c, "Transpose"), 1);
    graph_case_finish(c);
}

Test(graph_rewrite, a_shape_that_depends_on_data_is_named)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id n = graph_case_input(c, SOCLE_INT64, 1, 3, SHAPE(2));
    output(c, CASE_NODE(c, "Expand", INPUT(1), n));
    cr_assert_eq(graph_bind_shapes(c->graph, NULL, 0, 1), SOCLE_UNSUPPORTED);
    cr_assert(strstr(socle_error_message(), "(Expand)") != NULL || strstr(socle_error_message(), "Expand node") != NULL, "%s",
              socle_error_message());
    graph_case_finish(c);
}

/* ---- order ---- */

Test(graph_rewrite, sort_puts_producers_in_front_and_keeps_the_order_otherwise)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id x = INPUT(3), a = CASE_NODE(c, "Exp", x), b = CASE_NODE(c, "Neg", a), d = CASE_NODE(c, "Sqrt", x);
    output(c, b);
    output(c, d);
    graph_node moved = c->graph->nodes[0]; /* Exp to the end */
    c->graph->nodes[0] = c->graph->nodes[1];
    c->graph->nodes[1] = c->graph->nodes[2];
    c->graph->nodes[2] = moved;
    for (int n = 0; n < 3; n++)
        c->graph->values[c->graph->nodes[n].outputs[0]].producer = n;
    cr_assert_neq(graph_validate(c->graph), SOCLE_OK);
    cr_assert_eq(graph_sort(c->graph), SOCLE_OK);
    cr_assert_eq(graph_validate(c->graph), SOCLE_OK, "%s", socle_error_message());
    cr_assert_str_eq(c->graph->nodes[0].op->name, "Exp");
    cr_assert_str_eq(c->graph->nodes[1].op->name, "Neg");
    cr_assert_str_eq(c->graph->nodes[2].op->name, "Sqrt");
    graph_case_finish(c);
}

Test(graph_rewrite, a_cycle_is_refused)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id x = INPUT(3), a = CASE_NODE(c, "Add", x, x), b = CASE_NODE(c, "Neg", a);
    output(c, b);
    c->graph->nodes[0].inputs[1] = b;
    cr_assert_eq(graph_sort(c->graph), SOCLE_INVALID_ARGUMENT);
    cr_assert(strstr(socle_error_message(), "cycle") != NULL);
    cr_assert_eq(graph_validate(c->graph), SOCLE_INVALID_ARGUMENT);
    graph_case_finish(c);
}

/* ---- size ---- */

Test(graph_rewrite, ten_thousand_nodes_are_built_bound_and_simplified_in_less_than_a_second)
{
    graph_case made, *c = &made;
    const double start = time_now_s();
    graph_case_start(c);
    value_id y = symbolic_input(c, "x", "N", NULL);
    const socle_shape_binding binding = {"x", 2, {8, 16}};
    for (int i = 0; i < 2500; i++) {
        const value_id next = CASE_NODE(c, "Identity", CASE_NODE(c, "Relu", CASE_NODE(c, "Add", y, FLOATS(16))));
        y = CASE_NODE(c, "Dropout", next);
    }
    output(c, y);
    cr_assert_eq(c->graph->node_count, 10000);
    cr_assert_eq(graph_bind_shapes(c->graph, &binding, 1, 8), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(graph_simplify(c->graph), SOCLE_OK, "%s", socle_error_message());
    const double seconds = time_now_s() - start;
    cr_assert_eq(c->graph->node_count, 5000);
    cr_assert_lt(seconds, 1.0, "%.3f s", seconds);
    graph_case_finish(c);
}
