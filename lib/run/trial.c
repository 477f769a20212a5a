/* Trials: an executor run on inputs made up here, to measure it. */
#include "run.h"

#include <string.h>

#define MAX_SAMPLES 256

/* Floats in -0.5..0.5 from a linear congruential generator; other types stay zero: indices and labels are then valid. */
static void fill_input(const graph_type *type, void *data)
{
    if (type->dtype != SOCLE_FLOAT32)
        return;
    uint32_t state = 1;
    float *values = data;
    const int64_t count = graph_type_count(type);
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) * 0x1p-24f - 0.5f;
    }
}

socle_status trial_create(executor *e, trial **out)
{
    const device_plan *plan = e->plan;
    trial *t = memory_alloc(sizeof(*t));
    if (t == NULL)
        return SOCLE_OUT_OF_MEMORY;
    t->executor = e;
    t->inputs = memory_alloc_array((size_t)plan->input_count, sizeof(*t->inputs));
    t->outputs = memory_alloc_array((size_t)plan->output_count, sizeof(*t->outputs));
    bool complete = t->inputs != NULL && t->outputs != NULL;
    for (int i = 0; i < plan->input_count && complete; i++) {
        const plan_buffer *b = &plan->buffers[plan->inputs[i]];
        t->inputs[i] = memory_alloc(b->size_bytes);
        complete = t->inputs[i] != NULL;
        if (complete)
            fill_input(&b->type, t->inputs[i]);
    }
    for (int i = 0; i < plan->output_count && complete; i++) {
        t->outputs[i] = memory_alloc(plan->buffers[plan->outputs[i]].size_bytes);
        complete = t->outputs[i] != NULL;
    }
    if (!complete) {
        trial_destroy(t);
        return SOCLE_OUT_OF_MEMORY;
    }
    *out = t;
    return SOCLE_OK;
}

void trial_destroy(trial *t)
{
    if (t == NULL)
        return;
    for (int i = 0; t->inputs != NULL && i < t->executor->plan->input_count; i++)
        memory_free(t->inputs[i]);
    for (int i = 0; t->outputs != NULL && i < t->executor->plan->output_count; i++)
        memory_free(t->outputs[i]);
    memory_free(t->inputs);
    memory_free(t->outputs);
    memory_free(t);
}

socle_status trial_run(trial *t, double *seconds)
{
    const double start_s = time_now_s();
    socle_status status = executor_run(t->executor, (const void *const *)t->inputs, t->outputs);
    if (status == SOCLE_OK)
        *seconds = time_now_s() - start_s;
    return status;
}

socle_status executor_measure(executor *e, double budget_s, double *seconds)
{
    double samples[MAX_SAMPLES];
    int count = 0;
    trial *t = NULL;
    const double end_s = time_now_s() + budget_s;
    socle_status status = trial_create(e, &t);
    while (status == SOCLE_OK && count < MAX_SAMPLES && (count < 3 || time_now_s() < end_s))
        status = trial_run(t, &samples[count++]);
    trial_destroy(t);
    if (status == SOCLE_OK)
        *seconds = statistics_percentile(samples, count, 0.5);
    return status;
}
