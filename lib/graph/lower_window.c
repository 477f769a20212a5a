/* Lowering of global pooling to reductions, and of ConvTranspose to the gradient of a convolution. */
#include "lower.h"
#include "operators.h"

#include <string.h>

socle_status lower_global_pool(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id x = lower_input(&l, 0);
    const int rank = lower_type(&l, x)->rank;
    const bool maximum = strcmp(graph->nodes[node].op->name, "GlobalMaxPool") == 0;
    int64_t axes[SOCLE_MAX_RANK];
    if (rank < 0)
        return SOCLE_OK;
    if (rank == 2)
        return lower_done(&l, x);
    for (int d = 2; d < rank; d++)
        axes[d - 2] = d;
    return lower_done(&l, lower_reduce(&l, maximum ? "ReduceMax" : "ReduceMean", x, axes, rank - 2, true));
}

socle_status lower_conv_transpose(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id inputs[] = {lower_input(&l, 0), lower_input(&l, 1)}, bias = lower_input(&l, 2);
    const graph_type out = graph->values[graph->nodes[node].outputs[0]].type;
    conv_geometry g;
    int64_t pads[2 * 3];
    if (!graph_type_known(&out) || !graph_type_known(lower_type(&l, inputs[0])) || !graph_type_known(lower_type(&l, inputs[1])))
        return SOCLE_OK;
    socle_status status = graph_conv_geometry(graph, &graph->nodes[node], &g);
    if (status != SOCLE_OK)
        return status;
    for (int d = 0; d < g.spatial; d++) {
        pads[d] = g.pad_begin[d];
        pads[g.spatial + d] = g.pad_end[d];
    }
    const size_t count = (size_t)g.spatial;
    const socle_attribute attributes[] = {ATTRIBUTE_INTS("kernel_shape", g.kernel, count),
                                          ATTRIBUTE_INTS("strides", g.stride, count),
                                          ATTRIBUTE_INTS("dilations", g.dilation, count),
                                          ATTRIBUTE_INTS("pads", pads, 2 * count),
                                          ATTRIBUTE_INT("group", g.groups),
                                          ATTRIBUTE_INTS("input_shape", out.dims, (size_t)out.rank)};
    value_id y = graph_add(graph, "socle", "ConvGradInput", inputs, 2, attributes, (int)COUNT_OF(attributes), 1);
    if (bias != GRAPH_NONE)
        y = graph_binary(graph, "Add", y, lower_per_channel(&l, bias, out.rank));
    return lower_done(&l, y);
}
