/* Inside plan/: a graph cut into units, each of which becomes the steps of one operator, one generated kernel or one copy.
 * device_plan.c runs the passes in the order of this header. */
#ifndef SOCLE_LIB_PLAN_PARTITION_H
#define SOCLE_LIB_PLAN_PARTITION_H

#include "plan.h"

typedef enum unit_kind {
    UNIT_ANCHOR, /* a solver's operator with its epilogue */
    UNIT_GROUP,  /* pointwise, movement and reduction nodes in one generated kernel */
    UNIT_COPY    /* a value into a state or an output that cannot be written in place */
} unit_kind;

typedef struct unit {
    unit_kind kind;
    int first_node; /* the lowest node index: the order in which the graph was written */
    /* ANCHOR */
    node_id node;
    epilogue epilogue;
    tuned way;
    /* GROUP */
    codegen_group group;
    /* COPY */
    value_id from;
    value_id to_state; /* GRAPH_NONE: to an output of its own, or to memory that another copy reads */
    int to_operand;    /* then its operand number, set when operands are made */
    int from_unit;     /* a copy whose memory is read instead of `from`, which changes before; GRAPH_NONE */
    /* roots of the values it reads and writes from the view of other units; each once */
    value_id *reads, *writes;
    int read_count, read_capacity, write_count, write_capacity;
    /* units that must run before this one for other reasons than data: readers of a state that it overwrites */
    int *after;
    int after_count, after_capacity;
} unit;

typedef struct partition {
    socle_device *device;
    socle_graph *graph;
    const device_plan_options *options;
    unit **units;
    int unit_count, unit_capacity;
    int *unit_of_node;   /* GRAPH_NONE: a view, which needs no step */
    bool *is_view;       /* per node */
    int *uses;           /* per value: nodes, outputs and updates that use it */
    int *consumer_start; /* per value: its consumers are consumers[start[v] .. start[v + 1]) */
    node_id *consumers;
    value_id *root;      /* per value: the value whose memory it shows (itself unless it is a view) */
    value_id *stored_in; /* per value: the state whose memory it is written to in place; GRAPH_NONE: none */
    int *writer;         /* per value: unit that writes it; GRAPH_NONE */
    int *visited;        /* partition_depends: per unit, the search that saw it last */
    int visited_capacity, search;
    int *output_copy; /* per graph output: unit that copies it; GRAPH_NONE: read where it is */
} partition;

/* anchors.c: anchors that no solver runs on the device become what they are made of, where that is known. */
socle_status anchors_expand(socle_device *device, socle_graph *graph, const device_plan_options *options);
/* layouts.c: rewrites the graph so that images lie in blocks of channels where that is expected to save time. */
socle_status layouts_choose(socle_device *device, socle_graph *graph, const device_plan_options *options);
/* partition.c: anchors with epilogues, groups and views. */
socle_status partition_create(socle_device *device, socle_graph *graph, const device_plan_options *options, partition *p);
void partition_finish(partition *p);
unit *partition_add(partition *p, unit_kind kind, int first_node);
/* groups.c: every fusable node that no anchor took, greedily into groups that keep the units free of cycles. */
socle_status partition_form_groups(partition *p);
/* Does unit `from` need, directly or not, what unit `to` makes? */
socle_status partition_depends(partition *p, int from, int to, bool *depends);
/* states.c: in-place updates where they are safe, copies elsewhere. */
socle_status partition_place_updates(partition *p);
/* order.c: a topological order of the units that keeps memory low, in order[0..unit_count). */
socle_status partition_order(const partition *p, int *order);
/* anchors.c */
socle_status partition_add_anchor(partition *p, node_id node);
/* The problem of an operator that solvers run, and the values of its operands; values: room for PROBLEM_MAX_OPERANDS +
 * EPILOGUE_MAX_OPERANDS. */
socle_status partition_anchor_problem(const partition *p, node_id anchor, const epilogue *e, problem *described, value_id *values,
                                      int *count);

/* emit.c: the plan's operands and steps, from the units in order. */
socle_status plan_emit(device_plan *plan, const partition *p, const int *order);

#endif
