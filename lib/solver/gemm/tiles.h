/* What products by tiles in local memory share (kernels/gemm/tiles.cl): their tunings, and what those cost. */
#ifndef SOCLE_LIB_SOLVER_GEMM_TILES_H
#define SOCLE_LIB_SOLVER_GEMM_TILES_H

#include "gemm.h"

/* value[] of a tuning: results of a group, steps of k that are in local memory at a time, results of a work-item, parts of k. A
 * step is what lies in 4 bytes of local memory: a float, or four bytes. */
enum { TILE_M, TILE_N, TILE_K, ITEM_M, ITEM_N, SPLITS };

int tile_items(const tuning *t); /* work-items of a group */

typedef struct tile_product {
    const gemm_problem *g; /* its extents and batches; k is not read */
    int64_t depth;         /* steps of k */
    double rate;           /* of which a compute unit does so many in the time of a multiply-add of floats */
    double gather; /* multiply-adds in whose time a step of a column comes to local memory, beyond what tiles always cost */
} tile_product;

/* Multiply-adds that a compute unit could have done in the time of all groups, each with the product's depth. */
double tile_cost(const socle_device *device, tile_product product, const tuning *t);
/* The device runs groups of so many items, with two tiles of each operand in local memory. */
bool tile_fits(const socle_device *device, const tuning *t);

/* Parts of k are this deep at least, where it is the estimate that asks for them. */
#define TILE_LEAST_SPLIT 128
/* Splits: steps of each part of `depth`, a multiple of TILE_K; parts that are not empty among so many. */
int64_t tile_split_depth(const tuning *t, int64_t depth, int64_t splits);
int tile_even_splits(const tuning *t, int64_t depth, int64_t splits);
/* tile_cost, and where k is split another launch, and sums that are written and read. */
double tile_split_cost(const socle_device *device, tile_product product, const tuning *t);
/* Sets SPLITS to the number, at least `least`, that costs the least, the adding up of the parts' sums among it; returns what that
 * costs, infinite where there is no room for the sums. */
double tile_with_splits(const socle_device *device, tile_product product, int64_t least, tuning *t);

/* Turns of all of a work-item's loops while TILE_K steps are in local memory, none of them unrolled (rusticl unrolls none): for
 * devices that end long loops. */
int64_t tile_turns(const tuning *t);

/* Appends the compile options that give kernels/gemm/tiles.cl its extents; those of k in numbers of which `numbers` are a step.
 */
void tile_add_options(text *options, const tuning *t, int numbers);
/* Groups and work-items of a launch: every tile of C, for each batch. */
void tile_set_range(solver_launch *launch, const gemm_problem *g, const tuning *t);

/* Tiles for matrix instructions, in words of k: for gemm/matrix and conv/matrix. Those that are made of whole fragments of the
 * device's can run. more_bytes: of local memory, for other things. */
#define MATRIX_SHAPES 14
extern const tuning matrix_shapes[MATRIX_SHAPES];
bool matrix_shape_fits(const socle_device *device, const tuning *t, size_t more_bytes);

/* Completes a shape to the tuning that costs the least and returns what it costs; infinite: it cannot run. */
typedef double (*tile_pricing)(const problem *p, const socle_device *device, const tuning *shape, tuning *t);
/* The shapes that can run, the cheapest first. */
int tile_candidates(const problem *p, const socle_device *device, const tuning *shapes, int shape_count, tile_pricing price_of,
                    tuning *out, int capacity);

#endif
