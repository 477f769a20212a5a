/* socle tune: what its files share. */
#ifndef SOCLE_COMMAND_TUNE_H
#define SOCLE_COMMAND_TUNE_H

#include "bench.h"

/* The tuner runs in a process of its own: an algorithm whose compiler crashes or whose kernel never ends takes only that along.
 * The tuner has noted in the store what it tried, so that the next process leaves it out. */

/* ---- in that process ---- */

typedef struct tune_channel tune_channel;
void tune_tell_alive(tune_channel *channel, const char *device, const char *problem, double share);
void tune_tell_row(tune_channel *channel, json_t *row); /* takes over row */

/* ---- in the command's ---- */

typedef struct tune_found {
    json_t *rows; /* {device, problem, winner, us, default_us}, each problem of a device once */
    int crashes;
} tune_found;

/* Runs work in a process that has not used OpenCL before, again as long as it crashes or is silent for patience_s, until end_s.
 * The exit status: that of work. */
int tune_supervise(int (*work)(tune_channel *channel, const void *user), const void *user, double end_s, double patience_s,
                   tune_found *found);

#endif
