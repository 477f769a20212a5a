/* What gather, its gradient and scatter share: types of elements and indices, and offsets written as OpenCL expressions. */
#ifndef SOCLE_LIB_SOLVER_GATHER_H
#define SOCLE_LIB_SOLVER_GATHER_H

#include "../launch.h"

const char *gather_index_type(const gather_problem *g); /* "int" or "long" */
const char *gather_copy_type(socle_dtype dtype);        /* unsigned integer of the element's size */

enum { GATHER_ADD = 1, GATHER_MULTIPLY = 2 }; /* of gather_problem's reductions */

/* Sums in between of `reduction` (as in gather_problem) would be rounded where the result stands: they go into a workspace of
 * float.
 */
bool gather_rounds(const problem *p, int reduction);
/* Bytes of that workspace: as many elements as the data. */
size_t gather_sums_bytes(const gather_problem *g);
/* The step that brings the data into the workspace (widen), or the sums from it to the result. */
socle_status gather_emit_sums(const problem *p, const char *algorithm, bool widen, int from, int to,
                              const solver_operands *operands, step_list *steps);

/* Row-major strides of dims. */
void gather_strides(const int64_t *dims, int rank, int64_t *strides);
/* Elements of dims without the axis (skip < 0: all). */
int64_t gather_count(const int64_t *dims, int rank, int skip);
/* "#define NAME(i) (...)": i numbers the places of `dims`, its axis `skip` left out (< 0: none); the result is the sum of the
 * coordinates, but the one along `without`, times their strides. */
void gather_define_offset(text *out, const char *name, const int64_t *dims, int rank, int skip, int without,
                          const int64_t *strides);
/* DATA_OFFSET and INDEX_OFFSET of the lines along the axis that have indices. */
void gather_define_lines(text *out, const gather_problem *g);
/* Distance of neighbours along the axis within the indices. */
int64_t gather_index_inner(const gather_problem *g);

#endif
