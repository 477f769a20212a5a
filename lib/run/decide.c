/* Choosing a placement: from the store's decision if there is one; else candidates by estimate, of which the best few are made
 * and measured as a whole within the budget. Estimates rank, measurements decide, and the winner is kept with the figures of all.
 */
#include "run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_BUDGET_S 2.0
#define MAX_MEASURED 6
#define TOO_FAR 20.0 /* estimates are not so wrong that a candidate estimated this much slower would win */
#define CLOSE 1.5    /* nor is what is estimated this much slower than another measures likely to win */

/* ---- executors, with what the device's memory allows ---- */

static socle_status make_executor(const placement_work *work, socle_device *device, int64_t rows, bool compact, executor **out)
{
    device_plan *part = NULL;
    const double start_s = time_now_s();
    socle_status status =
        compact ? placement_part(work, device, rows, true, &part) : placement_fitting_part(work, device, rows, &compact, &part);
    const double planned_s = time_now_s();
    if (status == SOCLE_OK && compact)
        log_write(&work->context->log, SOCLE_LOG_WARN, "%s: weights are not prepacked: its memory would not suffice",
                  device->info.id);
    if (status == SOCLE_OK)
        status = executor_create(part, out);
    if (status == SOCLE_OK)
        (*out)->load_ms += (planned_s - start_s) * 1e3;
    return status;
}

socle_status placement_executor(const placement_work *work, socle_device *device, int64_t rows, executor **out)
{
    socle_status status = make_executor(work, device, rows, false, out);
    if (status != SOCLE_DEVICE_OUT_OF_MEMORY)
        return status;
    device_pool_trim(device);
    status = make_executor(work, device, rows, false, out);
    if (status != SOCLE_DEVICE_OUT_OF_MEMORY)
        return status;
    device_pool_trim(device);
    return make_executor(work, device, rows, true, out);
}

/* ---- measuring candidates ---- */

