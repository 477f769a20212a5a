/* Steps made runnable: everything that can be done once is done when they are bound, so that enqueueing one is one call of the
 * driver and nothing else: no allocation, no lock, no argument set. */
#include "program.h"

#include <string.h>

typedef struct bound_step {
    step_kind kind;
    bool empty; /* of no work-items or bytes: drivers refuse such commands */
    bool has_local;
    cl_uint dims;
    cl_kernel kernel;
    size_t global[3], local[3];
    cl_mem from, to; /* not owned: of the operands' buffers */
    size_t from_offset_bytes, to_offset_bytes, size_bytes;
    uint8_t pattern[16];
    size_t pattern_bytes;
    cl_mem *memory; /* owned array: what a call gets */
    const step *described;
} bound_step;

struct bound_steps {
    socle_device *device;
    const socle_span *operands; /* only while binding */
    cl_mem *views;              /* per operand, made at its first use */
    int operand_count;
    bound_step *steps;
    int count;
};

/* ---- operands ---- */

static socle_status view_of(bound_steps *b, int operand, cl_mem *view)
{
    if (operand < 0 || operand >= b->operand_count)
        return socle_fail(SOCLE_INTERNAL, "operand %d of %d", operand, b->operand_count);
    if (b->views[operand] == NULL) {
        if (b->operands[operand].buffer == NULL)
            return socle_fail(SOCLE_INTERNAL, "operand %d has no memory", operand);
        if (b->operands[operand].buffer->device != b->device)
            return socle_fail(SOCLE_INVALID_ARGUMENT, "operand %d lies on %s", operand,
                              b->operands[operand].buffer->device->info.id);
        socle_status status = buffer_view(b->operands[operand], &b->views[operand]);
        if (status != SOCLE_OK)
            return socle_fail_in(status, "operand %d", operand);
    }
    *view = b->views[operand];
    return SOCLE_OK;
}

/* A part of an operand for copies and fills, which take offsets themselves. */
static socle_status part_of(const bound_steps *b, int operand, size_t offset_bytes, size_t size_bytes, cl_mem *memory,
                            size_t *at_bytes)
{
    if (operand < 0 || operand >= b->operand_count || b->operands[operand].buffer == NULL)
        return socle_fail(SOCLE_INTERNAL, "operand %d has no memory", operand);
    const socle_span *span = &b->operands[operand];
    if (offset_bytes > span->size_bytes || size_bytes > span->size_bytes - offset_bytes)
        return socle_fail(SOCLE_INTERNAL, "bytes %zu to %zu of operand %d, which has %zu", offset_bytes,
                          offset_bytes + size_bytes, operand, span->size_bytes);
    *memory = span->buffer->memory;
    *at_bytes = span->offset_bytes + offset_bytes;
    return SOCLE_OK;
}

/* ---- binding one step ---- */

static socle_status set_arg(bound_steps *b, cl_kernel kernel, cl_uint index, const step_arg *arg)
{
    cl_mem view;
    const cl_int value = (cl_int)arg->value;
    const cl_long wide = arg->value;
    socle_status status;
    cl_int code = CL_INVALID_ARG_VALUE;
    switch (arg->kind) {
    case STEP_ARG_OPERAND:
        status = view_of(b, arg->operand, &view);
        if (status != SOCLE_OK)
            return status;
        code = clSetKernelArg(kernel, index, sizeof(view), &view);
        break;
    case STEP_ARG_INT:
        code = clSetKernelArg(kernel, index, sizeof(value), &value);
        break;
    case STEP_ARG_LONG:
        code = clSetKernelArg(kernel, index, sizeof(wide), &wide);
        break;
    case STEP_ARG_FLOAT:
        code = clSetKernelArg(kernel, index, sizeof(arg->real), &arg->real);
        break;
    case STEP_ARG_LOCAL:
        code = clSetKernelArg(kernel, index, (size_t)arg->value, NULL);
        break;
    }
    status = device_status(b->device, code, "clSetKernelArg");
    return status == SOCLE_OK ? status : socle_fail_in(status, "argument %u", index);
}

