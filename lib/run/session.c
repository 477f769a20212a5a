/* Sessions: a model with frozen weights on the placement that was decided for it. Shapes other than the planned ones become
 * variants on the same devices, made at their first use and kept. */
#include "session.h"

#include <stdio.h>
#include <string.h>

/* ---- making one ---- */

static socle_status copy_options(socle_session *session, const socle_session_options *options)
{
    session->options = *options;
    session->options.devices = memory_copy_string(options->devices);
    if (options->devices != NULL && session->options.devices == NULL)
        return SOCLE_OUT_OF_MEMORY;
    session->options.bindings = NULL;
    session->bindings = memory_alloc_array((size_t)options->binding_count, sizeof(*session->bindings));
    if (session->bindings == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int i = 0; i < options->binding_count; i++) {
        session->bindings[i] = options->bindings[i];
        session->bindings[i].name = memory_copy_string(options->bindings[i].name);
        if (session->bindings[i].name == NULL) {
            session->options.binding_count = i;
            return SOCLE_OUT_OF_MEMORY;
        }
    }
    session->options.bindings = session->bindings;
    return SOCLE_OK;
}

static socle_status describe_placement(socle_session *session)
{
    const socle_plan *plan = session->plan;
    const placement *chosen = &plan->candidates[plan->chosen];
    text line = {0};
    if (chosen->measured_ms >= 0)
        text_addf(&line, "%s: %.4g ms measured", chosen->text, chosen->measured_ms);
    else
        text_addf(&line, "%s: %.4g ms estimated", chosen->text, chosen->estimated_ms);
    text_addf(&line, "; %s", chosen->reason != NULL ? chosen->reason : "");
    for (int i = 0; i < plan->candidate_count; i++)
        if (i != plan->chosen)
            text_addf(&line, "; %s: %s", plan->candidates[i].text, plan->candidates[i].reason);
    session->placement = text_take(&line);
    return session->placement != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
}

static void note_times(socle_session *session, double total_ms)
{
    socle_session_times *times = &session->times;
    const shards *s = session->first->shards;
    const placement *chosen = &session->plan->candidates[session->plan->chosen];
    for (int i = 0; i < s->count; i++) {
        times->compile_ms += s->executors[i]->compile_ms;
        times->device[i] = s->executors[i]->plan->device->info.id;
        times->share[i] = chosen->share[i];
    }
    times->device_count = s->count;
    times->load_ms = total_ms - times->compile_ms;
    times->peak_memory_bytes = socle_plan_peak_memory_bytes(session->plan);
}

static socle_status prepare(socle_session *session)
{
    const double start_s = time_now_s();
    device_plan *parts[PLACEMENT_MAX_DEVICES];
    const placement_work work = {.context = session->context, .model = session->model, .options = &session->options};
    socle_status status = placement_decide(&work, session->plan);
    if (status == SOCLE_OK)
        status = variant_create(&work, &session->plan->candidates[session->plan->chosen], &session->first);
    if (status != SOCLE_OK)
        return status;
    for (int i = 0; i < session->first->shards->count; i++)
        parts[i] = session->first->shards->executors[i]->plan;
    status = plan_show_parts(session->plan, parts, session->first->shards->count);
    if (status == SOCLE_OK)
        status = describe_placement(session);
    if (status == SOCLE_OK)
        note_times(session, (time_now_s() - start_s) * 1e3);
    return status;
}

