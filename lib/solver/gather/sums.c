/* Sums in between of half types: kept in a workspace of float, rounded once (kernels/gather/sums.cl). */
#include "gather.h"

#define SUMS_WIDTH 16 /* elements of a work-item */

bool gather_rounds(const problem *p, int reduction)
{
    return (p->dtype == SOCLE_FLOAT16 || p->dtype == SOCLE_BFLOAT16) && (reduction == GATHER_ADD || reduction == GATHER_MULTIPLY);
}

size_t gather_sums_bytes(const gather_problem *g)
{
    return (size_t)(g->outer * g->axis * g->inner) * sizeof(float);
}

socle_status gather_emit_sums(const problem *p, const char *algorithm, bool widen, int from, int to,
                              const solver_operands *operands, step_list *steps)
{
    const int64_t count = p->gather.outer * p->gather.axis * p->gather.inner;
    solver_launch launch = {.algorithm = algorithm,
                            .source = "gather/sums",
                            .kernel = widen ? "sums_widen" : "sums_round",
                            .dims = 1,
                            .global = {(size_t)ceil_div(count, SUMS_WIDTH)},
                            .bytes = 6.0 * (double)count};
    text_addf(&launch.options, "-DSTORAGE=%s -DWIDTH=%d", storage_name(p->dtype), SUMS_WIDTH);
    launch_arg(&launch, ARG_OPERAND(from));
    launch_arg(&launch, ARG_OPERAND(to));
    launch_arg(&launch, ARG_LONG(count));
    return launch_emit(&launch, p, operands, steps);
}
