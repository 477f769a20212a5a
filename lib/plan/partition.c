/* Cuts a simplified graph into units. Operators that move nothing become views; anchors take the pointwise operators behind
 * them as epilogues; what is left is fused into groups, one generated kernel each. */
#include "partition.h"

#include <string.h>

unit *partition_add(partition *p, unit_kind kind, int first_node)
{
    if (!ARRAY_RESERVE(p->units, p->unit_count, p->unit_capacity))
        return NULL;
    unit *u = memory_alloc(sizeof(*u));
    if (u == NULL)
        return NULL;
    u->kind = kind;
    u->first_node = first_node;
    u->node = u->from = u->to_state = u->to_operand = u->from_unit = GRAPH_NONE;
    u->group.graph = p->graph;
    u->group.uses = p->uses;
    p->units[p->unit_count++] = u;
    return u;
}

static void unit_destroy(unit *u)
{
    if (u == NULL)
        return;
    codegen_group_free(&u->group);
    memory_free(u->reads);
    memory_free(u->writes);
    memory_free(u->after);
    memory_free(u);
}

void partition_finish(partition *p)
{
    for (int i = 0; i < p->unit_count; i++)
        unit_destroy(p->units[i]);
    memory_free(p->units);
    memory_free(p->unit_of_node);
    memory_free(p->is_view);
    memory_free(p->uses);
    memory_free(p->consumer_start);
    memory_free(p->consumers);
    memory_free(p->root);
    memory_free(p->stored_in);
    memory_free(p->writer);
    memory_free(p->output_copy);
    memory_free(p->visited);
    *p = (partition){0};
}

static int *filled(int count, int with)
{
    int *array = memory_alloc_array((size_t)count, sizeof(*array));
    for (int i = 0; array != NULL && i < count; i++)
        array[i] = with;
    return array;
}

/* Lists the consumers of every value in two passes: counts, then positions. */
static bool list_consumers(partition *p)
{
    const socle_graph *graph = p->graph;
    p->consumer_start = memory_alloc_array((size_t)graph->value_count + 1, sizeof(*p->consumer_start));
    if (p->consumer_start == NULL)
        return false;
    for (int n = 0; n < graph->node_count; n++)
        for (int i = 0; i < graph->nodes[n].input_count && graph->nodes[n].op != NULL; i++)
            if (graph->nodes[n].inputs[i] != GRAPH_NONE)
                p->consumer_start[graph->nodes[n].inputs[i] + 1]++;
    for (int v = 0; v < graph->value_count; v++)
        p->consumer_start[v + 1] += p->consumer_start[v];
    p->consumers = memory_alloc_array((size_t)p->consumer_start[graph->value_count], sizeof(*p->consumers));
    int *next = memory_alloc_array((size_t)graph->value_count, sizeof(*next));
    if (p->consumers != NULL && next != NULL) {
        memcpy(next, p->consumer_start, (size_t)graph->value_count * sizeof(*next));
        for (int n = 0; n < graph->node_count; n++)
            for (int i = 0; i < graph->nodes[n].input_count && graph->nodes[n].op != NULL; i++)
                if (graph->nodes[n].inputs[i] != GRAPH_NONE)
                    p->consumers[next[graph->nodes[n].inputs[i]]++] = n;
    }
    memory_free(next);
    return p->consumers != NULL && next != NULL;
}

static socle_status allocate(partition *p)
{
    const socle_graph *graph = p->graph;
    p->unit_of_node = filled(graph->node_count, GRAPH_NONE);
    p->is_view = memory_alloc_array((size_t)graph->node_count, sizeof(*p->is_view));
    p->root = filled(graph->value_count, 0);
    p->stored_in = filled(graph->value_count, GRAPH_NONE);
    p->writer = filled(graph->value_count, GRAPH_NONE);
    p->output_copy = filled(graph->output_count, GRAPH_NONE);
    if (p->unit_of_node == NULL || p->is_view == NULL || p->root == NULL || p->stored_in == NULL || p->writer == NULL ||
        p->output_copy == NULL || !list_consumers(p))
        return SOCLE_OUT_OF_MEMORY;
    return graph_count_uses(graph, &p->uses);
}

/* A view only saves its step where its input lies in memory anyway, not where the input is made inside the same kernel. */
static bool is_view_of_stored(const partition *p, node_id n)
{
    if (!codegen_is_view(p->graph, n))
        return false;
    const graph_value *input = &p->graph->values[p->graph->nodes[n].inputs[0]];
    if (input->kind != VALUE_NODE || p->is_view[input->producer])
        return true;
    const int producer = p->unit_of_node[input->producer];
    return producer != GRAPH_NONE && p->units[producer]->kind == UNIT_ANCHOR;
}

