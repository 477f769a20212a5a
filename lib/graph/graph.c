/* The graph as data: values found by name through a hash table, nodes in topological order, both in plain arrays. */
#include "build.h"

#include <stdio.h>
#include <string.h>

/* ---- names ---- */

static uint32_t name_slot(const graph_private *names, const char *name)
{
    return (uint32_t)hash_string(name).low & (uint32_t)(names->slot_count - 1);
}

static void names_insert(graph_private *names, const char *name, value_id value)
{
    uint32_t slot = name_slot(names, name);
    while (names->slots[slot] != 0)
        slot = (slot + 1) & (uint32_t)(names->slot_count - 1);
    names->slots[slot] = value + 1;
}

static bool names_reserve(socle_graph *graph)
{
    graph_private *names = graph_private_of(graph);
    if (graph->value_count * 2 < names->slot_count)
        return true;
    const int slot_count = names->slot_count == 0 ? 64 : names->slot_count * 4;
    int32_t *slots = memory_alloc_array((size_t)slot_count, sizeof(*slots));
    if (slots == NULL)
        return false;
    memory_free(names->slots);
    names->slots = slots;
    names->slot_count = slot_count;
    for (value_id v = 0; v < graph->value_count; v++)
        names_insert(names, graph->values[v].name, v);
    return true;
}

/* The slot that holds the name, or -1. */
static int64_t names_find(const socle_graph *graph, const char *name)
{
    const graph_private *names = graph_private_of(graph);
    if (names->slot_count == 0)
        return -1;
    for (uint32_t slot = name_slot(names, name); names->slots[slot] != 0; slot = (slot + 1) & (uint32_t)(names->slot_count - 1))
        if (strcmp(graph->values[names->slots[slot] - 1].name, name) == 0)
            return slot;
    return -1;
}

value_id graph_find_value(const socle_graph *graph, const char *name)
{
    const int64_t slot = names_find(graph, name);
    return slot < 0 ? GRAPH_NONE : graph_private_of(graph)->slots[slot] - 1;
}

/* Closes the gap that a removed name leaves in its run of slots. */
static void names_remove(socle_graph *graph, const char *name)
{
    graph_private *names = graph_private_of(graph);
    const uint32_t mask = (uint32_t)(names->slot_count - 1);
    int64_t found = names_find(graph, name);
    if (found < 0)
        return;
    uint32_t hole = (uint32_t)found;
    names->slots[hole] = 0;
    for (uint32_t slot = (hole + 1) & mask; names->slots[slot] != 0; slot = (slot + 1) & mask) {
        const value_id moved = names->slots[slot] - 1;
        names->slots[slot] = 0;
        names_insert(names, graph->values[moved].name, moved);
    }
}

/* ---- values ---- */

static char *made_up_name(const socle_graph *graph, const char *hint)
{
    char *name = memory_format("%s_%d", hint, graph->value_count);
    for (int k = 1; name != NULL && graph_find_value(graph, name) != GRAPH_NONE; k++) {
        memory_free(name);
        name = memory_format("%s_%d_%d", hint, graph->value_count, k);
    }
    return name;
}

value_id graph_new_value(socle_graph *graph, const char *name, const char *hint, bool exact, value_kind kind,
                         const graph_type *type)
{
    const bool given = name != NULL && name[0] != 0;
    const bool taken = given && graph_find_value(graph, name) != GRAPH_NONE;
    if (taken && exact) {
        socle_fail(SOCLE_INVALID_ARGUMENT, "the graph has a value named '%s' already: give each value a name of its own", name);
        return GRAPH_NONE;
    }
    if (!ARRAY_RESERVE(graph->values, graph->value_count, graph->value_capacity) || !names_reserve(graph))
        return GRAPH_NONE;
    char *own = given && !taken ? memory_copy_string(name) : made_up_name(graph, given ? name : hint);
    if (own == NULL)
        return GRAPH_NONE;
    const value_id value = graph->value_count++;
    graph->values[value] = (graph_value){.name = own, .kind = kind, .producer = GRAPH_NONE, .type = *type};
    names_insert(graph_private_of(graph), own, value);
    return value;
}

void graph_drop_last_value(socle_graph *graph)
{
    graph_value *last = &graph->values[graph->value_count - 1];
    names_remove(graph, last->name);
    memory_free(last->name);
    memory_free(last->owned_data);
    graph->value_count--;
}

socle_status graph_rename_value(socle_graph *graph, value_id value, const char *name)
{
    const value_id holder = graph_find_value(graph, name);
    if (holder == value)
        return SOCLE_OK;
    if (holder != GRAPH_NONE || name[0] == 0)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "value '%s' cannot be named '%s': the name is %s", graph->values[value].name,
                          name, name[0] == 0 ? "empty" : "taken");
    char *own = memory_copy_string(name);
    if (own == NULL)
        return SOCLE_OUT_OF_MEMORY;
    names_remove(graph, graph->values[value].name);
    memory_free(graph->values[value].name);
    graph->values[value].name = own;
    names_insert(graph_private_of(graph), own, value);
    return SOCLE_OK;
}

/* ---- symbols ---- */

