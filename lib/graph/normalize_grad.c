/* NormalizeGrad: the gradient of layer, RMS, group and instance normalization as one operator, which solvers run; and what it is
 * made of, for devices without a way to run it and for gradients of gradients. Mean and deviation are made from x once more,
 * which costs less than keeping them would: whoever reads a row for its gradient has it in the cache.
 *
 * With h = (x - mean) * inverse over the n elements that are normalized together and g = dy * scale: dx = inverse * (g - mean(g)
 * - h * mean(g * h)), dscale = sum(dy * h), dbias = sum(dy). Ba et al., "Layer Normalization", 2016; Wu and He, "Group
 * Normalization", 2018; Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019: the same with a mean of 0 and without
 * mean(g). */
#include "normalize_grad.h"
#include "gradient_compose.h"
#include "infer.h"
#include "lower.h"
#include "operators.h"

value_id graph_normalize_grad(socle_graph *graph, const normalize_form *form, value_id dy, value_id x, value_id scale, bool bias)
{
    const socle_attribute attributes[] = {
        ATTRIBUTE_FLOAT("epsilon", form->epsilon), ATTRIBUTE_INT("root_mean_square", form->root_mean_square),
        form->groups > 0 ? ATTRIBUTE_INT("num_groups", form->groups) : ATTRIBUTE_INT("axis", form->axis)};
    const value_id inputs[] = {dy, x, compose_cast(graph, scale, compose_dtype(graph, x))};
    return graph_add(graph, "socle", "NormalizeGrad", inputs, 3, attributes, 3, bias ? 3 : 2);
}

socle_status infer_normalize_grad(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 1);
    graph_type sums = *infer_input(infer, 2);
    sums.dtype = graph_sum_dtype(x->dtype);
    infer->outputs[0] = *x;
    infer->outputs[1] = infer->outputs[2] = sums;
    return SOCLE_OK;
}

/* ---- what it is made of ---- */

/* x as [images, lines, channels, block]: a row of channels * block elements is normalized, and each channel of a line has its own
 * scale. */
typedef struct rows {
    socle_graph *graph;
    int64_t dims[4];
    double count; /* elements of a row */
} rows;

static rows rows_of(socle_graph *graph, node_id node, const graph_type *x)
{
    const int64_t groups = node_int(&graph->nodes[node], "num_groups", 0);
    rows r = {.graph = graph, .dims = {-1, 1, 1, 1}};
    if (groups > 0) {
        r.dims[1] = groups;
        r.dims[2] = x->dims[1] / groups;
    }
    for (int i = groups > 0 ? 2 : compose_axis(node_int(&graph->nodes[node], "axis", -1), x->rank); i < x->rank; i++)
        r.dims[groups > 0 ? 3 : 2] *= x->dims[i];
    r.count = (double)(r.dims[2] * r.dims[3]);
    return r;
}

/* One number per row from one per element. */
static value_id mean_of_rows(const rows *r, value_id a)
{
    const value_id sum = compose_reduce(r->graph, "ReduceSum", a, (const int64_t[]){2, 3}, 2, true);
    return compose_scale(r->graph, sum, 1 / r->count);
}

/* The sum over all rows, for each channel, in the shape and type of an output. */
static value_id over_rows(const rows *r, value_id a, const graph_type *sums)
{
    const value_id sum = compose_reduce(r->graph, "ReduceSum", a, (const int64_t[]){0, 3}, 2, false);
    return compose_cast(r->graph, compose_reshape_as(r->graph, sum, sums), sums->dtype);
}

socle_status define_normalize_grad(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const bool centered = node_int(&graph->nodes[node], "root_mean_square", 0) == 0, bias = graph->nodes[node].output_count > 2;
    const double epsilon = node_float(&graph->nodes[node], "epsilon", 1e-5);
    const graph_type type = compose_type(graph, lower_input(&l, 1));
    const graph_type sums = compose_type(graph, graph->nodes[node].outputs[1]);
    const rows r = rows_of(graph, node, &type);
    const value_id dy = compose_reshape(graph, lower_input(&l, 0), 4, r.dims),
                   x = compose_reshape(graph, lower_input(&l, 1), 4, r.dims);
    const value_id scale = compose_reshape(graph, lower_input(&l, 2), 4, (const int64_t[]){1, r.dims[1], r.dims[2], 1});
    const value_id distance = centered ? compose_binary(graph, "Sub", x, mean_of_rows(&r, x)) : x;
    const value_id variance = mean_of_rows(&r, compose_binary(graph, "Mul", distance, distance));
    const value_id deviation = compose_unary(graph, "Sqrt", compose_add_number(graph, variance, epsilon));
    const value_id inverse = compose_unary(graph, "Reciprocal", deviation), h = compose_binary(graph, "Mul", distance, inverse);
    const value_id g = compose_binary(graph, "Mul", dy, scale);
    const value_id along = compose_binary(graph, "Mul", h, mean_of_rows(&r, compose_binary(graph, "Mul", g, h)));
    const value_id even = centered ? compose_binary(graph, "Sub", g, mean_of_rows(&r, g)) : g;
    const value_id dx = compose_binary(graph, "Mul", inverse, compose_binary(graph, "Sub", even, along));
    int64_t dims[SOCLE_MAX_RANK];
    for (int i = 0; i < type.rank; i++)
        dims[i] = i == 0 && type.dims[0] < 0 ? -1 : type.dims[i];
    const value_id values[] = {compose_reshape(graph, dx, type.rank, dims),
                               over_rows(&r, compose_binary(graph, "Mul", dy, h), &sums), bias ? over_rows(&r, dy, &sums) : dy};
    for (int i = 0; i < 3; i++)
        if (values[i] == GRAPH_NONE)
            return lower_failed(&l);
    for (int i = 1; i < graph->nodes[node].output_count; i++)
        lower_output(graph, node, i, values[i], l.first_new);
    return lower_done(&l, values[0]);
}
