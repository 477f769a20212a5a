/* Building: inputs, constants, states, and nodes whose types are inferred as they are added. */
#include "build.h"
#include "elements.h"

#include <string.h>

/* ---- values ---- */

static bool type_valid(const graph_type *type)
{
    if (type->dtype <= SOCLE_NONE || type->dtype >= SOCLE_DTYPE_COUNT || type->rank > SOCLE_MAX_RANK || type->rank < -1) {
        socle_fail(SOCLE_INVALID_ARGUMENT, "not a tensor type: element type %d, rank %d (at most %d)", (int)type->dtype,
                   type->rank, SOCLE_MAX_RANK);
        return false;
    }
    int64_t bytes = (int64_t)socle_dtype_size_bytes(type->dtype);
    for (int d = 0; d < type->rank; d++) {
        if (type->dims[d] > 0 && !multiply_fits(bytes, type->dims[d], &bytes)) {
            socle_fail(SOCLE_INVALID_ARGUMENT, "a tensor of more than 2^63 bytes");
            return false;
        }
    }
    return true;
}

value_id graph_add_input(socle_graph *graph, const char *name, const graph_type *type)
{
    if (!type_valid(type) || !ARRAY_RESERVE(graph->inputs, graph->input_count, graph->input_capacity))
        return GRAPH_NONE;
    const value_id value = graph_new_value(graph, name, "input", true, VALUE_INPUT, type);
    if (value != GRAPH_NONE)
        graph->inputs[graph->input_count++] = value;
    return value;
}

static value_id add_data(socle_graph *graph, const char *name, bool exact, value_kind kind, const graph_type *type,
                         const void *data, bool copy)
{
    if (!type_valid(type))
        return GRAPH_NONE;
    if (!graph_type_known(type)) {
        socle_fail(SOCLE_INVALID_ARGUMENT, "constant '%s' has a dimension that is not known", name != NULL ? name : "");
        return GRAPH_NONE;
    }
    const size_t bytes = graph_type_bytes(type);
    void *owned = NULL;
    if (copy) {
        owned = memory_alloc(bytes);
        if (owned == NULL)
            return GRAPH_NONE;
        if (bytes > 0)
            memcpy(owned, data, bytes);
    }
    const value_id value = graph_new_value(graph, name, kind == VALUE_STATE ? "state" : "constant", exact, kind, type);
    if (value == GRAPH_NONE) {
        memory_free(owned);
        return GRAPH_NONE;
    }
    graph_value *v = &graph->values[value];
    v->data = copy ? owned : data;
    v->owned_data = owned;
    v->size_bytes = bytes;
    return value;
}

value_id graph_add_constant(socle_graph *graph, const char *name, const graph_type *type, const void *data, bool copy)
{
    return add_data(graph, name, true, VALUE_CONSTANT, type, data, copy);
}

value_id graph_add_state(socle_graph *graph, const char *name, const graph_type *type, const void *data, bool copy)
{
    return add_data(graph, name, true, VALUE_STATE, type, data, copy);
}

value_id graph_constant_ints(socle_graph *graph, const int64_t *values, int count)
{
    const graph_type type = {SOCLE_INT64, 1, {count}};
    return add_data(graph, NULL, false, VALUE_CONSTANT, &type, values, true);
}

value_id graph_constant_scalar(socle_graph *graph, socle_dtype dtype, double value)
{
    const graph_type type = {dtype, 0, {0}};
    uint64_t element = 0;
    elements_write_real(dtype, &element, 0, 1, &value);
    return add_data(graph, NULL, false, VALUE_CONSTANT, &type, &element, true);
}

/* ---- nodes ---- */

