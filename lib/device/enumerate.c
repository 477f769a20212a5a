/* Finds every device of every platform. Nothing that one platform or device does keeps the others from being found: what fails is
 * listed as refused, with the reason. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "room.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_PLATFORMS 64
#define MAX_DEVICES_PER_PLATFORM 64

/* ---- one device ---- */

socle_device *device_new(socle_context *context)
{
    socle_device *device = memory_alloc(sizeof(*device));
    if (device == NULL)
        return NULL;
    device->context = context;
    device->info.index = -1;
    device->info.type = SOCLE_DEVICE_OTHER;
    device->info.reason = "";
    pthread_mutex_init(&device->lock, NULL);
    pthread_mutex_init(&device->turn, NULL);
    pthread_mutex_init(&device->health_lock, NULL);
    return device;
}

/* PoCL's threads still look at the device of a command after clFinish has returned, and crash where that is a sub-device that was
 * released meanwhile (PoCL 3.1, clReleaseEvent: event->queue->device). A command holds the context, so the sub-device waits until
 * only we do; not for ever, as a library may keep the context for its own cache. */
static void wait_for_last_command(const socle_device *device)
{
    const double limit_s = 0.1, start = time_now_s();
    const struct timespec pause = {0, 20000};
    cl_uint references = 0;
    while (clGetContextInfo(device->cl_context, CL_CONTEXT_REFERENCE_COUNT, sizeof(references), &references, NULL) ==
               CL_SUCCESS &&
           references > 1 && time_now_s() - start < limit_s)
        nanosleep(&pause, NULL);
}

static void close_device(socle_device *device)
{
    pool_destroy(device->pool);
    if (device->queue != NULL) {
        clFinish(device->queue); /* transfers end with an unmap that nobody waits for */
        clReleaseCommandQueue(device->queue);
    }
    if (device->cl_context != NULL) {
        if (device->parent != NULL)
            wait_for_last_command(device);
        clReleaseContext(device->cl_context);
    }
    if (device->parent != NULL && device->cl_device != NULL)
        clReleaseDevice(device->cl_device);
}

void device_free(socle_device *device)
{
    if (device == NULL)
        return;
    close_device(device);
    socle_device_info *info = &device->info;
    const char *const strings[] = {info->id,
                                   info->name,
                                   info->vendor,
                                   info->platform,
                                   info->opencl_version,
                                   info->driver_version,
                                   device->capabilities.extensions,
                                   device->identity,
                                   device->reason_allocated};
    for (size_t i = 0; i < COUNT_OF(strings); i++)
        memory_free((char *)strings[i]);
    memory_free(device->profile);
    memory_free(device->tunings);
    pthread_mutex_destroy(&device->health_lock);
    pthread_mutex_destroy(&device->turn);
    pthread_mutex_destroy(&device->lock);
    memory_free(device);
}

/* Of the memory that drivers report, what Socle may use: all of it, but where a driver grants what the machine does not have, not
 * more than three quarters of the machine's. */
static uint64_t budget_bytes(const socle_device *device)
{
    uint64_t budget = device->capabilities.global_memory_bytes;
    const uint64_t asked = device->context->memory_budget_bytes;
    if (device_has_quirk(device, QUIRK_SMALL_MEMORY)) {
        const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
        const uint64_t own = pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes / 4 * 3 : budget;
        budget = own < budget ? own : budget;
    }
    return asked > 0 && asked < budget ? asked : budget;
}

/* Strings that a host reads are never NULL. */
static socle_status complete_strings(socle_device_info *info)
{
    const char **const strings[] = {&info->name, &info->vendor, &info->platform, &info->opencl_version, &info->driver_version};
    for (size_t i = 0; i < COUNT_OF(strings); i++) {
        if (*strings[i] == NULL)
            *strings[i] = memory_copy_string("");
        if (*strings[i] == NULL)
            return SOCLE_OUT_OF_MEMORY;
    }
    return SOCLE_OK;
}

