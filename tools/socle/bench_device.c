/* What a device can do at most, with kernels as a host would write them: multiply-adds, copying, launching. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

#define PEAK_ROUNDS 4096
#define PEAK_CHAINS 12
#define PEAK_LANES 16
#define COPY_BYTES ((size_t)64 << 20)
#define CHAIN 1000
#define DEVICE_RUNS 30

static const char peak_source[] = "__kernel void peak(__global float *out, float a)\n"
                                  "{\n"
                                  "    float16 v[CHAINS];\n"
                                  "    __attribute__((opencl_unroll_hint))\n"
                                  "    for (int c = 0; c < CHAINS; c++)\n"
                                  "        v[c] = (float16)(a + c);\n"
                                  "    for (int i = 0; i < ROUNDS; i++) {\n"
                                  "        _Pragma(\"unroll\")\n"
                                  "        for (int c = 0; c < CHAINS; c++)\n"
                                  "            v[c] = fma(v[c], (float16)(0.5f), (float16)(a));\n"
                                  "    }\n"
                                  "    float16 sum = 0;\n"
                                  "    for (int c = 0; c < CHAINS; c++)\n"
                                  "        sum += v[c];\n"
                                  "    vstore16(sum, get_global_id(0), out);\n"
                                  "}\n";

static const char empty_source[] = "__kernel void empty(__global float *out) { }\n";

/* One measured thing: `run` enqueues it. */
typedef struct work {
    socle_device *device;
    socle_kernel *kernel;
    socle_buffer *from, *to;
    size_t global;
    int launches;
} work;

static socle_status run_once(const work *w)
{
    socle_status status = SOCLE_OK;
    if (w->kernel == NULL)
        status = socle_buffer_copy(socle_buffer_span(w->from), socle_buffer_span(w->to));
    for (int i = 0; w->kernel != NULL && status == SOCLE_OK && i < w->launches; i++)
        status = socle_kernel_launch(w->kernel, 1, &w->global, NULL);
    return status == SOCLE_OK ? socle_device_finish(w->device) : status;
}

static socle_status measure(const work *w, double *seconds, int count)
{
    socle_status status = run_once(w); /* the first one compiles */
    if (status == SOCLE_OK)
        status = run_once(w);
    for (int i = 0; status == SOCLE_OK && i < count; i++) {
        const double start = seconds_now();
        status = run_once(w);
        seconds[i] = seconds_now() - start;
    }
    return status;
}

static socle_status make_kernel(work *w, const char *source, const char *options, const char *name, size_t bytes)
{
    const float half = 0.5f;
    socle_status status = socle_buffer_create(w->device, bytes, &w->to);
    if (status == SOCLE_OK)
        status = socle_kernel_create(w->device, source, options, name, &w->kernel);
    if (status == SOCLE_OK)
        status = socle_kernel_set_span(w->kernel, 0, socle_buffer_span(w->to));
    if (status == SOCLE_OK && strcmp(name, "peak") == 0)
        status = socle_kernel_set_value(w->kernel, 1, sizeof(half), &half);
    return status;
}

socle_status bench_device(json_t *rows, const char *what, socle_device *device)
{
    const socle_device_info *info = socle_device_get_info(device);
    const bool peak = strcmp(what, "peak") == 0, memory = strcmp(what, "memory") == 0;
    double seconds[DEVICE_RUNS];
    char options[64];
    work w = {.device = device, .global = peak ? (size_t)info->compute_units * 256 : 1, .launches = peak ? 1 : CHAIN};
    socle_status status;
    snprintf(options, sizeof(options), "-DROUNDS=%d -DCHAINS=%d", PEAK_ROUNDS, PEAK_CHAINS);
    if (memory) {
        status = socle_buffer_create(device, COPY_BYTES, &w.from);
        if (status == SOCLE_OK)
            status = socle_buffer_create(device, COPY_BYTES, &w.to);
        if (status == SOCLE_OK)
            status = socle_buffer_fill(socle_buffer_span(w.from), &(int){1}, sizeof(int));
    } else if (peak) {
        status = make_kernel(&w, peak_source, options, "peak", w.global * PEAK_LANES * sizeof(float));
    } else {
        status = make_kernel(&w, empty_source, "", "empty", sizeof(float));
    }
    if (status == SOCLE_OK)
        status = measure(&w, seconds, DEVICE_RUNS);
    if (status == SOCLE_OK) {
        for (int i = 0; i < DEVICE_RUNS; i++)
            seconds[i] /= peak || memory ? 1 : CHAIN;
        bench_add(rows, what,
                  peak     ? "float32 multiply-add"
                  : memory ? "64 MiB copy"
                           : "empty kernel in a chain of 1000",
                  info->id, "", NULL, seconds, DEVICE_RUNS,
                  peak ? 2.0 * PEAK_ROUNDS * PEAK_CHAINS * PEAK_LANES * (double)w.global : 0,
                  memory ? 2.0 * (double)COPY_BYTES : 0, 0);
    }
    socle_kernel_destroy(w.kernel);
    socle_buffer_destroy(w.from);
    socle_buffer_destroy(w.to);
    return status;
}
