/* The tuner: candidates (solver x tuning) of a problem are ranked by estimate, checked against the reference solver's result, measured in
 * turns so that drifts of the machine hit all alike, and the winner is kept in the store. */
#include "profile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SOLVERS 16
#define MAX_TUNINGS 64
#define MAX_CANDIDATES 256
#define MAX_SAMPLES 64

/* ---- what is kept ---- */

static hash128 tuning_key(const socle_device *device, const problem *p, char text[256])
{
    problem_text(p, text, 256);
    const hash128 machine = hash_combine(hash_string(device->identity), hash_string(socle_version()));
    return hash_combine(machine, hash_combine(hash_string(text), hash_string(p->deterministic ? "deterministic" : "")));
}

static void keep(socle_device *device, const problem *p, const tuned *best)
{
    char text_of_problem[256];
    text line = {0};
    const hash128 key = tuning_key(device, p, text_of_problem);
    text_addf(&line, "%s %.9g", best->solver->name, best->us);
    for (int i = 0; i < TUNING_MAX; i++)
        text_addf(&line, " %d", best->tuning.value[i]);
    if (!line.failed) /* a store that cannot be written costs time on the next start, nothing else */
        store_put(device->context->store, "tuning", key, text_of_problem, device->info.id, line.data, line.length + 1);
    text_finish(&line);
}

static bool read_kept(socle_device *device, const problem *p, tuned *best)
{
    char text_of_problem[256], name[64];
    void *bytes = NULL;
    size_t size_bytes = 0;
    int used = 0;
    bool found = false;
    const hash128 key = tuning_key(device, p, text_of_problem);
    if (store_get(device->context->store, "tuning", key, &bytes, &size_bytes, NULL))
        return false;
    const char *line = bytes;
    if (size_bytes && line[size_bytes - 1] == 0 && sscanf(line, "%63s %lf%n", name, &best->us, &used) == 2) {
        best->solver = solver_find(name);
        found = best->solver && best->solver->kind == p->kind && best->solver->applicable(p, device);
        for (int i = 0; i < TUNING_MAX && found; i++) {
            int step = 0;
            found = sscanf(line + used, "%d%n", &best->tuning.value[i], &step) == 1;
            used += step;
        }
    }
    memory_free(bytes);
    return found;
}

/* ---- candidates ---- */

typedef struct candidate {
    const solver *solver;
    tuning tuning;
    double estimate_s;
    double samples[MAX_SAMPLES];
    int sample_count;
    double best_s, median_s;
    workload *work;
} candidate;

/* Share of the peak that a solver reaches where nothing better is known of it. */
#define ASSUMED_SHARE 0.5

static double estimate_s(const problem *p, socle_device *device, const solver *s, const tuning *t)
{
    if (s->estimate)
        return s->estimate(p, device, t);
    return profile_estimate_us(profile_get(device), problem_flops(p) / ASSUMED_SHARE, problem_bytes(p)) * 1e-6;
}

socle_status tuner_best(socle_device *device, const problem *p, tuned *best)
{
    const solver *solvers[MAX_SOLVERS];
    if (read_kept(device, p, best))
        return SOCLE_OK;
    const int count = solver_candidates(p, device, solvers, MAX_SOLVERS);
    if (count == 0)
        return SOCLE_UNSUPPORTED;
    double least = INFINITY;
    for (int i = 0; i < count; i++) {
        tuning first = {{0}};
        solvers[i]->candidates(p, device, &first, 1);
        const double seconds = estimate_s(p, device, solvers[i], &first);
        if (seconds < least) {
            least = seconds;
            *best = (tuned){solvers[i], first, -1};
        }
    }
    return SOCLE_OK;
}

static int compare_estimates(const void *a, const void *b)
{
    const double x = ((const candidate *)a)->estimate_s, y = ((const candidate *)b)->estimate_s;
    return (x > y) - (x < y);
}

static int collect(socle_device *device, const problem *p, socle_tune_level level, candidate *out)
{
    static const int tunings_of_level[] = {2, 12, MAX_TUNINGS};
    const solver *solvers[MAX_SOLVERS];
    tuning tunings[MAX_TUNINGS];
    int count = 0;
    const int solver_total = solver_candidates(p, device, solvers, MAX_SOLVERS);
    for (int i = 0; i < solver_total; i++) {
        const int tuning_total = solvers[i]->candidates(p, device, tunings, tunings_of_level[level]);
        for (int k = 0; k < tuning_total && count < MAX_CANDIDATES; k++)
            out[count++] = (candidate){.solver = solvers[i], .tuning = tunings[k],
                                       .estimate_s = estimate_s(p, device, solvers[i], &tunings[k])};
    }
    qsort(out, (size_t)count, sizeof(*out), compare_estimates);
    return count;
}

/* ---- measuring ---- */

static void sample(candidate *c)
{
    double seconds;
    if (workload_run(c->work, &seconds)) {
        c->best_s = INFINITY;
        workload_destroy(c->work);
        c->work = NULL;
        return;
    }
    c->best_s = fmin(c->best_s, seconds);
    c->samples[c->sample_count++ % MAX_SAMPLES] = seconds;
}

