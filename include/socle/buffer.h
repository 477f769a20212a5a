/* Buffers in a device's memory and spans of them. OpenCL buffers are not pointers: a span names a part. */
#ifndef SOCLE_BUFFER_H
#define SOCLE_BUFFER_H

#include <socle/device.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct socle_buffer socle_buffer;

typedef struct socle_span {
    socle_buffer *buffer;
    size_t offset_bytes;
    size_t size_bytes;
} socle_span;

/* size_bytes may be 0. Memory comes from the device's pool and counts against its budget. The caller owns *buffer.
 * Errors: DEVICE_OUT_OF_MEMORY with the bytes needed and there. */
SOCLE_API socle_status socle_buffer_create(socle_device *device, size_t size_bytes, socle_buffer **buffer);
SOCLE_API void socle_buffer_destroy(socle_buffer *buffer);
SOCLE_API size_t socle_buffer_size_bytes(const socle_buffer *buffer);
SOCLE_API socle_device *socle_buffer_device(const socle_buffer *buffer);

/* The whole of a buffer. */
static inline socle_span socle_buffer_span(socle_buffer *buffer)
{
    socle_span span = {buffer, 0, socle_buffer_size_bytes(buffer)};
    return span;
}

/* Copies between host and device; they return when the host memory may be reused. The span's range must lie inside
 * its buffer (INVALID_ARGUMENT otherwise). Mapping is used where the device shares the host's memory. */
SOCLE_API socle_status socle_buffer_write(socle_span to, const void *from);
SOCLE_API socle_status socle_buffer_read(socle_span from, void *to);
/* Device-side copy (both on one device) or through the host (different devices); sizes must be equal. */
SOCLE_API socle_status socle_buffer_copy(socle_span from, socle_span to);
/* Fills with a repeated pattern of 1, 2, 4, 8 or 16 bytes. */
SOCLE_API socle_status socle_buffer_fill(socle_span span, const void *pattern, size_t pattern_bytes);

/* Waits until everything enqueued on the device is done. */
SOCLE_API socle_status socle_device_finish(socle_device *device);

#ifdef __cplusplus
}
#endif
#endif
