/* Gradients of softmax and of the losses built on it. */
#include "gradients.h"

#include "gradient_compose.h"

#include <string.h>

static value_id sum_along(socle_graph *graph, value_id a, int axis)
{
    const int64_t axes[] = {axis};
    return compose_reduce(graph, "ReduceSum", a, axes, 1, true);
}

static int softmax_axis(const graph_gradient *g)
{
    const graph_node *node = &g->graph->nodes[g->node];
    return compose_axis(node_int(node, "axis", -1), compose_type(g->graph, node->inputs[0]).rank);
}

/* dx = y (dy - sum(y dy)) */
socle_status gradient_softmax(graph_gradient *g)
{
    socle_graph *graph = g->graph;
    const value_id y = compose_output(g, 0), dy = g->output_gradients[0];
    const int axis = softmax_axis(g);
    const value_id sum = sum_along(graph, compose_binary(graph, "Mul", dy, y), axis);
    return compose_set(g, 0, compose_binary(graph, "Mul", y, compose_binary(graph, "Sub", dy, sum)));
}

static value_id log_softmax_gradient(socle_graph *graph, value_id y, value_id dy, int axis)
{
    const value_id spread = compose_binary(graph, "Mul", compose_unary(graph, "Exp", y), sum_along(graph, dy, axis));
    return compose_binary(graph, "Sub", dy, spread);
}

/* dx = dy - exp(y) sum(dy) */
socle_status gradient_log_softmax(graph_gradient *g)
{
    const int axis = softmax_axis(g);
    return compose_set(g, 0, log_softmax_gradient(g->graph, compose_output(g, 0), g->output_gradients[0], axis));
}

/* ---- SoftmaxCrossEntropyLoss ---- */

/* Labels with the axis of the classes put in: [n, 1, ...]. */
static value_id with_class_axis(socle_graph *graph, value_id labels)
{
    const graph_type type = compose_type(graph, labels);
    int64_t dims[SOCLE_MAX_RANK];
    dims[0] = type.dims[0];
    dims[1] = 1;
    for (int i = 1; i < type.rank; i++)
        dims[i + 1] = type.dims[i];
    return compose_reshape(graph, labels, type.rank + 1, dims);
}

/* The weight of each label [n, 1, ...]: that of its class, 0 where it is to be ignored; GRAPH_NONE: 1 for all. */
static value_id label_weights(graph_gradient *g, value_id labels, value_id one_hot, bool *failed)
{
    socle_graph *graph = g->graph;
    const graph_attribute *ignore = node_attribute(&graph->nodes[g->node], "ignore_index");
    const int64_t ignored = ignore != NULL ? ignore->i : 0;
    const bool ignores = ignore != NULL;
    const value_id classes = compose_input(g, 2), scores = compose_input(g, 0);
    value_id weights = GRAPH_NONE;
    if (classes != GRAPH_NONE) {
        int64_t dims[SOCLE_MAX_RANK];
        const graph_type type = compose_type(graph, scores);
        for (int i = 0; i < type.rank; i++)
            dims[i] = i == 1 ? type.dims[1] : 1;
        const value_id table = compose_reshape(graph, classes, type.rank, dims);
        weights = sum_along(graph, compose_where(graph, one_hot, table, compose_number(graph, scores, 0)), 1);
        *failed = weights == GRAPH_NONE;
    }
    if (ignores && !*failed) {
        const value_id is_ignored = compose_binary(graph, "Equal", labels, compose_number(graph, labels, (double)ignored));
        const value_id kept = weights != GRAPH_NONE ? weights : compose_number(graph, scores, 1);
        weights = compose_where(graph, is_ignored, compose_number(graph, scores, 0), kept);
        *failed = weights == GRAPH_NONE;
    }
    return weights;
}

/* dy as it reaches each label, [n, 1, ...] or a scalar: weighted, and divided for a mean. */
static value_id label_gradients(graph_gradient *g, value_id labels, value_id one_hot)
{
    socle_graph *graph = g->graph;
    bool failed = false;
    const char *reduction = node_string(&graph->nodes[g->node], "reduction", "mean");
    const bool none = strcmp(reduction, "none") == 0, mean = strcmp(reduction, "mean") == 0;
    const value_id weights = label_weights(g, labels, one_hot, &failed);
    if (failed)
        return GRAPH_NONE;
    value_id dy = g->output_gradients[0];
    if (none)
        dy = with_class_axis(graph, dy);
    if (mean && weights == GRAPH_NONE) {
        const graph_type type = compose_type(graph, labels);
        dy = compose_scale(graph, dy, 1.0 / (double)graph_type_count(&type));
    } else if (mean) {
        const graph_type type = compose_type(graph, weights);
        const int64_t axes[] = {0, 1, 2, 3, 4, 5, 6, 7};
        const value_id sum = compose_reduce(graph, "ReduceSum", weights, axes, type.rank, false);
        dy = compose_binary(graph, "Div", dy, sum);
    }
    return weights != GRAPH_NONE ? compose_binary(graph, "Mul", dy, weights) : dy;
}

/* dscores = (softmax(scores) - one-hot(labels)) times what reaches each label, and what reaches the second output, log_prob. */
socle_status gradient_softmax_cross_entropy_loss(graph_gradient *g)
{
    socle_graph *graph = g->graph;
    const value_id scores = compose_input(g, 0),
                   through_log = graph->nodes[g->node].output_count > 1 ? g->output_gradients[1] : GRAPH_NONE;
    const graph_type type = compose_type(graph, scores);
    const socle_attribute axis = ATTRIBUTE_INT("axis", 1);
    value_id log_prob = compose_output(g, 1), gradient = GRAPH_NONE;
    if (!compose_wanted(g, 0))
        return SOCLE_OK;
    if (log_prob == GRAPH_NONE)
        log_prob = compose_node(graph, "", "LogSoftmax", &scores, 1, &axis, 1);
    if (g->output_gradients[0] != GRAPH_NONE) {
        const value_id labels = with_class_axis(graph, compose_input(g, 1));
        if (labels == GRAPH_NONE)
            return socle_last_status();
        const value_id counting = compose_counting(graph, compose_dtype(graph, labels), type.dims[1], 1, type.rank);
        const value_id one_hot = compose_binary(graph, "Equal", labels, counting);
        const value_id hit = compose_cast(graph, one_hot, type.dtype);
        const value_id difference = compose_binary(graph, "Sub", compose_unary(graph, "Exp", log_prob), hit);
        gradient = compose_binary(graph, "Mul", difference, label_gradients(g, labels, one_hot));
        if (gradient == GRAPH_NONE)
            return socle_last_status();
    }
    if (through_log != GRAPH_NONE) {
        const value_id more = log_softmax_gradient(graph, log_prob, through_log, 1);
        gradient = gradient == GRAPH_NONE ? more : compose_binary(graph, "Add", gradient, more);
    }
    return compose_set(g, 0, gradient);
}
