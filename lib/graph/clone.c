/* Deep copies of graphs. */
#include "build.h"

#include <string.h>

static bool copy_value(const socle_graph *from, value_id v, bool share, socle_graph *to)
{
    const graph_value *value = &from->values[v];
    if (graph_new_value(to, value->name, "value", true, value->kind, &value->type) != v)
        return false;
    graph_value *copy = &to->values[v];
    copy->producer = value->producer;
    copy->producer_output = value->producer_output;
    copy->trainable = value->trainable;
    copy->size_bytes = value->size_bytes;
    copy->data = value->data;
    if (share || value->data == NULL)
        return true;
    copy->owned_data = memory_alloc(value->size_bytes);
    if (copy->owned_data != NULL && value->size_bytes > 0)
        memcpy(copy->owned_data, value->data, value->size_bytes);
    copy->data = copy->owned_data;
    return copy->owned_data != NULL;
}

static bool copy_node(const graph_node *node, socle_graph *to)
{
    const node_id n = graph_new_node(to, node->op, node->name, node->inputs, node->input_count, node->output_count);
    if (n == GRAPH_NONE)
        return false;
    graph_node *copy = &to->nodes[n];
    memcpy(copy->outputs, node->outputs, (size_t)node->output_count * sizeof(*node->outputs));
    copy->attributes = memory_alloc_array((size_t)node->attribute_count, sizeof(*copy->attributes));
    if (copy->attributes == NULL)
        return false;
    for (; copy->attribute_count < node->attribute_count; copy->attribute_count++)
        if (!attribute_clone(&node->attributes[copy->attribute_count], &copy->attributes[copy->attribute_count]))
            return false;
    return true;
}

static bool copy_ports(const socle_graph *from, socle_graph *to)
{
    for (int i = 0; i < from->input_count; i++) {
        if (!ARRAY_RESERVE(to->inputs, to->input_count, to->input_capacity))
            return false;
        to->inputs[to->input_count++] = from->inputs[i];
    }
    for (int i = 0; i < from->output_count; i++)
        if (graph_add_output(to, from->outputs[i], from->output_names[i]) != SOCLE_OK)
            return false;
    for (int i = 0; i < from->update_count; i++)
        if (graph_add_update(to, from->updates[i].state, from->updates[i].value) != SOCLE_OK)
            return false;
    return true;
}

static bool copy_symbols(const socle_graph *from, socle_graph *to)
{
    for (int i = 0; i < from->symbol_count; i++)
        if (graph_symbol(to, from->symbols[i]) == DIM_UNKNOWN)
            return false;
    return true;
}

socle_status graph_clone(const socle_graph *graph, bool share, socle_graph **copy)
{
    socle_graph *made = NULL;
    socle_status status = socle_graph_create(graph->context, graph->name, &made);
    if (status != SOCLE_OK)
        return status;
    bool copied = copy_symbols(graph, made);
    for (value_id v = 0; copied && v < graph->value_count; v++)
        copied = copy_value(graph, v, share, made);
    for (node_id n = 0; copied && n < graph->node_count; n++)
        copied = copy_node(&graph->nodes[n], made);
    if (!copied || !copy_ports(graph, made)) {
        socle_graph_destroy(made);
        return SOCLE_OUT_OF_MEMORY;
    }
    *copy = made;
    return SOCLE_OK;
}
