/* Weights that stay narrow: a constant matrix stored as float16, bfloat16, int8 or uint8 that reaches a product through Cast or
 * DequantizeLinear is read by the product as it is stored (NarrowMatMul), not made into a matrix of float32 that takes up to four
 * times the memory and, with few rows, the time to read it. */
#include "narrow.h"
#include "build.h"
#include "elements.h"
#include "lower.h"

#include <string.h>

/* Fewer elements are widened: nothing to be gained. */
#define LEAST_ELEMENTS 1024

typedef struct narrow_weights {
    value_id stored, scales, zeros; /* GRAPH_NONE: there are none */
    bool transposed;                /* stored [n][k] */
    int64_t block;                  /* rows along k of a scale; 0: all */
} narrow_weights;

static bool named(const graph_node *node, const char *name)
{
    return node != NULL && node->op != NULL && node->op->domain[0] == 0 && strcmp(node->op->name, name) == 0;
}

static const graph_node *producer(const socle_graph *graph, value_id value)
{
    if (value == GRAPH_NONE || graph->values[value].kind != VALUE_NODE || graph->values[value].producer == GRAPH_NONE)
        return NULL;
    return &graph->nodes[graph->values[value].producer];
}

static value_id input(const graph_node *node, int index)
{
    return index < node->input_count ? node->inputs[index] : GRAPH_NONE;
}

/* The scales lie as solver.h's gemm_scales say: one, one per column, or one per column and block of rows. */
static bool read_scales(const socle_graph *graph, const graph_node *node, narrow_weights *w)
{
    const graph_type *type = &graph->values[w->stored].type, *scales = &graph->values[input(node, 1)].type;
    const int depth_axis = w->transposed ? 1 : 0;
    const int64_t block = node_int(node, "block_size", 0), count = graph_type_count(scales);
    int64_t axis = node_int(node, "axis", 1);
    axis += axis < 0 ? type->rank : 0;
    w->scales = input(node, 1);
    w->zeros = input(node, 2);
    if (!graph_is_constant(graph, w->scales) || (w->zeros != GRAPH_NONE && !graph_is_constant(graph, w->zeros)))
        return false;
    if (w->zeros != GRAPH_NONE && graph_type_count(&graph->values[w->zeros].type) != count)
        return false;
    if (block > 0) {
        w->block = block;
        return axis == depth_axis && scales->rank == 2 && type->dims[axis] % block == 0 &&
               scales->dims[axis] == type->dims[axis] / block && scales->dims[1 - axis] == type->dims[1 - axis];
    }
    return count == 1 || (axis != depth_axis && scales->rank == 1 && count == type->dims[axis]);
}

/* The constant behind a product's second operand, where it is narrower than what it becomes. */
static bool read_weights(const socle_graph *graph, const graph_node *product, narrow_weights *w)
{
    const bool gemm = named(product, "Gemm");
    if ((!gemm && !named(product, "MatMul")) || product->input_count < 2 || (gemm && node_int(product, "transA", 0) != 0))
        return false;
    const graph_node *from = producer(graph, product->inputs[1]);
    *w = (narrow_weights){GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, gemm && node_int(product, "transB", 0) != 0, 0};
    if (named(from, "Transpose")) {
        int64_t perm[SOCLE_MAX_RANK] = {1, 0};
        const int given = node_ints(from, "perm", perm, SOCLE_MAX_RANK);
        if ((given >= 0 && given != 2) || perm[0] != 1 || perm[1] != 0)
            return false;
        w->transposed = !w->transposed;
        from = producer(graph, from->inputs[0]);
    }
    const bool scaled = named(from, "DequantizeLinear");
    if (!scaled && !named(from, "Cast"))
        return false;
    w->stored = from->inputs[0];
    const graph_value *stored = &graph->values[w->stored];
    const socle_dtype dtype = graph->values[product->inputs[0]].type.dtype;
    const bool bytes = dtype_is_byte(stored->type.dtype);
    const bool halves = stored->type.dtype == SOCLE_FLOAT16 || stored->type.dtype == SOCLE_BFLOAT16;
    if (stored->kind != VALUE_CONSTANT || !graph_type_known(&stored->type) || stored->type.rank != 2 ||
        graph_type_count(&stored->type) < LEAST_ELEMENTS || graph->values[product->inputs[0]].type.rank < 1)
        return false;
    if (!(dtype == SOCLE_FLOAT32 && (bytes || halves)) && !((dtype == SOCLE_FLOAT16 || dtype == SOCLE_BFLOAT16) && bytes))
        return false;
    return !scaled || (bytes && read_scales(graph, from, w));
}

bool graph_stays_narrow(const socle_graph *graph, node_id node)
{
    const graph_node *cast = &graph->nodes[node];
    narrow_weights w;
    bool used = false;
    if (!named(cast, "Cast") || graph->values[cast->inputs[0]].type.rank != 2 ||
        graph_type_count(&graph->values[cast->inputs[0]].type) < LEAST_ELEMENTS)
        return false;
    for (int i = 0; i < graph->output_count; i++)
        if (graph->outputs[i] == cast->outputs[0])
            return false;
    for (node_id n = 0; n < graph->node_count; n++) {
        const graph_node *consumer = &graph->nodes[n];
        for (int i = 0; consumer->op != NULL && i < consumer->input_count; i++) {
            if (consumer->inputs[i] != cast->outputs[0])
                continue;
            if (i != 1 || !read_weights(graph, consumer, &w))
                return false;
            used = true;
        }
    }
    return used;
}

/* One product: the bare one with what Gemm adds behind it. */
static socle_status keep_narrow(socle_graph *graph, node_id node, const narrow_weights *w)
{
    const lowering l = lower_start(graph, node);
    const graph_node *product = &graph->nodes[node];
    const double beta = node_float(product, "beta", 1.0);
    value_id addend = named(product, "Gemm") && beta != 0.0 ? lower_input(&l, 2) : GRAPH_NONE;
    const value_id inputs[] = {lower_input(&l, 0), w->stored, w->scales, w->zeros};
    const socle_attribute attributes[] = {ATTRIBUTE_FLOAT("alpha", node_float(product, "alpha", 1.0)),
                                          ATTRIBUTE_INT("transB", w->transposed), ATTRIBUTE_INT("block_size", w->block)};
    const int count = w->zeros != GRAPH_NONE ? 4 : w->scales != GRAPH_NONE ? 3 : 2;
    value_id y = graph_add(graph, "socle", "NarrowMatMul", inputs, count, attributes, (int)COUNT_OF(attributes), 1);
    if (y != GRAPH_NONE && addend != GRAPH_NONE) {
        if (beta != 1.0)
            addend = graph_binary(graph, "Mul", addend, lower_scalar(&l, addend, beta));
        y = addend == GRAPH_NONE ? GRAPH_NONE : graph_binary(graph, "Add", y, addend);
    }
    return lower_done(&l, y);
}

socle_status graph_keep_narrow(socle_graph *graph)
{
    const int count = graph->node_count;
    socle_status status = SOCLE_OK;
    for (node_id n = 0; n < count && status == SOCLE_OK; n++) {
        narrow_weights w;
        if (graph->nodes[n].op != NULL && read_weights(graph, &graph->nodes[n], &w))
            status = keep_narrow(graph, n, &w);
    }
    const socle_status sorted = graph_sort(graph);
    return status == SOCLE_OK ? sorted : status;
}
