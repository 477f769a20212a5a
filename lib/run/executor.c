/* The executor: a device_plan with its memory allocated, its programs compiled, its weights uploaded and prepared. It does not
 * know what it runs: inference and training are the same to it. */
#include "run.h"

#include <string.h>

/* ---- programs ---- */

static int count_launches(const device_plan *plan)
{
    int count = 0;
    for (int i = 0; i < plan->prepare.count; i++)
        count += plan->prepare.items[i].kind == STEP_LAUNCH;
    for (int i = 0; i < plan->steps.count; i++)
        count += plan->steps.items[i].kind == STEP_LAUNCH;
    return count;
}

static int add_specs(const step_list *list, program_spec *specs, int count)
{
    for (int i = 0; i < list->count; i++)
        if (list->items[i].kind == STEP_LAUNCH)
            specs[count++] = (program_spec){list->items[i].source, list->items[i].prelude, list->items[i].options};
    return count;
}

static socle_status compile_all(const device_plan *plan)
{
    const int launches = count_launches(plan);
    program_spec *specs = memory_alloc_array((size_t)launches, sizeof(*specs));
    const program_spec **pointers = memory_alloc_array((size_t)launches, sizeof(*pointers));
    socle_status status = SOCLE_OUT_OF_MEMORY;
    if (specs != NULL && pointers != NULL) {
        add_specs(&plan->steps, specs, add_specs(&plan->prepare, specs, 0));
        for (int i = 0; i < launches; i++)
            pointers[i] = &specs[i];
        status = program_get_all(plan->device, pointers, launches);
    }
    memory_free(pointers);
    memory_free(specs);
    return status;
}

/* Drivers that compile at the first launch have larger binaries after it: worth storing again. */
static void refresh_binaries(const device_plan *plan)
{
    if (!device_has_quirk(plan->device, QUIRK_COMPILES_AT_ENQUEUE))
        return;
    const step_list *lists[] = {&plan->prepare, &plan->steps};
    for (size_t k = 0; k < COUNT_OF(lists); k++) {
        for (int i = 0; i < lists[k]->count; i++) {
            const step *s = &lists[k]->items[i];
            const program_spec spec = {s->source, s->prelude, s->options};
            program *compiled;
            if (s->kind != STEP_LAUNCH || program_get(plan->device, &spec, &compiled) != SOCLE_OK)
                continue;
            program_refresh_binary(compiled);
            program_release(compiled);
        }
    }
}

/* ---- memory ---- */

/* No step takes an empty buffer: tensors without elements have memory for a few bytes all the same. */
static size_t allocated_bytes(size_t size_bytes)
{
    return size_bytes > 0 ? size_bytes : 4;
}

static socle_status allocate_operand(executor *e, int i)
{
    const plan_buffer *b = &e->plan->buffers[i];
    socle_device *device = e->plan->device;
    socle_status status;
    if (b->kind == BUFFER_CONSTANT && b->size_bytes > 0)
        status = buffer_create_from_host(device, b->data, b->size_bytes, &e->buffers[i]);
    else
        status = socle_buffer_create(device, allocated_bytes(b->size_bytes), &e->buffers[i]);
    if (status != SOCLE_OK)
        return status;
    e->spans[i] = (socle_span){e->buffers[i], 0, allocated_bytes(b->size_bytes)};
    return SOCLE_OK;
}

/* Content of states: their starting values, zeros where there are none. */
static socle_status upload_states(executor *e)
{
    const uint8_t zero = 0;
    for (int i = 0; i < e->plan->buffer_count; i++) {
        const plan_buffer *b = &e->plan->buffers[i];
        if (b->kind != BUFFER_STATE || b->alias != GRAPH_NONE || b->size_bytes == 0 || e->buffers[i] == NULL)
            continue;
        socle_status status =
            b->data != NULL ? socle_buffer_write(e->spans[i], b->data) : socle_buffer_fill(e->spans[i], &zero, sizeof(zero));
        if (status != SOCLE_OK)
            return status;
    }
    return SOCLE_OK;
}

/* Inputs and outputs lie in memory that the host reaches directly where the device has such memory. clCreateBuffer on a pointer
 * from clSVMAlloc gives the same memory as a buffer (OpenCL 3.0 specification, clCreateBuffer, CL_MEM_USE_HOST_PTR). */
static socle_status allocate_end(executor *e, int i)
{
    socle_device *device = e->plan->device;
    const size_t size_bytes = allocated_bytes(e->plan->buffers[i].size_bytes);
    if (!device->capabilities.svm_fine_grain)
        return allocate_operand(e, i);
    e->shared[i] = clSVMAlloc(device->cl_context, CL_MEM_READ_WRITE | CL_MEM_SVM_FINE_GRAIN_BUFFER, size_bytes, 0);
    if (e->shared[i] == NULL)
        return allocate_operand(e, i);
    socle_status status = buffer_create_from_host(device, e->shared[i], size_bytes, &e->buffers[i]);
    if (status != SOCLE_OK)
        return status;
    if (e->buffers[i]->host == NULL) { /* a copy: nothing is shared */
        clSVMFree(device->cl_context, e->shared[i]);
        e->shared[i] = NULL;
    }
    e->spans[i] = (socle_span){e->buffers[i], 0, size_bytes};
    return SOCLE_OK;
}

