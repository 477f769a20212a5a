/* Gradients of movement: what was moved is moved back, what was repeated is summed, what was dropped gets zeros. */
#include "gradients.h"

#include "gradient_compose.h"

socle_status gradient_identity(graph_gradient *g)
{
    return g->output_gradients[0] != GRAPH_NONE ? compose_set(g, 0, g->output_gradients[0]) : SOCLE_OK;
}

socle_status gradient_cast(graph_gradient *g)
{
    const socle_dtype dtype = compose_dtype(g->graph, compose_input(g, 0));
    return compose_set(g, 0, compose_cast(g->graph, g->output_gradients[0], dtype));
}

socle_status gradient_reshape(graph_gradient *g)
{
    const graph_type type = compose_type(g->graph, compose_input(g, 0));
    return compose_set(g, 0, compose_reshape_as(g->graph, g->output_gradients[0], &type));
}

socle_status gradient_transpose(graph_gradient *g)
{
    int64_t permutation[SOCLE_MAX_RANK], inverse[SOCLE_MAX_RANK];
    const int rank = compose_type(g->graph, compose_input(g, 0)).rank;
    if (node_ints(&g->graph->nodes[g->node], "perm", permutation, SOCLE_MAX_RANK) != rank)
        for (int i = 0; i < rank; i++)
            permutation[i] = rank - 1 - i;
    for (int i = 0; i < rank; i++)
        inverse[permutation[i]] = i;
    return compose_set(g, 0, compose_transpose(g->graph, g->output_gradients[0], inverse));
}

socle_status gradient_concat(graph_gradient *g)
{
    const int count = g->graph->nodes[g->node].input_count;
    const int rank = compose_type(g->graph, compose_output(g, 0)).rank;
    const int axis = compose_axis(node_int(&g->graph->nodes[g->node], "axis", 0), rank);
    int64_t start = 0;
    for (int i = 0; i < count; i++) {
        const int64_t size = compose_type(g->graph, compose_input(g, i)).dims[axis];
        if (compose_wanted(g, i)) {
            socle_status status =
                compose_set(g, i, compose_slice(g->graph, g->output_gradients[0], axis, start, start + size, 1));
            if (status != SOCLE_OK)
                return status;
        }
        start += size;
    }
    return SOCLE_OK;
}

socle_status gradient_split(graph_gradient *g)
{
    socle_graph *graph = g->graph;
    const int count = graph->nodes[g->node].output_count;
    const int axis = compose_axis(node_int(&graph->nodes[g->node], "axis", 0), compose_type(graph, compose_input(g, 0)).rank);
    value_id *parts = memory_alloc_array((size_t)count, sizeof(*parts));
    value_id whole = GRAPH_NONE;
    bool complete = parts != NULL;
    for (int i = 0; i < count && complete; i++) {
        const graph_type type = compose_type(graph, compose_output(g, i));
        parts[i] = g->output_gradients[i] != GRAPH_NONE ? g->output_gradients[i] : compose_zeros(graph, &type);
        complete = parts[i] != GRAPH_NONE;
    }
    const socle_attribute along = ATTRIBUTE_INT("axis", axis);
    if (complete)
        whole = compose_node(graph, "", "Concat", parts, count, &along, 1);
    memory_free(parts);
    return compose_set(g, 0, whole);
}

/* ---- Slice ---- */

typedef struct cut {
    int axis;
    int64_t start, step; /* resolved: the first element taken, and the distance to the next */
} cut;

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Starts, axes and steps as ONNX defines them; false when they are not constant. */
static bool read_cuts(const graph_gradient *g, const graph_type *type, cut *cuts, int *count)
{
    int64_t starts[SOCLE_MAX_RANK], axes[SOCLE_MAX_RANK], steps[SOCLE_MAX_RANK];
    *count = graph_constant_int_values(g->graph, compose_input(g, 1), starts, SOCLE_MAX_RANK);
    const value_id axes_input = compose_input(g, 3), steps_input = compose_input(g, 4);
    for (int i = 0; i < *count; i++) {
        axes[i] = i;
        steps[i] = 1;
    }
    if (*count < 0 ||
        (axes_input != GRAPH_NONE && graph_constant_int_values(g->graph, axes_input, axes, SOCLE_MAX_RANK) != *count) ||
        (steps_input != GRAPH_NONE && graph_constant_int_values(g->graph, steps_input, steps, SOCLE_MAX_RANK) != *count))
        return false;
    for (int i = 0; i < *count; i++) {
        const int axis = compose_axis(axes[i], type->rank);
        const int64_t size = type->dims[axis], start = starts[i] < 0 ? starts[i] + size : starts[i];
        cuts[i] = (cut){axis, steps[i] > 0 ? clamp(start, 0, size) : clamp(start, -1, size - 1), steps[i]};
    }
    return true;
}

