/* Devices: what they are, what they can do, whether they are in health; sub-devices. */
#ifndef SOCLE_DEVICE_H
#define SOCLE_DEVICE_H

#include <socle/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Belongs to its context; never destroyed by the caller. */
typedef struct socle_device socle_device;

typedef enum socle_device_type {
    SOCLE_DEVICE_CPU,
    SOCLE_DEVICE_GPU,
    SOCLE_DEVICE_ACCELERATOR,
    SOCLE_DEVICE_OTHER
} socle_device_type;
typedef enum socle_device_status { SOCLE_DEVICE_OK, SOCLE_DEVICE_REFUSED, SOCLE_DEVICE_QUARANTINED } socle_device_status;

typedef struct socle_device_info {
    int index;
    const char *id; /* unique and stable from run to run, e.g. "pocl/pthread-0" */
    const char *name;
    const char *vendor;
    const char *platform;
    socle_device_type type;
    int compute_units;
    uint64_t memory_bytes;      /* that Socle may use: the budget */
    const char *opencl_version; /* "3.0" */
    const char *driver_version;
    int fp16;
    int fp64;
    int max_sub_devices; /* 0: cannot be split */
    int is_sub_device;
    socle_device_status status;
    const char *reason; /* why it is not ok; "" where it is */
} socle_device_info;

/* Devices of the context, refused ones included, numbered from 0. */
SOCLE_API int socle_device_count(const socle_context *context);
/* NULL when index is out of range. */
SOCLE_API socle_device *socle_device_at(const socle_context *context, int index);
/* By id, index in digits, or a sub-device's id such as "pocl/pthread-0/2:0" (first of two equal parts).
 * Errors: NO_DEVICE with the ids that are there. */
SOCLE_API socle_status socle_device_find(socle_context *context, const char *id, socle_device **device);
SOCLE_API const socle_device_info *socle_device_get_info(const socle_device *device);

/* Splits a device into `count` equal parts (compute units divided), or into parts of the given numbers of compute
 * units when `units` is not NULL (count entries). parts: room for count devices; they belong to the context and are
 * made once. Errors: UNSUPPORTED when the device or its driver cannot be split so. */
SOCLE_API socle_status socle_device_split(socle_device *device, int count, const int *units, socle_device **parts);

/* Compiles and runs one small kernel on the device and compares its result with the host's. */
SOCLE_API socle_status socle_device_check(socle_device *device);

#ifdef __cplusplus
}
#endif
#endif
