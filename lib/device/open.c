/* Opening a device: its OpenCL context, its in-order queue and its pool, on first use. Further queues, waiting, and whether the
 * times of events can be believed. */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS /* clCreateCommandQueue: the entry point that every version has */
#include "room.h"

#include <math.h>

/* cl_intel_exec_by_local_thread: CL_QUEUE_THREAD_LOCAL_EXEC_ENABLE_INTEL */
#define QUEUE_PROPERTY_LOCAL_THREAD ((cl_command_queue_properties)1 << 31)

static socle_status check_health(const socle_device *device)
{
    switch (__atomic_load_n(&device->info.status, __ATOMIC_ACQUIRE)) {
    case SOCLE_DEVICE_OK:
        return SOCLE_OK;
    case SOCLE_DEVICE_QUARANTINED:
        return socle_fail(SOCLE_DEVICE_LOST, "%s is %s: use another device", device->info.id, device->info.reason);
    default:
        return socle_fail(SOCLE_NO_DEVICE, "%s cannot be used: %s", device->info.id, device->info.reason);
    }
}

static socle_status open_locked(socle_device *device)
{
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)device->platform, 0};
    cl_int code = CL_SUCCESS;
    if (device->cl_context == NULL) {
        device->cl_context = clCreateContext(properties, 1, &device->cl_device, NULL, NULL, &code);
        if (code != CL_SUCCESS)
            return device_status(device, code, "clCreateContext");
    }
    if (device->queue == NULL) {
        device->queue = clCreateCommandQueue(device->cl_context, device->cl_device, 0, &code);
        if (code != CL_SUCCESS)
            return device_status(device, code, "clCreateCommandQueue");
    }
    if (device->pool == NULL) {
        socle_status status = pool_create(&device->pool);
        if (status != SOCLE_OK)
            return status;
    }
    __atomic_store_n(&device->opened, true, __ATOMIC_RELEASE);
    return SOCLE_OK;
}

socle_status device_open(socle_device *device)
{
    socle_status status = check_health(device);
    if (status != SOCLE_OK || __atomic_load_n(&device->opened, __ATOMIC_ACQUIRE))
        return status;
    pthread_mutex_lock(&device->lock);
    if (!device->opened)
        status = open_locked(device);
    pthread_mutex_unlock(&device->lock);
    return status;
}

socle_status device_queue_create(socle_device *device, queue_kind kind, bool profiling, cl_command_queue *queue)
{
    socle_status status = device_open(device);
    if (status != SOCLE_OK)
        return status;
    const cl_command_queue_properties profile = profiling ? CL_QUEUE_PROFILING_ENABLE : 0;
    cl_int code;
    if (kind == QUEUE_LOCAL_THREAD && device_has_quirk(device, QUIRK_LOCAL_THREAD_QUEUE) &&
        device->capabilities.opencl_major >= 2) {
        const cl_queue_properties properties[] = {CL_QUEUE_PROPERTIES, profile | QUEUE_PROPERTY_LOCAL_THREAD, 0};
        cl_command_queue made = clCreateCommandQueueWithProperties(device->cl_context, device->cl_device, properties, &code);
        if (code == CL_SUCCESS) {
            *queue = made;
            return SOCLE_OK;
        }
    }
    cl_command_queue made = clCreateCommandQueue(device->cl_context, device->cl_device, profile, &code);
    if (code != CL_SUCCESS)
        return device_status(device, code, "clCreateCommandQueue");
    *queue = made;
    return SOCLE_OK;
}

socle_status socle_device_finish(socle_device *device)
{
    if (device == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_device_finish: device must not be NULL");
    socle_status status = device_open(device);
    return status == SOCLE_OK ? device_status(device, clFinish(device->queue), "clFinish") : status;
}

/* ---- clock ---- */

/* End of one small write in nanoseconds of the device's clock, and the host's time in seconds when it was seen; false: none. */
static bool stamp(cl_command_queue queue, cl_mem memory, cl_ulong *end_ns, double *host_s)
{
    cl_event event = NULL;
    const uint32_t word = 0;
    cl_ulong start_ns = 0;
    if (clEnqueueWriteBuffer(queue, memory, CL_TRUE, 0, sizeof(word), &word, 0, NULL, &event) != CL_SUCCESS)
        return false;
    *host_s = time_now_s();
    const bool known =
        clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof(start_ns), &start_ns, NULL) == CL_SUCCESS &&
        clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof(*end_ns), end_ns, NULL) == CL_SUCCESS;
    clReleaseEvent(event);
    return known && start_ns != 0 && *end_ns >= start_ns;
}

/* Two commands a few milliseconds apart: both clocks must tell the same distance, but for the delay until the host sees it. */
static bool clocks_agree(cl_command_queue queue, cl_mem memory)
{
    const double pause_s = 4e-3, delay_s = 1e-3;
    for (int attempt = 0; attempt < 3; attempt++) { /* the host may have been interrupted */
        cl_ulong first_ns, second_ns;
        double first_s, second_s;
        if (!stamp(queue, memory, &first_ns, &first_s))
            return false;
        while (time_now_s() - first_s < pause_s)
            ;
        if (!stamp(queue, memory, &second_ns, &second_s))
            return false;
        const double device_s = ((double)second_ns - (double)first_ns) * 1e-9;
        if (fabs(device_s - (second_s - first_s)) < delay_s)
            return true;
    }
    return false;
}

bool device_timer_ok(socle_device *device)
{
    const int known = __atomic_load_n(&device->timer_state, __ATOMIC_ACQUIRE);
    cl_command_queue queue = NULL;
    cl_mem memory = NULL;
    cl_int code = CL_SUCCESS;
    if (known != 0)
        return known > 0;
    if (device_has_quirk(device, QUIRK_NO_EVENT_TIMER)) {
        __atomic_store_n(&device->timer_state, -1, __ATOMIC_RELEASE);
        return false;
    }
    if (device_queue_create(device, QUEUE_DEFAULT, true, &queue) != SOCLE_OK)
        return false;
    memory = clCreateBuffer(device->cl_context, CL_MEM_READ_WRITE, 64, NULL, &code);
    const bool agree = code == CL_SUCCESS && clocks_agree(queue, memory);
    if (memory != NULL)
        clReleaseMemObject(memory);
    clReleaseCommandQueue(queue);
    __atomic_store_n(&device->timer_state, agree ? 1 : -1, __ATOMIC_RELEASE);
    return agree;
}
