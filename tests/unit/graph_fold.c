/* Constant folding: every operator that folds gives what the oracle gives, for several types; and what must not be folded is not.
 */
#include "../support/graph_case.h"

#include <criterion/criterion.h>
#include <string.h>

static socle_status fold(socle_graph *graph)
{
    return graph_fold(graph);
}

static void assert_folds(graph_case *c, value_id y, double tolerance)
{
    cr_assert_eq(graph_add_output(c->graph, y, NULL), SOCLE_OK);
    graph_case_assert_kept(c, fold, tolerance);
    cr_assert_eq(graph_case_count_nodes(c, NULL), 0, "a node is left");
    cr_assert(graph_is_constant(c->graph, c->graph->outputs[c->graph->output_count - 1]));
}

/* ---- pointwise ---- */

static void fold_pointwise_operator(const graph_operator *op, socle_dtype dtype, double low, double high, double tolerance)
{
    graph_case c;
    graph_case_start(&c);
    const int count = op->max_inputs < 0 ? 2 : op->max_inputs;
    value_id inputs[4];
    for (int i = 0; i < count; i++)
        inputs[i] = graph_case_constant(&c, dtype, low, high, i == 1 ? 1 : 2, i == 1 ? (int64_t[]){5} : (int64_t[]){3, 5});
    if (strcmp(op->name, "Where") == 0)
        inputs[0] = graph_case_constant(&c, SOCLE_BOOL, 0, 1, SHAPE(3, 1));
    const socle_attribute fmod_form = ATTRIBUTE_INT("fmod", 1);
    const bool is_mod = strcmp(op->name, "Mod") == 0 && dtype == SOCLE_FLOAT32;
    const value_id y = graph_add(c.graph, op->domain, op->name, inputs, count, &fmod_form, is_mod, 1);
    cr_assert(y != GRAPH_NONE, "%s", socle_error_message());
    assert_folds(&c, y, tolerance);
    graph_case_finish(&c);
}

static bool is_plain_pointwise(const graph_operator *op)
{
    return op->kind == OPERATOR_POINTWISE && op->fold != NULL && strcmp(op->name, "Cast") != 0;
}

Test(graph_fold, of_every_pointwise_operator_on_floats_equals_the_oracle)
{
    int folded = 0;
    for (int i = 0; i < operator_count(); i++) {
        const graph_operator *op = operator_at(i);
        if (!is_plain_pointwise(op) || op->evaluate == NULL)
            continue;
        fold_pointwise_operator(op, SOCLE_FLOAT32, 0.1, 0.9, 1e-6);
        fold_pointwise_operator(op, SOCLE_FLOAT64, 1.1, 3, 1e-12);
        folded++;
    }
    cr_assert_gt(folded, 50);
}

Test(graph_fold, of_every_pointwise_operator_on_integers_equals_the_oracle)
{
    int folded = 0;
    for (int i = 0; i < operator_count(); i++) {
        const graph_operator *op = operator_at(i);
        if (!is_plain_pointwise(op) || op->evaluate_integer == NULL || (op->boolean_result && op->evaluate == NULL))
            continue;
        fold_pointwise_operator(op, SOCLE_INT64, 1, 6, 0);
        fold_pointwise_operator(op, SOCLE_INT32, -5, -1, strcmp(op->name, "Pow") == 0 ? 1 : 0);
        folded++;
    }
    cr_assert_gt(folded, 15);
}

