/* From units to a plan: operands for the values that lie in memory, and the steps that solvers and code generation emit. */
#include "partition.h"

typedef struct emitter {
    device_plan *plan;
    const partition *p;
    int *operand_of;     /* per value; GRAPH_NONE: none yet */
    socle_status status; /* of making operands, where a callback cannot return it */
} emitter;

/* ---- operands ---- */

static int add_buffer(emitter *e, buffer_kind kind, value_id value, const char *name, size_t size_bytes)
{
    device_plan *plan = e->plan;
    char *copy = memory_copy_string(name);
    if (copy == NULL || !ARRAY_RESERVE(plan->buffers, plan->buffer_count, plan->buffer_capacity)) {
        memory_free(copy);
        e->status = SOCLE_OUT_OF_MEMORY;
        return GRAPH_NONE;
    }
    plan->buffers[plan->buffer_count] =
        (plan_buffer){.kind = kind, .value = value, .name = copy, .size_bytes = size_bytes, .alias = GRAPH_NONE};
    return plan->buffer_count++;
}

static bool is_output(const partition *p, value_id root)
{
    for (int i = 0; i < p->graph->output_count; i++)
        if (p->output_copy[i] == GRAPH_NONE && p->root[p->graph->outputs[i]] == root)
            return true;
    return false;
}

static buffer_kind kind_of(const partition *p, value_id value)
{
    switch (p->graph->values[value].kind) {
    case VALUE_INPUT:
        return BUFFER_INPUT;
    case VALUE_CONSTANT:
        return BUFFER_CONSTANT;
    case VALUE_STATE:
        return BUFFER_STATE;
    default:
        return is_output(p, value) ? BUFFER_OUTPUT : BUFFER_ARENA;
    }
}

static int operand_of_value(value_id value, void *user)
{
    emitter *e = user;
    const partition *p = e->p;
    if (value == GRAPH_NONE)
        return GRAPH_NONE;
    if (e->operand_of[value] != GRAPH_NONE)
        return e->operand_of[value];
    value_id home = p->root[value];
    if (p->stored_in[home] != GRAPH_NONE)
        home = p->stored_in[home];
    const int home_operand = home == value ? GRAPH_NONE : operand_of_value(home, e);
    const graph_value *v = &p->graph->values[value];
    const int index = add_buffer(e, kind_of(p, home), value, v->name, graph_type_bytes(&v->type));
    if (index == GRAPH_NONE)
        return GRAPH_NONE;
    plan_buffer *buffer = &e->plan->buffers[index];
    buffer->type = v->type;
    buffer->alias = home_operand;
    buffer->data = v->data;
    e->operand_of[value] = index;
    return index;
}

/* ---- steps ---- */

/* "Gemm+Relu": what the steps from `first` on do, for people. */
static socle_status name_steps(emitter *e, int first, const node_id *nodes, int count)
{
    const socle_graph *graph = e->p->graph;
    for (int i = first; i < e->plan->steps.count; i++) {
        text name = {0};
        for (int k = 0; k < count; k++)
            text_addf(&name, "%s%s", k > 0 ? "+" : "", graph->nodes[nodes[k]].op->name);
        memory_free(e->plan->steps.items[i].operators);
        e->plan->steps.items[i].operators = text_take(&name);
        if (e->plan->steps.items[i].operators == NULL)
            return SOCLE_OUT_OF_MEMORY;
    }
    return SOCLE_OK;
}

/* Roofline times of the steps from `first` on, scaled to the whole's time where that is known (us >= 0). */
static void estimate_steps(emitter *e, int first, double us)
{
    const socle_profile *profile = profile_get(e->plan->device);
    double total_us = 0;
    for (int i = first; i < e->plan->steps.count; i++) {
        step *s = &e->plan->steps.items[i];
        s->estimated_us = profile_estimate_us(profile, s->flops, s->bytes);
        total_us += s->estimated_us;
    }
    for (int i = first; i < e->plan->steps.count && us >= 0 && total_us > 0; i++)
        e->plan->steps.items[i].estimated_us *= us / total_us;
}

