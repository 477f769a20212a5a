/* Building graphs: through the public calls and the room's own, what they refuse, copies, operators of the host's own, and every
 * allocation failing in turn. */
#include "../../lib/graph/gradients.h"
#include "../support/graph_case.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the public calls ---- */

static socle_graph *new_graph(void)
{
    socle_graph *graph = NULL;
    cr_assert_eq(socle_graph_create(NULL, "net", &graph), SOCLE_OK, "%s", socle_error_message());
    return graph;
}

static socle_value input_2d(socle_graph *graph, const char *name, int64_t columns)
{
    socle_value value = SOCLE_NO_VALUE;
    cr_assert_eq(
        socle_graph_input(graph, name, SOCLE_FLOAT32, 2, (int64_t[]){-1, columns}, (const char *const[]){"batch", NULL}, &value),
        SOCLE_OK, "%s", socle_error_message());
    return value;
}

static void assert_dims(const socle_graph *graph, socle_value value, int rank, const int64_t *expected)
{
    int64_t dims[SOCLE_MAX_RANK];
    socle_dtype dtype;
    int found;
    cr_assert_eq(socle_graph_value_info(graph, value, &dtype, &found, dims), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(dtype, SOCLE_FLOAT32);
    cr_assert_eq(found, rank);
    for (int d = 0; d < rank; d++)
        cr_assert_eq(dims[d], expected[d], "dimension %d is %lld", d, (long long)dims[d]);
}

Test(graph_build, a_perceptron_of_two_dense_layers)
{
    socle_graph *graph = new_graph();
    const socle_value x = input_2d(graph, "x", 64);
    const socle_value hidden = socle_graph_unary(graph, "Relu", socle_graph_dense(graph, "fc1", x, 128, 7));
    const socle_value y = socle_graph_dense(graph, "fc2", hidden, 10, 7);
    cr_assert_eq(socle_graph_output(graph, y, "logits"), SOCLE_OK, "%s", socle_error_message());
    assert_dims(graph, y, 2, (int64_t[]){-1, 10});
    assert_dims(graph, graph_find_value(graph, "fc1.weight"), 2, (int64_t[]){128, 64});
    assert_dims(graph, graph_find_value(graph, "fc2.bias"), 1, (int64_t[]){10});
    cr_assert(graph->values[graph_find_value(graph, "fc2.weight")].trainable);
    cr_assert_eq(graph_find_value(graph, "fc2"), y, "a node's output has the node's name");
    cr_assert_eq(graph_validate(graph), SOCLE_OK, "%s", socle_error_message());
    socle_graph_destroy(graph);
    cr_assert_eq(memory_live_count(), 0);
}

Test(graph_build, dense_weights_are_he_uniform_and_follow_seed_and_name)
{
    socle_graph *graph = new_graph();
    const socle_value x = input_2d(graph, "x", 600);
    socle_graph_dense(graph, "a", x, 50, 1);
    socle_graph_dense(graph, "b", x, 50, 1);
    const float *a = graph->values[graph_find_value(graph, "a.weight")].data,
                *b = graph->values[graph_find_value(graph, "b.weight")].data;
    const float *bias = graph->values[graph_find_value(graph, "a.bias")].data;
    const double bound = sqrt(6.0 / 600);
    double sum = 0, squares = 0, most = 0;
    for (int i = 0; i < 30000; i++) {
        sum += a[i];
        squares += (double)a[i] * a[i];
        most = fmax(most, fabs(a[i]));
    }
    cr_assert_leq(most, bound);
    cr_assert_gt(most, 0.99 * bound);
    cr_assert_lt(fabs(sum / 30000), 0.02 * bound);
    cr_assert_float_eq(squares / 30000, bound * bound / 3, 0.03 * bound * bound / 3); /* the variance of a uniform distribution */
    cr_assert_neq(a[0], b[0], "two layers have the same weights");
    cr_assert_eq(bias[49], 0);
    socle_graph_destroy(graph);
}

Test(graph_build, dense_on_three_dimensions_works_on_the_last)
{
    graph_case c;
    graph_case_start(&c);
    const value_id x = graph_case_input(&c, SOCLE_FLOAT32, -1, 1, SHAPE(2, 3, 4));
    const socle_value y = socle_graph_dense(c.graph, "fc", x, 5, 1);
    assert_dims(c.graph, y, 3, (int64_t[]){2, 3, 5});
    graph_case_finish(&c);
}

Test(graph_build, convolution_layers)
{
    socle_graph *graph = new_graph();
    socle_value x;
    cr_assert_eq(socle_graph_input(graph, "x", SOCLE_FLOAT32, 4, (int64_t[]){-1, 3, 32, 32}, NULL, &x), SOCLE_OK);
    const socle_value y = socle_graph_conv2d(graph, "conv", x, 16, 3, 2, 1, 1);
    assert_dims(graph, y, 4, (int64_t[]){-1, 16, 16, 16});
    assert_dims(graph, graph_find_value(graph, "conv.weight"), 4, (int64_t[]){16, 3, 3, 3});
    cr_assert_eq(socle_graph_conv2d(graph, "zero", x, 16, 0, 1, 1, 1), SOCLE_NO_VALUE);
    socle_graph_destroy(graph);
    cr_assert_eq(memory_live_count(), 0);
}

Test(graph_build, a_failed_call_is_handed_on_with_its_message)
{
    socle_graph *graph = new_graph();
    const socle_value x = input_2d(graph, "x", 4), z = input_2d(graph, "z", 5);
    const socle_value y =
        socle_graph_unary(graph, "Relu", socle_graph_binary(graph, "Mul", socle_graph_binary(graph, "Add", x, z), x));
    cr_assert_eq(y, SOCLE_NO_VALUE);
    cr_assert(strstr(socle_error_message(), "float32[batch, 4] and float32[batch, 5] do not broadcast") != NULL, "%s",
              socle_error_message());
    cr_assert_eq(socle_graph_dense(graph, "fc", y, 3, 1), SOCLE_NO_VALUE);
    cr_assert_eq(socle_graph_output(graph, y, "y"), SOCLE_INVALID_ARGUMENT);
    socle_graph_destroy(graph);
}

Test(graph_build, names_that_are_taken_are_refused)
{
    socle_graph *graph = new_graph();
    socle_value x = input_2d(graph, "x", 4);
    const float zeros[4] = {0};
    const socle_tensor tensor = socle_tensor_f32((float *)zeros, 1, (int64_t[]){4});
    cr_assert_eq(socle_graph_initializer(graph, "x", &tensor, 0, &x), SOCLE_INVALID_ARGUMENT);
    cr_assert_str_eq(socle_error_message(), "graph 'net' has a value named 'x' already");
    cr_assert_eq(socle_graph_output(graph, x, "y"), SOCLE_OK);
    cr_assert_eq(socle_graph_output(graph, x, "y"), SOCLE_INVALID_ARGUMENT);
    socle_graph_destroy(graph);
}

Test(graph_build, an_initializer_with_too_few_bytes_is_refused)
{
    socle_graph *graph = new_graph();
    socle_value w = SOCLE_NO_VALUE;
    float data[4] = {0};
    socle_tensor tensor = socle_tensor_f32(data, 1, (int64_t[]){4});
    tensor.dims[0] = 5;
    cr_assert_eq(socle_graph_initializer(graph, "w", &tensor, 0, &w), SOCLE_INVALID_ARGUMENT);
    cr_assert_str_eq(socle_error_message(), "initializer 'w': its shape needs 20 bytes, the tensor has 16");
    tensor.dims[0] = INT64_MAX / 2;
    cr_assert_eq(socle_graph_initializer(graph, "w", &tensor, 0, &w), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(w, SOCLE_NO_VALUE);
    socle_graph_destroy(graph);
}

Test(graph_build, a_required_input_left_out_is_named)
{
    socle_graph *graph = new_graph();
    socle_value y;
    const socle_value inputs[] = {input_2d(graph, "x", 4), SOCLE_NO_VALUE};
    cr_assert_eq(socle_graph_node(graph, "Gemm", NULL, "fc", inputs, 2, NULL, 0, &y, 1), SOCLE_INVALID_ARGUMENT);
    cr_assert_str_eq(socle_error_message(), "node 'fc' (Gemm): input 1 is missing");
    socle_graph_destroy(graph);
}

/* ---- names, attributes, copies ---- */

Test(graph_build, names_are_found_after_growth_removal_and_renaming)
{
    socle_graph *graph = new_graph();
    const graph_type type = {SOCLE_FLOAT32, 1, {1}};
    char name[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "v%d", i);
        cr_assert_eq(graph_add_input(graph, name, &type), i);
    }
    for (int i = 0; i < 1000; i += 3) {
        snprintf(name, sizeof(name), "renamed%d", i);
        cr_assert_eq(graph_rename_value(graph, i, name), SOCLE_OK);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), i % 3 == 0 ? "renamed%d" : "v%d", i);
        cr_assert_eq(graph_find_value(graph, name), i);
    }
    cr_assert_eq(graph_find_value(graph, "v0"), GRAPH_NONE);
    cr_assert_eq(graph_rename_value(graph, 1, "v2"), SOCLE_INVALID_ARGUMENT);
    cr_assert_str_eq(socle_error_message(), "value 'v1' cannot be named 'v2': the name is taken");
    socle_graph_destroy(graph);
    cr_assert_eq(memory_live_count(), 0);
}

