/* What the readers of nodes share: one node on its way to a problem. */
#ifndef SOCLE_LIB_SOLVER_NODE_READER_H
#define SOCLE_LIB_SOLVER_NODE_READER_H

#include "solver.h"

typedef struct reader {
    const socle_graph *graph;
    const graph_node *node;
    node_id id;
    bool inference;
    problem *p;
    value_id *operands;
    int count;
} reader;

static inline socle_status refuse(const reader *r, const char *why)
{
    return socle_fail(SOCLE_UNSUPPORTED, "%s: %s", graph_node_label(r->graph, r->id), why);
}

static inline value_id input(const reader *r, int index)
{
    return index < r->node->input_count ? r->node->inputs[index] : GRAPH_NONE;
}

static inline value_id output(const reader *r, int index)
{
    return index < r->node->output_count ? r->node->outputs[index] : GRAPH_NONE;
}

static inline const graph_type *type_of(const reader *r, value_id value)
{
    return &r->graph->values[value].type;
}

static inline void add_operand(reader *r, value_id value)
{
    r->operands[r->count++] = value;
}

static inline int64_t product(const int64_t *dims, int first, int end)
{
    int64_t result = 1;
    for (int i = first; i < end; i++)
        result *= dims[i];
    return result;
}

/* An axis attribute in 0..rank-1, or -1. */
static inline int axis_of(const reader *r, int64_t absent, int rank)
{
    int64_t axis = node_int(r->node, "axis", absent);
    if (axis < 0)
        axis += rank;
    return axis >= 0 && axis < rank ? (int)axis : -1;
}

/* ---- node_readers.c: softmax, normalization, gather, scatter, a host's own ---- */

socle_status read_softmax(reader *r);
socle_status read_arg(reader *r);
socle_status read_layer_norm(reader *r);
socle_status read_instance_norm(reader *r);
socle_status read_group_norm(reader *r);
socle_status read_rms_norm(reader *r);
socle_status read_norm_grad(reader *r);
socle_status read_batch_norm(reader *r);
socle_status read_batch_norm_grad(reader *r);
socle_status read_cum_sum(reader *r);
socle_status read_top_k(reader *r);
socle_status read_gather(reader *r);
socle_status read_gather_grad(reader *r);
socle_status read_scatter(reader *r);
socle_status read_custom(reader *r);

/* ---- attention_reader.c ---- */

socle_status read_attention(reader *r);
socle_status read_attention_grad(reader *r);

#endif
