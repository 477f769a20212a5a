/* Small graphs whose outputs must not change when a pass rewrites them: evaluated by the oracle before and after. */
#ifndef SOCLE_TESTS_GRAPH_CASE_H
#define SOCLE_TESTS_GRAPH_CASE_H

#include "evaluate.h"

#define GRAPH_CASE_MAX_INPUTS 8

typedef struct graph_case {
    socle_graph *graph;
    value_id inputs[GRAPH_CASE_MAX_INPUTS];
    double *elements[GRAPH_CASE_MAX_INPUTS]; /* what each input holds when the graph is evaluated */
    int input_count;
    uint32_t random;
} graph_case;

#define SHAPE(...)                                                                                                               \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[])                                                       \
    {                                                                                                                            \
        __VA_ARGS__                                                                                                              \
    }
#define SCALAR 0, NULL

void graph_case_start(graph_case *c);
void graph_case_finish(graph_case *c);
double graph_case_random(graph_case *c, double low, double high);

graph_type graph_case_type(socle_dtype dtype, int rank, const int64_t *dims);
/* Random elements in low..high: whole numbers for integers, 0 or 1 for bool. */
value_id graph_case_input(graph_case *c, socle_dtype dtype, double low, double high, int rank, const int64_t *dims);
value_id graph_case_constant(graph_case *c, socle_dtype dtype, double low, double high, int rank, const int64_t *dims);
value_id graph_case_ints(graph_case *c, int rank, const int64_t *elements); /* a list of int64 */
/* One node, asserted to be added; its first output. */
value_id graph_case_node(graph_case *c, const char *op, const value_id *inputs, int input_count,
                         const socle_attribute *attributes, int attribute_count);
#define CASE_NODE(c, op, ...)                                                                                                    \
    graph_case_node(c, op, (const value_id[]){__VA_ARGS__}, (int)(sizeof((value_id[]){__VA_ARGS__}) / sizeof(value_id)), NULL, 0)
#define ATTRIBUTES(...)                                                                                                          \
    (const socle_attribute[]){__VA_ARGS__}, (int)(sizeof((socle_attribute[]){__VA_ARGS__}) / sizeof(socle_attribute))

int graph_case_count_nodes(const graph_case *c, const char *op); /* op NULL: all */
/* Asserts that every output of the graph (its number of elements and, within the relative tolerance, their values) survives the
 * pass, and that the graph is valid afterwards. */
void graph_case_assert_kept(graph_case *c, socle_status (*pass)(socle_graph *graph), double tolerance);

#endif