Test(graph_build, a_copy_is_equal_and_independent)
{
    for (int share = 0; share < 2; share++) {
        socle_graph *graph = new_graph(), *copy = NULL;
        const socle_value x = input_2d(graph, "x", 8);
        socle_graph_output(graph, socle_graph_unary(graph, "Softmax", socle_graph_dense(graph, "fc", x, 3, 1)), "y");
        cr_assert_eq(graph_clone(graph, share, &copy), SOCLE_OK, "%s", socle_error_message());
        cr_assert_eq(graph_validate(copy), SOCLE_OK, "%s", socle_error_message());
        cr_assert_eq(copy->node_count, graph->node_count);
        cr_assert_eq(node_int(&copy->nodes[0], "transB", 0), 1);
        cr_assert_eq(copy->values[x].type.dims[0], graph->values[x].type.dims[0]);
        cr_assert_str_eq(copy->symbols[0], "batch");
        cr_assert_str_eq(copy->output_names[0], "y");
        const value_id w = graph_find_value(copy, "fc.weight");
        cr_assert_eq(copy->values[w].data == graph->values[w].data, share);
        cr_assert(copy->values[w].trainable);
        if (!share) { /* the copy outlives the original */
            float first = *(const float *)graph->values[w].data;
            socle_graph_destroy(graph);
            graph = NULL;
            cr_assert_eq(*(const float *)copy->values[w].data, first);
        }
        socle_graph_destroy(copy);
        socle_graph_destroy(graph);
        cr_assert_eq(memory_live_count(), 0);
    }
}

