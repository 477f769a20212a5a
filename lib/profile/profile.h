/* profile: what was measured on this machine, and the tuner that measures it. */
#ifndef SOCLE_LIB_PROFILE_H
#define SOCLE_LIB_PROFILE_H

#include "../solver/solver.h"
#include <socle/profile.h>
#include <socle/bench.h>

/* The device's profile: from the store, else measured quickly (about 0.3 s), kept. Never fails: on errors the estimates of a slow
 * device. */
const socle_profile *profile_get(socle_device *device);

/* What is known of a problem on a device. */
typedef struct tuned {
    const solver *solver;
    tuning tuning;
    double us; /* < 0: not measured, `solver` and `tuning` are defaults by estimate */
} tuned;

/* The best known way: measured if the store has it, else by estimate. Does not measure. */
socle_status tuner_best(socle_device *device, const problem *p, tuned *best);

typedef struct tuner_options {
    socle_tune_level level;
    double budget_s;
    bool refresh; /* false: what was found at this level or a higher one is not searched again */
    /* Called before each candidate and while they are measured; non-zero stops the search, which keeps what it found. May be
     * NULL. */
    int (*watch)(const char *solver, void *user);
    void *user;
} tuner_options;

/* Measures candidates (their results checked against the reference solver's) within the budget and keeps the winner in the store.
 * default_us (may be NULL): time of what tuner_best answered before; < 0: nothing was measured. A candidate that fails is kept as
 * failed and never chosen. Errors: INTERRUPTED where the watch stopped it before anything was found. */
socle_status tuner_tune(socle_device *device, const problem *p, const tuner_options *options, tuned *best, double *default_us);

/* Finds out which instructions the device's kernels may use (device->instructions): from the store, else by trying.
 * instructions.c */
void instructions_probe(socle_device *device);

/* ---- workloads: one problem run by one solver on operands of its own, for the tuner and the benchmarks (workload.c) ---- */

typedef struct workload workload;

/* Random operands (the same for every solver of a problem), weights prepared. */
socle_status workload_create(socle_device *device, const problem *p, const solver *s, const tuning *t, workload **out);
/* The same on the inputs of another workload of this problem (NULL: on its own), which must live longer. */
socle_status workload_create_beside(const workload *other, socle_device *device, const problem *p, const solver *s,
                                    const tuning *t, workload **out);
void workload_destroy(workload *w);
/* Runs all steps once and waits; *seconds (may be NULL): of wall clock. */
socle_status workload_run(workload *w, double *seconds);
/* SOCLE_WRONG_RESULT where an output differs from the reference's by more than the tolerance of the type. Both must have run
 * once. */
socle_status workload_compare(workload *w, workload *reference);

/* Roofline estimate in us of a step that does flops and moves bytes. */
double profile_estimate_us(const socle_profile *profile, double flops, double bytes);

#endif