static bool has_own_memory(const plan_buffer *b)
{
    return b->alias == GRAPH_NONE && b->kind != BUFFER_ARENA;
}

/* A state that the lender has: false when it has none of that name and size. */
static bool borrow_state(executor *e, int i)
{
    const plan_buffer *b = &e->plan->buffers[i];
    for (int k = 0; e->lender != NULL && b->kind == BUFFER_STATE && k < e->lender->plan->buffer_count; k++) {
        const plan_buffer *other = &e->lender->plan->buffers[k];
        if (other->kind != BUFFER_STATE || other->alias != GRAPH_NONE || other->size_bytes != b->size_bytes ||
            strcmp(other->name, b->name) != 0)
            continue;
        e->spans[i] = e->lender->spans[k];
        return true;
    }
    return false;
}

/* Everything the prepare steps need, and what lives as long as the executor. */
static socle_status allocate_weights(executor *e)
{
    for (int i = 0; i < e->plan->buffer_count; i++) {
        const plan_buffer *b = &e->plan->buffers[i];
        if (!has_own_memory(b) || b->kind == BUFFER_INPUT || b->kind == BUFFER_OUTPUT || borrow_state(e, i))
            continue;
        socle_status status = allocate_operand(e, i);
        if (status != SOCLE_OK)
            return status;
    }
    return SOCLE_OK;
}

/* What was enqueued before something failed may still run on memory that is given back now. The message stays that of the
 * failure. */
static void settle(const executor *e)
{
    if (e->queue != NULL)
        clFinish(e->queue);
    if (e->plan->device->queue != NULL)
        clFinish(e->plan->device->queue);
}

static socle_status prepare_weights(executor *e)
{
    bound_steps *prepare = NULL;
    if (e->plan->prepare.count == 0)
        return SOCLE_OK;
    socle_status status = steps_bind(e->plan->device, &e->plan->prepare, e->spans, e->plan->buffer_count, &prepare);
    if (status == SOCLE_OK)
        status = steps_enqueue(prepare, NULL);
    if (status == SOCLE_OK)
        status = socle_device_finish(e->plan->device);
    if (status != SOCLE_OK)
        settle(e);
    steps_release(prepare);
    for (int i = 0; i < e->plan->buffer_count && status == SOCLE_OK; i++) {
        if (e->plan->buffers[i].kind != BUFFER_CONSTANT || e->plan->buffers[i].resident)
            continue;
        socle_buffer_destroy(e->buffers[i]);
        e->buffers[i] = NULL;
        e->spans[i] = (socle_span){0};
    }
    return status;
}

static socle_status allocate_run(executor *e)
{
    socle_status status = SOCLE_OK;
    if (e->plan->arena_bytes > 0)
        status = socle_buffer_create(e->plan->device, e->plan->arena_bytes, &e->arena);
    for (int i = 0; i < e->plan->buffer_count && status == SOCLE_OK; i++) {
        const plan_buffer *b = &e->plan->buffers[i];
        if (b->alias != GRAPH_NONE)
            continue;
        if (b->kind == BUFFER_INPUT || b->kind == BUFFER_OUTPUT)
            status = allocate_end(e, i);
        else if (b->kind == BUFFER_ARENA)
            e->spans[i] = (socle_span){e->arena, b->offset_bytes, allocated_bytes(b->size_bytes)};
    }
    for (int i = 0; i < e->plan->buffer_count && status == SOCLE_OK; i++)
        if (e->plan->buffers[i].alias != GRAPH_NONE)
            e->spans[i] = e->spans[e->plan->buffers[i].alias];
    return status;
}

/* ---- the object ---- */

/* One run on zeros: drivers that compile or allocate late do it now. It changes states, so they are written afterwards. */
static socle_status warm_up(executor *e)
{
    const uint8_t zero = 0;
    socle_status status = upload_states(e);
    for (int i = 0; i < e->plan->input_count && status == SOCLE_OK; i++)
        status = socle_buffer_fill(e->spans[e->plan->inputs[i]], &zero, sizeof(zero));
    if (status == SOCLE_OK)
        status = socle_device_finish(e->plan->device);
    if (status == SOCLE_OK)
        status = steps_enqueue(e->steps, e->queue);
    if (status == SOCLE_OK)
        status = executor_wait(e);
    if (status == SOCLE_OK)
        status = executor_choose_exchange(e);
    if (status == SOCLE_OK)
        status = upload_states(e);
    return status == SOCLE_OK ? socle_device_finish(e->plan->device) : status;
}

