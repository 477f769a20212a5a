/* Types of quantized operators; the shapes are those of the operators on numbers. */
#include "infer.h"
#include "operators.h"
#include "product_shape.h"

static bool is_byte(const graph_type *type)
{
    return type->dtype == SOCLE_INT8 || type->dtype == SOCLE_UINT8;
}

static socle_status check_bytes(const graph_infer *infer, int index)
{
    const graph_type *type = infer_input(infer, index);
    if (is_byte(type))
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
    if (dtype != SOCLE_UINT8 && dtype != SOCLE_INT8 && dtype != SOCLE_INT16)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "quantization to this type: use uint8, int8 or int16");
    infer->outputs[0] = *x;
    infer->outputs[0].dtype = dtype;
    return check_scale(infer, 1);
}

socle_status infer_dequantize_linear(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    if (!is_byte(x) && x->dtype != SOCLE_INT16 && x->dtype != SOCLE_INT32)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "quantized numbers of type %s: use uint8, int8, int16 or int32",
                          socle_dtype_name(x->dtype));
    infer->outputs[0] = *x;
    infer->outputs[0].dtype = infer_input(infer, 1)->dtype;
    const socle_status status = check_scale(infer, 1);
    return status == SOCLE_OK ? check_zero(infer, 2, 0) : status;
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
    const socle_status status = check_factors(infer, 0, 2, 1, 3);
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
    return status == SOCLE_OK
               ? infer_product_shape(infer, infer_input(infer, 0), infer_input(infer, 3), infer_input(infer, 7)->dtype)
               : status;
}

socle_status infer_conv_integer(graph_infer *infer)
{
    const socle_status status = check_factors(infer, 0, 2, 1, 3);
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
