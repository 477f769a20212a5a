/* Movement operators on the host. Shapes were checked by inference. */
#include "fold.h"
#include "operators.h"
#include "slice.h"

#include <string.h>

static strided_copy copy_of(const socle_tensor *out)
{
    strided_copy copy = {.rank = out->rank, .element_bytes = socle_dtype_size_bytes(out->dtype)};
    memcpy(copy.dims, out->dims, (size_t)out->rank * sizeof(out->dims[0]));
    dense_strides(out->dims, out->rank, copy.to_stride);
    return copy;
}

static const char *element_at(const socle_tensor *tensor, int64_t offset)
{
    return (const char *)tensor->data + offset * (int64_t)socle_dtype_size_bytes(tensor->dtype);
}

/* Identity, Reshape, Flatten, Squeeze, Unsqueeze: the same elements. */
bool fold_copy(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    (void)node;
    if (outputs[0].size_bytes > 0)
        memcpy(outputs[0].data, inputs[0].data, outputs[0].size_bytes);
    return true;
}

bool fold_transpose(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    int64_t perm[SOCLE_MAX_RANK], strides[SOCLE_MAX_RANK];
    strided_copy copy = copy_of(&outputs[0]);
    const bool given = node_ints(node, "perm", perm, SOCLE_MAX_RANK) >= 0;
    dense_strides(inputs[0].dims, inputs[0].rank, strides);
    for (int d = 0; d < copy.rank; d++) {
        const int64_t from = given ? (perm[d] < 0 ? perm[d] + copy.rank : perm[d]) : copy.rank - 1 - d;
        copy.from_stride[d] = strides[from];
    }
    strided_copy_run(&copy, inputs[0].data, outputs[0].data);
    return true;
}

static int axis_of(const graph_node *node, int rank)
{
    const int64_t axis = node_int(node, "axis", 0);
    return (int)(axis < 0 ? axis + rank : axis);
}

/* Inputs may be more than 64: they are read from the graph, not from `inputs`. */
bool fold_concat(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)inputs;
    socle_tensor *out = &outputs[0];
    const int axis = axis_of(node, out->rank);
    int64_t at = 0;
    for (int i = 0; i < node->input_count; i++) {
        const graph_value *x = &graph->values[node->inputs[i]];
        strided_copy copy = copy_of(out);
        memcpy(copy.dims, x->type.dims, (size_t)copy.rank * sizeof(copy.dims[0]));
        dense_strides(x->type.dims, copy.rank, copy.from_stride);
        strided_copy_run(&copy, x->data, (void *)element_at(out, at * copy.to_stride[axis]));
        at += x->type.dims[axis];
    }
    return true;
}

bool fold_split(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    const int axis = axis_of(node, inputs[0].rank);
    int64_t at = 0;
    for (int i = 0; i < node->output_count; i++) {
        strided_copy copy = copy_of(&outputs[i]);
        dense_strides(inputs[0].dims, copy.rank, copy.from_stride);
        strided_copy_run(&copy, element_at(&inputs[0], at * copy.from_stride[axis]), outputs[i].data);
        at += outputs[i].dims[axis];
    }
    return true;
}

bool fold_slice(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    int64_t starts[SOCLE_MAX_RANK], ends[SOCLE_MAX_RANK], axes[SOCLE_MAX_RANK], steps[SOCLE_MAX_RANK], offset = 0;
    strided_copy copy = copy_of(&outputs[0]);
    dense_strides(inputs[0].dims, copy.rank, copy.from_stride);
    const int count = tensor_ints(&inputs[1], starts, SOCLE_MAX_RANK);
    if (tensor_ints(&inputs[2], ends, SOCLE_MAX_RANK) != count)
        return false;
    const bool has_axes = node->input_count > 3 && tensor_ints(&inputs[3], axes, SOCLE_MAX_RANK) >= 0;
    const bool has_steps = node->input_count > 4 && tensor_ints(&inputs[4], steps, SOCLE_MAX_RANK) >= 0;
    for (int i = 0; i < count; i++) {
        const int axis = (int)(!has_axes ? i : (axes[i] < 0 ? axes[i] + copy.rank : axes[i]));
        const int64_t step = has_steps ? steps[i] : 1;
        int64_t first;
        slice_extent(inputs[0].dims[axis], starts[i], ends[i], step, &first);
        offset += first * copy.from_stride[axis];
        copy.from_stride[axis] *= step;
    }
    strided_copy_run(&copy, element_at(&inputs[0], offset), outputs[0].data);
    return true;
}

