/* Shapes of Gather, GatherElements and ScatterElements. */
#include "infer.h"
#include "operators.h"

#include <string.h>

static socle_status check_indices(const graph_infer *infer)
{
    const socle_dtype dtype = infer_input(infer, 1)->dtype;
    if (dtype != SOCLE_INT32 && dtype != SOCLE_INT64)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "indices are int32 or int64, not %s", socle_dtype_name(dtype));
    return SOCLE_OK;
}

socle_status infer_gather(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0), *indices = infer_input(infer, 1);
    graph_type *out = &infer->outputs[0];
    int axis;
    socle_status status = check_indices(infer);
    if (status != SOCLE_OK || x->rank < 0 || indices->rank < 0) {
        infer_nothing(infer, x->dtype);
        return status;
    }
    status = infer_axis(infer, node_int(infer->node, "axis", 0), x->rank, &axis);
    if (status != SOCLE_OK)
        return status;
    if (x->rank - 1 + indices->rank > SOCLE_MAX_RANK)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "a result of more than %d dimensions", SOCLE_MAX_RANK);
    *out = (graph_type){.dtype = x->dtype};
    for (int d = 0; d < axis; d++)
        out->dims[out->rank++] = x->dims[d];
    for (int d = 0; d < indices->rank; d++)
        out->dims[out->rank++] = indices->dims[d];
    for (int d = axis + 1; d < x->rank; d++)
        out->dims[out->rank++] = x->dims[d];
    return SOCLE_OK;
}

/* Data and indices of one rank; no other dimension of the indices is larger than the data's. */
static socle_status check_elements(const graph_infer *infer, int *axis)
{
    const graph_type *x = infer_input(infer, 0), *indices = infer_input(infer, 1);
    if (x->rank != indices->rank)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "data %s and indices %s differ in rank", infer_type_text(infer, x),
                          infer_type_text(infer, indices));
    socle_status status = infer_axis(infer, node_int(infer->node, "axis", 0), x->rank, axis);
    for (int d = 0; status == SOCLE_OK && d < x->rank; d++)
        if (d != *axis && x->dims[d] >= 0 && indices->dims[d] > x->dims[d])
            status = infer_fail(infer, SOCLE_SHAPE_MISMATCH, "indices %s reach outside of data %s",
                                infer_type_text(infer, indices), infer_type_text(infer, x));
    return status;
}

socle_status infer_gather_elements(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0), *indices = infer_input(infer, 1);
    int axis;
    socle_status status = check_indices(infer);
    if (status != SOCLE_OK || x->rank < 0 || indices->rank < 0) {
        infer_nothing(infer, x->dtype);
        return status;
    }
    status = check_elements(infer, &axis);
    infer->outputs[0] = *indices;
    infer->outputs[0].dtype = x->dtype;
    return status;
}

socle_status infer_scatter_elements(graph_infer *infer)
{
    static const char *const reductions[] = {"none", "add", "mul", "max", "min"};
    const graph_type *x = infer_input(infer, 0), *indices = infer_input(infer, 1), *updates = infer_input(infer, 2);
    const char *reduction = node_string(infer->node, "reduction", "none");
    int axis;
    bool known = false;
    for (size_t i = 0; i < COUNT_OF(reductions); i++)
        known |= strcmp(reduction, reductions[i]) == 0;
    if (!known)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "unknown reduction '%s'", reduction);
    if (updates->dtype != x->dtype)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "updates are %s, data %s", socle_dtype_name(updates->dtype),
                          socle_dtype_name(x->dtype));
    infer->outputs[0] = *x;
    socle_status status = check_indices(infer);
    if (status != SOCLE_OK || x->rank < 0 || indices->rank < 0 || updates->rank < 0)
        return status;
    for (int d = 0; d < indices->rank; d++)
        if (updates->rank != indices->rank ||
            (updates->dims[d] >= 0 && indices->dims[d] >= 0 && updates->dims[d] != indices->dims[d]))
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "updates %s and indices %s differ", infer_type_text(infer, updates),
                              infer_type_text(infer, indices));
    return check_elements(infer, &axis);
}
