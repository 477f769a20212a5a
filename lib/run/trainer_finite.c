/* A loss that is no number: what was it? The update held its states back, so the weights are those before the step: its inputs
 * are looked at, then the weights, then every value of the forward pass in order, which takes a plan of its own. */
#include "trainer.h"

#include <math.h>
#include <string.h>

static bool all_finite(socle_dtype dtype, const void *data, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (dtype == SOCLE_FLOAT32 && !isfinite(((const float *)data)[i]))
            return false;
        if (dtype == SOCLE_FLOAT64 && !isfinite(((const double *)data)[i]))
            return false;
    }
    return true;
}

static socle_status stop_at(const pending_step *step, const char *kind, const char *name)
{
    return socle_fail(SOCLE_NOT_FINITE,
                      "step %lld: the loss is not finite; the first tensor that is not is %s '%s': use a smaller "
                      "learning rate, clip gradients, or look at the data",
                      (long long)step->number, kind, name);
}

static socle_status check_given(const socle_trainer *t, const pending_step *step)
{
    const socle_graph *graph = t->model->graph;
    for (int i = 0; i < graph->input_count; i++) {
        const graph_type *type = &step->variant->inputs[i];
        if (!all_finite(type->dtype, step->inputs[i], graph_type_count(type)))
            return stop_at(step, "input", graph->values[graph->inputs[i]].name);
    }
    if (!all_finite(step->variant->labels.dtype, step->labels, graph_type_count(&step->variant->labels)))
        return stop_at(step, "input", "labels");
    return SOCLE_OK;
}

static socle_status check_states(socle_trainer *t, const pending_step *step)
{
    for (int i = 0; i < t->state_count; i++) {
        const trainer_state *state = &t->states[i];
        void *content = memory_alloc(state->size_bytes);
        if (content == NULL)
            return SOCLE_OUT_OF_MEMORY;
        socle_status status = trainer_state_read(t, state, content);
        if (status == SOCLE_OK && !all_finite(state->type.dtype, content, graph_type_count(&state->type)))
            status = stop_at(step, "weight", state->name);
        memory_free(content);
        if (status != SOCLE_OK)
            return status;
    }
    return SOCLE_OK;
}

/* Runs the forward pass and reads its values one after the other. */
static socle_status check_values(executor *e, const pending_step *step)
{
    const device_plan *plan = e->plan;
    socle_status status = executor_wait(e);
    for (int i = 0; i < plan->output_count && status == SOCLE_OK; i++) {
        const plan_buffer *buffer = &plan->buffers[plan->outputs[i]];
        void *content = memory_alloc(buffer->size_bytes);
        if (content == NULL)
            return SOCLE_OUT_OF_MEMORY;
        status = executor_read_async(e, i, content);
        const socle_status waited = executor_wait(e);
        status = status == SOCLE_OK ? waited : status;
        if (status == SOCLE_OK && !all_finite(buffer->type.dtype, content, graph_type_count(&buffer->type)))
            status = stop_at(step, "value", plan->graph->output_names[i]);
        memory_free(content);
    }
    return status;
}

static socle_status inspect(socle_trainer *t, const pending_step *step)
{
    const training_variant *v = step->variant;
    const socle_graph *graph = t->model->graph;
    graph_type types[TRAINER_MAX_INPUTS];
    executor *e = NULL;
    memcpy(types, v->inputs, sizeof(types));
    socle_status status =
        trainer_executor(t, FORM_INSPECTION, t->devices[0], types, types[0].dims[0], t->first->executors[0], NULL, &e);
    if (status != SOCLE_OK)
        return status;
    const void **inputs = memory_alloc_array((size_t)e->plan->input_count, sizeof(*inputs));
    status = inputs != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
    for (int i = 0; i < e->plan->input_count && status == SOCLE_OK; i++) {
        const char *name = e->plan->buffers[e->plan->inputs[i]].name;
        inputs[i] = strcmp(name, "socle.seed") == 0 ? &step->seed[0] : NULL;
        for (int k = 0; k < graph->input_count; k++)
            if (strcmp(name, graph->values[graph->inputs[k]].name) == 0)
                inputs[i] = step->inputs[k];
    }
    if (status == SOCLE_OK)
        status = executor_start(e, inputs);
    if (status == SOCLE_OK)
        status = check_values(e, step);
    executor_wait(e);
    memory_free(inputs);
    executor_destroy(e);
    return status;
}

socle_status trainer_not_finite(socle_trainer *t, const pending_step *step)
{
    socle_status status = check_given(t, step);
    if (status == SOCLE_OK)
        status = check_states(t, step);
    if (status == SOCLE_OK)
        status = inspect(t, step);
    if (status == SOCLE_OK || status != SOCLE_NOT_FINITE) /* nothing else is, or it cannot be found out: the loss it is */
        return stop_at(step, "value", "loss");
    return status;
}