static socle_status refuse(socle_device *device, const char *reason)
{
    device->reason_allocated = memory_copy_string(reason);
    if (device->reason_allocated == NULL)
        return SOCLE_OUT_OF_MEMORY;
    device->info.reason = device->reason_allocated;
    device->info.status = SOCLE_DEVICE_REFUSED;
    return complete_strings(&device->info);
}

socle_status device_describe(socle_device *device, const char *platform_name, const char *platform_version)
{
    memory_free((char *)device->info.platform);
    device->info.platform = memory_copy_string(platform_name);
    if (device->info.platform == NULL)
        return SOCLE_OUT_OF_MEMORY;
    socle_status status = capabilities_read(device, platform_version);
    if (status == SOCLE_OUT_OF_MEMORY)
        return status;
    if (status != SOCLE_OK)
        return refuse(device, socle_error_message());
    device->quirks = quirks_of(device);
    device->info.memory_bytes = budget_bytes(device);
    return SOCLE_OK;
}

socle_status device_append(socle_context *context, socle_device *device)
{
    if (!ARRAY_RESERVE(context->devices, context->device_count, context->device_capacity))
        return SOCLE_OUT_OF_MEMORY;
    context->devices[context->device_count++] = device;
    return SOCLE_OK;
}

/* ---- one platform ---- */

typedef struct platform_names {
    char *name, *version, *slug;
} platform_names;

static void names_finish(platform_names *names)
{
    memory_free(names->name);
    memory_free(names->version);
    memory_free(names->slug);
}

static socle_status read_names(cl_platform_id platform, platform_names *names)
{
    char *suffix = NULL;
    socle_status status = platform_string(platform, CL_PLATFORM_NAME, &names->name);
    if (status == SOCLE_OK)
        status = platform_string(platform, CL_PLATFORM_VERSION, &names->version);
    if (status != SOCLE_OK)
        return status;
    if (platform_string(platform, CL_PLATFORM_ICD_SUFFIX_KHR, &suffix) == SOCLE_OUT_OF_MEMORY)
        return SOCLE_OUT_OF_MEMORY; /* after any other failure only a nicer name is lost */
    names->slug = platform_slug(names->name, suffix);
    memory_free(suffix);
    return names->slug != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
}

/* device_id NULL: the platform itself failed, for `reason`. */
static socle_status add_device(socle_context *context, cl_platform_id platform, const platform_names *names,
                               cl_device_id device_id, const char *reason)
{
    char *slug = NULL;
    socle_device *device = device_new(context);
    socle_status status = SOCLE_OUT_OF_MEMORY;
    if (device == NULL)
        return status;
    device->platform = platform;
    device->cl_device = device_id;
    if (device_id != NULL) {
        status = device_describe(device, names->name, names->version);
    } else {
        device->info.platform = memory_copy_string(names->name != NULL ? names->name : "unknown platform");
        status = device->info.platform != NULL ? refuse(device, reason) : SOCLE_OUT_OF_MEMORY;
    }
    if (status == SOCLE_OK) {
        slug = device->info.name[0] != '\0' ? device_slug(device->info.name, device->info.vendor, device->info.type)
                                            : memory_copy_string("refused");
        status = slug != NULL ? device_set_id(context, device, names->slug != NULL ? names->slug : "platform", slug)
                              : SOCLE_OUT_OF_MEMORY;
        memory_free(slug);
    }
    if (status == SOCLE_OK)
        status = device_set_identity(device);
    if (status == SOCLE_OK)
        status = device_append(context, device);
    if (status != SOCLE_OK) {
        device_free(device);
        return status;
    }
    if (device->info.status != SOCLE_DEVICE_OK)
        log_write(&context->log, SOCLE_LOG_WARN, "%s is refused: %s", device->info.id, device->info.reason);
    return SOCLE_OK;
}

