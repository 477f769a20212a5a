/* Running an executor: inputs in, steps, outputs out, with as few driver calls as the device allows and one wait. */
#include "run.h"

static socle_status write_input(executor *e, int input, const void *from)
{
    const int operand = e->plan->inputs[input];
    const size_t size_bytes = e->plan->buffers[operand].size_bytes;
    if (from == NULL || size_bytes == 0)
        return SOCLE_OK;
    const socle_span *to = &e->spans[operand];
    const cl_int code = clEnqueueWriteBuffer(e->queue, to->buffer->memory, CL_FALSE, to->offset_bytes, size_bytes, from,
                                             0, NULL, NULL);
    return code == CL_SUCCESS ? SOCLE_OK : device_status(e->plan->device, code, "clEnqueueWriteBuffer");
}

static socle_status read_output(executor *e, int output, void *to, cl_bool wait)
{
    const int operand = e->plan->outputs[output];
    const size_t size_bytes = e->plan->buffers[operand].size_bytes;
    if (size_bytes == 0)
        return SOCLE_OK;
    const socle_span *from = &e->spans[operand];
    const cl_int code =
        clEnqueueReadBuffer(e->queue, from->buffer->memory, wait, from->offset_bytes, size_bytes, to, 0, NULL, NULL);
    return code == CL_SUCCESS ? SOCLE_OK : device_status(e->plan->device, code, "clEnqueueReadBuffer");
}

socle_status executor_start(executor *e, const void *const *inputs)
{
    for (int i = 0; i < e->plan->input_count && inputs != NULL; i++) {
        socle_status status = write_input(e, i, inputs[i]);
        if (status != SOCLE_OK)
            return status;
    }
    return steps_enqueue(e->steps, e->queue);
}

socle_status executor_read_async(executor *e, int output, void *to)
{
    return read_output(e, output, to, CL_FALSE);
}

socle_status executor_wait(executor *e)
{
    const cl_int code = clFinish(e->queue);
    return code == CL_SUCCESS ? SOCLE_OK : device_status(e->plan->device, code, "clFinish");
}

/* The last read waits for everything before it, which saves the call that would. */
static socle_status read_outputs(executor *e, void *const *outputs)
{
    int last = -1;
    for (int i = 0; i < e->plan->output_count && outputs != NULL; i++)
        if (outputs[i] != NULL && e->plan->buffers[e->plan->outputs[i]].size_bytes > 0)
            last = i;
    for (int i = 0; i < last; i++) {
        socle_status status = outputs[i] != NULL ? read_output(e, i, outputs[i], CL_FALSE) : SOCLE_OK;
        if (status != SOCLE_OK)
            return status;
    }
    return last >= 0 ? read_output(e, last, outputs[last], CL_TRUE) : executor_wait(e);
}

/* After a failure the host's memory must not be touched any more: what was enqueued is waited for. */
socle_status executor_run(executor *e, const void *const *inputs, void *const *outputs)
{
    socle_status status = executor_start(e, inputs);
    if (status == SOCLE_OK)
        status = read_outputs(e, outputs);
    if (status != SOCLE_OK)
        clFinish(e->queue);
    return status;
}
