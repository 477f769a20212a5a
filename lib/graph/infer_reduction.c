/* Shapes of reductions along axes, and of ArgMax and ArgMin. */
#include "infer.h"
#include "operators.h"

#include <string.h>

static void drop_axes(const graph_type *x, const bool *reduced, bool keep, graph_type *out)
{
    out->rank = 0;
    for (int d = 0; d < x->rank; d++)
        if (!reduced[d] || keep)
            out->dims[out->rank++] = reduced[d] ? 1 : x->dims[d];
}

static bool only_floats(const char *name)
{
    return strcmp(name, "ReduceL2") == 0 || strncmp(name, "ReduceLog", 9) == 0;
}

socle_status infer_reduce(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    graph_type *out = &infer->outputs[0];
    int64_t axes[SOCLE_MAX_RANK];
    bool reduced[SOCLE_MAX_RANK];
    if (x->dtype == SOCLE_BOOL || (only_floats(infer->node->op->name) && !dtype_is_float(x->dtype)))
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "it cannot reduce %s", socle_dtype_name(x->dtype));
    *out = (graph_type){.dtype = x->dtype, .rank = -1};
    const bool keep = node_int(infer->node, "keepdims", 1) != 0, given = infer_input_value(infer, 1) != GRAPH_NONE;
    const int count = given ? infer_ints(infer, 1, axes, SOCLE_MAX_RANK) : 0;
    if (x->rank < 0)
        return SOCLE_OK;
    if (count < 0) {
        if (keep)
            infer_unknown_dims(out, x->rank);
        return SOCLE_OK;
    }
    socle_status status = infer_axes(infer, axes, count, x->rank, reduced);
    if (count == 0) /* no axes: all of them, or none at all */
        for (int d = 0; d < x->rank; d++)
            reduced[d] = node_int(infer->node, "noop_with_empty_axes", 0) == 0;
    drop_axes(x, reduced, keep, out);
    return status;
}

socle_status infer_arg(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    graph_type *out = &infer->outputs[0];
    bool reduced[SOCLE_MAX_RANK] = {false};
    int axis = 0;
    *out = (graph_type){.dtype = SOCLE_INT64, .rank = -1};
    if (x->dtype == SOCLE_BOOL)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "bool has no order");
    if (x->rank < 0)
        return SOCLE_OK;
    socle_status status = infer_axis(infer, node_int(infer->node, "axis", 0), x->rank, &axis);
    if (status != SOCLE_OK)
        return status;
    if (x->dims[axis] == 0)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "dimension %d of %s is empty", axis, infer_type_text(infer, x));
    reduced[axis] = true;
    drop_axes(x, reduced, node_int(infer->node, "keepdims", 1) != 0, out);
    return SOCLE_OK;
}