static socle_status bind_launch(bound_steps *b, const step *s, bound_step *to)
{
    const program_spec spec = {s->source, s->prelude, s->options};
    program *p;
    socle_status status = program_get(b->device, &spec, &p);
    if (status != SOCLE_OK)
        return status;
    status = program_kernel(p, s->kernel, &to->kernel);
    program_release(p); /* the kernel holds what it needs */
    for (int i = 0; i < s->arg_count && status == SOCLE_OK; i++)
        status = set_arg(b, to->kernel, (cl_uint)i, &s->args[i]);
    to->dims = (cl_uint)s->dims;
    for (int i = 0; i < s->dims; i++) {
        to->global[i] = s->global[i];
        to->local[i] = s->local[i];
        to->empty = to->empty || s->global[i] == 0;
        to->has_local = to->has_local || s->local[i] != 0;
    }
    return status;
}

static socle_status bind_call(bound_steps *b, const step *s, bound_step *to)
{
    to->memory = memory_alloc_array((size_t)s->arg_count, sizeof(*to->memory));
    if (to->memory == NULL)
        return SOCLE_OUT_OF_MEMORY;
    socle_status status = SOCLE_OK;
    for (int i = 0; i < s->arg_count && status == SOCLE_OK; i++)
        if (s->args[i].kind == STEP_ARG_OPERAND)
            status = view_of(b, s->args[i].operand, &to->memory[i]);
    return status;
}

static socle_status bind_copy(const bound_steps *b, const step *s, bound_step *to)
{
    to->size_bytes = s->size_bytes;
    to->empty = s->size_bytes == 0;
    socle_status status = part_of(b, s->from, s->from_offset_bytes, s->size_bytes, &to->from, &to->from_offset_bytes);
    return status == SOCLE_OK ? part_of(b, s->to, s->to_offset_bytes, s->size_bytes, &to->to, &to->to_offset_bytes) : status;
}

/* The longest pattern that fits is fastest: some drivers fill in a loop over patterns. */
static socle_status bind_fill(const bound_steps *b, const step *s, bound_step *to)
{
    const uint8_t *bytes = (const uint8_t *)&s->fill;
    const bool one_byte = bytes[0] == bytes[1] && bytes[0] == bytes[2] && bytes[0] == bytes[3];
    to->size_bytes = s->size_bytes;
    to->empty = s->size_bytes == 0;
    socle_status status = part_of(b, s->to, s->to_offset_bytes, s->size_bytes, &to->to, &to->to_offset_bytes);
    if (status != SOCLE_OK)
        return status;
    for (size_t i = 0; i < sizeof(to->pattern); i++)
        to->pattern[i] = bytes[i % 4];
    to->pattern_bytes = sizeof(to->pattern);
    while (to->pattern_bytes > 1 && (to->to_offset_bytes % to->pattern_bytes != 0 || to->size_bytes % to->pattern_bytes != 0))
        to->pattern_bytes /= 2;
    if (to->pattern_bytes < 4 && !one_byte)
        return socle_fail(SOCLE_INTERNAL, "a fill of %zu bytes at %zu is not made of whole patterns of 4", to->size_bytes,
                          to->to_offset_bytes);
    return SOCLE_OK;
}

static socle_status bind_step(bound_steps *b, const step *s, bound_step *to)
{
    socle_status status = SOCLE_INTERNAL;
    to->kind = s->kind;
    to->described = s;
    switch (s->kind) {
    case STEP_LAUNCH:
        status = bind_launch(b, s, to);
        break;
    case STEP_CALL:
        status = bind_call(b, s, to);
        break;
    case STEP_COPY:
        status = bind_copy(b, s, to);
        break;
    case STEP_FILL:
        status = bind_fill(b, s, to);
        break;
    }
    return status;
}

/* ---- the object ---- */

void steps_release(bound_steps *b)
{
    if (b == NULL)
        return;
    for (int i = 0; i < b->count && b->steps != NULL; i++) {
        if (b->steps[i].kernel != NULL)
            clReleaseKernel(b->steps[i].kernel);
        memory_free(b->steps[i].memory);
    }
    for (int i = 0; i < b->operand_count && b->views != NULL; i++)
        if (b->views[i] != NULL)
            clReleaseMemObject(b->views[i]);
    memory_free(b->steps);
    memory_free(b->views);
    memory_free(b);
}

