/* The tuner: the ways (solver x tuning) to do a problem are ranked by estimate, checked against the reference solver's result,
 * measured in turns so that drifts of the machine hit all alike, and the winner is kept in the store. A way is noted there before
 * it is tried: if it takes the process along, the next search knows which it was. */
#include "tuning.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SOLVERS 16
#define MAX_TUNINGS 64
#define MAX_CANDIDATES 256
#define MAX_SAMPLES 64
#define SETTLED_SAMPLES 9   /* quartiles of fewer say little */
#define ADMISSION_SHARE 0.7 /* of the budget; the rest is for taking turns */
#define ORACLE_SHARE 0.2    /* of the budget, that the result which others are compared with may take */
#define HOPELESS 1.3        /* times the best: after three samples each, it cannot win */
#define LASTING_S 5e-3      /* a run as long as this pushes out of the caches what it found there */
#define ASSUMED_SHARE 0.5   /* of the peak, that a solver reaches where nothing better is known of it */

typedef struct candidate {
    way way;
    double estimate_s;
    double samples[MAX_SAMPLES];
    int sample_count;
    double best_s, median_s, spread_s;
    workload *work; /* NULL: out */
    bool is_default;
} candidate;

static double estimate_s(const problem *p, socle_device *device, const way *w)
{
    if (w->solver->estimate)
        return w->solver->estimate(p, device, &w->tuning);
    return profile_estimate_us(profile_get(device), problem_flops(p) / ASSUMED_SHARE, problem_bytes(p)) * 1e-6;
}

/* ---- without measuring ---- */

/* The first tuning of each solver, and of these the one with the least estimate. */
static socle_status best_by_estimate(socle_device *device, const problem *p, const tuning_record *record, way *best)
{
    const solver *solvers[MAX_SOLVERS];
    tuning tunings[MAX_TUNINGS];
    double least = INFINITY;
    const int count = solver_candidates(p, device, solvers, MAX_SOLVERS);
    if (count == 0)
        return SOCLE_UNSUPPORTED;
    *best = (way){.solver = solvers[count - 1]};
    for (int i = 0; i < count; i++) {
        way w = {.solver = solvers[i]};
        const int total = record->failure_count > 0 ? solvers[i]->candidates(p, device, tunings, MAX_TUNINGS)
                                                    : solvers[i]->candidates(p, device, tunings, 1);
        int k = 0;
        for (w.tuning = tunings[0]; k < total && tuning_has_failed(record, &w);)
            w.tuning = ++k < total ? tunings[k] : w.tuning;
        if (k == total)
            continue;
        const double seconds = estimate_s(p, device, &w);
        if (seconds < least) {
            least = seconds;
            *best = w;
        }
    }
    return SOCLE_OK;
}

static socle_status best_known(socle_device *device, const problem *p, const tuning_record *record, tuned *best)
{
    way w;
    if (record->tuned) {
        *best = (tuned){record->best.solver, record->best.tuning, record->us};
        return SOCLE_OK;
    }
    if (!tuning_nearest(device, p, &w) || tuning_has_failed(record, &w)) {
        socle_status status = best_by_estimate(device, p, record, &w);
        if (status)
            return status;
    }
    *best = (tuned){w.solver, w.tuning, -1};
    return SOCLE_OK;
}

socle_status tuner_best(socle_device *device, const problem *p, tuned *best)
{
    if (problem_wants_instructions(p)) /* how it is done depends on what was probed */
        profile_get(device);
    tuning_record record;
    tuning_read(device, p, &record);
    return best_known(device, p, &record, best);
}

/* ---- a search ---- */

typedef struct search {
    socle_device *device;
    const problem *p;
    const tuner_options *options;
    tuning_record record;
    candidate *candidates;
    int count;
    workload *reference; /* NULL: it could not run */
    double admission_end_s, end_s;
    double longest_s; /* that making a candidate ready took */
    bool stopped, complete;
} search;

static bool is_alive(search *s, const way *w)
{
    if (!s->stopped && s->options->watch != NULL)
        s->stopped = s->options->watch(w->solver->name, s->options->user) != 0;
    return !s->stopped;
}

static int compare_candidates(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->is_default != y->is_default)
        return x->is_default ? -1 : 1;
    return (x->estimate_s > y->estimate_s) - (x->estimate_s < y->estimate_s);
}

