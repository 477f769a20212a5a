/* The order of the units. Two are tried, the one the graph was written in and one that always takes the unit that frees most
 * memory; the one with the smaller arena wins. (The second updates each weight as soon as its gradient is there, which frees the
 * gradient; the first is better for networks with few branches.) */
#include "partition.h"

typedef struct ordering {
    const partition *p;
    int *waits;              /* per unit: units it still waits for */
    int *edge_start, *edges; /* edges[edge_start[u] .. edge_start[u + 1]): units that wait for u */
    int *readers_left;       /* per value: units that still read it */
    int *order;
} ordering;

/* Calls use(from, to) for every pair of units of which `to` must wait for `from`. */
static void each_edge(const partition *p, void (*use)(ordering *o, int from, int to), ordering *o)
{
    for (int i = 0; i < p->unit_count; i++) {
        const unit *u = p->units[i];
        for (int k = 0; k < u->read_count; k++)
            if (p->writer[u->reads[k]] != GRAPH_NONE)
                use(o, p->writer[u->reads[k]], i);
        for (int k = 0; k < u->after_count; k++)
            use(o, u->after[k], i);
    }
}

static void count_edge(ordering *o, int from, int to)
{
    o->edge_start[from + 1]++;
    o->waits[to]++;
}

static void store_edge(ordering *o, int from, int to)
{
    /* edge_start is shifted by one while the edges are stored: see list_edges */
    o->edges[o->edge_start[from]++] = to;
}

static bool list_edges(ordering *o)
{
    const int count = o->p->unit_count;
    o->edge_start = memory_alloc_array((size_t)count + 2, sizeof(*o->edge_start));
    o->waits = memory_alloc_array((size_t)count + 1, sizeof(*o->waits));
    if (o->edge_start == NULL || o->waits == NULL)
        return false;
    each_edge(o->p, count_edge, o);
    for (int i = 0; i < count; i++)
        o->edge_start[i + 1] += o->edge_start[i];
    o->edges = memory_alloc_array((size_t)o->edge_start[count], sizeof(*o->edges));
    if (o->edges == NULL)
        return false;
    each_edge(o->p, store_edge, o);
    for (int i = count; i > 0; i--)
        o->edge_start[i] = o->edge_start[i - 1];
    o->edge_start[0] = 0;
    return true;
}

static bool in_arena(const partition *p, value_id value)
{
    return p->graph->values[value].kind == VALUE_NODE && p->stored_in[value] == GRAPH_NONE;
}

/* Bytes that running the unit now adds to the memory in use. */
static int64_t added_bytes(const ordering *o, int index)
{
    const partition *p = o->p;
    const unit *u = p->units[index];
    int64_t bytes = 0;
    for (int i = 0; i < u->write_count; i++)
        if (in_arena(p, u->writes[i]))
            bytes += (int64_t)graph_type_bytes(&p->graph->values[u->writes[i]].type);
    for (int i = 0; i < u->read_count; i++)
        if (in_arena(p, u->reads[i]) && o->readers_left[u->reads[i]] == 1)
            bytes -= (int64_t)graph_type_bytes(&p->graph->values[u->reads[i]].type);
    return bytes;
}

static bool better(const ordering *o, bool by_memory, int a, int b)
{
    if (by_memory) {
        const int64_t x = added_bytes(o, a), y = added_bytes(o, b);
        if (x != y)
            return x < y;
    }
    return o->p->units[a]->first_node < o->p->units[b]->first_node;
}

/* Kahn's algorithm; which of the units that are ready comes next is what the two orders differ in. */
static socle_status sort_units(ordering *o, bool by_memory)
{
    const partition *p = o->p;
    int *waits = memory_alloc_array((size_t)p->unit_count, sizeof(*waits));
    int *ready = memory_alloc_array((size_t)p->unit_count, sizeof(*ready));
    int ready_count = 0, done = 0;
    socle_status status = waits != NULL && ready != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
    for (int v = 0; v < p->graph->value_count; v++)
        o->readers_left[v] = 0;
    for (int i = 0; i < p->unit_count && status == SOCLE_OK; i++) {
        waits[i] = o->waits[i];
        if (waits[i] == 0)
            ready[ready_count++] = i;
        for (int k = 0; k < p->units[i]->read_count; k++)
            o->readers_left[p->units[i]->reads[k]]++;
    }
    while (ready_count > 0 && status == SOCLE_OK) {
        int best = 0;
        for (int i = 1; i < ready_count; i++)
            if (better(o, by_memory, ready[i], ready[best]))
                best = i;
        const int next = ready[best];
        ready[best] = ready[--ready_count];
        o->order[done++] = next;
        for (int k = 0; k < p->units[next]->read_count; k++)
            o->readers_left[p->units[next]->reads[k]]--;
        for (int k = o->edge_start[next]; k < o->edge_start[next + 1]; k++)
            if (--waits[o->edges[k]] == 0)
                ready[ready_count++] = o->edges[k];
    }
    if (status == SOCLE_OK && done < p->unit_count)
        status = socle_fail(SOCLE_UNSUPPORTED, "states of the graph are updated from each other in a circle: copy "
                                               "one of them through an operator");
    memory_free(ready);
    memory_free(waits);
    return status;
}

/* The arena's size if the units ran in this order, one step each. */
static socle_status arena_of(const ordering *o, size_t *arena_bytes)
{
    const partition *p = o->p;
    memory_interval *intervals = memory_alloc_array((size_t)p->graph->value_count, sizeof(*intervals));
    if (intervals == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int i = 0; i < p->unit_count; i++) {
        const unit *u = p->units[o->order[i]];
        for (int k = 0; k < u->write_count; k++) {
            if (!in_arena(p, u->writes[k]))
                continue;
            const size_t size_bytes = graph_type_bytes(&p->graph->values[u->writes[k]].type);
            intervals[u->writes[k]] = (memory_interval){i, i, size_bytes, 0};
        }
        for (int k = 0; k < u->read_count; k++)
            intervals[u->reads[k]].last = i;
    }
    int count = 0;
    for (int v = 0; v < p->graph->value_count; v++)
        if (intervals[v].size_bytes > 0)
            intervals[count++] = intervals[v];
    const bool planned = memory_plan(intervals, count, 128, arena_bytes);
    memory_free(intervals);
    return planned ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
}

socle_status partition_order(const partition *p, int *order)
{
    ordering o = {.p = p};
    size_t as_written, by_memory;
    o.order = order;
    o.readers_left = memory_alloc_array((size_t)p->graph->value_count, sizeof(*o.readers_left));
    socle_status status = o.readers_left != NULL && list_edges(&o) ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
    if (status == SOCLE_OK)
        status = sort_units(&o, true);
    if (status == SOCLE_OK)
        status = arena_of(&o, &by_memory);
    if (status == SOCLE_OK)
        status = sort_units(&o, false);
    if (status == SOCLE_OK)
        status = arena_of(&o, &as_written);
    if (status == SOCLE_OK && by_memory < as_written)
        status = sort_units(&o, true);
    memory_free(o.edges);
    memory_free(o.edge_start);
    memory_free(o.waits);
    memory_free(o.readers_left);
    return status;
}
