/* Moving bytes between host and devices. Where the device shares the host's memory its buffers are mapped: the copy is then one
 * memcpy by the calling thread, and no command waits for a driver's thread to copy. */
#include "room.h"

#include <string.h>

#define STAGING_BYTES ((size_t)16 << 20)

static bool is_mapped(const socle_buffer *buffer)
{
    return buffer->device->capabilities.unified_memory;
}

static socle_status map_span(socle_span span, cl_map_flags flags, void **mapped)
{
    cl_int code;
    socle_device *device = span.buffer->device;
    device_turn_begin(device);
    void *pointer = clEnqueueMapBuffer(device->queue, span.buffer->memory, CL_TRUE, flags, span.offset_bytes, span.size_bytes, 0,
                                       NULL, NULL, &code);
    device_turn_end(device);
    if (code != CL_SUCCESS)
        return device_status(device, code, "clEnqueueMapBuffer");
    *mapped = pointer;
    return SOCLE_OK;
}

static socle_status unmap_span(socle_span span, void *mapped)
{
    socle_device *device = span.buffer->device;
    device_turn_begin(device);
    const cl_int code = clEnqueueUnmapMemObject(device->queue, span.buffer->memory, mapped, 0, NULL, NULL);
    device_turn_end(device);
    return device_status(device, code, "clEnqueueUnmapMemObject");
}

