/* One small kernel whose results the host computes too: does the device compile, run and move data at all? */
#include "program.h"

#include <math.h>

enum { CHECK_COUNT = 1000 };

typedef struct check_data {
    int32_t a[CHECK_COUNT], integers[CHECK_COUNT], expected_integers[CHECK_COUNT];
    float b[CHECK_COUNT], reals[CHECK_COUNT], expected_reals[CHECK_COUNT];
} check_data;

static void fill_expected(check_data *d)
{
    for (int i = 0; i < CHECK_COUNT; i++) {
        d->a[i] = (i * 37) % 101 - 50;
        d->b[i] = (float)(i % 64) * 0.25f;
        int32_t sum = 0;
        for (int k = 0; k <= i % 7; k++)
            sum += d->a[i] * k - (i ^ k);
        d->expected_integers[i] = sum;
        d->expected_reals[i] = fmaf(d->b[i], 0.5f, (float)(sum & 1023)) - 3.0f;
    }
}

static socle_status run_check(socle_device *device, socle_kernel *kernel, socle_buffer *const buffers[4], check_data *d)
{
    const size_t global = CHECK_COUNT;
    const int32_t count = CHECK_COUNT;
    socle_status status = socle_buffer_write(socle_buffer_span(buffers[0]), d->a);
    if (status == SOCLE_OK)
        status = socle_buffer_write(socle_buffer_span(buffers[1]), d->b);
    for (int i = 0; i < 4 && status == SOCLE_OK; i++)
        status = socle_kernel_set_span(kernel, i, socle_buffer_span(buffers[i]));
    if (status == SOCLE_OK)
        status = socle_kernel_set_value(kernel, 4, sizeof(count), &count);
    if (status == SOCLE_OK)
        status = socle_kernel_launch(kernel, 1, &global, NULL);
    if (status == SOCLE_OK)
        status = socle_buffer_read(socle_buffer_span(buffers[2]), d->integers);
    if (status == SOCLE_OK)
        status = socle_buffer_read(socle_buffer_span(buffers[3]), d->reals);
    for (int i = 0; i < CHECK_COUNT && status == SOCLE_OK; i++)
        if (d->integers[i] != d->expected_integers[i] || d->reals[i] != d->expected_reals[i])
            status = socle_fail(SOCLE_WRONG_RESULT,
                                "%s computes wrongly: element %d is %d and %g, not %d and %g: do not use it; update its driver",
                                device->info.id, i, d->integers[i], (double)d->reals[i], d->expected_integers[i],
                                (double)d->expected_reals[i]);
    return status;
}

socle_status socle_device_check(socle_device *device)
{
    socle_kernel *kernel = NULL;
    socle_buffer *buffers[4] = {NULL};
    if (device == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_device_check: device must not be NULL");
    check_data *d = memory_alloc(sizeof(*d));
    if (d == NULL)
        return SOCLE_OUT_OF_MEMORY;
    fill_expected(d);
    socle_status status = socle_kernel_create(device, program_source_text("check/arithmetic"), NULL, "arithmetic", &kernel);
    for (int i = 0; i < 4 && status == SOCLE_OK; i++)
        status = socle_buffer_create(device, CHECK_COUNT * sizeof(int32_t), &buffers[i]);
    if (status == SOCLE_OK)
        status = run_check(device, kernel, buffers, d);
    if (status != SOCLE_OK && status != SOCLE_WRONG_RESULT)
        socle_fail_in(status, "checking %s", device->info.id);
    for (int i = 0; i < 4; i++)
        socle_buffer_destroy(buffers[i]);
    socle_kernel_destroy(kernel);
    memory_free(d);
    return status;
}