/* Makes the candidate ready, compares its result with the reference's and takes a first sample; false: it is out. */
static bool admit(socle_device *device, const problem *p, candidate *c, workload *reference)
{
    c->best_s = INFINITY;
    if (workload_create(device, p, c->solver, &c->tuning, &c->work)) {
        log_write(&device->context->log, SOCLE_LOG_INFO, "%s left out: %s", c->solver->name, socle_error_message());
        return false;
    }
    if (workload_run(c->work, NULL) || (reference && workload_compare(c->work, reference))) {
        log_write(&device->context->log, SOCLE_LOG_WARN, "%s left out: %s", c->solver->name, socle_error_message());
        workload_destroy(c->work);
        c->work = NULL;
        return false;
    }
    sample(c);
    return c->work != NULL;
}

static void drop(candidate *c)
{
    workload_destroy(c->work);
    c->work = NULL;
}

/* One candidate after the other within the deadline; those clearly slower than the best so far leave at once and free their memory. */
static int admit_all(socle_device *device, const problem *p, candidate *candidates, int count, workload *reference,
                     double deadline_s)
{
    int admitted = 0;
    double best_s = INFINITY;
    for (int i = 0; i < count && (admitted == 0 || time_now_s() < deadline_s); i++) {
        candidate *c = &candidates[i];
        if (!admit(device, p, c, reference))
            continue;
        for (int k = 0; k < 2 && c->work; k++)
            sample(c);
        best_s = fmin(best_s, c->best_s);
        admitted++;
        for (int k = 0; k <= i; k++)
            if (candidates[k].work && candidates[k].best_s > 1.3 * best_s)
                drop(&candidates[k]);
    }
    return admitted;
}

/* Rounds over those left, until the deadline or enough samples. */
static candidate *measure_all(candidate *candidates, int count, double deadline_s)
{
    for (int round = 0; round < MAX_SAMPLES - 4 && time_now_s() < deadline_s; round++)
        for (int i = 0; i < count; i++)
            if (candidates[i].work)
                sample(&candidates[i]);
    candidate *winner = NULL;
    for (int i = 0; i < count; i++) {
        candidate *c = &candidates[i];
        if (!c->work)
            continue;
        const int samples = c->sample_count < MAX_SAMPLES ? c->sample_count : MAX_SAMPLES;
        c->median_s = statistics_percentile(c->samples, samples, 0.5);
        if (!winner || c->median_s < winner->median_s)
            winner = c;
    }
    return winner;
}

socle_status tuner_tune(socle_device *device, const problem *p, socle_tune_level level, double budget_s, tuned *best,
                        double *default_us)
{
    const double start_s = time_now_s();
    tuned before;
    workload *reference = NULL;
    socle_status status = tuner_best(device, p, &before);
    if (status)
        return status;
    candidate *candidates = memory_alloc_array(MAX_CANDIDATES, sizeof(*candidates));
    if (!candidates)
        return SOCLE_OUT_OF_MEMORY;
    const int count = collect(device, p, level, candidates);
    const solver *solvers[MAX_SOLVERS];
    const int solver_total = solver_candidates(p, device, solvers, MAX_SOLVERS);
    const tuning plain = {{0}};
    /* The fallback is the oracle; where it cannot run (memory), results are compared with nobody's. */
    if (workload_create(device, p, solvers[solver_total - 1], &plain, &reference) || workload_run(reference, NULL)) {
        workload_destroy(reference);
        reference = NULL;
    }
    if (!admit_all(device, p, candidates, count, reference, start_s + budget_s * 0.7)) {
        status = socle_fail_in(SOCLE_UNSUPPORTED, "no solver could run the problem on %s", device->info.id);
        goto cleanup;
    }
    const candidate *winner = measure_all(candidates, count, start_s + budget_s);
    if (!winner) {
        status = socle_fail_in(SOCLE_DRIVER, "every solver failed while it was measured on %s", device->info.id);
        goto cleanup;
    }
    *best = (tuned){winner->solver, winner->tuning, winner->median_s * 1e6};
    if (default_us) {
        *default_us = before.us;
        for (int i = 0; i < count; i++)
            if (candidates[i].solver == before.solver && !memcmp(&candidates[i].tuning, &before.tuning, sizeof(tuning)) &&
                isfinite(candidates[i].best_s) && candidates[i].sample_count)
                *default_us = candidates[i].best_s * 1e6;
    }
    keep(device, p, best);
cleanup:
    for (int i = 0; i < count; i++)
        drop(&candidates[i]);
    workload_destroy(reference);
    memory_free(candidates);
    return status;
}

double tuner_measure(socle_device *device, const problem *p, const solver *s, const tuning *t, double budget_s)
{
    candidate c = {.solver = s, .tuning = *t};
    if (!admit(device, p, &c, NULL))
        return -1;
    const candidate *done = measure_all(&c, 1, time_now_s() + budget_s);
    const double seconds = done ? done->median_s : -1;
    drop(&c);
    return seconds;
}
