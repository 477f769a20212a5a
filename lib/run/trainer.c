/* Trainers: a placement is decided for the model's training, its plans are made, and steps run on them. */
#include "trainer.h"

#include <math.h>
#include <string.h>

/* ---- options ---- */

static socle_status refuse(const char *option, const char *range)
{
    return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_trainer_create: %s must be %s", option, range);
}

static bool in_unit(double value)
{
    return value >= 0 && value < 1;
}

static socle_status check_options(const socle_trainer_options *o)
{
    if (o->batch < 1)
        return refuse("batch", "at least 1");
    if (o->accumulate < 0)
        return refuse("accumulate", "0 or more");
    if (!(o->lr >= 0) || isinf(o->lr))
        return refuse("lr", "finite and not negative");
    if (!(o->momentum >= 0) || !(o->weight_decay >= 0) || !(o->epsilon >= 0) || !(o->clip_norm >= 0))
        return refuse("momentum, weight_decay, epsilon and clip_norm", "not negative");
    if (!in_unit(o->beta1) || !in_unit(o->beta2))
        return refuse("beta1 and beta2", "from 0 to below 1");
    if (o->nesterov && (o->optimizer != SOCLE_SGD || o->momentum == 0))
        return refuse("nesterov", "used with SGD and a momentum");
    if ((int)o->optimizer < 0 || o->optimizer > SOCLE_ADAMW)
        return refuse("optimizer", "one of socle_optimizer");
    if ((int)o->schedule < 0 || o->schedule > SOCLE_SCHEDULE_LINEAR)
        return refuse("schedule", "one of socle_schedule");
    if (o->schedule != SOCLE_SCHEDULE_CONSTANT && o->schedule_steps < 1)
        return refuse("schedule_steps", "at least 1 with this schedule");
    return SOCLE_OK;
}

static socle_status take_options(socle_trainer *t, const socle_trainer_options *options)
{
    t->options = (socle_trainer_options)SOCLE_TRAINER_OPTIONS_INIT;
    if (options != NULL) {
        const size_t known = options->size < sizeof(t->options) ? options->size : sizeof(t->options);
        memcpy(&t->options, options, known);
    }
    const char *devices = t->options.devices;
    t->options.devices = NULL;
    socle_status status = check_options(&t->options);
    if (status != SOCLE_OK)
        return status;
    if (devices != NULL && strcmp(devices, "auto") != 0 && (t->options.devices = memory_copy_string(devices)) == NULL)
        return SOCLE_OUT_OF_MEMORY;
    t->plan_options = (socle_plan_options)SOCLE_PLAN_OPTIONS_INIT;
    t->plan_options.goal = SOCLE_GOAL_TRAINING;
    t->plan_options.batch = t->options.batch;
    t->plan_options.devices = t->options.devices;
    t->plan_options.budget_s = t->options.budget_s;
    t->plan_options.deterministic = t->options.deterministic;
    t->plan_options.strict_accuracy = t->options.strict_accuracy;
    t->plan_options.allow_tf32 = t->options.allow_tf32;
    return SOCLE_OK;
}

/* ---- placement ---- */

static socle_status describe_placement(socle_trainer *t)
{
    const socle_plan *plan = t->plan;
    const placement *chosen = &plan->candidates[plan->chosen];
    text line = {0};
    text_addf(&line, "%s: %.4g ms a step %s", chosen->text, chosen->measured_ms >= 0 ? chosen->measured_ms : chosen->estimated_ms,
              chosen->measured_ms >= 0 ? "measured" : "estimated");
    text_addf(&line, "; %s", chosen->reason != NULL ? chosen->reason : "");
    for (int i = 0; i < plan->candidate_count; i++)
        if (i != plan->chosen)
            text_addf(&line, "; %s: %s", plan->candidates[i].text,
                      plan->candidates[i].reason != NULL ? plan->candidates[i].reason : "");
    memory_free(t->placement);
    t->placement = text_take(&line);
    return t->placement != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
}

static void note_times(socle_trainer *t, double total_ms)
{
    socle_session_times *times = &t->times;
    *times = (socle_session_times){0};
    for (int i = 0; i < t->first->count; i++) {
        const executor *e = t->first->executors[i];
        times->compile_ms += e->compile_ms;
        times->device[i] = t->devices[i]->info.id;
        times->share[i] = t->shares[i];
        if (e->plan->peak_bytes > times->peak_memory_bytes)
            times->peak_memory_bytes = e->plan->peak_bytes;
    }
    times->device_count = t->first->count;
    times->load_ms = total_ms - times->compile_ms;
}

/* Executors that borrow states go before the one that owns them. */
void trainer_drop(socle_trainer *t)
{
    for (evaluation_variant *v = t->evaluations, *next; v != NULL; v = next) {
        next = v->next;
        executor_destroy(v->executor);
        memory_free(v);
    }
    t->evaluations = NULL;
    trainer_finish_together(t);
    for (training_variant *v = t->first != NULL ? t->first->next : NULL, *next; v != NULL; v = next) {
        next = v->next;
        training_variant_destroy(v);
    }
    training_variant_destroy(t->first);
    t->first = NULL;
    for (int i = 0; i < t->state_count; i++)
        memory_free(t->states[i].name);
    t->state_count = 0;
}

static socle_status show_parts(socle_trainer *t)
{
    device_plan *parts[PLACEMENT_MAX_DEVICES];
    for (int i = 0; i < t->first->count; i++)
        parts[i] = t->first->executors[i]->plan;
    return plan_show_parts(t->plan, parts, t->first->count);
}

