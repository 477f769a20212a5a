/* The short forms of gradient_compose.h. */
#include "gradient_compose.h"

/* ---- reading ---- */

graph_type compose_type(const socle_graph *graph, value_id value)
{
    return graph->values[value].type;
}

socle_dtype compose_dtype(const socle_graph *graph, value_id value)
{
    return graph->values[value].type.dtype;
}

bool compose_same_shape(const graph_type *a, const graph_type *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return true;
}

/* ---- arithmetic ---- */

value_id compose_node(socle_graph *graph, const char *domain, const char *op, const value_id *inputs, int input_count,
                      const socle_attribute *attributes, int attribute_count)
{
    for (int i = 0; i < input_count; i++)
        if (inputs[i] == GRAPH_NONE)
            return GRAPH_NONE;
    return graph_add(graph, domain, op, inputs, input_count, attributes, attribute_count, 1);
}

value_id compose_unary(socle_graph *graph, const char *op, value_id a)
{
    return compose_node(graph, "", op, &a, 1, NULL, 0);
}

value_id compose_binary(socle_graph *graph, const char *op, value_id a, value_id b)
{
    return compose_node(graph, "", op, (value_id[]){a, b}, 2, NULL, 0);
}

value_id compose_where(socle_graph *graph, value_id condition, value_id yes, value_id no)
{
    return compose_node(graph, "", "Where", (value_id[]){condition, yes, no}, 3, NULL, 0);
}

value_id compose_number(socle_graph *graph, value_id like, double number)
{
    return like == GRAPH_NONE ? GRAPH_NONE : graph_constant_scalar(graph, compose_dtype(graph, like), number);
}

value_id compose_scale(socle_graph *graph, value_id a, double factor)
{
    return factor == 1 ? a : compose_binary(graph, "Mul", a, compose_number(graph, a, factor));
}

value_id compose_add_number(socle_graph *graph, value_id a, double number)
{
    return number == 0 ? a : compose_binary(graph, "Add", a, compose_number(graph, a, number));
}

value_id compose_cast(socle_graph *graph, value_id a, socle_dtype dtype)
{
    static const int onnx_types[] = {
#define ONNX_TYPE(name, text, bytes, onnx) [SOCLE_##name] = (onnx),
        SOCLE_DTYPE_LIST(ONNX_TYPE)
#undef ONNX_TYPE
    };
    if (a == GRAPH_NONE || compose_dtype(graph, a) == dtype)
        return a;
    const socle_attribute to = ATTRIBUTE_INT("to", onnx_types[dtype]);
    return compose_node(graph, "", "Cast", &a, 1, &to, 1);
}

/* ---- products ---- */

value_id compose_product(socle_graph *graph, value_id a, bool transpose_a, value_id b, bool transpose_b, double alpha)
{
    const socle_attribute attributes[] = {ATTRIBUTE_INT("transA", transpose_a), ATTRIBUTE_INT("transB", transpose_b),
                                          ATTRIBUTE_FLOAT("alpha", alpha)};
    return compose_node(graph, "", "Gemm", (value_id[]){a, b}, 2, attributes, 3);
}

/* ---- shapes ---- */

value_id compose_reshape(socle_graph *graph, value_id a, int rank, const int64_t *dims)
{
    if (a == GRAPH_NONE)
        return GRAPH_NONE;
    graph_type wanted = {compose_dtype(graph, a), rank, {0}}, present = compose_type(graph, a);
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        wanted.dims[i] = dims[i];
        empty = empty || dims[i] == 0;
    }
    if (compose_same_shape(&wanted, &present))
        return a;
    const socle_attribute zero_is_zero = ATTRIBUTE_INT("allowzero", 1);
    return compose_node(graph, "", "Reshape", (value_id[]){a, graph_constant_ints(graph, dims, rank)}, 2, &zero_is_zero,
                        empty ? 1 : 0);
}

value_id compose_reshape_as(socle_graph *graph, value_id a, const graph_type *type)
{
    return compose_reshape(graph, a, type->rank, type->dims);
}

value_id compose_expand_as(socle_graph *graph, value_id a, const graph_type *type)
{
    if (a == GRAPH_NONE)
        return GRAPH_NONE;
    const graph_type present = compose_type(graph, a);
    if (compose_same_shape(&present, type))
        return a;
    return compose_binary(graph, "Expand", a, graph_constant_ints(graph, type->dims, type->rank));
}

value_id compose_transpose(socle_graph *graph, value_id a, const int64_t *permutation)
{
    if (a == GRAPH_NONE)
        return GRAPH_NONE;
    const int rank = compose_type(graph, a).rank;
    const socle_attribute perm = ATTRIBUTE_INTS("perm", permutation, (size_t)rank);
    return compose_node(graph, "", "Transpose", &a, 1, &perm, 1);
}

