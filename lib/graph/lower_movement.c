/* Lowering to movement operators: DepthToSpace, SpaceToDepth, Trilu, large ConstantOfShape. */
#include "fold.h"
#include "lower.h"
#include "operators.h"

#include <string.h>

socle_status lower_depth_to_space(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id x = lower_input(&l, 0);
    if (!graph_type_known(lower_type(&l, x)))
        return SOCLE_OK;
    const graph_type in = *lower_type(&l, x);
    const int64_t b = node_int(&graph->nodes[node], "blocksize", 1), c = in.dims[1] / (b * b), h = in.dims[2], w = in.dims[3];
    const bool columns_first = strcmp(node_string(&graph->nodes[node], "mode", "DCR"), "CRD") == 0;
    const int64_t depth_first[] = {in.dims[0], b, b, c, h, w}, depth_last[] = {in.dims[0], c, b, b, h, w};
    const int64_t perm_first[] = {0, 3, 4, 1, 5, 2}, perm_last[] = {0, 1, 4, 2, 5, 3};
    const int64_t result[] = {in.dims[0], c, h * b, w * b};
    const value_id split = lower_reshape(&l, x, columns_first ? depth_last : depth_first, 6);
    const value_id moved = lower_transpose(&l, split, columns_first ? perm_last : perm_first, 6);
    return lower_done(&l, lower_reshape(&l, moved, result, 4));
}

socle_status lower_space_to_depth(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id x = lower_input(&l, 0);
    if (!graph_type_known(lower_type(&l, x)))
        return SOCLE_OK;
    const graph_type in = *lower_type(&l, x);
    const int64_t b = node_int(&graph->nodes[node], "blocksize", 1), c = in.dims[1], h = in.dims[2] / b, w = in.dims[3] / b;
    const int64_t blocks[] = {in.dims[0], c, h, b, w, b}, perm[] = {0, 3, 5, 1, 2, 4}, result[] = {in.dims[0], c * b * b, h, w};
    const value_id moved = lower_transpose(&l, lower_reshape(&l, x, blocks, 6), perm, 6);
    return lower_done(&l, lower_reshape(&l, moved, result, 4));
}

/* x where the mask is, else zero; the mask of one matrix broadcasts over the batch. */
socle_status lower_trilu(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id x = lower_input(&l, 0), diagonal = lower_input(&l, 1);
    const bool upper = node_int(&graph->nodes[node], "upper", 1) != 0;
    const graph_type in = *lower_type(&l, x);
    int64_t k = 0, count;
    if (in.rank < 2 || in.dims[in.rank - 2] < 0 || in.dims[in.rank - 1] < 0)
        return SOCLE_OK;
    if (diagonal != GRAPH_NONE && graph_constant_int_values(graph, diagonal, &k, 1) != 1)
        return SOCLE_OK;
    const int64_t rows = in.dims[in.rank - 2], columns = in.dims[in.rank - 1];
    if (!multiply_fits(rows, columns, &count))
        return SOCLE_OK;
    uint8_t *mask = memory_alloc((size_t)count);
    if (mask == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            mask[r * columns + c] = upper ? c - r >= k : c - r <= k;
    const graph_type type = {SOCLE_BOOL, 2, {rows, columns}};
    const value_id chosen = graph_add_constant(graph, NULL, &type, mask, true);
    memory_free(mask);
    const value_id operands[] = {chosen, x, lower_scalar(&l, x, 0)};
    return lower_done(&l, graph_add(graph, "", "Where", operands, 3, NULL, 0, 1));
}

/* What folding found too large to make on the host is a scalar expanded on the device. */
socle_status lower_constant_of_shape(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const graph_type out = graph->values[graph->nodes[node].outputs[0]].type;
    const graph_attribute *value = node_attribute(&graph->nodes[node], "value");
    const graph_type scalar = {out.dtype, 0, {0}};
    const float zero = 0;
    if (!graph_type_known(&out) || graph_type_count(&out) < FOLD_GROWTH_LIMIT)
        return SOCLE_OK;
    const value_id element =
        graph_add_constant(graph, NULL, &scalar, value != NULL ? value->tensor.data : (const void *)&zero, true);
    return lower_done(&l, graph_binary(graph, "Expand", element, graph_constant_ints(graph, out.dims, out.rank)));
}