socle_status socle_buffer_write(socle_span to, const void *from)
{
    socle_status status = span_check(to, "socle_buffer_write");
    if (status != SOCLE_OK || to.size_bytes == 0)
        return status;
    if (from == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_buffer_write: from must not be NULL");
    if (!is_mapped(to.buffer)) {
        device_turn_begin(to.buffer->device);
        const cl_int code = clEnqueueWriteBuffer(to.buffer->device->queue, to.buffer->memory, CL_TRUE, to.offset_bytes,
                                                 to.size_bytes, from, 0, NULL, NULL);
        device_turn_end(to.buffer->device);
        return device_status(to.buffer->device, code, "clEnqueueWriteBuffer");
    }
    void *mapped = NULL;
    status = map_span(to, CL_MAP_WRITE_INVALIDATE_REGION, &mapped);
    if (status != SOCLE_OK)
        return status;
    memcpy(mapped, from, to.size_bytes);
    return unmap_span(to, mapped);
}

socle_status socle_buffer_read(socle_span from, void *to)
{
    socle_status status = span_check(from, "socle_buffer_read");
    if (status != SOCLE_OK || from.size_bytes == 0)
        return status;
    if (to == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_buffer_read: to must not be NULL");
    if (!is_mapped(from.buffer)) {
        device_turn_begin(from.buffer->device);
        const cl_int code = clEnqueueReadBuffer(from.buffer->device->queue, from.buffer->memory, CL_TRUE, from.offset_bytes,
                                                from.size_bytes, to, 0, NULL, NULL);
        device_turn_end(from.buffer->device);
        return device_status(from.buffer->device, code, "clEnqueueReadBuffer");
    }
    void *mapped = NULL;
    status = map_span(from, CL_MAP_READ, &mapped);
    if (status != SOCLE_OK)
        return status;
    memcpy(to, mapped, from.size_bytes);
    return unmap_span(from, mapped);
}

socle_status buffer_write_async(socle_span to, const void *from)
{
    socle_status status = span_check(to, "write");
    if (status != SOCLE_OK || to.size_bytes == 0)
        return status;
    device_turn_begin(to.buffer->device);
    const cl_int code = clEnqueueWriteBuffer(to.buffer->device->queue, to.buffer->memory, CL_FALSE, to.offset_bytes,
                                             to.size_bytes, from, 0, NULL, NULL);
    device_turn_end(to.buffer->device);
    return device_status(to.buffer->device, code, "clEnqueueWriteBuffer");
}

socle_status buffer_read_async(socle_span from, void *to)
{
    socle_status status = span_check(from, "read");
    if (status != SOCLE_OK || from.size_bytes == 0)
        return status;
    device_turn_begin(from.buffer->device);
    const cl_int code = clEnqueueReadBuffer(from.buffer->device->queue, from.buffer->memory, CL_FALSE, from.offset_bytes,
                                            from.size_bytes, to, 0, NULL, NULL);
    device_turn_end(from.buffer->device);
    return device_status(from.buffer->device, code, "clEnqueueReadBuffer");
}

/* ---- copies ---- */

static bool overlap(socle_span a, socle_span b)
{
    return a.buffer == b.buffer && a.offset_bytes < b.offset_bytes + b.size_bytes &&
           b.offset_bytes < a.offset_bytes + a.size_bytes;
}

/* Through the host, piece by piece. */
static socle_status copy_between_devices(socle_span from, socle_span to)
{
    const size_t piece_bytes = from.size_bytes < STAGING_BYTES ? from.size_bytes : STAGING_BYTES;
    void *staging = memory_alloc(piece_bytes);
    socle_status status = staging != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
    for (size_t done = 0; done < from.size_bytes && status == SOCLE_OK; done += piece_bytes) {
        const size_t left = from.size_bytes - done, count = left < piece_bytes ? left : piece_bytes;
        status = socle_buffer_read((socle_span){from.buffer, from.offset_bytes + done, count}, staging);
        if (status == SOCLE_OK)
            status = socle_buffer_write((socle_span){to.buffer, to.offset_bytes + done, count}, staging);
    }
    memory_free(staging);
    return status;
}

socle_status socle_buffer_copy(socle_span from, socle_span to)
{
    socle_status status = span_check(from, "socle_buffer_copy: from");
    if (status == SOCLE_OK)
        status = span_check(to, "socle_buffer_copy: to");
    if (status != SOCLE_OK)
        return status;
    if (from.size_bytes != to.size_bytes)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_buffer_copy: %zu bytes into %zu: both must be equal", from.size_bytes,
                          to.size_bytes);
    if (from.size_bytes == 0)
        return SOCLE_OK;
    if (overlap(from, to))
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_buffer_copy: the spans overlap");
    socle_device *device = from.buffer->device;
    if (device != to.buffer->device)
        return copy_between_devices(from, to);
    device_turn_begin(device);
    const cl_int code = clEnqueueCopyBuffer(device->queue, from.buffer->memory, to.buffer->memory, from.offset_bytes,
                                            to.offset_bytes, from.size_bytes, 0, NULL, NULL);
    device_turn_end(device);
    return device_status(device, code, "clEnqueueCopyBuffer");
}

socle_status socle_buffer_fill(socle_span span, const void *pattern, size_t pattern_bytes)
{
    socle_status status = span_check(span, "socle_buffer_fill");
    if (status != SOCLE_OK)
        return status;
    if (pattern == NULL || pattern_bytes == 0 || pattern_bytes > 16 || (pattern_bytes & (pattern_bytes - 1)) != 0)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_buffer_fill: a pattern has 1, 2, 4, 8 or 16 bytes, not %zu",
                          pattern_bytes);
    if (span.offset_bytes % pattern_bytes != 0 || span.size_bytes % pattern_bytes != 0)
        return socle_fail(SOCLE_INVALID_ARGUMENT,
                          "socle_buffer_fill: offset %zu and size %zu must be multiples of the pattern's %zu", span.offset_bytes,
                          span.size_bytes, pattern_bytes);
    if (span.size_bytes == 0)
        return SOCLE_OK;
    socle_device *device = span.buffer->device;
    device_turn_begin(device);
    const cl_int code = clEnqueueFillBuffer(device->queue, span.buffer->memory, pattern, pattern_bytes, span.offset_bytes,
                                            span.size_bytes, 0, NULL, NULL);
    device_turn_end(device);
    return device_status(device, code, "clEnqueueFillBuffer");
}