socle_status steps_bind(socle_device *device, const step_list *list, const socle_span *operands, int operand_count,
                        bound_steps **out)
{
    socle_status status = device_open(device);
    bound_steps *b = status == SOCLE_OK ? memory_alloc(sizeof(*b)) : NULL;
    if (b == NULL)
        return status == SOCLE_OK ? SOCLE_OUT_OF_MEMORY : status;
    b->device = device;
    b->operands = operands;
    b->operand_count = operand_count;
    b->count = list->count;
    b->views = memory_alloc_array((size_t)operand_count, sizeof(*b->views));
    b->steps = memory_alloc_array((size_t)list->count, sizeof(*b->steps));
    status = b->views != NULL && b->steps != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
    for (int i = 0; i < list->count && status == SOCLE_OK; i++) {
        status = bind_step(b, &list->items[i], &b->steps[i]);
        if (status != SOCLE_OK)
            socle_fail_in(status, "step %d (%s)", i, list->items[i].algorithm);
    }
    if (status != SOCLE_OK) {
        steps_release(b);
        return status;
    }
    b->operands = NULL;
    *out = b;
    return SOCLE_OK;
}

/* ---- enqueueing ---- */

static cl_int enqueue_fill(const bound_step *s, cl_command_queue queue, cl_event *event)
{
    return clEnqueueFillBuffer(queue, s->to, s->pattern, s->pattern_bytes, s->to_offset_bytes, s->size_bytes, 0, NULL, event);
}

static cl_int enqueue_copy(const bound_step *s, cl_command_queue queue, cl_event *event)
{
    return clEnqueueCopyBuffer(queue, s->from, s->to, s->from_offset_bytes, s->to_offset_bytes, s->size_bytes, 0, NULL, event);
}

static socle_status fail_step(const bound_steps *b, int index, cl_int code)
{
    static const char *const calls[] = {"clEnqueueNDRangeKernel", "", "clEnqueueCopyBuffer", "clEnqueueFillBuffer"};
    const bound_step *s = &b->steps[index];
    return socle_fail_in(device_status(b->device, code, calls[s->kind]), "step %d (%s%s%s)", index, s->described->algorithm,
                         s->described->kernel != NULL ? ", kernel " : "",
                         s->described->kernel != NULL ? s->described->kernel : "");
}

/* end: where the event of the last command goes; NULL: none is wanted. */
static socle_status enqueue_range(bound_steps *b, cl_command_queue queue, int first, int count, cl_event *end)
{
    while (count > 0 && b->steps[first + count - 1].empty)
        count--;
    for (int i = first; i < first + count; i++) {
        const bound_step *s = &b->steps[i];
        cl_event *event = i == first + count - 1 ? end : NULL;
        cl_int code = CL_SUCCESS;
        if (s->empty)
            continue;
        if (s->kind == STEP_LAUNCH) {
            code = clEnqueueNDRangeKernel(queue, s->kernel, s->dims, NULL, s->global, s->has_local ? s->local : NULL, 0, NULL,
                                          event);
        } else if (s->kind == STEP_CALL) {
            const step *d = s->described;
            socle_status status = d->call(b->device, queue, s->memory, d->args, d->arg_count, d->call_data);
            if (status != SOCLE_OK)
                return socle_fail_in(status, "step %d (%s)", i, d->algorithm);
        } else {
            code = s->kind == STEP_COPY ? enqueue_copy(s, queue, event) : enqueue_fill(s, queue, event);
        }
        if (code != CL_SUCCESS)
            return fail_step(b, i, code);
    }
    return SOCLE_OK;
}

static socle_status enqueue_in_turn(bound_steps *b, cl_command_queue queue, int first, int count, cl_event *end)
{
    device_turn_begin(b->device);
    const socle_status status = enqueue_range(b, queue != NULL ? queue : b->device->queue, first, count, end);
    device_turn_end(b->device);
    return status;
}

socle_status steps_enqueue_range(bound_steps *b, cl_command_queue queue, int first, int count)
{
    return enqueue_in_turn(b, queue, first, count, NULL);
}

socle_status steps_enqueue_to_event(bound_steps *b, cl_command_queue queue, cl_event *end)
{
    *end = NULL;
    return enqueue_in_turn(b, queue, 0, b->count, end);
}

socle_status steps_enqueue(bound_steps *b, cl_command_queue queue)
{
    return steps_enqueue_range(b, queue, 0, b->count);
}
