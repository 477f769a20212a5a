/* An OpenCL layer (OPENCL_LAYERS=libtest_layer_fault.so, loader ocl-icd 2.3 or later) that makes the nth call of a program fail
 * and counts the objects that the program holds. A call that fails does not reach the driver, but for those that give something
 * back: they do their work and answer with the error all the same, so that what is then left over is the program's own leak.
 * FAULT_LAYER_TYPE=gpu or accelerator: every device says that it is of that type. */
#include "fault.h"

#include <CL/cl_layer.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum object_kind { CONTEXTS, QUEUES, BUFFERS, PROGRAMS, KERNELS, EVENTS, SUB_DEVICES, MAPS, SVM, KINDS } object_kind;

static const char *const kind_names[KINDS] = {"contexts", "queues",      "buffers",        "programs",          "kernels",
                                              "events",   "sub-devices", "mapped buffers", "shared allocations"};

static cl_icd_dispatch layer;
static const cl_icd_dispatch *driver;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long calls, failing = -1;
static cl_int failing_code;
static const char *failed;
static long live[KINDS];

void fault_layer_arm(long nth, int code)
{
    pthread_mutex_lock(&lock);
    calls = 0;
    failing = nth;
    failing_code = code;
    failed = NULL;
    pthread_mutex_unlock(&lock);
}

long fault_layer_calls(void)
{
    return calls;
}

const char *fault_layer_failed(void)
{
    return failed;
}

long fault_layer_live(char *text, size_t size_bytes)
{
    long total = 0;
    size_t used = 0;
    if (size_bytes > 0)
        text[0] = '\0';
    for (int i = 0; i < KINDS; i++) {
        total += live[i];
        if (live[i] != 0 && used < size_bytes)
            used += (size_t)snprintf(text + used, size_bytes - used, "%s%ld %s", used > 0 ? ", " : "", live[i], kind_names[i]);
    }
    return total;
}

/* The error that this call must answer, or CL_SUCCESS. */
static cl_int fault(const char *name)
{
    cl_int code = CL_SUCCESS;
    pthread_mutex_lock(&lock);
    if (calls++ == failing) {
        code = failing_code;
        failed = name;
    }
    pthread_mutex_unlock(&lock);
    return code;
}

static void count(object_kind kind, long change)
{
    pthread_mutex_lock(&lock);
    live[kind] += change;
    pthread_mutex_unlock(&lock);
}

/* X(name, parameters, arguments): calls that answer with a code. */
#define PLAIN_CALLS(X)                                                                                                           \
    X(clGetPlatformIDs, (cl_uint n, cl_platform_id * p, cl_uint * c), (n, p, c))                                                 \
    X(clGetPlatformInfo, (cl_platform_id p, cl_platform_info w, size_t s, void *v, size_t *r), (p, w, s, v, r))                  \
    X(clGetProgramInfo, (cl_program p, cl_program_info w, size_t s, void *v, size_t *r), (p, w, s, v, r))                        \
    X(clGetProgramBuildInfo, (cl_program p, cl_device_id d, cl_program_build_info w, size_t s, void *v, size_t *r),              \
      (p, d, w, s, v, r))                                                                                                        \
    X(clGetKernelInfo, (cl_kernel k, cl_kernel_info w, size_t s, void *v, size_t *r), (k, w, s, v, r))                           \
    X(clGetKernelWorkGroupInfo, (cl_kernel k, cl_device_id d, cl_kernel_work_group_info w, size_t s, void *v, size_t *r),        \
      (k, d, w, s, v, r))                                                                                                        \
    X(clGetEventInfo, (cl_event e, cl_event_info w, size_t s, void *v, size_t *r), (e, w, s, v, r))                              \
    X(clGetEventProfilingInfo, (cl_event e, cl_profiling_info w, size_t s, void *v, size_t *r), (e, w, s, v, r))                 \
    X(clBuildProgram,                                                                                                            \
      (cl_program p, cl_uint n, const cl_device_id *d, const char *o, void(CL_CALLBACK * f)(cl_program, void *), void *u),       \
      (p, n, d, o, f, u))                                                                                                        \
    X(clSetKernelArg, (cl_kernel k, cl_uint i, size_t s, const void *v), (k, i, s, v))                                           \
    X(clSetKernelArgSVMPointer, (cl_kernel k, cl_uint i, const void *v), (k, i, v))                                              \
    X(clWaitForEvents, (cl_uint n, const cl_event *e), (n, e))                                                                   \
    X(clFlush, (cl_command_queue q), (q))                                                                                        \
    X(clFinish, (cl_command_queue q), (q))

