/* Attributes: copies of what a caller gave, and reading them with a default. */
#include "build.h"

#include <string.h>

void attribute_clear(graph_attribute *attribute)
{
    memory_free(attribute->name);
    memory_free(attribute->s);
    memory_free(attribute->ints);
    memory_free(attribute->floats);
    memory_free(attribute->tensor.data);
    *attribute = (graph_attribute){0};
}

/* A copy of `bytes` bytes; an empty one is a unique pointer, so NULL always means failure. */
static void *copy_bytes(const void *from, size_t bytes)
{
    void *copy = memory_alloc(bytes);
    if (copy != NULL && bytes > 0)
        memcpy(copy, from, bytes);
    return copy;
}

static bool copy_tensor(const socle_tensor *from, socle_tensor *to)
{
    const size_t bytes = (size_t)socle_tensor_count(from) * socle_dtype_size_bytes(from->dtype);
    if (from->size_bytes < bytes || from->rank > SOCLE_MAX_RANK) {
        socle_fail(SOCLE_INVALID_ARGUMENT, "a tensor attribute has %zu bytes where its shape needs %zu", from->size_bytes, bytes);
        return false;
    }
    *to = *from;
    to->size_bytes = bytes;
    to->data = copy_bytes(from->data, bytes);
    return to->data != NULL;
}

bool attribute_copy(const socle_attribute *from, graph_attribute *to)
{
    *to = (graph_attribute){.kind = from->kind, .i = from->i, .f = from->f};
    bool copied = true;
    to->name = memory_copy_string(from->name);
    switch (from->kind) {
    case SOCLE_ATTRIBUTE_STRING:
        to->s = memory_copy_string(from->s != NULL ? from->s : "");
        copied = to->s != NULL;
        break;
    case SOCLE_ATTRIBUTE_INTS:
        to->count = (int)from->count;
        to->ints = copy_bytes(from->ints, from->count * sizeof(*to->ints));
        copied = to->ints != NULL;
        break;
    case SOCLE_ATTRIBUTE_FLOATS:
        to->count = (int)from->count;
        to->floats = copy_bytes(from->floats, from->count * sizeof(*to->floats));
        copied = to->floats != NULL;
        break;
    case SOCLE_ATTRIBUTE_TENSOR:
        copied = from->tensor != NULL && copy_tensor(from->tensor, &to->tensor);
        break;
    default:
        break;
    }
    if (to->name != NULL && copied)
        return true;
    attribute_clear(to);
    return false;
}

bool attribute_clone(const graph_attribute *from, graph_attribute *to)
{
    const socle_attribute view = {.name = from->name,
                                  .kind = from->kind,
                                  .i = from->i,
                                  .f = from->f,
                                  .s = from->s,
                                  .ints = from->ints,
                                  .floats = from->floats,
                                  .count = (size_t)from->count,
                                  .tensor = &from->tensor};
    return attribute_copy(&view, to);
}

static bool tensors_equal(const socle_tensor *a, const socle_tensor *b)
{
    return a->dtype == b->dtype && a->rank == b->rank && a->size_bytes == b->size_bytes &&
           memcmp(a->dims, b->dims, (size_t)a->rank * sizeof(a->dims[0])) == 0 && memcmp(a->data, b->data, a->size_bytes) == 0;
}

bool attributes_equal(const graph_attribute *a, const graph_attribute *b)
{
    if (a->kind != b->kind || a->count != b->count || strcmp(a->name, b->name) != 0)
        return false;
    switch (a->kind) {
    case SOCLE_ATTRIBUTE_INT:
        return a->i == b->i;
    case SOCLE_ATTRIBUTE_FLOAT:
        return memcmp(&a->f, &b->f, sizeof(a->f)) == 0;
    case SOCLE_ATTRIBUTE_STRING:
        return strcmp(a->s, b->s) == 0;
    case SOCLE_ATTRIBUTE_INTS:
        return memcmp(a->ints, b->ints, (size_t)a->count * sizeof(*a->ints)) == 0;
    case SOCLE_ATTRIBUTE_FLOATS:
        return memcmp(a->floats, b->floats, (size_t)a->count * sizeof(*a->floats)) == 0;
    case SOCLE_ATTRIBUTE_TENSOR:
        return tensors_equal(&a->tensor, &b->tensor);
    }
    return false;
}

/* ---- reading ---- */

const graph_attribute *node_attribute(const graph_node *node, const char *name)
{
    for (int i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0)
            return &node->attributes[i];
    return NULL;
}

int64_t node_int(const graph_node *node, const char *name, int64_t absent)
{
    const graph_attribute *a = node_attribute(node, name);
    return a != NULL && a->kind == SOCLE_ATTRIBUTE_INT ? a->i : absent;
}

/* Integers count as floats: an expression reads `fmod` and the like as numbers. */
double node_float(const graph_node *node, const char *name, double absent)
{
    const graph_attribute *a = node_attribute(node, name);
    if (a == NULL)
        return absent;
    return a->kind == SOCLE_ATTRIBUTE_FLOAT ? a->f : (a->kind == SOCLE_ATTRIBUTE_INT ? (double)a->i : absent);
}

const char *node_string(const graph_node *node, const char *name, const char *absent)
{
    const graph_attribute *a = node_attribute(node, name);
    return a != NULL && a->kind == SOCLE_ATTRIBUTE_STRING ? a->s : absent;
}

int node_ints(const graph_node *node, const char *name, int64_t *out, int capacity)
{
    const graph_attribute *a = node_attribute(node, name);
    if (a == NULL || a->kind != SOCLE_ATTRIBUTE_INTS)
        return -1;
    const int count = a->count < capacity ? a->count : capacity;
    memcpy(out, a->ints, (size_t)count * sizeof(*out));
    return count;
}
