/* BatchNormalize and BatchNormalizeGrad: batch normalization with the batch's own statistics as one operator and its gradient as
 * another, which solvers run; and what both are made of, for devices without a way to run them and for gradients of gradients.
 *
 * With mean, variance and inverse = 1 / sqrt(variance + epsilon) of each channel, h = (x - mean) * inverse and n elements a
 * channel (Ioffe and Szegedy, "Batch Normalization", 2015, section 3): y = h * scale + bias, dbias = sum(dy), dscale = sum(dy *
 * h), dx = scale * inverse * (dy - dbias / n - h * dscale / n). */
#include "batch_normalize.h"
#include "gradient_compose.h"
#include "gradients.h"
#include "infer.h"
#include "lower.h"
#include "operators.h"

/* ---- making them ---- */

value_id graph_batch_normalize(socle_graph *graph, value_id x, value_id scale, value_id bias, double epsilon)
{
    const socle_dtype dtype = compose_dtype(graph, x);
    const socle_attribute attribute = ATTRIBUTE_FLOAT("epsilon", epsilon);
    const value_id inputs[] = {x, compose_cast(graph, scale, dtype), compose_cast(graph, bias, dtype)};
    return graph_add(graph, "socle", "BatchNormalize", inputs, 3, &attribute, 1, 4);
}

/* dx, of which the node makes dscale and dbias as well. */
static value_id normalize_grad(socle_graph *graph, value_id dy, value_id x, value_id scale, value_id mean, value_id inverse)
{
    const value_id inputs[] = {dy, x, compose_cast(graph, scale, compose_dtype(graph, x)), mean, inverse};
    return graph_add(graph, "socle", "BatchNormalizeGrad", inputs, 5, NULL, 0, 3);
}

static value_id output_of(const socle_graph *graph, value_id first, int output)
{
    return first == GRAPH_NONE ? GRAPH_NONE : graph->nodes[graph->values[first].producer].outputs[output];
}

/* ---- shapes ---- */

static socle_status infer_normalized(graph_infer *infer, const graph_type *x, int first_statistic, int outputs)
{
    const graph_type real = {graph_sum_dtype(x->dtype), 1, {x->rank < 2 ? DIM_UNKNOWN : x->dims[1]}};
    if (x->rank >= 0 && x->rank < 2)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "it takes [N, C, ...], not %s", infer_type_text(infer, x));
    infer->outputs[0] = *x;
    for (int i = first_statistic; i < outputs; i++)
        infer->outputs[i] = real;
    return SOCLE_OK;
}

socle_status infer_batch_normalize(graph_infer *infer)
{
    return infer_normalized(infer, infer_input(infer, 0), 1, 4);
}

socle_status infer_batch_normalize_grad(graph_infer *infer)
{
    return infer_normalized(infer, infer_input(infer, 1), 1, 3);
}

/* ---- what they are made of ---- */

typedef struct channels {
    socle_graph *graph;
    graph_type type; /* of x */
    int64_t axes[SOCLE_MAX_RANK];
    int axis_count;
    double count; /* elements of a channel */
} channels;

static channels channels_of(socle_graph *graph, value_id x)
{
    channels c = {.graph = graph, .type = compose_type(graph, x), .count = 1};
    for (int i = 0; i < c.type.rank; i++) {
        if (i == 1)
            continue;
        c.axes[c.axis_count++] = i;
        c.count *= (double)c.type.dims[i];
    }
    return c;
}

static value_id over_channel(const channels *c, const char *op, value_id a)
{
    return compose_reduce(c->graph, op, a, c->axes, c->axis_count, false);
}

/* A number per channel in x's type and as [C, 1, ...], which broadcasts to x. */
static value_id spread(const channels *c, value_id list)
{
    const int64_t dims[SOCLE_MAX_RANK] = {-1, 1, 1, 1, 1, 1, 1, 1};
    list = compose_cast(c->graph, list, c->type.dtype);
    if (list == GRAPH_NONE || c->type.rank <= 2)
        return list;
    return compose_binary(c->graph, "Reshape", list, graph_constant_ints(c->graph, dims, c->type.rank - 1));
}

static socle_status replace(const lowering *l, const value_id *values, int count)
{
    for (int i = 0; i < count; i++)
        if (values[i] == GRAPH_NONE)
            return lower_failed(l);
    for (int i = 1; i < count; i++)
        lower_output(l->graph, l->node, i, values[i], l->first_new);
    return lower_done(l, values[0]);
}

socle_status define_batch_normalize(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id x = lower_input(&l, 0), scale = lower_input(&l, 1), bias = lower_input(&l, 2);
    const channels c = channels_of(graph, x);
    const socle_dtype real = graph_sum_dtype(c.type.dtype);
    const double epsilon = node_float(&graph->nodes[node], "epsilon", 1e-5);
    const value_id mean = over_channel(&c, "ReduceMean", x);
    /* from the centered values: x * factor + shift would lose what x and mean have in common */
    const value_id centered = compose_binary(graph, "Sub", x, spread(&c, mean));
    const value_id variance = over_channel(&c, "ReduceMean", compose_binary(graph, "Mul", centered, centered));
    const value_id deviation = compose_unary(graph, "Sqrt", compose_add_number(graph, variance, epsilon));
    const value_id inverse = compose_unary(graph, "Reciprocal", deviation);
    const value_id factor = compose_binary(graph, "Div", scale, deviation);
    const value_id y = compose_binary(graph, "Add", compose_binary(graph, "Mul", centered, spread(&c, factor)), spread(&c, bias));
    const value_id values[] = {y, compose_cast(graph, mean, real), compose_cast(graph, variance, real),
                               compose_cast(graph, inverse, real)};
    return replace(&l, values, 4);
}