value_id compose_swap_last(socle_graph *graph, value_id a)
{
    int64_t permutation[SOCLE_MAX_RANK];
    if (a == GRAPH_NONE)
        return GRAPH_NONE;
    const int rank = compose_type(graph, a).rank;
    for (int i = 0; i < rank; i++)
        permutation[i] = i;
    permutation[rank - 2] = rank - 1;
    permutation[rank - 1] = rank - 2;
    return compose_transpose(graph, a, permutation);
}

value_id compose_slice(socle_graph *graph, value_id a, int axis, int64_t start, int64_t end, int64_t step)
{
    if (a == GRAPH_NONE)
        return GRAPH_NONE;
    if (step == 1 && start == 0 && end == compose_type(graph, a).dims[axis])
        return a;
    const int64_t axis64 = axis;
    const value_id inputs[] = {a, graph_constant_ints(graph, &start, 1), graph_constant_ints(graph, &end, 1),
                               graph_constant_ints(graph, &axis64, 1), graph_constant_ints(graph, &step, 1)};
    return compose_node(graph, "", "Slice", inputs, step == 1 ? 4 : 5, NULL, 0);
}

value_id compose_pad(socle_graph *graph, value_id a, int axis, int64_t before, int64_t after)
{
    int64_t pads[2 * SOCLE_MAX_RANK] = {0};
    if (a == GRAPH_NONE)
        return GRAPH_NONE;
    if (before == 0 && after == 0)
        return a;
    const int rank = compose_type(graph, a).rank;
    const int64_t size = compose_type(graph, a).dims[axis];
    if (before <= 0 && after <= 0)
        return compose_slice(graph, a, axis, -before, size + after, 1);
    pads[axis] = before;
    pads[rank + axis] = after;
    return compose_binary(graph, "Pad", a, graph_constant_ints(graph, pads, 2 * rank));
}

value_id compose_filled(socle_graph *graph, const graph_type *type, double number)
{
    return compose_expand_as(graph, graph_constant_scalar(graph, type->dtype, number), type);
}

value_id compose_zeros(socle_graph *graph, const graph_type *type)
{
    return compose_filled(graph, type, 0);
}

value_id compose_counting(socle_graph *graph, socle_dtype dtype, int64_t count, int axis, int rank)
{
    int64_t dims[SOCLE_MAX_RANK];
    int64_t *numbers = memory_alloc_array((size_t)count, sizeof(*numbers));
    if (numbers == NULL)
        return GRAPH_NONE;
    for (int64_t i = 0; i < count; i++)
        numbers[i] = i;
    for (int i = 0; i < rank; i++)
        dims[i] = i == axis ? count : 1;
    const graph_type type = {SOCLE_INT64, 1, {count}};
    value_id counting = graph_add_constant(graph, NULL, &type, numbers, true);
    memory_free(numbers);
    return compose_reshape(graph, compose_cast(graph, counting, dtype), rank, dims);
}

/* ---- reductions ---- */

value_id compose_reduce(socle_graph *graph, const char *op, value_id a, const int64_t *axes, int count, bool keep)
{
    if (count == 0)
        return a;
    const socle_attribute keepdims = ATTRIBUTE_INT("keepdims", keep);
    return compose_node(graph, "", op, (value_id[]){a, graph_constant_ints(graph, axes, count)}, 2, &keepdims, 1);
}

value_id graph_reduce_to(socle_graph *graph, value_id value, const graph_type *type)
{
    int64_t axes[SOCLE_MAX_RANK];
    int count = 0;
    if (value == GRAPH_NONE)
        return GRAPH_NONE;
    const graph_type present = compose_type(graph, value);
    const int extra = present.rank - type->rank;
    bool inner = false; /* an axis that stays, with one element */
    for (int i = 0; i < present.rank; i++) {
        const bool broadcast = i >= extra && type->dims[i - extra] == 1 && present.dims[i] != 1;
        if (i < extra || broadcast)
            axes[count++] = i;
        inner = inner || broadcast;
    }
    return compose_reshape_as(graph, compose_reduce(graph, "ReduceSum", value, axes, count, inner), type);
}

/* ---- rules ---- */

socle_status compose_set(graph_gradient *g, int input, value_id gradient)
{
    if (gradient == GRAPH_NONE)
        return socle_last_status();
    g->input_gradients[input] = gradient;
    return SOCLE_OK;
}

value_id compose_input(const graph_gradient *g, int input)
{
    const graph_node *node = &g->graph->nodes[g->node];
    return input < node->input_count ? node->inputs[input] : GRAPH_NONE;
}

value_id compose_output(const graph_gradient *g, int output)
{
    const graph_node *node = &g->graph->nodes[g->node];
    return output < node->output_count ? node->outputs[output] : GRAPH_NONE;
}
