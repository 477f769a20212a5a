/* Shapes of normalizations, Softmax and the losses. */
#include "infer.h"
#include "operators.h"

#include <string.h>

static socle_status check_float(const graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    if (!dtype_is_float(x->dtype))
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "it takes floating point, not %s", socle_dtype_name(x->dtype));
    return SOCLE_OK;
}

/* Inputs first..last are lists of one number per channel. */
static socle_status check_per_channel(const graph_infer *infer, int first, int last)
{
    const graph_type *x = infer_input(infer, 0);
    int64_t dim;
    if (x->rank >= 0 && x->rank < 2)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "it takes [N, C, ...], not %s", infer_type_text(infer, x));
    for (int i = first; i <= last; i++) {
        const graph_type *p = infer_input(infer, i);
        if (!dtype_is_float(p->dtype))
            return infer_fail(infer, SOCLE_TYPE_MISMATCH, "input %d is %s", i, socle_dtype_name(p->dtype));
        if (p->rank < 0 || x->rank < 0)
            continue;
        if (p->rank != 1 || !dim_unify(p->dims[0], x->dims[1], &dim))
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "input %d is %s where %s has %lld channels", i,
                              infer_type_text(infer, p), infer_type_text(infer, x), (long long)x->dims[1]);
    }
    return SOCLE_OK;
}

socle_status infer_batch_normalization(graph_infer *infer)
{
    socle_status status = check_float(infer);
    if (status == SOCLE_OK)
        status = check_per_channel(infer, 1, 4);
    const bool training = node_int(infer->node, "training_mode", 0) != 0;
    if (status == SOCLE_OK && !training && infer->node->output_count > 1)
        status = infer_fail(infer, SOCLE_INVALID_ARGUMENT, "running statistics are made with training_mode = 1 only");
    infer->outputs[0] = *infer_input(infer, 0);
    infer->outputs[1] = *infer_input(infer, 3);
    infer->outputs[2] = *infer_input(infer, 4);
    return status;
}

socle_status infer_instance_normalization(graph_infer *infer)
{
    socle_status status = check_float(infer);
    infer->outputs[0] = *infer_input(infer, 0);
    return status == SOCLE_OK ? check_per_channel(infer, 1, 2) : status;
}

socle_status infer_group_normalization(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    const int64_t groups = node_int(infer->node, "num_groups", 0);
    socle_status status = infer_instance_normalization(infer);
    if (status == SOCLE_OK && (groups < 1 || (x->rank >= 0 && x->dims[1] >= 0 && x->dims[1] % groups != 0)))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%s in %lld groups", infer_type_text(infer, x), (long long)groups);
    return status;
}

socle_status infer_layer_normalization(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    graph_type broadcast;
    int axis;
    socle_status status = check_float(infer);
    if (status != SOCLE_OK || x->rank < 0) {
        infer_nothing(infer, x->dtype);
        return status;
    }
    status = infer_axis(infer, node_int(infer->node, "axis", -1), x->rank, &axis);
    for (int i = 1; status == SOCLE_OK && i <= 2; i++) {
        const graph_type *p = infer_input(infer, i);
        if (p == NULL || p->rank < 0)
            continue;
        if (p->rank > x->rank || !graph_broadcast(x, p, &broadcast))
            status = infer_fail(infer, SOCLE_SHAPE_MISMATCH, "input %d %s does not broadcast to %s", i, infer_type_text(infer, p),
                                infer_type_text(infer, x));
    }
    infer->outputs[0] = *x;
    for (int i = 1; i < 3; i++) { /* mean and inverse standard deviation */
        infer->outputs[i] = *x;
        infer->outputs[i].dtype = graph_sum_dtype(x->dtype);
        for (int d = status == SOCLE_OK ? axis : x->rank; d < x->rank; d++)
            infer->outputs[i].dims[d] = 1;
    }
    return status;
}

socle_status infer_rms_normalization(graph_infer *infer)
{
    if (infer->node->output_count > 1 && infer->node->outputs[1] != GRAPH_NONE)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "its second output, the inverse root mean square, is not made");
    return infer_layer_normalization(infer);
}

socle_status infer_softmax(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    int axis;
    socle_status status = check_float(infer);
    infer->outputs[0] = *x;
    return status == SOCLE_OK && x->rank >= 0 ? infer_axis(infer, node_int(infer->node, "axis", -1), x->rank, &axis) : status;
}

/* Scores [N, C, d1...] against labels [N, d1...]. */
static socle_status check_labels(const graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0), *labels = infer_input(infer, 1), *weights = infer_input(infer, 2);
    int64_t dim;
    if (labels->dtype != SOCLE_INT32 && labels->dtype != SOCLE_INT64)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "labels are int32 or int64, not %s", socle_dtype_name(labels->dtype));
    if (x->rank < 0 || labels->rank < 0)
        return SOCLE_OK;
    bool fits = x->rank >= 2 && labels->rank == x->rank - 1;
    for (int d = 0; fits && d < labels->rank; d++)
        fits = dim_unify(labels->dims[d], x->dims[d == 0 ? 0 : d + 1], &dim);
    if (!fits)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "labels %s do not fit scores %s: [N, ...] for [N, C, ...]",
                          infer_type_text(infer, labels), infer_type_text(infer, x));
    if (weights != NULL && weights->rank >= 0 && (weights->rank != 1 || !dim_unify(weights->dims[0], x->dims[1], &dim)))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "weights %s for scores %s: one per class", infer_type_text(infer, weights),
                          infer_type_text(infer, x));
    return SOCLE_OK;
}

socle_status infer_cross_entropy(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    const char *reduction = node_string(infer->node, "reduction", "mean");
    graph_type *out = &infer->outputs[0];
    socle_status status = check_float(infer);
    if (status == SOCLE_OK)
        status = check_labels(infer);
    if (status != SOCLE_OK)
        return status;
    if (strcmp(reduction, "none") != 0 && strcmp(reduction, "mean") != 0 && strcmp(reduction, "sum") != 0)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "unknown reduction '%s'", reduction);
    *out = (graph_type){.dtype = x->dtype, .rank = 0};
    if (strcmp(reduction, "none") == 0) {
        *out = *infer_input(infer, 1);
        out->dtype = x->dtype;
    }
    infer->outputs[1] = *x;
    return SOCLE_OK;
}
