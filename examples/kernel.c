/* An OpenCL kernel of one's own through Socle: it is compiled once and kept, the tuner finds its fastest form on each device,
 * and its result is checked. No network in sight.
 *
 *   example_kernel */
#include <socle/socle.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 1 << 20 };

/* Each work-item takes BLOCK vectors of WIDTH floats; work-items of a group read neighbouring vectors. */
static const char source[] = "#define CONCAT(a, b) a##b\n"
                             "#define VECTOR(n) CONCAT(float, n)\n"
                             "#define LOAD(n) CONCAT(vload, n)\n"
                             "#define STORE(n) CONCAT(vstore, n)\n"
                             "__kernel void wave(__global const float *x, __global float *y, float a)\n"
                             "{\n"
                             "    const size_t start = get_group_id(0) * get_local_size(0) * BLOCK + get_local_id(0);\n"
                             "    for (int i = 0; i < BLOCK; i++) {\n"
                             "        const size_t at = start + i * get_local_size(0);\n"
                             "        const VECTOR(WIDTH) v = LOAD(WIDTH)(at, x);\n"
                             "        STORE(WIDTH)(v * (a + v * (1.0f - v * v * 0.25f)), at, y);\n"
                             "    }\n"
                             "}\n";

#define FORM(width, block, group)                                                                                                \
    {                                                                                                                            \
        "-DWIDTH=" #width " -DBLOCK=" #block, 1, {COUNT / (width) / (block)},                                                    \
        {                                                                                                                        \
            group                                                                                                                \
        }                                                                                                                        \
    }

/* Wide vectors and long blocks suit CPUs, many narrow work-items suit GPUs: measure, do not guess. */
static const socle_tune_candidate candidates[] = {
    FORM(4, 1, 64), FORM(4, 4, 128), FORM(8, 16, 16), FORM(16, 16, 1), FORM(16, 256, 1), FORM(16, 1024, 1),
};

typedef struct operands {
    socle_span x, y;
    float a;
} operands;

static socle_status bind(socle_kernel *kernel, int candidate, void *user)
{
    const operands *o = user;
    (void)candidate; /* all forms take the same arguments */
    socle_status status = socle_kernel_set_span(kernel, 0, o->x);
    if (status == SOCLE_OK)
        status = socle_kernel_set_span(kernel, 1, o->y);
    return status == SOCLE_OK ? socle_kernel_set_value(kernel, 2, sizeof(o->a), &o->a) : status;
}

static socle_status check(const operands *o, const float *x, float *y)
{
    const socle_status status = socle_buffer_read(o->y, y);
    if (status != SOCLE_OK)
        return status;
    for (int i = 0; i < COUNT; i++) {
        const double v = x[i], expected = v * (o->a + v * (1.0 - v * v * 0.25));
        if (!(fabs(y[i] - expected) <= 1e-6)) {
            fprintf(stderr, "element %d is %g, not %g\n", i, y[i], expected);
            return SOCLE_WRONG_RESULT;
        }
    }
    return SOCLE_OK;
}

/* Tunes, runs and checks the kernel on one device. */
static socle_status run_on(socle_device *device, const float *x, float *y)
{
    socle_buffer *x_buffer = NULL, *y_buffer = NULL;
    socle_kernel *kernel = NULL;
    int best;
    double seconds;

    socle_status status = socle_buffer_create(device, COUNT * sizeof(float), &x_buffer);
    if (status == SOCLE_OK)
        status = socle_buffer_create(device, COUNT * sizeof(float), &y_buffer);
    if (status != SOCLE_OK)
        goto cleanup;
    operands o = {socle_buffer_span(x_buffer), socle_buffer_span(y_buffer), 0.5f};
    status = socle_buffer_write(o.x, x);
    if (status == SOCLE_OK)
        status = socle_kernel_tune(device, "wave of 2^20 floats", source, "wave", candidates,
                                   (int)(sizeof(candidates) / sizeof(candidates[0])), bind, &o, 1.0, &best, &seconds);
    if (status != SOCLE_OK)
        goto cleanup;

    const socle_tune_candidate *form = &candidates[best];
    status = socle_kernel_create(device, source, form->options, "wave", &kernel);
    if (status == SOCLE_OK)
        status = bind(kernel, best, &o);
    if (status == SOCLE_OK)
        status = socle_kernel_launch(kernel, form->dims, form->global, form->local);
    if (status == SOCLE_OK)
        status = check(&o, x, y); /* reading waits for the kernel */
    if (status == SOCLE_OK)
        printf("%s: %s fits best: %.3f ms, %.1f GB/s\n", socle_device_get_info(device)->id, form->options, seconds * 1e3,
               2.0 * COUNT * sizeof(float) / seconds * 1e-9);

cleanup:
    socle_kernel_destroy(kernel);
    socle_buffer_destroy(y_buffer);
    socle_buffer_destroy(x_buffer);
    return status;
}

int main(void)
{
    socle_context *context = NULL;
    float *x = malloc(COUNT * sizeof(*x)), *y = malloc(COUNT * sizeof(*y));
    int exit_status = EXIT_FAILURE, usable = 0;

    if (x == NULL || y == NULL || socle_context_create(NULL, &context) != SOCLE_OK)
        goto cleanup;
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)(i % 1000) / 1000.0f;
    for (int i = 0; i < socle_device_count(context); i++) {
        socle_device *device = socle_device_at(context, i);
        if (socle_device_get_info(device)->status != SOCLE_DEVICE_OK)
            continue;
        if (run_on(device, x, y) != SOCLE_OK)
            goto cleanup;
        usable++;
    }
    if (usable > 0)
        exit_status = EXIT_SUCCESS;
    else
        fprintf(stderr, "no usable OpenCL device: `socle doctor` says why\n");

cleanup:
    if (exit_status != EXIT_SUCCESS)
        fprintf(stderr, "%s\n", socle_error_message());
    socle_context_destroy(context);
    free(y);
    free(x);
    return exit_status;
}
