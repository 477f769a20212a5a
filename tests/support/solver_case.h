/* A problem, its float64 reference, and every solver that applies on every device: for the conformance suites. Buffers lie
 * between guard zones, results start as NaN, and what differs is reported with the seed that repeats it. All of it is done twice:
 * the bits of a solver's results must be the same then, unless `deterministic` rules the solver out. */
#ifndef SOCLE_TESTS_SOLVER_CASE_H
#define SOCLE_TESTS_SOLVER_CASE_H

#include "solver_element.h"

/* Fills the results among values (in the order of problem_operands, the epilogue's operands last) from the others. */
typedef void (*solver_reference)(const problem *p, double *const *values);

typedef struct solver_case {
    const problem *p;
    solver_reference reference;
    uint64_t seed;      /* of the operands' content */
    int specials;       /* that many elements of each input are infinite or NaN */
    double tolerance;   /* share of the largest result; 0: by type */
    int tunings;        /* tried of each solver; 0: the default alone */
    const char *solver; /* only this one; NULL: every one */
    /* Operands whose elements lie far apart: solvers are given `spread`, which computes of elements place(operand, i) what p
     * computes of elements i. There are no guard zones and is no second time then. NULL: p itself. */
    const problem *spread;
    int64_t (*place)(const struct solver_case *c, int operand, int64_t i);
} solver_case;

/* Runs the case by each solver that applies, on each device that is usable and computes with the type, and fails the test where a
 * result differs, also from its own of the time before, or a byte outside of a result was written. Environment:
 * SOCLE_TEST_SOLVER=NAME narrows the solvers, SOCLE_TEST_SEED=N the cases; failures print the command with both that repeats
 * them. */
void solver_case_check(const solver_case *c);
/* How many runs of one solver on one device there were so far in this process, cases that were left out counted as one. */
int solver_case_runs(void);
/* One context for all cases of a test. */
socle_context *solver_case_context(void);
/* From here on its devices are as if they had these matrix instructions, in whose place local memory does the same. */
void solver_case_use_matrices(device_matrix kind);
/* Destroys it: at the end of tests under drivers that do not outlive what libraries keep of them (oclgrind and CLBlast's
 * programs). */
void solver_case_finish(void);

#endif
