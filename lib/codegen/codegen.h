/* codegen: writes OpenCL C for chains of pointwise, movement and reduction operators, so that each chain is one kernel, and the
 * epilogues that solvers' kernels apply before they write. */
#ifndef SOCLE_LIB_CODEGEN_H
#define SOCLE_LIB_CODEGEN_H

#include "../model/model.h"

/* A set of nodes that become one kernel. Values made inside and not in outputs never reach memory. */
typedef struct codegen_group {
    const socle_graph *graph; /* every shape known */
    node_id *nodes;           /* topological order */
    int node_count, node_capacity;
    const int *uses;   /* per value, as graph_count_uses counts; NULL: counted whenever needed */
    value_id *outputs; /* filled by codegen_group_finish: values of the group used outside of it */
    int output_count;
} codegen_group;

/* May this node be part of any group at all? POINTWISE, MOVEMENT and REDUCTION nodes of types the device computes with. */
bool codegen_fusable(const socle_graph *graph, node_id node);
/* Would the group, with the node added, still be one good kernel? (One iteration space for all outputs; at most one reduction,
 * with producers in front of it and pointwise behind it; bounded arguments, text and recomputation.) */
bool codegen_can_join(const codegen_group *group, node_id node);
socle_status codegen_group_add(codegen_group *group, node_id node);
socle_status codegen_group_finish(codegen_group *group); /* sets outputs */
void codegen_group_free(codegen_group *group);

/* Operand number of a value, as the planner gives them. */
typedef int (*codegen_operand)(value_id value, void *user);

/* Writes the group's kernel, shaped for the device, and appends its step. An output may share an operand with an input where each
 * element is read and written by the same work-item only (in-place updates): codegen_in_place_ok says whether. */
socle_status codegen_emit(const codegen_group *group, const socle_device *device, codegen_operand operand, void *user,
                          step_list *steps);
bool codegen_in_place_ok(const codegen_group *group, value_id input, value_id output);

/* A node that moves nothing (Reshape, Flatten, Squeeze, Unsqueeze, Identity, a Cast to the same type, Transpose of 1-sized dims
 * ...): its output can be the same memory as its input. */
bool codegen_is_view(const socle_graph *graph, node_id node);

/* ---- epilogues: what a solver's kernel does to each element before it writes it ---- */

typedef enum epilogue_layout {
    EPILOGUE_SCALAR,  /* one element for all */
    EPILOGUE_CHANNEL, /* one per column of a product / channel of a convolution (bias) */
    EPILOGUE_FULL     /* same shape as the output (residual) */
} epilogue_layout;

#define EPILOGUE_MAX_NODES 12
#define EPILOGUE_MAX_OPERANDS 6

typedef struct epilogue {
    node_id nodes[EPILOGUE_MAX_NODES]; /* chain: each takes the value before it and operands */
    int node_count;
    value_id operands[EPILOGUE_MAX_OPERANDS]; /* extra inputs, in the order of the kernel's extra parameters */
    epilogue_layout layouts[EPILOGUE_MAX_OPERANDS];
    int operand_count;
    value_id input;  /* the anchor's own output, never stored */
    value_id output; /* the chain's last value */
} epilogue;

/* Extends `e` (zeroed, input = output = the anchor's output at first) with a pointwise node that consumes e->output, if its other
 * inputs fit a layout. channel_axis: the axis of the output that "channel" means (last for products, 1 for convolutions). Or
 * EPILOGUE_IN_BLOCKS: axis 1 and the last one together, as in [N, C / 16, H, W, 16]. */
#define EPILOGUE_IN_BLOCKS (-1)
bool codegen_epilogue_add(const socle_graph *graph, epilogue *e, node_id node, int channel_axis);
/* The text in front of a solver's kernel file: EPILOGUE_PARAMS (begins with a comma), EPILOGUE1/4/8/16(x, index, channel) with x
 * the value(s), index the linear output index (size_t) of lane 0, channel the column of lane 0 (consecutive columns), or the
 * channel shared by all lanes when the kernel file defines EPILOGUE_CHANNEL_UNIFORM... see kernels/. "" for an empty epilogue.
 * channel_uniform: lanes share the channel. *text: memory_free. The kernel's extra arguments are the operands in order, behind
 * its own. */
socle_status codegen_epilogue_text(const socle_graph *graph, const epilogue *e, bool channel_uniform, char **text);

#endif
