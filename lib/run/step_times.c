/* Times of single steps of a session. A step is run alone and then several times in a row: the difference is the step's own time,
 * without the cost of waiting for it. That needs no event timestamps, which some drivers do not have. Steps of inference read and
 * write different memory, so running one again changes nothing. */
#include "session.h"

#include <math.h>

#define REPEATS 8
#define ROUNDS 3

static socle_status time_chain(executor *e, int index, int repeats, double *seconds)
{
    const double start_s = time_now_s();
    socle_status status = SOCLE_OK;
    for (int i = 0; i < repeats && status == SOCLE_OK; i++)
        status = steps_enqueue_range(e->steps, e->queue, index, 1);
    if (status == SOCLE_OK)
        status = executor_wait(e);
    *seconds = time_now_s() - start_s;
    return status;
}

static socle_status time_step(executor *e, int index, double *us)
{
    double one_s = INFINITY, many_s = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        double seconds;
        socle_status status = time_chain(e, index, 1, &seconds);
        one_s = fmin(one_s, seconds);
        if (status == SOCLE_OK)
            status = time_chain(e, index, 1 + REPEATS, &seconds);
        many_s = fmin(many_s, seconds);
        if (status != SOCLE_OK)
            return status;
    }
    *us = fmax(many_s - one_s, 0) / REPEATS * 1e6;
    return SOCLE_OK;
}

static socle_status time_executor(executor *e, void (*visitor)(const socle_step_time *, void *), void *user)
{
    for (int i = 0; i < e->plan->steps.count; i++) {
        const step *s = &e->plan->steps.items[i];
        socle_step_time time = {.op = s->operators != NULL ? s->operators : "",
                                .kernel = s->kernel != NULL ? s->kernel : "",
                                .algorithm = s->algorithm != NULL ? s->algorithm : "",
                                .device = e->plan->device->info.id};
        socle_status status = time_step(e, i, &time.us);
        if (status != SOCLE_OK)
            return status;
        visitor(&time, user);
    }
    return SOCLE_OK;
}

socle_status socle_session_profile(socle_session *session, const socle_tensor *inputs, int input_count,
                                   void (*visitor)(const socle_step_time *step, void *user), void *user)
{
    if (session == NULL || visitor == NULL || inputs == NULL || input_count != session->first->input_count)
        return socle_fail(SOCLE_INVALID_ARGUMENT,
                          "socle_session_profile: session, inputs and visitor must not be NULL, and the inputs "
                          "as many as the model has");
    variant *v = session->first;
    if (!variant_fits(v, inputs))
        return socle_fail(SOCLE_SHAPE_MISMATCH, "socle_session_profile: the inputs must have the planned shapes");
    pthread_mutex_lock(&v->lock);
    for (int i = 0; i < input_count; i++)
        v->from[i] = inputs[i].data;
    for (int i = 0; i < v->output_count; i++)
        v->to[i] = NULL;
    socle_status status = shards_run(v->shards, v->from, v->to);
    for (int i = 0; i < v->shards->count && status == SOCLE_OK; i++)
        status = time_executor(v->shards->executors[i], visitor, user);
    pthread_mutex_unlock(&v->lock);
    return status;
}
