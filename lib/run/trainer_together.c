/* A step on several devices: each runs forward and backward on its rows at the same time; the host averages what they found,
 * weighted by their rows; the first device updates its weights, which the others get. */
#include "trainer.h"

#include <math.h>
#include <string.h>

/* ---- what is averaged ---- */

static socle_status describe(socle_trainer *t, const device_plan *plan, int output)
{
    gradient_sum *sum = &t->sums[t->sum_count++];
    const char *name = plan->graph->output_names[output], *of = strchr(name, ':');
    const plan_buffer *buffer = &plan->buffers[plan->outputs[output]];
    sum->is_statistic = strncmp(name, "socle.statistic:", 16) == 0;
    sum->name = memory_copy_string(of != NULL ? of + 1 : name);
    sum->type = buffer->type;
    sum->size_bytes = buffer->size_bytes;
    sum->mean = memory_alloc(sum->size_bytes);
    bool complete = sum->name != NULL && sum->mean != NULL;
    for (int i = 0; i < t->device_count && complete; i++)
        complete = (sum->parts[i] = memory_alloc(sum->size_bytes)) != NULL;
    if (t->options.accumulate > 1 && !sum->is_statistic && complete)
        complete = (sum->accumulated = memory_alloc(sum->size_bytes)) != NULL;
    if (!complete)
        return SOCLE_OUT_OF_MEMORY;
    if (sum->type.dtype != SOCLE_FLOAT32 && sum->type.dtype != SOCLE_FLOAT64)
        return socle_fail(SOCLE_UNSUPPORTED, "weight '%s' is %s: several devices train float32 and float64 together", sum->name,
                          socle_dtype_name(sum->type.dtype));
    return SOCLE_OK;
}

socle_status trainer_prepare_together(socle_trainer *t)
{
    const device_plan *plan = t->first->executors[0]->plan;
    t->sums = memory_alloc_array((size_t)plan->output_count, sizeof(*t->sums));
    if (t->sums == NULL)
        return SOCLE_OUT_OF_MEMORY;
    socle_status status = SOCLE_OK;
    for (int i = 1; i < plan->output_count && status == SOCLE_OK; i++) /* the first one is the loss */
        status = describe(t, plan, i);
    return status == SOCLE_OK ? trainer_update_executor(t, t->first->executors[0], &t->update) : status;
}

void trainer_finish_together(socle_trainer *t)
{
    for (int i = 0; i < t->sum_count; i++) {
        gradient_sum *sum = &t->sums[i];
        memory_free(sum->name);
        memory_free(sum->mean);
        memory_free(sum->accumulated);
        for (int k = 0; k < t->device_count; k++)
            memory_free(sum->parts[k]);
    }
    memory_free(t->sums);
    executor_destroy(t->update);
    t->sums = NULL;
    t->sum_count = 0;
    t->update = NULL;
}

/* to = to * keep + from * factor */
static void blend(socle_dtype dtype, void *to, double keep, const void *from, double factor, size_t size_bytes)
{
    if (dtype == SOCLE_FLOAT64) {
        for (size_t i = 0; i < size_bytes / sizeof(double); i++)
            ((double *)to)[i] = ((double *)to)[i] * keep + ((const double *)from)[i] * factor;
        return;
    }
    const float kept = (float)keep, added = (float)factor;
    for (size_t i = 0; i < size_bytes / sizeof(float); i++)
        ((float *)to)[i] = ((float *)to)[i] * kept + ((const float *)from)[i] * added;
}

/* ---- forward and backward ---- */

typedef struct shard_step {
    socle_trainer *t;
    pending_step *step;
    double losses[PLACEMENT_MAX_DEVICES];
} shard_step;

static int64_t rows_before(const training_variant *v, int device)
{
    int64_t rows = 0;
    for (int i = 0; i < device; i++)
        rows += v->rows[i];
    return rows;
}

/* Rows lie one behind the other: a device's part starts at its first row. */
static const void *shard_of(const training_variant *v, int device, int input, const void *whole)
{
    const device_plan *plan = v->executors[device]->plan;
    const size_t size_bytes = plan->buffers[plan->inputs[input]].size_bytes;
    return (const char *)whole + size_bytes / (size_t)v->rows[device] * (size_t)rows_before(v, device);
}