static socle_status check_counts(const graph_operator *op, const char *name, int input_count, int output_count)
{
    const char *label = name != NULL ? name : "";
    if (input_count < op->min_inputs || (op->max_inputs >= 0 && input_count > op->max_inputs))
        return socle_fail(SOCLE_INVALID_ARGUMENT, "node '%s' (%s): %d inputs, takes %d to %d", label, op->name, input_count,
                          op->min_inputs, op->max_inputs);
    if (output_count < op->min_outputs || (op->max_outputs >= 0 && output_count > op->max_outputs))
        return socle_fail(SOCLE_INVALID_ARGUMENT, "node '%s' (%s): %d outputs, makes %d to %d", label, op->name, output_count,
                          op->min_outputs, op->max_outputs);
    return SOCLE_OK;
}

static bool copy_attributes(socle_graph *graph, node_id node, const socle_attribute *attributes, int count)
{
    graph_node *n = &graph->nodes[node];
    n->attributes = memory_alloc_array((size_t)count, sizeof(*n->attributes));
    if (n->attributes == NULL)
        return false;
    for (; n->attribute_count < count; n->attribute_count++)
        if (!attribute_copy(&attributes[n->attribute_count], &n->attributes[n->attribute_count]))
            return false;
    return true;
}

/* Values of the node's outputs, named after the node, still without a type. */
static bool make_outputs(socle_graph *graph, node_id node)
{
    const graph_type unknown = {SOCLE_NONE, -1, {0}};
    for (int i = 0; i < graph->nodes[node].output_count; i++) {
        const graph_node *n = &graph->nodes[node];
        const value_id value = graph_new_value(graph, n->name, n->op->name, false, VALUE_NODE, &unknown);
        if (value == GRAPH_NONE)
            return false;
        graph->values[value].producer = node;
        graph->values[value].producer_output = i;
        graph->nodes[node].outputs[i] = value;
    }
    return true;
}

node_id graph_add_node(socle_graph *graph, const char *domain, const char *op_name, const char *name, const value_id *inputs,
                       int input_count, const socle_attribute *attributes, int attribute_count, int output_count,
                       socle_status *status)
{
    const char *where = domain != NULL ? domain : "";
    const graph_operator *op = operator_find(graph->context, where, op_name);
    if (op == NULL) {
        *status = socle_fail(SOCLE_UNSUPPORTED, "node '%s': unknown operator %s%s%s", name != NULL ? name : "", where,
                             where[0] != 0 ? "." : "", op_name);
        return GRAPH_NONE;
    }
    *status = check_counts(op, name, input_count, output_count);
    if (*status != SOCLE_OK)
        return GRAPH_NONE;
    *status = SOCLE_OUT_OF_MEMORY;
    const int values_before = graph->value_count;
    const node_id node = graph_new_node(graph, op, name, inputs, input_count, output_count);
    if (node == GRAPH_NONE)
        return GRAPH_NONE;
    if (copy_attributes(graph, node, attributes, attribute_count) && make_outputs(graph, node))
        *status = graph_infer_node(graph, node);
    if (*status == SOCLE_OK)
        return node;
    while (graph->value_count > values_before)
        graph_drop_last_value(graph);
    graph_node_clear(&graph->nodes[node]);
    graph->node_count = node;
    return GRAPH_NONE;
}

value_id graph_node_more(socle_graph *graph, node_id node)
{
    const graph_type unknown = {SOCLE_NONE, -1, {0}};
    graph_node *n = &graph->nodes[node];
    const int count = n->output_count;
    if (check_counts(n->op, n->name, n->input_count, count + 1) != SOCLE_OK)
        return GRAPH_NONE;
    value_id *outputs = memory_resize(n->outputs, (size_t)count * sizeof(*outputs), (size_t)(count + 1) * sizeof(*outputs));
    if (outputs == NULL)
        return GRAPH_NONE;
    n->outputs = outputs;
    const value_id value = graph_new_value(graph, n->name, n->op->name, false, VALUE_NODE, &unknown);
    if (value == GRAPH_NONE)
        return GRAPH_NONE;
    graph->values[value].producer = node;
    graph->values[value].producer_output = count;
    n->outputs[count] = value;
    n->output_count = count + 1;
    return graph_infer_node(graph, node) == SOCLE_OK ? value : GRAPH_NONE;
}

