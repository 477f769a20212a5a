/* Nodes that change nothing, or that two in a row do at once: casts to the same type, slices of everything, transposes back and
 * forth, reshapes of reshapes, products with one, sums with nothing. Differentiation and exporters leave many. */
#include "build.h"
#include "fold.h"

#include <math.h>
#include <string.h>

static bool same_type(const graph_type *a, const graph_type *b)
{
    return graph_type_known(a) && graph_type_known(b) && a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->dims, b->dims, (size_t)a->rank * sizeof(a->dims[0])) == 0;
}

static bool named(const graph_node *node, const char *name)
{
    return node != NULL && strcmp(node->op->name, name) == 0 && node->op->domain[0] == 0;
}

static const graph_node *producer_of(const socle_graph *graph, value_id value)
{
    if (value == GRAPH_NONE || graph->values[value].kind != VALUE_NODE || graph->values[value].producer == GRAPH_NONE)
        return NULL;
    return &graph->nodes[graph->values[value].producer];
}

/* Every element of the constant is `number`: looked at for small ones only. */
static bool constant_is(const socle_graph *graph, value_id value, double number)
{
    const graph_value *v = value == GRAPH_NONE ? NULL : &graph->values[value];
    double element;
    if (v == NULL || v->kind != VALUE_CONSTANT || v->trainable || graph_type_count(&v->type) != 1)
        return false;
    elements_read_real(v->type.dtype, v->data, 0, 1, &element);
    return element == number && !(signbit(element) && element == 0);
}

/* ---- one rule per idea: the value that the node's output is, or GRAPH_NONE ---- */

/* Where the output has the input's very type, these move nothing. */
static value_id unchanged(const socle_graph *graph, const graph_node *node)
{
    static const char *const movers[] = {"Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile", "Concat"};
    const graph_type *in = &graph->values[node->inputs[0]].type, *out = &graph->values[node->outputs[0]].type;
    if (!same_type(in, out))
        return GRAPH_NONE;
    for (size_t i = 0; i < COUNT_OF(movers); i++)
        if (named(node, movers[i]))
            return node->inputs[0];
    return GRAPH_NONE;
}

/* Slice of the same size with step 1; Pad by nothing. */
static value_id whole(const socle_graph *graph, const graph_node *node)
{
    int64_t numbers[2 * SOCLE_MAX_RANK];
    if (!same_type(&graph->values[node->inputs[0]].type, &graph->values[node->outputs[0]].type))
        return GRAPH_NONE;
    int count = 0;
    if (named(node, "Pad")) {
        count = graph_constant_int_values(graph, node->inputs[1], numbers, 2 * SOCLE_MAX_RANK);
        for (int i = 0; i < count; i++)
            if (numbers[i] != 0)
                return GRAPH_NONE;
    } else if (named(node, "Slice")) {
        if (node->input_count > 4 && node->inputs[4] != GRAPH_NONE)
            count = graph_constant_int_values(graph, node->inputs[4], numbers, SOCLE_MAX_RANK);
        for (int i = 0; i < count; i++)
            if (numbers[i] < 0)
                return GRAPH_NONE;
    } else {
        return GRAPH_NONE;
    }
    return count < 0 ? GRAPH_NONE : node->inputs[0];
}

static bool permutation(const graph_node *node, int rank, int64_t *perm)
{
    const int given = node_ints(node, "perm", perm, SOCLE_MAX_RANK);
    for (int d = 0; d < rank; d++) {
        if (given < 0)
            perm[d] = rank - 1 - d;
        else if (perm[d] < 0)
            perm[d] += rank;
    }
    return given < 0 || given == rank;
}

