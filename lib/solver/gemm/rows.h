/* What products on CPU-shaped devices share that keep whole rows of A in local memory, for panels of B to pass over: the
 * tuning of register tiles and groups. */
#ifndef SOCLE_LIB_SOLVER_GEMM_ROWS_H
#define SOCLE_LIB_SOLVER_GEMM_ROWS_H

#include "gemm.h"

/* value[] of their tunings */
enum { ROWS, VECTORS, GROUP_ROWS, GROUP_COLUMNS };

typedef struct gemm_rows {
    int lanes;         /* columns of a vector */
    int64_t row_bytes; /* of local memory for a row of A */
    double share;      /* of the peak of float32 that the products reach */
} gemm_rows;

/* The tuning with defaults in the place of zeros. */
tuning gemm_rows_tuning(const problem *p, const socle_device *device, gemm_rows rows, const tuning *t);
/* Its rows fit local memory. */
bool gemm_rows_fit(const problem *p, const socle_device *device, gemm_rows rows, const tuning *t);
int gemm_rows_candidates(const problem *p, const socle_device *device, gemm_rows rows, tuning *out, int capacity);
/* Of a resolved tuning. */
int64_t gemm_rows_groups(const problem *p, const tuning *r);
int64_t gemm_rows_local_bytes(gemm_rows rows, const tuning *r);

#endif
