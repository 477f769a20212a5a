/* Lowering: composite operators become others. New nodes are appended and the graph is sorted at the end; a value that was an
 * output of the node keeps its number and its name wherever the replacement makes it, so that outputs stay recognizable. */
#include "lower.h"
#include "gradients.h"
#include "operators.h"
#include "narrow.h"

#include <string.h>

/* ---- handing outputs over ---- */

/* `value` gets a new maker under the old number: possible where a node that the rule added makes it. */
static void take_over(socle_graph *graph, value_id output, value_id value, node_id first_new)
{
    graph_value *made = &graph->values[value], *kept = &graph->values[output];
    const node_id maker = made->producer;
    graph->nodes[maker].outputs[made->producer_output] = output;
    kept->kind = VALUE_NODE;
    kept->type = made->type;
    kept->producer = maker;
    kept->producer_output = made->producer_output;
    made->producer = GRAPH_NONE;
    for (node_id n = first_new; n < graph->node_count; n++)
        for (int i = 0; i < graph->nodes[n].input_count; i++)
            if (graph->nodes[n].inputs[i] == value)
                graph->nodes[n].inputs[i] = output;
}

void lower_output(socle_graph *graph, node_id node, int output, value_id value, node_id first_new)
{
    graph_node *n = &graph->nodes[node];
    if (output >= n->output_count || n->outputs[output] == GRAPH_NONE)
        return;
    const value_id old = n->outputs[output];
    n->outputs[output] = GRAPH_NONE;
    graph->values[old].producer = GRAPH_NONE;
    if (graph->values[value].kind == VALUE_NODE && graph->values[value].producer >= first_new)
        take_over(graph, old, value, first_new);
    else if (graph_private_of(graph)->lowering != NULL)
        forwarding_set(graph_private_of(graph)->lowering, old, value);
    else
        graph_replace_value(graph, old, value);
}

/* ---- short forms ---- */

lowering lower_start(socle_graph *graph, node_id node)
{
    return (lowering){graph, node, graph->node_count};
}

value_id lower_input(const lowering *l, int index)
{
    const graph_node *node = &l->graph->nodes[l->node];
    return index < node->input_count ? node->inputs[index] : GRAPH_NONE;
}

const graph_type *lower_type(const lowering *l, value_id value)
{
    return &l->graph->values[value].type;
}

value_id lower_scalar(const lowering *l, value_id like, double value)
{
    return like == GRAPH_NONE ? GRAPH_NONE : graph_constant_scalar(l->graph, lower_type(l, like)->dtype, value);
}

value_id lower_reshape(const lowering *l, value_id x, const int64_t *dims, int rank)
{
    return graph_binary(l->graph, "Reshape", x, graph_constant_ints(l->graph, dims, rank));
}

value_id lower_per_channel(const lowering *l, value_id list, int rank)
{
    int64_t dims[SOCLE_MAX_RANK] = {-1};
    if (rank <= 2)
        return list;
    for (int d = 1; d < rank - 1; d++)
        dims[d] = 1;
    return lower_reshape(l, list, dims, rank - 1);
}

value_id lower_reduce(const lowering *l, const char *op, value_id x, const int64_t *axes, int count, bool keep)
{
    const socle_attribute attributes[] = {ATTRIBUTE_INT("keepdims", keep)};
    const value_id list = graph_constant_ints(l->graph, axes, count);
    if (list == GRAPH_NONE) /* left out, it would mean every axis */
        return GRAPH_NONE;
    return graph_add(l->graph, "", op, (const value_id[]){x, list}, 2, attributes, 1, 1);
}

/* Our element type as ONNX's TensorProto.DataType. */
static int64_t onnx_dtype(socle_dtype dtype)
{
    static const int64_t numbers[] = {
#define NUMBER(name, text, bytes, onnx) onnx,
        SOCLE_DTYPE_LIST(NUMBER)
#undef NUMBER
    };
    return numbers[dtype];
}

value_id lower_cast(const lowering *l, value_id x, socle_dtype to)
{
    if (x == GRAPH_NONE || lower_type(l, x)->dtype == to)
        return x;
    const socle_attribute attributes[] = {ATTRIBUTE_INT("to", onnx_dtype(to))};
    return graph_add(l->graph, "", "Cast", &x, 1, attributes, 1, 1);
}

value_id lower_transpose(const lowering *l, value_id x, const int64_t *perm, int rank)
{
    const socle_attribute attributes[] = {ATTRIBUTE_INTS("perm", perm, (size_t)rank)};
    return graph_add(l->graph, "", "Transpose", &x, 1, attributes, 1, 1);
}

