/* Gradients of convolutions. A convolution is linear in its input and in its weights, so its two gradients and theirs stay among
 * three operators: Conv, ConvGradInput and ConvGradWeight, all with the same geometry. */
#include "gradients.h"

#include "gradient_compose.h"

#define MAX_SPATIAL 3

/* Explicit geometry as attributes: the same for all three operators. */
typedef struct conv_attributes {
    conv_geometry geometry;
    int64_t pads[2 * MAX_SPATIAL];
    int64_t input_shape[SOCLE_MAX_RANK];
    socle_attribute items[6];
    int count;
} conv_attributes;

static socle_status read_geometry(const graph_gradient *g, conv_attributes *a)
{
    conv_geometry *c = &a->geometry;
    socle_status status = graph_conv_geometry(g->graph, &g->graph->nodes[g->node], c);
    if (status != SOCLE_OK)
        return status;
    const size_t spatial = (size_t)c->spatial;
    for (int i = 0; i < c->spatial; i++) {
        a->pads[i] = c->pad_begin[i];
        a->pads[c->spatial + i] = c->pad_end[i];
        a->input_shape[2 + i] = c->input[i];
    }
    a->input_shape[0] = c->batch;
    a->input_shape[1] = c->channels;
    a->items[0] = ATTRIBUTE_INT("group", c->groups);
    a->items[1] = ATTRIBUTE_INTS("kernel_shape", c->kernel, spatial);
    a->items[2] = ATTRIBUTE_INTS("strides", c->stride, spatial);
    a->items[3] = ATTRIBUTE_INTS("dilations", c->dilation, spatial);
    a->items[4] = ATTRIBUTE_INTS("pads", a->pads, 2 * spatial);
    a->count = 5;
    return SOCLE_OK;
}

static value_id convolve(socle_graph *graph, const conv_attributes *a, value_id x, value_id w)
{
    return compose_node(graph, "", "Conv", (value_id[]){x, w}, 2, a->items, a->count);
}

static value_id gradient_of_input(socle_graph *graph, const conv_attributes *a, value_id dy, value_id w)
{
    conv_attributes with_shape = *a;
    with_shape.items[with_shape.count++] = ATTRIBUTE_INTS("input_shape", a->input_shape, (size_t)(2 + a->geometry.spatial));
    return compose_node(graph, "socle", "ConvGradInput", (value_id[]){dy, w}, 2, with_shape.items, with_shape.count);
}

static value_id gradient_of_weight(socle_graph *graph, const conv_attributes *a, value_id dy, value_id x)
{
    return compose_node(graph, "socle", "ConvGradWeight", (value_id[]){dy, x}, 2, a->items, a->count);
}

socle_status gradient_conv(graph_gradient *g)
{
    const value_id x = compose_input(g, 0), w = compose_input(g, 1), dy = g->output_gradients[0];
    conv_attributes a;
    socle_status status = read_geometry(g, &a);
    if (status == SOCLE_OK && compose_wanted(g, 0))
        status = compose_set(g, 0, gradient_of_input(g->graph, &a, dy, w));
    if (status == SOCLE_OK && compose_wanted(g, 1))
        status = compose_set(g, 1, gradient_of_weight(g->graph, &a, dy, x));
    if (status == SOCLE_OK && compose_wanted(g, 2)) {
        const int64_t axes[] = {0, 2, 3, 4};
        status = compose_set(g, 2, compose_reduce(g->graph, "ReduceSum", dy, axes, 1 + a.geometry.spatial, false));
    }
    return status;
}

/* y = ConvGradInput(e, w), where e has the shape of a convolution's output: <g, y> = <Conv(g, w), e>. */
socle_status gradient_conv_grad_input(graph_gradient *g)
{
    const value_id e = compose_input(g, 0), w = compose_input(g, 1), dy = g->output_gradients[0];
    conv_attributes a;
    socle_status status = read_geometry(g, &a);
    if (status == SOCLE_OK && compose_wanted(g, 0))
        status = compose_set(g, 0, convolve(g->graph, &a, dy, w));
    if (status == SOCLE_OK && compose_wanted(g, 1))
        status = compose_set(g, 1, gradient_of_weight(g->graph, &a, e, dy));
    return status;
}

/* y = ConvGradWeight(e, x): <g, y> = <Conv(x, g), e>. */
socle_status gradient_conv_grad_weight(graph_gradient *g)
{
    const value_id e = compose_input(g, 0), x = compose_input(g, 1), dy = g->output_gradients[0];
    conv_attributes a;
    socle_status status = read_geometry(g, &a);
    if (status == SOCLE_OK && compose_wanted(g, 0))
        status = compose_set(g, 0, convolve(g->graph, &a, x, dy));
    if (status == SOCLE_OK && compose_wanted(g, 1))
        status = compose_set(g, 1, gradient_of_input(g->graph, &a, e, dy));
    return status;
}
