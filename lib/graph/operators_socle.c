/* The domain "socle": what gradients and lowering need beyond ONNX. Never written to files. */
#include "evaluate.h"
#include "gradients.h"
#include "operators.h"

#define SOCLE_ANCHOR(text, inputs)                                                                                               \
    .name = text, .domain = "socle", .since = 1, .kind = OPERATOR_ANCHOR, .min_inputs = inputs, .max_inputs = inputs,            \
    .min_outputs = 1, .max_outputs = 1
#define SOCLE_POINTWISE(text)                                                                                                    \
    .name = text, .domain = "socle", .since = 1, .kind = OPERATOR_POINTWISE, .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, \
    .max_outputs = 1

static const graph_operator table[] = {
    {SOCLE_ANCHOR("ConvGradInput", 2), .infer = infer_input_shape, .gradient = gradient_conv_grad_input},
    {SOCLE_ANCHOR("ConvGradWeight", 2), .infer = infer_conv_grad_weight, .gradient = gradient_conv_grad_weight},
    {SOCLE_ANCHOR("ConvInBlocks", 2), .infer = infer_conv_in_blocks},
    {SOCLE_ANCHOR("ConvIntegerInBlocks", 2), .infer = infer_conv_integer_in_blocks},
    {SOCLE_ANCHOR("MaxPoolInBlocks", 1), .infer = infer_pool_in_blocks},
    {SOCLE_ANCHOR("AveragePoolInBlocks", 1), .infer = infer_pool_in_blocks},
    {SOCLE_ANCHOR("MaxPoolGrad", 2), .infer = infer_max_pool_grad, .gradient = gradient_max_pool_grad},
    {SOCLE_ANCHOR("AveragePoolGrad", 1), .infer = infer_input_shape, .gradient = gradient_average_pool_grad},
    {SOCLE_ANCHOR("GatherGrad", 2), .infer = infer_input_shape, .gradient = gradient_gather_grad},
    {SOCLE_ANCHOR("GatherElementsGrad", 2), .infer = infer_input_shape, .gradient = gradient_gather_elements_grad},
    {.name = "BatchNormalize",
     .domain = "socle",
     .since = 1,
     .kind = OPERATOR_ANCHOR,
     .min_inputs = 3,
     .max_inputs = 3,
     .min_outputs = 4,
     .max_outputs = 4,
     .infer = infer_batch_normalize,
     .gradient = gradient_batch_normalize,
     .definition = define_batch_normalize},
    {.name = "BatchNormalizeGrad",
     .domain = "socle",
     .since = 1,
     .kind = OPERATOR_ANCHOR,
     .min_inputs = 5,
     .max_inputs = 5,
     .min_outputs = 3,
     .max_outputs = 3,
     .infer = infer_batch_normalize_grad,
     .definition = define_batch_normalize_grad},
    {.name = "NormalizeGrad",
     .domain = "socle",
     .since = 1,
     .kind = OPERATOR_ANCHOR,
     .min_inputs = 3,
     .max_inputs = 3,
     .min_outputs = 2,
     .max_outputs = 3,
     .infer = infer_normalize_grad,
     .definition = define_normalize_grad},
    {.name = "ScaledAttention",
     .domain = "socle",
     .since = 1,
     .kind = OPERATOR_ANCHOR,
     .min_inputs = 3,
     .max_inputs = 4,
     .min_outputs = 1,
     .max_outputs = 2,
     .infer = infer_scaled_attention,
     .gradient = gradient_scaled_attention},
    {.name = "ScaledAttentionGrad",
     .domain = "socle",
     .since = 1,
     .kind = OPERATOR_ANCHOR,
     .min_inputs = 6,
     .max_inputs = 7,
     .min_outputs = 3,
     .max_outputs = 3,
     .infer = infer_scaled_attention_grad,
     .definition = define_scaled_attention_grad},
    /* x times weights that stay in the narrow type in which they are stored: x, weights [, scales [, zeros]] (narrow.c). */
    {.name = "NarrowMatMul",
     .domain = "socle",
     .since = 1,
     .kind = OPERATOR_ANCHOR,
     .min_inputs = 2,
     .max_inputs = 4,
     .min_outputs = 1,
     .max_outputs = 1,
     .infer = infer_narrow_matmul,
     .derivative = ""},
    /* a - b c, b of any integer type: zero points off sums of products. */
    {.name = "SubtractProduct",
     .domain = "socle",
     .since = 1,
     .kind = OPERATOR_POINTWISE,
     .min_inputs = 3,
     .max_inputs = 3,
     .min_outputs = 1,
     .max_outputs = 1,
     .infer = infer_subtract_product,
     .fold = fold_pointwise,
     .evaluate_integer = evaluate_integer_subtract_product,
     .expression = "a - b * c",
     .derivative = ""},
    /* Round of what is less than 2^22 in magnitude: codegen's ROUNDER. A fifth the time of rint on a CPU.
     */
    {SOCLE_POINTWISE("RoundSmall"), .infer = infer_pointwise, .fold = fold_pointwise, .evaluate = evaluate_round,
     .expression = "(a + CONST(ROUNDER)) - CONST(ROUNDER)", .derivative = ""},
    /* 0 or 1 / (1 - ratio) by a hash of seed, salt and the output's linear index; the generator provides the macro. */
    {SOCLE_POINTWISE("DropoutMask"), .infer = infer_dropout_mask, .attributes = "ratio=0.5 salt=0", .derivative = "",
     .expression = "DROPOUT_MASK(a, index, $salt, $ratio)"},
    /* a where b is positive: the gradient of Relu from its output, in one operator, so that it can end the kernel that makes a.
     */
    {.name = "WherePositive",
     .domain = "socle",
     .since = 1,
     .kind = OPERATOR_POINTWISE,
     .min_inputs = 2,
     .max_inputs = 2,
     .min_outputs = 1,
     .max_outputs = 1,
     .infer = infer_pointwise,
     .fold = fold_pointwise,
     .evaluate = evaluate_where_positive,
     .expression = "SELECT(GT(b, CONST(0)), a, CONST(0))",
     .derivative = "WherePositive(dy, b);"},
    /* The two forms of Gelu (attribute `approximate`). */
    {SOCLE_POINTWISE("GeluErf"), .infer = infer_pointwise, .fold = fold_pointwise, .evaluate = evaluate_gelu_erf,
     .expression = "CONST(0.5) * a * (CONST(1) + erf(a * CONST(0.7071067811865476)))",
     .derivative = "dy * (0.5 * (1 + Erf(a * 0.7071067811865476)) + a * 0.3989422804014327 * Exp(-0.5 * a * a))"},
    {SOCLE_POINTWISE("GeluTanh"), .infer = infer_pointwise, .fold = fold_pointwise, .evaluate = evaluate_gelu_tanh,
     .expression = "CONST(0.5) * a * (CONST(1) + tanh(CONST(0.7978845608028654) * a * (CONST(1) + CONST(0.044715) * a * a)))",
     .derivative = "dy * (0.5 * (1 + Tanh(0.7978845608028654 * a * (1 + 0.044715 * a * a))) + 0.5 * a * "
                   "(1 - Tanh(0.7978845608028654 * a * (1 + 0.044715 * a * a)) * "
                   "Tanh(0.7978845608028654 * a * (1 + 0.044715 * a * a))) * 0.7978845608028654 * (1 + 0.134145 * a * a))"},
};

const operator_table operators_socle = {table, COUNT_OF(table)};
