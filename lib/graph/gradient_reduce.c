/* Gradients of reductions: the gradient of the result, given to every element that it was made of, times a factor. */
#include "gradients.h"

#include "gradient_compose.h"

typedef struct reduction {
    graph_gradient *g;
    socle_graph *graph;
    value_id x, y, dy; /* y and dy with the reduced axes kept, so that they broadcast to x */
    graph_type type;   /* of x */
    int64_t axes[SOCLE_MAX_RANK];
    int axis_count;
    double count; /* elements per result */
} reduction;

/* No axes, or an empty list: all of them, or none with noop_with_empty_axes. */
static socle_status read_axes(reduction *r)
{
    const graph_node *node = &r->graph->nodes[r->g->node];
    const value_id input = compose_input(r->g, 1);
    const bool nothing = node_int(node, "noop_with_empty_axes", 0) != 0;
    int count = input != GRAPH_NONE ? graph_constant_int_values(r->graph, input, r->axes, SOCLE_MAX_RANK) : 0;
    if (count < 0)
        return socle_fail(SOCLE_UNSUPPORTED, "%s: its axes must be constant to be differentiated",
                          graph_node_label(r->graph, r->g->node));
    if (count == 0 && !nothing)
        for (; count < r->type.rank; count++)
            r->axes[count] = count;
    r->axis_count = count;
    return SOCLE_OK;
}

static socle_status begin(reduction *r, graph_gradient *g)
{
    *r = (reduction){.g = g, .graph = g->graph, .x = compose_input(g, 0), .count = 1};
    r->type = compose_type(g->graph, r->x);
    socle_status status = read_axes(r);
    if (status != SOCLE_OK)
        return status;
    graph_type kept = r->type;
    for (int i = 0; i < r->axis_count; i++) {
        r->axes[i] = compose_axis(r->axes[i], r->type.rank);
        r->count *= (double)r->type.dims[r->axes[i]];
        kept.dims[r->axes[i]] = 1;
    }
    r->y = compose_reshape_as(r->graph, compose_output(g, 0), &kept);
    r->dy = compose_reshape_as(r->graph, g->output_gradients[0], &kept);
    return r->y != GRAPH_NONE && r->dy != GRAPH_NONE ? SOCLE_OK : socle_last_status();
}

static value_id multiply(const reduction *r, value_id a, value_id b)
{
    return compose_binary(r->graph, "Mul", a, b);
}

static value_id reduce_again(const reduction *r, const char *op, value_id a)
{
    return compose_reduce(r->graph, op, a, r->axes, r->axis_count, true);
}

static value_id zero(const reduction *r)
{
    return compose_number(r->graph, r->x, 0);
}

static socle_status finish(const reduction *r, value_id dx)
{
    return compose_set(r->g, 0, compose_expand_as(r->graph, dx, &r->type));
}

socle_status gradient_reduce_sum(graph_gradient *g)
{
    reduction r;
    socle_status status = begin(&r, g);
    return status == SOCLE_OK ? finish(&r, r.dy) : status;
}

socle_status gradient_reduce_mean(graph_gradient *g)
{
    reduction r;
    socle_status status = begin(&r, g);
    return status == SOCLE_OK ? finish(&r, compose_scale(r.graph, r.dy, 1 / r.count)) : status;
}

/* Equal maxima share the gradient. */
socle_status gradient_reduce_max(graph_gradient *g)
{
    reduction r;
    socle_status status = begin(&r, g);
    if (status != SOCLE_OK)
        return status;
    const value_id chosen = compose_binary(r.graph, "Equal", r.x, r.y);
    const value_id ties = reduce_again(&r, "ReduceSum", compose_cast(r.graph, chosen, r.type.dtype));
    return finish(&r, compose_where(r.graph, chosen, compose_binary(r.graph, "Div", r.dy, ties), zero(&r)));
}

/* The product of the other factors: y / x, but where a factor is 0 only that one has a gradient, and none has where two are. */
socle_status gradient_reduce_prod(graph_gradient *g)
{
    reduction r;
    socle_status status = begin(&r, g);
    if (status != SOCLE_OK)
        return status;
    const value_id one = compose_number(r.graph, r.x, 1), is_zero = compose_binary(r.graph, "Equal", r.x, zero(&r));
    const value_id factors = compose_where(r.graph, is_zero, one, r.x), product = reduce_again(&r, "ReduceProd", factors);
    const value_id zeros = reduce_again(&r, "ReduceSum", compose_cast(r.graph, is_zero, r.type.dtype));
    const value_id others = compose_binary(r.graph, "Sub", zeros, compose_cast(r.graph, is_zero, r.type.dtype));
    const value_id rest = compose_binary(r.graph, "Div", product, factors);
    const value_id alone = compose_binary(r.graph, "Equal", others, zero(&r));
    return finish(&r, compose_where(r.graph, alone, multiply(&r, r.dy, rest), zero(&r)));
}

socle_status gradient_reduce_l1(graph_gradient *g)
{
    reduction r;
    socle_status status = begin(&r, g);
    return status == SOCLE_OK ? finish(&r, multiply(&r, r.dy, compose_unary(r.graph, "Sign", r.x))) : status;
}

/* x / y; 0 where all elements are. */
socle_status gradient_reduce_l2(graph_gradient *g)
{
    reduction r;
    socle_status status = begin(&r, g);
    if (status != SOCLE_OK)
        return status;
    const value_id is_zero = compose_binary(r.graph, "Equal", r.y, zero(&r));
    const value_id factor = compose_where(r.graph, is_zero, zero(&r), compose_binary(r.graph, "Div", r.dy, r.y));
    return finish(&r, multiply(&r, r.x, factor));
}

socle_status gradient_reduce_log_sum(graph_gradient *g)
{
    reduction r;
    socle_status status = begin(&r, g);
    if (status != SOCLE_OK)
        return status;
    return finish(&r, compose_binary(r.graph, "Div", r.dy, reduce_again(&r, "ReduceSum", r.x)));
}

socle_status gradient_reduce_log_sum_exp(graph_gradient *g)
{
    reduction r;
    socle_status status = begin(&r, g);
    if (status != SOCLE_OK)
        return status;
    const value_id share = compose_unary(r.graph, "Exp", compose_binary(r.graph, "Sub", r.x, r.y));
    return finish(&r, multiply(&r, r.dy, share));
}

socle_status gradient_reduce_sum_square(graph_gradient *g)
{
    reduction r;
    socle_status status = begin(&r, g);
    return status == SOCLE_OK ? finish(&r, multiply(&r, compose_scale(r.graph, r.dy, 2), r.x)) : status;
}
