/* One device's plan: a graph is simplified, cut into units, the units ordered and turned into steps, and every buffer placed.
 * Everything here is host work on plain data: the peak of memory is known before anything is compiled. */
#include "partition.h"

/* Sub-buffers start at multiples of the device's alignment; less than a long vector's would not do for what reads vectors. */
#define LEAST_ALIGNMENT ((size_t)128)

static int home_of(const device_plan *plan, int operand)
{
    return plan->buffers[operand].alias != GRAPH_NONE ? plan->buffers[operand].alias : operand;
}

/* ---- which step uses which memory, read off the steps themselves ---- */

static void note_use(device_plan *plan, int operand, int index)
{
    if (operand == GRAPH_NONE)
        return;
    plan_buffer *home = &plan->buffers[home_of(plan, operand)];
    if (home->first < 0)
        home->first = index;
    home->last = index;
    home->resident = true;
}

static void note_step(device_plan *plan, int index)
{
    const step *s = &plan->steps.items[index];
    if (s->kind == STEP_COPY)
        note_use(plan, s->from, index);
    if (s->kind == STEP_COPY || s->kind == STEP_FILL) {
        note_use(plan, s->to, index);
        return;
    }
    for (int i = 0; i < s->arg_count; i++)
        if (s->args[i].kind == STEP_ARG_OPERAND)
            note_use(plan, s->args[i].operand, index);
}

static void find_lifetimes(device_plan *plan)
{
    for (int i = 0; i < plan->buffer_count; i++) {
        plan->buffers[i].first = plan->buffers[i].last = -1;
        plan->buffers[i].resident = plan->buffers[i].kind != BUFFER_CONSTANT;
    }
    for (int i = 0; i < plan->steps.count; i++)
        note_step(plan, i);
    for (int i = 0; i < plan->output_count; i++)
        plan->buffers[home_of(plan, plan->outputs[i])].resident = true;
}

static socle_status place_in_arena(device_plan *plan)
{
    memory_interval *intervals = memory_alloc_array((size_t)plan->buffer_count, sizeof(*intervals));
    if (intervals == NULL)
        return SOCLE_OUT_OF_MEMORY;
    int count = 0;
    for (int i = 0; i < plan->buffer_count; i++) {
        const plan_buffer *b = &plan->buffers[i];
        if (b->kind == BUFFER_ARENA && b->alias == GRAPH_NONE) /* at least one byte: no step takes an empty buffer */
            intervals[count++] = (memory_interval){b->first, b->last, b->size_bytes > 0 ? b->size_bytes : 1, 0};
    }
    const size_t asked = plan->device->capabilities.base_alignment_bytes;
    const bool planned = memory_plan(intervals, count, asked > LEAST_ALIGNMENT ? asked : LEAST_ALIGNMENT, &plan->arena_bytes);
    count = 0;
    for (int i = 0; i < plan->buffer_count; i++)
        if (plan->buffers[i].kind == BUFFER_ARENA && plan->buffers[i].alias == GRAPH_NONE)
            plan->buffers[i].offset_bytes = intervals[count++].offset_bytes;
    memory_free(intervals);
    return planned ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
}

/* Two moments need most: while weights are prepared (originals and prepared ones together), and a run. */
static void sum_up(device_plan *plan)
{
    size_t transient = 0, ends = 0;
    const socle_profile *profile = profile_get(plan->device);
    for (int i = 0; i < plan->buffer_count; i++) {
        const plan_buffer *b = &plan->buffers[i];
        if (b->alias != GRAPH_NONE || b->kind == BUFFER_ARENA)
            continue;
        if (b->kind == BUFFER_INPUT || b->kind == BUFFER_OUTPUT)
            ends += b->size_bytes;
        else if (b->resident)
            plan->constant_bytes += b->size_bytes;
        else
            transient += b->size_bytes;
    }
    const size_t during_run = plan->arena_bytes + ends;
    plan->peak_bytes = plan->constant_bytes + (transient > during_run ? transient : during_run);
    for (int i = 0; i < plan->steps.count; i++)
        plan->estimated_us += plan->steps.items[i].estimated_us;
    plan->estimated_us += profile->round_trip_us - profile->launch_us;
}

static socle_status check_shapes(const socle_graph *graph)
{
    for (int n = 0; n < graph->node_count; n++)
        for (int i = 0; i < graph->nodes[n].output_count && graph->nodes[n].op != NULL; i++)
            if (graph->nodes[n].outputs[i] != GRAPH_NONE && !graph_type_known(&graph->values[graph->nodes[n].outputs[i]].type))
                return socle_fail(SOCLE_SHAPE_MISMATCH,
                                  "%s: the shape of its output '%s' depends on data: it cannot be "
                                  "planned",
                                  graph_node_label(graph, n), graph->values[graph->nodes[n].outputs[i]].name);
    return SOCLE_OK;
}

/* Results of a reduction from which on each can be one work-group's: on a GPU several share a compute unit. */
static int64_t reduction_groups(const socle_device *device)
{
    const int64_t units = device->capabilities.compute_units > 0 ? device->capabilities.compute_units : 1;
    return units * (device->capabilities.type == SOCLE_DEVICE_CPU ? 2 : 4);
}

static socle_status fill(device_plan *plan, const device_plan_options *options)
{
    partition p = {0};
    int *order = NULL;
    socle_status status = graph_simplify(plan->graph);
    if (status == SOCLE_OK)
        status = check_shapes(plan->graph);
    if (status == SOCLE_OK)
        status = anchors_expand(plan->device, plan->graph, options);
    if (status == SOCLE_OK)
        status = graph_split_reductions(plan->graph, reduction_groups(plan->device));
    if (status == SOCLE_OK)
        status = layouts_choose(plan->device, plan->graph, options);
    if (status == SOCLE_OK)
        status = partition_create(plan->device, plan->graph, options, &p);
    if (status != SOCLE_OK)
        return status;
    order = memory_alloc_array((size_t)p.unit_count, sizeof(*order));
    status = order != NULL ? partition_order(&p, order) : SOCLE_OUT_OF_MEMORY;
    if (status == SOCLE_OK)
        status = plan_emit(plan, &p, order);
    memory_free(order);
    partition_finish(&p);
    if (status != SOCLE_OK)
        return status;
    find_lifetimes(plan);
    status = place_in_arena(plan);
    if (status == SOCLE_OK)
        sum_up(plan);
    return status;
}

socle_status device_plan_create(socle_device *device, socle_graph *graph, const device_plan_options *options, device_plan **out)
{
    const device_plan_options none = {0};
    device_plan *plan = memory_alloc(sizeof(*plan));
    if (plan == NULL) {
        socle_graph_destroy(graph);
        return SOCLE_OUT_OF_MEMORY;
    }
    plan->device = device;
    plan->graph = graph;
    socle_status status = fill(plan, options != NULL ? options : &none);
    if (status != SOCLE_OK)
        device_plan_destroy(plan);
    else
        *out = plan;
    return status;
}

void device_plan_destroy(device_plan *plan)
{
    if (plan == NULL)
        return;
    for (int i = 0; i < plan->buffer_count; i++)
        memory_free(plan->buffers[i].name);
    memory_free(plan->buffers);
    memory_free(plan->inputs);
    memory_free(plan->outputs);
    step_list_finish(&plan->prepare);
    step_list_finish(&plan->steps);
    socle_graph_destroy(plan->graph);
    memory_free(plan);
}