socle_status socle_session_create(socle_context *context, const socle_model *model, const socle_session_options *options,
                                  socle_session **out)
{
    const socle_session_options defaults = SOCLE_SESSION_OPTIONS_INIT;
    if (context == NULL || model == NULL || out == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_session_create: context, model and session must not be NULL");
    if (options != NULL && options->goal == SOCLE_GOAL_TRAINING)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_session_create: a session answers: use a trainer for the goal training");
    socle_session *session = memory_alloc(sizeof(*session));
    if (session == NULL)
        return SOCLE_OUT_OF_MEMORY;
    pthread_mutex_init(&session->lock, NULL);
    session->context = context;
    session->model = model;
    session->plan = memory_alloc(sizeof(*session->plan));
    socle_status status = session->plan != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
    if (status == SOCLE_OK)
        status = copy_options(session, options != NULL ? options : &defaults);
    if (status == SOCLE_OK)
        status = prepare(session);
    if (status != SOCLE_OK)
        socle_session_destroy(session);
    else
        *out = session;
    return status;
}

void socle_session_destroy(socle_session *session)
{
    if (session == NULL)
        return;
    socle_plan_destroy(session->plan); /* shows parts of the variants: goes first */
    for (variant *v = session->first, *next; v != NULL; v = next) {
        next = v->next;
        variant_destroy(v);
    }
    memory_free((void *)session->options.devices);
    for (int i = 0; session->bindings != NULL && i < session->options.binding_count; i++)
        memory_free((void *)session->bindings[i].name);
    memory_free(session->bindings);
    memory_free(session->placement);
    pthread_mutex_destroy(&session->lock);
    memory_free(session);
}

/* ---- running ---- */

static socle_status check_input(const socle_session *session, int index, const socle_tensor *input)
{
    const graph_value *value = &session->model->graph->values[session->model->graph->inputs[index]];
    const graph_type *type = &value->type;
    if (input->dtype != type->dtype)
        return socle_fail(SOCLE_TYPE_MISMATCH, "input '%s' is %s, the tensor given for it is %s", value->name,
                          socle_dtype_name(type->dtype), socle_dtype_name(input->dtype));
    if (input->rank < 0 || input->rank > SOCLE_MAX_RANK || (type->rank >= 0 && input->rank != type->rank))
        return socle_fail(SOCLE_SHAPE_MISMATCH, "input '%s' has rank %d, the tensor given for it has rank %d", value->name,
                          type->rank, input->rank);
    for (int i = 0; i < type->rank; i++)
        if (type->dims[i] >= 0 && type->dims[i] != input->dims[i])
            return socle_fail(SOCLE_SHAPE_MISMATCH, "input '%s': dimension %d is %lld, the tensor given for it has %lld there",
                              value->name, i, (long long)type->dims[i], (long long)input->dims[i]);
    const size_t needed = (size_t)socle_tensor_count(input) * socle_dtype_size_bytes(input->dtype);
    if (needed > 0 && (input->data == NULL || input->size_bytes < needed))
        return socle_fail(SOCLE_INVALID_ARGUMENT, "input '%s' needs %zu bytes, the memory given for it has %zu", value->name,
                          needed, input->data != NULL ? input->size_bytes : 0);
    return SOCLE_OK;
}

/* Bindings that name every input with the shape of its tensor. The names stay the graph's. */
static socle_shape_binding *bind_all(const socle_graph *graph, const socle_tensor *inputs)
{
    socle_shape_binding *bindings = memory_alloc_array((size_t)graph->input_count, sizeof(*bindings));
    for (int i = 0; bindings != NULL && i < graph->input_count; i++) {
        bindings[i] = (socle_shape_binding){.name = graph->values[graph->inputs[i]].name, .rank = inputs[i].rank};
        memcpy(bindings[i].dims, inputs[i].dims, sizeof(bindings[i].dims));
    }
    return bindings;
}

/* Where only the number of rows differs from the plan, the new rows are shared out as planned; any other shape runs on the device
 * with the largest share. */
static bool only_rows_differ(const variant *planned, const socle_tensor *inputs)
{
    for (int i = 0; i < planned->input_count; i++) {
        const graph_type *type = &planned->inputs[i];
        if (type->rank != inputs[i].rank || type->rank == 0 || inputs[i].dims[0] != inputs[0].dims[0] ||
            memcmp(type->dims + 1, inputs[i].dims + 1, sizeof(int64_t) * (size_t)(type->rank - 1)) != 0)
            return false;
    }
    return planned->input_count > 0;
}

static void place_on_largest(const placement *chosen, placement *alone)
{
    int largest = 0;
    for (int i = 1; i < chosen->device_count; i++)
        if (chosen->share[i] > chosen->share[largest])
            largest = i;
    *alone = (placement){.device_count = 1, .devices = {chosen->devices[largest]}, .share = {1}, .rows = {1}};
}

static socle_status add_variant(socle_session *session, const socle_tensor *inputs, variant **out)
{
    placement chosen = session->plan->candidates[session->plan->chosen];
    socle_plan_options options = session->options;
    const bool shared = chosen.device_count > 1 && only_rows_differ(session->first, inputs) &&
                        placement_split_rows(inputs[0].dims[0], chosen.share, chosen.device_count, chosen.rows);
    socle_shape_binding *bindings = NULL;
    if (shared) {
        options.batch = inputs[0].dims[0];
    } else {
        bindings = bind_all(session->model->graph, inputs);
        if (bindings == NULL)
            return SOCLE_OUT_OF_MEMORY;
        options.bindings = bindings;
        options.binding_count = session->model->graph->input_count;
        place_on_largest(&session->plan->candidates[session->plan->chosen], &chosen);
    }
    const placement_work work = {.context = session->context, .model = session->model, .options = &options};
    const socle_status status = variant_create(&work, &chosen, out);
    memory_free(bindings);
    return status;
}

/* Two threads that ask for a new shape at once may both make it: the second one's is dropped. No lock is held while compiling. */
static socle_status find_variant(socle_session *session, const socle_tensor *inputs, variant **out)
{
    if (variant_fits(session->first, inputs)) {
        *out = session->first;
        return SOCLE_OK;
    }
    variant *made = NULL;
    for (int round = 0; round < 2; round++) {
        variant *found = NULL;
        pthread_mutex_lock(&session->lock);
        variant **end = &session->first;
        for (; *end != NULL && found == NULL; end = &(*end)->next)
            if (variant_fits(*end, inputs))
                found = *end;
        if (found == NULL && made != NULL) {
            *end = found = made;
            made = NULL;
        }
        pthread_mutex_unlock(&session->lock);
        variant_destroy(made);
        if (found != NULL) {
            *out = found;
            return SOCLE_OK;
        }
        socle_status status = add_variant(session, inputs, &made);
        if (status != SOCLE_OK)
            return status;
    }
    return socle_fail(SOCLE_INTERNAL, "the inputs' shapes do not come out of the plan that was made for them");
}

static socle_status check_call(const socle_session *session, const socle_tensor *inputs, int input_count)
{
    if (session == NULL || (inputs == NULL && input_count > 0))
        return socle_fail(SOCLE_INVALID_ARGUMENT, "the session and its inputs must not be NULL");
    if (input_count != session->first->input_count)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "the model has %d inputs, %d were given", session->first->input_count,
                          input_count);
    for (int i = 0; i < input_count; i++) {
        socle_status status = check_input(session, i, &inputs[i]);
        if (status != SOCLE_OK)
            return status;
    }
    return SOCLE_OK;
}

