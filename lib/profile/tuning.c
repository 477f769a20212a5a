/* Records of tuning in the store. */
#include "tuning.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TUNINGS 64

/* ---- ways ---- */

bool way_equal(const way *a, const way *b)
{
    return a->solver == b->solver && memcmp(&a->tuning, &b->tuning, sizeof(a->tuning)) == 0;
}

static int offered_tunings(const solver *wanted, const problem *p, const socle_device *device, tuning *out)
{
    const solver *solvers[MAX_TUNINGS];
    const int total = solver_candidates(p, device, solvers, MAX_TUNINGS);
    for (int i = 0; i < total; i++)
        if (solvers[i] == wanted)
            return wanted->candidates(p, device, out, MAX_TUNINGS);
    return 0;
}

bool way_fits(const way *w, const problem *p, const socle_device *device)
{
    tuning offered[MAX_TUNINGS];
    const int count = offered_tunings(w->solver, p, device, offered);
    for (int i = 0; i < count; i++)
        if (memcmp(&offered[i], &w->tuning, sizeof(w->tuning)) == 0)
            return true;
    return false;
}

/* Sum of the binary logarithms of the ratios. */
static double tuning_difference(const tuning *a, const tuning *b)
{
    double sum = 0;
    for (int i = 0; i < TUNING_MAX; i++)
        sum += fabs(log2((fabs((double)a->value[i]) + 1) / (fabs((double)b->value[i]) + 1)));
    return sum;
}

bool way_adapt(way *w, const problem *p, const socle_device *device)
{
    tuning offered[MAX_TUNINGS];
    const tuning wanted = w->tuning;
    const int count = offered_tunings(w->solver, p, device, offered);
    double least = INFINITY;
    for (int i = 0; i < count; i++) {
        const double difference = tuning_difference(&offered[i], &wanted);
        if (difference < least) {
            least = difference;
            w->tuning = offered[i];
        }
    }
    return count > 0;
}

bool tuning_way_from_json(const json_t *object, way *w)
{
    const char *name = json_string_value(json_object_get(object, "solver"));
    const json_t *values = json_object_get(object, "tuning");
    w->solver = name != NULL ? solver_find(name) : NULL;
    for (size_t i = 0; i < TUNING_MAX; i++)
        w->tuning.value[i] = (int)json_integer_value(json_array_get(values, i));
    return w->solver != NULL && json_array_size(values) == TUNING_MAX;
}

static void add_way(text *t, const way *w)
{
    text_addf(t, "\"solver\": \"%s\", \"tuning\": [", w->solver->name);
    for (int i = 0; i < TUNING_MAX; i++)
        text_addf(t, "%s%d", i > 0 ? ", " : "", w->tuning.value[i]);
    text_add(t, "]");
}

/* ---- failures ---- */

static bool has_failed_itself(const tuning_record *record, const way *w)
{
    for (int i = 0; i < record->failure_count; i++)
        if (way_equal(&record->failures[i].way, w))
            return true;
    return false;
}

bool tuning_has_failed(const tuning_record *record, const way *w)
{
    int of_solver = 0;
    for (int i = 0; i < record->failure_count; i++)
        of_solver += record->failures[i].way.solver == w->solver;
    return of_solver >= TUNING_FAILURES_OF_A_SOLVER || has_failed_itself(record, w);
}

void tuning_add_failure(tuning_record *record, const way *w, const char *reason)
{
    if (has_failed_itself(record, w))
        return;
    if (record->failure_count == TUNING_MAX_FAILURES) /* the oldest gives way */
        memmove(record->failures, record->failures + 1, sizeof(*record->failures) * (size_t)--record->failure_count);
    failed_way *f = &record->failures[record->failure_count++];
    f->way = *w;
    snprintf(f->reason, sizeof(f->reason), "%s", reason);
}

/* ---- the store ---- */

static hash128 key_from_name(const socle_device *device, const char *name, bool deterministic)
{
    const hash128 machine = hash_combine(hash_string(device->identity), hash_string(socle_version()));
    return hash_combine(machine, hash_combine(hash_string(name), hash_string(deterministic ? "deterministic" : "")));
}

static hash128 key_of(const socle_device *device, const problem *p, char name[256])
{
    problem_text(p, name, 256);
    return key_from_name(device, name, p->deterministic);
}

static socle_status put(socle_device *device, hash128 key, const char *name, const text *t)
{
    const socle_status status = t->failed
                                    ? SOCLE_OUT_OF_MEMORY
                                    : store_put(device->context->store, "tuning", key, name, device->info.id, t->data, t->length);
    pthread_mutex_lock(&device->lock);
    memory_free(device->tunings); /* is read again when it is needed */
    device->tunings = NULL;
    pthread_mutex_unlock(&device->lock);
    return status;
}

