/* What graph.c, build.c and the rewriting passes share about making and replacing values and nodes. */
#ifndef SOCLE_LIB_GRAPH_BUILD_H
#define SOCLE_LIB_GRAPH_BUILD_H

#include "graph.h"

/* ---- graph.c ---- */

/* A value of the given name, or of a made-up one ("hint_7") where name is NULL or taken and `exact` is false. GRAPH_NONE: out of
 * memory, or the name is taken (INVALID_ARGUMENT). */
value_id graph_new_value(socle_graph *graph, const char *name, const char *hint, bool exact, value_kind kind,
                         const graph_type *type);
/* Takes back the value that was made last. */
void graph_drop_last_value(socle_graph *graph);
/* A node with room for its inputs and outputs and copies of the attributes; outputs are GRAPH_NONE. GRAPH_NONE: out of memory. */
node_id graph_new_node(socle_graph *graph, const graph_operator *op, const char *name, const value_id *inputs, int input_count,
                       int output_count);
void graph_node_clear(graph_node *node);
/* Adds a node with all checks; the outputs are in the node. GRAPH_NONE with *status and the message set on failure. */
node_id graph_add_node(socle_graph *graph, const char *domain, const char *op, const char *name, const value_id *inputs,
                       int input_count, const socle_attribute *attributes, int attribute_count, int output_count,
                       socle_status *status);
/* Asks a node for one more output, which it can make and was not asked for. GRAPH_NONE: failed, message set. */
value_id graph_node_more(socle_graph *graph, node_id node);
/* Index of the symbol, added if new, as a dimension; DIM_UNKNOWN when memory is out. */
int64_t graph_symbol(socle_graph *graph, const char *name);

/* ---- attributes.c ---- */

bool attribute_copy(const socle_attribute *from, graph_attribute *to);
bool attribute_clone(const graph_attribute *from, graph_attribute *to);
void attribute_clear(graph_attribute *attribute);
bool attributes_equal(const graph_attribute *a, const graph_attribute *b);

/* ---- forwarding (rewrite.c): uses of values replaced by others, all in one sweep per pass ---- */

typedef struct forwarding {
    value_id *to; /* GRAPH_NONE: itself */
    int count;
} forwarding;

bool forwarding_start(forwarding *f, const socle_graph *graph);
void forwarding_set(forwarding *f, value_id from, value_id to);
value_id forwarding_get(const forwarding *f, value_id value);
void forwarding_apply_node(const forwarding *f, graph_node *node);
/* To outputs and updates; ends the forwarding. */
void forwarding_finish(forwarding *f, socle_graph *graph);

/* Drops nodes that change nothing: Cast to the same type, Slice of everything, Mul by 1, ... (idle.c) */
socle_status graph_remove_idle(socle_graph *graph);

/* ---- for lowering rules (lower.c) ---- */

/* The node's output number `output` is from now on what `value` is; `first_new` is the number of the first node added by the
 * rule. */
void lower_output(socle_graph *graph, node_id node, int output, value_id value, node_id first_new);

typedef struct graph_private {
    int32_t *slots;       /* open addressing: value + 1, 0: free */
    int slot_count;       /* a power of two */
    forwarding *lowering; /* of the pass in progress */
} graph_private;

static inline graph_private *graph_private_of(const socle_graph *graph)
{
    return graph->name_index;
}

#endif
