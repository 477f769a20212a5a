/* Elements of a solver's operands: as they are stored, and seeded random ones. */
#ifndef SOCLE_TESTS_SOLVER_ELEMENT_H
#define SOCLE_TESTS_SOLVER_ELEMENT_H

#include "../../lib/solver/solver.h"

/* The same numbers for the same seed. */
typedef struct solver_random {
    uint64_t state;
} solver_random;

int64_t solver_pick(solver_random *r, int64_t low, int64_t high); /* low..high */
double solver_random_element(const problem_operand *operand, solver_random *r);

void solver_store_element(socle_dtype dtype, void *bytes, int64_t i, double value);
double solver_load_element(socle_dtype dtype, const void *bytes, int64_t i);
bool solver_is_floating(socle_dtype dtype);
/* How far a result may be from the reference, as a share of the largest. */
double solver_tolerance(socle_dtype dtype);

#endif