value_id graph_add(socle_graph *graph, const char *domain, const char *op, const value_id *inputs, int input_count,
                   const socle_attribute *attributes, int attribute_count, int output_count)
{
    const graph_operator *known = operator_find(graph->context, domain != NULL ? domain : "", op);
    for (int i = 0; known != NULL && i < input_count; i++)
        if (inputs[i] == GRAPH_NONE && (i < known->min_inputs || known->max_inputs < 0))
            return GRAPH_NONE;
    socle_status status;
    const node_id node =
        graph_add_node(graph, domain, op, NULL, inputs, input_count, attributes, attribute_count, output_count, &status);
    return node == GRAPH_NONE ? GRAPH_NONE : graph->nodes[node].outputs[0];
}

value_id graph_unary(socle_graph *graph, const char *op, value_id a)
{
    return graph_add(graph, "", op, &a, 1, NULL, 0, 1);
}

value_id graph_binary(socle_graph *graph, const char *op, value_id a, value_id b)
{
    return graph_add(graph, "", op, (const value_id[]){a, b}, 2, NULL, 0, 1);
}

/* ---- outputs and updates ---- */

socle_status graph_add_output(socle_graph *graph, value_id value, const char *name)
{
    if (value < 0 || value >= graph->value_count)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "graph '%s': an output is no value of the graph", graph->name);
    const char *label = name != NULL && name[0] != 0 ? name : graph->values[value].name;
    int names_capacity = graph->output_capacity;
    for (int i = 0; i < graph->output_count; i++)
        if (strcmp(graph->output_names[i], label) == 0)
            return socle_fail(SOCLE_INVALID_ARGUMENT, "graph '%s' has an output named '%s' already", graph->name, label);
    if (!ARRAY_RESERVE(graph->output_names, graph->output_count, names_capacity) ||
        !ARRAY_RESERVE(graph->outputs, graph->output_count, graph->output_capacity))
        return SOCLE_OUT_OF_MEMORY;
    char *own = memory_copy_string(label);
    if (own == NULL)
        return SOCLE_OUT_OF_MEMORY;
    graph->output_names[graph->output_count] = own;
    graph->outputs[graph->output_count++] = value;
    return SOCLE_OK;
}

socle_status graph_add_update(socle_graph *graph, value_id state, value_id value)
{
    if (state < 0 || value < 0 || graph->values[state].kind != VALUE_STATE)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "graph '%s': an update needs a state and a value", graph->name);
    const graph_type *from = &graph->values[value].type, *to = &graph->values[state].type;
    if (from->dtype != to->dtype || (graph_type_known(from) && graph_type_count(from) != graph_type_count(to)))
        return socle_fail(SOCLE_SHAPE_MISMATCH, "the update of '%s' by '%s' has another type", graph->values[state].name,
                          graph->values[value].name);
    if (!ARRAY_RESERVE(graph->updates, graph->update_count, graph->update_capacity))
        return SOCLE_OUT_OF_MEMORY;
    graph->updates[graph->update_count++] = (graph_update){state, value};
    return SOCLE_OK;
}

/* ---- constants as numbers ---- */

int graph_constant_int_values(const socle_graph *graph, value_id value, int64_t *out, int capacity)
{
    if (!graph_is_constant(graph, value))
        return -1;
    const graph_value *v = &graph->values[value];
    if (!dtype_is_integer(v->type.dtype) || graph_type_count(&v->type) > capacity)
        return -1;
    const int count = (int)graph_type_count(&v->type);
    elements_read_integer(v->type.dtype, v->data, 0, count, out);
    return count;
}

bool graph_constant_float(const socle_graph *graph, value_id value, double *out)
{
    if (!graph_is_constant(graph, value) || graph_type_count(&graph->values[value].type) != 1)
        return false;
    elements_read_real(graph->values[value].type.dtype, graph->values[value].data, 0, 1, out);
    return true;
}