socle_status trainer_place(socle_trainer *t, const placement *chosen)
{
    trainer_drop(t);
    t->device_count = chosen->device_count;
    for (int i = 0; i < chosen->device_count; i++) {
        t->devices[i] = chosen->devices[i];
        t->shares[i] = chosen->share[i];
    }
    socle_status status = training_variant_create(t, NULL, t->options.batch, &t->first);
    if (status == SOCLE_OK && t->device_count > 1)
        status = trainer_prepare_together(t);
    return status == SOCLE_OK ? trainer_list_states(t) : status;
}

socle_status trainer_show(socle_trainer *t, double start_s)
{
    socle_status status = show_parts(t);
    if (status == SOCLE_OK)
        status = describe_placement(t);
    if (status == SOCLE_OK)
        note_times(t, (time_now_s() - start_s) * 1e3);
    return status;
}

static socle_status prepare(socle_trainer *t)
{
    const double start_s = time_now_s();
    socle_status status = trainer_choose(t);
    if (status == SOCLE_OK)
        status = trainer_place(t, &t->plan->candidates[t->plan->chosen]);
    return status == SOCLE_OK ? trainer_show(t, start_s) : status;
}

static socle_status check_model(const socle_model *model)
{
    const socle_graph *graph = model->graph;
    if (graph->input_count < 1 || graph->output_count < 1)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "the model has no input or no output: it cannot be trained");
    if (graph->input_count > TRAINER_MAX_INPUTS)
        return socle_fail(SOCLE_UNSUPPORTED, "the model has %d inputs: at most %d can be trained", graph->input_count,
                          TRAINER_MAX_INPUTS);
    return SOCLE_OK;
}

socle_status socle_trainer_create(socle_context *context, const socle_model *model, const socle_trainer_options *options,
                                  socle_trainer **out)
{
    if (context == NULL || model == NULL || out == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_trainer_create: context, model and trainer must not be NULL");
    socle_trainer *t = memory_alloc(sizeof(*t));
    if (t == NULL)
        return SOCLE_OUT_OF_MEMORY;
    t->context = context;
    t->model = model;
    t->plan = memory_alloc(sizeof(*t->plan));
    socle_status status = t->plan != NULL ? take_options(t, options) : SOCLE_OUT_OF_MEMORY;
    if (status == SOCLE_OK)
        status = check_model(model);
    if (status == SOCLE_OK)
        status = prepare(t);
    if (status != SOCLE_OK)
        socle_trainer_destroy(t);
    else
        *out = t;
    return status;
}

void socle_trainer_destroy(socle_trainer *t)
{
    if (t == NULL)
        return;
    if (t->pending_count > 0)
        executor_wait(t->first->executors[0]);
    socle_plan_destroy(t->plan); /* shows parts of the variants: goes first */
    trainer_drop(t);
    for (int i = 0; i < TRAINER_AHEAD; i++)
        for (int k = 0; k <= TRAINER_MAX_INPUTS; k++)
            memory_free(t->pending[i].copies[k]);
    memory_free(t->states);
    memory_free((void *)t->options.devices);
    memory_free(t->placement);
    memory_free(t);
}

/* ---- steps ---- */

/* A step that is not waited for needs a free place among the pending ones. */
static socle_status next_place(socle_trainer *t, pending_step **step)
{
    if (t->pending_count == TRAINER_AHEAD) {
        socle_status status = trainer_drain(t);
        if (status != SOCLE_OK)
            return status;
    }
    *step = &t->pending[t->pending_count];
    return SOCLE_OK;
}

socle_status socle_trainer_step(socle_trainer *trainer, const socle_tensor *inputs, int input_count, const socle_tensor *labels,
                                double *loss)
{
    if (trainer == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_trainer_step: the trainer must not be NULL");
    socle_trainer *t = trainer;
    training_variant *v = NULL;
    pending_step *step = NULL;
    double mean = 0;
    socle_status status = trainer_check_inputs(t, inputs, input_count);
    if (status == SOCLE_OK)
        status = training_variant_find(t, inputs, &v);
    if (status == SOCLE_OK)
        status = trainer_check_labels(t, &v->output, &v->labels, labels);
    if (status == SOCLE_OK)
        status = next_place(t, &step);
    if (status != SOCLE_OK)
        return status;
    step->variant = v;
    trainer_fill_hyper(t, inputs[0].dims[0], step);
    if (t->device_count > 1) {
        for (int i = 0; i < input_count; i++)
            step->inputs[i] = inputs[i].data;
        step->labels = labels->data;
        status = trainer_step_together(t, step, &mean);
    } else {
        status = trainer_step_alone(t, step, inputs, labels, loss != NULL, &mean);
    }
    if (status != SOCLE_OK)
        return status;
    trainer_count(t, inputs[0].dims[0]);
    if (loss != NULL)
        *loss = mean;
    return SOCLE_OK;
}

/* ---- what is known of it ---- */

double socle_trainer_lr(const socle_trainer *trainer)
{
    return trainer_learning_rate(&trainer->options, trainer->steps);
}

int64_t socle_trainer_steps(const socle_trainer *trainer)
{
    return trainer->steps;
}

const char *socle_trainer_placement(const socle_trainer *trainer)
{
    return trainer->placement;
}

void socle_trainer_get_times(const socle_trainer *trainer, socle_session_times *times)
{
    *times = trainer->times;
}

socle_plan *socle_trainer_plan(const socle_trainer *trainer)
{
    return trainer->plan;
}