Test(graph_build, labels_name_a_node_by_its_name_or_its_number)
{
    socle_graph *graph = new_graph();
    const socle_value x = input_2d(graph, "x", 4);
    socle_value y;
    socle_graph_unary(graph, "Relu", x);
    cr_assert_eq(socle_graph_node(graph, "Relu", "", "act", &x, 1, NULL, 0, &y, 1), SOCLE_OK);
    cr_assert_str_eq(graph_node_label(graph, 0), "Relu node 0");
    cr_assert_str_eq(graph_node_label(graph, 1), "node 'act' (Relu)");
    socle_graph_destroy(graph);
}

/* ---- operators of the host's own ---- */

static socle_status swap_shape(const socle_shape *inputs, socle_shape *outputs, void *user)
{
    ++*(int *)user;
    if (inputs[0].rank != 2)
        return SOCLE_SHAPE_MISMATCH;
    outputs[0] = (socle_shape){inputs[0].dtype, 2, {inputs[0].dims[1], inputs[0].dims[0]}};
    return SOCLE_OK;
}

static socle_status swap_gradient(socle_graph *graph, const socle_value *inputs, const socle_value *outputs,
                                  const socle_value *output_gradients, socle_value *input_gradients, void *user)
{
    (void)inputs, (void)outputs, (void)user;
    input_gradients[0] = socle_graph_unary(graph, "Transpose", output_gradients[0]);
    return input_gradients[0] == SOCLE_NO_VALUE ? SOCLE_INTERNAL : SOCLE_OK;
}

static socle_custom_operator swap_operator(int *calls)
{
    socle_custom_operator op = SOCLE_CUSTOM_OPERATOR_INIT;
    op.name = "Swap";
    op.domain = "my.company";
    op.input_count = op.output_count = 1;
    op.source = "__kernel void swap(...) {}";
    op.kernel = "swap";
    op.infer = swap_shape;
    op.gradient = swap_gradient;
    op.user = calls;
    return op;
}

