/* Contention: do two devices share the same silicon? Both run the same arithmetic at once, each from its own thread; where one
 * then takes about twice as long as alone, their speeds must not be added up (two CPU drivers, a GPU under two platforms). */
#include "profile.h"

#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS 5
#define ROUND_S 0.02
#define MAX_SAMPLES 256
#define STEADY 1.3 /* a machine at rest: most runs alone take less than this many times the shortest */

typedef struct load {
    socle_device *device;
    socle_kernel *kernel;
    socle_buffer *out;
    size_t global, local;
    atomic_bool stop, running; /* of the thread that keeps the device busy */
} load;

static void load_finish(load *l)
{
    socle_kernel_destroy(l->kernel);
    socle_buffer_destroy(l->out);
}

static socle_status load_create(socle_device *device, load *l)
{
    const bool cpu = device->capabilities.type == SOCLE_DEVICE_CPU;
    const size_t units = (size_t)(device->info.compute_units > 0 ? device->info.compute_units : 1);
    const float factor = 0.5f, addend = 0.25f;
    const int32_t iterations = cpu ? 60000 : 2048; /* llvmpipe ends loops after 65,535 */
    memset(l, 0, sizeof(*l));
    l->device = device;
    l->local = cpu ? 1 : 64;
    l->global = cpu ? units * 8 : units * 64 * 8; /* milliseconds: threads that sleep must have time to wake */
    socle_status status = socle_buffer_create(device, l->global * 64, &l->out);
    if (!status)
        status = socle_kernel_create(device, program_source_text("profile/peak"), cpu ? "-DLANES=16" : "-DLANES=1", "peak",
                                     &l->kernel);
    if (!status)
        status = socle_kernel_set_span(l->kernel, 0, socle_buffer_span(l->out));
    if (!status)
        status = socle_kernel_set_value(l->kernel, 1, sizeof(factor), &factor);
    if (!status)
        status = socle_kernel_set_value(l->kernel, 2, sizeof(addend), &addend);
    if (!status)
        status = socle_kernel_set_value(l->kernel, 3, sizeof(iterations), &iterations);
    if (status)
        load_finish(l);
    return status;
}

static socle_status load_once(const load *l)
{
    const socle_status status = socle_kernel_launch(l->kernel, 1, &l->global, &l->local);
    return status ? status : socle_device_finish(l->device);
}

static void *keep_busy(void *user)
{
    load *l = user;
    while (!atomic_load(&l->stop) && load_once(l) == SOCLE_OK)
        atomic_store(&l->running, true);
    atomic_store(&l->running, true); /* nobody waits for a device that failed */
    return NULL;
}

/* ---- measuring ---- */

typedef struct samples {
    double seconds[MAX_SAMPLES];
    int count;
} samples;

static socle_status add_samples(const load *l, samples *to)
{
    const double end_s = time_now_s() + ROUND_S;
    socle_status status = SOCLE_OK;
    for (int runs = 0; status == SOCLE_OK && to->count < MAX_SAMPLES && (runs < 2 || time_now_s() < end_s); runs++) {
        const double start_s = time_now_s();
        status = load_once(l);
        to->seconds[to->count++] = time_now_s() - start_s;
    }
    return status;
}

static socle_status add_samples_beside(const load *l, load *other, samples *to)
{
    pthread_t thread;
    atomic_store(&other->stop, false);
    atomic_store(&other->running, false);
    if (pthread_create(&thread, NULL, keep_busy, other))
        return socle_fail(SOCLE_OUT_OF_MEMORY, "no thread could be made");
    while (!atomic_load(&other->running))
        sched_yield();
    const socle_status status = add_samples(l, to);
    atomic_store(&other->stop, true);
    pthread_join(thread, NULL);
    return status;
}

/* Not the median: where threads are more than cores, most runs are whole and some wait for milliseconds. */
static double mean_s(const samples *s)
{
    double sum = 0;
    for (int i = 0; i < s->count; i++)
        sum += s->seconds[i];
    return sum / s->count;
}

/* Rounds alone and together take turns, so that whatever else the machine does hits both alike. *steady: it did little. */
static socle_status compare(const load *first, load *second, double *slowdown, bool *steady)
{
    samples alone = {.count = 0}, together = {.count = 0};
    socle_status status = load_once(first);
    if (status == SOCLE_OK)
        status = load_once(second);
    for (int round = 0; round < ROUNDS && status == SOCLE_OK; round++) {
        status = add_samples(first, &alone);
        if (status == SOCLE_OK)
            status = add_samples_beside(first, second, &together);
    }
    if (status != SOCLE_OK)
        return status;
    const double least_s = statistics_percentile(alone.seconds, alone.count, 0.1),
                 most_s = statistics_percentile(alone.seconds, alone.count, 0.75);
    *steady = most_s < STEADY * least_s;
    *slowdown = fmax(mean_s(&together) / mean_s(&alone), 1.0);
    return SOCLE_OK;
}

static socle_status measure(socle_device *a, socle_device *b, double *slowdown, bool *steady)
{
    load first, second;
    socle_status status = load_create(a, &first);
    if (status)
        return status;
    status = load_create(b, &second);
    if (!status) {
        status = compare(&first, &second, slowdown, steady);
        load_finish(&second);
    }
    load_finish(&first);
    return status;
}

socle_status socle_profile_contention(socle_device *a, socle_device *b, int refresh, double *slowdown)
{
    if (!a || !b || !slowdown)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_profile_contention: devices and slowdown must not be NULL");
    store *kept = a->context->store;
    char name[512];
    const hash128 key = hash_combine(hash_string("contention"), hash_combine(hash_string(a->identity), hash_string(b->identity)));
    void *bytes = NULL;
    size_t size_bytes = 0;
    if (!refresh && !store_get(kept, "profile", key, &bytes, &size_bytes, NULL)) {
        const bool fits = size_bytes == sizeof(*slowdown);
        if (fits)
            memcpy(slowdown, bytes, sizeof(*slowdown));
        memory_free(bytes);
        if (fits)
            return SOCLE_OK;
    }
    double measured = 1;
    bool steady = false;
    const socle_status status = measure(a, b, &measured, &steady);
    if (status)
        return socle_fail_in(status, "running %s and %s together", a->info.id, b->info.id);
    snprintf(name, sizeof(name), "%s beside %s", a->info.id, b->info.id);
    if (steady) /* else it is measured anew at the next start */
        store_put(kept, "profile", key, name, a->info.id, &measured, sizeof(measured));
    *slowdown = measured;
    return SOCLE_OK;
}
