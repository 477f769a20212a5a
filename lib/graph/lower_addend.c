/* Lowering of the addend of products and convolutions to an Add: solvers compute the bare product, and the planner joins the Add
 * to it like any other epilogue. Only before planning: differentiation and batch-norm folding want the operator whole. */
#include "lower.h"
#include "operators.h"

socle_status lower_gemm(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id inputs[] = {lower_input(&l, 0), lower_input(&l, 1)};
    value_id addend = lower_input(&l, 2);
    if (addend == GRAPH_NONE)
        return SOCLE_OK;
    const graph_node *n = &graph->nodes[node];
    const double beta = node_float(n, "beta", 1.0);
    const socle_attribute attributes[] = {ATTRIBUTE_FLOAT("alpha", node_float(n, "alpha", 1.0)),
                                          ATTRIBUTE_INT("transA", node_int(n, "transA", 0)),
                                          ATTRIBUTE_INT("transB", node_int(n, "transB", 0))};
    const value_id product = graph_add(graph, "", "Gemm", inputs, 2, attributes, (int)COUNT_OF(attributes), 1);
    if (product == GRAPH_NONE)
        return lower_failed(&l);
    if (beta == 0.0) /* ONNX: the addend does not count, even where it is not finite */
        return lower_done(&l, product);
    if (beta != 1.0)
        addend = graph_binary(graph, "Mul", addend, lower_scalar(&l, addend, beta));
    return addend == GRAPH_NONE ? lower_failed(&l) : lower_done(&l, graph_binary(graph, "Add", product, addend));
}

socle_status lower_conv(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id inputs[] = {lower_input(&l, 0), lower_input(&l, 1)}, bias = lower_input(&l, 2);
    conv_geometry g;
    int64_t pads[2 * 3];
    if (bias == GRAPH_NONE || !graph_type_known(lower_type(&l, inputs[0])) || !graph_type_known(lower_type(&l, inputs[1])))
        return SOCLE_OK;
    const socle_status status = graph_conv_geometry(graph, &graph->nodes[node], &g);
    if (status != SOCLE_OK)
        return status;
    const size_t count = (size_t)g.spatial;
    for (size_t d = 0; d < count; d++) {
        pads[d] = g.pad_begin[d];
        pads[count + d] = g.pad_end[d];
    }
    const socle_attribute attributes[] = {ATTRIBUTE_INTS("kernel_shape", g.kernel, count),
                                          ATTRIBUTE_INTS("strides", g.stride, count),
                                          ATTRIBUTE_INTS("dilations", g.dilation, count), ATTRIBUTE_INTS("pads", pads, 2 * count),
                                          ATTRIBUTE_INT("group", g.groups)};
    const value_id product = graph_add(graph, "", "Conv", inputs, 2, attributes, (int)COUNT_OF(attributes), 1);
    if (product == GRAPH_NONE)
        return lower_failed(&l);
    return lower_done(&l, graph_binary(graph, "Add", product, lower_per_channel(&l, bias, g.spatial + 2)));
}
