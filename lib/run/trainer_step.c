/* A step on one device: one run of one plan. Where the host does not ask for the loss, its data is copied aside and the step
 * enqueued behind those before it; every few steps all are waited for, and their losses looked at. */
#include "trainer.h"

#include <math.h>
#include <string.h>

/* ---- what goes in ---- */

/* Only hyper-parameters that changed are written again. */
static void set_hyper(training_variant *v, const pending_step *step, const void **to)
{
    for (int i = 0; i < HYPER_COUNT; i++) {
        const int input = v->ends[0].hyper[i];
        if (input == GRAPH_NONE || v->written[i] == step->hyper[i])
            continue;
        to[input] = i == HYPER_UPDATE ? (const void *)&step->update : &step->hyper[i];
        v->written[i] = step->hyper[i];
    }
}

static void set_inputs(const socle_trainer *t, training_variant *v, const pending_step *step, const void **to)
{
    const step_ends *ends = &v->ends[0];
    for (int i = 0; i < v->executors[0]->plan->input_count; i++)
        to[i] = NULL;
    for (int i = 0; i < t->model->graph->input_count; i++)
        if (ends->inputs[i] != GRAPH_NONE)
            to[ends->inputs[i]] = step->inputs[i];
    if (ends->labels != GRAPH_NONE)
        to[ends->labels] = step->labels;
    if (ends->seed != GRAPH_NONE)
        to[ends->seed] = &step->seed[0];
    set_hyper(v, step, to);
}

static double loss_of(const pending_step *step)
{
    return step->variant->output.dtype == SOCLE_FLOAT64 ? step->loss.f64 : step->loss.f32;
}

/* After a failure nobody knows what the device's inputs hold. */
static socle_status forget_written(training_variant *v, socle_status status)
{
    for (int i = 0; i < HYPER_COUNT; i++)
        v->written[i] = NAN;
    return status;
}

/* ---- ahead ---- */

static socle_status copy_aside(pending_step *step, int slot, const socle_tensor *tensor, const void **to)
{
    const size_t size_bytes = (size_t)socle_tensor_count(tensor) * socle_dtype_size_bytes(tensor->dtype);
    if (step->capacities[slot] < size_bytes) {
        void *grown = memory_alloc(size_bytes);
        if (grown == NULL)
            return SOCLE_OUT_OF_MEMORY;
        memory_free(step->copies[slot]);
        step->copies[slot] = grown;
        step->capacities[slot] = size_bytes;
    }
    memcpy(step->copies[slot], tensor->data, size_bytes);
    *to = step->copies[slot];
    return SOCLE_OK;
}

static socle_status enqueue(socle_trainer *t, pending_step *step, const socle_tensor *inputs, const socle_tensor *labels,
                            const void **ends)
{
    training_variant *v = step->variant;
    const int count = t->model->graph->input_count;
    socle_status status = SOCLE_OK;
    for (int i = 0; i < count && status == SOCLE_OK; i++)
        status = copy_aside(step, i, &inputs[i], &step->inputs[i]);
    if (status == SOCLE_OK)
        status = copy_aside(step, count, labels, &step->labels);
    if (status != SOCLE_OK)
        return status;
    set_inputs(t, v, step, ends);
    t->pending_count++; /* from here on the device may read the copies */
    status = executor_start(v->executors[0], ends);
    if (status == SOCLE_OK)
        status = executor_read_async(v->executors[0], 0, &step->loss);
    if (status == SOCLE_OK)
        status = executor_flush(v->executors[0]);
    if (status != SOCLE_OK) {
        executor_wait(v->executors[0]);
        t->pending_count = 0;
        return forget_written(v, status);
    }
    return SOCLE_OK;
}

socle_status trainer_drain(socle_trainer *t)
{
    const int count = t->pending_count;
    if (count == 0)
        return SOCLE_OK;
    t->pending_count = 0;
    socle_status status = executor_wait(t->pending[count - 1].variant->executors[0]);
    for (int i = 0; i < count && status == SOCLE_OK && t->options.check_finite; i++)
        if (!isfinite(loss_of(&t->pending[i])))
            status = trainer_not_finite(t, &t->pending[i]);
    return status;
}

/* ---- now ---- */

static socle_status run(socle_trainer *t, pending_step *step, const socle_tensor *inputs, const socle_tensor *labels,
                        const void **ends, double *loss)
{
    training_variant *v = step->variant;
    void *outputs[] = {&step->loss};
    socle_status status = trainer_drain(t);
    if (status != SOCLE_OK)
        return status;
    for (int i = 0; i < t->model->graph->input_count; i++)
        step->inputs[i] = inputs[i].data;
    step->labels = labels->data;
    set_inputs(t, v, step, ends);
    status = executor_run(v->executors[0], ends, outputs);
    if (status != SOCLE_OK)
        return forget_written(v, status);
    if (t->options.check_finite && !isfinite(loss_of(step)))
        return trainer_not_finite(t, step);
    *loss = loss_of(step);
    return SOCLE_OK;
}

socle_status trainer_step_alone(socle_trainer *t, pending_step *step, const socle_tensor *inputs, const socle_tensor *labels,
                                bool wait, double *loss)
{
    const void *ends[TRAINER_MAX_INPUTS + HYPER_COUNT + 2];
    const bool shared = step->variant->executors[0]->exchange == EXCHANGE_SHARED;
    return wait || shared ? run(t, step, inputs, labels, ends, loss) : enqueue(t, step, inputs, labels, ends);
}