/* A measured time includes one wait, which a whole run pays once. */
static double anchor_us(emitter *e, const unit *u, const problem *described)
{
    const socle_profile *profile = profile_get(e->plan->device);
    const double wait_us = profile->round_trip_us - profile->launch_us;
    if (u->way.us >= 0)
        return u->way.us - wait_us > profile->launch_us ? u->way.us - wait_us : profile->launch_us;
    if (u->way.solver->estimate != NULL)
        return u->way.solver->estimate(described, e->plan->device, &u->way.tuning) * 1e6;
    return -1;
}

static socle_status number_operands(emitter *e, const unit *u, const problem *described, const value_id *values, int count,
                                    solver_operands *numbers)
{
    for (int i = 0; i < PROBLEM_MAX_OPERANDS; i++) {
        value_id value = i < count ? values[i] : GRAPH_NONE;
        if (value == u->epilogue.input)
            value = u->epilogue.output;
        numbers->data[i] = operand_of_value(value, e);
    }
    for (int i = 0; i < EPILOGUE_MAX_OPERANDS; i++) {
        const value_id value = i < u->epilogue.operand_count ? u->epilogue.operands[i] : GRAPH_NONE;
        numbers->extra[i] = operand_of_value(value, e);
    }
    numbers->workspace = numbers->prepared = GRAPH_NONE;
    const solver *s = u->way.solver;
    const socle_device *device = e->plan->device;
    const size_t workspace_bytes = s->workspace_bytes != NULL ? s->workspace_bytes(described, device, &u->way.tuning) : 0;
    const size_t prepared_bytes = s->prepared_bytes != NULL ? s->prepared_bytes(described, device, &u->way.tuning) : 0;
    if (workspace_bytes > 0)
        numbers->workspace = add_buffer(e, BUFFER_ARENA, GRAPH_NONE, "workspace", workspace_bytes);
    if (prepared_bytes > 0)
        numbers->prepared = add_buffer(e, BUFFER_PREPARED, GRAPH_NONE, "prepared", prepared_bytes);
    return e->status;
}

static socle_status emit_anchor(emitter *e, const unit *u)
{
    problem described;
    value_id values[PROBLEM_MAX_OPERANDS + EPILOGUE_MAX_OPERANDS];
    int count;
    solver_operands numbers;
    node_id nodes[EPILOGUE_MAX_NODES + 1] = {u->node};
    const solver *s = u->way.solver;
    const int first = e->plan->steps.count;
    const epilogue *applied = u->epilogue.node_count > 0 ? &u->epilogue : NULL;
    socle_status status = partition_anchor_problem(e->p, u->node, applied, &described, values, &count);
    if (status == SOCLE_OK)
        status = number_operands(e, u, &described, values, count, &numbers);
    if (status == SOCLE_OK && numbers.prepared != GRAPH_NONE)
        status = s->prepare(&described, e->plan->device, &u->way.tuning, &numbers, &e->plan->prepare);
    if (status == SOCLE_OK)
        status = s->emit(&described, e->plan->device, &u->way.tuning, &numbers, &e->plan->steps);
    if (status != SOCLE_OK)
        return status;
    estimate_steps(e, first, anchor_us(e, u, &described));
    for (int i = 0; i < u->epilogue.node_count; i++)
        nodes[i + 1] = u->epilogue.nodes[i];
    return name_steps(e, first, nodes, u->epilogue.node_count + 1);
}

static socle_status emit_group(emitter *e, unit *u)
{
    const int first = e->plan->steps.count;
    socle_status status = codegen_group_finish(&u->group);
    if (status == SOCLE_OK)
        status = codegen_emit(&u->group, e->plan->device, operand_of_value, e, &e->plan->steps);
    if (status == SOCLE_OK)
        status = e->status;
    if (status != SOCLE_OK)
        return status;
    estimate_steps(e, first, -1);
    return name_steps(e, first, u->group.nodes, u->group.node_count);
}

