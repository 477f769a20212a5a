/* Shapes of what works on a line of elements in order: CumSum and TopK. */
#include "infer.h"
#include "operators.h"

static bool is_one_number(const graph_type *type)
{
    return type->rank <= 0 || (type->rank == 1 && (type->dims[0] == 1 || type->dims[0] < 0));
}

socle_status infer_cum_sum(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0), *axis = infer_input(infer, 1);
    int64_t given;
    int found;
    infer->outputs[0] = *x;
    if (x->dtype == SOCLE_BOOL)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "bool cannot be added up");
    if (axis->dtype != SOCLE_INT32 && axis->dtype != SOCLE_INT64)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "its axis is int32 or int64, not %s", socle_dtype_name(axis->dtype));
    if (!is_one_number(axis))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "its axis is %s: it must be one number", infer_type_text(infer, axis));
    if (graph_constant_int_values(infer->graph, infer_input_value(infer, 1), &given, 1) != 1 || x->rank < 0)
        return SOCLE_OK;
    return infer_axis(infer, given, x->rank, &found);
}

socle_status infer_top_k(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    int64_t k;
    int axis;
    infer->outputs[0] = infer->outputs[1] = *x;
    infer->outputs[1].dtype = SOCLE_INT64;
    if (x->dtype == SOCLE_BOOL)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "bool has no order");
    if (infer_input(infer, 1)->dtype != SOCLE_INT64)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "k is int64, not %s", socle_dtype_name(infer_input(infer, 1)->dtype));
    if (!is_one_number(infer_input(infer, 1)))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "k is %s: it must be one number",
                          infer_type_text(infer, infer_input(infer, 1)));
    if (x->rank < 0)
        return SOCLE_OK;
    socle_status status = infer_axis(infer, node_int(infer->node, "axis", -1), x->rank, &axis);
    if (status != SOCLE_OK)
        return status;
    const bool known = infer_ints(infer, 1, &k, 1) == 1;
    if (known && k < 0)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "k is %lld: it must be 0 or more", (long long)k);
    if (known && x->dims[axis] >= 0 && k > x->dims[axis])
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "k is %lld: dimension %d of %s has only %lld elements", (long long)k, axis,
                          infer_type_text(infer, x), (long long)x->dims[axis]);
    infer->outputs[0].dims[axis] = infer->outputs[1].dims[axis] = known ? k : DIM_UNKNOWN;
    return SOCLE_OK;
}
