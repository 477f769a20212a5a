/* A hash of what a model computes, weights' contents left out: two trainings of one network share their decisions. Names do not
 * count, order of values does. */
#include "onnx.h"

#include <string.h>

/* Up to here an integer constant is a shape, axes or the like: its content decides what is computed. */
#define SMALL_CONSTANT_BYTES 1024

typedef struct hasher {
    hash128 hash;
} hasher;

static void add_bytes(hasher *h, const void *bytes, size_t size)
{
    h->hash = hash_combine(h->hash, hash_bytes(bytes, size));
}

static void add_int(hasher *h, int64_t value)
{
    add_bytes(h, &value, sizeof(value));
}

static bool is_integer(socle_dtype dtype)
{
    return dtype != SOCLE_FLOAT32 && dtype != SOCLE_FLOAT16 && dtype != SOCLE_BFLOAT16 && dtype != SOCLE_FLOAT64;
}

static void add_value(hasher *h, const graph_value *value)
{
    const int64_t head[] = {value->kind, value->type.dtype, value->type.rank, value->trainable, value->producer_output};
    add_bytes(h, head, sizeof(head));
    if (value->type.rank > 0)
        add_bytes(h, value->type.dims, (size_t)value->type.rank * sizeof(value->type.dims[0]));
    const bool scalar = value->size_bytes <= socle_dtype_size_bytes(value->type.dtype);
    if (value->kind == VALUE_CONSTANT && value->data != NULL && value->size_bytes > 0 && !value->trainable &&
        (scalar || (is_integer(value->type.dtype) && value->size_bytes <= SMALL_CONSTANT_BYTES)))
        add_bytes(h, value->data, value->size_bytes);
}

static void add_attribute(hasher *h, const graph_attribute *a)
{
    add_bytes(h, a->name, strlen(a->name) + 1);
    add_int(h, a->kind);
    add_int(h, a->i);
    add_bytes(h, &a->f, sizeof(a->f));
    if (a->s != NULL)
        add_bytes(h, a->s, strlen(a->s) + 1);
    if (a->kind == SOCLE_ATTRIBUTE_INTS && a->count > 0)
        add_bytes(h, a->ints, (size_t)a->count * sizeof(*a->ints));
    if (a->kind == SOCLE_ATTRIBUTE_FLOATS && a->count > 0)
        add_bytes(h, a->floats, (size_t)a->count * sizeof(*a->floats));
    if (a->kind == SOCLE_ATTRIBUTE_TENSOR && a->tensor.size_bytes > 0)
        add_bytes(h, a->tensor.data, a->tensor.size_bytes);
}

static void add_node(hasher *h, const graph_node *node)
{
    add_bytes(h, node->op->name, strlen(node->op->name) + 1);
    add_bytes(h, node->op->domain, strlen(node->op->domain) + 1);
    add_int(h, node->input_count);
    add_bytes(h, node->inputs, (size_t)node->input_count * sizeof(*node->inputs));
    add_int(h, node->output_count);
    add_bytes(h, node->outputs, (size_t)node->output_count * sizeof(*node->outputs));
    for (int i = 0; i < node->attribute_count; i++)
        add_attribute(h, &node->attributes[i]);
}

hash128 model_identity(const socle_graph *graph)
{
    hasher h = {hash_string("socle model identity 1")};
    for (value_id v = 0; v < graph->value_count; v++)
        add_value(&h, &graph->values[v]);
    for (node_id n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].op != NULL)
            add_node(&h, &graph->nodes[n]);
    }
    add_bytes(&h, graph->inputs, (size_t)graph->input_count * sizeof(*graph->inputs));
    add_bytes(&h, graph->outputs, (size_t)graph->output_count * sizeof(*graph->outputs));
    return h.hash;
}
