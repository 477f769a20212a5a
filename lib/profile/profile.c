/* Profiles: launch cost, transfers, bandwidth and peak rates of a device, measured with small kernels of our own and kept in the
 * store. A figure is the best of several repetitions: what the machine can do, not what it did while something else ran. */
#include "../solver/matrix.h"
#include "profile.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MEBI (1024.0 * 1024.0)

typedef struct measurement {
    socle_device *device;
    double budget_s; /* per figure */
    socle_profile *profile;
} measurement;

/* A kernel from an embedded source, with one output buffer as its first argument. */
typedef struct probe {
    socle_kernel *kernel;
    socle_buffer *out;
} probe;

static void probe_finish(probe *p)
{
    socle_kernel_destroy(p->kernel);
    socle_buffer_destroy(p->out);
}

static socle_status probe_create(socle_device *device, const char *source, const char *options, const char *name,
                                 size_t out_bytes, probe *p)
{
    *p = (probe){0};
    socle_status status = socle_buffer_create(device, out_bytes, &p->out);
    if (!status)
        status = socle_kernel_create(device, program_source_text(source), options, name, &p->kernel);
    if (!status)
        status = socle_kernel_set_span(p->kernel, 0, socle_buffer_span(p->out));
    if (status)
        probe_finish(p);
    return status;
}

/* Best seconds of `launches` launches followed by one wait, repeated until the budget is spent (at least three times). */
static socle_status time_launches(const measurement *m, socle_kernel *kernel, size_t global, size_t local, int launches,
                                  double *seconds)
{
    const double start = time_now_s();
    double best = INFINITY;
    const size_t *local_size = local ? &local : NULL;
    for (int round = 0; round < 4 || (time_now_s() - start < m->budget_s && round < 1000); round++) {
        const double begin = time_now_s();
        socle_status status = SOCLE_OK;
        for (int i = 0; i < launches && !status; i++)
            status = socle_kernel_launch(kernel, 1, &global, local_size);
        if (!status)
            status = socle_device_finish(m->device);
        if (status)
            return status;
        const double elapsed = time_now_s() - begin;
        if (round > 0 && elapsed < best) /* the first round compiles and warms up */
            best = elapsed;
    }
    *seconds = best;
    return SOCLE_OK;
}

static socle_status measure_launch(const measurement *m)
{
    probe p;
    double one = 0, many = 0;
    const int chain = 64;
    socle_status status = probe_create(m->device, "profile/probe", NULL, "empty", 64, &p);
    if (status)
        return status;
    status = time_launches(m, p.kernel, 1, 1, 1, &one);
    if (!status)
        status = time_launches(m, p.kernel, 1, 1, chain + 1, &many);
    if (!status) {
        m->profile->round_trip_us = one * 1e6;
        m->profile->launch_us = fmax((many - one) / chain * 1e6, 0.01);
    }
    probe_finish(&p);
    return status;
}

static uint32_t xorshift_after(int iterations)
{
    uint32_t state = 1;
    for (int i = 0; i < iterations; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
    }
    return state;
}

static socle_status measure_loop_limit(const measurement *m)
{
    probe p;
    uint32_t result = 0;
    const int32_t iterations = 70000;
    const size_t one = 1;
    socle_status status = probe_create(m->device, "profile/probe", NULL, "long_loop", sizeof(result), &p);
    if (status)
        return status;
    status = socle_kernel_set_value(p.kernel, 1, sizeof(iterations), &iterations);
    if (!status)
        status = socle_kernel_launch(p.kernel, 1, &one, &one);
    if (!status)
        status = socle_buffer_read(socle_buffer_span(p.out), &result);
    if (!status)
        m->profile->loop_limit_ok = result == xorshift_after(iterations);
    probe_finish(&p);
    return status;
}

static bool is_cpu(const socle_device *device)
{
    return device->capabilities.type == SOCLE_DEVICE_CPU;
}

/* Launches with four times as many iterations, the kernel's argument number `argument`, until they take long enough to be timed.
 */
static socle_status time_long_enough(const measurement *m, socle_kernel *kernel, size_t global, size_t local, int argument,
                                     int32_t *iterations, double *seconds)
{
    for (;; *iterations *= 4) {
        socle_status status = socle_kernel_set_value(kernel, argument, sizeof(*iterations), iterations);
        if (!status)
            status = time_launches(m, kernel, global, local, 1, seconds);
        if (status || *seconds > 1e-3 || *iterations * 4 > 65535)
            return status;
    }
}