static socle_status add_platform(socle_context *context, cl_platform_id platform)
{
    cl_device_id devices[MAX_DEVICES_PER_PLATFORM];
    cl_uint count = 0;
    platform_names names = {0};
    char reason[128];
    socle_status status = read_names(platform, &names);
    if (status == SOCLE_OUT_OF_MEMORY)
        goto cleanup;
    if (status != SOCLE_OK) {
        status = add_device(context, platform, &names, NULL, socle_error_message());
        goto cleanup;
    }
    const cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, MAX_DEVICES_PER_PLATFORM, devices, &count);
    if (code == CL_DEVICE_NOT_FOUND || (code == CL_SUCCESS && count == 0)) {
        log_write(&context->log, SOCLE_LOG_INFO, "platform %s has no devices", names.name);
    } else if (code != CL_SUCCESS) {
        snprintf(reason, sizeof(reason), "clGetDeviceIDs failed: %s (%d)", device_error_name(code), (int)code);
        status = add_device(context, platform, &names, NULL, reason);
    } else {
        if (count > MAX_DEVICES_PER_PLATFORM)
            count = MAX_DEVICES_PER_PLATFORM;
        for (cl_uint i = 0; i < count && status == SOCLE_OK; i++)
            status = add_device(context, platform, &names, devices[i], NULL);
    }
cleanup:
    names_finish(&names);
    return status;
}

/* ---- all ---- */

static pthread_once_t ask_pocl_basic_once = PTHREAD_ONCE_INIT, ask_pocl_affinity_once = PTHREAD_ONCE_INIT;

/* PoCL reads it at the first OpenCL call of the process. */
static void ask_pocl_basic(void)
{
    setenv("POCL_DEVICES", "basic pthread", 0);
}

/* PoCL's thread i goes to processor i, and the process ends where it may not (PoCL 3.1, pocl_pthread_driver_thread). */
static void ask_pocl_affinity(void)
{
    const long processors = sysconf(_SC_NPROCESSORS_CONF);
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0 && CPU_COUNT(&allowed) == processors)
        setenv("POCL_AFFINITY", "1", 0);
}

socle_status device_enumerate(socle_context *context, const char *devices_filter, bool pocl_basic, bool pocl_affinity)
{
    cl_platform_id platforms[MAX_PLATFORMS];
    cl_uint count = 0;
    if (pocl_basic)
        pthread_once(&ask_pocl_basic_once, ask_pocl_basic);
    if (pocl_affinity)
        pthread_once(&ask_pocl_affinity_once, ask_pocl_affinity);
    const cl_int code = clGetPlatformIDs(MAX_PLATFORMS, platforms, &count);
    if (code != CL_SUCCESS) {
        log_write(&context->log, SOCLE_LOG_WARN, "no OpenCL platform: clGetPlatformIDs answered %s (%d)", device_error_name(code),
                  (int)code);
        count = 0;
    }
    if (count > MAX_PLATFORMS)
        count = MAX_PLATFORMS;
    for (cl_uint i = 0; i < count; i++) {
        socle_status status = add_platform(context, platforms[i]);
        if (status != SOCLE_OK)
            return status;
    }
    context->listed_count = context->device_count;
    for (int i = 0; i < context->device_count; i++)
        context->devices[i]->info.index = i;
    const char *filter = devices_filter != NULL ? devices_filter : getenv("SOCLE_DEVICES");
    return filter != NULL && filter[0] != '\0' ? device_filter(context, filter) : SOCLE_OK;
}

/* Sub-devices go before their parents: they stand behind them, and hidden parents come last of all. */
void device_finish_all(socle_context *context)
{
    for (int i = context->device_count - 1; i >= 0; i--)
        device_free(context->devices[i]);
    for (int i = context->hidden_count - 1; i >= 0; i--)
        device_free(context->hidden[i]);
    memory_free(context->devices);
    memory_free(context->hidden);
    context->devices = context->hidden = NULL;
    context->device_count = context->device_capacity = context->listed_count = 0;
    context->hidden_count = context->hidden_capacity = 0;
}
