/* Composites: operators that are rewritten into others before planning. Those without a gradient of their own are rewritten
 * before differentiation as well. */
#include "gradients.h"
#include "operators.h"

#define COMPOSITE(text, version, inputs_least, inputs_most, outputs_most)                                                        \
    .name = text, .domain = "", .since = version, .kind = OPERATOR_COMPOSITE, .min_inputs = inputs_least,                        \
    .max_inputs = inputs_most, .min_outputs = 1, .max_outputs = outputs_most

static const graph_operator table[] = {
    {COMPOSITE("Sum", 1, 1, -1, 1), .infer = infer_pointwise, .lower = lower_variadic},
    {COMPOSITE("Mean", 1, 1, -1, 1), .infer = infer_pointwise, .lower = lower_variadic},
    {COMPOSITE("CastLike", 15, 2, 2, 1), .infer = infer_cast_like, .lower = lower_cast_like},
    {COMPOSITE("Dropout", 1, 1, 3, 2), .infer = infer_dropout, .lower = lower_dropout},
    {COMPOSITE("Gelu", 20, 1, 1, 1), .infer = infer_float, .lower = lower_gelu},
    {COMPOSITE("GlobalMaxPool", 1, 1, 1, 1), .infer = infer_global_pool, .lower = lower_global_pool},
    {COMPOSITE("GlobalAveragePool", 1, 1, 1, 1), .infer = infer_global_pool, .lower = lower_global_pool},
    {COMPOSITE("ConvTranspose", 1, 2, 3, 1), .infer = infer_conv_transpose, .lower = lower_conv_transpose},
    {COMPOSITE("BatchNormalization", 1, 5, 5, 3), .infer = infer_batch_normalization, .lower = lower_batch_normalization,
     .gradient = gradient_batch_normalization},
    {COMPOSITE("Attention", 23, 3, 6, 4), .infer = infer_attention, .lower = lower_attention},
    /* as ONNX Runtime writes it, without a domain of its own */
    {COMPOSITE("SimplifiedLayerNormalization", 1, 2, 2, 2), .infer = infer_rms_normalization,
     .lower = lower_simplified_layer_normalization},
    {COMPOSITE("SoftmaxCrossEntropyLoss", 12, 2, 3, 2), .infer = infer_cross_entropy, .lower = lower_cross_entropy,
     .gradient = gradient_softmax_cross_entropy_loss},
    {COMPOSITE("NegativeLogLikelihoodLoss", 12, 2, 3, 1), .infer = infer_cross_entropy, .lower = lower_cross_entropy},
    {COMPOSITE("ReduceLogSumExp", 1, 1, 2, 1), .infer = infer_reduce, .fold = fold_reduce, .lower = lower_reduce_log_sum_exp,
     .gradient = gradient_reduce_log_sum_exp},
    {COMPOSITE("DepthToSpace", 1, 1, 1, 1), .infer = infer_depth_to_space, .lower = lower_depth_to_space},
    {COMPOSITE("SpaceToDepth", 1, 1, 1, 1), .infer = infer_space_to_depth, .lower = lower_space_to_depth},
    {COMPOSITE("QuantizeLinear", 10, 2, 3, 1), .infer = infer_quantize_linear, .lower = lower_quantize_linear},
    {COMPOSITE("DequantizeLinear", 10, 2, 3, 1), .infer = infer_dequantize_linear, .lower = lower_dequantize_linear},
    {COMPOSITE("DynamicQuantizeLinear", 11, 1, 1, 3), .infer = infer_dynamic_quantize_linear,
     .lower = lower_dynamic_quantize_linear},
    {COMPOSITE("QLinearMatMul", 10, 8, 8, 1), .infer = infer_qlinear_matmul, .lower = lower_qlinear_matmul},
    {COMPOSITE("QLinearConv", 10, 8, 9, 1), .infer = infer_qlinear_conv, .lower = lower_qlinear_conv},
    {COMPOSITE("Trilu", 14, 1, 2, 1), .infer = infer_trilu, .lower = lower_trilu},
};

const operator_table operators_composite = {table, COUNT_OF(table)};