/* The default first, then by estimate; at the faster levels not what is estimated far slower than the best. */
static void collect(search *s, const way *by_default)
{
    static const int tunings_of_level[] = {2, 12, MAX_TUNINGS};
    static const double furthest_of_level[] = {4, 8, INFINITY};
    const solver *solvers[MAX_SOLVERS];
    tuning tunings[MAX_TUNINGS];
    double least = INFINITY;
    s->candidates[s->count++] = (candidate){.way = *by_default, .is_default = true};
    const int solver_total = solver_candidates(s->p, s->device, solvers, MAX_SOLVERS);
    for (int i = 0; i < solver_total; i++) {
        const int total = solvers[i]->candidates(s->p, s->device, tunings, tunings_of_level[s->options->level]);
        for (int k = 0; k < total && s->count < MAX_CANDIDATES; k++) {
            const way w = {solvers[i], tunings[k]};
            if (!way_equal(&w, by_default) && !tuning_has_failed(&s->record, &w))
                s->candidates[s->count++] = (candidate){.way = w};
        }
    }
    for (int i = 0; i < s->count; i++) {
        s->candidates[i].estimate_s = estimate_s(s->p, s->device, &s->candidates[i].way);
        least = fmin(least, s->candidates[i].estimate_s);
    }
    qsort(s->candidates, (size_t)s->count, sizeof(*s->candidates), compare_candidates);
    while (s->count > 1 && s->candidates[s->count - 1].estimate_s > furthest_of_level[s->options->level] * least)
        s->count--;
}

/* ---- measuring ---- */

static void drop(candidate *c)
{
    workload_destroy(c->work);
    c->work = NULL;
}

static void sample(candidate *c, bool warm_up)
{
    double seconds;
    if ((warm_up && workload_run(c->work, NULL)) || workload_run(c->work, &seconds)) {
        c->best_s = INFINITY;
        drop(c);
        return;
    }
    c->best_s = fmin(c->best_s, seconds);
    c->samples[c->sample_count++ % MAX_SAMPLES] = seconds;
}

/* Makes the candidate ready, runs it once and compares its result with the reference's. */
static socle_status make_ready(search *s, candidate *c)
{
    socle_status status = workload_create_beside(s->reference, s->device, s->p, c->way.solver, &c->way.tuning, &c->work);
    if (!status)
        status = workload_run(c->work, NULL);
    if (!status && s->reference != NULL)
        status = workload_compare(c->work, s->reference);
    if (status)
        drop(c);
    return status;
}

/* False: it is out. What fails for another reason than memory is kept as failed. */
static bool admit(search *s, candidate *c)
{
    c->best_s = INFINITY;
    s->record.trying = c->way;
    s->record.process = (long)getpid();
    tuning_keep(s->device, s->p, &s->record);
    const socle_status status = make_ready(s, c);
    s->record.trying = (way){0};
    if (status) {
        char name[256];
        problem_text(s->p, name, sizeof(name));
        log_write(&s->device->context->log, SOCLE_LOG_WARN, "tuning '%s': %s is left out: %s", name, c->way.solver->name,
                  socle_error_message());
        if (status != SOCLE_OUT_OF_MEMORY && status != SOCLE_DEVICE_OUT_OF_MEMORY)
            tuning_add_failure(&s->record, &c->way, socle_error_message());
        return false;
    }
    for (int k = 0; k < 3 && c->work; k++)
        sample(c, false);
    return c->work != NULL;
}

/* One candidate after the other while there is time for one more; those clearly slower than the best so far leave at once and
 * free their memory. */
static int admit_all(search *s)
{
    int admitted = 0;
    double best_s = INFINITY;
    s->complete = true;
    for (int i = 0; i < s->count; i++) {
        candidate *c = &s->candidates[i];
        const double start_s = time_now_s();
        if (tuning_has_failed(&s->record, &c->way))
            continue;
        if (!is_alive(s, &c->way) || (admitted > 0 && start_s + s->longest_s > s->admission_end_s)) {
            s->complete = false;
            break;
        }
        const bool runs = admit(s, c);
        s->longest_s = fmax(s->longest_s, time_now_s() - start_s);
        if (!runs)
            continue;
        s->record.tried++;
        admitted++;
        best_s = fmin(best_s, c->best_s);
        for (int k = 0; k <= i; k++)
            if (s->candidates[k].work && !s->candidates[k].is_default && s->candidates[k].best_s > HOPELESS * best_s)
                drop(&s->candidates[k]);
    }
    return admitted;
}

static void summarize(candidate *c)
{
    double sorted[MAX_SAMPLES];
    const int count = c->sample_count < MAX_SAMPLES ? c->sample_count : MAX_SAMPLES;
    memcpy(sorted, c->samples, sizeof(double) * (size_t)count);
    c->median_s = statistics_percentile(sorted, count, 0.5);
    c->spread_s = statistics_percentile(sorted, count, 0.75) - statistics_percentile(sorted, count, 0.25);
}

