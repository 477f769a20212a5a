/* What ways by matrix instructions share (kernels/common/matrix.cl): how a device's fragments lie, and tiles made of them. */
#ifndef SOCLE_LIB_SOLVER_MATRIX_H
#define SOCLE_LIB_SOLVER_MATRIX_H

#include "launch.h"

#define MATRIX_WORDS 8 /* of 4 bytes, of a step along k */

typedef struct matrix_fragment {
    int m, n;  /* results of an instruction */
    int items; /* work-items that hold them together */
    int lines; /* rows that these form, when each has some rows and columns of a tile */
    /* What an item's sums, and words on their way to local memory, may take, so that compilers need no memory for registers.
     * Seen: 72 but not 80 with Intel's graphics compiler 1.0.12504 for DG2 and PVC and with clang 19 for gfx1100; the largest
     * tiles of gemm/matrix, 140, with ptxas 13 for sm_80 and clang 19 for gfx90a. */
    int registers;
} matrix_fragment;

/* Of the device's instructions; all 0: it has none. */
matrix_fragment matrix_fragment_of(const socle_device *device);

/* The instruction that products of such factors use; bytes are INT8 or UINT8. */
device_instruction matrix_instruction(socle_dtype dtype);
/* Of such numbers make a word. */
int matrix_numbers(socle_dtype dtype);

/* Multiply-adds of words in the time of one of floats, as the profile has them; 1: it does not know. */
double matrix_rate(const socle_device *device);

/* Appends the compile options that choose the device's instruction, or local memory in its place, and its factors. */
void matrix_add_options(text *options, const socle_device *device, socle_dtype left, socle_dtype right);

/* Can tiles of tile_m x tile_n results and tile_k words, item_m x item_n results for each work-item, be made of whole fragments,
 * is there room for two of each and `more_bytes` in local memory, and for the rest in registers? */
bool matrix_tiles_fit(const socle_device *device, int tile_m, int tile_n, int tile_k, int item_m, int item_n, size_t more_bytes);

#endif
