/* Types of operators whose values follow from shapes: Shape, Size, Constant, ConstantOfShape, Range. */
#include "infer.h"
#include "operators.h"
#include "slice.h"

#include <math.h>
#include <string.h>

socle_status infer_shape(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    graph_type *out = &infer->outputs[0];
    *out = (graph_type){.dtype = SOCLE_INT64, .rank = 1, .dims = {DIM_UNKNOWN}};
    if (x->rank >= 0)
        out->dims[0] = slice_extent(x->rank, node_int(infer->node, "start", 0), node_int(infer->node, "end", x->rank), 1, NULL);
    return SOCLE_OK;
}

socle_status infer_size(graph_infer *infer)
{
    infer->outputs[0] = (graph_type){.dtype = SOCLE_INT64, .rank = 0};
    return SOCLE_OK;
}

static graph_type type_of_tensor(const socle_tensor *tensor)
{
    graph_type type = {.dtype = tensor->dtype, .rank = tensor->rank};
    memcpy(type.dims, tensor->dims, sizeof(type.dims));
    return type;
}

socle_status infer_constant(graph_infer *infer)
{
    static const struct {
        const char *name;
        socle_dtype dtype;
        int rank;
    } forms[] = {{"value_float", SOCLE_FLOAT32, 0},
                 {"value_floats", SOCLE_FLOAT32, 1},
                 {"value_int", SOCLE_INT64, 0},
                 {"value_ints", SOCLE_INT64, 1}};
    const graph_attribute *value = node_attribute(infer->node, "value");
    if (value != NULL && value->kind == SOCLE_ATTRIBUTE_TENSOR) {
        infer->outputs[0] = type_of_tensor(&value->tensor);
        return SOCLE_OK;
    }
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        const graph_attribute *given = node_attribute(infer->node, forms[i].name);
        if (given != NULL) {
            infer->outputs[0] = (graph_type){.dtype = forms[i].dtype, .rank = forms[i].rank, .dims = {given->count}};
            return SOCLE_OK;
        }
    }
    return infer_fail(infer, SOCLE_UNSUPPORTED, "a constant needs a tensor, numbers or a list of numbers");
}

socle_status infer_constant_of_shape(graph_infer *infer)
{
    const graph_attribute *value = node_attribute(infer->node, "value");
    const graph_type *shape = infer_input(infer, 0);
    graph_type *out = &infer->outputs[0];
    dim_value dims[DIM_VALUES_MAX];
    *out = (graph_type){.dtype = SOCLE_FLOAT32, .rank = -1};
    if (value != NULL) {
        if (value->kind != SOCLE_ATTRIBUTE_TENSOR || socle_tensor_count(&value->tensor) != 1)
            return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "value is no tensor of one element");
        out->dtype = value->tensor.dtype;
    }
    const int rank = graph_dim_values(infer->graph, infer_input_value(infer, 0), dims, DIM_VALUES_MAX);
    if (rank > SOCLE_MAX_RANK)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "a shape of more than %d dimensions", SOCLE_MAX_RANK);
    if (rank < 0 && shape->rank == 1 && shape->dims[0] >= 0 && shape->dims[0] <= SOCLE_MAX_RANK)
        infer_unknown_dims(out, (int)shape->dims[0]);
    if (rank < 0)
        return SOCLE_OK;
    out->rank = rank;
    for (int d = 0; d < rank; d++) {
        if (dims[d].known && dims[d].value < 0)
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "dimension %d of the shape is %lld", d, (long long)dims[d].value);
        out->dims[d] = dims[d].value;
    }
    return SOCLE_OK;
}

/* One number, where it is known. */
static bool scalar(const graph_infer *infer, int input, double *out)
{
    int64_t integer;
    if (graph_constant_float(infer->graph, infer_input_value(infer, input), out))
        return true;
    if (infer_ints(infer, input, &integer, 1) != 1)
        return false;
    *out = (double)integer;
    return true;
}

socle_status infer_range(graph_infer *infer)
{
    graph_type *out = &infer->outputs[0];
    const socle_dtype dtype = infer_input(infer, 0)->dtype;
    double start, limit, delta;
    *out = (graph_type){.dtype = dtype, .rank = 1, .dims = {DIM_UNKNOWN}};
    if (infer_input(infer, 1)->dtype != dtype || infer_input(infer, 2)->dtype != dtype)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "start, limit and delta differ in type");
    if (!scalar(infer, 0, &start) || !scalar(infer, 1, &limit) || !scalar(infer, 2, &delta))
        return SOCLE_OK;
    const double count = ceil((limit - start) / delta);
    if (delta == 0 || !(count < 1e15))
        return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "from %g to %g in steps of %g", start, limit, delta);
    out->dims[0] = count > 0 ? (int64_t)count : 0;
    return SOCLE_OK;
}
