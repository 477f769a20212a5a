/* Shapes of operators that only look at the same elements differently: Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout.
 */
#include "infer.h"
#include "operators.h"

socle_status infer_same(graph_infer *infer)
{
    infer->outputs[0] = *infer_input(infer, 0);
    return SOCLE_OK;
}

socle_status infer_float(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    if (!dtype_is_float(x->dtype))
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "it takes floating point, not %s", socle_dtype_name(x->dtype));
    return infer_same(infer);
}

socle_status infer_dropout(graph_infer *infer)
{
    socle_status status = infer_float(infer);
    infer->outputs[1] = infer->outputs[0];
    infer->outputs[1].dtype = SOCLE_BOOL;
    return status;
}

/* ---- Reshape ---- */

/* What -1 stands for: the input's elements over the output's other ones, symbols cancelled against each other. */
static int64_t remaining_dim(const graph_type *x, const graph_type *out, int at)
{
    int64_t left = 1, right = 1, symbol = 1;
    bool used[SOCLE_MAX_RANK] = {false};
    for (int d = 0; d < out->rank; d++) {
        if (d == at)
            continue;
        int match = -1;
        for (int k = 0; k < x->rank && match < 0; k++)
            if (!used[k] && out->dims[d] <= DIM_SYMBOL_BASE && x->dims[k] == out->dims[d])
                match = k;
        if (match >= 0)
            used[match] = true;
        else if (out->dims[d] < 0)
            return DIM_UNKNOWN;
        else if (!multiply_fits(right, out->dims[d], &right))
            return DIM_UNKNOWN;
    }
    for (int k = 0; k < x->rank; k++) {
        if (used[k])
            continue;
        if (x->dims[k] >= 0) {
            if (!multiply_fits(left, x->dims[k], &left))
                return DIM_UNKNOWN;
        } else if (symbol != 1) {
            return DIM_UNKNOWN;
        } else {
            symbol = x->dims[k];
        }
    }
    if (symbol != 1)
        return left == right ? symbol : DIM_UNKNOWN;
    return right != 0 && left % right == 0 ? left / right : DIM_UNKNOWN;
}

static socle_status check_counts(const graph_infer *infer, const graph_type *x, const graph_type *out)
{
    if (graph_type_known(x) && graph_type_known(out) && graph_type_count(x) != graph_type_count(out))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%s has %lld elements, %s has %lld", infer_type_text(infer, x),
                          (long long)graph_type_count(x), infer_type_text(infer, out), (long long)graph_type_count(out));
    return SOCLE_OK;
}

static socle_status fill_dims(const graph_infer *infer, const graph_type *x, const dim_value *dims, graph_type *out)
{
    const bool allow_zero = node_int(infer->node, "allowzero", 0) != 0;
    int remaining = -1;
    for (int d = 0; d < out->rank; d++) {
        out->dims[d] = dims[d].value;
        if (!dims[d].known)
            continue;
        if (dims[d].value == 0 && !allow_zero) {
            if (x->rank >= 0 && d >= x->rank)
                return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "dimension %d is to be copied from an input of rank %d", d,
                                  x->rank);
            out->dims[d] = x->rank < 0 ? DIM_UNKNOWN : x->dims[d];
        } else if (dims[d].value == -1) {
            if (remaining >= 0)
                return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "more than one dimension of the new shape is -1");
            remaining = d;
        } else if (dims[d].value < 0) {
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "dimension %d of the new shape is %lld", d, (long long)dims[d].value);
        }
    }
    if (remaining >= 0) {
        out->dims[remaining] = x->rank < 0 ? DIM_UNKNOWN : remaining_dim(x, out, remaining);
        graph_type others = *out;
        others.dims[remaining] = 1;
        if (out->dims[remaining] == DIM_UNKNOWN && graph_type_known(x) && graph_type_known(&others))
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%s cannot be reshaped: its %lld elements are no multiple of %lld",
                              infer_type_text(infer, x), (long long)graph_type_count(x), (long long)graph_type_count(&others));
    }
    return check_counts(infer, x, out);
}