/* Rate in operations per nanosecond of the peak kernel with the given options. */
static socle_status measure_rate(const measurement *m, const char *options, int lanes, double operations_per_step, double *rate)
{
    enum { CHAINS = 12 };
    const size_t units = (size_t)(m->device->info.compute_units > 0 ? m->device->info.compute_units : 1);
    const size_t local = is_cpu(m->device) ? 1 : 64;
    const size_t global = is_cpu(m->device) ? units * 4 : units * 64 * 32;
    const float factor = 0.5f, addend = 0.25f;
    probe p;
    double seconds = 0;
    int32_t iterations = 256;
    socle_status status = probe_create(m->device, "profile/peak", options, "peak", global * (size_t)lanes * 4, &p);
    if (status)
        return status;
    status = socle_kernel_set_value(p.kernel, 1, sizeof(factor), &factor);
    if (!status)
        status = socle_kernel_set_value(p.kernel, 2, sizeof(addend), &addend);
    if (!status)
        status = time_long_enough(m, p.kernel, global, local, 3, &iterations, &seconds);
    if (!status)
        *rate = operations_per_step * lanes * CHAINS * iterations * (double)global / seconds * 1e-9;
    probe_finish(&p);
    return status;
}

/* The types of factors that a device has an instruction for take as many words at a time: whichever of them is there is timed. */
static socle_status measure_matrices(const measurement *m)
{
    enum { CHAINS = 8 };
    static const socle_dtype types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_INT8, SOCLE_FLOAT32};
    const matrix_fragment f = matrix_fragment_of(m->device);
    const size_t units = (size_t)(m->device->info.compute_units > 0 ? m->device->info.compute_units : 1);
    const size_t local = (size_t)f.items, global = units * 64 * local;
    size_t type = 0;
    text options = {0};
    probe p;
    double seconds = 0;
    int32_t iterations = 16;
    while (type < COUNT_OF(types) && !device_has_instruction(m->device, matrix_instruction(types[type])))
        type++;
    if (type == COUNT_OF(types))
        return SOCLE_OK;
    matrix_add_options(&options, m->device, types[type], types[type]);
    socle_status status = options.failed ? socle_fail(SOCLE_OUT_OF_MEMORY, "no memory for compile options")
                                         : probe_create(m->device, "profile/matrix", options.data, "matrix_rate", global * 4, &p);
    text_finish(&options);
    if (status)
        return status;
    status = time_long_enough(m, p.kernel, global, local, 1, &iterations, &seconds);
    if (!status)
        m->profile->matrix_gflops =
            2.0 * CHAINS * f.m * f.n * MATRIX_WORDS * iterations * (double)(global / local) / seconds * 1e-9;
    probe_finish(&p);
    return status;
}

static socle_status measure_peaks(const measurement *m)
{
    const device_capabilities *c = &m->device->capabilities;
    const int lanes = is_cpu(m->device) ? 16 : 1;
    char options[64];
    snprintf(options, sizeof(options), "-DLANES=%d", lanes);
    const socle_status status = measure_rate(m, options, lanes, 2, &m->profile->fp32_gflops);
    if (status)
        return status;
    /* A device may announce what its compiler then refuses: such a rate stays 0, which means "do not use it". */
    snprintf(options, sizeof(options), "-DHALF -DLANES=%d", lanes);
    if (c->fp16 && measure_rate(m, options, lanes, 2, &m->profile->fp16_gflops))
        m->profile->fp16_gflops = 0;
    if (c->integer_dot_product && measure_rate(m, "-DDOT -DLANES=1 -cl-std=CL3.0", 1, 8, &m->profile->int8_gops))
        m->profile->int8_gops = 0;
    if (measure_matrices(m))
        m->profile->matrix_gflops = 0;
    return SOCLE_OK;
}

static socle_status measure_memory(const measurement *m, size_t size_bytes)
{
    const int lanes = is_cpu(m->device) ? 16 : 4;
    const int32_t count = (int32_t)(size_bytes / 4 / (size_t)lanes);
    const size_t units = (size_t)(m->device->info.compute_units > 0 ? m->device->info.compute_units : 1);
    const size_t local = is_cpu(m->device) ? 1 : 64;
    const size_t global = is_cpu(m->device) ? units * 8 : (size_t)round_up(count, 64);
    char options[64];
    probe p;
    socle_buffer *to = NULL;
    double seconds = 0;
    const uint32_t zero = 0;
    snprintf(options, sizeof(options), "-DLANES=%d -DBLOCKED=%d", lanes, is_cpu(m->device));
    socle_status status = probe_create(m->device, "profile/copy", options, "copy", size_bytes, &p);
    if (status)
        return status;
    status = socle_buffer_create(m->device, size_bytes, &to);
    if (!status)
        status = socle_buffer_fill(socle_buffer_span(p.out), &zero, sizeof(zero));
    if (!status)
        status = socle_kernel_set_span(p.kernel, 1, socle_buffer_span(to));
    if (!status)
        status = socle_kernel_set_value(p.kernel, 2, sizeof(count), &count);
    if (!status)
        status = time_launches(m, p.kernel, global, local, 1, &seconds);
    if (!status)
        m->profile->memory_gbytes_per_s = 2.0 * (double)size_bytes / seconds * 1e-9;
    socle_buffer_destroy(to);
    probe_finish(&p);
    return status;
}

