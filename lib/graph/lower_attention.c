/* Lowering of ONNX's Attention to ScaledAttention: the past is put in front of keys and values, the scale is worked out. And of
 * ONNX Runtime's name for RMS normalization. */
#include "lower.h"
#include "operators.h"

#include <math.h>

/* Keys or values as [batch, heads, length, size], those of the past in front. */
static value_id with_past(const lowering *l, int input, int past_input)
{
    socle_graph *graph = l->graph;
    value_id x = lower_input(l, input);
    const graph_type type = *lower_type(l, x);
    const value_id past = lower_input(l, past_input);
    if (type.rank == 3) {
        const int64_t count = node_int(&graph->nodes[l->node], "kv_num_heads", 1), order[] = {0, 2, 1, 3};
        const int64_t dims[] = {type.dims[0], type.dims[1], count, type.dims[2] / count};
        x = lower_reshape(l, x, dims, 4);
        x = x == GRAPH_NONE ? x : lower_transpose(l, x, order, 4);
    }
    if (past == GRAPH_NONE || x == GRAPH_NONE)
        return x;
    const socle_attribute axis = ATTRIBUTE_INT("axis", 2);
    return graph_add(graph, "", "Concat", (value_id[]){past, x}, 2, &axis, 1, 1);
}

static bool has_output(const graph_node *node, int output)
{
    return output < node->output_count && node->outputs[output] != GRAPH_NONE;
}

socle_status lower_attention(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const graph_node *n = &graph->nodes[node];
    const value_id q = lower_input(&l, 0), past = lower_input(&l, 4);
    const bool present[] = {has_output(n, 1), has_output(n, 2)};
    int64_t heads_q = node_int(n, "q_num_heads", 0), heads_kv = node_int(n, "kv_num_heads", 0), offset = 0;
    for (int i = 0; i < 6; i++)
        if (lower_input(&l, i) != GRAPH_NONE && !graph_type_known(lower_type(&l, lower_input(&l, i))))
            return SOCLE_OK;
    const graph_type type = *lower_type(&l, q);
    const int64_t size = type.rank == 4 ? type.dims[3] : type.dims[2] / heads_q;
    double scale = node_float(n, "scale", 0);
    if (node_attribute(n, "scale") == NULL)
        scale = size > 0 ? 1 / sqrt((double)size) : 1;
    if (past != GRAPH_NONE)
        offset = lower_type(&l, past)->dims[2];
    const socle_attribute attributes[] = {ATTRIBUTE_INT("q_num_heads", heads_q),
                                          ATTRIBUTE_INT("kv_num_heads", heads_kv),
                                          ATTRIBUTE_FLOAT("scale", scale),
                                          ATTRIBUTE_FLOAT("softcap", node_float(n, "softcap", 0)),
                                          ATTRIBUTE_INT("is_causal", node_int(n, "is_causal", 0)),
                                          ATTRIBUTE_INT("offset", offset)};
    value_id operands[4] = {q, lower_input(&l, 1), lower_input(&l, 2), lower_input(&l, 3)};
    for (int i = 0; i < 2; i++) {
        if (past == GRAPH_NONE && !present[i])
            continue;
        operands[1 + i] = with_past(&l, 1 + i, 4 + i);
        if (operands[1 + i] == GRAPH_NONE)
            return lower_failed(&l);
    }
    if (operands[3] != GRAPH_NONE && lower_type(&l, operands[3])->dtype != SOCLE_BOOL)
        operands[3] = lower_cast(&l, operands[3], type.dtype);
    const value_id y = graph_add(graph, "socle", "ScaledAttention", operands, lower_input(&l, 3) == GRAPH_NONE ? 3 : 4,
                                 attributes, (int)COUNT_OF(attributes), 1);
    if (y == GRAPH_NONE)
        return lower_failed(&l);
    for (int i = 0; i < 2; i++)
        if (present[i])
            lower_output(graph, node, 1 + i, operands[1 + i], l.first_new);
    return lower_done(&l, y);
}

socle_status lower_simplified_layer_normalization(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const graph_node *n = &graph->nodes[node];
    const socle_attribute attributes[] = {ATTRIBUTE_INT("axis", node_int(n, "axis", -1)),
                                          ATTRIBUTE_FLOAT("epsilon", node_float(n, "epsilon", 1e-5))};
    const value_id operands[] = {lower_input(&l, 0), lower_input(&l, 1)};
    return lower_done(&l, graph_add(graph, "", "RMSNormalization", operands, 2, attributes, 2, 1));
}
