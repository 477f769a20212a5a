/* Groups: nodes are taken in topological order, and each joins the group of one of its producers where code generation says that
 * the result is still one good kernel and the units stay free of cycles; groups of its other producers are then merged into it.
 * A view at the end of a group is let go: it costs nothing outside. */
#include "partition.h"

/* The unit that makes a value, seen through views; GRAPH_NONE for inputs, constants and states. */
static int producing_unit(const partition *p, value_id value)
{
    while (value != GRAPH_NONE && p->graph->values[value].kind == VALUE_NODE) {
        const node_id producer = p->graph->values[value].producer;
        if (!p->is_view[producer])
            return p->unit_of_node[producer];
        value = p->graph->nodes[producer].inputs[0];
    }
    return GRAPH_NONE;
}

typedef struct search {
    partition *p;
    int *stack, depth, capacity;
    bool failed;
} search;

static void visit(search *s, int index)
{
    if (index == GRAPH_NONE || s->p->visited[index] == s->p->search)
        return;
    s->p->visited[index] = s->p->search;
    if (ARRAY_RESERVE(s->stack, s->depth, s->capacity))
        s->stack[s->depth++] = index;
    else
        s->failed = true;
}

static void visit_inputs(search *s, node_id n)
{
    const graph_node *node = &s->p->graph->nodes[n];
    for (int i = 0; i < node->input_count; i++)
        visit(s, producing_unit(s->p, node->inputs[i]));
}

static void visit_needs(search *s, int index)
{
    const unit *u = s->p->units[index];
    if (u->kind == UNIT_ANCHOR) {
        visit_inputs(s, u->node);
        for (int i = 0; i < u->epilogue.node_count; i++)
            visit_inputs(s, u->epilogue.nodes[i]);
    }
    for (int i = 0; i < u->group.node_count; i++)
        visit_inputs(s, u->group.nodes[i]);
    if (u->kind == UNIT_COPY)
        visit(s, producing_unit(s->p, u->from));
    for (int i = 0; i < u->after_count; i++)
        visit(s, u->after[i]);
}

static bool fit_visited(partition *p)
{
    return p->visited_capacity >= p->unit_count ||
           array_grow((void **)&p->visited, &p->visited_capacity, (size_t)p->unit_count, sizeof(*p->visited));
}

socle_status partition_depends(partition *p, int from, int to, bool *depends)
{
    search s = {.p = p};
    if (!fit_visited(p))
        return SOCLE_OUT_OF_MEMORY;
    p->search++;
    visit(&s, from);
    while (s.depth > 0 && !s.failed && p->visited[to] != p->search)
        visit_needs(&s, s.stack[--s.depth]);
    memory_free(s.stack);
    if (s.failed)
        return SOCLE_OUT_OF_MEMORY;
    *depends = p->visited[to] == p->search;
    return SOCLE_OK;
}

/* Would `index` and node n in one unit make a cycle: does another input of n need what the unit makes? */
static socle_status makes_cycle(partition *p, int index, node_id n, bool *cycle)
{
    const graph_node *node = &p->graph->nodes[n];
    *cycle = false;
    for (int i = 0; i < node->input_count && !*cycle; i++) {
        const int producer = producing_unit(p, node->inputs[i]);
        if (producer == GRAPH_NONE || producer == index)
            continue;
        socle_status status = partition_depends(p, producer, index, cycle);
        if (status != SOCLE_OK)
            return status;
    }
    return SOCLE_OK;
}

/* The group's own producer of an input without a view between: joining is only of use then. */
static int direct_group(const partition *p, value_id value)
{
    if (value == GRAPH_NONE || p->graph->values[value].kind != VALUE_NODE)
        return GRAPH_NONE;
    const int index = p->unit_of_node[p->graph->values[value].producer];
    return index != GRAPH_NONE && p->units[index]->kind == UNIT_GROUP ? index : GRAPH_NONE;
}

static socle_status join(partition *p, int index, node_id n)
{
    p->unit_of_node[n] = index;
    return codegen_group_add(&p->units[index]->group, n);
}

static socle_status join_a_producer(partition *p, node_id n, int *joined)
{
    const graph_node *node = &p->graph->nodes[n];
    for (int i = 0; i < node->input_count; i++) {
        const int index = direct_group(p, node->inputs[i]);
        bool cycle;
        if (index == GRAPH_NONE || !codegen_can_join(&p->units[index]->group, n))
            continue;
        socle_status status = makes_cycle(p, index, n, &cycle);
        if (status != SOCLE_OK)
            return status;
        if (!cycle) {
            *joined = index;
            return join(p, index, n);
        }
    }
    return SOCLE_OK;
}

/* The nodes of both groups, in topological order, as a new group; *fits: it is one good kernel. */
static socle_status combine(const partition *p, const codegen_group *a, const codegen_group *b, codegen_group *both, bool *fits)
{
    int i = 0, k = 0;
    *both = (codegen_group){.graph = p->graph, .uses = p->uses};
    *fits = true;
    while (i < a->node_count || k < b->node_count) {
        const bool from_a = k == b->node_count || (i < a->node_count && a->nodes[i] < b->nodes[k]);
        const node_id n = from_a ? a->nodes[i++] : b->nodes[k++];
        if (both->node_count > 0 && !codegen_can_join(both, n)) {
            *fits = false;
            return SOCLE_OK;
        }
        socle_status status = codegen_group_add(both, n);
        if (status != SOCLE_OK)
            return status;
    }
    return SOCLE_OK;
}