socle_status lower_failed(const lowering *l)
{
    return socle_fail_in(socle_last_status(), "%s cannot be rewritten", graph_node_label(l->graph, l->node));
}

void lower_remove(const lowering *l)
{
    graph_remove_node(l->graph, l->node);
}

socle_status lower_done(const lowering *l, value_id value)
{
    if (value == GRAPH_NONE)
        return lower_failed(l);
    lower_output(l->graph, l->node, 0, value, l->first_new);
    lower_remove(l);
    return SOCLE_OK;
}

/* ---- the passes ---- */

typedef socle_status (*lower_rule)(socle_graph *graph, node_id node);
/* The rule by which a node is to be rewritten; NULL: it stays. */
typedef lower_rule (*lower_choice)(const socle_graph *graph, node_id node, void *user);

static socle_status lower_nodes(socle_graph *graph, lower_choice choose, void *user)
{
    forwarding forward;
    if (!forwarding_start(&forward, graph))
        return SOCLE_OUT_OF_MEMORY;
    graph_private_of(graph)->lowering = &forward;
    socle_status status = SOCLE_OK;
    /* Nodes that rules append are visited too. */
    for (node_id n = 0; n < graph->node_count; n++) {
        graph_node *node = &graph->nodes[n];
        if (node->op == NULL)
            continue;
        forwarding_apply_node(&forward, node);
        const lower_rule rule = status == SOCLE_OK ? choose(graph, n, user) : NULL;
        if (rule != NULL)
            status = rule(graph, n);
    }
    graph_private_of(graph)->lowering = NULL;
    forwarding_finish(&forward, graph);
    const socle_status sorted = graph_sort(graph);
    return status == SOCLE_OK ? sorted : status;
}

static lower_rule every(const socle_graph *graph, node_id node, void *user)
{
    (void)user;
    return graph->nodes[node].op->lower;
}

static lower_rule without_gradient(const socle_graph *graph, node_id node, void *user)
{
    const graph_operator *op = graph->nodes[node].op;
    (void)user;
    return op->gradient != NULL ? NULL : op->definition != NULL ? op->definition : op->lower;
}

/* Batch normalization still whole, and the products in front of it with the addend that it folds into. */
static lower_rule not_batch_norm(const socle_graph *graph, node_id node, void *user)
{
    const graph_operator *op = graph->nodes[node].op;
    (void)user;
    return op->lower != lower_batch_normalization && op->kind != OPERATOR_ANCHOR ? op->lower : NULL;
}

typedef struct expansion {
    graph_choice which;
    void *user;
    int count;
} expansion;

static lower_rule chosen(const socle_graph *graph, node_id node, void *user)
{
    expansion *e = user;
    if (graph->nodes[node].op->definition == NULL || !e->which(graph, node, e->user))
        return NULL;
    e->count++;
    return graph->nodes[node].op->definition;
}

socle_status graph_lower(socle_graph *graph)
{
    return lower_nodes(graph, every, NULL);
}

socle_status graph_lower_for_gradient(socle_graph *graph)
{
    return lower_nodes(graph, without_gradient, NULL);
}

socle_status graph_expand(socle_graph *graph, graph_choice which, void *user, int *expanded)
{
    expansion e = {which, user, 0};
    const socle_status status = lower_nodes(graph, chosen, &e);
    *expanded = e.count;
    return status;
}

/* The constants that folding needs first; then batch normalization while it still is one node, then the rest. */
static socle_status simplify_once(socle_graph *graph)
{
    socle_status status = lower_nodes(graph, not_batch_norm, NULL);
    if (status == SOCLE_OK)
        status = graph_fold(graph);
    if (status == SOCLE_OK)
        status = graph_fold_batch_norm(graph);
    if (status == SOCLE_OK)
        status = graph_lower(graph);
    if (status == SOCLE_OK)
        status = graph_fold(graph);
    if (status == SOCLE_OK)
        status = graph_remove_idle(graph);
    if (status == SOCLE_OK)
        status = graph_merge_common(graph);
    return status == SOCLE_OK ? graph_remove_dead(graph) : status;
}

socle_status graph_simplify(socle_graph *graph)
{
    int before;
    const socle_status narrow = graph_keep_narrow(graph);
    if (narrow != SOCLE_OK)
        return narrow;
    do {
        before = graph->node_count;
        socle_status status = simplify_once(graph);
        if (status != SOCLE_OK)
            return status;
    } while (graph->node_count < before);
    return SOCLE_OK;
}
