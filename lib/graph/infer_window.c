/* Shapes of convolutions, pooling and their gradients. */
#include "operators.h"
#include "product_shape.h"
#include "window.h"

#include <string.h>

static socle_status check_floats(const graph_infer *infer, int count)
{
    const graph_type *x = infer_input(infer, 0);
    for (int i = 0; i < count; i++) {
        const graph_type *input = infer_input(infer, i);
        if (input != NULL && input->dtype != x->dtype)
            return infer_fail(infer, SOCLE_TYPE_MISMATCH, "input %d is %s, input 0 %s", i, socle_dtype_name(input->dtype),
                              socle_dtype_name(x->dtype));
    }
    if (!dtype_is_float(x->dtype))
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "it takes floating point, not %s", socle_dtype_name(x->dtype));
    return SOCLE_OK;
}

static socle_status check_bias(const graph_infer *infer, int64_t channels)
{
    const graph_type *bias = infer_input(infer, 2);
    int64_t dim;
    if (bias != NULL && bias->rank >= 0 && (bias->rank != 1 || !dim_unify(bias->dims[0], channels, &dim)))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "the bias is %s where there are %lld channels",
                          infer_type_text(infer, bias), (long long)channels);
    return SOCLE_OK;
}

/* x [N, C, ...] and w of equal rank, at least 3. */
static socle_status check_ranks(const graph_infer *infer, const graph_type *x, const graph_type *w)
{
    if (x->rank < 3 || x->rank != w->rank)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "input %s and weight %s: both are [.., .., spatial...] of equal rank",
                          infer_type_text(infer, x), infer_type_text(infer, w));
    return SOCLE_OK;
}

static socle_status check_groups(const graph_infer *infer, int64_t channels, int64_t groups)
{
    if (groups < 1 || groups > INT32_MAX || (channels >= 0 && channels % groups != 0))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%lld channels in %lld groups", (long long)channels, (long long)groups);
    return SOCLE_OK;
}

socle_status infer_conv(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0), *w = infer_input(infer, 1);
    socle_status status = check_floats(infer, 3);
    if (status == SOCLE_OK)
        status = infer_conv_shape(infer, x, w, x->dtype);
    if (status == SOCLE_OK && w->rank > 0)
        status = check_bias(infer, w->dims[0]);
    return status;
}

socle_status infer_conv_shape(graph_infer *infer, const graph_type *x, const graph_type *w, socle_dtype dtype)
{
    graph_type *out = &infer->outputs[0];
    const int64_t groups = node_int(infer->node, "group", 1);
    int64_t channels;
    window win;
    if (x->rank < 0 || w->rank < 0)
        return infer_nothing(infer, dtype);
    socle_status status = check_ranks(infer, x, w);
    if (status == SOCLE_OK)
        status = check_groups(infer, w->dims[0], groups);
    if (status == SOCLE_OK && !dim_unify(x->dims[1], dim_times(w->dims[1], groups), &channels))
        status = infer_fail(infer, SOCLE_SHAPE_MISMATCH, "input %s has %lld channels, weight %s in %lld groups takes %lld",
                            infer_type_text(infer, x), (long long)x->dims[1], infer_type_text(infer, w), (long long)groups,
                            (long long)dim_times(w->dims[1], groups));
    if (status == SOCLE_OK)
        status = window_read(infer, x->rank - 2, w->dims + 2, &win);
    *out = (graph_type){.dtype = dtype, .rank = x->rank, .dims = {x->dims[0], w->dims[0]}};
    for (int d = 0; status == SOCLE_OK && d < x->rank - 2; d++)
        status = window_output(infer, &win, d, x->dims[d + 2], &out->dims[d + 2]);
    return status;
}

