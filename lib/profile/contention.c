/* Contention: do two devices share the same silicon? Both run the same arithmetic at once, each from its own thread; where one
 * then takes about twice as long as alone, their speeds must not be added up (two CPU drivers, a GPU under two platforms). */
#include "profile.h"

#include <math.h>
#include <stdio.h>
#include <stdatomic.h>
#include <string.h>

typedef struct load {
    socle_device *device;
    socle_kernel *kernel;
    socle_buffer *out;
    size_t global, local;
    atomic_bool *stop; /* NULL: measure for `seconds`, else run until it is set */
    double seconds;
    double per_run_s; /* result of measuring */
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
    const int32_t iterations = cpu ? 16384 : 2048;
    *l = (load){.device = device, .local = cpu ? 1 : 64, .global = cpu ? units * 2 : units * 64 * 8};
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

static socle_status load_once(load *l)
{
    const socle_status status = socle_kernel_launch(l->kernel, 1, &l->global, &l->local);
    return status ? status : socle_device_finish(l->device);
}

static socle_status load_measure(load *l)
{
    socle_status status = load_once(l);
    const double start = time_now_s();
    int runs = 0;
    while (!status && (runs < 3 || time_now_s() - start < l->seconds)) {
        status = load_once(l);
        runs++;
    }
    l->per_run_s = (time_now_s() - start) / runs;
    return status;
}

static void *load_thread(void *user)
{
    load *l = user;
    while (!atomic_load(l->stop))
        if (load_once(l))
            break;
    return NULL;
}

static socle_status measure(socle_device *a, socle_device *b, double *slowdown)
{
    load first, second;
    pthread_t thread;
    atomic_bool stop = false;
    socle_status status = load_create(a, &first);
    if (status)
        return status;
    status = load_create(b, &second);
    if (status)
        goto cleanup_first;
    first.seconds = 0.05;
    second.stop = &stop;
    status = load_measure(&first);
    const double alone_s = first.per_run_s;
    if (!status)
        status = load_once(&second);
    if (status)
        goto cleanup;
    if (pthread_create(&thread, NULL, load_thread, &second)) {
        status = socle_fail(SOCLE_OUT_OF_MEMORY, "no thread could be made to run %s and %s together", a->info.id, b->info.id);
        goto cleanup;
    }
    status = load_measure(&first);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    if (!status)
        *slowdown = fmax(first.per_run_s / alone_s, 1.0);
cleanup:
    load_finish(&second);
cleanup_first:
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
    const socle_status status = measure(a, b, &measured);
    if (status)
        return socle_fail_in(status, "running %s and %s together", a->info.id, b->info.id);
    snprintf(name, sizeof(name), "%s beside %s", a->info.id, b->info.id);
    store_put(kept, "profile", key, name, a->info.id, &measured, sizeof(measured));
    *slowdown = measured;
    return SOCLE_OK;
}
