/* Gradients of normalizations. With xh = (x - mean) * inv over n elements and g = dy * scale:
 *   dx = inv * (g - mean(g) - xh * mean(g * xh)).
 * Ioffe and Szegedy, "Batch Normalization", 2015, section 3; Ba et al., "Layer Normalization", 2016. */
#include "gradients.h"

#include "batch_normalize.h"
#include "gradient_compose.h"

typedef struct normalized {
    value_id x, mean, inverse; /* mean and 1 / sqrt(variance + epsilon), broadcasting to x */
    value_id hat;              /* (x - mean) * inverse */
    int64_t axes[SOCLE_MAX_RANK];
    int axis_count;
    double count; /* elements that are normalized together */
} normalized;

static value_id mean_over(socle_graph *graph, const normalized *n, value_id a)
{
    return compose_reduce(graph, "ReduceMean", a, n->axes, n->axis_count, true);
}

static void add_statistics(socle_graph *graph, normalized *n, double epsilon)
{
    n->mean = mean_over(graph, n, n->x);
    const value_id centered = compose_binary(graph, "Sub", n->x, n->mean);
    const value_id variance = mean_over(graph, n, compose_binary(graph, "Mul", centered, centered));
    n->inverse = compose_unary(graph, "Reciprocal", compose_unary(graph, "Sqrt", compose_add_number(graph, variance, epsilon)));
}

static void add_hat(socle_graph *graph, normalized *n)
{
    n->hat = compose_binary(graph, "Mul", compose_binary(graph, "Sub", n->x, n->mean), n->inverse);
}

static value_id share_of_sum(socle_graph *graph, const normalized *n, value_id a)
{
    return compose_scale(graph, compose_reduce(graph, "ReduceSum", a, n->axes, n->axis_count, true), 1 / n->count);
}

static value_id input_gradient(socle_graph *graph, const normalized *n, value_id g)
{
    const value_id along = compose_binary(graph, "Mul", n->hat, share_of_sum(graph, n, compose_binary(graph, "Mul", g, n->hat)));
    const value_id centered = compose_binary(graph, "Sub", g, share_of_sum(graph, n, g));
    return compose_binary(graph, "Mul", n->inverse, compose_binary(graph, "Sub", centered, along));
}

/* Gradients of scale and bias, which are broadcast to dy after a reshape to `shape`. */
static socle_status parameter_gradients(graph_gradient *g, value_id dy, value_id hat, const graph_type *shape)
{
    socle_status status = SOCLE_OK;
    if (compose_wanted(g, 1)) {
        const graph_type type = compose_type(g->graph, compose_input(g, 1));
        const value_id sum = graph_reduce_to(g->graph, compose_binary(g->graph, "Mul", dy, hat), shape);
        status = compose_set(g, 1, compose_reshape_as(g->graph, sum, &type));
    }
    if (status == SOCLE_OK && compose_wanted(g, 2)) {
        const graph_type type = compose_type(g->graph, compose_input(g, 2));
        status = compose_set(g, 2, compose_reshape_as(g->graph, graph_reduce_to(g->graph, dy, shape), &type));
    }
    return status;
}

/* ---- RMSNormalization ---- */

/* The same without a mean: dx = inv * (g - xh * mean(g * xh)) with xh = x * inv. */
socle_status gradient_rms_normalization(graph_gradient *g)
{
    socle_graph *graph = g->graph;
    const graph_node *node = &graph->nodes[g->node];
    const value_id scale = compose_input(g, 1), dy = g->output_gradients[0];
    const double epsilon = node_float(node, "epsilon", 1e-5);
    normalized n = {.x = compose_input(g, 0), .count = 1};
    const graph_type type = compose_type(graph, n.x), shape = compose_type(graph, scale);
    for (int i = compose_axis(node_int(node, "axis", -1), type.rank); i < type.rank; i++) {
        n.axes[n.axis_count++] = i;
        n.count *= (double)type.dims[i];
    }
    const value_id square = mean_over(graph, &n, compose_binary(graph, "Mul", n.x, n.x));
    n.inverse = compose_unary(graph, "Reciprocal", compose_unary(graph, "Sqrt", compose_add_number(graph, square, epsilon)));
    n.hat = compose_binary(graph, "Mul", n.x, n.inverse);
    if (n.hat == GRAPH_NONE)
        return socle_last_status();
    if (compose_wanted(g, 0)) {
        const value_id scaled = compose_binary(graph, "Mul", dy, scale);
        const value_id along =
            compose_binary(graph, "Mul", n.hat, share_of_sum(graph, &n, compose_binary(graph, "Mul", scaled, n.hat)));
        const socle_status status =
            compose_set(g, 0, compose_binary(graph, "Mul", n.inverse, compose_binary(graph, "Sub", scaled, along)));
        if (status != SOCLE_OK)
            return status;
    }
    return parameter_gradients(g, dy, n.hat, &shape);
}

