/* Reductions along axes. a: an element, x and y: partial results, at last y: the result over N elements. Sums are the exception
 * to the storage type: the generator accumulates in float32 at least. */
#include "gradients.h"
#include "operators.h"

#define REDUCTION(text, version)                                                                                                 \
    .name = text, .domain = "", .since = version, .kind = OPERATOR_REDUCTION, .min_inputs = 1, .max_inputs = 2,                  \
    .min_outputs = 1, .max_outputs = 1, .infer = infer_reduce, .fold = fold_reduce
#define SUMMED .reduce_initial = "CONST(0)", .reduce_combine = "x + y"

static const graph_operator table[] = {
    {REDUCTION("ReduceSum", 1), SUMMED, .reduce_map = "a", .reduce_finish = "y", .gradient = gradient_reduce_sum},
    {REDUCTION("ReduceMean", 1), SUMMED, .reduce_map = "a", .reduce_finish = "y / N", .gradient = gradient_reduce_mean},
    {REDUCTION("ReduceMax", 1), .reduce_initial = "CONST(-INFINITY)",
     .reduce_combine = "SELECT(NE(x, x), x, SELECT(GT(x, y), x, y))", .reduce_map = "a", .reduce_finish = "y",
     .gradient = gradient_reduce_max},
    {REDUCTION("ReduceMin", 1), .reduce_initial = "CONST(INFINITY)",
     .reduce_combine = "SELECT(NE(x, x), x, SELECT(LT(x, y), x, y))", .reduce_map = "a", .reduce_finish = "y",
     .gradient = gradient_reduce_max},
    {REDUCTION("ReduceProd", 1), .reduce_initial = "CONST(1)", .reduce_combine = "x * y", .reduce_map = "a", .reduce_finish = "y",
     .gradient = gradient_reduce_prod},
    {REDUCTION("ReduceL1", 1), SUMMED, .reduce_map = "SELECT(LT(a, CONST(0)), -a, a)", .reduce_finish = "y",
     .gradient = gradient_reduce_l1},
    {REDUCTION("ReduceL2", 1), SUMMED, .reduce_map = "a * a", .reduce_finish = "sqrt(y)", .gradient = gradient_reduce_l2},
    {REDUCTION("ReduceLogSum", 1), SUMMED, .reduce_map = "a", .reduce_finish = "log(y)", .gradient = gradient_reduce_log_sum},
    {REDUCTION("ReduceSumSquare", 1), SUMMED, .reduce_map = "a * a", .reduce_finish = "y",
     .gradient = gradient_reduce_sum_square},
};

const operator_table operators_reduction = {table, COUNT_OF(table)};
