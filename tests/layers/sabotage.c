/* An OpenCL layer (OPENCL_LAYERS=libtest_layer_sabotage.so) under which one kernel misbehaves, as drivers do now and then.
 * SABOTAGE=KERNEL:crash: making the kernel ends the process; hang: making it never ends; wrong: launching it does nothing. */
#include <CL/cl_layer.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static cl_icd_dispatch layer;
static const cl_icd_dispatch *driver;
static char victim[64], harm[16];

static void read_environment(void)
{
    const char *text = getenv("SABOTAGE");
    const char *colon = text != NULL ? strchr(text, ':') : NULL;
    if (colon == NULL || (size_t)(colon - text) >= sizeof(victim) || strlen(colon + 1) >= sizeof(harm))
        return;
    memcpy(victim, text, (size_t)(colon - text));
    strcpy(harm, colon + 1);
}

static cl_kernel CL_API_CALL layer_clCreateKernel(cl_program program, const char *name, cl_int *code)
{
    if (strcmp(name, victim) == 0 && strcmp(harm, "crash") == 0)
        abort();
    while (strcmp(name, victim) == 0 && strcmp(harm, "hang") == 0)
        pause();
    return driver->clCreateKernel(program, name, code);
}

static cl_int CL_API_CALL layer_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                                       const size_t *offset, const size_t *global, const size_t *local,
                                                       cl_uint wait_count, const cl_event *waits, cl_event *event)
{
    char name[64] = "";
    driver->clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof(name), name, NULL);
    if (strcmp(name, victim) == 0 && strcmp(harm, "wrong") == 0)
        return event == NULL ? CL_SUCCESS : driver->clEnqueueMarkerWithWaitList(queue, wait_count, waits, event);
    return driver->clEnqueueNDRangeKernel(queue, kernel, dims, offset, global, local, wait_count, waits, event);
}

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t size_bytes, void *value, size_t *answered_bytes)
{
    static const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    static const char name[] = "sabotage";
    const void *answer = what == CL_LAYER_API_VERSION ? (const void *)&version : (const void *)name;
    const size_t answer_bytes = what == CL_LAYER_API_VERSION ? sizeof(version) : sizeof(name);
    if ((what != CL_LAYER_API_VERSION && what != CL_LAYER_NAME) || (value != NULL && size_bytes < answer_bytes))
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
    read_environment();
    driver = target;
    layer = *target;
    layer.clCreateKernel = layer_clCreateKernel;
    layer.clEnqueueNDRangeKernel = layer_clEnqueueNDRangeKernel;
    *entries_used = known;
    *made = &layer;
    return CL_SUCCESS;
}