static socle_status unsupported(const partition *p, node_id n)
{
    const graph_operator *op = p->graph->nodes[n].op;
    return socle_fail(SOCLE_UNSUPPORTED, "%s: operator %s%s%s cannot run on %s with these types and shapes",
                      graph_node_label(p->graph, n), op->domain[0] ? op->domain : "", op->domain[0] ? "." : "", op->name,
                      p->device->info.id);
}

static socle_status add_anchors_and_views(partition *p)
{
    for (int n = 0; n < p->graph->node_count; n++) {
        const graph_node *node = &p->graph->nodes[n];
        if (node->op == NULL || p->unit_of_node[n] != GRAPH_NONE)
            continue;
        if (is_view_of_stored(p, n)) {
            p->is_view[n] = true;
            continue;
        }
        if (node->op->kind != OPERATOR_ANCHOR && node->op->kind != OPERATOR_CUSTOM) {
            if (!codegen_fusable(p->graph, n) && !codegen_is_view(p->graph, n))
                return unsupported(p, n);
            continue;
        }
        socle_status status = partition_add_anchor(p, n);
        if (status != SOCLE_OK)
            return status;
    }
    return SOCLE_OK;
}

/* Values show the memory of what their views look at; nodes stand in topological order, so one pass finds the roots. */
static void find_roots(partition *p)
{
    for (int v = 0; v < p->graph->value_count; v++)
        p->root[v] = v;
    for (int n = 0; n < p->graph->node_count; n++)
        if (p->is_view[n])
            p->root[p->graph->nodes[n].outputs[0]] = p->root[p->graph->nodes[n].inputs[0]];
}

static bool add_once(value_id **list, int *count, int *capacity, value_id value)
{
    for (int i = 0; i < *count; i++)
        if ((*list)[i] == value)
            return true;
    if (!ARRAY_RESERVE(*list, *count, *capacity))
        return false;
    (*list)[(*count)++] = value;
    return true;
}

/* A value made by a node of the unit that somebody outside of it uses (a view counts as outside). */
static bool used_outside(const partition *p, int index, value_id value)
{
    int inside = 0;
    for (int i = p->consumer_start[value]; i < p->consumer_start[value + 1]; i++)
        inside += p->unit_of_node[p->consumers[i]] == index;
    return p->uses[value] > inside;
}

static bool note_node(partition *p, int index, node_id n)
{
    unit *u = p->units[index];
    const graph_node *node = &p->graph->nodes[n];
    for (int i = 0; i < node->input_count; i++) {
        const value_id input = node->inputs[i];
        if (input == GRAPH_NONE)
            continue;
        const graph_value *value = &p->graph->values[input];
        if (value->kind == VALUE_NODE && p->unit_of_node[value->producer] == index)
            continue;
        if (!add_once(&u->reads, &u->read_count, &u->read_capacity, p->root[input]))
            return false;
    }
    for (int i = 0; i < node->output_count; i++) {
        const value_id output = node->outputs[i];
        if (output == GRAPH_NONE || (u->kind == UNIT_GROUP && !used_outside(p, index, output)))
            continue;
        if (u->kind == UNIT_ANCHOR && u->epilogue.node_count > 0 && i == 0 && output != u->epilogue.output)
            continue; /* never stored: the epilogue goes on with it in registers */
        p->writer[output] = index;
        if (!add_once(&u->writes, &u->write_count, &u->write_capacity, output))
            return false;
    }
    return true;
}

static socle_status note_reads_and_writes(partition *p)
{
    for (int n = 0; n < p->graph->node_count; n++)
        if (p->graph->nodes[n].op != NULL && p->unit_of_node[n] != GRAPH_NONE && !note_node(p, p->unit_of_node[n], n))
            return SOCLE_OUT_OF_MEMORY;
    return SOCLE_OK;
}

socle_status partition_create(socle_device *device, socle_graph *graph, const device_plan_options *options, partition *out)
{
    partition p = {.device = device, .graph = graph, .options = options};
    socle_status status = allocate(&p);
    if (status == SOCLE_OK)
        status = add_anchors_and_views(&p);
    if (status == SOCLE_OK)
        status = partition_form_groups(&p);
    if (status == SOCLE_OK) {
        find_roots(&p);
        status = note_reads_and_writes(&p);
    }
    if (status == SOCLE_OK)
        status = partition_place_updates(&p);
    if (status != SOCLE_OK)
        partition_finish(&p);
    else
        *out = p;
    return status;
}