bool fold_expand(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    (void)node;
    strided_copy copy = copy_of(&outputs[0]);
    broadcast_strides(&inputs[0], copy.rank, copy.from_stride);
    strided_copy_run(&copy, inputs[0].data, outputs[0].data);
    return true;
}

/* Each dimension becomes (repeat, element). */
bool fold_tile(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    (void)node;
    int64_t from[SOCLE_MAX_RANK], to[SOCLE_MAX_RANK];
    const int rank = inputs[0].rank;
    strided_copy copy = {.rank = 2 * rank, .element_bytes = socle_dtype_size_bytes(outputs[0].dtype)};
    dense_strides(inputs[0].dims, rank, from);
    dense_strides(outputs[0].dims, rank, to);
    for (int d = 0; d < rank; d++) {
        copy.dims[2 * d] = inputs[0].dims[d] == 0 ? 0 : outputs[0].dims[d] / inputs[0].dims[d];
        copy.to_stride[2 * d] = to[d] * inputs[0].dims[d];
        copy.dims[2 * d + 1] = inputs[0].dims[d];
        copy.from_stride[2 * d + 1] = from[d];
        copy.to_stride[2 * d + 1] = to[d];
    }
    strided_copy_run(&copy, inputs[0].data, outputs[0].data);
    return true;
}

/* ---- Pad ---- */

/* The element of a dimension that position `at` (may be outside) shows; -1: the constant. */
static int64_t pad_source(const char *mode, int64_t at, int64_t dim)
{
    if (at >= 0 && at < dim)
        return at;
    if (mode[0] == 'e')
        return at < 0 ? 0 : dim - 1;
    if (mode[0] == 'r')
        return at < 0 ? -at : 2 * (dim - 1) - at;
    return mode[0] == 'w' ? (at % dim + dim) % dim : -1;
}

bool fold_pad(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    const char *mode = node_string(node, "mode", "constant");
    const int rank = inputs[0].rank;
    const size_t bytes = socle_dtype_size_bytes(outputs[0].dtype);
    const int64_t no_strides[SOCLE_MAX_RANK] = {0};
    int64_t pads[2 * SOCLE_MAX_RANK], axes[SOCLE_MAX_RANK], begin[SOCLE_MAX_RANK] = {0}, strides[SOCLE_MAX_RANK];
    int64_t index[SOCLE_MAX_RANK] = {0}, unused = 0;
    const int count = tensor_ints(&inputs[1], pads, 2 * SOCLE_MAX_RANK) / 2;
    const bool has_axes = node->input_count > 3 && tensor_ints(&inputs[3], axes, SOCLE_MAX_RANK) >= 0;
    const bool has_value = node->input_count > 2 && inputs[2].data != NULL;
    const uint64_t zero = 0;
    for (int i = 0; i < count; i++)
        begin[!has_axes ? i : (axes[i] < 0 ? axes[i] + rank : axes[i])] = pads[i];
    dense_strides(inputs[0].dims, rank, strides);
    const int64_t total = socle_tensor_count(&outputs[0]);
    for (int64_t i = 0; i < total; i++) {
        int64_t offset = 0;
        for (int d = 0; d < rank && offset >= 0; d++) {
            const int64_t source = pad_source(mode, index[d] - begin[d], inputs[0].dims[d]);
            offset = source < 0 ? -1 : offset + source * strides[d];
        }
        const void *from = offset >= 0 ? element_at(&inputs[0], offset) : (has_value ? inputs[2].data : (const void *)&zero);
        memcpy((char *)outputs[0].data + (size_t)i * bytes, from, bytes);
        index_next(index, outputs[0].dims, rank, no_strides, &unused);
    }
    return true;
}