socle_status socle_session_run(socle_session *session, const socle_tensor *inputs, int input_count, socle_tensor *outputs,
                               int output_count)
{
    variant *v = NULL;
    socle_status status = check_call(session, inputs, input_count);
    if (status != SOCLE_OK)
        return status;
    if (outputs == NULL || output_count != session->first->output_count)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "the model has %d outputs, %d were given", session->first->output_count,
                          outputs != NULL ? output_count : 0);
    status = find_variant(session, inputs, &v);
    return status == SOCLE_OK ? variant_run(v, inputs, outputs, session->model->graph) : status;
}

/* ---- what is known of it ---- */

static socle_status describe(const char *name, const graph_type *type, socle_value_info *info)
{
    *info = (socle_value_info){.name = name, .dtype = type->dtype, .rank = type->rank};
    memcpy(info->dims, type->dims, sizeof(info->dims));
    return SOCLE_OK;
}

socle_status socle_session_input(const socle_session *session, int index, socle_value_info *info)
{
    if (session == NULL || info == NULL || index < 0 || index >= session->first->input_count)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_session_input: there is no input %d", index);
    const socle_graph *graph = session->model->graph;
    return describe(graph->values[graph->inputs[index]].name, &session->first->inputs[index], info);
}

socle_status socle_session_output(const socle_session *session, int index, socle_value_info *info)
{
    if (session == NULL || info == NULL || index < 0 || index >= session->first->output_count)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_session_output: there is no output %d", index);
    return describe(session->model->graph->output_names[index], &session->first->outputs[index], info);
}

const char *socle_session_placement(const socle_session *session)
{
    return session->placement;
}

socle_plan *socle_session_plan(const socle_session *session)
{
    return session->plan;
}

void socle_session_get_times(const socle_session *session, socle_session_times *times)
{
    *times = session->times;
}