static socle_status open_queue(executor *e)
{
    if (e->lender == NULL)
        return device_queue_create(e->plan->device, QUEUE_DEFAULT, false, &e->queue);
    const cl_int code = clRetainCommandQueue(e->lender->queue);
    if (code != CL_SUCCESS)
        return device_status(e->plan->device, code, "clRetainCommandQueue");
    e->queue = e->lender->queue;
    return SOCLE_OK;
}

/* States of its own get their content; the lender's have theirs. */
static socle_status make_ready(executor *e)
{
    if (e->lender == NULL)
        return warm_up(e);
    socle_status status = upload_states(e);
    return status == SOCLE_OK ? socle_device_finish(e->plan->device) : status;
}

static socle_status build(executor *e)
{
    device_plan *plan = e->plan;
    const double start_s = time_now_s();
    e->spans = memory_alloc_array((size_t)plan->buffer_count, sizeof(*e->spans));
    e->buffers = memory_alloc_array((size_t)plan->buffer_count, sizeof(*e->buffers));
    e->shared = memory_alloc_array((size_t)plan->buffer_count, sizeof(*e->shared));
    if (e->spans == NULL || e->buffers == NULL || e->shared == NULL)
        return SOCLE_OUT_OF_MEMORY;
    socle_status status = compile_all(plan);
    const double compiled_s = time_now_s();
    e->compile_ms = (compiled_s - start_s) * 1e3;
    if (status == SOCLE_OK)
        status = open_queue(e);
    if (status == SOCLE_OK)
        status = allocate_weights(e);
    if (status == SOCLE_OK)
        status = prepare_weights(e);
    if (status == SOCLE_OK)
        status = allocate_run(e);
    if (status == SOCLE_OK)
        status = steps_bind(plan->device, &plan->steps, e->spans, plan->buffer_count, &e->steps);
    if (status == SOCLE_OK)
        status = make_ready(e);
    if (status == SOCLE_OK)
        refresh_binaries(plan);
    e->load_ms = (time_now_s() - compiled_s) * 1e3;
    return status;
}

socle_status executor_create(device_plan *plan, executor **out)
{
    return executor_create_sharing(plan, NULL, out);
}

socle_status executor_create_sharing(device_plan *plan, const executor *lender, executor **out)
{
    executor *e = memory_alloc(sizeof(*e));
    if (e == NULL) {
        device_plan_destroy(plan);
        return SOCLE_OUT_OF_MEMORY;
    }
    e->plan = plan;
    e->lender = lender;
    socle_status status = build(e);
    if (status != SOCLE_OK)
        executor_destroy(e);
    else
        *out = e;
    return status;
}

void executor_destroy(executor *e)
{
    if (e == NULL)
        return;
    settle(e);
    if (e->end != NULL)
        clReleaseEvent(e->end);
    steps_release(e->steps);
    if (e->queue != NULL)
        clReleaseCommandQueue(e->queue);
    for (int i = 0; i < e->plan->buffer_count && e->buffers != NULL && e->shared != NULL; i++) {
        socle_buffer_destroy(e->buffers[i]);
        if (e->shared[i] != NULL)
            clSVMFree(e->plan->device->cl_context, e->shared[i]);
    }
    socle_buffer_destroy(e->arena);
    memory_free(e->shared);
    memory_free(e->buffers);
    memory_free(e->spans);
    device_plan_destroy(e->plan);
    memory_free(e);
}

/* ---- states by name ---- */

static socle_status find_state(const executor *e, const char *name, size_t size_bytes, socle_span *span)
{
    for (int i = 0; i < e->plan->buffer_count; i++) {
        const plan_buffer *b = &e->plan->buffers[i];
        if (b->kind != BUFFER_STATE || b->alias != GRAPH_NONE || strcmp(b->name, name) != 0)
            continue;
        if (b->size_bytes != size_bytes)
            return socle_fail(SOCLE_SHAPE_MISMATCH, "state '%s' has %zu bytes, not %zu", name, b->size_bytes, size_bytes);
        *span = (socle_span){e->spans[i].buffer, e->spans[i].offset_bytes, size_bytes};
        return SOCLE_OK;
    }
    return socle_fail(SOCLE_NOT_FOUND, "the plan has no state named '%s'", name);
}

socle_status executor_state_read(executor *e, const char *name, void *to, size_t size_bytes)
{
    socle_span span;
    socle_status status = find_state(e, name, size_bytes, &span);
    if (status == SOCLE_OK)
        status = executor_wait(e);
    return status == SOCLE_OK && size_bytes > 0 ? socle_buffer_read(span, to) : status;
}

socle_status executor_state_write(executor *e, const char *name, const void *from, size_t size_bytes)
{
    socle_span span;
    socle_status status = find_state(e, name, size_bytes, &span);
    if (status == SOCLE_OK)
        status = executor_wait(e);
    return status == SOCLE_OK && size_bytes > 0 ? socle_buffer_write(span, from) : status;
}
