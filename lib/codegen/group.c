/* Groups: which nodes may stand in one kernel. Whether they do well together is found out by writing the kernel, without vectors,
 * and looking at it: so the rules are the writer's own. */
#include "group.h"

#include <string.h>

#define RECOMPUTED_MAX 6

/* ---- single nodes ---- */

static bool type_fits(const socle_graph *graph, value_id value)
{
    const graph_type *type = &graph->values[value].type;
    return graph_type_known(type) && type->dtype != SOCLE_NONE;
}

bool codegen_fusable(const socle_graph *graph, node_id node)
{
    const graph_node *n = &graph->nodes[node];
    reduction_shape shape;
    if (n->op == NULL || n->input_count < 1 || n->inputs[0] == GRAPH_NONE)
        return false;
    for (int i = 0; i < n->input_count; i++)
        if (n->inputs[i] != GRAPH_NONE && !type_fits(graph, n->inputs[i]))
            return false;
    for (int i = 0; i < n->output_count; i++)
        if (n->outputs[i] != GRAPH_NONE && !type_fits(graph, n->outputs[i]))
            return false;
    switch (n->op->kind) {
    case OPERATOR_POINTWISE:
        return expression_complete(n);
    case OPERATOR_MOVEMENT:
        return movement_known(graph, n);
    case OPERATOR_REDUCTION:
        return n->op->reduce_combine != NULL && reduction_shape_of(graph, n, &shape);
    default:
        return false;
    }
}

static bool same_dims(const graph_type *a, const graph_type *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof(a->dims[0])) == 0;
}

/* Dimensions of more than one element in their old order. */
static bool keeps_order(const graph_node *node, const graph_type *in)
{
    int64_t perm[SOCLE_MAX_RANK], last = -1;
    int count = node_ints(node, "perm", perm, SOCLE_MAX_RANK);
    if (count < 0)
        for (count = 0; count < in->rank; count++)
            perm[count] = in->rank - 1 - count;
    for (int i = 0; i < count; i++) {
        if (in->dims[perm[i]] == 1)
            continue;
        if (perm[i] < last)
            return false;
        last = perm[i];
    }
    return true;
}

static bool has_negative_step(const socle_graph *graph, const graph_node *node)
{
    int64_t steps[SOCLE_MAX_RANK];
    const int count = node->input_count > 4 && node->inputs[4] != GRAPH_NONE
                          ? graph_constant_int_values(graph, node->inputs[4], steps, SOCLE_MAX_RANK)
                          : 0;
    for (int i = 0; i < count; i++)
        if (steps[i] < 0)
            return true;
    return false;
}

bool codegen_is_view(const socle_graph *graph, node_id node)
{
    static const char *const always[] = {"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast", "Expand", "Tile"};
    const graph_node *n = &graph->nodes[node];
    if (n->op == NULL || n->output_count != 1 || n->input_count < 1 || n->inputs[0] == GRAPH_NONE)
        return false;
    const graph_type *in = &graph->values[n->inputs[0]].type, *out = &graph->values[n->outputs[0]].type;
    if (!graph_type_known(in) || !graph_type_known(out) || in->dtype != out->dtype ||
        graph_type_count(in) != graph_type_count(out))
        return false;
    for (size_t i = 0; i < COUNT_OF(always); i++)
        if (strcmp(n->op->name, always[i]) == 0)
            return true;
    if (strcmp(n->op->name, "Transpose") == 0)
        return keeps_order(n, in);
    if (strcmp(n->op->name, "Slice") == 0)
        return movement_known(graph, n) && same_dims(in, out) && !has_negative_step(graph, n);
    if (strcmp(n->op->name, "Split") == 0 || strcmp(n->op->name, "Concat") == 0)
        return same_dims(in, out);
    return false;
}

/* ---- members ---- */

static int place_of(const codegen_group *group, node_id node)
{
    int at = 0;
    while (at < group->node_count && group->nodes[at] < node)
        at++;
    return at;
}

static bool contains(const codegen_group *group, node_id node)
{
    const int at = place_of(group, node);
    return at < group->node_count && group->nodes[at] == node;
}

socle_status codegen_group_add(codegen_group *group, node_id node)
{
    if (!ARRAY_RESERVE(group->nodes, group->node_count, group->node_capacity))
        return SOCLE_OUT_OF_MEMORY;
    const int at = place_of(group, node);
    memmove(&group->nodes[at + 1], &group->nodes[at], (size_t)(group->node_count - at) * sizeof(group->nodes[0]));
    group->nodes[at] = node;
    group->node_count++;
    return SOCLE_OK;
}

