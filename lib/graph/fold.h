/* What the folding rules share: copying by strides and walking over index space on the host. */
#ifndef SOCLE_LIB_GRAPH_FOLD_H
#define SOCLE_LIB_GRAPH_FOLD_H

#include "elements.h"
#include "graph.h"

#define STRIDED_MAX_RANK (2 * SOCLE_MAX_RANK)

/* Copies dims[0] x dims[1] ... elements; strides in elements, any sign, 0 repeats. */
typedef struct strided_copy {
    int rank;
    size_t element_bytes;
    int64_t dims[STRIDED_MAX_RANK], from_stride[STRIDED_MAX_RANK], to_stride[STRIDED_MAX_RANK];
} strided_copy;

void strided_copy_run(const strided_copy *copy, const void *from, void *to);
/* Strides of a dense tensor. */
void dense_strides(const int64_t *dims, int rank, int64_t *strides);
/* Strides of a dense tensor read as if broadcast to `rank` dimensions of the result. */
void broadcast_strides(const socle_tensor *tensor, int rank, int64_t *strides);
/* One index of `dims` further, with the linear offset by `strides` kept; false behind the last. */
bool index_next(int64_t *index, const int64_t *dims, int rank, const int64_t *strides, int64_t *offset);

/* The integers of an optional small tensor; -1: it is left out. */
int tensor_ints(const socle_tensor *tensor, int64_t *out, int capacity);

/* A node's float attributes in the order of its operator's list; their number. */
int operator_attribute_values(const graph_node *node, double *out, int capacity);

/* Folds what can be; trainable constants count as constants only where `frozen`. */
socle_status graph_fold_constants(socle_graph *graph, bool frozen);
/* Results of this many elements and more are not made on the host when they only repeat smaller ones. */
#define FOLD_GROWTH_LIMIT 65536

#endif
