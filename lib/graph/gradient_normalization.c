/* Gradients of normalizations: by way of one operator where the statistics are those of x (normalize_grad.c, batch_normalize.c),
 * else composed of others. */
#include "gradients.h"

#include "batch_normalize.h"
#include "gradient_compose.h"
#include "normalize_grad.h"

/* ---- LayerNormalization, RMSNormalization, GroupNormalization, InstanceNormalization ---- */

/* Sets the gradients of x, scale and bias (inputs 0 to 2) by way of NormalizeGrad; scale and bias broadcast to `shape`. */
static socle_status set_gradients(graph_gradient *g, const normalize_form *form, const graph_type *shape)
{
    socle_graph *graph = g->graph;
    const value_id scale = compose_expand_as(graph, compose_input(g, 1), shape);
    const bool bias = compose_wanted(g, 2);
    const value_id dx = graph_normalize_grad(graph, form, g->output_gradients[0], compose_input(g, 0), scale, bias);
    socle_status status = dx != GRAPH_NONE ? SOCLE_OK : socle_last_status();
    if (status == SOCLE_OK && compose_wanted(g, 0))
        status = compose_set(g, 0, dx);
    for (int i = 1; i < 3 && status == SOCLE_OK; i++) {
        if (!compose_wanted(g, i))
            continue;
        const graph_type type = compose_type(graph, compose_input(g, i));
        const value_id sum = graph->nodes[graph->values[dx].producer].outputs[i];
        status = compose_set(g, i, compose_cast(graph, graph_reduce_to(graph, sum, &type), type.dtype));
    }
    return status;
}

/* Of normalization over the axes from `axis` on. */
static socle_status over_axes(graph_gradient *g, bool root_mean_square)
{
    const graph_node *node = &g->graph->nodes[g->node];
    const graph_type type = compose_type(g->graph, compose_input(g, 0));
    const normalize_form form = {.epsilon = node_float(node, "epsilon", 1e-5),
                                 .root_mean_square = root_mean_square,
                                 .axis = compose_axis(node_int(node, "axis", -1), type.rank)};
    graph_type shape = {compose_dtype(g->graph, compose_input(g, 1)), type.rank - (int)form.axis, {0}};
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = type.dims[form.axis + i];
    return set_gradients(g, &form, &shape);
}

socle_status gradient_rms_normalization(graph_gradient *g)
{
    return over_axes(g, true);
}

/* What reaches x through the outputs mean and inverse standard deviation of n elements: dmean / n - dinverse inverse^3 (x - mean)
 * / n. */
static value_id through_statistics(const graph_gradient *g, value_id dx)
{
    socle_graph *graph = g->graph;
    const graph_node *node = &graph->nodes[g->node];
    const value_id x = compose_input(g, 0), dmean = node->output_count > 1 ? g->output_gradients[1] : GRAPH_NONE;
    const value_id dinverse = node->output_count > 2 ? g->output_gradients[2] : GRAPH_NONE;
    const graph_type type = compose_type(graph, x);
    int64_t axes[SOCLE_MAX_RANK];
    int axis_count = 0;
    double count = 1;
    for (int i = compose_axis(node_int(node, "axis", -1), type.rank); i < type.rank; i++) {
        axes[axis_count++] = i;
        count *= (double)type.dims[i];
    }
    if (dmean != GRAPH_NONE) {
        const value_id share = compose_scale(graph, compose_cast(graph, dmean, type.dtype), 1 / count);
        const value_id spread = compose_expand_as(graph, share, &type);
        dx = dx == GRAPH_NONE ? spread : compose_binary(graph, "Add", dx, spread);
    }
    if (dinverse != GRAPH_NONE) {
        const value_id mean = compose_reduce(graph, "ReduceMean", x, axes, axis_count, true);
        const value_id inverse = compose_cast(graph, compose_output(g, 2), type.dtype);
        const value_id cube = compose_binary(graph, "Mul", compose_binary(graph, "Mul", inverse, inverse), inverse);
        const value_id share = compose_scale(graph, compose_cast(graph, dinverse, type.dtype), -1 / count);
        const value_id along =
            compose_binary(graph, "Mul", compose_binary(graph, "Mul", share, cube), compose_binary(graph, "Sub", x, mean));
        dx = dx == GRAPH_NONE ? along : compose_binary(graph, "Add", dx, along);
    }
    return dx;
}

socle_status gradient_layer_normalization(graph_gradient *g)
{
    socle_status status = SOCLE_OK;
    if (g->output_gradients[0] != GRAPH_NONE)
        status = over_axes(g, false);
    if (status == SOCLE_OK && compose_wanted(g, 0))
        status = compose_set(g, 0, through_statistics(g, g->input_gradients[0]));
    return status;
}

static socle_status in_groups(graph_gradient *g, int64_t groups)
{
    const graph_type channels = compose_type(g->graph, compose_input(g, 1));
    const normalize_form form = {.epsilon = node_float(&g->graph->nodes[g->node], "epsilon", 1e-5), .groups = groups};
    return set_gradients(g, &form, &channels);
}

socle_status gradient_group_normalization(graph_gradient *g)
{
    return in_groups(g, node_int(&g->graph->nodes[g->node], "num_groups", 1));
}

socle_status gradient_instance_normalization(graph_gradient *g)
{
    return in_groups(g, compose_type(g->graph, compose_input(g, 0)).dims[1]);
}

/* ---- BatchNormalization ---- */

typedef struct normalized {
    value_id x, mean, inverse; /* mean and 1 / sqrt(variance + epsilon), broadcasting to x */
    value_id hat;              /* (x - mean) * inverse */
} normalized;

static void add_hat(socle_graph *graph, normalized *n)
{
    n->hat = compose_binary(graph, "Mul", compose_binary(graph, "Sub", n->x, n->mean), n->inverse);
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
    normalized n = {.x = compose_input(g, 0)};
    const graph_type type = compose_type(g->graph, n.x);
    graph_type channels = {type.dtype, type.rank, {0}};
    for (int i = 0; i < type.rank; i++)
        channels.dims[i] = i == 1 ? type.dims[1] : 1;
    return batch_inference(g, &n, &channels, epsilon);
}
