/* Convolution as a product that is gathered into local memory: what its solvers share (implicit_model.c says what a tuning costs,
 * implicit.c makes the steps), and the product for ways that need one on GPU-shaped devices between steps of their own. */
#ifndef SOCLE_LIB_SOLVER_CONV_IMPLICIT_H
#define SOCLE_LIB_SOLVER_CONV_IMPLICIT_H

#include "taps.h"

/* value[] of its tunings: a group's items, an item's results, the steps of the sum that lie in local memory, and the parts of the
 * sum that groups of their own compute. All 0: the default; values behind these are not read. */
enum { IMPLICIT_WX, IMPLICIT_WY, IMPLICIT_TM, IMPLICIT_TN, IMPLICIT_BK, IMPLICIT_CHUNKS, IMPLICIT_VALUES };

static inline bool implicit_is_weight(const problem *p)
{
    return p->kind == PROBLEM_CONV_WEIGHT;
}

static inline int implicit_tile_rows(const tuning *t)
{
    return t->value[IMPLICIT_WY] * t->value[IMPLICIT_TM];
}

static inline int implicit_tile_columns(const tuning *t)
{
    return t->value[IMPLICIT_WX] * t->value[IMPLICIT_TN];
}

static inline int implicit_items(const tuning *t)
{
    return t->value[IMPLICIT_WX] * t->value[IMPLICIT_WY];
}

/* ---- implicit_model.c ---- */

typedef struct implicit_extents {
    int64_t rows, columns, groups;
    int64_t depth; /* of the sum */
} implicit_extents;
implicit_extents implicit_extents_of(const problem *p, const tap_conv *c);

/* Phases that are run, each by a launch. */
#define IMPLICIT_MOST_PHASES 64
/* The one with the most work. */
tap_conv implicit_largest_phase(const problem *p);

/* Kernels number the pixels of the batch, the elements of a group's image, and its packed weights, with 32 bits: these have tiles
 * of so many rows, and add `step` to the channels of all taps at most. */
bool implicit_offsets_fit(const problem *p, int64_t tile_rows, int64_t step);

/* Elements of the forward pass's, or gradient's, result. */
int64_t implicit_result_count(const problem *p);

/* A step of the sum is one tap of BK channels. */
bool implicit_by_blocks(const tap_conv *c, const tuning *t);

/* Weights as the product reads them: [groups][row tiles][depth][rows of a tile], zero where there are none. */
typedef struct implicit_packing {
    int64_t tile_rows, row_tiles, depth;
} implicit_packing;
implicit_packing implicit_packing_of(const tap_conv *c, const tuning *t);
int64_t implicit_packed_count(const tap_conv *c, const tuning *t); /* elements */

/* The tuning itself, or the default. */
tuning implicit_resolve(const problem *p, const socle_device *device, const tuning *t);

/* The solvers' functions of these names. */
bool implicit_applicable(const problem *p, const socle_device *device);
int implicit_candidates(const problem *p, const socle_device *device, tuning *out, int capacity);
double implicit_estimate(const problem *p, const socle_device *device, const tuning *t);

/* ---- implicit.c ---- */

/* Operands and where in them, in elements, x and the packed weights begin (the latter a multiple of 4). */
typedef struct implicit_operands {
    int x, packed, y;
    int64_t x_offset, packed_offset;
} implicit_operands;

/* The product's step, with p's epilogue; t: no default. With several parts y gets the sums of each, without the epilogue.
 * operands: the epilogue's. */
socle_status implicit_emit_product(const problem *p, const tap_conv *c, const tuning *t, const char *algorithm,
                                   const implicit_operands *at, const solver_operands *operands, step_list *steps);

/* A way to make such products, phase by phase: what its numbers in local memory, floats or words, make different. Only `resolve`
 * takes the default. */
typedef struct implicit_way {
    const char *source, *pack_kernel;
    int chunks; /* of value[]: the parts of the sum */
    tuning (*resolve)(const problem *p, const socle_device *device, const tuning *t);
    int64_t (*packed_count)(const problem *p, const tap_conv *c, const tuning *t); /* numbers of a phase's packed weights */
    const char *(*algorithm)(const problem *p);
    void (*add_options)(text *options, const problem *p, const socle_device *device, const tap_conv *c, const tuning *t);
    /* The launch of a product, still without its arguments. */
    solver_launch (*product)(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t);
    socle_status (*emit_product)(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t,
                                 const implicit_operands *at, const solver_operands *operands, step_list *steps);
} implicit_way;

/* Of the parts of the sums in the workspace. */
size_t implicit_part_bytes(const problem *p, int chunks);
/* What its solvers' functions of these names do; implicit_emit_weight: of the gradient of the weights. */
size_t implicit_prepared_bytes(const implicit_way *way, const problem *p, const socle_device *device, const tuning *t);
size_t implicit_workspace_bytes(const implicit_way *way, const problem *p, const socle_device *device, const tuning *t);
socle_status implicit_prepare(const implicit_way *way, const problem *p, const socle_device *device, const tuning *t,
                              const solver_operands *operands, step_list *steps);
socle_status implicit_emit(const implicit_way *way, const problem *p, const socle_device *device, const tuning *t,
                           const solver_operands *operands, step_list *steps);
socle_status implicit_emit_weight(const implicit_way *way, const problem *p, const socle_device *device, const tuning *t,
                                  const solver_operands *operands, step_list *steps);

#endif