void codegen_group_free(codegen_group *group)
{
    memory_free(group->nodes);
    memory_free(group->outputs);
    *group = (codegen_group){.graph = group->graph, .uses = group->uses};
}

static int uses_inside(const codegen_group *group, value_id value)
{
    int count = 0;
    for (int i = 0; i < group->node_count; i++) {
        const graph_node *node = &group->graph->nodes[group->nodes[i]];
        for (int k = 0; k < node->input_count; k++)
            count += node->inputs[k] == value;
    }
    return count;
}

int group_outputs(const codegen_group *group, value_id *out, int capacity)
{
    int *counted = NULL, count = 0;
    const int *uses = group->uses;
    if (uses == NULL) {
        if (graph_count_uses(group->graph, &counted) != SOCLE_OK)
            return -1;
        uses = counted;
    }
    for (int i = 0; i < group->node_count && count >= 0; i++) {
        const graph_node *node = &group->graph->nodes[group->nodes[i]];
        for (int k = 0; k < node->output_count && count >= 0; k++) {
            const value_id value = node->outputs[k];
            if (value == GRAPH_NONE || uses[value] <= uses_inside(group, value))
                continue;
            if (count < capacity)
                out[count++] = value;
            else
                count = -1;
        }
    }
    memory_free(counted);
    return count;
}

socle_status codegen_group_finish(codegen_group *group)
{
    int most = 0;
    for (int i = 0; i < group->node_count; i++)
        most += group->graph->nodes[group->nodes[i]].output_count;
    memory_free(group->outputs);
    group->output_count = 0;
    group->outputs = memory_alloc_array((size_t)most, sizeof(*group->outputs));
    if (group->outputs == NULL)
        return SOCLE_OUT_OF_MEMORY;
    const int count = group_outputs(group, group->outputs, most);
    if (count < 0)
        return SOCLE_OUT_OF_MEMORY;
    group->output_count = count;
    return SOCLE_OK;
}

/* ---- what a kernel for some outputs needs ---- */

/* The reductions that `value` is made from inside of the group, not looking behind them. */
static bool find_reductions(const codegen_group *group, value_id value, bool *seen, node_id *reductions, int *count)
{
    const graph_value *v = &group->graph->values[value];
    if (v->kind != VALUE_NODE || !contains(group, v->producer) || seen[place_of(group, v->producer)])
        return true;
    seen[place_of(group, v->producer)] = true;
    const graph_node *node = &group->graph->nodes[v->producer];
    if (node->op->kind == OPERATOR_REDUCTION) {
        if (*count == REDUCTIONS_MAX)
            return false;
        reductions[(*count)++] = v->producer;
        return true;
    }
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != GRAPH_NONE && !find_reductions(group, node->inputs[i], seen, reductions, count))
            return false;
    return true;
}

static bool needs_wide_index(const codegen_group *group, int64_t space)
{
    const int64_t most = INT32_MAX - (1 << 20); /* rounding up must not overflow either */
    if (space > most)
        return true;
    for (int i = 0; i < group->node_count; i++) {
        const graph_node *node = &group->graph->nodes[group->nodes[i]];
        for (int k = 0; k < node->input_count; k++)
            if (node->inputs[k] != GRAPH_NONE && graph_type_count(&group->graph->values[node->inputs[k]].type) > most)
                return true;
        for (int k = 0; k < node->output_count; k++)
            if (node->outputs[k] != GRAPH_NONE && graph_type_count(&group->graph->values[node->outputs[k]].type) > most)
                return true;
    }
    return false;
}

