/* OpenCL's error codes: their names, what they mean to Socle, and what to do about them. One table. */
#include "room.h"

typedef struct error_row {
    cl_int code;
    const char *name;
    socle_status status;
    const char *advice;
} error_row;

#define OUT_OF_DEVICE_MEMORY "free device memory, use a smaller batch, or another device"
#define CALLER "this is a defect in Socle or in the driver: please report it"
#define SOURCE "correct the kernel's source or options"
#define LAUNCH "use a work-group size that the device allows"

#define ROW(name, status, advice)                                                                                                \
    {                                                                                                                            \
        name, #name, SOCLE_##status, advice                                                                                      \
    }

static const error_row error_rows[] = {
    ROW(CL_SUCCESS, OK, ""),
    ROW(CL_DEVICE_NOT_FOUND, NO_DEVICE, "check that the driver is installed and that this user may open the device"),
    ROW(CL_DEVICE_NOT_AVAILABLE, DEVICE_LOST, "use another device; a new process may find it again"),
    ROW(CL_COMPILER_NOT_AVAILABLE, UNSUPPORTED, "install the driver's compiler or use another device"),
    ROW(CL_MEM_OBJECT_ALLOCATION_FAILURE, DEVICE_OUT_OF_MEMORY, OUT_OF_DEVICE_MEMORY),
    ROW(CL_OUT_OF_RESOURCES, DEVICE_OUT_OF_MEMORY,
        "the kernel or its buffers need more than the device has: " OUT_OF_DEVICE_MEMORY),
    ROW(CL_OUT_OF_HOST_MEMORY, OUT_OF_MEMORY, "free host memory or use a smaller batch"),
    ROW(CL_PROFILING_INFO_NOT_AVAILABLE, UNSUPPORTED, "use the wall clock"),
    ROW(CL_MEM_COPY_OVERLAP, INVALID_ARGUMENT, "copy between parts that do not overlap"),
    ROW(CL_IMAGE_FORMAT_MISMATCH, INVALID_ARGUMENT, CALLER),
    ROW(CL_IMAGE_FORMAT_NOT_SUPPORTED, UNSUPPORTED, "use buffers"),
    ROW(CL_BUILD_PROGRAM_FAILURE, COMPILE_FAILED, SOURCE),
    ROW(CL_MAP_FAILURE, DRIVER, OUT_OF_DEVICE_MEMORY),
    ROW(CL_MISALIGNED_SUB_BUFFER_OFFSET, INVALID_ARGUMENT, "begin the span at a multiple of the device's base alignment"),
    ROW(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, DRIVER, "an earlier command on the device failed"),
    ROW(CL_COMPILE_PROGRAM_FAILURE, COMPILE_FAILED, SOURCE),
    ROW(CL_LINKER_NOT_AVAILABLE, UNSUPPORTED, "install the driver's compiler or use another device"),
    ROW(CL_LINK_PROGRAM_FAILURE, COMPILE_FAILED, SOURCE),
    ROW(CL_DEVICE_PARTITION_FAILED, UNSUPPORTED, "use the whole device"),
    ROW(CL_KERNEL_ARG_INFO_NOT_AVAILABLE, UNSUPPORTED, CALLER),
    ROW(CL_INVALID_VALUE, INVALID_ARGUMENT, CALLER),
    ROW(CL_INVALID_DEVICE_TYPE, DRIVER, CALLER),
    ROW(CL_INVALID_PLATFORM, DRIVER, "reinstall the driver"),
    ROW(CL_INVALID_DEVICE, DRIVER, "reinstall the driver"),
    ROW(CL_INVALID_CONTEXT, DRIVER, CALLER),
    ROW(CL_INVALID_QUEUE_PROPERTIES, UNSUPPORTED, CALLER),
    ROW(CL_INVALID_COMMAND_QUEUE, DRIVER, "an earlier command may have broken the device: make a new context"),
    ROW(CL_INVALID_HOST_PTR, INVALID_ARGUMENT, CALLER),
    ROW(CL_INVALID_MEM_OBJECT, INVALID_ARGUMENT, "give a buffer of this device that still lives"),
    ROW(CL_INVALID_IMAGE_FORMAT_DESCRIPTOR, INVALID_ARGUMENT, CALLER),
    ROW(CL_INVALID_IMAGE_SIZE, INVALID_ARGUMENT, CALLER),
    ROW(CL_INVALID_SAMPLER, INVALID_ARGUMENT, CALLER),
    ROW(CL_INVALID_BINARY, COMPILE_FAILED, "clear the cache: it is compiled from source again"),
    ROW(CL_INVALID_BUILD_OPTIONS, COMPILE_FAILED, "correct the compile options"),
    ROW(CL_INVALID_PROGRAM, DRIVER, CALLER),
    ROW(CL_INVALID_PROGRAM_EXECUTABLE, COMPILE_FAILED, SOURCE),
    ROW(CL_INVALID_KERNEL_NAME, NOT_FOUND, "name a kernel of the source"),
    ROW(CL_INVALID_KERNEL_DEFINITION, COMPILE_FAILED, SOURCE),
    ROW(CL_INVALID_KERNEL, INVALID_ARGUMENT, CALLER),
    ROW(CL_INVALID_ARG_INDEX, INVALID_ARGUMENT, "the kernel has fewer arguments"),
    ROW(CL_INVALID_ARG_VALUE, INVALID_ARGUMENT, "give a value of the argument's type"),
    ROW(CL_INVALID_ARG_SIZE, INVALID_ARGUMENT, "give a value of the argument's size"),
    ROW(CL_INVALID_KERNEL_ARGS, INVALID_ARGUMENT, "set every argument of the kernel"),
    ROW(CL_INVALID_WORK_DIMENSION, INVALID_ARGUMENT, "use 1 to 3 dimensions"),
    ROW(CL_INVALID_WORK_GROUP_SIZE, INVALID_ARGUMENT, LAUNCH),
    ROW(CL_INVALID_WORK_ITEM_SIZE, INVALID_ARGUMENT, LAUNCH),
    ROW(CL_INVALID_GLOBAL_OFFSET, INVALID_ARGUMENT, CALLER),
    ROW(CL_INVALID_EVENT_WAIT_LIST, DRIVER, CALLER),
    ROW(CL_INVALID_EVENT, DRIVER, CALLER),
    ROW(CL_INVALID_OPERATION, UNSUPPORTED, "the driver does not do this: use another device"),
    ROW(CL_INVALID_BUFFER_SIZE, DEVICE_OUT_OF_MEMORY, "use smaller buffers: " OUT_OF_DEVICE_MEMORY),
    ROW(CL_INVALID_GLOBAL_WORK_SIZE, INVALID_ARGUMENT, "use a global size that the device allows"),
    ROW(CL_INVALID_PROPERTY, UNSUPPORTED, CALLER),
    ROW(CL_INVALID_COMPILER_OPTIONS, COMPILE_FAILED, "correct the compile options"),
    ROW(CL_INVALID_LINKER_OPTIONS, COMPILE_FAILED, "correct the compile options"),
    ROW(CL_INVALID_DEVICE_PARTITION_COUNT, UNSUPPORTED, "ask for fewer parts"),
    {-1001, "CL_PLATFORM_NOT_FOUND_KHR", SOCLE_NO_DEVICE, "install an OpenCL driver, such as pocl-opencl-icd"},
    {-9999, "CL_ILLEGAL_ACCESS_NV", SOCLE_DEVICE_LOST, "a kernel accessed memory that is not its own; use a new process"},
};