/* ---- LayerNormalization ---- */

/* What reaches x through the outputs mean and inverse standard deviation: d mean / n - d inv * inv^2 * xh / n. */
static value_id through_statistics(graph_gradient *g, const normalized *n, value_id dx)
{
    socle_graph *graph = g->graph;
    const int output_count = graph->nodes[g->node].output_count;
    const graph_type type = compose_type(graph, n->x);
    if (output_count > 1 && g->output_gradients[1] != GRAPH_NONE) {
        const value_id dmean = compose_cast(graph, g->output_gradients[1], type.dtype);
        const value_id spread = compose_expand_as(graph, compose_scale(graph, dmean, 1 / n->count), &type);
        dx = dx == GRAPH_NONE ? spread : compose_binary(graph, "Add", dx, spread);
    }
    if (output_count > 2 && g->output_gradients[2] != GRAPH_NONE) {
        const value_id square = compose_binary(graph, "Mul", n->inverse, n->inverse);
        const value_id dinv = compose_scale(graph, compose_cast(graph, g->output_gradients[2], type.dtype), -1 / n->count);
        const value_id along = compose_binary(graph, "Mul", compose_binary(graph, "Mul", dinv, square), n->hat);
        dx = dx == GRAPH_NONE ? along : compose_binary(graph, "Add", dx, along);
    }
    return dx;
}

socle_status gradient_layer_normalization(graph_gradient *g)
{
    socle_graph *graph = g->graph;
    const graph_node *node = &graph->nodes[g->node];
    const value_id scale = compose_input(g, 1), dy = g->output_gradients[0];
    const double epsilon = node_float(node, "epsilon", 1e-5);
    const bool has_statistics = node->output_count > 2 && node->outputs[1] != GRAPH_NONE && node->outputs[2] != GRAPH_NONE;
    normalized n = {.x = compose_input(g, 0), .count = 1};
    const graph_type type = compose_type(graph, n.x);
    for (int i = compose_axis(node_int(node, "axis", -1), type.rank); i < type.rank; i++) {
        n.axes[n.axis_count++] = i;
        n.count *= (double)type.dims[i];
    }
    if (has_statistics) {
        n.mean = node->outputs[1];
        n.inverse = node->outputs[2];
        n.mean = compose_cast(graph, n.mean, type.dtype);
        n.inverse = compose_cast(graph, n.inverse, type.dtype);
    } else {
        add_statistics(graph, &n, epsilon);
    }
    add_hat(graph, &n);
    socle_status status = SOCLE_OK;
    if (compose_wanted(g, 0)) {
        value_id dx = GRAPH_NONE;
        if (dy != GRAPH_NONE) {
            dx = input_gradient(graph, &n, compose_binary(graph, "Mul", dy, scale));
            if (dx == GRAPH_NONE)
                return socle_last_status();
        }
        status = compose_set(g, 0, through_statistics(g, &n, dx));
    }
    if (status != SOCLE_OK || dy == GRAPH_NONE)
        return status;
    const graph_type shape = compose_type(graph, scale);
    return parameter_gradients(g, dy, n.hat, &shape);
}

/* ---- GroupNormalization and InstanceNormalization ---- */