static void set_reason(placement *c, const char *format, ...) SOCLE_PRINTF(2, 3);
static void set_reason(placement *c, const char *format, ...)
{
    char reason[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    memory_free(c->reason);
    c->reason = memory_copy_string(reason);
}

static socle_status measure_parts(const placement_work *work, const placement *c, double budget_s, double *seconds)
{
    shards *s = NULL;
    const bool in_flight = work->options->goal == SOCLE_GOAL_THROUGHPUT;
    socle_status status = shards_create(work, c, &s);
    if (status == SOCLE_OK)
        status = shards_measure(s, in_flight, budget_s, seconds);
    shards_destroy(s);
    return status;
}

/* A candidate that fails is ruled out; only host memory running out ends the search. */
static socle_status measure_candidate(const placement_work *work, placement *c, double budget_s)
{
    double seconds = 0;
    socle_status status =
        work->measure != NULL ? work->measure(work->user, c, budget_s, &seconds) : measure_parts(work, c, budget_s, &seconds);
    if (status == SOCLE_OK) {
        c->measured_ms = seconds * 1e3;
    } else {
        c->ruled_out = true;
        c->failure = status;
        set_reason(c, "%s", socle_error_message());
    }
    return status == SOCLE_OUT_OF_MEMORY ? status : SOCLE_OK;
}

/* What a candidate's estimate is compared with: the time measured or, between parts of one device, whose estimates are wrong by
 * the same factor, the estimate; other work on the machine does not change that. */
static double compared_ms(const placement *c, const placement *best)
{
    const bool alike =
        c->device_count == 1 && best->device_count == 1 && device_whole(c->devices[0]) == device_whole(best->devices[0]);
    return alike ? best->estimated_ms : best->measured_ms;
}

/* Whether measuring could still change the answer. Making a candidate can take far longer than running it: where the first one
 * took longer than the whole budget, another is made only if its estimate comes close to the best one's time. */
static bool worth_measuring(const placement *c, const placement *best, double least_ms, bool costly)
{
    return c->estimated_ms <= TOO_FAR * least_ms && !(costly && c->estimated_ms > CLOSE * compared_ms(c, best));
}

static socle_status measure_best(const placement_work *work, socle_plan *plan, double budget_s)
{
    double deadline_s = 0; /* the budget is for comparing: the first candidate's programs would have been compiled anyway */
    const double start_s = time_now_s(), least_ms = plan->candidates[0].estimated_ms;
    const placement *best = NULL;
    bool costly = false;
    int measured = 0;
    for (int i = 0; i < plan->candidate_count && measured < MAX_MEASURED; i++) {
        placement *c = &plan->candidates[i];
        if (c->ruled_out || (best != NULL && (time_now_s() > deadline_s || !worth_measuring(c, best, least_ms, costly))))
            continue;
        socle_status status = measure_candidate(work, c, budget_s / (2 * MAX_MEASURED));
        if (status != SOCLE_OK)
            return status;
        if (c->ruled_out)
            continue;
        if (best == NULL) {
            costly = time_now_s() - start_s > budget_s;
            deadline_s = time_now_s() + budget_s;
        }
        if (best == NULL || c->measured_ms < best->measured_ms)
            best = c;
        measured++;
    }
    return SOCLE_OK;
}

/* ---- the winner, and why ---- */

/* Other work on the machine shifts a few long runs by this much, for as long as it goes on: a device of which half the cores are
 * busy then looks like its own half, and the decision is kept. Runs of less than WORTH_DOUBTING_MS are many when they are
 * measured. */
#define DISTURBANCE 1.25
#define WORTH_DOUBTING_MS 1.0

static double figure_ms(const placement *c)
{
    return c->measured_ms >= 0 ? c->measured_ms : c->estimated_ms;
}

/* Measured candidates come before those that are only estimated. */
static bool better(const placement *a, const placement *b)
{
    if ((a->measured_ms >= 0) != (b->measured_ms >= 0))
        return a->measured_ms >= 0;
    return figure_ms(a) < figure_ms(b);
}

/* a was measured slower than b by no more than what a disturbance makes, and its estimate is further ahead than that. */
static bool better_undisturbed(const placement *a, const placement *b)
{
    return b->measured_ms >= WORTH_DOUBTING_MS && a->measured_ms >= 0 && a->measured_ms <= DISTURBANCE * b->measured_ms &&
           a->estimated_ms * DISTURBANCE < b->estimated_ms;
}

static int find_fastest(const socle_plan *plan)
{
    int fastest = -1;
    for (int i = 0; i < plan->candidate_count; i++)
        if (!plan->candidates[i].ruled_out && (fastest < 0 || better(&plan->candidates[i], &plan->candidates[fastest])))
            fastest = i;
    return fastest;
}

/* Candidates stand in the order of their estimates. */
static int find_winner(const socle_plan *plan, int fastest)
{
    for (int i = 0; i < plan->candidate_count; i++)
        if (!plan->candidates[i].ruled_out && better_undisturbed(&plan->candidates[i], &plan->candidates[fastest]))
            return i;
    return fastest;
}

static void explain(socle_plan *plan, const placement *fastest)
{
    placement *winner = &plan->candidates[plan->chosen];
    winner->chosen = true;
    if (winner != fastest)
        set_reason(
            winner,
            "chosen: measured %.2f times slower than %s, which other work on the machine can cause, estimated %.2f times faster",
            winner->measured_ms / fastest->measured_ms, fastest->text, fastest->estimated_ms / winner->estimated_ms);
    else
        set_reason(winner, winner->measured_ms >= 0 ? "chosen: measured fastest" : "chosen: least estimated time, not measured");
    for (int i = 0; i < plan->candidate_count; i++) {
        placement *c = &plan->candidates[i];
        if (c == winner || c->ruled_out)
            continue;
        if (c->measured_ms >= winner->measured_ms && c->measured_ms >= 0)
            set_reason(c, "measured %.2f times slower", c->measured_ms / winner->measured_ms);
        else if (c->measured_ms >= 0)
            set_reason(c, "measured %.2f times faster, estimated %.2f times slower", winner->measured_ms / c->measured_ms,
                       c->estimated_ms / winner->estimated_ms);
        else
            set_reason(c, "estimated %.2f times slower than the chosen one's estimate; not measured",
                       c->estimated_ms / winner->estimated_ms);
    }
}

bool placement_choose(socle_plan *plan)
{
    const int fastest = find_fastest(plan);
    if (fastest < 0)
        return false;
    plan->chosen = find_winner(plan, fastest);
    explain(plan, &plan->candidates[fastest]);
    return true;
}

socle_status placement_decide(const placement_work *work, socle_plan *plan)
{
    const socle_plan_options *options = work->options;
    const double budget_s = options->budget_s < 0 ? DEFAULT_BUDGET_S : options->budget_s;
    plan->context = work->context;
    plan->goal = options->goal;
    plan->batch = options->batch > 0 ? options->batch : 1;
    plan->model_name = memory_copy_string(socle_model_name(work->model));
    if (plan->model_name == NULL)
        return SOCLE_OUT_OF_MEMORY;
    if (!options->refresh && decision_read(work, plan)) {
        plan->from_store = true;
        return SOCLE_OK;
    }
    socle_status status = placement_candidates(work, plan);
    if (status == SOCLE_OK && budget_s > 0)
        status = measure_best(work, plan, budget_s);
    if (status != SOCLE_OK)
        return status;
    if (!placement_choose(plan))
        return socle_fail(plan->candidates[0].failure, "%s: %s", plan->candidates[0].text, plan->candidates[0].reason);
    decision_keep(work, plan);
    return SOCLE_OK;
}

/* ---- plans without running them ---- */

static socle_status make_parts(const placement_work *work, socle_plan *plan)
{
    const placement *chosen = &plan->candidates[plan->chosen];
    plan->parts = memory_alloc_array((size_t)chosen->device_count, sizeof(device_plan *));
    if (plan->parts == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int i = 0; i < chosen->device_count; i++) {
        bool compact;
        socle_status status = placement_fitting_part(work, chosen->devices[i], chosen->rows[i], &compact, &plan->parts[i]);
        if (status != SOCLE_OK)
            return status;
        plan->part_count++;
    }
    return SOCLE_OK;
}

socle_status socle_plan_create(socle_context *context, const socle_model *model, const socle_plan_options *options,
                               socle_plan **out)
{
    const socle_plan_options defaults = SOCLE_PLAN_OPTIONS_INIT;
    if (context == NULL || model == NULL || out == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_plan_create: context, model and plan must not be NULL");
    const socle_plan_options *asked = options != NULL ? options : &defaults;
    socle_trainer_options training = SOCLE_TRAINER_OPTIONS_INIT;
    training.batch = asked->batch > 0 ? asked->batch : 1;
    training.momentum = 0.9;
    const bool trains = asked->goal == SOCLE_GOAL_TRAINING;
    const placement_work work = {.context = context, .model = model, .options = asked, .training = trains ? &training : NULL};
    socle_plan *plan = memory_alloc(sizeof(*plan));
    if (plan == NULL)
        return SOCLE_OUT_OF_MEMORY;
    socle_status status = trains ? trainer_decide(&work, plan) : placement_decide(&work, plan);
    if (status == SOCLE_OK)
        status = make_parts(&work, plan);
    if (status != SOCLE_OK)
        socle_plan_destroy(plan);
    else
        *out = plan;
    return status;
}
