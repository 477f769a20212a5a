/* Is a graph what the passes rely on? For graphs that come from files, and for tests of the passes themselves. */
#include "build.h"
#include "infer.h"

#include <string.h>

static socle_status check_value(const socle_graph *graph, value_id v)
{
    const graph_value *value = &graph->values[v];
    if (value->name == NULL || value->name[0] == 0 || graph_find_value(graph, value->name) != v)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "graph '%s': value %d has no name of its own", graph->name, v);
    if (value->type.rank > SOCLE_MAX_RANK)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "value '%s' has rank %d", value->name, value->type.rank);
    if (value->kind == VALUE_CONSTANT || value->kind == VALUE_STATE) {
        const bool zeros = value->kind == VALUE_STATE && value->data == NULL; /* a state without content starts with them */
        if (!graph_type_known(&value->type) || (value->data == NULL && !zeros) ||
            value->size_bytes != graph_type_bytes(&value->type))
            return socle_fail(SOCLE_INVALID_ARGUMENT, "'%s' has %zu bytes of data, which do not fit its type", value->name,
                              value->size_bytes);
    }
    if (value->kind == VALUE_NODE && value->producer != GRAPH_NONE) {
        const node_id n = value->producer;
        if (n < 0 || n >= graph->node_count || graph->nodes[n].op == NULL ||
            value->producer_output >= graph->nodes[n].output_count || graph->nodes[n].outputs[value->producer_output] != v)
            return socle_fail(SOCLE_INVALID_ARGUMENT, "value '%s' says that it is made by a node which does not make it",
                              value->name);
    }
    return SOCLE_OK;
}

/* A use needs a value that exists before node `user` (node_count for outputs and updates). */
static socle_status check_use(const socle_graph *graph, value_id v, node_id user)
{
    const char *where = user < graph->node_count ? graph_node_label(graph, user) : "an output";
    if (v < 0 || v >= graph->value_count)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "graph '%s': %s uses value %d, which is none", graph->name, where, v);
    const graph_value *value = &graph->values[v];
    if (value->kind == VALUE_NODE && value->producer == GRAPH_NONE)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "graph '%s': %s uses '%s', which no node makes", graph->name, where,
                          value->name);
    if (value->kind == VALUE_NODE && value->producer >= user)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "graph '%s': %s uses '%s' before it is made: a cycle, or nodes out of order",
                          graph->name, where, value->name);
    return SOCLE_OK;
}

static socle_status check_node(const socle_graph *graph, node_id n)
{
    const graph_node *node = &graph->nodes[n];
    socle_status status = SOCLE_OK;
    if (node->op == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "graph '%s': node %d was removed and not dropped", graph->name, n);
    for (int i = 0; status == SOCLE_OK && i < node->input_count; i++) {
        if (node->inputs[i] != GRAPH_NONE)
            status = check_use(graph, node->inputs[i], n);
        else if (i < node->op->min_inputs || node->op->max_inputs < 0)
            status = socle_fail(SOCLE_INVALID_ARGUMENT, "%s: input %d is missing", graph_node_label(graph, n), i);
    }
    for (int i = 0; status == SOCLE_OK && i < node->output_count; i++) {
        const value_id output = node->outputs[i];
        if (output != GRAPH_NONE && (graph->values[output].kind != VALUE_NODE || graph->values[output].producer != n))
            status = socle_fail(SOCLE_INVALID_ARGUMENT, "%s: its output '%s' is made elsewhere", graph_node_label(graph, n),
                                graph->values[output].name);
    }
    return status;
}

socle_status graph_validate(const socle_graph *graph)
{
    socle_status status = SOCLE_OK;
    for (value_id v = 0; status == SOCLE_OK && v < graph->value_count; v++)
        status = check_value(graph, v);
    for (node_id n = 0; status == SOCLE_OK && n < graph->node_count; n++)
        status = check_node(graph, n);
    for (int i = 0; status == SOCLE_OK && i < graph->output_count; i++)
        status = check_use(graph, graph->outputs[i], graph->node_count);
    for (int i = 0; status == SOCLE_OK && i < graph->update_count; i++) {
        status = check_use(graph, graph->updates[i].value, graph->node_count);
        if (status == SOCLE_OK && graph->values[graph->updates[i].state].kind != VALUE_STATE)
            status = socle_fail(SOCLE_INVALID_ARGUMENT, "graph '%s': update %d is of no state", graph->name, i);
    }
    return status;
}
