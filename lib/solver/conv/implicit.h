/* The product inside of conv/implicit, for ways that need one on GPU-shaped devices between steps of their own. */
#ifndef SOCLE_LIB_SOLVER_CONV_IMPLICIT_H
#define SOCLE_LIB_SOLVER_CONV_IMPLICIT_H

#include "taps.h"

/* value[] of its tunings: a group's items, an item's results, the steps of the sum that lie in local memory, and for gradients of
 * weights the parts of the sum. All 0: the default; values behind these are not read. */
enum { IMPLICIT_WX, IMPLICIT_WY, IMPLICIT_TM, IMPLICIT_TN, IMPLICIT_BK, IMPLICIT_CHUNKS, IMPLICIT_VALUES };

/* Weights as the product reads them: [groups][row tiles][depth][rows of a tile], zero where there are none. */
typedef struct implicit_packing {
    int64_t tile_rows, row_tiles, depth;
} implicit_packing;
implicit_packing implicit_packing_of(const tap_conv *c, const tuning *t);

/* Operands and where in them, in elements, x and the packed weights begin (the latter a multiple of 4). */
typedef struct implicit_operands {
    int x, packed, y;
    int64_t x_offset, packed_offset;
} implicit_operands;

/* The product's step, with p's epilogue; t: no default. operands: the epilogue's. */
socle_status implicit_emit_product(const problem *p, const tap_conv *c, const tuning *t, const char *algorithm,
                                   const implicit_operands *at, const solver_operands *operands, step_list *steps);

#endif
