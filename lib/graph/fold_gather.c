/* Gather, GatherElements and ScatterElements on the host. An index out of range leaves the node for the device's checks. */
#include "fold.h"
#include "operators.h"

#include <math.h>
#include <string.h>

static int axis_of(const graph_node *node, int rank)
{
    const int64_t axis = node_int(node, "axis", 0);
    return (int)(axis < 0 ? axis + rank : axis);
}

/* Index number i, counted from the end where negative; false when out of range. */
static bool read_index(const socle_tensor *indices, int64_t i, int64_t extent, int64_t *out)
{
    elements_read_integer(indices->dtype, indices->data, i, 1, out);
    *out += *out < 0 ? extent : 0;
    return *out >= 0 && *out < extent;
}

bool fold_gather(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    const socle_tensor *x = &inputs[0];
    const int axis = axis_of(node, x->rank);
    const int64_t extent = x->dims[axis], count = socle_tensor_count(&inputs[1]);
    int64_t outer = 1, index;
    size_t row = socle_dtype_size_bytes(x->dtype);
    for (int d = 0; d < axis; d++)
        outer *= x->dims[d];
    for (int d = axis + 1; d < x->rank; d++)
        row *= (size_t)x->dims[d];
    char *to = outputs[0].data;
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < count; i++, to += row) {
            if (!read_index(&inputs[1], i, extent, &index))
                return false;
            memcpy(to, (const char *)x->data + (size_t)(o * extent + index) * row, row);
        }
    }
    return true;
}

/* The place in data (dims) that position `at` of the indices refers to along the axis. */
static int64_t element_offset(const int64_t *at, const int64_t *strides, int rank, int axis, int64_t index)
{
    int64_t offset = 0;
    for (int d = 0; d < rank; d++)
        offset += (d == axis ? index : at[d]) * strides[d];
    return offset;
}

bool fold_gather_elements(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    const int rank = inputs[0].rank, axis = axis_of(node, rank);
    const size_t bytes = socle_dtype_size_bytes(inputs[0].dtype);
    const int64_t total = socle_tensor_count(&outputs[0]), none[SOCLE_MAX_RANK] = {0};
    int64_t at[SOCLE_MAX_RANK] = {0}, strides[SOCLE_MAX_RANK], index, unused = 0;
    dense_strides(inputs[0].dims, rank, strides);
    for (int64_t i = 0; i < total; i++) {
        if (!read_index(&inputs[1], i, inputs[0].dims[axis], &index))
            return false;
        memcpy((char *)outputs[0].data + (size_t)i * bytes,
               (const char *)inputs[0].data + (size_t)element_offset(at, strides, rank, axis, index) * bytes, bytes);
        index_next(at, outputs[0].dims, rank, none, &unused);
    }
    return true;
}

static double combine_reals(char reduction, double old, double update)
{
    if (reduction == 'a')
        return old + update;
    if (reduction == 'u')
        return old * update;
    if (reduction == 'x')
        return isnan(old) || old > update ? old : update;
    if (reduction == 'i')
        return isnan(old) || old < update ? old : update;
    return update;
}

static int64_t combine_integers(char reduction, int64_t old, int64_t update)
{
    if (reduction == 'a')
        return (int64_t)((uint64_t)old + (uint64_t)update);
    if (reduction == 'u')
        return (int64_t)((uint64_t)old * (uint64_t)update);
    if (reduction == 'x')
        return old > update ? old : update;
    if (reduction == 'i')
        return old < update ? old : update;
    return update;
}

/* none, add, mul, max, min by the letter that tells them apart. */
static char reduction_letter(const graph_node *node)
{
    const char *name = node_string(node, "reduction", "none");
    return name[0] == 'm' ? (name[1] == 'a' ? 'x' : name[1]) : name[0];
}

bool fold_scatter_elements(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    const socle_tensor *indices = &inputs[1], *updates = &inputs[2];
    const int rank = inputs[0].rank, axis = axis_of(node, rank);
    const socle_dtype dtype = inputs[0].dtype;
    const char reduction = reduction_letter(node);
    const int64_t total = socle_tensor_count(indices), none[SOCLE_MAX_RANK] = {0};
    int64_t at[SOCLE_MAX_RANK] = {0}, strides[SOCLE_MAX_RANK], index, unused = 0;
    if (outputs[0].size_bytes > 0)
        memcpy(outputs[0].data, inputs[0].data, outputs[0].size_bytes);
    dense_strides(inputs[0].dims, rank, strides);
    for (int64_t i = 0; i < total; i++) {
        if (!read_index(indices, i, inputs[0].dims[axis], &index))
            return false;
        const int64_t place = element_offset(at, strides, rank, axis, index);
        if (dtype_is_float(dtype)) {
            double old, update;
            elements_read_real(dtype, outputs[0].data, place, 1, &old);
            elements_read_real(dtype, updates->data, i, 1, &update);
            update = combine_reals(reduction, old, update);
            elements_write_real(dtype, outputs[0].data, place, 1, &update);
        } else {
            int64_t old, update;
            elements_read_integer(dtype, outputs[0].data, place, 1, &old);
            elements_read_integer(dtype, updates->data, i, 1, &update);
            update = combine_integers(reduction, old, update);
            elements_write_integer(dtype, outputs[0].data, place, 1, &update);
        }
        index_next(at, indices->dims, rank, none, &unused);
    }
    return true;
}
