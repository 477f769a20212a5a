/* Tuning what a model needs on a device: its graph is planned once to learn the problems, each is tuned within its part of the
 * budget. */
#include "plan.h"

#include <socle/profile.h>
#include <string.h>

typedef struct tuning_run {
    hash128 *seen; /* problems met, each once */
    int seen_count, seen_capacity;
    bool measuring; /* the first pass only counts */
    const socle_tune_options *options;
    double deadline_s;
    int done, total;
    bool stopped;
    const char *problem; /* that is measured now */
} tuning_run;

static bool is_new(tuning_run *run, const problem *p, bool *failed)
{
    char name[256];
    problem_text(p, name, sizeof(name));
    const hash128 key = hash_string(name);
    for (int i = 0; i < run->seen_count; i++)
        if (hash_equal(run->seen[i], key))
            return false;
    *failed = !ARRAY_RESERVE(run->seen, run->seen_count, run->seen_capacity);
    if (!*failed)
        run->seen[run->seen_count++] = key;
    return !*failed;
}

static int watch(const char *solver, void *user)
{
    tuning_run *run = user;
    (void)solver;
    if (run->options->progress != NULL &&
        run->options->progress(run->problem, NULL, -1, -1, run->done, run->total, run->options->user) != 0)
        run->stopped = true;
    return run->stopped;
}

/* Problems left share what is left of the budget equally. A problem that cannot be tuned is not the end of the others. */
static socle_status tune_one(tuning_run *run, socle_device *device, const problem *p)
{
    char name[256];
    tuned best;
    double default_us = -1;
    const socle_tune_options *o = run->options;
    const double left_s = run->deadline_s - time_now_s();
    const double budget_s = left_s / (run->total > run->done ? run->total - run->done : 1);
    const tuner_options options = {o->level, budget_s > 0 ? budget_s : 0, o->refresh != 0, watch, run};
    if (left_s <= 0) {
        run->stopped = true;
        return SOCLE_OK;
    }
    problem_text(p, name, sizeof(name));
    run->problem = name;
    socle_status status = tuner_tune(device, p, &options, &best, &default_us);
    run->done++;
    if (status == SOCLE_OUT_OF_MEMORY)
        return status;
    if (status != SOCLE_OK && status != SOCLE_INTERRUPTED)
        log_write(&device->context->log, SOCLE_LOG_WARN, "%s: %s", name, socle_error_message());
    if (status == SOCLE_OK && o->progress != NULL &&
        o->progress(name, best.solver->name, best.us, default_us, run->done, run->total, o->user) != 0)
        run->stopped = true;
    return SOCLE_OK;
}

static socle_status on_problem(socle_device *device, const problem *p, void *user)
{
    tuning_run *run = user;
    bool failed = false;
    if (run->stopped || p->kind == PROBLEM_CUSTOM || !is_new(run, p, &failed))
        return failed ? SOCLE_OUT_OF_MEMORY : SOCLE_OK;
    return run->measuring ? tune_one(run, device, p) : SOCLE_OK;
}

static socle_status plan_once(socle_device *device, const socle_model *model, tuning_run *run)
{
    const socle_tune_options *o = run->options;
    const device_plan_options options = {.deterministic = o->deterministic != 0,
                                         .strict_accuracy = o->strict_accuracy != 0,
                                         .allow_tf32 = o->allow_tf32 != 0,
                                         .on_problem = on_problem,
                                         .on_problem_user = run};
    socle_graph *graph = NULL;
    device_plan *plan = NULL;
    socle_status status = graph_clone(model->graph, true, &graph);
    if (status == SOCLE_OK)
        status = graph_bind_shapes(graph, NULL, 0, o->batch > 0 ? o->batch : 1);
    if (status != SOCLE_OK) {
        socle_graph_destroy(graph);
        return status;
    }
    status = device_plan_create(device, graph, &options, &plan);
    device_plan_destroy(plan);
    return status;
}

socle_status socle_tune_model(socle_device *device, const socle_model *model, const socle_tune_options *options)
{
    const socle_tune_options defaults = SOCLE_TUNE_OPTIONS_INIT;
    const socle_tune_options *o = options != NULL ? options : &defaults;
    if (device == NULL || model == NULL || !(o->budget_s > 0))
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_tune_model: device and model must not be NULL, the budget above 0 s");
    if (o->level < SOCLE_TUNE_FAST || o->level > SOCLE_TUNE_EXHAUSTIVE)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_tune_model: there is no level %d", (int)o->level);
    tuning_run run = {.options = o, .deadline_s = time_now_s() + o->budget_s};
    socle_status status = plan_once(device, model, &run);
    run.total = run.seen_count;
    run.seen_count = 0;
    run.measuring = true;
    if (status == SOCLE_OK)
        status = plan_once(device, model, &run);
    memory_free(run.seen);
    return status;
}