static socle_status emit_copy(emitter *e, unit *u)
{
    const int first = e->plan->steps.count;
    const graph_value *value = &e->p->graph->values[u->from];
    const size_t size_bytes = graph_type_bytes(&value->type);
    if (u->to_state == GRAPH_NONE && u->to_operand == GRAPH_NONE)
        u->to_operand = add_buffer(e, BUFFER_ARENA, GRAPH_NONE, value->name, size_bytes);
    const int from = u->from_unit != GRAPH_NONE ? e->p->units[u->from_unit]->to_operand : operand_of_value(u->from, e);
    const int to = u->to_state != GRAPH_NONE ? operand_of_value(u->to_state, e) : u->to_operand;
    if (e->status != SOCLE_OK || size_bytes == 0)
        return e->status;
    step *s = step_add(&e->plan->steps, STEP_COPY, "copy");
    if (s == NULL)
        return SOCLE_OUT_OF_MEMORY;
    s->from = from;
    s->to = to;
    s->size_bytes = size_bytes;
    s->bytes = 2.0 * (double)size_bytes;
    memory_free(s->operators);
    s->operators = memory_copy_string("copy");
    estimate_steps(e, first, -1);
    return s->operators != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
}

/* Nothing is run for results without elements. */
static bool writes_something(const partition *p, const unit *u)
{
    if (u->kind == UNIT_COPY)
        return true;
    for (int i = 0; i < u->write_count; i++)
        if (graph_type_bytes(&p->graph->values[u->writes[i]].type) > 0)
            return true;
    return false;
}

static socle_status emit_unit(emitter *e, unit *u)
{
    if (!writes_something(e->p, u))
        return SOCLE_OK;
    switch (u->kind) {
    case UNIT_ANCHOR:
        return emit_anchor(e, u);
    case UNIT_GROUP:
        return emit_group(e, u);
    default:
        return emit_copy(e, u);
    }
}

/* ---- the plan's ends: inputs, outputs and states have operands even where no step uses them ---- */

static socle_status emit_ends(emitter *e)
{
    const socle_graph *graph = e->p->graph;
    for (int i = 0; i < graph->input_count && e->status == SOCLE_OK; i++)
        e->plan->inputs[e->plan->input_count++] = operand_of_value(graph->inputs[i], e);
    for (int v = 0; v < graph->value_count && e->status == SOCLE_OK; v++)
        if (graph->values[v].kind == VALUE_STATE)
            operand_of_value(v, e);
    for (int i = 0; i < graph->output_count && e->status == SOCLE_OK; i++) {
        const value_id output = graph->outputs[i];
        const int copy = e->p->output_copy[i];
        int operand;
        if (copy == GRAPH_NONE) {
            operand = operand_of_value(output, e);
        } else {
            const graph_value *value = &graph->values[output];
            operand = add_buffer(e, BUFFER_OUTPUT, GRAPH_NONE, value->name, graph_type_bytes(&value->type));
            if (operand != GRAPH_NONE)
                e->plan->buffers[operand].type = value->type;
            e->p->units[copy]->to_operand = operand;
        }
        e->plan->outputs[e->plan->output_count++] = operand;
    }
    return e->status;
}

socle_status plan_emit(device_plan *plan, const partition *p, const int *order)
{
    emitter e = {.plan = plan, .p = p};
    const socle_graph *graph = p->graph;
    e.operand_of = memory_alloc_array((size_t)graph->value_count, sizeof(*e.operand_of));
    plan->inputs = memory_alloc_array((size_t)graph->input_count, sizeof(*plan->inputs));
    plan->outputs = memory_alloc_array((size_t)graph->output_count, sizeof(*plan->outputs));
    socle_status status = SOCLE_OUT_OF_MEMORY;
    if (e.operand_of != NULL && plan->inputs != NULL && plan->outputs != NULL) {
        for (int v = 0; v < graph->value_count; v++)
            e.operand_of[v] = GRAPH_NONE;
        status = emit_ends(&e);
    }
    for (int i = 0; i < p->unit_count && status == SOCLE_OK; i++)
        status = emit_unit(&e, p->units[order[i]]);
    memory_free(e.operand_of);
    return status;
}
