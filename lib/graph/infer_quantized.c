/* Types of quantized operators; the shapes are those of the operators on numbers. */
#include "infer.h"
#include "operators.h"
#include "product_shape.h"

static socle_status check_bytes(const graph_infer *infer, int index)
{
    const graph_type *type = infer_input(infer, index);
    if (dtype_is_byte(type->dtype))
        return SOCLE_OK;
    return infer_fail(infer, SOCLE_TYPE_MISMATCH, "input %d is %s, not int8 or uint8", index, socle_dtype_name(type->dtype));
}

/* A zero point has the type of what it belongs to. */
static socle_status check_zero(const graph_infer *infer, int index, int of)
{
    const graph_type *zero = infer_input(infer, index), *type = infer_input(infer, of);
    if (zero == NULL || zero->dtype == type->dtype)
        return SOCLE_OK;
    return infer_fail(infer, SOCLE_TYPE_MISMATCH, "the zero point of input %d is %s, not %s", of, socle_dtype_name(zero->dtype),
                      socle_dtype_name(type->dtype));
}

static socle_status check_scale(const graph_infer *infer, int index)
{
    const graph_type *scale = infer_input(infer, index);
    if (dtype_is_float(scale->dtype) && scale->dtype != SOCLE_FLOAT64)
        return SOCLE_OK;
    return infer_fail(infer, SOCLE_TYPE_MISMATCH, "the scale, input %d, is %s", index, socle_dtype_name(scale->dtype));
}

static bool is_one_number(const graph_type *type)
{
    for (int d = 0; d < type->rank; d++)
        if (type->dims[d] != 1)
            return false;
    return true;
}

/* ---- shapes of scales and zero points ---- */

/* Of dimension `d` of input `of`: one number, one for each of its elements, or a shape that broadcasts with 1 at `across`, which
 * is negative where there is none. d < 0: one number only. */
static socle_status check_fit(const graph_infer *infer, int index, int of, int d, int across)
{
    const graph_type *type = infer_input(infer, index), *x = infer_input(infer, of);
    int64_t dim;
    if (type == NULL || type->rank < 0 || x->rank < 0 || is_one_number(type))
        return SOCLE_OK;
    if (d < 0)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "input %d, %s, must be one number", index, infer_type_text(infer, type));
    bool fits =
        type->rank == 1 ? dim_unify(type->dims[0], d < x->rank ? x->dims[d] : 1, &dim) : across >= 0 && type->rank == x->rank;
    for (int i = 0; type->rank > 1 && fits && i < type->rank; i++)
        fits = type->dims[i] == 1 || (i != across && dim_unify(type->dims[i], x->dims[i], &dim));
    if (fits)
        return SOCLE_OK;
    return infer_fail(infer, SOCLE_SHAPE_MISMATCH,
                      "input %d, %s, does not fit input %d, %s: it takes one number, or one for each element of dimension %d",
                      index, infer_type_text(infer, type), of, infer_type_text(infer, x), d);
}

/* Of input `of` as the left factor of a product, one per row, or the right one, one per column. */
static socle_status check_rows(const graph_infer *infer, int index, int of)
{
    const int rank = infer_input(infer, of)->rank;
    return check_fit(infer, index, of, rank > 1 ? rank - 2 : rank, rank - 1);
}

static socle_status check_columns(const graph_infer *infer, int index, int of)
{
    const int rank = infer_input(infer, of)->rank;
    return check_fit(infer, index, of, rank > 1 ? rank - 1 : rank, rank - 2);
}

/* One number per block of `block` elements of the axis, the last one perhaps not full. */
static socle_status check_blocks(const graph_infer *infer, int index, int axis, int64_t block)
{
    const graph_type *type = infer_input(infer, index), *x = infer_input(infer, 0);
    bool fits = type->rank == x->rank;
    int64_t dim;
    for (int d = 0; fits && d < x->rank; d++) {
        const int64_t size = x->dims[d];
        const int64_t blocks = d != axis ? size : size < 0 ? DIM_UNKNOWN : size / block + (size % block != 0);
        fits = dim_unify(type->dims[d], blocks, &dim);
    }
    if (fits)
        return SOCLE_OK;
    return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "input %d, %s, is not one number per %lld elements of dimension %d of %s",
                      index, infer_type_text(infer, type), (long long)block, axis, infer_type_text(infer, x));
}

