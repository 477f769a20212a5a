/* Parameters of direct convolution, chosen by a model of its cost. */
#ifndef SOCLE_LIB_SOLVER_CONV_DIRECT_H
#define SOCLE_LIB_SOLVER_CONV_DIRECT_H

#include "taps.h"

/* value[] of conv/direct's and conv_input/direct's tunings */
typedef enum direct_value {
    DIRECT_CHANNELS,
    DIRECT_VECTORS,
    DIRECT_ROWS,
    DIRECT_BLOCK,
    DIRECT_SLICE,
    DIRECT_COLUMNS /* 0: all of a row */
} direct_value;

/* Tunings for the problem, the cheapest by the model first; at most capacity; returns how many: 0 where local memory has room for
 * none. */
int direct_tunings(const problem *p, const socle_device *device, tuning *out, int capacity);
/* Seconds that the model expects. */
double direct_estimate(const problem *p, const socle_device *device, const tuning *t);

#endif
