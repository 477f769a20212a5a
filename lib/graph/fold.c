/* Constant folding: nodes whose inputs are constants are computed on the host, in topological order, so that one pass follows a
 * whole chain; types are inferred anew on the way, since a shape may just have become a constant. */
#include "fold.h"
#include "build.h"
#include "infer.h"
#include "narrow.h"
#include "operators.h"

#include <string.h>

#define MAX_OPERANDS 64

static socle_tensor tensor_of(const graph_value *value, void *data)
{
    socle_tensor tensor = {.dtype = value->type.dtype, .rank = value->type.rank, .data = data};
    memcpy(tensor.dims, value->type.dims, sizeof(tensor.dims));
    tensor.size_bytes = graph_type_bytes(&value->type);
    return tensor;
}

static bool only_shape_matters(const graph_operator *op)
{
    return op->fold == fold_shape || op->fold == fold_size;
}

/* All inputs constant (or, for Shape and Size, of known shape). */
static bool inputs_ready(const socle_graph *graph, const graph_node *node, bool frozen)
{
    for (int i = 0; i < node->input_count; i++) {
        const value_id input = node->inputs[i];
        if (input == GRAPH_NONE)
            continue;
        const graph_value *v = &graph->values[input];
        if (only_shape_matters(node->op) ? !graph_type_known(&v->type) : v->kind != VALUE_CONSTANT)
            return false;
        if (!frozen && v->trainable && !only_shape_matters(node->op))
            return false;
    }
    return true;
}

/* Known outputs, none of them a large repetition of small inputs. */
static bool outputs_ready(const socle_graph *graph, const graph_node *node)
{
    int64_t in = 0, out = 0;
    for (int i = 0; i < node->output_count; i++) {
        if (node->outputs[i] == GRAPH_NONE || !graph_type_known(&graph->values[node->outputs[i]].type))
            return false;
        out += graph_type_count(&graph->values[node->outputs[i]].type);
    }
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != GRAPH_NONE)
            in += graph_type_count(&graph->values[node->inputs[i]].type);
    return out < FOLD_GROWTH_LIMIT || out <= 4 * in || node->op->fold == fold_range || node->op->fold == fold_constant;
}

/* The node's outputs become constants of the data given, which the graph then owns (NULL: shared). */
static void become_constants(socle_graph *graph, node_id node, socle_tensor *results, void *const *owned)
{
    value_id outputs[MAX_OPERANDS];
    const int count = graph->nodes[node].output_count;
    memcpy(outputs, graph->nodes[node].outputs, (size_t)count * sizeof(*outputs));
    graph_remove_node(graph, node);
    for (int i = 0; i < count; i++) {
        graph_value *v = &graph->values[outputs[i]];
        v->kind = VALUE_CONSTANT;
        v->data = results[i].data;
        v->owned_data = owned[i];
        v->size_bytes = results[i].size_bytes;
    }
}

static socle_status compute(socle_graph *graph, node_id n)
{
    const graph_node *node = &graph->nodes[n];
    socle_tensor inputs[MAX_OPERANDS] = {0}, results[MAX_OPERANDS] = {0};
    void *owned[MAX_OPERANDS] = {0};
    const bool shared = node->op->fold == fold_copy; /* the same elements: no copy is needed */
    bool folded = shared;
    for (int i = 0; i < node->input_count && i < MAX_OPERANDS; i++)
        if (node->inputs[i] != GRAPH_NONE)
            inputs[i] = tensor_of(&graph->values[node->inputs[i]], (void *)graph->values[node->inputs[i]].data);
    socle_status status = SOCLE_OK;
    for (int i = 0; i < node->output_count; i++) {
        results[i] = tensor_of(&graph->values[node->outputs[i]], shared ? inputs[0].data : NULL);
        if (shared)
            continue;
        results[i].data = owned[i] = memory_alloc(results[i].size_bytes);
        if (owned[i] == NULL)
            status = SOCLE_OUT_OF_MEMORY;
    }
    if (status == SOCLE_OK && !shared)
        folded = node->op->fold(graph, node, inputs, results);
    if (status == SOCLE_OK && folded) {
        become_constants(graph, n, results, owned);
        return SOCLE_OK;
    }
    for (int i = 0; i < node->output_count; i++)
        memory_free(owned[i]);
    return status;
}

/* A shape computation whose elements are all known although not all of its inputs are: Shape, Gather of the channels. */
static bool fold_dims(socle_graph *graph, node_id n, socle_status *status)
{
    const graph_node *node = &graph->nodes[n];
    dim_value values[DIM_VALUES_MAX];
    if (node->output_count != 1 || node->outputs[0] == GRAPH_NONE)
        return false;
    const graph_type *type = &graph->values[node->outputs[0]].type;
    if ((type->dtype != SOCLE_INT64 && type->dtype != SOCLE_INT32) || type->rank > 1 || !graph_type_known(type))
        return false;
    const int count = graph_dim_values(graph, node->outputs[0], values, DIM_VALUES_MAX);
    if (count != graph_type_count(type))
        return false;
    for (int i = 0; i < count; i++)
        if (!values[i].known)
            return false;
    socle_tensor result = tensor_of(&graph->values[node->outputs[0]], memory_alloc(graph_type_bytes(type)));
    if (result.data == NULL) {
        *status = SOCLE_OUT_OF_MEMORY;
        return false;
    }
    for (int i = 0; i < count; i++)
        elements_write_integer(type->dtype, result.data, i, 1, &values[i].value);
    become_constants(graph, n, &result, &result.data);
    return true;
}

static socle_status fold_node(socle_graph *graph, node_id n, bool frozen)
{
    const graph_node *node = &graph->nodes[n];
    socle_status status = graph_infer_node(graph, n);
    if (status != SOCLE_OK || node->output_count > MAX_OPERANDS)
        return status;
    if (node->op->fold != NULL && inputs_ready(graph, node, frozen))
        return outputs_ready(graph, node) && !graph_stays_narrow(graph, n) ? compute(graph, n) : SOCLE_OK;
    fold_dims(graph, n, &status);
    return status;
}

socle_status graph_fold_constants(socle_graph *graph, bool frozen)
{
    for (node_id n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].op == NULL)
            continue;
        socle_status status = fold_node(graph, n, frozen);
        if (status != SOCLE_OK)
            return status;
    }
    return graph_sort(graph);
}

socle_status graph_fold(socle_graph *graph)
{
    return graph_fold_constants(graph, true);
}
