/* Short forms in which gradient rules are written. Each adds a node (or none, where it would do nothing) and returns its value;
 * each hands GRAPH_NONE on, so that a rule checks once, at its end. Types are copied: adding nodes moves the graph's arrays. */
#ifndef SOCLE_LIB_GRAPH_GRADIENT_COMPOSE_H
#define SOCLE_LIB_GRAPH_GRADIENT_COMPOSE_H

#include "graph.h"

/* ---- reading ---- */

graph_type compose_type(const socle_graph *graph, value_id value);
socle_dtype compose_dtype(const socle_graph *graph, value_id value);
bool compose_same_shape(const graph_type *a, const graph_type *b);
static inline bool compose_is_float(socle_dtype dtype)
{
    return dtype == SOCLE_FLOAT32 || dtype == SOCLE_FLOAT16 || dtype == SOCLE_BFLOAT16 || dtype == SOCLE_FLOAT64;
}
/* The axis counted from the front. */
static inline int compose_axis(int64_t axis, int rank)
{
    return (int)(axis < 0 ? axis + rank : axis);
}

/* ---- arithmetic ---- */

value_id compose_unary(socle_graph *graph, const char *op, value_id a);
value_id compose_binary(socle_graph *graph, const char *op, value_id a, value_id b);
value_id compose_where(socle_graph *graph, value_id condition, value_id yes, value_id no);
/* A constant of rank 0 and the type of `like`. */
value_id compose_number(socle_graph *graph, value_id like, double number);
value_id compose_scale(socle_graph *graph, value_id a, double factor); /* a * factor; a itself for 1 */
value_id compose_add_number(socle_graph *graph, value_id a, double number);
value_id compose_cast(socle_graph *graph, value_id a, socle_dtype dtype);
/* "socle" or "" and any attributes; one output. */
value_id compose_node(socle_graph *graph, const char *domain, const char *op, const value_id *inputs, int input_count,
                      const socle_attribute *attributes, int attribute_count);

/* ---- products ---- */

/* op(a) op(b) of two matrices as a Gemm without C. */
value_id compose_product(socle_graph *graph, value_id a, bool transpose_a, value_id b, bool transpose_b, double alpha);

/* ---- shapes ---- */

value_id compose_reshape(socle_graph *graph, value_id a, int rank, const int64_t *dims);
value_id compose_reshape_as(socle_graph *graph, value_id a, const graph_type *type);
value_id compose_expand_as(socle_graph *graph, value_id a, const graph_type *type);
value_id compose_transpose(socle_graph *graph, value_id a, const int64_t *permutation);
value_id compose_swap_last(socle_graph *graph, value_id a); /* transposes the last two axes */
value_id compose_slice(socle_graph *graph, value_id a, int axis, int64_t start, int64_t end, int64_t step);
/* Zeros before and after along one axis; negative numbers crop. */
value_id compose_pad(socle_graph *graph, value_id a, int axis, int64_t before, int64_t after);
value_id compose_zeros(socle_graph *graph, const graph_type *type);
value_id compose_filled(socle_graph *graph, const graph_type *type, double number);
/* The numbers 0..count-1 as int64 (or another type) along `axis` of a tensor of this rank, all other dimensions 1. */
value_id compose_counting(socle_graph *graph, socle_dtype dtype, int64_t count, int axis, int rank);

/* ---- reductions ---- */

value_id compose_reduce(socle_graph *graph, const char *op, value_id a, const int64_t *axes, int count, bool keep);

/* ---- rules ---- */

/* Sets the gradient of an input and says whether it was made. */
socle_status compose_set(graph_gradient *g, int input, value_id gradient);
static inline bool compose_wanted(const graph_gradient *g, int input)
{
    return input < g->graph->nodes[g->node].input_count && g->needed[input];
}
/* Input, output and gradient of an output of the rule's node; GRAPH_NONE where absent. */
value_id compose_input(const graph_gradient *g, int input);
value_id compose_output(const graph_gradient *g, int output);

#endif
