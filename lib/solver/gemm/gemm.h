/* What the ways to run a matrix product share. */
#ifndef SOCLE_LIB_SOLVER_GEMM_H
#define SOCLE_LIB_SOLVER_GEMM_H

#include "../launch.h"

enum { GEMM_A, GEMM_B, GEMM_C };

int64_t gemm_batches(const gemm_problem *g);
/* Extents and their products that kernels number with 32 bits, and types that are computed with in float. */
bool gemm_extents_fit(const problem *p);
/* The same, all operands of one type. */
bool gemm_vectorizable(const problem *p);
/* The same of bytes, with results that the device stores. */
bool gemm_bytes_fit(const problem *p, const socle_device *device);
/* A dimension of a launch behind the first can number them: NVIDIA's devices have 65,535 groups there. */
bool gemm_batches_fit(const gemm_problem *g);
/* -DSTORAGE, and the offsets of batches where one stride is not enough. */
void gemm_add_options(solver_launch *launch, const problem *p);
/* Only the latter. */
void gemm_add_batch_offsets(solver_launch *launch, const gemm_problem *g);
/* Compile options of kernels that take products of bytes as they lie: types, transposes, and offsets of batches. */
void gemm_add_bytes_options(solver_launch *launch, const problem *p);
void gemm_add_batch_strides(solver_launch *launch, const gemm_problem *g);
/* The last arguments of every kernel but those for bytes: strides of the batches, alpha. */
void gemm_add_batch_args(solver_launch *launch, const gemm_problem *g);

/* An operand with so many elements next to each other, and such strides of its batches (NULL: C's), can be moved by four at
 * aligned addresses: kernels/common/quads.cl. */
bool gemm_in_quads(const problem *p, const socle_device *device, int64_t contiguous, const int64_t *strides);

/* Products split along k write [batch][splits][m][n] floats to the workspace: its size (nothing where there is one part), and the
 * launch with the step behind it that adds them in order, with the epilogue (none where there is one part). */
size_t gemm_split_bytes(const gemm_problem *g, int splits);
socle_status gemm_emit_split(solver_launch *product, const problem *p, int splits, const solver_operands *operands,
                             step_list *steps);

/* Bytes that count in estimates on CPU-shaped devices: what fits the caches is read from there, four times as fast. */
double gemm_seen_bytes(const problem *p);

/* A large constant B for a row or two is read where it lies rather than packed (vector.c). */
bool gemm_streams_in_place(const problem *p);

/* ---- panels of a constant B: [n / columns][k rounded up to lanes][columns] (pack.c) ---- */

typedef struct gemm_panels {
    int lanes, columns;
    int overlap; /* lanes of vectors that are moved back over their neighbours where they would reach over n; 0: zeros lie there
                  */
} gemm_panels;

/* B's content is known when weights are prepared, and there is one B. */
bool gemm_can_pack(const problem *p);
size_t gemm_packed_bytes(const problem *p, gemm_panels panels);
socle_status gemm_emit_pack(const problem *p, gemm_panels panels, const char *algorithm, const solver_operands *operands,
                            step_list *steps);
/* The same panels from weights that are stored in a narrower type (narrow.c): gemm_emit_pack's way for those. */
socle_status gemm_emit_widening_pack(const problem *p, gemm_panels panels, const solver_operands *operands, step_list *steps);

#endif