/* x as [n][groups][rest]: one row is normalized; scale and bias are per channel. */
static socle_status grouped(graph_gradient *g, int64_t groups)
{
    socle_graph *graph = g->graph;
    const value_id x = compose_input(g, 0), dy = g->output_gradients[0];
    const double epsilon = node_float(&graph->nodes[g->node], "epsilon", 1e-5);
    const graph_type type = compose_type(graph, x);
    graph_type channels = {type.dtype, type.rank, {0}};
    const int64_t row = groups > 0 && type.dims[0] > 0 ? graph_type_count(&type) / (type.dims[0] * groups) : 0;
    const int64_t rows[] = {type.dims[0], groups, row};
    normalized n = {.x = compose_reshape(graph, x, 3, rows), .axes = {2}, .axis_count = 1, .count = (double)row};
    for (int i = 0; i < type.rank; i++)
        channels.dims[i] = i == 1 ? type.dims[1] : 1;
    add_statistics(graph, &n, epsilon);
    add_hat(graph, &n);
    socle_status status = SOCLE_OK;
    if (compose_wanted(g, 0)) {
        const value_id scale = compose_reshape_as(graph, compose_input(g, 1), &channels);
        const value_id scaled = compose_reshape(graph, compose_binary(graph, "Mul", dy, scale), 3, rows);
        status = compose_set(g, 0, compose_reshape_as(graph, input_gradient(graph, &n, scaled), &type));
    }
    if (status != SOCLE_OK || n.hat == GRAPH_NONE)
        return n.hat == GRAPH_NONE ? socle_last_status() : status;
    return parameter_gradients(g, dy, compose_reshape_as(graph, n.hat, &type), &channels);
}

socle_status gradient_group_normalization(graph_gradient *g)
{
    return grouped(g, node_int(&g->graph->nodes[g->node], "num_groups", 1));
}

socle_status gradient_instance_normalization(graph_gradient *g)
{
    return grouped(g, compose_type(g->graph, compose_input(g, 0)).dims[1]);
}

/* ---- BatchNormalization ---- */

/* Given statistics are constants of the normalization, but inputs that may have gradients of their own. */
static socle_status batch_inference(graph_gradient *g, normalized *n, const graph_type *channels, double epsilon)
{
    socle_graph *graph = g->graph;
    const value_id dy = g->output_gradients[0], scale = compose_reshape_as(graph, compose_input(g, 1), channels);
    const value_id variance = compose_reshape_as(graph, compose_input(g, 4), channels);
    n->mean = compose_reshape_as(graph, compose_input(g, 3), channels);
    n->inverse = compose_unary(graph, "Reciprocal", compose_unary(graph, "Sqrt", compose_add_number(graph, variance, epsilon)));
    add_hat(graph, n);
    const value_id factor = compose_binary(graph, "Mul", scale, n->inverse);
    socle_status status = factor != GRAPH_NONE && n->hat != GRAPH_NONE ? SOCLE_OK : socle_last_status();
    if (status == SOCLE_OK && compose_wanted(g, 0))
        status = compose_set(g, 0, compose_binary(graph, "Mul", dy, factor));
    if (status == SOCLE_OK)
        status = parameter_gradients(g, dy, n->hat, channels);
    if (status == SOCLE_OK && compose_wanted(g, 3)) {
        const graph_type type = compose_type(graph, compose_input(g, 3));
        const value_id sum = compose_binary(graph, "Mul", graph_reduce_to(graph, dy, channels), factor);
        status = compose_set(g, 3, compose_reshape_as(graph, compose_unary(graph, "Neg", sum), &type));
    }
    if (status == SOCLE_OK && compose_wanted(g, 4)) { /* d inv / d variance = -inv^3 / 2 */
        const graph_type type = compose_type(graph, compose_input(g, 4));
        const value_id sum = graph_reduce_to(graph, compose_binary(graph, "Mul", dy, n->hat), channels);
        const value_id square = compose_binary(graph, "Mul", n->inverse, n->inverse);
        const value_id scaled = compose_binary(graph, "Mul", compose_binary(graph, "Mul", sum, scale), square);
        status = compose_set(g, 4, compose_reshape_as(graph, compose_scale(graph, scaled, -0.5), &type));
    }
    return status;
}

socle_status gradient_batch_normalization(graph_gradient *g)
{
    const graph_node *node = &g->graph->nodes[g->node];
    const double epsilon = node_float(node, "epsilon", 1e-5);
    if (node_int(node, "training_mode", 0) != 0)
        return gradient_batch_training(g);
    normalized n = {.x = compose_input(g, 0), .count = 1};
    const graph_type type = compose_type(g->graph, n.x);
    graph_type channels = {type.dtype, type.rank, {0}};
    for (int i = 0; i < type.rank; i++) {
        channels.dims[i] = i == 1 ? type.dims[1] : 1;
        if (i == 1)
            continue;
        n.axes[n.axis_count++] = i;
        n.count *= (double)type.dims[i];
    }
    return batch_inference(g, &n, &channels, epsilon);
}
