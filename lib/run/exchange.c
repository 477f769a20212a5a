/* Running an executor: inputs in, steps, outputs out, with as few driver calls as the device allows and one wait. Networks that
 * take microseconds spend most of them here, so the way is measured when the executor is made: which queue, how the host's data
 * gets in and out, and whether a wait looks for the end for a while before it sleeps: a thread that sleeps, on a processor that
 * then idles, wakes some 20 us late in a virtual machine. */
#include "run.h"

#include <math.h>
#include <sched.h>
#include <string.h>

#define WORTH_CHOOSING_S 2e-3 /* a run that takes longer gains nothing that could be seen */

/* ---- through the queue ---- */

static socle_status enqueue_write(executor *e, int operand, const void *from)
{
    const socle_span *to = &e->spans[operand];
    device_turn_begin(e->plan->device);
    const cl_int code = clEnqueueWriteBuffer(e->queue, to->buffer->memory, CL_FALSE, to->offset_bytes,
                                             e->plan->buffers[operand].size_bytes, from, 0, NULL, NULL);
    device_turn_end(e->plan->device);
    return code == CL_SUCCESS ? SOCLE_OK : device_status(e->plan->device, code, "clEnqueueWriteBuffer");
}

static socle_status enqueue_read(executor *e, int operand, void *to, cl_bool wait, cl_event *event)
{
    const socle_span *from = &e->spans[operand];
    device_turn_begin(e->plan->device);
    const cl_int code = clEnqueueReadBuffer(e->queue, from->buffer->memory, wait, from->offset_bytes,
                                            e->plan->buffers[operand].size_bytes, to, 0, NULL, event);
    device_turn_end(e->plan->device);
    return code == CL_SUCCESS ? SOCLE_OK : device_status(e->plan->device, code, "clEnqueueReadBuffer");
}

static void forget_end(executor *e)
{
    if (e->end != NULL)
        clReleaseEvent(e->end);
    e->end = NULL;
}

static socle_status start_steps(executor *e)
{
    forget_end(e);
    return e->polls ? steps_enqueue_to_event(e->steps, e->queue, &e->end) : steps_enqueue(e->steps, e->queue);
}

socle_status executor_start(executor *e, const void *const *inputs)
{
    for (int i = 0; i < e->plan->input_count && inputs != NULL; i++) {
        const int operand = e->plan->inputs[i];
        if (inputs[i] == NULL || e->plan->buffers[operand].size_bytes == 0)
            continue;
        socle_status status = enqueue_write(e, operand, inputs[i]);
        if (status != SOCLE_OK)
            return status;
    }
    return start_steps(e);
}

socle_status executor_read_async(executor *e, int output, void *to)
{
    const int operand = e->plan->outputs[output];
    return e->plan->buffers[operand].size_bytes > 0 ? enqueue_read(e, operand, to, CL_FALSE, NULL) : SOCLE_OK;
}

socle_status executor_flush(executor *e)
{
    if (device_has_quirk(e->plan->device, QUIRK_FINISH_AFTER_FLUSH))
        return SOCLE_OK; /* it runs when it is waited for */
    device_turn_begin(e->plan->device);
    const cl_int code = clFlush(e->queue);
    device_turn_end(e->plan->device);
    return code == CL_SUCCESS ? SOCLE_OK : device_status(e->plan->device, code, "clFlush");
}

/* Threads of the driver that share this processor go first. */
static void look_for_end(executor *e)
{
    const double until_s = time_now_s() + 2 * WORTH_CHOOSING_S;
    cl_int state = CL_QUEUED;
    if (e->end == NULL || device_has_quirk(e->plan->device, QUIRK_FINISH_AFTER_FLUSH) || clFlush(e->queue) != CL_SUCCESS)
        return;
    while (clGetEventInfo(e->end, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(state), &state, NULL) == CL_SUCCESS &&
           state > CL_COMPLETE && time_now_s() < until_s)
        sched_yield();
}

socle_status executor_wait(executor *e)
{
    look_for_end(e);
    forget_end(e);
    device_turn_begin(e->plan->device);
    const cl_int code = clFinish(e->queue);
    device_turn_end(e->plan->device);
    return code == CL_SUCCESS ? SOCLE_OK : device_status(e->plan->device, code, "clFinish");
}

/* The last read waits for everything before it, which saves the call that would. */
static socle_status read_outputs(executor *e, void *const *outputs)
{
    int last = -1;
    for (int i = 0; i < e->plan->output_count && outputs != NULL; i++)
        if (outputs[i] != NULL && e->plan->buffers[e->plan->outputs[i]].size_bytes > 0)
            last = i;
    for (int i = 0; i < last; i++) {
        socle_status status = outputs[i] != NULL ? executor_read_async(e, i, outputs[i]) : SOCLE_OK;
        if (status != SOCLE_OK)
            return status;
    }
    if (last < 0)
        return executor_wait(e);
    forget_end(e);
    if (!e->polls)
        return enqueue_read(e, e->plan->outputs[last], outputs[last], CL_TRUE, NULL);
    socle_status status = enqueue_read(e, e->plan->outputs[last], outputs[last], CL_FALSE, &e->end);
    return status == SOCLE_OK ? executor_wait(e) : status;
}

