/* Convolution and pooling problems for the conformance suites: seeded random geometries, and running every solver that applies on
 * every device against the float64 reference, with guard zones around each buffer. */
#ifndef SOCLE_TESTS_CONV_CASE_H
#define SOCLE_TESTS_CONV_CASE_H

#include "../../lib/solver/solver.h"

/* The same numbers for the same seed. */
typedef struct conv_case_random {
    uint64_t state;
} conv_case_random;

int64_t conv_case_pick(conv_case_random *r, int64_t low, int64_t high); /* low..high */
/* A random geometry (spatial 1..3, groups, strides, dilations, uneven paddings) with at least one output. pooling: channels are
 * kept. */
conv_geometry conv_case_geometry(conv_case_random *r, bool pooling);
/* A 2-D geometry of square images. */
conv_geometry conv_case_square(int64_t batch, int64_t channels, int64_t out_channels, int64_t extent, int64_t kernel,
                               int64_t stride, int64_t pad);
/* Sets output from the rest; false when it would be empty. */
bool conv_case_finish(conv_geometry *g);

/* Runs p by each solver that applies (each with its first most_tunings, at most 64, tunings) on each device that stores the type,
 * and fails the test where a result differs from the reference or a byte outside of an operand was written. seed: of the
 * operands, printed on failure. */
void conv_case_check(const problem *p, int most_tunings, uint64_t seed);
/* How many (solver, tuning) pairs conv_case_check has run so far. */
int conv_case_runs(void);

#endif