/* Of QuantizeLinear and DequantizeLinear: one number, one per element of the axis, or one per block of it. */
static socle_status check_spread(const graph_infer *infer, int index)
{
    const graph_type *type = infer_input(infer, index), *x = infer_input(infer, 0);
    const int64_t block = node_int(infer->node, "block_size", 0);
    int axis;
    if (block < 0 || block > INT32_MAX)
        return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "block_size is %lld: it must be from 0 to 2^31 - 1", (long long)block);
    if (type == NULL || type->rank < 0 || x->rank < 0 || is_one_number(type))
        return SOCLE_OK;
    const socle_status status = infer_axis(infer, node_int(infer->node, "axis", 1), x->rank, &axis);
    if (status != SOCLE_OK)
        return status;
    return block > 0 ? check_blocks(infer, index, axis, block) : check_fit(infer, index, 0, axis, -1);
}

static socle_status check_scale_and_zero(const graph_infer *infer)
{
    const socle_status status = check_spread(infer, 1);
    return status == SOCLE_OK ? check_spread(infer, 2) : status;
}

/* ---- operators ---- */

/* ONNX's number of a type that numbers are quantized to; NONE: another. */
static socle_dtype quantized_type(int64_t number)
{
    return number == 2 ? SOCLE_UINT8 : number == 3 ? SOCLE_INT8 : number == 5 ? SOCLE_INT16 : SOCLE_NONE;
}

socle_status infer_quantize_linear(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0), *zero = infer_input(infer, 2);
    const int64_t asked = node_int(infer->node, "output_dtype", 0);
    socle_dtype dtype = zero != NULL ? zero->dtype : asked != 0 ? quantized_type(asked) : SOCLE_UINT8;
    if (x->dtype != SOCLE_INT32 && (!dtype_is_float(x->dtype) || x->dtype == SOCLE_FLOAT64))
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "it takes floating point or int32, not %s", socle_dtype_name(x->dtype));
    if (!dtype_is_byte(dtype) && dtype != SOCLE_INT16)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "quantization to this type: use uint8, int8 or int16");
    infer->outputs[0] = *x;
    infer->outputs[0].dtype = dtype;
    const socle_status status = check_scale(infer, 1);
    return status == SOCLE_OK ? check_scale_and_zero(infer) : status;
}

socle_status infer_dequantize_linear(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    if (!dtype_is_byte(x->dtype) && x->dtype != SOCLE_INT16 && x->dtype != SOCLE_INT32)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "quantized numbers of type %s: use uint8, int8, int16 or int32",
                          socle_dtype_name(x->dtype));
    infer->outputs[0] = *x;
    infer->outputs[0].dtype = infer_input(infer, 1)->dtype;
    socle_status status = check_scale(infer, 1);
    if (status == SOCLE_OK)
        status = check_zero(infer, 2, 0);
    return status == SOCLE_OK ? check_scale_and_zero(infer) : status;
}

socle_status infer_dynamic_quantize_linear(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    if (x->dtype != SOCLE_FLOAT32)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "it takes float32, not %s", socle_dtype_name(x->dtype));
    infer->outputs[0] = *x;
    infer->outputs[0].dtype = SOCLE_UINT8;
    infer->outputs[1] = (graph_type){.dtype = SOCLE_FLOAT32};
    infer->outputs[2] = (graph_type){.dtype = SOCLE_UINT8};
    return SOCLE_OK;
}

/* Factors `a` and `b` of bytes with their zero points. */
static socle_status check_factors(const graph_infer *infer, int a, int a_zero, int b, int b_zero)
{
    socle_status status = check_bytes(infer, a);
    if (status == SOCLE_OK)
        status = check_bytes(infer, b);
    if (status == SOCLE_OK)
        status = check_zero(infer, a_zero, a);
    return status == SOCLE_OK ? check_zero(infer, b_zero, b) : status;
}

socle_status infer_matmul_integer(graph_infer *infer)
{
    socle_status status = check_factors(infer, 0, 2, 1, 3);
    if (status == SOCLE_OK)
        status = check_rows(infer, 2, 0);
    if (status == SOCLE_OK)
        status = check_columns(infer, 3, 1);
    return status == SOCLE_OK ? infer_product_shape(infer, infer_input(infer, 0), infer_input(infer, 1), SOCLE_INT32) : status;
}