socle_status define_batch_normalize_grad(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id dy = lower_input(&l, 0), x = lower_input(&l, 1), scale = lower_input(&l, 2);
    const channels c = channels_of(graph, x);
    const socle_dtype real = graph_sum_dtype(c.type.dtype);
    const value_id mean = spread(&c, lower_input(&l, 3)), inverse = spread(&c, lower_input(&l, 4));
    const value_id hat = compose_binary(graph, "Mul", compose_binary(graph, "Sub", x, mean), inverse);
    const value_id dbias = over_channel(&c, "ReduceSum", dy);
    const value_id dscale = over_channel(&c, "ReduceSum", compose_binary(graph, "Mul", dy, hat));
    const value_id even = spread(&c, compose_scale(graph, dbias, 1 / c.count));
    const value_id along = compose_binary(graph, "Mul", hat, spread(&c, compose_scale(graph, dscale, 1 / c.count)));
    const value_id rest = compose_binary(graph, "Sub", compose_binary(graph, "Sub", dy, even), along);
    const value_id dx = compose_binary(graph, "Mul", rest, compose_binary(graph, "Mul", spread(&c, scale), inverse));
    const value_id values[] = {dx, compose_cast(graph, dscale, real), compose_cast(graph, dbias, real)};
    return replace(&l, values, 3);
}

/* ---- gradients ---- */

/* Sets the gradients of x, scale and bias (inputs 0 to 2) of a node that normalizes x to y. */
static socle_status set_gradients(graph_gradient *g, value_id dy, value_id normalized)
{
    socle_graph *graph = g->graph;
    const value_id mean = output_of(graph, normalized, 1), inverse = output_of(graph, normalized, 3);
    const value_id dx = normalize_grad(graph, dy, compose_input(g, 0), compose_input(g, 1), mean, inverse);
    socle_status status = dx != GRAPH_NONE ? SOCLE_OK : socle_last_status();
    if (status == SOCLE_OK && compose_wanted(g, 0))
        status = compose_set(g, 0, dx);
    for (int i = 1; i < 3 && status == SOCLE_OK; i++)
        if (compose_wanted(g, i))
            status = compose_set(g, i, compose_cast(graph, output_of(graph, dx, i), compose_dtype(graph, compose_input(g, i))));
    return status;
}

/* The running statistics are new content of states, through which no gradient flows. */
socle_status gradient_batch_training(graph_gradient *g)
{
    const double epsilon = node_float(&g->graph->nodes[g->node], "epsilon", 1e-5);
    if (g->output_gradients[0] == GRAPH_NONE)
        return SOCLE_OK;
    /* the very node that lower_batch_normalization adds, so that both are found to be one */
    return set_gradients(g, g->output_gradients[0],
                         graph_batch_normalize(g->graph, compose_input(g, 0), compose_input(g, 1), compose_input(g, 2), epsilon));
}

/* What reaches x through mean, variance and inverse: dmean / n + (2 dvariance - dinverse inverse^3) (x - mean) / n. */
static value_id through_statistics(const graph_gradient *g, value_id x, value_id dx)
{
    socle_graph *graph = g->graph;
    const channels c = channels_of(graph, x);
    const value_id dmean = g->output_gradients[1], dvariance = g->output_gradients[2], dinverse = g->output_gradients[3];
    value_id slope = GRAPH_NONE, sum = dx;
    if (dvariance != GRAPH_NONE)
        slope = compose_scale(graph, dvariance, 2);
    if (dinverse != GRAPH_NONE) {
        const value_id inverse = compose_output(g, 3);
        const value_id cube = compose_binary(graph, "Mul", compose_binary(graph, "Mul", inverse, inverse), inverse);
        const value_id falling = compose_scale(graph, compose_binary(graph, "Mul", dinverse, cube), -1);
        slope = slope == GRAPH_NONE ? falling : compose_binary(graph, "Add", slope, falling);
    }
    if (slope != GRAPH_NONE) {
        const value_id centered = compose_binary(graph, "Sub", x, spread(&c, compose_output(g, 1)));
        const value_id part = compose_binary(graph, "Mul", centered, spread(&c, compose_scale(graph, slope, 1 / c.count)));
        sum = sum == GRAPH_NONE ? part : compose_binary(graph, "Add", sum, part);
    }
    if (dmean != GRAPH_NONE) {
        const value_id part = compose_expand_as(graph, spread(&c, compose_scale(graph, dmean, 1 / c.count)), &c.type);
        sum = sum == GRAPH_NONE ? part : compose_binary(graph, "Add", sum, part);
    }
    return sum;
}

socle_status gradient_batch_normalize(graph_gradient *g)
{
    socle_status status = SOCLE_OK;
    if (g->output_gradients[0] != GRAPH_NONE)
        status = set_gradients(g, g->output_gradients[0], compose_output(g, 0));
    if (status == SOCLE_OK && compose_wanted(g, 0))
        status = compose_set(g, 0, through_statistics(g, compose_input(g, 0), g->input_gradients[0]));
    return status;
}