/* Transpose that keeps the order, or undoes the one in front of it. */
static value_id transposed_back(const socle_graph *graph, const graph_node *node)
{
    int64_t outer[SOCLE_MAX_RANK], inner[SOCLE_MAX_RANK];
    const int rank = graph->values[node->inputs[0]].type.rank;
    if (!named(node, "Transpose") || rank < 0 || !permutation(node, rank, outer))
        return GRAPH_NONE;
    const graph_node *before = producer_of(graph, node->inputs[0]);
    bool idle = true, undone = named(before, "Transpose") && permutation(before, rank, inner);
    for (int d = 0; d < rank; d++) {
        idle = idle && outer[d] == d;
        undone = undone && inner[outer[d]] == d;
    }
    return idle ? node->inputs[0] : (undone ? before->inputs[0] : GRAPH_NONE);
}

/* x * 1, x / 1, x + 0, x - 0, where the other operand does not widen x. x + 0 turns -0 into +0, which no comparison tells apart.
 */
static value_id neutral(const socle_graph *graph, const graph_node *node)
{
    static const struct {
        const char *op;
        double number;
        bool both; /* also as the first operand */
    } rules[] = {{"Mul", 1, true}, {"Div", 1, false}, {"Add", 0, true}, {"Sub", 0, false}};
    const graph_type *out = &graph->values[node->outputs[0]].type;
    for (size_t r = 0; r < COUNT_OF(rules); r++) {
        if (!named(node, rules[r].op))
            continue;
        if (constant_is(graph, node->inputs[1], rules[r].number) && same_type(&graph->values[node->inputs[0]].type, out))
            return node->inputs[0];
        if (rules[r].both && constant_is(graph, node->inputs[0], rules[r].number) &&
            same_type(&graph->values[node->inputs[1]].type, out))
            return node->inputs[1];
    }
    return GRAPH_NONE;
}

static bool looks_again(const graph_node *node)
{
    return named(node, "Reshape") || named(node, "Flatten") || named(node, "Squeeze") || named(node, "Unsqueeze");
}

/* A reshape of a reshape reads the first one's input; back to the first shape, it is that input. */
static value_id reshaped_twice(const socle_graph *graph, graph_node *node)
{
    if (!looks_again(node))
        return GRAPH_NONE;
    const graph_node *before = producer_of(graph, node->inputs[0]);
    if (before == NULL || !looks_again(before))
        return GRAPH_NONE;
    const graph_type *out = &graph->values[node->outputs[0]].type;
    if (same_type(&graph->values[before->inputs[0]].type, out))
        return before->inputs[0];
    if (named(node, "Reshape") && graph_type_known(out) && graph_is_constant(graph, node->inputs[1])) {
        int64_t dims[SOCLE_MAX_RANK];
        const int rank = graph_constant_int_values(graph, node->inputs[1], dims, SOCLE_MAX_RANK);
        bool plain = rank >= 0; /* 0 and -1 speak of the input that would be replaced */
        for (int d = 0; d < rank; d++)
            plain = plain && dims[d] > 0;
        if (plain)
            node->inputs[0] = before->inputs[0];
    }
    return GRAPH_NONE;
}

static value_id replacement(const socle_graph *graph, graph_node *node)
{
    value_id value = unchanged(graph, node);
    if (value == GRAPH_NONE)
        value = whole(graph, node);
    if (value == GRAPH_NONE)
        value = transposed_back(graph, node);
    if (value == GRAPH_NONE)
        value = neutral(graph, node);
    return value == GRAPH_NONE ? reshaped_twice(graph, node) : value;
}

socle_status graph_remove_idle(socle_graph *graph)
{
    forwarding forward;
    if (!forwarding_start(&forward, graph))
        return SOCLE_OUT_OF_MEMORY;
    for (node_id n = 0; n < graph->node_count; n++) {
        graph_node *node = &graph->nodes[n];
        if (node->op == NULL)
            continue;
        forwarding_apply_node(&forward, node);
        if (node->op->domain[0] != 0 || node->input_count == 0 || node->output_count != 1 || node->inputs[0] == GRAPH_NONE)
            continue;
        const value_id value = replacement(graph, node);
        if (value == GRAPH_NONE)
            continue;
        forwarding_set(&forward, node->outputs[0], value);
        graph_remove_node(graph, n);
    }
    forwarding_finish(&forward, graph);
    return graph_sort(graph);
}
