/* Convolution, its gradients, pooling and its gradient in float64, straight from their definitions: the oracle of the solvers. */
#ifndef SOCLE_TESTS_REFERENCE_CONV_H
#define SOCLE_TESTS_REFERENCE_CONV_H

#include "../../lib/solver/solver.h"

/* Arrays are dense: x [batch][channels][input], w [out_channels][channels / groups][kernel], y [batch][out_channels][output]. */
void reference_conv(const conv_geometry *g, const double *x, const double *w, double *y);
void reference_conv_input(const conv_geometry *g, const double *dy, const double *w, double *dx);
void reference_conv_weight(const conv_geometry *g, const double *dy, const double *x, double *dw);
/* indices may be NULL. */
void reference_pool(const pool_problem *p, const double *x, double *y, double *indices);
void reference_pool_grad(const pool_problem *p, const double *dy, const double *x, double *dx);

#endif
