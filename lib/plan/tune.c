/* Tuning what a model needs on a device: its graph is planned once to learn the problems, each is tuned within its part of the budget. */
#include "plan.h"

#include <socle/profile.h>
#include <string.h>

typedef struct tuning_run {
    hash128 *seen; /* problems met, each once */
    int seen_count, seen_capacity;
    bool measuring; /* the first pass only counts */
    socle_tune_level level;
    double deadline_s;
    int done, total;
    bool stopped;
    socle_tune_progress progress;
    void *user;
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

/* Problems left share what is left of the budget equally. A problem that cannot be tuned is not the end of the others. */
static socle_status tune_one(tuning_run *run, socle_device *device, const problem *p)
{
    char name[256];
    tuned best;
    double default_us = -1;
    const double left_s = run->deadline_s - time_now_s();
    if (left_s <= 0) {
        run->stopped = true;
        return SOCLE_OK;
    }
    const double budget_s = left_s / (run->total > run->done ? run->total - run->done : 1);
    socle_status status = tuner_tune(device, p, run->level, budget_s, &best, &default_us);
    run->done++;
    if (status == SOCLE_OUT_OF_MEMORY)
        return status;
    problem_text(p, name, sizeof(name));
    if (status != SOCLE_OK) {
        log_write(&device->context->log, SOCLE_LOG_WARN, "%s: %s", name, socle_error_message());
        return SOCLE_OK;
    }
    if (run->progress != NULL &&
        run->progress(name, best.solver->name, best.us, default_us, run->done, run->total, run->user) != 0)
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

static socle_status plan_once(socle_device *device, const socle_model *model, int64_t batch, tuning_run *run)
{
    const device_plan_options options = {.on_problem = on_problem, .on_problem_user = run};
    socle_graph *graph = NULL;
    device_plan *plan = NULL;
    socle_status status = graph_clone(model->graph, true, &graph);
    if (status == SOCLE_OK)
        status = graph_bind_shapes(graph, NULL, 0, batch > 0 ? batch : 1);
    if (status != SOCLE_OK) {
        socle_graph_destroy(graph);
        return status;
    }
    status = device_plan_create(device, graph, &options, &plan);
    device_plan_destroy(plan);
    return status;
}

socle_status socle_tune_model(socle_device *device, const socle_model *model, int64_t batch, socle_tune_level level,
                              double budget_s, socle_tune_progress progress, void *user)
{
    if (device == NULL || model == NULL || budget_s <= 0)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_tune_model: device and model must not be NULL, the budget above 0 s");
    tuning_run run = {.level = level, .progress = progress, .user = user, .deadline_s = time_now_s() + budget_s};
    socle_status status = plan_once(device, model, batch, &run);
    run.total = run.seen_count;
    run.seen_count = 0;
    run.measuring = true;
    if (status == SOCLE_OK)
        status = plan_once(device, model, batch, &run);
    memory_free(run.seen);
    return status;
}
