/* Updates of states (weights, moments, running statistics). The new content is written straight over the old one when everybody
 * who reads the old one can run before, and when a kernel that reads it itself does so element by element; else it is made
 * elsewhere and copied. An output that shows a state as it was before the run is copied before the update. */
#include "partition.h"

static bool reads_root(const unit *u, value_id root)
{
    for (int i = 0; i < u->read_count; i++)
        if (u->reads[i] == root)
            return true;
    return false;
}

static bool add_read(unit *u, value_id root)
{
    if (!ARRAY_RESERVE(u->reads, u->read_count, u->read_capacity))
        return false;
    u->reads[u->read_count++] = root;
    return true;
}

/* The writer overwrites `state`: all its other readers come first. */
static socle_status order_after_readers(partition *p, int writer, value_id state)
{
    unit *u = p->units[writer];
    for (int i = 0; i < p->unit_count; i++) {
        if (i == writer || !reads_root(p->units[i], state))
            continue;
        if (!ARRAY_RESERVE(u->after, u->after_count, u->after_capacity))
            return SOCLE_OUT_OF_MEMORY;
        u->after[u->after_count++] = i;
    }
    return SOCLE_OK;
}

/* May the kernel of the unit read `state` while it writes `value` over it? */
static bool kernel_allows(const partition *p, const unit *u, value_id state, value_id value)
{
    if (u->kind != UNIT_GROUP)
        return !reads_root(u, state);
    for (int i = 0; i < u->group.node_count; i++) {
        const graph_node *node = &p->graph->nodes[u->group.nodes[i]];
        for (int k = 0; k < node->input_count; k++)
            if (node->inputs[k] != GRAPH_NONE && p->root[node->inputs[k]] == state &&
                !codegen_in_place_ok(&u->group, node->inputs[k], value))
                return false;
    }
    return true;
}

static socle_status can_write_in_place(partition *p, value_id state, value_id value, bool *allowed)
{
    const socle_graph *graph = p->graph;
    const int writer = p->writer[value];
    *allowed = false;
    if (writer == GRAPH_NONE || p->stored_in[value] != GRAPH_NONE ||
        graph_type_bytes(&graph->values[value].type) != graph_type_bytes(&graph->values[state].type) ||
        !kernel_allows(p, p->units[writer], state, value))
        return SOCLE_OK;
    for (int i = 0; i < p->unit_count; i++) {
        bool depends = false;
        if (i == writer || !reads_root(p->units[i], state))
            continue;
        socle_status status = partition_depends(p, i, writer, &depends);
        if (status != SOCLE_OK || depends)
            return status;
    }
    *allowed = true;
    return SOCLE_OK;
}

static socle_status add_copy(partition *p, value_id from, value_id to_state, int *index)
{
    *index = p->unit_count;
    unit *u = partition_add(p, UNIT_COPY, p->graph->node_count + p->unit_count);
    if (u == NULL || !add_read(u, p->root[from]))
        return SOCLE_OUT_OF_MEMORY;
    u->from = from;
    u->to_state = to_state;
    return SOCLE_OK;
}

static bool is_updated(const partition *p, value_id state)
{
    for (int i = 0; i < p->graph->update_count; i++)
        if (p->graph->updates[i].state == state && p->graph->updates[i].value != state)
            return true;
    return false;
}

static socle_status copy_old_outputs(partition *p)
{
    for (int i = 0; i < p->graph->output_count; i++) {
        const value_id root = p->root[p->graph->outputs[i]];
        if (p->graph->values[root].kind != VALUE_STATE || !is_updated(p, root))
            continue;
        socle_status status = add_copy(p, p->graph->outputs[i], GRAPH_NONE, &p->output_copy[i]);
        if (status != SOCLE_OK)
            return status;
    }
    return SOCLE_OK;
}

/* New contents that are not made by any unit (an input, another state, a constant) can only be copied. */
static bool made_by_unit(const partition *p, value_id root)
{
    return p->writer[root] != GRAPH_NONE;
}

static socle_status place_update(partition *p, value_id state, value_id value)
{
    const value_id made = p->root[value];
    bool in_place;
    socle_status status = can_write_in_place(p, state, made, &in_place);
    if (status != SOCLE_OK)
        return status;
    if (in_place) {
        p->stored_in[made] = state;
        return order_after_readers(p, p->writer[made], state);
    }
    int copy;
    status = add_copy(p, value, state, &copy);
    return status == SOCLE_OK ? order_after_readers(p, copy, state) : status;
}

/* The copy among units [first, last) whose state the copy reads; GRAPH_NONE: it reads none that one of them overwrites. */
static int copy_into_source(const partition *p, const unit *copy, int first, int last)
{
    for (int i = first; i < last && copy->from_unit == GRAPH_NONE; i++)
        if (p->units[i]->to_state == p->root[copy->from])
            return i;
    return GRAPH_NONE;
}

/* States that change places (a := b, b := a) wait for each other in a ring: one of them is kept elsewhere first. */
static socle_status open_rings(partition *p, int first)
{
    const int last = p->unit_count;
    for (int i = first; i < last; i++) {
        int at = copy_into_source(p, p->units[i], first, last), keep;
        for (int steps = first; at != i && at != GRAPH_NONE && steps < last; steps++)
            at = copy_into_source(p, p->units[at], first, last);
        if (at != i)
            continue;
        socle_status status = add_copy(p, p->units[i]->from, GRAPH_NONE, &keep);
        if (status != SOCLE_OK)
            return status;
        unit *u = p->units[i];
        if (!ARRAY_RESERVE(u->after, u->after_count, u->after_capacity))
            return SOCLE_OUT_OF_MEMORY;
        u->after[u->after_count++] = u->from_unit = keep;
        u->read_count = 0;
    }
    return SOCLE_OK;
}

/* Copies of what no unit makes (an input, a constant, the old content of another state) are there before anything is placed:
 * whoever would overwrite what they read, or needs what they overwrite, must see them. */
static socle_status add_plain_copies(partition *p)
{
    const int first = p->unit_count;
    for (int i = 0; i < p->graph->update_count; i++) {
        const graph_update *update = &p->graph->updates[i];
        int copy;
        if (update->state == p->root[update->value] || made_by_unit(p, p->root[update->value]))
            continue;
        socle_status status = add_copy(p, update->value, update->state, &copy);
        if (status != SOCLE_OK)
            return status;
    }
    const int last = p->unit_count;
    socle_status status = open_rings(p, first);
    for (int i = first; i < last && status == SOCLE_OK; i++)
        status = order_after_readers(p, i, p->units[i]->to_state);
    return status;
}

socle_status partition_place_updates(partition *p)
{
    socle_status status = copy_old_outputs(p);
    if (status == SOCLE_OK)
        status = add_plain_copies(p);
    for (int i = 0; i < p->graph->update_count && status == SOCLE_OK; i++) {
        const graph_update *update = &p->graph->updates[i];
        if (update->state != update->value && made_by_unit(p, p->root[update->value]))
            status = place_update(p, update->state, update->value);
    }
    return status;
}