socle_status infer_conv_transpose(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0), *w = infer_input(infer, 1);
    graph_type *out = &infer->outputs[0];
    const int64_t groups = node_int(infer->node, "group", 1);
    int64_t channels;
    window win;
    socle_status status = check_floats(infer, 3);
    if (status != SOCLE_OK || x->rank < 0 || w->rank < 0) {
        infer_nothing(infer, x->dtype);
        return status;
    }
    status = check_ranks(infer, x, w);
    if (status == SOCLE_OK)
        status = check_groups(infer, x->dims[1], groups);
    if (status == SOCLE_OK && !dim_unify(x->dims[1], w->dims[0], &channels))
        status = infer_fail(infer, SOCLE_SHAPE_MISMATCH, "input %s and weight %s: input channels differ",
                            infer_type_text(infer, x), infer_type_text(infer, w));
    if (status == SOCLE_OK)
        status = check_bias(infer, dim_times(w->dims[1], groups));
    if (status == SOCLE_OK)
        status = window_read(infer, x->rank - 2, w->dims + 2, &win);
    *out = (graph_type){.dtype = x->dtype, .rank = x->rank, .dims = {x->dims[0], dim_times(w->dims[1], groups)}};
    for (int d = 0; status == SOCLE_OK && d < x->rank - 2; d++)
        status = window_transposed_output(infer, &win, d, x->dims[d + 2], &out->dims[d + 2]);
    return status;
}

socle_status infer_pool(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    graph_type *out = &infer->outputs[0];
    window win;
    const bool small_integers = strcmp(infer->node->op->name, "MaxPool") == 0 && dtype_is_byte(x->dtype);
    socle_status status = small_integers ? SOCLE_OK : check_floats(infer, 1);
    if (status != SOCLE_OK || x->rank < 0) {
        infer_nothing(infer, x->dtype);
        infer->outputs[1].dtype = SOCLE_INT64;
        return status;
    }
    if (x->rank < 3)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "it takes [N, C, spatial...], not %s", infer_type_text(infer, x));
    if (node_int(infer->node, "storage_order", 0) != 0 && infer->node->output_count > 1)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "indices in column-major order");
    status = window_read(infer, x->rank - 2, NULL, &win);
    *out = *x;
    for (int d = 0; status == SOCLE_OK && d < x->rank - 2; d++)
        status = window_output(infer, &win, d, x->dims[d + 2], &out->dims[d + 2]);
    infer->outputs[1] = *out;
    infer->outputs[1].dtype = SOCLE_INT64;
    return status;
}

socle_status infer_global_pool(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    socle_status status = check_floats(infer, 1);
    infer->outputs[0] = *x;
    if (status == SOCLE_OK && x->rank >= 0 && x->rank < 2)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "it takes [N, C, spatial...], not %s", infer_type_text(infer, x));
    for (int d = 2; d < x->rank; d++)
        infer->outputs[0].dims[d] = 1;
    return status;
}

/* ---- gradients ---- */

socle_status infer_input_shape(graph_infer *infer)
{
    graph_type *out = &infer->outputs[0];
    out->dtype = infer_input(infer, 0)->dtype;
    out->rank = node_ints(infer->node, "input_shape", out->dims, SOCLE_MAX_RANK);
    if (out->rank < 0)
        return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "the attribute input_shape is missing");
    return SOCLE_OK;
}

socle_status infer_conv_grad_weight(graph_infer *infer)
{
    const graph_type *dy = infer_input(infer, 0), *x = infer_input(infer, 1);
    graph_type *out = &infer->outputs[0];
    const int64_t groups = node_int(infer->node, "group", 1);
    int64_t kernel[SOCLE_MAX_RANK];
    const int spatial = node_ints(infer->node, "kernel_shape", kernel, SOCLE_MAX_RANK);
    if (spatial < 1 || x->rank != spatial + 2 || dy->rank != x->rank || groups < 1)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "gradient %s and input %s do not fit kernel_shape of %d dimensions",
                          infer_type_text(infer, dy), infer_type_text(infer, x), spatial);
    *out = (graph_type){
        .dtype = dy->dtype, .rank = x->rank, .dims = {dy->dims[1], x->dims[1] < 0 ? x->dims[1] : x->dims[1] / groups}};
    memcpy(out->dims + 2, kernel, (size_t)spatial * sizeof(*kernel));
    return SOCLE_OK;
}

socle_status infer_max_pool_grad(graph_infer *infer)
{
    infer->outputs[0] = *infer_input(infer, 1);
    return SOCLE_OK;
}
