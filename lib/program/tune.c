/* The tuner for a host's own kernels: candidates are measured in turns, so that a disturbance of the machine hits all of them
 * alike, and those far behind the best drop out after a few turns. */
#include "kernel.h"

#include <math.h>
#include <string.h>

#define MAX_TURNS 15
#define TURNS_FOR_ALL 3 /* one slow turn may be the machine's fault */
#define HOPELESS 2.0    /* times the best */

typedef struct contender {
    const socle_tune_candidate *candidate;
    socle_kernel *kernel; /* NULL: out */
    int launches;
    double times[MAX_TURNS];
    int time_count;
} contender;

/* What the store keeps of a decision. */
typedef struct tune_record {
    int32_t best;
    int32_t count;
    double seconds;
} tune_record;

static const size_t *local_of(const socle_tune_candidate *candidate)
{
    for (int i = 0; i < candidate->dims; i++)
        if (candidate->local[i] != 0)
            return candidate->local;
    return NULL;
}

static hash128 key_of(const socle_device *device, const char *problem, const char *source, const char *name,
                      const socle_tune_candidate *candidates, int count)
{
    const char *const parts[] = {"tuning of a host's kernel", problem, source, name, device->identity, socle_version()};
    hash128 key = hash_string("");
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        key = hash_combine(key, hash_string(parts[i]));
    for (int i = 0; i < count; i++) {
        const socle_tune_candidate *c = &candidates[i];
        key = hash_combine(key, hash_string(c->options != NULL ? c->options : ""));
        for (int k = 0; k < c->dims; k++) {
            const uint64_t sizes[] = {c->global[k], c->local[k]};
            key = hash_combine(key, hash_bytes(sizes, sizeof(sizes)));
        }
    }
    return key;
}

static bool read_record(socle_device *device, hash128 key, int count, tune_record *record)
{
    void *bytes = NULL;
    size_t size_bytes = 0;
    if (store_get(device->context->store, "tuning", key, &bytes, &size_bytes, NULL) != SOCLE_OK)
        return false;
    const bool fits = size_bytes == sizeof(*record);
    if (fits)
        memcpy(record, bytes, sizeof(*record));
    memory_free(bytes);
    return fits && record->count == count && record->best >= 0 && record->best < count;
}

/* Compiles, binds and warms up; a candidate that fails stays out. */
static void enter(socle_device *device, const char *source, const char *name, socle_tune_bind bind, int index, void *user,
                  contender *c)
{
    double one = 0, fastest = INFINITY;
    socle_kernel *kernel = NULL;
    const socle_tune_candidate *candidate = c->candidate;
    socle_status status = socle_kernel_create(device, source, candidate->options, name, &kernel);
    if (status == SOCLE_OK)
        status = bind(kernel, index, user);
    for (int run = 0; run < 3 && status == SOCLE_OK; run++) { /* the first may compile */
        status = kernel_time(kernel, candidate->dims, candidate->global, local_of(candidate), 1, &one);
        fastest = fmin(fastest, one);
    }
    if (status != SOCLE_OK) {
        log_write(&device->context->log, SOCLE_LOG_INFO, "tuning: candidate %d is left out: %s", index, socle_error_message());
        socle_kernel_destroy(kernel);
        return;
    }
    c->kernel = kernel;
    c->launches = kernel_launches_for(fastest);
}

static void leave(contender *c)
{
    socle_kernel_destroy(c->kernel);
    c->kernel = NULL;
    c->time_count = 0;
}

static double best_time(const contender *c)
{
    double best = INFINITY;
    for (int i = 0; i < c->time_count; i++)
        best = fmin(best, c->times[i]);
    return best;
}

static void drop_hopeless(contender *contenders, int count)
{
    double best = INFINITY;
    for (int i = 0; i < count; i++)
        best = fmin(best, best_time(&contenders[i]));
    for (int i = 0; i < count; i++)
        if (contenders[i].kernel != NULL && best_time(&contenders[i]) > HOPELESS * best)
            leave(&contenders[i]);
}

