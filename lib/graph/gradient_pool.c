/* Gradients of pooling. */
#include "gradients.h"

#include "gradient_compose.h"

#define MAX_ATTRIBUTES 12

/* The node's own attributes, borrowed: valid until nodes are added to the graph, since names and arrays stay but may move with
 * it. */
static int own_attributes(const graph_node *node, socle_attribute *out)
{
    int count = 0;
    for (int i = 0; i < node->attribute_count && count < MAX_ATTRIBUTES - 1; i++) {
        const graph_attribute *a = &node->attributes[i];
        if (a->kind == SOCLE_ATTRIBUTE_INT || a->kind == SOCLE_ATTRIBUTE_INTS || a->kind == SOCLE_ATTRIBUTE_STRING)
            out[count++] = (socle_attribute){
                .name = a->name, .kind = a->kind, .i = a->i, .s = a->s, .ints = a->ints, .count = (size_t)a->count};
    }
    return count;
}

socle_status gradient_max_pool(graph_gradient *g)
{
    socle_attribute attributes[MAX_ATTRIBUTES];
    const int count = own_attributes(&g->graph->nodes[g->node], attributes);
    if (g->output_gradients[0] == GRAPH_NONE || !compose_wanted(g, 0))
        return SOCLE_OK;
    const value_id inputs[] = {g->output_gradients[0], compose_input(g, 0)};
    return compose_set(g, 0, compose_node(g->graph, "socle", "MaxPoolGrad", inputs, 2, attributes, count));
}

socle_status gradient_average_pool(graph_gradient *g)
{
    socle_attribute attributes[MAX_ATTRIBUTES];
    int count = own_attributes(&g->graph->nodes[g->node], attributes);
    const graph_type type = compose_type(g->graph, compose_input(g, 0));
    attributes[count++] = ATTRIBUTE_INTS("input_shape", type.dims, (size_t)type.rank);
    return compose_set(g, 0, compose_node(g->graph, "socle", "AveragePoolGrad", g->output_gradients, 1, attributes, count));
}

/* Spreading is averaging's transpose, and the other way round. */
socle_status gradient_average_pool_grad(graph_gradient *g)
{
    socle_attribute attributes[MAX_ATTRIBUTES];
    const int count = own_attributes(&g->graph->nodes[g->node], attributes);
    return compose_set(g, 0, compose_node(g->graph, "", "AveragePool", g->output_gradients, 1, attributes, count));
}

/* The elements that were the maxima, taken by their indices in the whole tensor. */
socle_status gradient_max_pool_grad(graph_gradient *g)
{
    socle_graph *graph = g->graph;
    socle_attribute attributes[MAX_ATTRIBUTES];
    const int count = own_attributes(&graph->nodes[g->node], attributes);
    const value_id x = compose_input(g, 1), dy = g->output_gradients[0];
    if (!compose_wanted(g, 0))
        return SOCLE_OK;
    const graph_type type = compose_type(graph, x);
    const value_id y = graph_add(graph, "", "MaxPool", &x, 1, attributes, count, 2);
    if (y == GRAPH_NONE)
        return socle_last_status();
    const value_id indices = graph->nodes[graph->values[y].producer].outputs[1];
    const value_id flat = compose_reshape(graph, dy, 1, (int64_t[]){graph_type_count(&type)});
    return compose_set(g, 0, compose_node(graph, "", "Gather", (value_id[]){flat, indices}, 2, NULL, 0));
}