/* After a failure the host's memory must not be touched any more: what was enqueued is waited for. */
static socle_status run_through_queue(executor *e, const void *const *inputs, void *const *outputs)
{
    socle_status status = executor_start(e, inputs);
    if (status == SOCLE_OK)
        status = read_outputs(e, outputs);
    if (status != SOCLE_OK)
        clFinish(e->queue);
    return status;
}

/* ---- through memory that host and device share ---- */

static socle_status run_shared(executor *e, const void *const *inputs, void *const *outputs)
{
    for (int i = 0; i < e->plan->input_count && inputs != NULL; i++) {
        const int operand = e->plan->inputs[i];
        if (inputs[i] != NULL)
            memcpy(e->shared[operand], inputs[i], e->plan->buffers[operand].size_bytes);
    }
    socle_status status = start_steps(e);
    const socle_status waited = executor_wait(e);
    if (status == SOCLE_OK)
        status = waited;
    for (int i = 0; i < e->plan->output_count && outputs != NULL && status == SOCLE_OK; i++) {
        const int operand = e->plan->outputs[i];
        if (outputs[i] != NULL)
            memcpy(outputs[i], e->shared[operand], e->plan->buffers[operand].size_bytes);
    }
    return status;
}

socle_status executor_run(executor *e, const void *const *inputs, void *const *outputs)
{
    return e->exchange == EXCHANGE_SHARED ? run_shared(e, inputs, outputs) : run_through_queue(e, inputs, outputs);
}

/* ---- choosing the way by measuring it ---- */

#define ROUNDS 5
#define WAIT_ROUNDS 15             /* ways of waiting differ in their medians more than in their best */
#define WORTH_CHOOSING_WAIT_S 1e-3 /* a wait that ends late costs some 20 us */

static bool all_ends_shared(const executor *e)
{
    for (int i = 0; i < e->plan->input_count; i++)
        if (e->shared[e->plan->inputs[i]] == NULL)
            return false;
    for (int i = 0; i < e->plan->output_count; i++)
        if (e->shared[e->plan->outputs[i]] == NULL)
            return false;
    return true;
}

/* The least of a few runs: what the way can do, not what disturbed it. */
static socle_status time_way(trial *t, double *seconds)
{
    *seconds = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        double one;
        socle_status status = trial_run(t, &one);
        if (status != SOCLE_OK)
            return status;
        *seconds = fmin(*seconds, one);
        if (one > WORTH_CHOOSING_S)
            break;
    }
    return SOCLE_OK;
}

/* Times the other ways in on one queue and keeps the faster one. */
static socle_status try_queue(executor *e, trial *t, cl_command_queue queue, double *best_s)
{
    const exchange_kind kinds[] = {EXCHANGE_COPY, EXCHANGE_SHARED};
    const cl_command_queue chosen_queue = e->queue;
    exchange_kind chosen = e->exchange;
    bool better = false;
    e->queue = queue;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        double seconds;
        if (kinds[k] == EXCHANGE_SHARED && !all_ends_shared(e))
            continue;
        e->exchange = kinds[k];
        socle_status status = time_way(t, &seconds);
        if (status != SOCLE_OK)
            return status;
        if (seconds < *best_s) {
            *best_s = seconds;
            chosen = kinds[k];
            better = true;
        }
    }
    e->exchange = chosen;
    e->queue = better ? queue : chosen_queue;
    return SOCLE_OK;
}

/* Both ways of waiting in turns, so that what disturbs one disturbs the other. */
static socle_status choose_wait(executor *e, trial *t)
{
    double samples[2][WAIT_ROUNDS];
    socle_status status = SOCLE_OK;
    for (int i = 0; i < 2 * WAIT_ROUNDS && status == SOCLE_OK; i++) {
        e->polls = i % 2 != 0;
        status = trial_run(t, &samples[i % 2][i / 2]);
    }
    forget_end(e);
    e->polls = status == SOCLE_OK &&
               statistics_percentile(samples[1], WAIT_ROUNDS, 0.5) < 0.97 * statistics_percentile(samples[0], WAIT_ROUNDS, 0.5);
    return status;
}

socle_status executor_choose_exchange(executor *e)
{
    trial *t = NULL;
    double best_s = INFINITY;
    cl_command_queue local_thread = NULL;
    socle_status status = trial_create(e, &t);
    if (status == SOCLE_OK)
        status = try_queue(e, t, e->queue, &best_s);
    if (status == SOCLE_OK && best_s < WORTH_CHOOSING_S && device_has_quirk(e->plan->device, QUIRK_LOCAL_THREAD_QUEUE) &&
        device_queue_create(e->plan->device, QUEUE_LOCAL_THREAD, false, &local_thread) == SOCLE_OK) {
        const cl_command_queue first = e->queue;
        status = try_queue(e, t, local_thread, &best_s);
        clReleaseCommandQueue(e->queue == first ? local_thread : first);
    }
    if (status == SOCLE_OK && best_s < WORTH_CHOOSING_WAIT_S)
        status = choose_wait(e, t);
    trial_destroy(t);
    return status;
}
