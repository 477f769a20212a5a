/* What a reduction node reduces: which elements of its input belong to one of its output. */
#include "writer.h"

static bool reduced_axes(const socle_graph *graph, const graph_node *node, bool *reduced)
{
    const int rank = graph->values[node->inputs[0]].type.rank;
    int64_t axes[SOCLE_MAX_RANK];
    int count = 0;
    if (node->input_count > 1 && node->inputs[1] != GRAPH_NONE) {
        count = graph_constant_int_values(graph, node->inputs[1], axes, SOCLE_MAX_RANK);
        if (count < 0)
            return false;
    } else {
        count = node_ints(node, "axes", axes, SOCLE_MAX_RANK);
    }
    const bool all = count <= 0 && node_int(node, "noop_with_empty_axes", 0) == 0;
    for (int i = 0; i < rank; i++)
        reduced[i] = all;
    for (int i = 0; i < count; i++)
        reduced[axes[i] < 0 ? axes[i] + rank : axes[i]] = true;
    return true;
}

bool reduction_shape_of(const socle_graph *graph, const graph_node *node, reduction_shape *shape)
{
    bool reduced[SOCLE_MAX_RANK];
    const graph_type *in = &graph->values[node->inputs[0]].type;
    if (!reduced_axes(graph, node, reduced))
        return false;
    *shape = (reduction_shape){1, 1};
    for (int i = 0; i < in->rank; i++)
        *(reduced[i] ? &shape->reduced : &shape->kept) *= in->dims[i];
    return true;
}

bool reductions_agree(const socle_graph *graph, const graph_node *a, const graph_node *b)
{
    bool of_a[SOCLE_MAX_RANK], of_b[SOCLE_MAX_RANK];
    const graph_type *in_a = &graph->values[a->inputs[0]].type, *in_b = &graph->values[b->inputs[0]].type;
    if (in_a->rank != in_b->rank || !reduced_axes(graph, a, of_a) || !reduced_axes(graph, b, of_b))
        return false;
    for (int i = 0; i < in_a->rank; i++)
        if (in_a->dims[i] != in_b->dims[i] || of_a[i] != of_b[i])
            return false;
    return true;
}

bool reduction_input_index(writer *w, const graph_node *node, const linear *kept, const linear *reduced, linear *index)
{
    const graph_type *in = &w->graph->values[node->inputs[0]].type;
    bool is_reduced[SOCLE_MAX_RANK], run_reduced[SOCLE_MAX_RANK];
    int64_t runs[SOCLE_MAX_RANK], of_kept[SOCLE_MAX_RANK], of_reduced[SOCLE_MAX_RANK];
    linear kept_coordinates[SOCLE_MAX_RANK], reduced_coordinates[SOCLE_MAX_RANK], coordinates[SOCLE_MAX_RANK];
    int count = 0, kept_count = 0, reduced_count = 0;
    if (!reduced_axes(w->graph, node, is_reduced)) {
        w->failed = true;
        return false;
    }
    for (int i = 0; i < in->rank; i++) {
        if (in->dims[i] == 1)
            continue;
        if (count > 0 && run_reduced[count - 1] == is_reduced[i]) {
            runs[count - 1] *= in->dims[i];
        } else {
            runs[count] = in->dims[i];
            run_reduced[count++] = is_reduced[i];
        }
    }
    for (int i = 0; i < count; i++)
        if (run_reduced[i])
            of_reduced[reduced_count++] = runs[i];
        else
            of_kept[kept_count++] = runs[i];
    if (!index_coordinates(w, kept, kept_count, of_kept, kept_coordinates) ||
        !index_coordinates(w, reduced, reduced_count, of_reduced, reduced_coordinates))
        return false;
    kept_count = reduced_count = 0;
    for (int i = 0; i < count; i++)
        coordinates[i] = run_reduced[i] ? reduced_coordinates[reduced_count++] : kept_coordinates[kept_count++];
    return index_recombine(w, count, runs, coordinates, index);
}
