/* graph: what a network is: values, nodes, the operator table, shape inference, building, rewriting, differentiation.
 * A graph is plain data; nothing here knows a device. The canonical form of every node is ONNX opset 21 (model/ upgrades
 * older forms on reading): axes, pads, splits etc. are constant inputs where opset 21 has them as inputs. */
#ifndef SOCLE_LIB_GRAPH_H
#define SOCLE_LIB_GRAPH_H

#include "../program/program.h"
#include <socle/graph.h>

struct socle_shape_binding; /* socle/plan.h */

#define GRAPH_OPSET 21
#define GRAPH_OPSET_NEWEST 23 /* some operators came later; 22 and 23 changed none but for the types that it takes */
#define GRAPH_NONE (-1)

typedef int32_t value_id; /* same as socle_value */
typedef int32_t node_id;

/* ---- values ---- */

typedef enum value_kind {
    VALUE_INPUT,
    VALUE_CONSTANT, /* has data; trainable ones become state when training */
    VALUE_STATE,    /* lives on the device from run to run (weights, momentum); data is the starting value */
    VALUE_NODE      /* made by a node */
} value_kind;

/* A dimension: >= 0 known; DIM_UNKNOWN; or a symbol: <= DIM_SYMBOL_BASE, index = DIM_SYMBOL_BASE - dim into graph->symbols. */
#define DIM_UNKNOWN ((int64_t)-1)
#define DIM_SYMBOL_BASE ((int64_t)-2)

typedef struct graph_type {
    socle_dtype dtype;
    int rank; /* -1: unknown */
    int64_t dims[SOCLE_MAX_RANK];
} graph_type;

typedef struct graph_value {
    char *name; /* unique within the graph, not empty */
    value_kind kind;
    graph_type type;
    node_id producer; /* VALUE_NODE: its node, else GRAPH_NONE */
    int producer_output;
    const void *data; /* VALUE_CONSTANT, VALUE_STATE: dense little-endian elements */
    void *owned_data; /* == data when the graph must free it; NULL when it points into a file map or another graph */
    size_t size_bytes;
    bool trainable;
} graph_value;

/* ---- nodes ---- */

typedef struct graph_attribute {
    char *name;
    socle_attribute_kind kind;
    int64_t i;
    double f;
    char *s;
    int64_t *ints;
    double *floats;
    int count;
    socle_tensor tensor; /* data owned */
} graph_attribute;

struct graph_operator;

typedef struct graph_node {
    const struct graph_operator *op; /* NULL: removed */
    char *name;                      /* may be "" */
    value_id *inputs;                /* GRAPH_NONE where an optional input is left out */
    int input_count;
    value_id *outputs;
    int output_count;
    graph_attribute *attributes;
    int attribute_count;
} graph_node;

/* After a run, `state` takes the content of `value` (same type): weight updates, running statistics. */
typedef struct graph_update {
    value_id state;
    value_id value;
} graph_update;

struct socle_graph {
    socle_context *context; /* for the log and the host's own operators; may be NULL in tests */
    char *name;
    graph_value *values;
    int value_count, value_capacity;
    graph_node *nodes; /* in topological order: every producer stands before its consumers */
    int node_count, node_capacity;
    value_id *inputs;
    int input_count, input_capacity;
    value_id *outputs;
    char **output_names; /* usually the value's name */
    int output_count, output_capacity;
    graph_update *updates;
    int update_count, update_capacity;
    char **symbols;
    int symbol_count, symbol_capacity;
    void *name_index; /* hash table name -> value_id, private to graph.c */
};

/* ---- the operator table ---- */

typedef enum operator_kind {
    OPERATOR_POINTWISE, /* an expression per element, inputs broadcast (NumPy rules) */
    OPERATOR_MOVEMENT,  /* moves or repeats elements: Reshape, Transpose, Slice, Pad, Concat, Split, Expand, Tile, ... */
    OPERATOR_REDUCTION, /* along axes */
    OPERATOR_ANCHOR,    /* run by solvers: Gemm, MatMul, Conv, pooling, normalization, Softmax, Gather, ... */
    OPERATOR_HOST,      /* known once shapes are: Shape, Size, ConstantOfShape, Range: always folded before planning */
    OPERATOR_COMPOSITE, /* rewritten into others by its `lower` rule before planning */
    OPERATOR_CUSTOM     /* a host's own */
} operator_kind;

