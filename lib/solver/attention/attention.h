/* What the ways of attention and of its gradient share: extents that fit, and the arguments of their kernels. */
#ifndef SOCLE_LIB_SOLVER_ATTENTION_H
#define SOCLE_LIB_SOLVER_ATTENTION_H

#include "../launch.h"

bool attention_fits(const problem *p);
/* Pairs of a query and a key that is open to it. */
double attention_scores(const problem *p);
solver_launch attention_begin(const problem *p, const char *algorithm, const char *source, const char *kernel);
/* Compile options for mask, causality and cap. */
void attention_add_form(solver_launch *launch, const problem *p);
void attention_add_strides(solver_launch *launch, const int64_t *strides);
/* Behind the operands: strides of those that are not packed, and the extents. */
void attention_add_rest(solver_launch *launch, const problem *p, const int64_t *const *strides, int count);

#endif