socle_status infer_qlinear_matmul(graph_infer *infer)
{
    static const int scales[] = {1, 4, 6};
    socle_status status = check_factors(infer, 0, 2, 3, 5);
    for (size_t i = 0; status == SOCLE_OK && i < COUNT_OF(scales); i++)
        status = check_scale(infer, scales[i]);
    if (status == SOCLE_OK)
        status = check_bytes(infer, 7);
    for (int i = 1; status == SOCLE_OK && i <= 2; i++) /* scales, then zero points */
        status = check_rows(infer, i, 0);
    for (int i = 4; status == SOCLE_OK && i <= 5; i++)
        status = check_columns(infer, i, 3);
    for (int i = 6; status == SOCLE_OK && i <= 7; i++)
        status = check_rows(infer, i, 0);
    return status == SOCLE_OK
               ? infer_product_shape(infer, infer_input(infer, 0), infer_input(infer, 3), infer_input(infer, 7)->dtype)
               : status;
}

socle_status infer_conv_integer(graph_infer *infer)
{
    socle_status status = check_factors(infer, 0, 2, 1, 3);
    if (status == SOCLE_OK)
        status = check_fit(infer, 2, 0, -1, -1);
    if (status == SOCLE_OK)
        status = check_fit(infer, 3, 1, 0, -1);
    return status == SOCLE_OK ? infer_conv_shape(infer, infer_input(infer, 0), infer_input(infer, 1), SOCLE_INT32) : status;
}

socle_status infer_qlinear_conv(graph_infer *infer)
{
    static const int scales[] = {1, 4, 6};
    const graph_type *bias = infer_input(infer, 8);
    socle_status status = check_factors(infer, 0, 2, 3, 5);
    for (size_t i = 0; status == SOCLE_OK && i < COUNT_OF(scales); i++)
        status = check_scale(infer, scales[i]);
    if (status == SOCLE_OK)
        status = check_bytes(infer, 7);
    if (status == SOCLE_OK && bias != NULL && bias->dtype != SOCLE_INT32)
        status = infer_fail(infer, SOCLE_TYPE_MISMATCH, "the bias is %s, not int32", socle_dtype_name(bias->dtype));
    for (int i = 1; status == SOCLE_OK && i <= 7; i++) /* of x and of y one number each, of w one per channel made */
        status = i == 3 ? SOCLE_OK : check_fit(infer, i, i == 4 || i == 5 ? 3 : 0, i == 4 || i == 5 ? 0 : -1, -1);
    return status == SOCLE_OK
               ? infer_conv_shape(infer, infer_input(infer, 0), infer_input(infer, 3), infer_input(infer, 7)->dtype)
               : status;
}

/* x times weights [k, n], transposed [n, k], that are stored in a narrower type. */
socle_status infer_narrow_matmul(graph_infer *infer)
{
    graph_type w = *infer_input(infer, 1);
    if (w.rank == 2 && node_int(infer->node, "transB", 0) != 0) {
        const int64_t columns = w.dims[0];
        w.dims[0] = w.dims[1];
        w.dims[1] = columns;
    }
    return infer_product_shape(infer, infer_input(infer, 0), &w, infer_input(infer, 0)->dtype);
}

/* a - b c: b of any integer type. */
socle_status infer_subtract_product(graph_infer *infer)
{
    graph_type sum = *infer_input(infer, 0);
    infer->outputs[0] = sum;
    for (int i = 0; i < 3; i++) {
        const graph_type *input = infer_input(infer, i);
        if (!dtype_is_integer(input->dtype))
            return infer_fail(infer, SOCLE_TYPE_MISMATCH, "input %d is %s", i, socle_dtype_name(input->dtype));
        if (!graph_broadcast(&sum, input, &infer->outputs[0]))
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%s and %s do not broadcast", infer_type_text(infer, &sum),
                              infer_type_text(infer, input));
        sum = infer->outputs[0];
    }
    infer->outputs[0].dtype = infer_input(infer, 0)->dtype;
    return SOCLE_OK;
}
