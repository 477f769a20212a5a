/* Gradients of gathering and scattering: each is the other with addition. */
#include "gradients.h"

#include "gradient_compose.h"

#include <string.h>

static int index_axis(const graph_gradient *g, int rank)
{
    return compose_axis(node_int(&g->graph->nodes[g->node], "axis", 0), rank);
}

/* socle's GatherGrad or GatherElementsGrad of dy. */
static value_id add_at(graph_gradient *g, const char *op, value_id dy, value_id indices, const graph_type *type, int axis)
{
    const socle_attribute attributes[] = {ATTRIBUTE_INT("axis", axis),
                                          ATTRIBUTE_INTS("input_shape", type->dims, (size_t)type->rank)};
    return compose_node(g->graph, "socle", op, (value_id[]){dy, indices}, 2, attributes, 2);
}

static value_id take(graph_gradient *g, const char *op, value_id from, value_id indices, int axis)
{
    const socle_attribute attribute = ATTRIBUTE_INT("axis", axis);
    return compose_node(g->graph, "", op, (value_id[]){from, indices}, 2, &attribute, 1);
}

socle_status gradient_gather(graph_gradient *g)
{
    const graph_type type = compose_type(g->graph, compose_input(g, 0));
    const value_id indices = compose_input(g, 1);
    return compose_set(g, 0, add_at(g, "GatherGrad", g->output_gradients[0], indices, &type, index_axis(g, type.rank)));
}

socle_status gradient_gather_grad(graph_gradient *g)
{
    const int rank = compose_type(g->graph, compose_output(g, 0)).rank;
    return compose_set(g, 0, take(g, "Gather", g->output_gradients[0], compose_input(g, 1), index_axis(g, rank)));
}

socle_status gradient_gather_elements(graph_gradient *g)
{
    const graph_type type = compose_type(g->graph, compose_input(g, 0));
    const value_id indices = compose_input(g, 1);
    return compose_set(g, 0, add_at(g, "GatherElementsGrad", g->output_gradients[0], indices, &type, index_axis(g, type.rank)));
}

socle_status gradient_gather_elements_grad(graph_gradient *g)
{
    const int rank = compose_type(g->graph, compose_output(g, 0)).rank;
    return compose_set(g, 0, take(g, "GatherElements", g->output_gradients[0], compose_input(g, 1), index_axis(g, rank)));
}

/* ---- ScatterElements ---- */

typedef struct scattering {
    graph_gradient *g;
    value_id data, indices, updates, y, dy;
    int axis;
} scattering;

static value_id taken(const scattering *s, value_id from)
{
    return take(s->g, "GatherElements", from, s->indices, s->axis);
}

/* `data` with `updates` scattered into it. */
static value_id scattered(const scattering *s, value_id data, value_id updates, const char *reduction)
{
    const socle_attribute attributes[] = {ATTRIBUTE_INT("axis", s->axis), ATTRIBUTE_STRING("reduction", reduction)};
    return compose_node(s->g->graph, "", "ScatterElements", (value_id[]){data, s->indices, updates}, 3, attributes, 2);
}

static value_id zeros_like(const scattering *s, value_id like)
{
    const graph_type type = compose_type(s->g->graph, like);
    return compose_zeros(s->g->graph, &type);
}

/* Where an element of y is the one asked about, its gradient; else 0: the rule of maximum and minimum. */
static value_id where_equal(const scattering *s, value_id a, value_id y, value_id dy)
{
    socle_graph *graph = s->g->graph;
    return compose_where(graph, compose_binary(graph, "Equal", a, y), dy, compose_number(graph, s->data, 0));
}

static value_id data_gradient(const scattering *s, const char *reduction)
{
    socle_graph *graph = s->g->graph;
    if (strcmp(reduction, "add") == 0)
        return s->dy;
    if (strcmp(reduction, "none") == 0)
        return scattered(s, s->dy, zeros_like(s, s->updates), "none");
    if (strcmp(reduction, "mul") != 0)
        return where_equal(s, s->data, s->y, s->dy);
    const graph_type type = compose_type(graph, s->data);
    const value_id factors = scattered(s, compose_filled(graph, &type, 1), s->updates, "mul");
    return compose_binary(graph, "Mul", s->dy, factors);
}

static value_id updates_gradient(const scattering *s, const char *reduction)
{
    socle_graph *graph = s->g->graph;
    if (strcmp(reduction, "add") == 0 || strcmp(reduction, "none") == 0)
        return taken(s, s->dy);
    if (strcmp(reduction, "mul") != 0)
        return where_equal(s, s->updates, taken(s, s->y), taken(s, s->dy));
    return compose_binary(graph, "Div", taken(s, compose_binary(graph, "Mul", s->dy, s->y)), s->updates);
}

socle_status gradient_scatter_elements(graph_gradient *g)
{
    const char *reduction = node_string(&g->graph->nodes[g->node], "reduction", "none");
    const scattering s = {g,
                          compose_input(g, 0),
                          compose_input(g, 1),
                          compose_input(g, 2),
                          compose_output(g, 0),
                          g->output_gradients[0],
                          index_axis(g, compose_type(g->graph, compose_input(g, 0)).rank)};
    socle_status status = SOCLE_OK;
    if (compose_wanted(g, 0))
        status = compose_set(g, 0, data_gradient(&s, reduction));
    if (status == SOCLE_OK && compose_wanted(g, 2))
        status = compose_set(g, 2, updates_gradient(&s, reduction));
    return status;
}
