/* What solvers must compute, in float64, straight from the definitions. Each takes the operands in the order of problem_kind. */
#ifndef SOCLE_TESTS_REFERENCE_SOLVER_H
#define SOCLE_TESTS_REFERENCE_SOLVER_H

#include "../../lib/solver/solver.h"

void reference_gemm(const problem *p, double *const *values);
void reference_softmax(const problem *p, double *const *values);
void reference_norm(const problem *p, double *const *values);
void reference_norm_grad(const problem *p, double *const *values);
void reference_batch_norm(const problem *p, double *const *values);
void reference_batch_norm_grad(const problem *p, double *const *values);
void reference_arg(const problem *p, double *const *values);
void reference_scan(const problem *p, double *const *values);
void reference_topk(const problem *p, double *const *values);
void reference_attention_grad(const problem *p, double *const *values);
void reference_attention(const problem *p, double *const *values);
void reference_gather(const problem *p, double *const *values);
void reference_gather_grad(const problem *p, double *const *values);
void reference_scatter(const problem *p, double *const *values);

#endif
