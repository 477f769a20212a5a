/* Short forms for lowering rules. Each hands GRAPH_NONE on, so that a rule checks its last value only. */
#ifndef SOCLE_LIB_GRAPH_LOWER_H
#define SOCLE_LIB_GRAPH_LOWER_H

#include "build.h"
#include "elements.h"

typedef struct lowering {
    socle_graph *graph;
    node_id node;
    node_id first_new; /* nodes from here on are the rule's */
} lowering;

lowering lower_start(socle_graph *graph, node_id node);
/* The node's inputs as they are now; GRAPH_NONE where left out. */
value_id lower_input(const lowering *l, int index);
const graph_type *lower_type(const lowering *l, value_id value);
value_id lower_scalar(const lowering *l, value_id like, double value); /* of the type of `like` */
value_id lower_reshape(const lowering *l, value_id x, const int64_t *dims, int rank);
/* A list of one number per channel to [C, 1, ...], which broadcasts to `rank` dimensions with the channel at 1. */
value_id lower_per_channel(const lowering *l, value_id list, int rank);
value_id lower_reduce(const lowering *l, const char *op, value_id x, const int64_t *axes, int count, bool keep);
value_id lower_cast(const lowering *l, value_id x, socle_dtype to);
value_id lower_transpose(const lowering *l, value_id x, const int64_t *perm, int rank);
/* Ends a rule: output 0 of the node becomes `value`, the node is removed. OUT_OF_MEMORY and the like where value is GRAPH_NONE.
 */
socle_status lower_done(const lowering *l, value_id value);
/* The status of the message that a failed graph_add left. */
socle_status lower_failed(const lowering *l);
/* Removes the node, after its outputs were handed over through lower_output. */
void lower_remove(const lowering *l);

#endif
