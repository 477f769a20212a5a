/* What the inference rules share: failing with the node's name, partly known integers, and windows. */
#ifndef SOCLE_LIB_GRAPH_INFER_H
#define SOCLE_LIB_GRAPH_INFER_H

#include "elements.h"
#include "graph.h"

/* "node 'fc1' (Gemm): ..." */
socle_status infer_fail(const graph_infer *infer, socle_status status, const char *format, ...) SOCLE_PRINTF(3, 4);
/* The type's text, "float32[N, 3, 224]", in the thread's rotating storage. */
const char *infer_type_text(const graph_infer *infer, const graph_type *type);

/* Any number of inputs; NULL where left out. */
const graph_type *infer_input(const graph_infer *infer, int index);
value_id infer_input_value(const graph_infer *infer, int index); /* GRAPH_NONE where left out */
/* All outputs of the type, their rank unknown. */
socle_status infer_nothing(graph_infer *infer, socle_dtype dtype);
/* All dimensions unknown. */
void infer_unknown_dims(graph_type *type, int rank);
/* -rank <= axis < rank to 0 <= axis < rank; fails otherwise. */
socle_status infer_axis(const graph_infer *infer, int64_t axis, int rank, int *out);
/* Marks the axes in `axes` (negative ones count from the end); fails when out of range or given twice. */
socle_status infer_axes(const graph_infer *infer, const int64_t *axes, int count, int rank, bool *marked);
/* Two dimensions that must be equal: the one that is known better into *out; false when they are known and differ. */
bool dim_unify(int64_t a, int64_t b, int64_t *out);
bool dim_broadcast(int64_t a, int64_t b, int64_t *out);
/* a * factor where a is known; else unknown unless the factor is 1. */
int64_t dim_times(int64_t a, int64_t factor);

/* An element of a shape computation: a number, or a dimension's code (symbol or DIM_UNKNOWN). */
typedef struct dim_value {
    bool known;
    int64_t value;
} dim_value;

#define DIM_VALUES_MAX 64

/* The elements of a value of rank 0 or 1 as far as they follow from constants and shapes: their count, or -1. */
int graph_dim_values(const socle_graph *graph, value_id value, dim_value *out, int capacity);
/* Of an input: the same where all elements are numbers. -1: not known (yet). */
int infer_ints(const graph_infer *infer, int input, int64_t *out, int capacity);

#endif
