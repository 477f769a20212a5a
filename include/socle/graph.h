/* Building a network in code, and adding operators of one's own. */
#ifndef SOCLE_GRAPH_H
#define SOCLE_GRAPH_H

#include <socle/context.h>
#include <socle/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct socle_graph socle_graph;

/* A tensor in a graph. Negative: none. */
typedef int32_t socle_value;
#define SOCLE_NO_VALUE ((socle_value)-1)

/* Shape of a graph input: dims[i] >= 0 is fixed; a dimension named in symbols[i] (not NULL) is bound later, when a
 * plan is made (e.g. "batch"). */
SOCLE_API socle_status socle_graph_create(socle_context *context, const char *name, socle_graph **graph);
SOCLE_API void socle_graph_destroy(socle_graph *graph);

SOCLE_API socle_status socle_graph_input(socle_graph *graph, const char *name, socle_dtype dtype, int rank, const int64_t *dims,
                                         const char *const *symbols, socle_value *value);
/* A constant or, with trainable != 0, a weight that training changes. The data is copied. */
SOCLE_API socle_status socle_graph_initializer(socle_graph *graph, const char *name, const socle_tensor *data, int trainable,
                                               socle_value *value);
SOCLE_API socle_status socle_graph_output(socle_graph *graph, socle_value value, const char *name);

/* Attributes of a node, as in ONNX. */
typedef enum socle_attribute_kind {
    SOCLE_ATTRIBUTE_INT,
    SOCLE_ATTRIBUTE_FLOAT,
    SOCLE_ATTRIBUTE_STRING,
    SOCLE_ATTRIBUTE_INTS,
    SOCLE_ATTRIBUTE_FLOATS,
    SOCLE_ATTRIBUTE_TENSOR
} socle_attribute_kind;

typedef struct socle_attribute {
    const char *name;
    socle_attribute_kind kind;
    int64_t i;
    double f;
    const char *s;
    const int64_t *ints;
    const double *floats;
    size_t count; /* of ints or floats */
    const socle_tensor *tensor;
} socle_attribute;

/* Adds one node of the operator table (ONNX names, opset 21 form; domain NULL or "": ONNX's own). inputs may hold
 * SOCLE_NO_VALUE for optional ones left out. outputs: room for output_count values. The types and shapes of the outputs
 * are inferred at once. Errors: UNSUPPORTED unknown operator; SHAPE_MISMATCH, TYPE_MISMATCH with the node's name. */
SOCLE_API socle_status socle_graph_node(socle_graph *graph, const char *op, const char *domain, const char *name,
                                        const socle_value *inputs, int input_count, const socle_attribute *attributes,
                                        int attribute_count, socle_value *outputs, int output_count);

/* Short forms for the usual cases; each adds one node. On error they return SOCLE_NO_VALUE (the message is set), and
 * they take SOCLE_NO_VALUE and hand it on, so that one check at the end of a chain is enough. */
SOCLE_API socle_value socle_graph_unary(socle_graph *graph, const char *op, socle_value a);
SOCLE_API socle_value socle_graph_binary(socle_graph *graph, const char *op, socle_value a, socle_value b);
/* Dense layer y = x w^T + b with new trainable weights w [units, features] (He-uniform from seed) and b [units]. */
SOCLE_API socle_value socle_graph_dense(socle_graph *graph, const char *name, socle_value x, int64_t units, uint64_t seed);
/* 2-D convolution with new trainable weights [channels, input channels, kernel, kernel] and bias. */
SOCLE_API socle_value socle_graph_conv2d(socle_graph *graph, const char *name, socle_value x, int64_t channels, int64_t kernel,
                                         int64_t stride, int64_t padding, uint64_t seed);

/* What is known of a value. rank -1: unknown; a dimension -1: unknown or symbolic. */
SOCLE_API socle_status socle_graph_value_info(const socle_graph *graph, socle_value value, socle_dtype *dtype, int *rank,
                                              int64_t *dims);

/* An operator of the host's own.  OpenCL source with one kernel; its parameters are the inputs, then the outputs, as
 * __global pointers; -D macros tell it the shapes: IN0_COUNT, IN0_DIM0.., OUT0_COUNT, OUT0_DIM0..; one work-item runs
 * per element of the first output. The shape rule and the gradient are callbacks. */
typedef struct socle_shape {
    socle_dtype dtype;
    int rank;
    int64_t dims[SOCLE_MAX_RANK];
} socle_shape;

typedef struct socle_custom_operator {
    size_t size;
    const char *name;
    const char *domain; /* not "" */
    int input_count;
    int output_count;
    const char *source;
    const char *kernel;
    /* Fills outputs[0..output_count) from inputs. */
    socle_status (*infer)(const socle_shape *inputs, socle_shape *outputs, void *user);
    /* Adds the nodes of the gradient to `graph`: from the node's inputs, outputs and the gradients of its outputs, to the
     * gradients of its inputs (SOCLE_NO_VALUE: none). NULL: not differentiable. */
    socle_status (*gradient)(socle_graph *graph, const socle_value *inputs, const socle_value *outputs,
                             const socle_value *output_gradients, socle_value *input_gradients, void *user);
    void *user;
} socle_custom_operator;

#define SOCLE_CUSTOM_OPERATOR_INIT                                                                                               \
    {                                                                                                                            \
        sizeof(socle_custom_operator), 0, 0, 0, 0, 0, 0, 0, 0, 0                                                                 \
    }

/* Makes the operator known to graphs and model files of this context. The strings are copied.
 * Errors: INVALID_ARGUMENT when name and domain are taken. */
SOCLE_API socle_status socle_operator_register(socle_context *context, const socle_custom_operator *op);

#ifdef __cplusplus
}
#endif
#endif
