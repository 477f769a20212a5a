/* Buffers from a device's pool or over the host's memory, and views of parts of them. */
#include "room.h"

#include <string.h>

/* Below this alignment drivers copy what they are given as host memory. */
#define SHARED_ALIGNMENT_BYTES 64u

static socle_buffer *buffer_new(socle_device *device, size_t size_bytes)
{
    socle_buffer *buffer = memory_alloc(sizeof(*buffer));
    if (buffer != NULL) {
        buffer->device = device;
        buffer->size_bytes = size_bytes;
    }
    return buffer;
}

/* OpenCL has no buffers of size 0: such a one has a block all the same, that nothing touches. */
socle_status socle_buffer_create(socle_device *device, size_t size_bytes, socle_buffer **buffer)
{
    if (device == NULL || buffer == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_buffer_create: device and buffer must not be NULL");
    socle_status status = device_open(device);
    if (status != SOCLE_OK)
        return status;
    socle_buffer *made = buffer_new(device, size_bytes);
    if (made == NULL)
        return SOCLE_OUT_OF_MEMORY;
    status = pool_take(device, size_bytes > 0 ? size_bytes : 1, &made->memory, &made->capacity_bytes);
    if (status != SOCLE_OK) {
        memory_free(made);
        return status;
    }
    made->pooled = true;
    *buffer = made;
    return SOCLE_OK;
}

static socle_status share_host_memory(socle_device *device, const void *host, size_t size_bytes, socle_buffer **buffer)
{
    cl_int code;
    socle_buffer *made = buffer_new(device, size_bytes);
    if (made == NULL)
        return SOCLE_OUT_OF_MEMORY;
    made->memory = clCreateBuffer(device->cl_context, CL_MEM_READ_ONLY | CL_MEM_USE_HOST_PTR, size_bytes, (void *)host, &code);
    if (code != CL_SUCCESS) {
        memory_free(made);
        return device_status(device, code, "clCreateBuffer");
    }
    made->host = (void *)host;
    made->capacity_bytes = size_bytes;
    *buffer = made;
    return SOCLE_OK;
}

socle_status buffer_create_from_host(socle_device *device, const void *host, size_t size_bytes, socle_buffer **buffer)
{
    socle_status status = device_open(device);
    if (status != SOCLE_OK)
        return status;
    if (device->capabilities.unified_memory && size_bytes > 0 && (uintptr_t)host % SHARED_ALIGNMENT_BYTES == 0 &&
        size_bytes <= device->capabilities.max_allocation_bytes &&
        share_host_memory(device, host, size_bytes, buffer) == SOCLE_OK)
        return SOCLE_OK;
    socle_buffer *copy = NULL;
    status = socle_buffer_create(device, size_bytes, &copy);
    if (status == SOCLE_OK)
        status = socle_buffer_write(socle_buffer_span(copy), host);
    if (status != SOCLE_OK) {
        socle_buffer_destroy(copy);
        return status;
    }
    *buffer = copy;
    return SOCLE_OK;
}

void socle_buffer_destroy(socle_buffer *buffer)
{
    if (buffer == NULL)
        return;
    if (buffer->pooled)
        pool_give(buffer->device, buffer->memory, buffer->capacity_bytes);
    else
        clReleaseMemObject(buffer->memory);
    memory_free(buffer);
}

size_t socle_buffer_size_bytes(const socle_buffer *buffer)
{
    return buffer != NULL ? buffer->size_bytes : 0;
}

socle_device *socle_buffer_device(const socle_buffer *buffer)
{
    return buffer != NULL ? buffer->device : NULL;
}

socle_status span_check(socle_span span, const char *what)
{
    if (span.buffer == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "%s: the span has no buffer", what);
    if (span.offset_bytes > span.buffer->size_bytes || span.size_bytes > span.buffer->size_bytes - span.offset_bytes)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "%s: bytes %zu to %zu are asked of a buffer of %zu on %s", what,
                          span.offset_bytes, span.offset_bytes + span.size_bytes, span.buffer->size_bytes,
                          span.buffer->device->info.id);
    return SOCLE_OK;
}

socle_status buffer_view(socle_span span, cl_mem *view)
{
    socle_status status = span_check(span, "view");
    if (status != SOCLE_OK)
        return status;
    socle_buffer *buffer = span.buffer;
    /* an empty part is given the buffer itself: nothing touches it */
    if (span.size_bytes == 0 || (span.offset_bytes == 0 && span.size_bytes == buffer->size_bytes)) {
        const cl_int code = clRetainMemObject(buffer->memory);
        if (code == CL_SUCCESS)
            *view = buffer->memory;
        return device_status(buffer->device, code, "clRetainMemObject");
    }
    const size_t alignment = buffer->device->capabilities.base_alignment_bytes;
    if (span.offset_bytes % alignment != 0)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "%s: a span begins at byte %zu, kernels need a multiple of %zu",
                          buffer->device->info.id, span.offset_bytes, alignment);
    const cl_buffer_region region = {span.offset_bytes, span.size_bytes};
    cl_int code;
    cl_mem made = clCreateSubBuffer(buffer->memory, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    if (code != CL_SUCCESS)
        return device_status(buffer->device, code, "clCreateSubBuffer");
    *view = made;
    return SOCLE_OK;
}
