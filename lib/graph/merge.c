/* Common subexpressions: nodes with the same operator, inputs and attributes are one node; small constants with the same content
 * are one constant. One pass in topological order with a hash table. */
#include "build.h"
#include "operators.h"

#include <string.h>

#define MERGED_CONSTANT_BYTES 4096

typedef struct merging {
    socle_graph *graph;
    forwarding forward;
    int *slots; /* node or constant + 1 */
    int slot_count;
} merging;

static hash128 hash_number(hash128 h, int64_t number)
{
    return hash_combine(h, hash_bytes(&number, sizeof(number)));
}

static hash128 hash_attribute(const graph_attribute *a)
{
    hash128 h = hash_string(a->name);
    h = hash_number(h, a->kind);
    switch (a->kind) {
    case SOCLE_ATTRIBUTE_INT:
        return hash_number(h, a->i);
    case SOCLE_ATTRIBUTE_FLOAT:
        return hash_combine(h, hash_bytes(&a->f, sizeof(a->f)));
    case SOCLE_ATTRIBUTE_STRING:
        return hash_combine(h, hash_string(a->s));
    case SOCLE_ATTRIBUTE_INTS:
        return hash_combine(h, hash_bytes(a->ints, (size_t)a->count * sizeof(*a->ints)));
    case SOCLE_ATTRIBUTE_FLOATS:
        return hash_combine(h, hash_bytes(a->floats, (size_t)a->count * sizeof(*a->floats)));
    case SOCLE_ATTRIBUTE_TENSOR:
        return hash_combine(h, hash_bytes(a->tensor.data, a->tensor.size_bytes));
    }
    return h;
}

static hash128 hash_node(const graph_node *node)
{
    hash128 h = hash_bytes(node->inputs, (size_t)node->input_count * sizeof(*node->inputs));
    h = hash_combine(h, hash_bytes(&node->op, sizeof(node->op)));
    for (int i = 0; i < node->attribute_count; i++)
        h = hash_combine(h, hash_attribute(&node->attributes[i]));
    return h;
}

static bool nodes_equal(const graph_node *a, const graph_node *b)
{
    if (a->op != b->op || a->input_count != b->input_count || a->output_count != b->output_count ||
        a->attribute_count != b->attribute_count ||
        memcmp(a->inputs, b->inputs, (size_t)a->input_count * sizeof(*a->inputs)) != 0)
        return false;
    for (int i = 0; i < a->attribute_count; i++)
        if (!attributes_equal(&a->attributes[i], &b->attributes[i]))
            return false;
    return true;
}

static void merge_node(merging *m, node_id n)
{
    graph_node *node = &m->graph->nodes[n];
    forwarding_apply_node(&m->forward, node);
    if (node->op->kind == OPERATOR_CUSTOM) /* a host's kernel may count, draw numbers ... */
        return;
    unsigned slot = (unsigned)hash_node(node).low & (unsigned)(m->slot_count - 1);
    for (; m->slots[slot] != 0; slot = (slot + 1) & (unsigned)(m->slot_count - 1)) {
        const graph_node *other = &m->graph->nodes[m->slots[slot] - 1];
        if (!nodes_equal(node, other))
            continue;
        for (int i = 0; i < node->output_count; i++)
            if (node->outputs[i] != GRAPH_NONE && other->outputs[i] != GRAPH_NONE)
                forwarding_set(&m->forward, node->outputs[i], other->outputs[i]);
        graph_remove_node(m->graph, n);
        return;
    }
    m->slots[slot] = n + 1;
}

static bool constants_equal(const graph_value *a, const graph_value *b)
{
    return a->type.dtype == b->type.dtype && a->type.rank == b->type.rank && a->size_bytes == b->size_bytes &&
           memcmp(a->type.dims, b->type.dims, (size_t)a->type.rank * sizeof(a->type.dims[0])) == 0 &&
           memcmp(a->data, b->data, a->size_bytes) == 0;
}

static void merge_constant(merging *m, value_id v)
{
    const graph_value *value = &m->graph->values[v];
    if (value->kind != VALUE_CONSTANT || value->trainable || value->size_bytes > MERGED_CONSTANT_BYTES)
        return;
    const hash128 h = hash_number(hash_bytes(value->data, value->size_bytes), value->type.dtype);
    unsigned slot = (unsigned)h.low & (unsigned)(m->slot_count - 1);
    for (; m->slots[slot] != 0; slot = (slot + 1) & (unsigned)(m->slot_count - 1)) {
        if (constants_equal(value, &m->graph->values[m->slots[slot] - 1])) {
            forwarding_set(&m->forward, v, m->slots[slot] - 1);
            return;
        }
    }
    m->slots[slot] = v + 1;
}

static int slots_for(int count)
{
    int slots = 64;
    while (slots < 2 * count)
        slots *= 2;
    return slots;
}

static bool table_start(merging *m, int count)
{
    memory_free(m->slots);
    m->slot_count = slots_for(count);
    m->slots = memory_alloc_array((size_t)m->slot_count, sizeof(*m->slots));
    return m->slots != NULL;
}

socle_status graph_merge_common(socle_graph *graph)
{
    merging m = {.graph = graph};
    if (!forwarding_start(&m.forward, graph))
        return SOCLE_OUT_OF_MEMORY;
    socle_status status = SOCLE_OUT_OF_MEMORY;
    if (!table_start(&m, graph->value_count))
        goto cleanup;
    for (value_id v = 0; v < graph->value_count; v++)
        merge_constant(&m, v);
    if (!table_start(&m, graph->node_count))
        goto cleanup;
    for (node_id n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].op != NULL)
            merge_node(&m, n);
    status = SOCLE_OK;
cleanup:
    if (status != SOCLE_OK) /* some nodes may read merged constants already: hand all of them over */
        for (node_id n = 0; n < graph->node_count; n++)
            forwarding_apply_node(&m.forward, &graph->nodes[n]);
    forwarding_finish(&m.forward, graph);
    memory_free(m.slots);
    return status == SOCLE_OK ? graph_sort(graph) : status;
}