static candidate *fastest(candidate *candidates, int count)
{
    candidate *best = NULL;
    for (int i = 0; i < count; i++) {
        if (!candidates[i].work)
            continue;
        summarize(&candidates[i]);
        if (best == NULL || candidates[i].median_s < best->median_s)
            best = &candidates[i];
    }
    return best;
}

/* Drops those whose better half is slower than the worse half of the best; true: only one is left in the race. */
static bool settle(candidate *candidates, int count)
{
    candidate *best = fastest(candidates, count);
    int racing = 0;
    for (int i = 0; i < count && best != NULL; i++) {
        candidate *c = &candidates[i];
        const bool behind = c != best && c->work != NULL && c->median_s - c->spread_s / 2 > best->median_s + best->spread_s / 2;
        if (behind && !c->is_default)
            drop(c);
        racing += c->work != NULL && !behind;
    }
    return racing <= 1;
}

/* Rounds over those left, until one is clearly ahead, the time is up or there are enough samples. Between two runs of a way
 * others had the caches, and not all lost the same: operands are everybody's, prepared weights one's own. So that each finds its
 * own there, the run behind another one of the same way counts. */
static candidate *race(search *s)
{
    for (int round = 1; round < MAX_SAMPLES - 3; round++) {
        for (int i = 0; i < s->count; i++) {
            candidate *c = &s->candidates[i];
            if (time_now_s() > s->end_s || !is_alive(s, &c->way))
                return fastest(s->candidates, s->count);
            if (c->work != NULL)
                sample(c, c->best_s < LASTING_S);
        }
        if (round >= SETTLED_SAMPLES && settle(s->candidates, s->count))
            break;
    }
    return fastest(s->candidates, s->count);
}

static void keep_winner(search *s, const candidate *winner, tuned *best)
{
    s->record.tuned = true;
    s->record.best = winner->way;
    s->record.us = winner->median_s * 1e6;
    s->record.spread = winner->spread_s / winner->median_s;
    s->record.samples = winner->sample_count;
    s->record.level = s->complete ? (int)s->options->level : TUNING_CUT_SHORT;
    *best = (tuned){winner->way.solver, winner->way.tuning, s->record.us};
}

/* The fallback is the oracle or, where one run of it would use up the budget, the last way of the table that leaves most of it;
 * where it cannot run (memory), results are compared with nobody's. */
static void make_reference(search *s)
{
    const solver *solvers[MAX_SOLVERS];
    way oracle = {0};
    for (int i = solver_candidates(s->p, s->device, solvers, MAX_SOLVERS) - 1; i >= 0; i--) {
        oracle.solver = solvers[i];
        if (estimate_s(s->p, s->device, &oracle) <= ORACLE_SHARE * s->options->budget_s)
            break;
    }
    if (workload_create(s->device, s->p, oracle.solver, &oracle.tuning, &s->reference) || workload_run(s->reference, NULL)) {
        workload_destroy(s->reference);
        s->reference = NULL;
    }
}

static socle_status run_search(search *s, tuned *best, double *default_us)
{
    make_reference(s);
    if (admit_all(s) == 0)
        return s->stopped ? socle_fail(SOCLE_INTERRUPTED, "tuning was stopped")
                          : socle_fail_in(SOCLE_UNSUPPORTED, "no solver could run the problem on %s", s->device->info.id);
    const candidate *winner = race(s);
    if (!winner)
        return socle_fail_in(SOCLE_DRIVER, "every solver failed while it was measured on %s", s->device->info.id);
    if (default_us != NULL && s->candidates[0].is_default && s->candidates[0].work != NULL)
        *default_us = s->candidates[0].median_s * 1e6;
    keep_winner(s, winner, best);
    return SOCLE_OK;
}

socle_status tuner_tune(socle_device *device, const problem *p, const tuner_options *options, tuned *best, double *default_us)
{
    const double start_s = time_now_s();
    search s = {.device = device,
                .p = p,
                .options = options,
                .admission_end_s = start_s + ADMISSION_SHARE * options->budget_s,
                .end_s = start_s + options->budget_s};
    if (default_us != NULL)
        *default_us = -1;
    tuning_read(device, p, &s.record);
    socle_status status = best_known(device, p, &s.record, best);
    if (status || (s.record.tuned && s.record.level >= (int)options->level && !options->refresh))
        return status;
    s.candidates = memory_alloc_array(MAX_CANDIDATES, sizeof(*s.candidates));
    if (!s.candidates)
        return SOCLE_OUT_OF_MEMORY;
    const way by_default = {best->solver, best->tuning};
    s.record.tried = 0;
    collect(&s, &by_default);
    status = run_search(&s, best, default_us);
    tuning_keep(device, p, &s.record);
    for (int i = 0; i < s.count; i++)
        drop(&s.candidates[i]);
    workload_destroy(s.reference);
    memory_free(s.candidates);
    return status;
}