bool group_writer(const codegen_group *group, const value_id *outputs, int output_count, writer *w, node_id *reductions,
                  int *reduction_count)
{
    const socle_graph *graph = group->graph;
    bool seen[GROUP_MAX_NODES] = {false};
    reduction_shape shape = {0};
    *reduction_count = 0;
    writer_init(w, group, outputs, output_count);
    w->output_elements = graph_type_count(&graph->values[outputs[0]].type);
    if (group->node_count > GROUP_MAX_NODES)
        return false;
    for (int i = 0; i < output_count; i++)
        if (graph_type_count(&graph->values[outputs[i]].type) != w->output_elements ||
            !find_reductions(group, outputs[i], seen, reductions, reduction_count))
            return false;
    for (int i = 0; i < *reduction_count; i++) {
        const graph_node *node = &graph->nodes[reductions[i]];
        if (!reductions_agree(graph, &graph->nodes[reductions[0]], node) || !reduction_shape_of(graph, node, &shape) ||
            shape.kept != w->output_elements)
            return false;
    }
    w->reduces = *reduction_count > 0;
    w->reduced_elements = w->reduces ? shape.reduced : 1;
    w->wide_index = needs_wide_index(group, w->output_elements * w->reduced_elements);
    if (w->output_elements > 1)
        w->extents[w->digit_count++] = w->output_elements;
    w->kept_count = w->digit_count;
    if (w->reduced_elements > 1)
        w->extents[w->digit_count++] = w->reduced_elements;
    return true;
}

bool group_try(writer *w, const node_id *reductions, int reduction_count)
{
    accumulator accumulators[REDUCTIONS_MAX];
    w->quiet = true;
    for (int i = 0; i < reduction_count; i++)
        accumulators[i] = accumulator_of(w, reductions[i]);
    return reduction_settle(w, accumulators, reduction_count);
}

/* ---- joining ---- */

static bool touches_empty(const socle_graph *graph, const graph_node *node)
{
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != GRAPH_NONE && !graph_is_constant(graph, node->inputs[i]) &&
            graph_type_count(&graph->values[node->inputs[i]].type) == 0)
            return true;
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != GRAPH_NONE && graph_type_count(&graph->values[node->outputs[i]].type) == 0)
            return true;
    return false;
}

/* All outputs in one kernel, with all their inputs, and little computed more than once. */
static bool is_good_kernel(const codegen_group *group)
{
    value_id outputs[GROUP_MAX_ARGUMENTS];
    node_id reductions[REDUCTIONS_MAX];
    int reduction_count;
    writer w;
    const int count = group_outputs(group, outputs, GROUP_MAX_ARGUMENTS - 1);
    if (count <= 0)
        return false;
    const bool good = group_writer(group, outputs, count, &w, reductions, &reduction_count) &&
                      group_try(&w, reductions, reduction_count) && w.input_count + count <= GROUP_MAX_ARGUMENTS &&
                      w.evaluations <= 2 * group->node_count + 8 && w.recomputed <= RECOMPUTED_MAX;
    writer_finish(&w);
    return good;
}

bool codegen_can_join(const codegen_group *group, node_id node)
{
    const socle_graph *graph = group->graph;
    node_id nodes[GROUP_MAX_NODES];
    if (!codegen_fusable(graph, node) || group->node_count + 1 > GROUP_MAX_NODES || contains(group, node) ||
        touches_empty(graph, &graph->nodes[node]))
        return false;
    if (group->node_count > 0 && touches_empty(graph, &graph->nodes[group->nodes[0]]))
        return false;
    const int at = place_of(group, node);
    memcpy(nodes, group->nodes, (size_t)at * sizeof(nodes[0]));
    nodes[at] = node;
    memcpy(nodes + at + 1, group->nodes + at, (size_t)(group->node_count - at) * sizeof(nodes[0]));
    const codegen_group joined = {.graph = graph, .uses = group->uses, .nodes = nodes, .node_count = group->node_count + 1};
    return is_good_kernel(&joined);
}

bool codegen_in_place_ok(const codegen_group *group, value_id input, value_id output)
{
    const graph_type *in = &group->graph->values[input].type, *out = &group->graph->values[output].type;
    value_id outputs[GROUP_MAX_ARGUMENTS];
    node_id reductions[REDUCTIONS_MAX];
    int reduction_count;
    writer w;
    const int count = group_outputs(group, outputs, GROUP_MAX_ARGUMENTS - 1);
    if (count <= 0 || socle_dtype_size_bytes(in->dtype) != socle_dtype_size_bytes(out->dtype) ||
        graph_type_count(in) != graph_type_count(out))
        return false;
    const bool one_kernel = group_writer(group, outputs, count, &w, reductions, &reduction_count);
    w.watched = input;
    const bool ok = one_kernel && group_try(&w, reductions, reduction_count) && !w.watched_elsewhere &&
                    w.input_count + count <= GROUP_MAX_ARGUMENTS;
    writer_finish(&w);
    return ok;
}