struct graph_infer;
struct graph_gradient;

typedef struct graph_operator {
    const char *name;
    const char *domain; /* "": ONNX; "socle": our own helpers (gradients), never written to files */
    int since;          /* first opset version that the reader accepts; 1 where always */
    operator_kind kind;
    int min_inputs, max_inputs; /* max -1: any number */
    int min_outputs, max_outputs;
    /* POINTWISE: OpenCL C over a, b, c, d (the inputs) of type T, valid for a scalar and for vectors alike (comparisons give T
     * 0/1 through the codegen's macros); $name stands for a float attribute. NULL for other kinds. */
    const char *expression;
    const char *integer_expression; /* where integers differ; NULL: the same */
    /* The same on the host, for constant folding: in float64 or int64. */
    double (*evaluate)(const double *inputs, const double *attributes);
    int64_t (*evaluate_integer)(const int64_t *inputs, const double *attributes);
    const char *attributes; /* "alpha=0.01 beta=0.5": float attributes of the expression, in order, with defaults */
    /* POINTWISE: per input, separated by ';', the gradient in the language of derive.c, over a,b,c,d, y (the output), dy, with
     * operator names as functions: "dy * (1 - y * y)"; empty: no gradient. */
    const char *derivative;
    bool boolean_result; /* comparison and logic: the output is bool */
    /* REDUCTION: identity, combination of (x, y), transformation of each element a first, of the result y (count N) last. */
    const char *reduce_initial, *reduce_combine, *reduce_map, *reduce_finish;
    socle_status (*infer)(struct graph_infer *infer);
    socle_status (*gradient)(struct graph_gradient *gradient); /* NULL and no derivative: not differentiable */
    socle_status (*lower)(socle_graph *graph, node_id node);   /* COMPOSITE: adds the replacement through graph_add */
    /* Anchors: the same made of other operators. It is what is differentiated where there is no gradient, and what runs where no
     * solver does. */
    socle_status (*definition)(socle_graph *graph, node_id node);
    bool (*fold)(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
    const socle_custom_operator *custom;
} graph_operator;

/* The tables of graph/operators_*.c together, and the context's own. NULL: unknown. */
const graph_operator *operator_find(const socle_context *context, const char *domain, const char *name);
int operator_count(void);
const graph_operator *operator_at(int index);

typedef struct operator_registry operator_registry;
socle_status operator_registry_create(operator_registry **registry);
void operator_registry_destroy(operator_registry *registry);

/* ---- inference of types and shapes ---- */

/* Given to `infer`: it reads inputs and attributes and sets outputs[]. */
typedef struct graph_infer {
    socle_graph *graph;
    const graph_node *node;
    const graph_type *inputs[64]; /* NULL where left out; more than 64 inputs: use graph and node */
    graph_type outputs[64];
} graph_infer;

/* Infers one node's outputs / all nodes in order. Errors name the node: SHAPE_MISMATCH, TYPE_MISMATCH, UNSUPPORTED. */
socle_status graph_infer_node(socle_graph *graph, node_id node);
socle_status graph_infer_all(socle_graph *graph);

/* NumPy broadcasting of two types' dims into `out`; false when they do not fit. */
bool graph_broadcast(const graph_type *a, const graph_type *b, graph_type *out);
bool graph_type_known(const graph_type *type); /* rank and every dimension known */
/* A quantized number, in the form that products and convolutions take. */
static inline bool dtype_is_byte(socle_dtype dtype)
{
    return dtype == SOCLE_INT8 || dtype == SOCLE_UINT8;
}
/* The type that sums of numbers of a floating-point type are made in. */
static inline socle_dtype graph_sum_dtype(socle_dtype dtype)
{
    return dtype == SOCLE_FLOAT64 ? SOCLE_FLOAT64 : SOCLE_FLOAT32;
}
int64_t graph_type_count(const graph_type *type); /* elements; needs graph_type_known */
size_t graph_type_bytes(const graph_type *type);

/* ---- building ---- */

value_id graph_add_input(socle_graph *graph, const char *name, const graph_type *type);
/* data is copied when copy is true, else must outlive the graph. */
value_id graph_add_constant(socle_graph *graph, const char *name, const graph_type *type, const void *data, bool copy);
value_id graph_add_state(socle_graph *graph, const char *name, const graph_type *type, const void *data, bool copy);
value_id graph_constant_ints(socle_graph *graph, const int64_t *values, int count);  /* 1-D int64 */
value_id graph_constant_scalar(socle_graph *graph, socle_dtype dtype, double value); /* rank 0 */

/* Adds a node (attributes copied), infers its outputs, returns its first output (GRAPH_NONE on failure, message set). inputs that
 * are GRAPH_NONE because an earlier call failed are the caller's to check: use graph_add with required inputs only, it fails
 * when a required input is GRAPH_NONE. More outputs: graph->nodes[graph->values[y].producer].outputs. */
value_id graph_add(socle_graph *graph, const char *domain, const char *op, const value_id *inputs, int input_count,
                   const socle_attribute *attributes, int attribute_count, int output_count);
value_id graph_unary(socle_graph *graph, const char *op, value_id a);
value_id graph_binary(socle_graph *graph, const char *op, value_id a, value_id b);

#define ATTRIBUTE_INT(n, v) ((socle_attribute){.name = (n), .kind = SOCLE_ATTRIBUTE_INT, .i = (v)})
#define ATTRIBUTE_FLOAT(n, v) ((socle_attribute){.name = (n), .kind = SOCLE_ATTRIBUTE_FLOAT, .f = (v)})
#define ATTRIBUTE_STRING(n, v) ((socle_attribute){.name = (n), .kind = SOCLE_ATTRIBUTE_STRING, .s = (v)})
#define ATTRIBUTE_INTS(n, v, c) ((socle_attribute){.name = (n), .kind = SOCLE_ATTRIBUTE_INTS, .ints = (v), .count = (c)})

value_id graph_find_value(const socle_graph *graph, const char *name);                 /* GRAPH_NONE: none */
socle_status graph_rename_value(socle_graph *graph, value_id value, const char *name); /* INVALID_ARGUMENT: empty or taken */
socle_status graph_add_output(socle_graph *graph, value_id value, const char *name);
socle_status graph_add_update(socle_graph *graph, value_id state, value_id value);
/* A deep copy; constants' data is shared (not copied) when share is true: the copy must not outlive the original. */
socle_status graph_clone(const socle_graph *graph, bool share, socle_graph **copy);

/* ---- reading nodes ---- */

const graph_attribute *node_attribute(const graph_node *node, const char *name);
int64_t node_int(const graph_node *node, const char *name, int64_t absent);
double node_float(const graph_node *node, const char *name, double absent);
const char *node_string(const graph_node *node, const char *name, const char *absent);
/* -1 when absent; else the number of ints copied into out (at most capacity). */
int node_ints(const graph_node *node, const char *name, int64_t *out, int capacity);
/* The input as int64s when it is a constant (of any integer type): its count, or -1. */
int graph_constant_int_values(const socle_graph *graph, value_id value, int64_t *out, int capacity);
bool graph_constant_float(const socle_graph *graph, value_id value, double *out); /* a constant with one element */
static inline bool graph_is_constant(const socle_graph *graph, value_id value)
{
    return value >= 0 && graph->values[value].kind == VALUE_CONSTANT;
}

/* Uses of each value by nodes, outputs and updates: consumers[v] counts; the array has value_count entries (memory_free). */
socle_status graph_count_uses(const socle_graph *graph, int **uses);

/* "node 'fc1' (Gemm)" or, without a name, "Gemm node 3": for messages; in the thread's rotating storage. */
const char *graph_node_label(const socle_graph *graph, node_id node);

/* ---- binding and rewriting (each keeps topological order) ---- */

/* Gives symbolic dimensions values (symbol's or input's name), the first unknown dimension of each input `batch`, any other
 * unknown dimension 1; infers again. After graph_fold everything is known, or it fails with the value that is not. */
socle_status graph_bind_shapes(socle_graph *graph, const struct socle_shape_binding *bindings, int count, int64_t batch);
socle_status graph_fold(socle_graph *graph); /* constant folding, Shape & co. */
socle_status graph_remove_dead(socle_graph *graph);
socle_status graph_merge_common(socle_graph *graph);    /* common subexpressions */
socle_status graph_fold_batch_norm(socle_graph *graph); /* into a Conv, ConvTranspose or Gemm in front; inference only */
socle_status graph_lower(socle_graph *graph);           /* COMPOSITE nodes, Dropout in inference, BatchNormalization, Identity */
socle_status graph_simplify(socle_graph *graph);        /* all of the above in the right order, to a fixed point */
/* Nodes for which `which` says so become their definitions; *expanded: how many did. */
typedef bool (*graph_choice)(const socle_graph *graph, node_id node, void *user);
socle_status graph_expand(socle_graph *graph, graph_choice which, void *user, int *expanded);
/* Reductions to fewer than `groups` elements in two stages, of which the first has enough results to keep a device busy. */
socle_status graph_split_reductions(socle_graph *graph, int64_t groups);
/* Every use of `from` becomes a use of `to`. */
void graph_replace_value(socle_graph *graph, value_id from, value_id to);
void graph_remove_node(socle_graph *graph, node_id node);
/* Nodes back into topological order after rewriting added some at the end; drops removed ones. */
socle_status graph_sort(socle_graph *graph);
socle_status graph_validate(const socle_graph *graph); /* acyclic, producers, unique names: for files and tests */

/* ---- differentiation (differentiate.c, gradient_*.c, derive.c) ---- */

typedef struct graph_gradient {
    socle_graph *graph;
    node_id node;
    const value_id *output_gradients; /* GRAPH_NONE: none flows in */
    value_id *input_gradients;        /* to set; starts as GRAPH_NONE */
    const bool *needed;               /* which inputs' gradients anybody wants */
} graph_gradient;

/* Adds the backward nodes of the scalar `loss` and returns gradients[i] of wrt[i] (zeros where it does not depend on it). */
socle_status graph_differentiate(socle_graph *graph, value_id loss, const value_id *wrt, int count, value_id *gradients);
/* Sums `value` over broadcast dimensions so that it has `type`'s shape. */
value_id graph_reduce_to(socle_graph *graph, value_id value, const graph_type *type);
/* Parses an expression of the derivative language over the named values and adds its nodes. */
value_id graph_derive(socle_graph *graph, const char *expression, const char *const *names, const value_id *values, int count);

/* ---- training graphs (training.c) ---- */

struct socle_trainer_options; /* socle/trainer.h */
/* From a bound inference graph to one step of training: BatchNormalization and Dropout in training form, loss of the first output
 * against a new input "labels", gradients. Trainable constants become VALUE_STATE. *loss: scalar mean loss.
 * gradients/weights: arrays (memory_free) of *count values. `seed` is a new scalar int32 input "socle.seed" when Dropout is
 * there. */
socle_status graph_make_training(socle_graph *graph, const struct socle_trainer_options *options, value_id *loss,
                                 value_id **weights, value_id **gradients, int *count);
/* Weights (trainable constants) and the running statistics of BatchNormalization as states of their own names: for graphs that
 * share them with a training graph (evaluation). */
void graph_states_from_weights(socle_graph *graph);
/* Weights as states, and layers in the form in which they are trained; values keep their names. */
socle_status graph_training_forms(socle_graph *graph);
/* Adds accumulation, clipping and the optimizer's update of every weight: states "socle.momentum:WEIGHT" etc., graph->updates,
 * and those of the inputs below that the options need, each of rank 0 and float32 but for HYPER_UPDATE, which is bool. With
 * check_finite, a loss (the graph's output of that name) that is no number leaves all states as they are. */
socle_status graph_add_optimizer(socle_graph *graph, const struct socle_trainer_options *options, const value_id *weights,
                                 const value_id *gradients, int count);
enum {
    HYPER_LR,
    HYPER_CORRECTION1,    /* Adam: 1 / (1 - beta1^t) */
    HYPER_CORRECTION2,    /* Adam: 1 / sqrt(1 - beta2^t) */
    HYPER_BATCH_WEIGHT,   /* accumulation: this batch's share of a full one */
    HYPER_GRADIENT_SCALE, /* accumulation: 1 / the sum of the shares so far */
    HYPER_UPDATE,         /* accumulation: this batch is the last before an update */
    HYPER_COUNT
};
extern const char *const graph_hyper_names[HYPER_COUNT];

/* Operators of the domain "socle" (our helpers; every one has inference and, where it makes sense, a gradient):
 *   ConvGradInput(dy, w) -> dx             attributes of Conv, and input_shape (ints); ConvTranspose is lowered to it
 *   ConvGradWeight(dy, x) -> dw            attributes of Conv, and kernel_shape
 *   MaxPoolGrad(dy, x) -> dx               attributes of MaxPool; the first maximum of a window takes the gradient
 *   AveragePoolGrad(dy) -> dx              attributes of AveragePool, and input_shape
 *   GatherGrad(dy, indices) -> dx          axis, input_shape: scatter with addition
 *   GatherElementsGrad(dy, indices) -> dx  axis, input_shape
 *   BatchNormalize(x, scale, bias) -> y, mean, variance, inverse
 *                                          epsilon; the statistics of the batch (batch_normalize.c)
 *   BatchNormalizeGrad(dy, x, scale, mean, inverse) -> dx, dscale, dbias
 *   NormalizeGrad(dy, x, scale) -> dx, dscale [, dbias]
 *                                          of layer, RMS (root_mean_square 1), group and instance normalization: epsilon;
 * num_groups of channels, each with its own scale, or axis, with a scale for each element from that axis on (normalize_grad.c)
 *   ScaledAttention(q, k, v [, mask]) -> y q_num_heads, kv_num_heads (of inputs of rank 3), scale, softcap, is_causal, offset (of
 *                                          the first query): Attention is lowered to it; a second output, where there is one:
 *                                          the logarithm of each query's sum of exponentials, infinity where no key is open
 *   ScaledAttentionGrad(dy, q, k, v, y, lse [, mask]) -> dq, dk, dv
 *                                          attributes of ScaledAttention, whose outputs y and lse are
 *   DropoutMask(seed) -> mask              shape (ints), ratio (float), salt (int): 0 or 1 / (1 - ratio) from a counter-based
 * generator hashing (seed, salt, linear index); POINTWISE with the builtin `index` WherePositive(a, b)                    a where
 * b > 0, else 0: the gradient of Relu; POINTWISE Softmax, cross entropy and broadcasting differentiate into ONNX's own
 * operators. */

/* Images in blocks of channels, which the planner puts in the place of others where convolutions run faster on them: the type
 * [N, C, spatial...] becomes [N, C / 16, spatial..., 16], row-major as always. Made by the planner alone, without gradients:
 *   ConvInBlocks(x, w) -> y      attributes of Conv; x in blocks or (of the rank of w) plain, y in blocks
 *   ConvIntegerInBlocks(x, w) -> y  the same of bytes, without zero points; pad_value (int): what lies around images
 *   MaxPoolInBlocks(x) -> y      attributes of MaxPool
 *   AveragePoolInBlocks(x) -> y  attributes of AveragePool */
#define GRAPH_BLOCK_CHANNELS 16
/* The type in blocks; known channels that are a multiple of 16. */
graph_type graph_type_in_blocks(const graph_type *type);
/* Back again. */
graph_type graph_type_out_of_blocks(const graph_type *type);

/* Pieces that anchors and gradients share: convolution and pooling geometry, resolved from attributes and shapes. */
typedef struct conv_geometry {
    int spatial; /* 1..3 */
    int64_t batch, channels, out_channels, groups;
    int64_t input[3], kernel[3], stride[3], dilation[3], pad_begin[3], pad_end[3], output[3];
} conv_geometry;

/* From a Conv, ConvTranspose, pooling or (socle) gradient node with known shapes. Errors name the node. */
socle_status graph_conv_geometry(const socle_graph *graph, const graph_node *node, conv_geometry *geometry);

#endif