Test(graph_fold, of_logic_equals_the_oracle)
{
    static const char *const names[] = {"And", "Or", "Xor", "Equal", "Not"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        fold_pointwise_operator(operator_find(NULL, "", names[i]), SOCLE_BOOL, 0, 1, 0);
}

Test(graph_fold, of_int64_arithmetic_is_exact_beyond_2_to_53)
{
    graph_case c;
    graph_case_start(&c);
    const int64_t big[] = {9007199254740993}, one[] = {1};
    const value_id y = CASE_NODE(&c, "Sub", graph_case_ints(&c, 1, big), graph_case_ints(&c, 1, one));
    cr_assert_eq(graph_fold(c.graph), SOCLE_OK);
    cr_assert_eq(*(const int64_t *)c.graph->values[y].data, 9007199254740992);
    graph_case_finish(&c);
}

Test(graph_fold, of_an_integer_division_by_zero_does_not_trap)
{
    graph_case c;
    graph_case_start(&c);
    const value_id zero = graph_case_ints(&c, 1, (const int64_t[]){0}),
                   low = graph_case_ints(&c, 1, (const int64_t[]){INT64_MIN});
    CASE_NODE(&c, "Div", low, zero);
    CASE_NODE(&c, "Mod", low, zero);
    CASE_NODE(&c, "Div", low, graph_case_ints(&c, 1, (const int64_t[]){-1}));
    cr_assert_eq(graph_fold(c.graph), SOCLE_OK);
    graph_case_finish(&c);
}

/* ---- Cast ---- */

Test(graph_fold, of_cast_between_all_types_equals_the_oracle)
{
    static const socle_dtype types[] = {SOCLE_FLOAT32, SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT64, SOCLE_INT8,
                                        SOCLE_INT16,   SOCLE_INT32,   SOCLE_INT64,    SOCLE_UINT8,   SOCLE_BOOL};
    static const int64_t onnx[] = {1, 10, 16, 11, 3, 5, 6, 7, 2, 9};
    for (size_t from = 0; from < COUNT_OF(types); from++) {
        for (size_t to = 0; to < COUNT_OF(types); to++) {
            graph_case c;
            graph_case_start(&c);
            const value_id x = graph_case_constant(&c, types[from], 0, 100, SHAPE(4, 3));
            assert_folds(&c, graph_case_node(&c, "Cast", &x, 1, ATTRIBUTES(ATTRIBUTE_INT("to", onnx[to]))), 0.01);
            cr_assert_eq(c.graph->values[c.graph->outputs[0]].type.dtype, types[to]);
            graph_case_finish(&c);
        }
    }
}

/* ---- movement ---- */

#define FOLD_CASE(name, expression)                                                                                              \
    Test(graph_fold, name)                                                                                                       \
    {                                                                                                                            \
        for (int k = 0; k < 4; k++) {                                                                                            \
            static const socle_dtype types[] = {SOCLE_FLOAT32, SOCLE_INT64, SOCLE_UINT8, SOCLE_FLOAT16};                         \
            graph_case made, *c = &made;                                                                                         \
            graph_case_start(c);                                                                                                 \
            const value_id x = graph_case_constant(c, types[k], 0, 90, SHAPE(2, 3, 4));                                          \
            assert_folds(c, expression, types[k] == SOCLE_FLOAT16 ? 1e-3 : 1e-6);                                                \
            graph_case_finish(c);                                                                                                \
        }                                                                                                                        \
    }

#define LIST(...) graph_case_ints(c, SHAPE(__VA_ARGS__))
#define WITH(op, count, attributes, ...) graph_case_node(c, op, (const value_id[]){__VA_ARGS__}, count, attributes)

FOLD_CASE(of_identity_is_its_input, CASE_NODE(c, "Identity", x))
FOLD_CASE(of_reshape_with_a_copied_and_a_derived_dimension, CASE_NODE(c, "Reshape", x, LIST(0, -1)))
FOLD_CASE(of_flatten, WITH("Flatten", 1, ATTRIBUTES(ATTRIBUTE_INT("axis", 2)), x))
FOLD_CASE(of_unsqueeze_and_squeeze, CASE_NODE(c, "Squeeze", CASE_NODE(c, "Unsqueeze", x, LIST(0, -1)), LIST(-1)))
FOLD_CASE(of_transpose_without_perm, CASE_NODE(c, "Transpose", x))
FOLD_CASE(of_transpose, WITH("Transpose", 1, ATTRIBUTES(ATTRIBUTE_INTS("perm", ((const int64_t[]){1, 2, 0}), 3)), x))
FOLD_CASE(of_concat_in_the_middle, WITH("Concat", 3, ATTRIBUTES(ATTRIBUTE_INT("axis", 1)), x, x, x))
FOLD_CASE(of_slice_backwards_and_strided, CASE_NODE(c, "Slice", x, LIST(-1, 0), LIST(INT64_MIN, 100), LIST(1, -1), LIST(-2, 3)))
FOLD_CASE(of_slice_without_axes, CASE_NODE(c, "Slice", x, LIST(1, 1), LIST(2, -1)))
FOLD_CASE(of_constant_pad, CASE_NODE(c, "Pad", x, LIST(0, 1, 2, 1, 0, -1)))
FOLD_CASE(of_constant_pad_of_some_axes, CASE_NODE(c, "Pad", x, LIST(1, 2), GRAPH_NONE, LIST(-2)))
FOLD_CASE(of_reflect_pad, WITH("Pad", 2, ATTRIBUTES(ATTRIBUTE_STRING("mode", "reflect")), x, LIST(0, 1, 2, 1, 2, 3)))
FOLD_CASE(of_edge_pad, WITH("Pad", 2, ATTRIBUTES(ATTRIBUTE_STRING("mode", "edge")), x, LIST(0, 5, 2, 1, 2, 7)))
FOLD_CASE(of_wrap_pad, WITH("Pad", 2, ATTRIBUTES(ATTRIBUTE_STRING("mode", "wrap")), x, LIST(0, 1, 2, 1, 2, 3)))
FOLD_CASE(of_expand_to_a_higher_rank,
          CASE_NODE(c, "Expand", CASE_NODE(c, "Slice", x, LIST(0), LIST(1), LIST(1)), LIST(5, 1, 3, 1)))
FOLD_CASE(of_tile, CASE_NODE(c, "Tile", x, LIST(2, 1, 3)))
FOLD_CASE(of_gather_on_the_middle_axis,
          WITH("Gather", 2, ATTRIBUTES(ATTRIBUTE_INT("axis", 1)), x, CASE_NODE(c, "Reshape", LIST(0, -1, 2, 1), LIST(2, 2))))
FOLD_CASE(of_gather_of_one_element, CASE_NODE(c, "Gather", x, graph_constant_scalar(c->graph, SOCLE_INT64, -1)))
FOLD_CASE(of_gather_elements, WITH("GatherElements", 2, ATTRIBUTES(ATTRIBUTE_INT("axis", 2)), x,
                                   CASE_NODE(c, "Reshape", LIST(3, 0, -1, 1, 2, 0), LIST(1, 3, 2))))
FOLD_CASE(of_scatter_elements,
          WITH("ScatterElements", 3, ATTRIBUTES(ATTRIBUTE_INT("axis", 2), ATTRIBUTE_STRING("reduction", "none")), x,
               CASE_NODE(c, "Reshape", LIST(3, 0, -2, 1, 2, 0), LIST(1, 3, 2)),
               CASE_NODE(c, "Slice", x, LIST(0, 0), LIST(1, 2), LIST(0, 2))))
FOLD_CASE(of_scatter_elements_that_add,
          WITH("ScatterElements", 3, ATTRIBUTES(ATTRIBUTE_INT("axis", 2), ATTRIBUTE_STRING("reduction", "add")), x,
               CASE_NODE(c, "Reshape", LIST(3, 3, 2, 2, 2, 0), LIST(1, 3, 2)),
               CASE_NODE(c, "Slice", x, LIST(0, 0), LIST(1, 2), LIST(0, 2))))
FOLD_CASE(of_argmax_takes_the_first_of_equals,
          WITH("ArgMax", 1, ATTRIBUTES(ATTRIBUTE_INT("axis", -1)),
               CASE_NODE(c, "Min", x, CASE_NODE(c, "Slice", x, LIST(0, 0, 0), LIST(1, 1, 1)))))
FOLD_CASE(of_argmin_without_the_dimension,
          WITH("ArgMin", 1, ATTRIBUTES(ATTRIBUTE_INT("axis", 1), ATTRIBUTE_INT("keepdims", 0)), x))

Test(graph_fold, of_split_with_a_smaller_last_part)
{
    graph_case c;
    graph_case_start(&c);
    const value_id x = graph_case_constant(&c, SOCLE_FLOAT32, -1, 1, SHAPE(2, 7));
    const socle_attribute axis = ATTRIBUTE_INT("axis", 1);
    const value_id first = graph_add(c.graph, "", "Split", &x, 1, &axis, 1, 3);
    const graph_node *node = &c.graph->nodes[c.graph->values[first].producer];
    for (int i = 0; i < 3; i++)
        cr_assert_eq(graph_add_output(c.graph, node->outputs[i], NULL), SOCLE_OK);
    cr_assert_eq(c.graph->values[node->outputs[2]].type.dims[1], 1);
    graph_case_assert_kept(&c, fold, 0);
    cr_assert_eq(graph_case_count_nodes(&c, NULL), 0);
    graph_case_finish(&c);
}

/* ---- reductions ---- */

static void fold_reduction(const char *op, socle_dtype dtype, bool keep, bool all)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id x = graph_case_constant(c, dtype, 1, 5, SHAPE(3, 4, 2));
    const value_id inputs[] = {x, all ? GRAPH_NONE : LIST(0, -1)};
    const socle_attribute kept = ATTRIBUTE_INT("keepdims", keep);
    assert_folds(c, graph_case_node(c, op, inputs, all ? 1 : 2, &kept, 1), 1e-6);
    graph_case_finish(c);
}

