/* Anchors: operators bound by arithmetic or by irregular access, which solvers run. */
#include "gradients.h"
#include "operators.h"

#define ANCHOR(text, version, inputs_least, inputs_most, outputs_most)                                                           \
    .name = text, .domain = "", .since = version, .kind = OPERATOR_ANCHOR, .min_inputs = inputs_least,                           \
    .max_inputs = inputs_most, .min_outputs = 1, .max_outputs = outputs_most

static const graph_operator table[] = {
    {ANCHOR("Gemm", 1, 2, 3, 1), .infer = infer_gemm, .gradient = gradient_gemm, .lower = lower_gemm},
    {ANCHOR("MatMul", 1, 2, 2, 1), .infer = infer_matmul, .gradient = gradient_matmul},
    {ANCHOR("Conv", 1, 2, 3, 1), .infer = infer_conv, .gradient = gradient_conv, .lower = lower_conv},
    {ANCHOR("MatMulInteger", 10, 2, 4, 1), .infer = infer_matmul_integer, .lower = lower_matmul_integer, .derivative = ""},
    {ANCHOR("ConvInteger", 10, 2, 4, 1), .infer = infer_conv_integer, .lower = lower_conv_integer, .derivative = ""},
    {ANCHOR("MaxPool", 1, 1, 1, 2), .infer = infer_pool, .gradient = gradient_max_pool},
    {ANCHOR("AveragePool", 1, 1, 1, 1), .infer = infer_pool, .gradient = gradient_average_pool},
    {ANCHOR("LayerNormalization", 17, 2, 3, 3), .infer = infer_layer_normalization, .gradient = gradient_layer_normalization},
    {ANCHOR("RMSNormalization", 23, 2, 2, 1), .infer = infer_rms_normalization, .gradient = gradient_rms_normalization},
    {ANCHOR("GroupNormalization", 18, 3, 3, 1), .infer = infer_group_normalization, .gradient = gradient_group_normalization},
    {ANCHOR("InstanceNormalization", 1, 3, 3, 1), .infer = infer_instance_normalization,
     .gradient = gradient_instance_normalization},
    {ANCHOR("Softmax", 1, 1, 1, 1), .infer = infer_softmax, .gradient = gradient_softmax},
    {ANCHOR("LogSoftmax", 1, 1, 1, 1), .infer = infer_softmax, .gradient = gradient_log_softmax},
    {ANCHOR("Gather", 1, 2, 2, 1), .infer = infer_gather, .fold = fold_gather, .gradient = gradient_gather},
    {ANCHOR("GatherElements", 11, 2, 2, 1), .infer = infer_gather_elements, .fold = fold_gather_elements,
     .gradient = gradient_gather_elements},
    {ANCHOR("ScatterElements", 11, 3, 3, 1), .infer = infer_scatter_elements, .fold = fold_scatter_elements,
     .gradient = gradient_scatter_elements},
    {ANCHOR("ArgMax", 1, 1, 1, 1), .infer = infer_arg, .fold = fold_arg, .derivative = ""},
    {ANCHOR("ArgMin", 1, 1, 1, 1), .infer = infer_arg, .fold = fold_arg, .derivative = ""},
    {ANCHOR("CumSum", 11, 2, 2, 1), .infer = infer_cum_sum, .gradient = gradient_cum_sum},
    {.name = "TopK",
     .domain = "",
     .since = 1,
     .kind = OPERATOR_ANCHOR,
     .min_inputs = 2,
     .max_inputs = 2,
     .min_outputs = 2,
     .max_outputs = 2,
     .infer = infer_top_k,
     .gradient = gradient_top_k},
};

const operator_table operators_anchor = {table, COUNT_OF(table)};
