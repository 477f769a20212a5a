/* Types of pointwise operators: NumPy broadcasting, one element type for all operands. */
#include "infer.h"
#include "operators.h"

/* Broadcasts inputs first.. into the first output's dims (and takes the dtype of the first of them). */
static socle_status broadcast_from(graph_infer *infer, int first)
{
    graph_type *out = &infer->outputs[0];
    *out = *infer_input(infer, first);
    for (int i = first + 1; i < infer->node->input_count; i++) {
        const graph_type *input = infer_input(infer, i);
        const graph_type so_far = *out;
        if (input != NULL && !graph_broadcast(&so_far, input, out))
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH,
                              "%s and %s do not broadcast: each pair of dimensions must be equal or 1",
                              infer_type_text(infer, &so_far), infer_type_text(infer, input));
    }
    return SOCLE_OK;
}

static socle_status same_dtype_from(const graph_infer *infer, int first)
{
    const graph_type *a = infer_input(infer, first);
    for (int i = first + 1; i < infer->node->input_count; i++) {
        const graph_type *b = infer_input(infer, i);
        if (b != NULL && b->dtype != a->dtype)
            return infer_fail(infer, SOCLE_TYPE_MISMATCH, "input %d is %s where input %d is %s: cast one of them", i,
                              socle_dtype_name(b->dtype), first, socle_dtype_name(a->dtype));
    }
    return SOCLE_OK;
}

/* Operators without an integer form take floats; no arithmetic on bool. */
static socle_status numeric(const graph_infer *infer, bool integers)
{
    const socle_dtype dtype = infer_input(infer, 0)->dtype;
    if (dtype_is_float(dtype) || (integers && dtype_is_integer(dtype)))
        return SOCLE_OK;
    return infer_fail(infer, SOCLE_TYPE_MISMATCH, "it takes %s, not %s", integers ? "numbers" : "floating point",
                      socle_dtype_name(dtype));
}

socle_status infer_pointwise(graph_infer *infer)
{
    const graph_operator *op = infer->node->op;
    socle_status status = numeric(infer, op->evaluate_integer != NULL || op->kind == OPERATOR_COMPOSITE);
    if (status == SOCLE_OK)
        status = same_dtype_from(infer, 0);
    return status == SOCLE_OK ? broadcast_from(infer, 0) : status;
}

socle_status infer_comparison(graph_infer *infer)
{
    const bool equality = infer->node->op->evaluate_integer != NULL;
    const bool boolean = infer_input(infer, 0)->dtype == SOCLE_BOOL;
    socle_status status = boolean && equality ? SOCLE_OK : numeric(infer, equality);
    if (status == SOCLE_OK)
        status = same_dtype_from(infer, 0);
    if (status == SOCLE_OK)
        status = broadcast_from(infer, 0);
    infer->outputs[0].dtype = SOCLE_BOOL;
    return status;
}

socle_status infer_logic(graph_infer *infer)
{
    for (int i = 0; i < infer->node->input_count; i++)
        if (infer_input(infer, i)->dtype != SOCLE_BOOL)
            return infer_fail(infer, SOCLE_TYPE_MISMATCH, "input %d is %s, not bool", i,
                              socle_dtype_name(infer_input(infer, i)->dtype));
    return broadcast_from(infer, 0);
}

socle_status infer_where(graph_infer *infer)
{
    if (infer_input(infer, 0)->dtype != SOCLE_BOOL)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "the condition is %s, not bool",
                          socle_dtype_name(infer_input(infer, 0)->dtype));
    socle_status status = same_dtype_from(infer, 1);
    if (status == SOCLE_OK)
        status = broadcast_from(infer, 0);
    infer->outputs[0].dtype = infer_input(infer, 1)->dtype;
    return status;
}

socle_status infer_pow(graph_infer *infer)
{
    if (infer_input(infer, 1)->dtype == SOCLE_BOOL)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "the exponent is bool");
    socle_status status = numeric(infer, true);
    return status == SOCLE_OK ? broadcast_from(infer, 0) : status;
}

/* The slope broadcasts to x, not the other way. */
socle_status infer_prelu(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    socle_status status = infer_pointwise(infer);
    if (status != SOCLE_OK || x->rank < 0 || infer->outputs[0].rank < 0)
        return status;
    bool fits = infer->outputs[0].rank == x->rank;
    for (int d = 0; fits && d < x->rank; d++)
        fits = x->dims[d] < 0 || infer->outputs[0].dims[d] == x->dims[d];
    if (!fits)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "the slope %s does not broadcast to %s",
                          infer_type_text(infer, infer_input(infer, 1)), infer_type_text(infer, x));
    infer->outputs[0] = *x;
    return SOCLE_OK;
}

/* ONNX's TensorProto.DataType to ours. */
static socle_dtype dtype_from_onnx(int64_t number)
{
#define CASE(name, text, bytes, onnx)                                                                                            \
    if (number == (onnx))                                                                                                        \
        return SOCLE_##name;
    SOCLE_DTYPE_LIST(CASE)
#undef CASE
    return SOCLE_NONE;
}

socle_status infer_cast(graph_infer *infer)
{
    const int64_t to = node_int(infer->node, "to", 0);
    infer->outputs[0] = *infer_input(infer, 0);
    infer->outputs[0].dtype = dtype_from_onnx(to);
    if (infer->outputs[0].dtype == SOCLE_NONE)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "a cast to ONNX's data type %lld", (long long)to);
    return SOCLE_OK;
}

socle_status infer_cast_like(graph_infer *infer)
{
    infer->outputs[0] = *infer_input(infer, 0);
    infer->outputs[0].dtype = infer_input(infer, 1)->dtype;
    return SOCLE_OK;
}

socle_status infer_dropout_mask(graph_infer *infer)
{
    graph_type *out = &infer->outputs[0];
    out->dtype = SOCLE_FLOAT32;
    out->rank = node_ints(infer->node, "shape", out->dims, SOCLE_MAX_RANK);
    if (out->rank < 0)
        return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "the attribute shape is missing");
    return SOCLE_OK;
}
