/* Convolution and pooling problems for the conformance suites: seeded random geometries, checked by solver_case against float64.
 */
#ifndef SOCLE_TESTS_CONV_CASE_H
#define SOCLE_TESTS_CONV_CASE_H

#include "solver_case.h"

/* A random geometry (spatial 1..3, groups, strides, dilations, uneven paddings) with at least one output. pooling: channels are
 * kept. */
conv_geometry conv_case_geometry(uint64_t seed, bool pooling);
/* A 2-D geometry of square images. */
conv_geometry conv_case_square(int64_t batch, int64_t channels, int64_t out_channels, int64_t extent, int64_t kernel,
                               int64_t stride, int64_t pad);
/* A 1-D geometry of one image. */
conv_geometry conv_case_row(int64_t channels, int64_t out_channels, int64_t extent, int64_t kernel, int64_t stride, int64_t pad);
/* Sets output from the rest; false when it would be empty. */
bool conv_case_finish(conv_geometry *g);

/* Blocks of 16 channels as plain planes of channels, or the other way round. The caller frees it. */
double *conv_case_turned(const double *from, int64_t planes, int64_t pixels, bool into_blocks);

/* Fills the results from the problem's other operands, in its layout. */
void conv_case_reference(const problem *p, double *const *values);

/* solver_case_check with the reference of the problem's kind. */
void conv_case_check(const problem *p, int tunings, uint64_t seed);

#endif