/* Puts step - 1 zeros behind each element along an axis: [.., n, ..] -> [.., n, 1, ..] -> [.., n, step, ..] -> [.., n * step,
 * ..]. */
static value_id spread(socle_graph *graph, value_id a, int axis, int64_t step)
{
    if (a == GRAPH_NONE || step == 1)
        return a;
    const graph_type type = compose_type(graph, a);
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < axis; i++)
        outer *= type.dims[i];
    for (int i = axis + 1; i < type.rank; i++)
        inner *= type.dims[i];
    graph_type result = type;
    result.dims[axis] *= step;
    const int64_t rows[] = {outer * type.dims[axis], 1, inner};
    return compose_reshape_as(graph, compose_pad(graph, compose_reshape(graph, a, 3, rows), 1, 0, step - 1), &result);
}

static value_id reverse(socle_graph *graph, value_id a, int axis)
{
    return compose_slice(graph, a, axis, -1, INT64_MIN, -1);
}

static value_id undo_cut(socle_graph *graph, value_id dy, const cut *c, int64_t size)
{
    const int64_t taken = compose_type(graph, dy).dims[c->axis], step = c->step > 0 ? c->step : -c->step;
    if (taken == 0)
        return compose_pad(graph, dy, c->axis, size, 0);
    const int64_t first = c->step > 0 ? c->start : c->start - (taken - 1) * step;
    const value_id ordered = c->step > 0 ? dy : reverse(graph, dy, c->axis);
    const value_id spaced = spread(graph, ordered, c->axis, step);
    const int64_t behind = size - first - taken * step; /* negative where the last element has zeros of its own too many */
    return compose_pad(graph, compose_pad(graph, spaced, c->axis, 0, behind), c->axis, first, 0);
}

socle_status gradient_slice(graph_gradient *g)
{
    const graph_type type = compose_type(g->graph, compose_input(g, 0));
    value_id dx = g->output_gradients[0];
    cut cuts[SOCLE_MAX_RANK];
    int count;
    if (!compose_wanted(g, 0))
        return SOCLE_OK;
    if (!read_cuts(g, &type, cuts, &count))
        return socle_fail(SOCLE_UNSUPPORTED, "%s: its ranges must be constant to be differentiated",
                          graph_node_label(g->graph, g->node));
    for (int i = 0; i < count && dx != GRAPH_NONE; i++)
        dx = undo_cut(g->graph, dx, &cuts[i], type.dims[cuts[i].axis]);
    return compose_set(g, 0, dx);
}

/* ---- Pad ---- */

typedef enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP } pad_mode;

static pad_mode read_mode(const graph_node *node)
{
    switch (node_string(node, "mode", "constant")[0]) {
    case 'r':
        return PAD_REFLECT;
    case 'e':
        return PAD_EDGE;
    case 'w':
        return PAD_WRAP;
    default:
        return PAD_CONSTANT;
    }
}

/* A border of `width` copies along an axis, back at the place where its elements came from; size: of the unpadded axis. */
static value_id fold_border(socle_graph *graph, value_id border, int axis, int64_t width, int64_t size, pad_mode mode, bool front)
{
    const int64_t along[] = {axis};
    if (mode == PAD_EDGE) {
        const value_id sum = compose_reduce(graph, "ReduceSum", border, along, 1, true);
        return front ? compose_pad(graph, sum, axis, 0, size - 1) : compose_pad(graph, sum, axis, size - 1, 0);
    }
    if (mode == PAD_WRAP)
        return front ? compose_pad(graph, border, axis, size - width, 0) : compose_pad(graph, border, axis, 0, size - width);
    const value_id mirrored = reverse(graph, border, axis);
    return front ? compose_pad(graph, mirrored, axis, 1, size - 1 - width)
                 : compose_pad(graph, mirrored, axis, size - 1 - width, 1);
}