static const error_row *find_row(cl_int code)
{
    for (size_t i = 0; i < COUNT_OF(error_rows); i++)
        if (error_rows[i].code == code)
            return &error_rows[i];
    return NULL;
}

const char *device_error_name(cl_int code)
{
    const error_row *row = find_row(code);
    return row != NULL ? row->name : "unknown OpenCL error";
}

/* The first loss of a device stays its reason. */
static void quarantine(socle_device *device, const char *call, const char *name)
{
    if (device->parent != NULL)
        quarantine(device->parent, call, name);
    pthread_mutex_lock(&device->health_lock);
    if (device->info.status == SOCLE_DEVICE_OK) {
        char *reason = memory_format("lost: %s answered %s", call, name);
        device->info.reason = reason != NULL ? reason : "lost";
        device->reason_allocated = reason;
        __atomic_store_n(&device->info.status, SOCLE_DEVICE_QUARANTINED, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&device->health_lock);
}

socle_status device_status(socle_device *device, cl_int code, const char *call)
{
    if (code == CL_SUCCESS)
        return SOCLE_OK;
    const error_row *row = find_row(code);
    const char *name = device_error_name(code);
    const socle_status status = row != NULL ? row->status : SOCLE_DRIVER;
    if (status == SOCLE_DEVICE_LOST)
        quarantine(device, call, name);
    return socle_fail(status, "%s: %s failed: %s (%d): %s", device->info.id, call, name, (int)code,
                      row != NULL ? row->advice : "see the driver's documentation");
}
