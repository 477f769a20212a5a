/* What every rewriting pass needs: replacing values, order, and dropping what nobody uses. */
#include "build.h"

#include <string.h>

/* ---- forwarding ---- */

bool forwarding_start(forwarding *f, const socle_graph *graph)
{
    f->count = graph->value_count;
    f->to = memory_alloc_array((size_t)f->count, sizeof(*f->to));
    for (int v = 0; f->to != NULL && v < f->count; v++)
        f->to[v] = GRAPH_NONE;
    return f->to != NULL;
}

/* Values made after the start are never replaced. */
void forwarding_set(forwarding *f, value_id from, value_id to)
{
    if (from < f->count && from != to)
        f->to[from] = to;
}

value_id forwarding_get(const forwarding *f, value_id value)
{
    while (value != GRAPH_NONE && value < f->count && f->to[value] != GRAPH_NONE)
        value = f->to[value];
    return value;
}

void forwarding_apply_node(const forwarding *f, graph_node *node)
{
    for (int i = 0; i < node->input_count; i++)
        node->inputs[i] = forwarding_get(f, node->inputs[i]);
}

void forwarding_finish(forwarding *f, socle_graph *graph)
{
    for (int i = 0; i < graph->output_count; i++)
        graph->outputs[i] = forwarding_get(f, graph->outputs[i]);
    for (int i = 0; i < graph->update_count; i++)
        graph->updates[i].value = forwarding_get(f, graph->updates[i].value);
    memory_free(f->to);
    *f = (forwarding){0};
}

void graph_replace_value(socle_graph *graph, value_id from, value_id to)
{
    for (int n = 0; n < graph->node_count; n++)
        for (int i = 0; i < graph->nodes[n].input_count; i++)
            if (graph->nodes[n].inputs[i] == from)
                graph->nodes[n].inputs[i] = to;
    for (int i = 0; i < graph->output_count; i++)
        if (graph->outputs[i] == from)
            graph->outputs[i] = to;
    for (int i = 0; i < graph->update_count; i++)
        if (graph->updates[i].value == from)
            graph->updates[i].value = to;
}

/* ---- order ---- */

typedef struct sorting {
    const socle_graph *graph;
    int *order; /* nodes in their new order */
    int sorted;
    uint8_t *state;  /* 0: not seen, 1: on the stack, 2: placed */
    int *stack;      /* nodes being visited */
    int *next_input; /* of each node on the stack */
} sorting;

/* The node that makes the input and is not placed yet; GRAPH_NONE: there is none. */
static node_id unplaced_producer(const sorting *s, value_id input)
{
    if (input == GRAPH_NONE || s->graph->values[input].kind != VALUE_NODE)
        return GRAPH_NONE;
    const node_id producer = s->graph->values[input].producer;
    return producer != GRAPH_NONE && s->state[producer] != 2 ? producer : GRAPH_NONE;
}

/* Depth first, with a stack of its own: chains can be as long as the graph. */
static socle_status place_with_producers(sorting *s, node_id first)
{
    int depth = 0;
    s->stack[depth] = first;
    s->next_input[depth++] = 0;
    s->state[first] = 1;
    while (depth > 0) {
        const node_id n = s->stack[depth - 1];
        const graph_node *node = &s->graph->nodes[n];
        if (s->next_input[depth - 1] == node->input_count) {
            s->state[n] = 2;
            s->order[s->sorted++] = n;
            depth--;
            continue;
        }
        const node_id producer = unplaced_producer(s, node->inputs[s->next_input[depth - 1]++]);
        if (producer == GRAPH_NONE)
            continue;
        if (s->state[producer] == 1)
            return socle_fail(SOCLE_INVALID_ARGUMENT, "graph '%s' has a cycle through %s", s->graph->name,
                              graph_node_label(s->graph, producer));
        s->state[producer] = 1;
        s->stack[depth] = producer;
        s->next_input[depth++] = 0;
    }
    return SOCLE_OK;
}

static bool in_order(const socle_graph *graph)
{
    for (node_id n = 0; n < graph->node_count; n++) {
        const graph_node *node = &graph->nodes[n];
        if (node->op == NULL)
            return false;
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] != GRAPH_NONE && graph->values[node->inputs[i]].producer >= n)
                return false;
    }
    return true;
}

static void apply_order(socle_graph *graph, const int *order, int count, graph_node *sorted)
{
    for (int i = 0; i < count; i++)
        sorted[i] = graph->nodes[order[i]];
    memcpy(graph->nodes, sorted, (size_t)count * sizeof(*sorted));
    graph->node_count = count;
    for (node_id n = 0; n < count; n++)
        for (int i = 0; i < graph->nodes[n].output_count; i++)
            if (graph->nodes[n].outputs[i] != GRAPH_NONE)
                graph->values[graph->nodes[n].outputs[i]].producer = n;
}

socle_status graph_sort(socle_graph *graph)
{
    if (in_order(graph))
        return SOCLE_OK;
    const size_t count = (size_t)graph->node_count;
    sorting s = {.graph = graph};
    s.order = memory_alloc_array(count, sizeof(*s.order));
    s.state = memory_alloc_array(count, sizeof(*s.state));
    s.stack = memory_alloc_array(count, sizeof(*s.stack));
    s.next_input = memory_alloc_array(count, sizeof(*s.next_input));
    graph_node *sorted = memory_alloc_array(count, sizeof(*sorted));
    socle_status status = SOCLE_OUT_OF_MEMORY;
    if (s.order == NULL || s.state == NULL || s.stack == NULL || s.next_input == NULL || sorted == NULL)
        goto cleanup;
    status = SOCLE_OK;
    for (node_id n = 0; status == SOCLE_OK && n < graph->node_count; n++)
        if (graph->nodes[n].op != NULL && s.state[n] == 0)
            status = place_with_producers(&s, n);
    if (status == SOCLE_OK)
        apply_order(graph, s.order, s.sorted, sorted);
cleanup:
    memory_free(sorted);
    memory_free(s.next_input);
    memory_free(s.stack);
    memory_free(s.state);
    memory_free(s.order);
    return status;
}

/* ---- dead code ---- */

/* Producers stand before consumers, so one walk from the end sees every use before the producer. */
socle_status graph_remove_dead(socle_graph *graph)
{
    bool *used = memory_alloc_array((size_t)graph->value_count, sizeof(*used));
    if (used == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int i = 0; i < graph->output_count; i++)
        used[graph->outputs[i]] = true;
    for (int i = 0; i < graph->update_count; i++)
        used[graph->updates[i].value] = true;
    for (node_id n = graph->node_count - 1; n >= 0; n--) {
        graph_node *node = &graph->nodes[n];
        bool needed = false;
        for (int i = 0; i < node->output_count; i++)
            needed = needed || (node->outputs[i] != GRAPH_NONE && used[node->outputs[i]]);
        for (int i = 0; needed && i < node->input_count; i++)
            if (node->inputs[i] != GRAPH_NONE)
                used[node->inputs[i]] = true;
        if (!needed && node->op != NULL)
            graph_remove_node(graph, n);
    }
    memory_free(used);
    return graph_sort(graph);
}
