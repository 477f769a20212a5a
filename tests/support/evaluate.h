/* The oracle: graphs interpreted in float64, one element at a time, straight from the definitions of ONNX. Shares no arithmetic
 * with the library; only the types and shapes of the values are taken from the graph. Values of every type are doubles here
 * (integers up to 2^53). */
#ifndef SOCLE_TESTS_EVALUATE_H
#define SOCLE_TESTS_EVALUATE_H

#include "../../lib/graph/graph.h"

typedef struct evaluation {
    const socle_graph *graph;
    double **values; /* per value: its elements; NULL: not known yet */
    int value_count;
    char error[256]; /* why the last run failed */
} evaluation;

/* Starts with the content of constants and states. */
void evaluation_start(evaluation *e, const socle_graph *graph);
/* Sets an input, or other content for a constant or a state. The elements are copied. */
void evaluation_set(evaluation *e, value_id value, const double *elements);
/* Runs all nodes; false: e->error says why. May be run again after evaluation_set. */
bool evaluation_run(evaluation *e);
/* Moves the new content of states into them, as a run of a plan does at its end. */
void evaluation_update(evaluation *e);
static inline const double *evaluation_get(const evaluation *e, value_id value)
{
    return e->values[value];
}
void evaluation_finish(evaluation *e);

/* Elements of a tensor of any type, as doubles (free), and back, rounded to nearest even. */
double *evaluate_widen(socle_dtype dtype, const void *data, int64_t count);
void evaluate_narrow(socle_dtype dtype, const double *from, void *to, int64_t count);

/* A value or no value, as operators see it. */
typedef struct operand {
    socle_dtype dtype;
    int rank;
    int64_t dims[SOCLE_MAX_RANK];
    int64_t count;
    double *data; /* NULL: left out */
} operand;

#define EVALUATE_MAX_OPERANDS 64

typedef struct operation {
    const graph_node *node;
    operand in[EVALUATE_MAX_OPERANDS], out[EVALUATE_MAX_OPERANDS];
    int in_count, out_count;
} operation;

/* The operators by kind; false: not one of mine. */
bool evaluate_pointwise(operation *o);
bool evaluate_movement(operation *o);
bool evaluate_reduction(operation *o);
bool evaluate_product(operation *o);
bool evaluate_convolution(operation *o);
bool evaluate_pool(operation *o);
bool evaluate_normalization(operation *o);
bool evaluate_loss(operation *o);
bool evaluate_index(operation *o);
bool evaluate_order(operation *o);

static inline bool evaluate_is(const operation *o, const char *name)
{
    return __builtin_strcmp(o->node->op->name, name) == 0;
}

/* Coordinates of the element with this linear index, and back. */
void evaluate_coordinates(const operand *t, int64_t index, int64_t *coordinates);
int64_t evaluate_offset(const operand *t, const int64_t *coordinates);
/* The element of t that broadcasts to these coordinates of a tensor of `rank` dimensions. */
int64_t evaluate_broadcast_offset(const operand *t, const int64_t *coordinates, int rank);
static inline int evaluate_axis(int64_t axis, int rank)
{
    return (int)(axis < 0 ? axis + rank : axis);
}

#endif
