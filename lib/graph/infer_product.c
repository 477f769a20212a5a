/* Shapes of Gemm and MatMul. */
#include "infer.h"
#include "operators.h"
#include "product_shape.h"

static socle_status check_types(const graph_infer *infer)
{
    const graph_type *a = infer_input(infer, 0), *b = infer_input(infer, 1);
    if (a->dtype != b->dtype)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "%s times %s: cast one of them", socle_dtype_name(a->dtype),
                          socle_dtype_name(b->dtype));
    if (!dtype_is_float(a->dtype))
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "products are of floating point, not %s", socle_dtype_name(a->dtype));
    return SOCLE_OK;
}

socle_status infer_gemm(graph_infer *infer)
{
    const graph_type *a = infer_input(infer, 0), *b = infer_input(infer, 1), *c = infer_input(infer, 2);
    graph_type *out = &infer->outputs[0];
    int64_t shared;
    socle_status status = check_types(infer);
    if (status != SOCLE_OK)
        return status;
    if ((a->rank >= 0 && a->rank != 2) || (b->rank >= 0 && b->rank != 2))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "it takes matrices, not %s and %s", infer_type_text(infer, a),
                          infer_type_text(infer, b));
    const bool transpose_a = node_int(infer->node, "transA", 0) != 0, transpose_b = node_int(infer->node, "transB", 0) != 0;
    out->dtype = a->dtype;
    infer_unknown_dims(out, 2);
    if (a->rank == 2)
        out->dims[0] = a->dims[transpose_a ? 1 : 0];
    if (b->rank == 2)
        out->dims[1] = b->dims[transpose_b ? 0 : 1];
    if (a->rank == 2 && b->rank == 2 && !dim_unify(a->dims[transpose_a ? 0 : 1], b->dims[transpose_b ? 1 : 0], &shared))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%s%s times %s%s: the inner dimensions differ", infer_type_text(infer, a),
                          transpose_a ? " transposed" : "", infer_type_text(infer, b), transpose_b ? " transposed" : "");
    if (c == NULL)
        return SOCLE_OK;
    if (c->dtype != a->dtype)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "C is %s, A is %s", socle_dtype_name(c->dtype), socle_dtype_name(a->dtype));
    graph_type sum;
    bool fits = c->rank < 0 || graph_broadcast(out, c, &sum);
    for (int d = 0; fits && c->rank >= 0 && d < 2; d++)
        fits = sum.rank == 2 && (out->dims[d] < 0 || sum.dims[d] < 0 || sum.dims[d] == out->dims[d]);
    if (!fits)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "C %s does not broadcast to %s", infer_type_text(infer, c),
                          infer_type_text(infer, out));
    return SOCLE_OK;
}

/* The dims in front of the last two. */
static graph_type batch_of(const graph_type *x)
{
    graph_type batch = *x;
    batch.rank = x->rank > 2 ? x->rank - 2 : 0;
    return batch;
}

socle_status infer_matmul(graph_infer *infer)
{
    const socle_status status = check_types(infer);
    if (status != SOCLE_OK)
        return status;
    return infer_product_shape(infer, infer_input(infer, 0), infer_input(infer, 1), infer_input(infer, 0)->dtype);
}

socle_status infer_product_shape(graph_infer *infer, const graph_type *a, const graph_type *b, socle_dtype dtype)
{
    graph_type *out = &infer->outputs[0];
    int64_t shared;
    if (a->rank < 0 || b->rank < 0)
        return infer_nothing(infer, dtype);
    if (a->rank == 0 || b->rank == 0)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "a scalar operand: use Mul");
    if (!dim_unify(a->dims[a->rank - 1], b->dims[b->rank > 1 ? b->rank - 2 : 0], &shared))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%s times %s: the inner dimensions differ", infer_type_text(infer, a),
                          infer_type_text(infer, b));
    const graph_type batch_a = batch_of(a), batch_b = batch_of(b);
    if (!graph_broadcast(&batch_a, &batch_b, out))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%s times %s: the batches do not broadcast", infer_type_text(infer, a),
                          infer_type_text(infer, b));
    if (a->rank > 1) /* a vector has no row dimension, on the right no column dimension */
        out->dims[out->rank++] = a->dims[a->rank - 2];
    if (b->rank > 1)
        out->dims[out->rank++] = b->dims[b->rank - 1];
    out->dtype = dtype;
    return SOCLE_OK;
}
