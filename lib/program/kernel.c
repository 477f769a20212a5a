/* A host's own kernels: through the same cache as Socle's own. */
#include "kernel.h"

#include <string.h>

#define BATCH_SECONDS 5e-4 /* some drivers take 30 us to wait */
#define MAX_BATCH 256

struct socle_kernel {
    socle_device *device;
    program *program;
    cl_kernel kernel;
    char *name;
    bool launched;
    cl_mem *views; /* per argument: what a span argument keeps alive */
    int view_count, view_capacity;
};

socle_status socle_kernel_create(socle_device *device, const char *source, const char *options, const char *name,
                                 socle_kernel **kernel)
{
    if (device == NULL || source == NULL || name == NULL || kernel == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_kernel_create: device, source, name and kernel must not be NULL");
    const program_spec spec = {.prelude = source, .options = options};
    socle_kernel *made = memory_alloc(sizeof(*made));
    if (made == NULL)
        return SOCLE_OUT_OF_MEMORY;
    made->device = device;
    made->name = memory_copy_string(name);
    socle_status status = made->name != NULL ? program_get(device, &spec, &made->program) : SOCLE_OUT_OF_MEMORY;
    if (status == SOCLE_OK)
        status = program_kernel(made->program, name, &made->kernel);
    if (status != SOCLE_OK) {
        socle_kernel_destroy(made);
        return status;
    }
    *kernel = made;
    return SOCLE_OK;
}

void socle_kernel_destroy(socle_kernel *kernel)
{
    if (kernel == NULL)
        return;
    if (kernel->launched)
        program_refresh_binary(kernel->program);
    if (kernel->kernel != NULL)
        clReleaseKernel(kernel->kernel);
    for (int i = 0; i < kernel->view_count; i++)
        if (kernel->views[i] != NULL)
            clReleaseMemObject(kernel->views[i]);
    program_release(kernel->program);
    memory_free(kernel->views);
    memory_free(kernel->name);
    memory_free(kernel);
}

/* ---- arguments ---- */

static socle_status set_arg(socle_kernel *kernel, int index, size_t size_bytes, const void *value)
{
    if (index < 0)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "kernel '%s': argument %d", kernel->name, index);
    const cl_int code = clSetKernelArg(kernel->kernel, (cl_uint)index, size_bytes, value);
    socle_status status = device_status(kernel->device, code, "clSetKernelArg");
    return status == SOCLE_OK ? status : socle_fail_in(status, "kernel '%s', argument %d", kernel->name, index);
}

/* Room to keep the view of argument `index`. */
static socle_status reserve_view(socle_kernel *kernel, int index)
{
    if (index < 0 || index > 4095)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "kernel '%s': argument %d", kernel->name, index);
    while (kernel->view_count <= index) {
        if (!ARRAY_RESERVE(kernel->views, kernel->view_count, kernel->view_capacity))
            return SOCLE_OUT_OF_MEMORY;
        kernel->views[kernel->view_count++] = NULL;
    }
    return SOCLE_OK;
}

socle_status socle_kernel_set_span(socle_kernel *kernel, int index, socle_span span)
{
    cl_mem view = NULL;
    if (kernel == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_kernel_set_span: kernel must not be NULL");
    if (span.buffer != NULL && span.buffer->device != kernel->device)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "kernel '%s', argument %d: the buffer lies on %s, the kernel on %s",
                          kernel->name, index, span.buffer->device->info.id, kernel->device->info.id);
    socle_status status = reserve_view(kernel, index);
    if (status == SOCLE_OK)
        status = buffer_view(span, &view);
    if (status != SOCLE_OK)
        return status;
    status = set_arg(kernel, index, sizeof(view), &view);
    if (status != SOCLE_OK) {
        clReleaseMemObject(view);
        return status;
    }
    if (kernel->views[index] != NULL)
        clReleaseMemObject(kernel->views[index]);
    kernel->views[index] = view;
    return SOCLE_OK;
}