Test(graph_fold, of_every_reduction_equals_the_oracle)
{
    static const char *const names[] = {"ReduceSum", "ReduceMean", "ReduceMax",    "ReduceMin",       "ReduceProd",
                                        "ReduceL1",  "ReduceL2",   "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        for (int form = 0; form < 4; form++)
            fold_reduction(names[i], SOCLE_FLOAT32, form & 1, form & 2);
        if (strcmp(names[i], "ReduceL2") != 0 && strncmp(names[i], "ReduceLog", 9) != 0 && strcmp(names[i], "ReduceMean") != 0)
            fold_reduction(names[i], SOCLE_INT32, true, false);
    }
}

Test(graph_fold, of_log_sum_exp_does_not_overflow)
{
    graph_case c;
    graph_case_start(&c);
    const float big[] = {1000, 1000};
    const graph_type type = graph_case_type(SOCLE_FLOAT32, SHAPE(2));
    const value_id x = graph_add_constant(c.graph, NULL, &type, big, true);
    const value_id y = CASE_NODE(&c, "ReduceLogSumExp", x);
    cr_assert_eq(graph_fold(c.graph), SOCLE_OK);
    cr_assert_float_eq(*(const float *)c.graph->values[y].data, 1000.6931472f, 1e-4);
    graph_case_finish(&c);
}