socle_status infer_reshape(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0), *shape = infer_input(infer, 1);
    graph_type *out = &infer->outputs[0];
    dim_value dims[DIM_VALUES_MAX];
    if (!dtype_is_integer(shape->dtype) || shape->rank > 1)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "the new shape is %s, not a list of integers",
                          infer_type_text(infer, shape));
    *out = (graph_type){.dtype = x->dtype, .rank = -1};
    const int rank = graph_dim_values(infer->graph, infer_input_value(infer, 1), dims, DIM_VALUES_MAX);
    if (rank > SOCLE_MAX_RANK || (shape->rank == 1 && shape->dims[0] > SOCLE_MAX_RANK))
        return infer_fail(infer, SOCLE_UNSUPPORTED, "a shape of more than %d dimensions", SOCLE_MAX_RANK);
    if (rank < 0) {
        if (shape->rank == 1 && shape->dims[0] >= 0)
            infer_unknown_dims(out, (int)shape->dims[0]);
        return SOCLE_OK;
    }
    out->rank = rank;
    return fill_dims(infer, x, dims, out);
}

/* The product of dims first..end-1: a lone symbol keeps its name. */
static int64_t dims_product(const graph_type *x, int first, int end)
{
    int64_t product = 1;
    for (int d = first; d < end; d++)
        product = product == 1 ? x->dims[d] : (x->dims[d] == 1 ? product : dim_times(product, x->dims[d]));
    return product;
}

socle_status infer_flatten(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    graph_type *out = &infer->outputs[0];
    out->dtype = x->dtype;
    infer_unknown_dims(out, 2);
    if (x->rank < 0)
        return SOCLE_OK;
    int64_t axis = node_int(infer->node, "axis", 1);
    axis = axis < 0 ? axis + x->rank : axis;
    if (axis < 0 || axis > x->rank)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "axis %lld is out of range for %s", (long long)axis,
                          infer_type_text(infer, x));
    out->dims[0] = dims_product(x, 0, (int)axis);
    out->dims[1] = dims_product(x, (int)axis, x->rank);
    return SOCLE_OK;
}

/* ---- Squeeze and Unsqueeze ---- */

socle_status infer_squeeze(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    graph_type *out = &infer->outputs[0];
    int64_t axes[SOCLE_MAX_RANK];
    bool dropped[SOCLE_MAX_RANK];
    *out = (graph_type){.dtype = x->dtype, .rank = -1};
    const bool given = infer_input_value(infer, 1) != GRAPH_NONE;
    const int count = given ? infer_ints(infer, 1, axes, SOCLE_MAX_RANK) : 0;
    if (x->rank < 0 || count < 0 || (!given && !graph_type_known(x)))
        return SOCLE_OK;
    socle_status status = infer_axes(infer, axes, count, x->rank, dropped);
    if (status != SOCLE_OK)
        return status;
    out->rank = 0;
    for (int d = 0; d < x->rank; d++) {
        if (given && dropped[d] && x->dims[d] >= 0 && x->dims[d] != 1)
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "dimension %d of %s is not 1", d, infer_type_text(infer, x));
        if (given ? !dropped[d] : x->dims[d] != 1)
            out->dims[out->rank++] = x->dims[d];
    }
    return SOCLE_OK;
}

socle_status infer_unsqueeze(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    graph_type *out = &infer->outputs[0];
    int64_t axes[DIM_VALUES_MAX];
    bool added[SOCLE_MAX_RANK];
    *out = (graph_type){.dtype = x->dtype, .rank = -1};
    const int count = infer_ints(infer, 1, axes, DIM_VALUES_MAX);
    if (x->rank < 0 || count < 0)
        return SOCLE_OK;
    if (x->rank + count > SOCLE_MAX_RANK)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "a shape of more than %d dimensions", SOCLE_MAX_RANK);
    out->rank = x->rank + count;
    socle_status status = infer_axes(infer, axes, count, out->rank, added);
    for (int d = 0, from = 0; status == SOCLE_OK && d < out->rank; d++)
        out->dims[d] = added[d] ? 1 : x->dims[from++];
    return status;
}