Test(graph_build, a_registered_operator_infers_and_differentiates)
{
    socle_context context = {0};
    socle_graph *graph = NULL;
    int calls = 0;
    socle_custom_operator op = swap_operator(&calls);
    cr_assert_eq(operator_registry_create(&context.operators), SOCLE_OK);
    cr_assert_eq(socle_operator_register(&context, &op), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_operator_register(&context, &op), SOCLE_INVALID_ARGUMENT);
    cr_assert_str_eq(socle_error_message(), "operator my.company.Swap is registered already");
    cr_assert_eq(socle_graph_create(&context, "g", &graph), SOCLE_OK);
    const graph_type type = {SOCLE_FLOAT32, 2, {2, 3}};
    const value_id x = graph_add_input(graph, "x", &type);
    socle_value y;
    cr_assert_eq(socle_graph_node(graph, "Swap", "my.company", "s", &x, 1, NULL, 0, &y, 1), SOCLE_OK, "%s",
                 socle_error_message());
    assert_dims(graph, y, 2, (int64_t[]){3, 2});
    cr_assert_eq(calls, 1);
    const socle_attribute flat = ATTRIBUTE_INT("keepdims", 0);
    const value_id loss = graph_add(graph, "", "ReduceSum", &y, 1, &flat, 1, 1);
    value_id gradient;
    cr_assert_eq(graph_differentiate(graph, loss, &x, 1, &gradient), SOCLE_OK, "%s", socle_error_message());
    assert_dims(graph, gradient, 2, (int64_t[]){2, 3});
    const value_id list = graph_constant_ints(graph, (const int64_t[]){1}, 1);
    cr_assert_eq(socle_graph_node(graph, "Swap", "my.company", "bad", &list, 1, NULL, 0, &y, 1), SOCLE_SHAPE_MISMATCH);
    cr_assert(strstr(socle_error_message(), "node 'bad' (Swap)") != NULL, "%s", socle_error_message());
    socle_graph_destroy(graph);
    operator_registry_destroy(context.operators);
    cr_assert_eq(memory_live_count(), 0);
}

Test(graph_build, operators_without_a_domain_or_in_a_reserved_one_are_refused)
{
    socle_context context = {0};
    int calls = 0;
    socle_custom_operator op = swap_operator(&calls);
    cr_assert_eq(operator_registry_create(&context.operators), SOCLE_OK);
    op.domain = "";
    cr_assert_eq(socle_operator_register(&context, &op), SOCLE_INVALID_ARGUMENT);
    op.domain = "socle";
    cr_assert_eq(socle_operator_register(&context, &op), SOCLE_INVALID_ARGUMENT);
    op = swap_operator(&calls);
    op.infer = NULL;
    cr_assert_eq(socle_operator_register(&context, &op), SOCLE_INVALID_ARGUMENT);
    cr_assert_str_eq(socle_error_message(), "operator my.company.Swap: it needs OpenCL source, a kernel's name and a shape rule");
    op = swap_operator(&calls);
    op.size = 8;
    cr_assert_eq(socle_operator_register(&context, &op), SOCLE_INVALID_ARGUMENT);
    operator_registry_destroy(context.operators);
    cr_assert_eq(memory_live_count(), 0);
}

/* ---- every allocation fails once ---- */

/* Builds a small network with what lowering, folding and merging have work with, copies it, and simplifies the copy. */
static socle_status build_and_simplify(void)
{
    socle_graph *graph = NULL, *copy = NULL;
    socle_value x = SOCLE_NO_VALUE;
    socle_status status = socle_graph_create(NULL, "net", &graph);
    if (status == SOCLE_OK)
        status = socle_graph_input(graph, "x", SOCLE_FLOAT32, 4, (int64_t[]){-1, 3, 8, 8},
                                   (const char *const[]){"N", NULL, NULL, NULL}, &x);
    if (status == SOCLE_OK) {
        const socle_value conv = socle_graph_conv2d(graph, "conv", x, 4, 3, 1, 1, 1);
        const socle_value scale = graph_constant_scalar(graph, SOCLE_FLOAT32, 2);
        const socle_value pooled = socle_graph_unary(graph, "GlobalAveragePool", socle_graph_binary(graph, "Mul", conv, scale));
        const socle_value flat = socle_graph_unary(graph, "Flatten", socle_graph_unary(graph, "Gelu", pooled));
        const socle_value y = socle_graph_dense(graph, "fc", socle_graph_binary(graph, "Add", flat, flat), 5, 1);
        status = y == SOCLE_NO_VALUE ? socle_last_status() : socle_graph_output(graph, y, "y");
    }
    if (status == SOCLE_OK)
        status = graph_clone(graph, false, &copy);
    if (status == SOCLE_OK)
        status = graph_bind_shapes(copy, NULL, 0, 2);
    if (status == SOCLE_OK)
        status = graph_simplify(copy);
    socle_graph_destroy(copy);
    socle_graph_destroy(graph);
    return status;
}

Test(graph_build, every_failing_allocation_is_a_clean_out_of_memory)
{
    socle_status status = SOCLE_OUT_OF_MEMORY;
    int failed = 0;
    for (; status != SOCLE_OK && failed < 5000; failed++) {
        memory_fail_after(failed);
        status = build_and_simplify();
        memory_fail_after(-1);
        cr_assert_eq(memory_live_count(), 0, "allocation %d failed and %lld leak", failed, (long long)memory_live_count());
        cr_assert(status == SOCLE_OK || status == SOCLE_OUT_OF_MEMORY, "allocation %d: %s", failed, socle_error_message());
    }
    cr_assert_eq(status, SOCLE_OK);
    cr_assert_gt(failed, 100);
}
