/* Lowering of BatchNormalization (both forms) and ReduceLogSumExp. */
#include "batch_normalize.h"
#include "lower.h"
#include "operators.h"

#include <string.h>

/* x * (scale / deviation) + (bias - mean * scale / deviation): one product and one sum per element. */
static value_id normalize(const lowering *l, value_id x, value_id scale, value_id bias, value_id mean, value_id variance)
{
    socle_graph *graph = l->graph;
    const socle_dtype dtype = lower_type(l, x)->dtype;
    const int rank = lower_type(l, x)->rank;
    const double epsilon = node_float(&graph->nodes[l->node], "epsilon", 1e-5);
    const value_id deviation =
        graph_unary(graph, "Sqrt", graph_binary(graph, "Add", variance, lower_scalar(l, variance, epsilon)));
    const value_id factor = graph_binary(graph, "Div", lower_cast(l, scale, lower_type(l, variance)->dtype), deviation);
    const value_id shift =
        graph_binary(graph, "Sub", lower_cast(l, bias, lower_type(l, variance)->dtype), graph_binary(graph, "Mul", mean, factor));
    const value_id product = graph_binary(graph, "Mul", x, lower_per_channel(l, lower_cast(l, factor, dtype), rank));
    return graph_binary(graph, "Add", product, lower_per_channel(l, lower_cast(l, shift, dtype), rank));
}

/* old * momentum + now * (1 - momentum) */
static value_id running(const lowering *l, value_id old, value_id now)
{
    socle_graph *graph = l->graph;
    const double momentum = node_float(&graph->nodes[l->node], "momentum", 0.9);
    return graph_binary(
        graph, "Add", graph_binary(graph, "Mul", old, lower_scalar(l, old, momentum)),
        graph_binary(graph, "Mul", lower_cast(l, now, lower_type(l, old)->dtype), lower_scalar(l, old, 1 - momentum)));
}

/* With the batch's own mean and variance over every axis but the channel's. */
static socle_status lower_training(const lowering *l)
{
    socle_graph *graph = l->graph;
    const value_id y = graph_batch_normalize(graph, lower_input(l, 0), lower_input(l, 1), lower_input(l, 2),
                                             node_float(&graph->nodes[l->node], "epsilon", 1e-5));
    if (y == GRAPH_NONE)
        return lower_failed(l);
    for (int i = 1; i < 3; i++) { /* mean and variance */
        if (graph->nodes[l->node].output_count <= i)
            continue;
        const value_id now = running(l, lower_input(l, 2 + i), graph->nodes[graph->values[y].producer].outputs[i]);
        if (now == GRAPH_NONE)
            return lower_failed(l);
        lower_output(graph, l->node, i, now, l->first_new);
    }
    return lower_done(l, y);
}

socle_status lower_batch_normalization(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id x = lower_input(&l, 0);
    if (lower_type(&l, x)->rank < 0)
        return SOCLE_OK;
    if (node_int(&graph->nodes[node], "training_mode", 0) != 0)
        return lower_training(&l);
    return lower_done(&l, normalize(&l, x, lower_input(&l, 1), lower_input(&l, 2), lower_input(&l, 3), lower_input(&l, 4)));
}

/* Around the largest element: log(sum(exp(x - m))) + m. Where m is infinite there is nothing to shift by. */
socle_status lower_reduce_log_sum_exp(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id x = lower_input(&l, 0), out = graph->nodes[node].outputs[0];
    const bool keep = node_int(&graph->nodes[node], "keepdims", 1) != 0;
    const socle_attribute attributes[] = {
        ATTRIBUTE_INT("keepdims", 1),
        ATTRIBUTE_INT("noop_with_empty_axes", node_int(&graph->nodes[node], "noop_with_empty_axes", 0))};
    const value_id operands[] = {x, lower_input(&l, 1)};
    const int count = operands[1] == GRAPH_NONE ? 1 : 2;
    const graph_type type = graph->values[out].type;
    if (!keep && !graph_type_known(&type))
        return SOCLE_OK;
    const value_id most = graph_add(graph, "", "ReduceMax", operands, count, attributes, 2, 1);
    if (most == GRAPH_NONE)
        return lower_failed(&l);
    const value_id choice[] = {graph_unary(graph, "IsInf", most), lower_scalar(&l, x, 0), most};
    const value_id shift = graph_add(graph, "", "Where", choice, 3, NULL, 0, 1);
    const value_id terms[] = {graph_unary(graph, "Exp", graph_binary(graph, "Sub", x, shift)), operands[1]};
    const value_id sum = graph_add(graph, "", "ReduceSum", terms, count, attributes, 2, 1);
    const value_id y = graph_binary(graph, "Add", graph_unary(graph, "Log", sum), shift);
    return lower_done(&l, keep ? y : lower_reshape(&l, y, type.dims, type.rank));
}