int64_t graph_symbol(socle_graph *graph, const char *name)
{
    for (int i = 0; i < graph->symbol_count; i++)
        if (strcmp(graph->symbols[i], name) == 0)
            return DIM_SYMBOL_BASE - i;
    if (!ARRAY_RESERVE(graph->symbols, graph->symbol_count, graph->symbol_capacity))
        return DIM_UNKNOWN;
    char *own = memory_copy_string(name);
    if (own == NULL)
        return DIM_UNKNOWN;
    graph->symbols[graph->symbol_count] = own;
    return DIM_SYMBOL_BASE - graph->symbol_count++;
}

/* ---- nodes ---- */

void graph_node_clear(graph_node *node)
{
    for (int i = 0; i < node->attribute_count; i++)
        attribute_clear(&node->attributes[i]);
    memory_free(node->attributes);
    memory_free(node->inputs);
    memory_free(node->outputs);
    memory_free(node->name);
    *node = (graph_node){0};
}

node_id graph_new_node(socle_graph *graph, const graph_operator *op, const char *name, const value_id *inputs, int input_count,
                       int output_count)
{
    if (!ARRAY_RESERVE(graph->nodes, graph->node_count, graph->node_capacity))
        return GRAPH_NONE;
    graph_node *node = &graph->nodes[graph->node_count];
    *node = (graph_node){.op = op, .input_count = input_count, .output_count = output_count};
    node->name = memory_copy_string(name != NULL ? name : "");
    node->inputs = memory_alloc_array((size_t)input_count, sizeof(*node->inputs));
    node->outputs = memory_alloc_array((size_t)output_count, sizeof(*node->outputs));
    if (node->name == NULL || node->inputs == NULL || node->outputs == NULL) {
        graph_node_clear(node);
        return GRAPH_NONE;
    }
    for (int i = 0; i < input_count; i++)
        node->inputs[i] = inputs[i] < 0 ? GRAPH_NONE : inputs[i];
    for (int i = 0; i < output_count; i++)
        node->outputs[i] = GRAPH_NONE;
    return graph->node_count++;
}

void graph_remove_node(socle_graph *graph, node_id node)
{
    graph_node *gone = &graph->nodes[node];
    for (int i = 0; i < gone->output_count; i++) {
        const value_id output = gone->outputs[i];
        if (output != GRAPH_NONE && graph->values[output].kind == VALUE_NODE && graph->values[output].producer == node)
            graph->values[output].producer = GRAPH_NONE;
    }
    graph_node_clear(gone);
}

const char *graph_node_label(const socle_graph *graph, node_id node)
{
    static _Thread_local char labels[4][192];
    static _Thread_local unsigned next;
    char *label = labels[next++ % COUNT_OF(labels)];
    const graph_node *n = &graph->nodes[node];
    const char *op = n->op != NULL ? n->op->name : "removed";
    if (n->name != NULL && n->name[0] != 0)
        snprintf(label, sizeof(labels[0]), "node '%.120s' (%.40s)", n->name, op);
    else
        snprintf(label, sizeof(labels[0]), "%.40s node %d", op, node);
    return label;
}

/* ---- the graph ---- */

socle_status socle_graph_create(socle_context *context, const char *name, socle_graph **graph)
{
    if (graph == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_graph_create: no place for the graph (NULL)");
    socle_graph *made = memory_alloc(sizeof(*made));
    if (made == NULL)
        return SOCLE_OUT_OF_MEMORY;
    made->context = context;
    made->name = memory_copy_string(name != NULL ? name : "");
    made->name_index = memory_alloc(sizeof(graph_private));
    if (made->name == NULL || made->name_index == NULL) {
        memory_free(made->name);
        memory_free(made->name_index);
        memory_free(made);
        return SOCLE_OUT_OF_MEMORY;
    }
    *graph = made;
    return SOCLE_OK;
}

void socle_graph_destroy(socle_graph *graph)
{
    if (graph == NULL)
        return;
    for (int i = 0; i < graph->node_count; i++)
        graph_node_clear(&graph->nodes[i]);
    for (int i = 0; i < graph->value_count; i++) {
        memory_free(graph->values[i].name);
        memory_free(graph->values[i].owned_data);
    }
    for (int i = 0; i < graph->output_count; i++)
        memory_free(graph->output_names[i]);
    for (int i = 0; i < graph->symbol_count; i++)
        memory_free(graph->symbols[i]);
    memory_free(graph_private_of(graph)->slots);
    memory_free(graph->name_index);
    memory_free(graph->symbols);
    memory_free(graph->updates);
    memory_free(graph->output_names);
    memory_free(graph->outputs);
    memory_free(graph->inputs);
    memory_free(graph->nodes);
    memory_free(graph->values);
    memory_free(graph->name);
    memory_free(graph);
}

socle_status graph_count_uses(const socle_graph *graph, int **uses)
{
    int *counts = memory_alloc_array((size_t)graph->value_count, sizeof(*counts));
    if (counts == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int n = 0; n < graph->node_count; n++)
        for (int i = 0; i < graph->nodes[n].input_count; i++)
            if (graph->nodes[n].inputs[i] != GRAPH_NONE)
                counts[graph->nodes[n].inputs[i]]++;
    for (int i = 0; i < graph->output_count; i++)
        counts[graph->outputs[i]]++;
    for (int i = 0; i < graph->update_count; i++)
        counts[graph->updates[i].value]++;
    *uses = counts;
    return SOCLE_OK;
}
