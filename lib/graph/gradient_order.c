/* Gradients of CumSum and TopK. */
#include "gradients.h"

#include "gradient_compose.h"

/* Each element reaches the sums behind it: they are added up from the other end. */
socle_status gradient_cum_sum(graph_gradient *g)
{
    const graph_node *node = &g->graph->nodes[g->node];
    const socle_attribute attributes[] = {ATTRIBUTE_INT("exclusive", node_int(node, "exclusive", 0)),
                                          ATTRIBUTE_INT("reverse", node_int(node, "reverse", 0) == 0)};
    const value_id operands[] = {g->output_gradients[0], compose_input(g, 1)};
    if (!compose_wanted(g, 0))
        return SOCLE_OK;
    return compose_set(g, 0, compose_node(g->graph, "", "CumSum", operands, 2, attributes, 2));
}

/* To the places that the elements came from. */
socle_status gradient_top_k(graph_gradient *g)
{
    const graph_node *node = &g->graph->nodes[g->node];
    const graph_type type = compose_type(g->graph, compose_input(g, 0));
    const value_id operands[] = {g->output_gradients[0], compose_output(g, 1)};
    const socle_attribute attributes[] = {ATTRIBUTE_INT("axis", compose_axis(node_int(node, "axis", -1), type.rank)),
                                          ATTRIBUTE_INTS("input_shape", type.dims, (size_t)type.rank)};
    if (!compose_wanted(g, 0) || operands[0] == GRAPH_NONE)
        return SOCLE_OK;
    if (operands[1] == GRAPH_NONE)
        return socle_fail(SOCLE_UNSUPPORTED, "%s: its gradient needs its second output, the indices",
                          graph_node_label(g->graph, g->node));
    return compose_set(g, 0, compose_node(g->graph, "socle", "GatherElementsGrad", operands, 2, attributes, 2));
}