static socle_status run_shard(int device, void *user)
{
    shard_step *s = user;
    socle_trainer *t = s->t;
    const training_variant *v = s->step->variant;
    executor *e = v->executors[device];
    const step_ends *ends = &v->ends[device];
    const void *inputs[TRAINER_MAX_INPUTS + 2] = {NULL};
    union {
        float f32;
        double f64;
    } loss;
    void **outputs = memory_alloc_array((size_t)e->plan->output_count, sizeof(*outputs));
    if (outputs == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int i = 0; i < t->model->graph->input_count; i++)
        if (ends->inputs[i] != GRAPH_NONE)
            inputs[ends->inputs[i]] = shard_of(v, device, ends->inputs[i], s->step->inputs[i]);
    if (ends->labels != GRAPH_NONE)
        inputs[ends->labels] = shard_of(v, device, ends->labels, s->step->labels);
    if (ends->seed != GRAPH_NONE)
        inputs[ends->seed] = &s->step->seed[device];
    outputs[0] = &loss;
    for (int i = 0; i < t->sum_count; i++)
        outputs[i + 1] = t->sums[i].parts[device];
    socle_status status = executor_run(e, inputs, outputs);
    memory_free(outputs);
    if (status == SOCLE_OK)
        s->losses[device] = v->output.dtype == SOCLE_FLOAT64 ? loss.f64 : loss.f32;
    return status;
}

static double mean_loss(const shard_step *s)
{
    const training_variant *v = s->step->variant;
    const double rows = (double)rows_before(v, v->count);
    double mean = 0;
    for (int i = 0; i < v->count; i++)
        mean += s->losses[i] * (double)v->rows[i] / rows;
    return mean;
}

static void average(socle_trainer *t, const training_variant *v)
{
    const double rows = (double)rows_before(v, v->count);
    for (int i = 0; i < t->sum_count; i++) {
        gradient_sum *sum = &t->sums[i];
        memset(sum->mean, 0, sum->size_bytes);
        for (int k = 0; k < v->count; k++)
            blend(sum->type.dtype, sum->mean, 1, sum->parts[k], (double)v->rows[k] / rows, sum->size_bytes);
    }
}

/* ---- update ---- */

/* Adds the batch to those before it; the mean over all of them replaces its own before an update. */
static void accumulate(socle_trainer *t, const pending_step *step)
{
    for (int i = 0; i < t->sum_count; i++) {
        gradient_sum *sum = &t->sums[i];
        if (sum->accumulated == NULL)
            continue;
        blend(sum->type.dtype, sum->accumulated, 1, sum->mean, step->hyper[HYPER_BATCH_WEIGHT], sum->size_bytes);
        if (!step->update)
            continue;
        blend(sum->type.dtype, sum->mean, 0, sum->accumulated, step->hyper[HYPER_GRADIENT_SCALE], sum->size_bytes);
        memset(sum->accumulated, 0, sum->size_bytes);
    }
}

static const void *update_input(const socle_trainer *t, const pending_step *step, const char *name)
{
    for (int i = 0; i < HYPER_COUNT; i++)
        if (strcmp(name, graph_hyper_names[i]) == 0)
            return i == HYPER_UPDATE ? (const void *)&step->update : &step->hyper[i];
    for (int i = 0; i < t->sum_count; i++)
        if (strncmp(name, "socle.gradient:", 15) == 0 && strcmp(name + 15, t->sums[i].name) == 0)
            return t->sums[i].mean;
    return NULL;
}

static socle_status run_update(socle_trainer *t, const pending_step *step)
{
    const device_plan *plan = t->update->plan;
    const void **inputs = memory_alloc_array((size_t)plan->input_count, sizeof(*inputs));
    if (inputs == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int i = 0; i < plan->input_count; i++)
        inputs[i] = update_input(t, step, plan->buffers[plan->inputs[i]].name);
    socle_status status = executor_run(t->update, inputs, NULL);
    memory_free(inputs);
    return status;
}

/* The first device's weights to the others; running statistics, which the host has, to all. */
static socle_status spread(socle_trainer *t, bool weights)
{
    socle_status status = SOCLE_OK;
    for (int i = 0; i < t->sum_count && status == SOCLE_OK; i++) {
        gradient_sum *sum = &t->sums[i];
        if (!sum->is_statistic && !weights)
            continue;
        if (!sum->is_statistic)
            status = executor_state_read(t->first->executors[0], sum->name, sum->mean, sum->size_bytes);
        for (int k = sum->is_statistic ? 0 : 1; k < t->device_count && status == SOCLE_OK; k++)
            status = executor_state_write(t->first->executors[k], sum->name, sum->mean, sum->size_bytes);
    }
    return status;
}

socle_status trainer_step_together(socle_trainer *t, pending_step *step, double *loss)
{
    shard_step shards = {.t = t, .step = step};
    const training_variant *v = step->variant;
    socle_status status = threads_run(v->count, v->count, run_shard, &shards);
    if (status != SOCLE_OK)
        return status;
    *loss = mean_loss(&shards);
    if (t->options.check_finite && !isfinite(*loss))
        return trainer_not_finite(t, step);
    average(t, v);
    accumulate(t, step);
    if (step->update)
        status = run_update(t, step);
    return status == SOCLE_OK ? spread(t, step->update) : status;
}