static bool measure_turn(contender *contenders, int count, double end_s)
{
    for (int i = 0; i < count; i++) {
        contender *c = &contenders[i];
        if (c->kernel == NULL)
            continue;
        if (c->time_count > 0 && time_now_s() > end_s)
            return false;
        if (kernel_time(c->kernel, c->candidate->dims, c->candidate->global, local_of(c->candidate), c->launches,
                        &c->times[c->time_count]) != SOCLE_OK)
            leave(c);
        else
            c->time_count++;
    }
    return true;
}

static socle_status choose(contender *contenders, int count, tune_record *record)
{
    record->best = -1;
    record->count = count;
    for (int i = 0; i < count; i++) {
        if (contenders[i].time_count == 0)
            continue;
        const double median = statistics_percentile(contenders[i].times, contenders[i].time_count, 0.5);
        if (record->best < 0 || median < record->seconds) {
            record->best = i;
            record->seconds = median;
        }
    }
    return record->best >= 0 ? SOCLE_OK : SOCLE_UNSUPPORTED;
}

static socle_status measure_all(socle_device *device, const char *source, const char *name,
                                const socle_tune_candidate *candidates, int count, socle_tune_bind bind, void *user,
                                double budget_s, tune_record *record)
{
    const double end_s = time_now_s() + budget_s;
    contender *contenders = memory_alloc_array((size_t)count, sizeof(*contenders));
    if (contenders == NULL)
        return SOCLE_OUT_OF_MEMORY;
    int entered = 0;
    for (int i = 0; i < count; i++) {
        if (entered > 0 && time_now_s() > end_s)
            break;
        contenders[i].candidate = &candidates[i];
        enter(device, source, name, bind, i, user, &contenders[i]);
        entered += contenders[i].kernel != NULL;
    }
    for (int turn = 0; turn < MAX_TURNS && entered > 0; turn++) {
        if (!measure_turn(contenders, count, end_s))
            break;
        if (turn == TURNS_FOR_ALL - 1)
            drop_hopeless(contenders, count);
    }
    socle_status status = choose(contenders, count, record);
    if (status != SOCLE_OK)
        socle_fail_in(status, "%s: none of %d candidates for kernel '%s' runs; the last", device->info.id, count, name);
    for (int i = 0; i < count; i++)
        leave(&contenders[i]);
    memory_free(contenders);
    return status;
}

static socle_status check_candidates(const socle_tune_candidate *candidates, int count)
{
    if (count < 1)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_kernel_tune: there is no candidate");
    for (int i = 0; i < count; i++)
        if (candidates[i].dims < 1 || candidates[i].dims > 3)
            return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_kernel_tune: candidate %d has %d dimensions", i, candidates[i].dims);
    return SOCLE_OK;
}

socle_status socle_kernel_tune(socle_device *device, const char *problem, const char *source, const char *name,
                               const socle_tune_candidate *candidates, int count, socle_tune_bind bind, void *user,
                               double budget_s, int *best, double *seconds)
{
    if (device == NULL || problem == NULL || source == NULL || name == NULL || candidates == NULL || bind == NULL || best == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_kernel_tune: only user and seconds may be NULL");
    socle_status status = check_candidates(candidates, count);
    if (status == SOCLE_OK)
        status = device_open(device);
    if (status != SOCLE_OK)
        return status;
    tune_record record;
    memset(&record, 0, sizeof(record));
    const hash128 key = key_of(device, problem, source, name, candidates, count);
    if (!read_record(device, key, count, &record)) {
        status = measure_all(device, source, name, candidates, count, bind, user, budget_s, &record);
        if (status != SOCLE_OK)
            return status;
        store_put(device->context->store, "tuning", key, problem, device->info.id, &record, sizeof(record));
    }
    *best = record.best;
    if (seconds != NULL)
        *seconds = record.seconds;
    return SOCLE_OK;
}
