/* The public calls of socle/graph.h: checks of what a host gives, then the room's own functions. */
#include "build.h"

#include <string.h>

static socle_status check_value(const socle_graph *graph, socle_value value, const char *call)
{
    if (value < 0 || value >= graph->value_count)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "%s: %d is no value of graph '%s' (an earlier call may have failed)", call,
                          value, graph->name);
    return SOCLE_OK;
}

socle_status socle_graph_input(socle_graph *graph, const char *name, socle_dtype dtype, int rank, const int64_t *dims,
                               const char *const *symbols, socle_value *value)
{
    if (graph == NULL || name == NULL || name[0] == 0 || value == NULL || (rank > 0 && dims == NULL))
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_graph_input: no graph, name, dims or place for the value (NULL)");
    if (rank < 0 || rank > SOCLE_MAX_RANK)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "input '%s': rank %d, possible are 0 to %d", name, rank, SOCLE_MAX_RANK);
    graph_type type = {.dtype = dtype, .rank = rank};
    for (int d = 0; d < rank; d++) {
        type.dims[d] = dims[d] >= 0 ? dims[d] : DIM_UNKNOWN;
        if (symbols != NULL && symbols[d] != NULL && (type.dims[d] = graph_symbol(graph, symbols[d])) == DIM_UNKNOWN)
            return SOCLE_OUT_OF_MEMORY;
    }
    if (graph_find_value(graph, name) != GRAPH_NONE)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "graph '%s' has a value named '%s' already", graph->name, name);
    const value_id made = graph_add_input(graph, name, &type);
    if (made == GRAPH_NONE)
        return socle_last_status();
    *value = made;
    return SOCLE_OK;
}

socle_status socle_graph_initializer(socle_graph *graph, const char *name, const socle_tensor *data, int trainable,
                                     socle_value *value)
{
    if (graph == NULL || name == NULL || name[0] == 0 || data == NULL || value == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_graph_initializer: no graph, name, data or place for the value (NULL)");
    if (data->dtype <= SOCLE_NONE || data->dtype >= SOCLE_DTYPE_COUNT || data->rank < 0 || data->rank > SOCLE_MAX_RANK)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "initializer '%s': element type %d, rank %d", name, (int)data->dtype,
                          data->rank);
    graph_type type = {.dtype = data->dtype, .rank = data->rank};
    int64_t bytes = (int64_t)socle_dtype_size_bytes(data->dtype);
    for (int d = 0; d < data->rank; d++) {
        type.dims[d] = data->dims[d];
        if (data->dims[d] < 0 || !multiply_fits(bytes, data->dims[d], &bytes))
            return socle_fail(SOCLE_INVALID_ARGUMENT, "initializer '%s': dimension %d is %lld", name, d,
                              (long long)data->dims[d]);
    }
    if ((uint64_t)bytes > data->size_bytes || (data->data == NULL && bytes > 0))
        return socle_fail(SOCLE_INVALID_ARGUMENT, "initializer '%s': its shape needs %lld bytes, the tensor has %zu", name,
                          (long long)bytes, data->size_bytes);
    if (graph_find_value(graph, name) != GRAPH_NONE)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "graph '%s' has a value named '%s' already", graph->name, name);
    const value_id made = graph_add_constant(graph, name, &type, data->data, true);
    if (made == GRAPH_NONE)
        return SOCLE_OUT_OF_MEMORY;
    graph->values[made].trainable = trainable != 0;
    *value = made;
    return SOCLE_OK;
}

socle_status socle_graph_output(socle_graph *graph, socle_value value, const char *name)
{
    if (graph == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_graph_output: no graph (NULL)");
    socle_status status = check_value(graph, value, "socle_graph_output");
    return status == SOCLE_OK ? graph_add_output(graph, value, name) : status;
}

static socle_status check_node_inputs(const socle_graph *graph, const char *op, const char *name, const socle_value *inputs,
                                      int count)
{
    for (int i = 0; i < count; i++)
        if (inputs[i] >= graph->value_count)
            return socle_fail(SOCLE_INVALID_ARGUMENT, "node '%s' (%s): input %d is no value of the graph",
                              name != NULL ? name : "", op, i);
    return SOCLE_OK;
}

socle_status socle_graph_node(socle_graph *graph, const char *op, const char *domain, const char *name, const socle_value *inputs,
                              int input_count, const socle_attribute *attributes, int attribute_count, socle_value *outputs,
                              int output_count)
{
    if (graph == NULL || op == NULL || outputs == NULL || output_count < 1 || input_count < 0 || attribute_count < 0 ||
        (input_count > 0 && inputs == NULL) || (attribute_count > 0 && attributes == NULL))
        return socle_fail(SOCLE_INVALID_ARGUMENT,
                          "socle_graph_node: no graph, operator, inputs, attributes or place for outputs");
    for (int i = 0; i < attribute_count; i++)
        if (attributes[i].name == NULL || attributes[i].count > INT32_MAX)
            return socle_fail(SOCLE_INVALID_ARGUMENT, "node '%s' (%s): attribute %d has no name", name != NULL ? name : "", op,
                              i);
    socle_status status = check_node_inputs(graph, op, name, inputs, input_count);
    if (status != SOCLE_OK)
        return status;
    const node_id node =
        graph_add_node(graph, domain, op, name, inputs, input_count, attributes, attribute_count, output_count, &status);
    if (node == GRAPH_NONE)
        return status;
    for (int i = 0; i < output_count; i++)
        outputs[i] = graph->nodes[node].outputs[i];
    return SOCLE_OK;
}

socle_value socle_graph_unary(socle_graph *graph, const char *op, socle_value a)
{
    socle_value y = SOCLE_NO_VALUE;
    if (a != SOCLE_NO_VALUE)
        (void)socle_graph_node(graph, op, NULL, NULL, &a, 1, NULL, 0, &y, 1);
    return y;
}

socle_value socle_graph_binary(socle_graph *graph, const char *op, socle_value a, socle_value b)
{
    socle_value y = SOCLE_NO_VALUE;
    if (a != SOCLE_NO_VALUE && b != SOCLE_NO_VALUE)
        (void)socle_graph_node(graph, op, NULL, NULL, (const socle_value[]){a, b}, 2, NULL, 0, &y, 1);
    return y;
}

socle_status socle_graph_value_info(const socle_graph *graph, socle_value value, socle_dtype *dtype, int *rank, int64_t *dims)
{
    if (graph == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_graph_value_info: no graph (NULL)");
    socle_status status = check_value(graph, value, "socle_graph_value_info");
    if (status != SOCLE_OK)
        return status;
    const graph_type *type = &graph->values[value].type;
    if (dtype != NULL)
        *dtype = type->dtype;
    if (rank != NULL)
        *rank = type->rank;
    for (int d = 0; dims != NULL && d < type->rank; d++)
        dims[d] = type->dims[d] >= 0 ? type->dims[d] : -1;
    return SOCLE_OK;
}