/* Best seconds of writing and of reading `size_bytes`. */
static socle_status time_transfers(const measurement *m, size_t size_bytes, double *write_s, double *read_s)
{
    socle_buffer *buffer = NULL;
    void *host = memory_alloc(size_bytes);
    socle_status status = host ? socle_buffer_create(m->device, size_bytes, &buffer) : SOCLE_OUT_OF_MEMORY;
    const double start = time_now_s();
    *write_s = *read_s = INFINITY;
    for (int round = 0; !status && (round < 4 || (time_now_s() - start < m->budget_s && round < 1000)); round++) {
        const double begin = time_now_s();
        status = socle_buffer_write(socle_buffer_span(buffer), host);
        if (!status)
            status = socle_device_finish(m->device);
        const double middle = time_now_s();
        if (!status)
            status = socle_buffer_read(socle_buffer_span(buffer), host);
        const double end = time_now_s();
        if (round > 0) {
            *write_s = fmin(*write_s, middle - begin);
            *read_s = fmin(*read_s, end - middle);
        }
    }
    socle_buffer_destroy(buffer);
    memory_free(host);
    return status;
}

static socle_status measure_transfers(const measurement *m)
{
    const size_t large = 16u << 20, small = 4096;
    double write_s, read_s;
    socle_status status = time_transfers(m, large, &write_s, &read_s);
    if (status)
        return status;
    m->profile->write_gbytes_per_s = (double)large / write_s * 1e-9;
    m->profile->read_gbytes_per_s = (double)large / read_s * 1e-9;
    status = time_transfers(m, small, &write_s, &read_s);
    m->profile->transfer_us = write_s * 1e6;
    return status;
}

static socle_status measure(socle_device *device, bool quick, socle_profile *profile)
{
    *profile = (socle_profile){0};
    const measurement m = {device, quick ? 0.02 : 0.25, profile};
    socle_status status = measure_launch(&m);
    if (!status)
        status = measure_loop_limit(&m);
    if (!status)
        status = measure_transfers(&m);
    if (!status)
        status = measure_peaks(&m);
    if (!status) /* larger than the caches, within a quarter of the memory */
        status = measure_memory(&m, (size_t)fmin((quick ? 32 : 128) * MEBI, (double)device->info.memory_bytes / 8));
    if (!status)
        profile->timer_ok = device_timer_ok(device);
    return status;
}

static hash128 profile_key(const socle_device *device)
{
    return hash_combine(hash_string("profile"), hash_combine(hash_string(device->identity), hash_string(socle_version())));
}

static bool read_stored(socle_device *device, socle_profile *profile)
{
    void *bytes = NULL;
    size_t size_bytes = 0;
    double age_s = 0;
    if (store_get(device->context->store, "profile", profile_key(device), &bytes, &size_bytes, &age_s))
        return false;
    const bool fits = size_bytes == sizeof(*profile);
    if (fits) {
        memcpy(profile, bytes, sizeof(*profile));
        profile->age_s = age_s;
    }
    memory_free(bytes);
    return fits;
}

/* Keeps a copy with the device, so that planning asks the store once. */
static void remember(socle_device *device, const socle_profile *profile)
{
    pthread_mutex_lock(&device->lock);
    if (!device->profile)
        device->profile = memory_alloc(sizeof(*profile));
    if (device->profile)
        memcpy(device->profile, profile, sizeof(*profile));
    pthread_mutex_unlock(&device->lock);
}

socle_status socle_profile_device(socle_device *device, int quick, int refresh, socle_profile *profile)
{
    if (!device || !profile)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_profile_device: device and profile must not be NULL");
    socle_profile found;
    instructions_probe(device); /* what is timed depends on what works */
    if (refresh || !read_stored(device, &found)) {
        const socle_status status = measure(device, quick != 0, &found);
        if (status)
            return socle_fail_in(status, "profiling %s", device->info.id);
        store_put(device->context->store, "profile", profile_key(device), device->info.id, device->info.id, &found,
                  sizeof(found));
    }
    remember(device, &found);
    *profile = found;
    return SOCLE_OK;
}

const socle_profile *profile_get(socle_device *device)
{
    /* What planning assumes of a device that cannot be measured: slow at everything, so that it is not chosen. */
    static const socle_profile slow = {.launch_us = 100,
                                       .round_trip_us = 200,
                                       .write_gbytes_per_s = 1,
                                       .read_gbytes_per_s = 1,
                                       .transfer_us = 100,
                                       .memory_gbytes_per_s = 1,
                                       .fp32_gflops = 1};
    pthread_mutex_lock(&device->lock);
    const socle_profile *known = device->profile;
    pthread_mutex_unlock(&device->lock);
    if (known)
        return known;
    socle_profile found;
    if (socle_profile_device(device, 1, 0, &found)) {
        log_write(&device->context->log, SOCLE_LOG_WARN, "%s", socle_error_message());
        return &slow;
    }
    return device->profile ? device->profile : &slow;
}

double profile_estimate_us(const socle_profile *profile, double flops, double bytes)
{
    const double arithmetic_us = flops / (profile->fp32_gflops * 1e3);
    const double memory_us = bytes / (profile->memory_gbytes_per_s * 1e3);
    return profile->launch_us + fmax(arithmetic_us, memory_us);
}
