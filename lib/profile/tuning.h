/* What is kept of tuning: one record for each problem on each device, as a JSON text in the store. It names the fastest way with
 * the figures that showed it, and the ways that failed and must not be chosen again. */
#ifndef SOCLE_LIB_PROFILE_TUNING_H
#define SOCLE_LIB_PROFILE_TUNING_H

#include "profile.h"

#include <jansson.h>

#define TUNING_MAX_FAILURES 16
#define TUNING_FAILURES_OF_A_SOLVER 2 /* as many make all its tunings suspect */
#define TUNING_CUT_SHORT (-1)         /* level of a search that did not come to its end */

typedef struct way {
    const solver *solver;
    tuning tuning;
} way;

typedef struct failed_way {
    way way;
    char reason[160];
} failed_way;

typedef struct tuning_record {
    bool tuned;
    way best;
    double us;     /* median of a run and the wait for it */
    double spread; /* difference of the quartiles, as a share of the median */
    int samples;
    int tried; /* ways that were measured */
    int level; /* socle_tune_level, or TUNING_CUT_SHORT */
    failed_way failures[TUNING_MAX_FAILURES];
    int failure_count;
    way trying;   /* solver NULL: none. A way that was begun: if its process is gone, it took it along */
    long process; /* the one that tries it */
} tuning_record;

bool way_equal(const way *a, const way *b);
/* The solver applies to the problem and the tuning is one that it offers for it. */
bool way_fits(const way *w, const problem *p, const socle_device *device);
/* Turns the tuning into the most similar one that the solver offers for the problem; false: the solver does not apply. */
bool way_adapt(way *w, const problem *p, const socle_device *device);

/* False: nothing is kept of the problem; *record is then empty. A way that took its process along is among the failures. Whether
 * `best` fits the problem has been checked. */
bool tuning_read(const socle_device *device, const problem *p, tuning_record *record);
/* A store that cannot be written costs time on the next start, nothing else. */
void tuning_keep(socle_device *device, const problem *p, const tuning_record *record);
/* A record from a file, for a device of its model: {"problem", "shape", "deterministic", ...} as tuning_keep writes it. */
socle_status tuning_keep_json(socle_device *device, const json_t *record);
/* The way itself, or so many of its solver that the rest is not tried either. */
bool tuning_has_failed(const tuning_record *record, const way *w);
void tuning_add_failure(tuning_record *record, const way *w, const char *reason);

/* ---- nearest (tuning_nearest.c) ---- */

/* The fastest way of the nearest known problem that fits this one. Problems are near when they are alike but for
 * extents of 8 or more that differ by a factor of 4 at most. */
bool tuning_nearest(socle_device *device, const problem *p, way *found);
/* How far two problems' texts (problem_text without epilogue) are apart: mean binary logarithm of the ratios; INFINITY: not
 * comparable. */
double tuning_distance(const char *a, const char *b);
/* Reads {"solver": ..., "tuning": [...]} of a record; false: no such way. */
bool tuning_way_from_json(const json_t *object, way *w);

#endif