#define PLAIN(name, parameters, arguments)                                                                                       \
    static cl_int CL_API_CALL layer_##name parameters                                                                            \
    {                                                                                                                            \
        const cl_int code = fault(#name);                                                                                        \
        return code != CL_SUCCESS ? code : driver->name arguments;                                                               \
    }
PLAIN_CALLS(PLAIN)

/* X(name, kind, type, parameters but the last, arguments but the last): calls that make an object, and an error code behind. */
#define CREATING_CALLS(X)                                                                                                        \
    X(clCreateContext, CONTEXTS, cl_context,                                                                                     \
      (const cl_context_properties *p, cl_uint n, const cl_device_id *d,                                                         \
       void(CL_CALLBACK * f)(const char *, const void *, size_t, void *), void *u, cl_int *e),                                   \
      (p, n, d, f, u, e))                                                                                                        \
    X(clCreateCommandQueue, QUEUES, cl_command_queue, (cl_context c, cl_device_id d, cl_command_queue_properties p, cl_int * e), \
      (c, d, p, e))                                                                                                              \
    X(clCreateCommandQueueWithProperties, QUEUES, cl_command_queue,                                                              \
      (cl_context c, cl_device_id d, const cl_queue_properties *p, cl_int *e), (c, d, p, e))                                     \
    X(clCreateBuffer, BUFFERS, cl_mem, (cl_context c, cl_mem_flags f, size_t s, void *h, cl_int *e), (c, f, s, h, e))            \
    X(clCreateSubBuffer, BUFFERS, cl_mem, (cl_mem m, cl_mem_flags f, cl_buffer_create_type t, const void *i, cl_int *e),         \
      (m, f, t, i, e))                                                                                                           \
    X(clCreateProgramWithSource, PROGRAMS, cl_program, (cl_context c, cl_uint n, const char **s, const size_t *l, cl_int *e),    \
      (c, n, s, l, e))                                                                                                           \
    X(clCreateProgramWithBinary, PROGRAMS, cl_program,                                                                           \
      (cl_context c, cl_uint n, const cl_device_id *d, const size_t *l, const unsigned char **b, cl_int *s, cl_int *e),          \
      (c, n, d, l, b, s, e))                                                                                                     \
    X(clCreateKernel, KERNELS, cl_kernel, (cl_program p, const char *n, cl_int *e), (p, n, e))                                   \
    X(clEnqueueMapBuffer, MAPS, void *,                                                                                          \
      (cl_command_queue q, cl_mem m, cl_bool b, cl_map_flags f, size_t o, size_t s, cl_uint n, const cl_event *w, cl_event *v,   \
       cl_int *e),                                                                                                               \
      (q, m, b, f, o, s, n, w, v, e))

#define CREATING(name, kind, type, parameters, arguments)                                                                        \
    static type CL_API_CALL layer_##name parameters                                                                              \
    {                                                                                                                            \
        const cl_int code = fault(#name);                                                                                        \
        if (code != CL_SUCCESS) {                                                                                                \
            if (e != NULL)                                                                                                       \
                *e = code;                                                                                                       \
            return NULL;                                                                                                         \
        }                                                                                                                        \
        type made = driver->name arguments;                                                                                      \
        count(kind, made != NULL);                                                                                               \
        return made;                                                                                                             \
    }
CREATING_CALLS(CREATING)

/* X(name, kind, type, change of the number of references) */
#define COUNTING_CALLS(X)                                                                                                        \
    X(clRetainContext, CONTEXTS, cl_context, 1)                                                                                  \
    X(clReleaseContext, CONTEXTS, cl_context, -1)                                                                                \
    X(clRetainCommandQueue, QUEUES, cl_command_queue, 1)                                                                         \
    X(clReleaseCommandQueue, QUEUES, cl_command_queue, -1)                                                                       \
    X(clRetainMemObject, BUFFERS, cl_mem, 1)                                                                                     \
    X(clReleaseMemObject, BUFFERS, cl_mem, -1)                                                                                   \
    X(clRetainProgram, PROGRAMS, cl_program, 1)                                                                                  \
    X(clReleaseProgram, PROGRAMS, cl_program, -1)                                                                                \
    X(clRetainKernel, KERNELS, cl_kernel, 1)                                                                                     \
    X(clReleaseKernel, KERNELS, cl_kernel, -1)                                                                                   \
    X(clRetainEvent, EVENTS, cl_event, 1)                                                                                        \
    X(clReleaseEvent, EVENTS, cl_event, -1)                                                                                      \
    X(clRetainDevice, SUB_DEVICES, cl_device_id, 1)                                                                              \
    X(clReleaseDevice, SUB_DEVICES, cl_device_id, -1)

#define COUNTING(name, kind, type, change)                                                                                       \
    static cl_int CL_API_CALL layer_##name(type object)                                                                          \
    {                                                                                                                            \
        const cl_int code = fault(#name);                                                                                        \
        if (code != CL_SUCCESS && (change) > 0)                                                                                  \
            return code;                                                                                                         \
        const cl_int answer = driver->name(object);                                                                              \
        count(kind, answer == CL_SUCCESS ? (change) : 0);                                                                        \
        return code != CL_SUCCESS ? code : answer;                                                                               \
    }
COUNTING_CALLS(COUNTING)

/* X(name, parameters but the last three, arguments but the last three): commands, which may make an event. */
#define COMMANDS(X)                                                                                                              \
    X(clEnqueueNDRangeKernel,                                                                                                    \
      (cl_command_queue q, cl_kernel k, cl_uint d, const size_t *o, const size_t *g, const size_t *l, cl_uint n,                 \
       const cl_event *w, cl_event *v),                                                                                          \
      (q, k, d, o, g, l, n, w, v))                                                                                               \
    X(clEnqueueReadBuffer,                                                                                                       \
      (cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t s, void *h, cl_uint n, const cl_event *w, cl_event *v),         \
      (q, m, b, o, s, h, n, w, v))                                                                                               \
    X(clEnqueueWriteBuffer,                                                                                                      \
      (cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t s, const void *h, cl_uint n, const cl_event *w, cl_event *v),   \
      (q, m, b, o, s, h, n, w, v))                                                                                               \
    X(clEnqueueCopyBuffer,                                                                                                       \
      (cl_command_queue q, cl_mem a, cl_mem b, size_t i, size_t o, size_t s, cl_uint n, const cl_event *w, cl_event *v),         \
      (q, a, b, i, o, s, n, w, v))                                                                                               \
    X(clEnqueueFillBuffer,                                                                                                       \
      (cl_command_queue q, cl_mem m, const void *p, size_t b, size_t o, size_t s, cl_uint n, const cl_event *w, cl_event *v),    \
      (q, m, p, b, o, s, n, w, v))                                                                                               \
    X(clEnqueueMarkerWithWaitList, (cl_command_queue q, cl_uint n, const cl_event *w, cl_event *v), (q, n, w, v))                \
    X(clEnqueueBarrierWithWaitList, (cl_command_queue q, cl_uint n, const cl_event *w, cl_event *v), (q, n, w, v))

#define COMMAND(name, parameters, arguments)                                                                                     \
    static cl_int CL_API_CALL layer_##name parameters                                                                            \
    {                                                                                                                            \
        const cl_int code = fault(#name);                                                                                        \
        if (code != CL_SUCCESS)                                                                                                  \
            return code;                                                                                                         \
        const cl_int answer = driver->name arguments;                                                                            \
        count(EVENTS, answer == CL_SUCCESS && v != NULL);                                                                        \
        return answer;                                                                                                           \
    }
COMMANDS(COMMAND)

/* ---- those with a way of their own ---- */

static cl_int CL_API_CALL layer_clEnqueueUnmapMemObject(cl_command_queue queue, cl_mem memory, void *mapped, cl_uint waits,
                                                        const cl_event *wait, cl_event *event)
{
    const cl_int code = fault("clEnqueueUnmapMemObject");
    const cl_int answer = driver->clEnqueueUnmapMemObject(queue, memory, mapped, waits, wait, code == CL_SUCCESS ? event : NULL);
    count(MAPS, answer == CL_SUCCESS ? -1 : 0);
    count(EVENTS, answer == CL_SUCCESS && code == CL_SUCCESS && event != NULL);
    return code != CL_SUCCESS ? code : answer;
}

static cl_int CL_API_CALL layer_clCreateSubDevices(cl_device_id device, const cl_device_partition_property *properties,
                                                   cl_uint entries, cl_device_id *made, cl_uint *made_count)
{
    cl_uint made_now = 0;
    const cl_int code = fault("clCreateSubDevices");
    if (code != CL_SUCCESS)
        return code;
    const cl_int answer = driver->clCreateSubDevices(device, properties, entries, made, &made_now);
    if (made_count != NULL)
        *made_count = made_now;
    count(SUB_DEVICES, answer == CL_SUCCESS && made != NULL ? (long)made_now : 0);
    return answer;
}

static void *CL_API_CALL layer_clSVMAlloc(cl_context context, cl_svm_mem_flags flags, size_t size_bytes, cl_uint alignment)
{
    void *made = fault("clSVMAlloc") != CL_SUCCESS ? NULL : driver->clSVMAlloc(context, flags, size_bytes, alignment);
    count(SVM, made != NULL);
    return made;
}

static void CL_API_CALL layer_clSVMFree(cl_context context, void *pointer)
{
    driver->clSVMFree(context, pointer);
    count(SVM, pointer != NULL ? -1 : 0);
}

/* The type that devices claim; 0: their own. */
static cl_device_type claimed_type(void)
{
    const char *type = getenv("FAULT_LAYER_TYPE");
    if (type == NULL)
        return 0;
    return strcmp(type, "gpu") == 0 ? CL_DEVICE_TYPE_GPU : strcmp(type, "accelerator") == 0 ? CL_DEVICE_TYPE_ACCELERATOR : 0;
}

static cl_int CL_API_CALL layer_clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size_bytes, void *value,
                                                size_t *answered_bytes)
{
    const cl_int code = fault("clGetDeviceInfo");
    if (code != CL_SUCCESS)
        return code;
    const cl_int answer = driver->clGetDeviceInfo(device, what, size_bytes, value, answered_bytes);
    if (answer == CL_SUCCESS && what == CL_DEVICE_TYPE && value != NULL && claimed_type() != 0)
        memcpy(value, &(cl_device_type){claimed_type()}, sizeof(cl_device_type));
    return answer;
}

static cl_int CL_API_CALL layer_clGetDeviceIDs(cl_platform_id platform, cl_device_type type, cl_uint entries,
                                               cl_device_id *devices, cl_uint *device_count)
{
    const cl_int code = fault("clGetDeviceIDs");
    if (code != CL_SUCCESS)
        return code;
    const cl_device_type claimed = claimed_type();
    if (claimed != 0 && (type & (claimed | CL_DEVICE_TYPE_DEFAULT)) == 0)
        return CL_DEVICE_NOT_FOUND;
    return driver->clGetDeviceIDs(platform, claimed != 0 ? CL_DEVICE_TYPE_ALL : type, entries, devices, device_count);
}

/* ---- the layer ---- */

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t size_bytes, void *value, size_t *answered_bytes)
{
    static const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    static const char name[] = "fault";
    const void *answer = what == CL_LAYER_API_VERSION ? (const void *)&version : (const void *)name;
    const size_t answer_bytes = what == CL_LAYER_API_VERSION ? sizeof(version) : sizeof(name);
    if (what != CL_LAYER_API_VERSION && what != CL_LAYER_NAME)
        return CL_INVALID_VALUE;
    if (value != NULL && size_bytes < answer_bytes)
        return CL_INVALID_VALUE;
    if (value != NULL)
        memcpy(value, answer, answer_bytes);
    if (answered_bytes != NULL)
        *answered_bytes = answer_bytes;
    return CL_SUCCESS;
}

CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch *target, cl_uint *entries_used,
                                            const cl_icd_dispatch **made)
{
    const cl_uint known = sizeof(layer) / sizeof(void *);
    if (target == NULL || entries_used == NULL || made == NULL || entries < known)
        return CL_INVALID_VALUE;
    driver = target;
    layer = *target; /* what is not listed goes straight to the driver */
#define INSTALL(name, ...) layer.name = layer_##name;
    PLAIN_CALLS(INSTALL)
    CREATING_CALLS(INSTALL)
    COUNTING_CALLS(INSTALL)
    COMMANDS(INSTALL)
    INSTALL(clEnqueueUnmapMemObject)
    INSTALL(clCreateSubDevices)
    INSTALL(clSVMAlloc)
    INSTALL(clSVMFree)
    INSTALL(clGetDeviceInfo)
    INSTALL(clGetDeviceIDs)
    *entries_used = known;
    *made = &layer;
    return CL_SUCCESS;
}
