/* Host: operators whose result is known once shapes are; folding leaves none of them for a device. */
#include "operators.h"

#define HOST(text, version, inputs)                                                                                              \
    .name = text, .domain = "", .since = version, .kind = OPERATOR_HOST, .min_inputs = inputs, .max_inputs = inputs,             \
    .min_outputs = 1, .max_outputs = 1, .derivative = ""

static const graph_operator table[] = {
    {HOST("Shape", 1, 1), .infer = infer_shape, .fold = fold_shape},
    {HOST("Size", 1, 1), .infer = infer_size, .fold = fold_size},
    {HOST("Constant", 1, 0), .infer = infer_constant, .fold = fold_constant},
    /* Large ones become Expand of a scalar, so that they take no memory. */
    {HOST("ConstantOfShape", 9, 1), .infer = infer_constant_of_shape, .fold = fold_constant_of_shape,
     .lower = lower_constant_of_shape},
    {HOST("Range", 11, 3), .infer = infer_range, .fold = fold_range},
};

const operator_table operators_host = {table, COUNT_OF(table)};
