/* What products by tiles in local memory share (kernels/gemm/tiles.cl): their tunings, and what those cost. */
#ifndef SOCLE_LIB_SOLVER_GEMM_TILES_H
#define SOCLE_LIB_SOLVER_GEMM_TILES_H

#include "gemm.h"

/* value[] of a tuning: results of a group, steps of k that are in local memory at a time, results of a work-item, parts of k. A
 * step is what lies in 4 bytes of local memory: a float, or four bytes. */
enum { TILE_M, TILE_N, TILE_K, ITEM_M, ITEM_N, SPLITS };

int tile_items(const tuning *t); /* work-items of a group */
/* Multiply-adds that a compute unit could have done in the time of all groups, each with `depth` steps of k. */
double tile_cost(const problem *p, const socle_device *device, const tuning *t, int64_t depth);
/* Turns of all of a work-item's loops while TILE_K steps are in local memory, none of them unrolled (rusticl unrolls none): for
 * devices that end long loops. */
int64_t tile_turns(const tuning *t);

/* Groups and work-items of a launch: every tile of C, for each batch. */
void tile_set_range(solver_launch *launch, const gemm_problem *g, const tuning *t);

/* Completes a shape to the tuning that costs the least and returns what it costs; infinite: it cannot run. */
typedef double (*tile_pricing)(const problem *p, const socle_device *device, const tuning *shape, tuning *t);
/* The shapes that can run, the cheapest first. */
int tile_candidates(const problem *p, const socle_device *device, const tuning *shapes, int shape_count, tile_pricing price_of,
                    tuning *out, int capacity);

#endif