/* ---- host operators and chains ---- */

Test(graph_fold, of_shape_chains_follows_known_dimensions_of_an_input_with_a_symbol)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    socle_value x;
    cr_assert_eq(socle_graph_input(c->graph, "x", SOCLE_FLOAT32, 4, (int64_t[]){-1, 3, 8, 8},
                                   (const char *const[]){"batch", NULL, NULL, NULL}, &x),
                 SOCLE_OK);
    const value_id shape = CASE_NODE(c, "Shape", x);
    const value_id channels = CASE_NODE(c, "Gather", shape, LIST(1));
    const value_id rows = CASE_NODE(c, "Slice", shape, LIST(2), LIST(4));
    const value_id area = graph_case_node(c, "ReduceProd", &rows, 1, ATTRIBUTES(ATTRIBUTE_INT("keepdims", 1)));
    const value_id both = WITH("Concat", 2, ATTRIBUTES(ATTRIBUTE_INT("axis", 0)), channels, area);
    cr_assert_eq(graph_add_output(c->graph, both, "both"), SOCLE_OK);
    cr_assert_eq(graph_fold(c->graph), SOCLE_OK, "%s", socle_error_message());
    int64_t dims[2];
    cr_assert_eq(graph_constant_int_values(c->graph, c->graph->outputs[0], dims, 2), 2);
    cr_assert_eq(dims[0], 3);
    cr_assert_eq(dims[1], 64);
    graph_case_finish(c);
}

Test(graph_fold, of_size_constant_range_and_constant_of_shape)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id x = graph_case_input(c, SOCLE_FLOAT32, 0, 1, SHAPE(3, 5));
    const socle_tensor seven = {.dtype = SOCLE_INT32, .rank = 1, .dims = {1}, .data = (int32_t[]){7}, .size_bytes = 4};
    const socle_attribute filled = {.name = "value", .kind = SOCLE_ATTRIBUTE_TENSOR, .tensor = &seven};
    const double floats[] = {0.5, 1.5};
    const socle_attribute list = {.name = "value_floats", .kind = SOCLE_ATTRIBUTE_FLOATS, .floats = floats, .count = 2};
    const value_id shape = LIST(2, 3);
    const value_id outputs[] = {
        CASE_NODE(c, "Size", x), graph_case_node(c, "ConstantOfShape", &shape, 1, &filled, 1),
        graph_case_node(c, "Constant", NULL, 0, &list, 1),
        CASE_NODE(c, "Range", graph_constant_scalar(c->graph, SOCLE_FLOAT32, 3),
                  graph_constant_scalar(c->graph, SOCLE_FLOAT32, -1), graph_constant_scalar(c->graph, SOCLE_FLOAT32, -1.5)),
        CASE_NODE(c, "Range", graph_constant_scalar(c->graph, SOCLE_INT64, 2), graph_constant_scalar(c->graph, SOCLE_INT64, 9),
                  graph_constant_scalar(c->graph, SOCLE_INT64, 3))};
    for (size_t i = 0; i < COUNT_OF(outputs); i++)
        cr_assert_eq(graph_add_output(c->graph, outputs[i], NULL), SOCLE_OK);
    graph_case_assert_kept(c, fold, 0);
    cr_assert_eq(graph_case_count_nodes(c, NULL), 0);
    graph_case_finish(c);
}

Test(graph_fold, leaves_a_large_repetition_of_a_small_constant_to_the_device)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id y = CASE_NODE(c, "Expand", graph_constant_scalar(c->graph, SOCLE_FLOAT32, 1), LIST(1024, 1024));
    cr_assert_eq(graph_add_output(c->graph, y, "y"), SOCLE_OK);
    cr_assert_eq(graph_fold(c->graph), SOCLE_OK);
    cr_assert_eq(graph_case_count_nodes(c, "Expand"), 1);
    graph_case_finish(c);
}

Test(graph_fold, leaves_a_gather_whose_index_is_out_of_range)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const value_id x = graph_case_constant(c, SOCLE_FLOAT32, 0, 1, SHAPE(4, 2));
    cr_assert_eq(graph_add_output(c->graph, CASE_NODE(c, "Gather", x, LIST(4)), "y"), SOCLE_OK);
    cr_assert_eq(graph_fold(c->graph), SOCLE_OK);
    cr_assert_eq(graph_case_count_nodes(c, "Gather"), 1);
    graph_case_finish(c);
}