static void read_failures(const json_t *items, tuning_record *record)
{
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        const char *reason = json_string_value(json_object_get(item, "reason"));
        way w;
        if (reason != NULL && tuning_way_from_json(item, &w))
            tuning_add_failure(record, &w, reason);
    }
}

static bool process_is_gone(long process)
{
    return process == (long)getpid() || (kill((pid_t)process, 0) != 0 && errno == ESRCH);
}

static void read_trying(const json_t *item, tuning_record *record)
{
    way w;
    if (!tuning_way_from_json(item, &w))
        return;
    const long process = (long)json_integer_value(json_object_get(item, "process"));
    if (process_is_gone(process)) {
        tuning_add_failure(record, &w, "the process ended while it was tried");
    } else {
        record->trying = w;
        record->process = process;
    }
}

bool tuning_read(const socle_device *device, const problem *p, tuning_record *record)
{
    char name[256];
    void *bytes = NULL;
    size_t size_bytes = 0;
    memset(record, 0, sizeof(*record));
    record->level = TUNING_CUT_SHORT;
    if (store_get(device->context->store, "tuning", key_of(device, p, name), &bytes, &size_bytes, NULL) != SOCLE_OK)
        return false;
    json_t *root = json_loadb(bytes, size_bytes, 0, NULL);
    memory_free(bytes);
    read_failures(json_object_get(root, "failures"), record);
    read_trying(json_object_get(root, "trying"), record);
    record->us = json_number_value(json_object_get(root, "us"));
    record->spread = json_number_value(json_object_get(root, "spread"));
    record->samples = (int)json_integer_value(json_object_get(root, "samples"));
    record->tried = (int)json_integer_value(json_object_get(root, "tried"));
    record->level = (int)json_integer_value(json_object_get(root, "level"));
    record->tuned = tuning_way_from_json(root, &record->best) && way_fits(&record->best, p, device) && record->us > 0 &&
                    !has_failed_itself(record, &record->best);
    json_decref(root);
    return true;
}

static void add_failures(text *t, const tuning_record *record)
{
    text_add(t, ", \"failures\": [");
    for (int i = 0; i < record->failure_count; i++) {
        text_add(t, i > 0 ? ", {" : "{");
        add_way(t, &record->failures[i].way);
        text_add(t, ", \"reason\": ");
        text_add_json(t, record->failures[i].reason);
        text_add(t, "}");
    }
    text_add(t, "]");
}

/* Where and for what a record holds: the first part of its text. */
static void add_place(text *t, const socle_device *device, const char *model, const char *name, const char *shape,
                      bool deterministic)
{
    text_add(t, "{\"device\": ");
    text_add_json(t, model);
    text_add(t, ", \"identity\": ");
    text_add_json(t, device->identity);
    text_add(t, ", \"socle\": ");
    text_add_json(t, socle_version());
    text_add(t, ", \"problem\": ");
    text_add_json(t, name);
    text_add(t, ", \"shape\": ");
    text_add_json(t, shape);
    text_addf(t, ", \"deterministic\": %s", deterministic ? "true" : "false");
}

void tuning_keep(socle_device *device, const problem *p, const tuning_record *record)
{
    char name[256], shape[256];
    text t = {0};
    problem bare = *p;
    bare.epilogue = NULL;
    problem_text(&bare, shape, sizeof(shape));
    const hash128 key = key_of(device, p, name);
    char *model = device_model(device);
    t.failed = model == NULL;
    add_place(&t, device, model != NULL ? model : "", name, shape, p->deterministic);
    if (record->tuned) {
        text_add(&t, ", ");
        add_way(&t, &record->best);
        text_addf(&t, ", \"us\": %.6g, \"spread\": %.3g, \"samples\": %d, \"tried\": %d", record->us, record->spread,
                  record->samples, record->tried);
    }
    text_addf(&t, ", \"level\": %d", record->level);
    if (record->failure_count > 0)
        add_failures(&t, record);
    if (record->trying.solver != NULL) {
        text_add(&t, ", \"trying\": {");
        add_way(&t, &record->trying);
        text_addf(&t, ", \"process\": %ld}", record->process);
    }
    text_add(&t, "}");
    put(device, key, name, &t);
    text_finish(&t);
    memory_free(model);
}

socle_status tuning_keep_json(socle_device *device, const json_t *record)
{
    const char *name = json_string_value(json_object_get(record, "problem"));
    const bool deterministic = json_is_true(json_object_get(record, "deterministic"));
    text t = {0};
    json_t *own = json_copy((json_t *)record);
    char *line = NULL;
    if (own != NULL && json_object_set_new(own, "identity", json_string(device->identity)) == 0)
        line = json_dumps(own, JSON_PRESERVE_ORDER);
    t.failed = line == NULL;
    if (line != NULL)
        text_add(&t, line);
    const socle_status status = put(device, key_from_name(device, name, deterministic), name, &t);
    free(line);
    text_finish(&t);
    json_decref(own);
    return status;
}