static value_id undo_pad(socle_graph *graph, value_id dy, int axis, int64_t before, int64_t after, int64_t size, pad_mode mode)
{
    value_id dx = compose_pad(graph, dy, axis, -before, -after);
    if (mode == PAD_CONSTANT || dy == GRAPH_NONE)
        return dx;
    const int64_t end = compose_type(graph, dy).dims[axis];
    if (before > 0) {
        const value_id border = compose_slice(graph, dy, axis, 0, before, 1);
        dx = compose_binary(graph, "Add", dx, fold_border(graph, border, axis, before, size, mode, true));
    }
    if (after > 0) {
        const value_id border = compose_slice(graph, dy, axis, end - after, end, 1);
        dx = compose_binary(graph, "Add", dx, fold_border(graph, border, axis, after, size, mode, false));
    }
    return dx;
}

socle_status gradient_pad(graph_gradient *g)
{
    socle_graph *graph = g->graph;
    int64_t pads[2 * SOCLE_MAX_RANK], axes[SOCLE_MAX_RANK];
    const graph_type type = compose_type(graph, compose_input(g, 0));
    const value_id axes_input = compose_input(g, 3);
    const pad_mode mode = read_mode(&graph->nodes[g->node]);
    int count = type.rank;
    for (int i = 0; i < type.rank; i++)
        axes[i] = i;
    if (axes_input != GRAPH_NONE)
        count = graph_constant_int_values(graph, axes_input, axes, SOCLE_MAX_RANK);
    if (count < 0 || graph_constant_int_values(graph, compose_input(g, 1), pads, 2 * SOCLE_MAX_RANK) != 2 * count)
        return socle_fail(SOCLE_UNSUPPORTED, "%s: its pads must be constant to be differentiated",
                          graph_node_label(graph, g->node));
    if (compose_wanted(g, 2))
        return socle_fail(SOCLE_UNSUPPORTED, "%s: no gradient is known for the value that pads",
                          graph_node_label(graph, g->node));
    value_id dx = g->output_gradients[0];
    for (int i = 0; i < count; i++) {
        const int axis = compose_axis(axes[i], type.rank);
        dx = undo_pad(graph, dx, axis, pads[i], pads[count + i], type.dims[axis], mode);
    }
    return compose_set(g, 0, dx);
}

/* ---- Expand and Tile ---- */

socle_status gradient_expand(graph_gradient *g)
{
    const graph_type type = compose_type(g->graph, compose_input(g, 0));
    return compose_set(g, 0, graph_reduce_to(g->graph, g->output_gradients[0], &type));
}

/* Along each axis that is repeated: [outer][repeats][size * inner], summed over the repeats. */
socle_status gradient_tile(graph_gradient *g)
{
    const graph_type type = compose_type(g->graph, compose_input(g, 0));
    value_id dx = g->output_gradients[0];
    for (int axis = 0; axis < type.rank && dx != GRAPH_NONE; axis++) {
        graph_type now = compose_type(g->graph, dx);
        if (now.dims[axis] == type.dims[axis] || type.dims[axis] == 0)
            continue;
        int64_t outer = 1, inner = type.dims[axis];
        for (int i = 0; i < axis; i++)
            outer *= now.dims[i];
        for (int i = axis + 1; i < now.rank; i++)
            inner *= now.dims[i];
        const int64_t blocks[] = {outer, now.dims[axis] / type.dims[axis], inner}, repeats[] = {1};
        const value_id sum = compose_reduce(g->graph, "ReduceSum", compose_reshape(g->graph, dx, 3, blocks), repeats, 1, false);
        now.dims[axis] = type.dims[axis];
        dx = compose_reshape_as(g->graph, sum, &now);
    }
    return compose_set(g, 0, dx);
}