socle_status socle_kernel_set_value(socle_kernel *kernel, int index, size_t size_bytes, const void *value)
{
    if (kernel == NULL || value == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_kernel_set_value: kernel and value must not be NULL");
    return set_arg(kernel, index, size_bytes, value);
}

socle_status socle_kernel_set_local(socle_kernel *kernel, int index, size_t size_bytes)
{
    if (kernel == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_kernel_set_local: kernel must not be NULL");
    if (size_bytes > kernel->device->capabilities.local_memory_bytes)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "kernel '%s', argument %d: %zu bytes of local memory, %s has %llu",
                          kernel->name, index, size_bytes, kernel->device->info.id,
                          (unsigned long long)kernel->device->capabilities.local_memory_bytes);
    return set_arg(kernel, index, size_bytes, NULL);
}

/* ---- launching ---- */

socle_status socle_kernel_launch(socle_kernel *kernel, int dims, const size_t *global, const size_t *local)
{
    if (kernel == NULL || global == NULL || dims < 1 || dims > 3)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_kernel_launch: kernel and global must not be NULL, dims 1 to 3");
    for (int i = 0; i < dims; i++)
        if (global[i] == 0)
            return SOCLE_OK; /* no work-item; OpenCL before 2.1 refuses it */
    device_turn_begin(kernel->device);
    const cl_int code =
        clEnqueueNDRangeKernel(kernel->device->queue, kernel->kernel, (cl_uint)dims, NULL, global, local, 0, NULL, NULL);
    device_turn_end(kernel->device);
    kernel->launched = true;
    if (code == CL_SUCCESS)
        return SOCLE_OK;
    return socle_fail_in(device_status(kernel->device, code, "clEnqueueNDRangeKernel"), "kernel '%s'", kernel->name);
}

socle_status kernel_time(socle_kernel *kernel, int dims, const size_t *global, const size_t *local, int launches, double *seconds)
{
    socle_status status = SOCLE_OK;
    const double start = time_now_s();
    for (int i = 0; i < launches && status == SOCLE_OK; i++)
        status = socle_kernel_launch(kernel, dims, global, local);
    if (status == SOCLE_OK)
        status = socle_device_finish(kernel->device);
    if (status == SOCLE_OK)
        *seconds = (time_now_s() - start) / launches;
    return status;
}

int kernel_launches_for(double one_launch_s)
{
    if (one_launch_s * MAX_BATCH <= BATCH_SECONDS)
        return MAX_BATCH;
    return one_launch_s >= BATCH_SECONDS ? 1 : (int)(BATCH_SECONDS / one_launch_s);
}

socle_status socle_kernel_measure(socle_kernel *kernel, int dims, const size_t *global, const size_t *local, int repeats,
                                  double *seconds)
{
    if (kernel == NULL || seconds == NULL || repeats < 1)
        return socle_fail(SOCLE_INVALID_ARGUMENT,
                          "socle_kernel_measure: kernel and seconds must not be NULL, repeats at least 1");
    double first = 0;
    double *times = memory_alloc_array((size_t)repeats, sizeof(*times));
    if (times == NULL)
        return SOCLE_OUT_OF_MEMORY;
    socle_status status = socle_device_finish(kernel->device);
    if (status == SOCLE_OK) /* warm-up: some drivers compile now */
        status = kernel_time(kernel, dims, global, local, 1, &first);
    if (status == SOCLE_OK)
        status = kernel_time(kernel, dims, global, local, 1, &first);
    const int launches = kernel_launches_for(first);
    for (int i = 0; i < repeats && status == SOCLE_OK; i++)
        status = kernel_time(kernel, dims, global, local, launches, &times[i]);
    if (status == SOCLE_OK)
        *seconds = statistics_percentile(times, repeats, 0.5);
    memory_free(times);
    return status;
}
