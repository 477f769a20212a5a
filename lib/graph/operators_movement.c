/* Movement: operators that place, repeat or drop elements without changing them. */
#include "gradients.h"
#include "operators.h"

#define MOVEMENT(text, version, inputs_least, inputs_most)                                                                       \
    .name = text, .domain = "", .since = version, .kind = OPERATOR_MOVEMENT, .min_inputs = inputs_least,                         \
    .max_inputs = inputs_most, .min_outputs = 1, .max_outputs = 1

static const graph_operator table[] = {
    {MOVEMENT("Identity", 1, 1, 1), .infer = infer_same, .fold = fold_copy, .lower = lower_identity,
     .gradient = gradient_identity},
    {MOVEMENT("Reshape", 5, 2, 2), .infer = infer_reshape, .fold = fold_copy, .gradient = gradient_reshape},
    {MOVEMENT("Flatten", 1, 1, 1), .infer = infer_flatten, .fold = fold_copy, .gradient = gradient_reshape},
    {MOVEMENT("Squeeze", 1, 1, 2), .infer = infer_squeeze, .fold = fold_copy, .gradient = gradient_reshape},
    {MOVEMENT("Unsqueeze", 1, 2, 2), .infer = infer_unsqueeze, .fold = fold_copy, .gradient = gradient_reshape},
    {MOVEMENT("Transpose", 1, 1, 1), .infer = infer_transpose, .fold = fold_transpose, .gradient = gradient_transpose},
    {MOVEMENT("Concat", 4, 1, -1), .infer = infer_concat, .fold = fold_concat, .gradient = gradient_concat},
    {.name = "Split",
     .domain = "",
     .since = 2,
     .kind = OPERATOR_MOVEMENT,
     .min_inputs = 1,
     .max_inputs = 2,
     .min_outputs = 1,
     .max_outputs = -1,
     .infer = infer_split,
     .fold = fold_split,
     .gradient = gradient_split},
    {MOVEMENT("Slice", 1, 3, 5), .infer = infer_slice, .fold = fold_slice, .gradient = gradient_slice},
    {MOVEMENT("Pad", 2, 2, 4), .infer = infer_pad, .fold = fold_pad, .gradient = gradient_pad},
    {MOVEMENT("Expand", 8, 2, 2), .infer = infer_expand, .fold = fold_expand, .gradient = gradient_expand},
    {MOVEMENT("Tile", 6, 2, 2), .infer = infer_tile, .fold = fold_tile, .gradient = gradient_tile},
};

const operator_table operators_movement = {table, COUNT_OF(table)};
