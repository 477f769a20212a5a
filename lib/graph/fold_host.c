/* Shape, Size, Constant, ConstantOfShape and Range. */
#include "fold.h"
#include "operators.h"

#include <string.h>

/* The dims themselves come from dim_values.c (fold.c asks it first); here they are all known. */
bool fold_shape(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    int64_t start = node_int(node, "start", 0);
    start = start < 0 ? start + inputs[0].rank : start;
    start = start < 0 ? 0 : start;
    if (outputs[0].dims[0] > 0)
        memcpy(outputs[0].data, inputs[0].dims + start, (size_t)outputs[0].dims[0] * sizeof(int64_t));
    return true;
}

bool fold_size(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    (void)node;
    *(int64_t *)outputs[0].data = socle_tensor_count(&inputs[0]);
    return true;
}

bool fold_constant(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    (void)inputs;
    for (int i = 0; i < node->attribute_count; i++) {
        const graph_attribute *a = &node->attributes[i];
        switch (a->kind) {
        case SOCLE_ATTRIBUTE_TENSOR:
            if (outputs[0].size_bytes > 0)
                memcpy(outputs[0].data, a->tensor.data, outputs[0].size_bytes);
            return true;
        case SOCLE_ATTRIBUTE_FLOAT:
            elements_write_real(outputs[0].dtype, outputs[0].data, 0, 1, &a->f);
            return true;
        case SOCLE_ATTRIBUTE_FLOATS:
            elements_write_real(outputs[0].dtype, outputs[0].data, 0, a->count, a->floats);
            return true;
        case SOCLE_ATTRIBUTE_INT:
            elements_write_integer(outputs[0].dtype, outputs[0].data, 0, 1, &a->i);
            return true;
        case SOCLE_ATTRIBUTE_INTS:
            elements_write_integer(outputs[0].dtype, outputs[0].data, 0, a->count, a->ints);
            return true;
        case SOCLE_ATTRIBUTE_STRING:
            break;
        }
    }
    return false;
}

bool fold_constant_of_shape(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    (void)inputs;
    const graph_attribute *value = node_attribute(node, "value");
    const size_t bytes = socle_dtype_size_bytes(outputs[0].dtype);
    const int64_t total = socle_tensor_count(&outputs[0]);
    for (int64_t i = 0; value != NULL && i < total; i++)
        memcpy((char *)outputs[0].data + (size_t)i * bytes, value->tensor.data, bytes);
    return true; /* without a value: zeros, as memory comes */
}

bool fold_range(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    (void)node;
    for (int64_t i = 0; i < outputs[0].dims[0]; i++) {
        if (dtype_is_float(inputs[0].dtype)) {
            double start, delta, value;
            elements_read_real(inputs[0].dtype, inputs[0].data, 0, 1, &start);
            elements_read_real(inputs[2].dtype, inputs[2].data, 0, 1, &delta);
            value = start + (double)i * delta;
            elements_write_real(outputs[0].dtype, outputs[0].data, i, 1, &value);
        } else {
            int64_t start, delta, value;
            elements_read_integer(inputs[0].dtype, inputs[0].data, 0, 1, &start);
            elements_read_integer(inputs[2].dtype, inputs[2].data, 0, 1, &delta);
            value = (int64_t)((uint64_t)start + (uint64_t)i * (uint64_t)delta);
            elements_write_integer(outputs[0].dtype, outputs[0].data, i, 1, &value);
        }
    }
    return true;
}