/* Merges group `from` into `into` when nothing outside of both stands between them. */
static socle_status merge(partition *p, int into, int from)
{
    unit *a = p->units[into], *b = p->units[from];
    codegen_group both;
    bool fits;
    socle_status status = combine(p, &a->group, &b->group, &both, &fits);
    bool cycle = !fits;
    for (int i = 0; status == SOCLE_OK && !cycle && i < b->group.node_count; i++)
        status = makes_cycle(p, into, b->group.nodes[i], &cycle);
    /* and the other way: what `into` needs from others must not need `from`; its need of `from` itself is the point of merging */
    for (int i = 0; status == SOCLE_OK && !cycle && i < a->group.node_count; i++) {
        const graph_node *node = &p->graph->nodes[a->group.nodes[i]];
        for (int k = 0; status == SOCLE_OK && !cycle && k < node->input_count; k++) {
            const int producer = producing_unit(p, node->inputs[k]);
            if (producer != GRAPH_NONE && producer != from && producer != into)
                status = partition_depends(p, producer, from, &cycle);
        }
    }
    if (status != SOCLE_OK || cycle) {
        codegen_group_free(&both);
        return status;
    }
    for (int i = 0; i < b->group.node_count; i++)
        p->unit_of_node[b->group.nodes[i]] = into;
    codegen_group_free(&a->group);
    codegen_group_free(&b->group);
    a->group = both;
    b->group = (codegen_group){.graph = p->graph, .uses = p->uses};
    if (b->first_node < a->first_node)
        a->first_node = b->first_node;
    return SOCLE_OK;
}

static socle_status place_node(partition *p, node_id n)
{
    const graph_node *node = &p->graph->nodes[n];
    int joined = GRAPH_NONE;
    socle_status status = codegen_fusable(p->graph, n) ? join_a_producer(p, n, &joined) : SOCLE_OK;
    if (status != SOCLE_OK)
        return status;
    if (joined == GRAPH_NONE) {
        if (codegen_is_view(p->graph, n)) {
            p->is_view[n] = true;
            return SOCLE_OK;
        }
        joined = p->unit_count;
        return partition_add(p, UNIT_GROUP, n) != NULL ? join(p, joined, n) : SOCLE_OUT_OF_MEMORY;
    }
    for (int i = 0; i < node->input_count && status == SOCLE_OK; i++) {
        const int other = direct_group(p, node->inputs[i]);
        if (other != GRAPH_NONE && other != joined)
            status = merge(p, joined, other);
    }
    return status;
}

static bool feeds_group(const partition *p, int index, value_id value)
{
    for (int i = p->consumer_start[value]; i < p->consumer_start[value + 1]; i++)
        if (p->unit_of_node[p->consumers[i]] == index)
            return true;
    return false;
}

/* Takes views that no node of the group reads out of it, last first. */
static socle_status release_views(partition *p, int index)
{
    unit *u = p->units[index];
    codegen_group kept = {.graph = p->graph, .uses = p->uses};
    socle_status status = SOCLE_OK;
    bool changed = false;
    for (int i = u->group.node_count - 1; i >= 0; i--) {
        const node_id n = u->group.nodes[i];
        if (!codegen_is_view(p->graph, n) || feeds_group(p, index, p->graph->nodes[n].outputs[0]))
            continue;
        p->unit_of_node[n] = GRAPH_NONE;
        p->is_view[n] = changed = true;
    }
    if (!changed)
        return SOCLE_OK;
    for (int i = 0; i < u->group.node_count && status == SOCLE_OK; i++)
        if (p->unit_of_node[u->group.nodes[i]] == index)
            status = codegen_group_add(&kept, u->group.nodes[i]);
    codegen_group_free(&u->group);
    u->group = kept;
    return status;
}

/* Units whose nodes all went elsewhere leave; the others keep their order. */
static void drop_empty(partition *p)
{
    int kept = 0;
    int *moved = p->visited; /* long enough for all units, and free between searches */
    for (int i = 0; i < p->unit_count; i++) {
        unit *u = p->units[i];
        if (u->kind == UNIT_GROUP && u->group.node_count == 0) {
            codegen_group_free(&u->group);
            memory_free(u);
            continue;
        }
        moved[i] = kept;
        p->units[kept++] = u;
    }
    for (int n = 0; n < p->graph->node_count; n++)
        if (p->unit_of_node[n] != GRAPH_NONE)
            p->unit_of_node[n] = moved[p->unit_of_node[n]];
    p->unit_count = kept;
    p->search++; /* what stands in visited[] now means nothing to later searches... */
    for (int i = 0; i < p->visited_capacity; i++)
        p->visited[i] = 0; /* ...nor may it look like one of theirs */
}

socle_status partition_form_groups(partition *p)
{
    socle_status status = SOCLE_OK;
    for (int n = 0; n < p->graph->node_count && status == SOCLE_OK; n++)
        if (p->graph->nodes[n].op != NULL && p->unit_of_node[n] == GRAPH_NONE && !p->is_view[n])
            status = place_node(p, n);
    for (int i = 0; i < p->unit_count && status == SOCLE_OK; i++)
        if (p->units[i]->kind == UNIT_GROUP)
            status = release_views(p, i);
    if (status != SOCLE_OK)
        return status;
    if (!fit_visited(p))
        return SOCLE_OUT_OF_MEMORY;
    drop_empty(p);
    return SOCLE_OK;
}
