/* Workloads: a problem with operands of its own, run by one solver. The operands' content depends on the problem alone, so that
 * two solvers of one problem can be compared. */
#include "profile.h"

#include <math.h>
#include <string.h>

#define MAX_OPERANDS (PROBLEM_MAX_OPERANDS + EPILOGUE_MAX_OPERANDS + 2)

struct workload {
    socle_device *device;
    problem_operand operands[MAX_OPERANDS];
    int operand_count;
    socle_buffer *buffers[MAX_OPERANDS];
    socle_span spans[MAX_OPERANDS];
    step_list prepare, steps;
    bound_steps *bound;
    bool allow_tf32;
};

/* splitmix64 (Steele, Lea, Flood 2014): the operands' content */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void fill_element(socle_dtype dtype, void *data, int64_t i, uint64_t random, int64_t limit)
{
    const float real = (float)((double)(random >> 11) * 0x1p-53 - 0.5);
    const int64_t whole = (int64_t)((random >> 16) % (uint64_t)(limit > 0 ? limit : 100));
    switch (dtype) {
    case SOCLE_FLOAT32:
        ((float *)data)[i] = real;
        break;
    case SOCLE_FLOAT64:
        ((double *)data)[i] = real;
        break;
    case SOCLE_FLOAT16:
        ((uint16_t *)data)[i] = float_to_half(real);
        break;
    case SOCLE_BFLOAT16:
        ((uint16_t *)data)[i] = float_to_bfloat16(real);
        break;
    case SOCLE_INT64:
        ((int64_t *)data)[i] = whole;
        break;
    case SOCLE_INT32:
        ((int32_t *)data)[i] = (int32_t)whole;
        break;
    case SOCLE_INT16:
        ((int16_t *)data)[i] = (int16_t)whole;
        break;
    case SOCLE_BOOL:
        ((uint8_t *)data)[i] = (uint8_t)(whole & 1);
        break;
    default:
        ((uint8_t *)data)[i] = (uint8_t)whole;
    }
}

/* An input that another workload has already is shared with it. */
static socle_status make_operand(workload *w, const workload *other, int i)
{
    const problem_operand *operand = &w->operands[i];
    const size_t size_bytes = (size_t)operand->count * socle_dtype_size_bytes(operand->dtype);
    uint64_t state = (uint64_t)i + 1;
    if (other != NULL && !operand->is_output) {
        w->spans[i] = other->spans[i];
        return SOCLE_OK;
    }
    socle_status status = socle_buffer_create(w->device, size_bytes, &w->buffers[i]);
    if (status)
        return status;
    w->spans[i] = socle_buffer_span(w->buffers[i]);
    if (size_bytes == 0)
        return SOCLE_OK;
    const uint32_t zero = 0;
    if (operand->is_output)
        return size_bytes % 4 ? SOCLE_OK : socle_buffer_fill(w->spans[i], &zero, sizeof(zero));
    void *host = memory_alloc(size_bytes);
    if (!host)
        return SOCLE_OUT_OF_MEMORY;
    for (int64_t k = 0; k < operand->count; k++)
        fill_element(operand->dtype, host, k, next_random(&state), operand->index_limit);
    status = socle_buffer_write(w->spans[i], host);
    memory_free(host);
    return status;
}

static socle_status make_extra(workload *w, size_t size_bytes, int *number)
{
    *number = w->operand_count;
    const socle_status status = socle_buffer_create(w->device, size_bytes, &w->buffers[w->operand_count]);
    if (!status)
        w->spans[w->operand_count] = socle_buffer_span(w->buffers[w->operand_count]);
    w->operand_count++;
    return status;
}

static socle_status run_prepare(workload *w)
{
    bound_steps *bound = NULL;
    socle_status status = steps_bind(w->device, &w->prepare, w->spans, w->operand_count, &bound);
    if (!status)
        status = steps_enqueue(bound, NULL);
    if (!status)
        status = socle_device_finish(w->device);
    steps_release(bound);
    return status;
}

socle_status workload_create(socle_device *device, const problem *p, const solver *s, const tuning *t, workload **out)
{
    return workload_create_beside(NULL, device, p, s, t, out);
}

socle_status workload_create_beside(const workload *other, socle_device *device, const problem *p, const solver *s,
                                    const tuning *t, workload **out)
{
    workload *w = memory_alloc(sizeof(*w));
    if (!w)
        return SOCLE_OUT_OF_MEMORY;
    w->device = device;
    w->allow_tf32 = p->allow_tf32;
    int data_count;
    socle_status status = SOCLE_OK;
    w->operand_count = problem_operands(p, w->operands, &data_count);
    const int given = w->operand_count;
    solver_operands numbers;
    for (int i = 0; i < PROBLEM_MAX_OPERANDS; i++)
        numbers.data[i] = i < data_count ? i : GRAPH_NONE;
    for (int i = 0; i < EPILOGUE_MAX_OPERANDS; i++)
        numbers.extra[i] = data_count + i < given ? data_count + i : GRAPH_NONE;
    numbers.workspace = numbers.prepared = GRAPH_NONE;
    for (int i = 0; i < given && !status; i++)
        status = make_operand(w, other, i);
    const size_t workspace_bytes = s->workspace_bytes ? s->workspace_bytes(p, device, t) : 0;
    const size_t prepared_bytes = s->prepared_bytes ? s->prepared_bytes(p, device, t) : 0;
    if (!status && workspace_bytes)
        status = make_extra(w, workspace_bytes, &numbers.workspace);
    if (!status && prepared_bytes)
        status = make_extra(w, prepared_bytes, &numbers.prepared);
    if (!status && prepared_bytes)
        status = s->prepare(p, device, t, &numbers, &w->prepare);
    if (!status)
        status = run_prepare(w);
    if (!status)
        status = s->emit(p, device, t, &numbers, &w->steps);
    if (!status)
        status = steps_bind(device, &w->steps, w->spans, w->operand_count, &w->bound);
    if (status)
        workload_destroy(w);
    else
        *out = w;
    return status;
}

void workload_destroy(workload *w)
{
    if (!w)
        return;
    steps_release(w->bound);
    step_list_finish(&w->steps);
    step_list_finish(&w->prepare);
    for (int i = 0; i < w->operand_count; i++)
        socle_buffer_destroy(w->buffers[i]);
    memory_free(w);
}

/* For the event, where there is one: clFinish first enqueues a command of its own. */
static socle_status wait_for(const workload *w, cl_event end)
{
    if (!end)
        return socle_device_finish(w->device);
    const cl_int code = clWaitForEvents(1, &end);
    clReleaseEvent(end);
    return code == CL_SUCCESS ? SOCLE_OK : device_status(w->device, code, "clWaitForEvents");
}

socle_status workload_run(workload *w, double *seconds)
{
    const double start = time_now_s();
    cl_event end;
    socle_status status = steps_enqueue_to_event(w->bound, NULL, &end);
    if (!status)
        status = wait_for(w, end);
    if (!status && seconds)
        *seconds = time_now_s() - start;
    return status;
}

static double element(socle_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case SOCLE_FLOAT32:
        return ((const float *)data)[i];
    case SOCLE_FLOAT64:
        return ((const double *)data)[i];
    case SOCLE_FLOAT16:
        return half_to_float(((const uint16_t *)data)[i]);
    case SOCLE_BFLOAT16:
        return bfloat16_to_float(((const uint16_t *)data)[i]);
    case SOCLE_INT64:
        return (double)((const int64_t *)data)[i];
    case SOCLE_INT32:
        return ((const int32_t *)data)[i];
    case SOCLE_INT16:
        return ((const int16_t *)data)[i];
    case SOCLE_INT8:
        return ((const int8_t *)data)[i];
    default:
        return ((const uint8_t *)data)[i];
    }
}

/* Allowed difference as a share of the largest reference value: what reordered float32 sums (and Winograd's transforms) cost, or
 * the rounding of the storage type or of factors to TF32; whole numbers must agree exactly. */
static double tolerance(socle_dtype dtype, bool allow_tf32)
{
    switch (dtype) {
    case SOCLE_FLOAT64:
        return 1e-10;
    case SOCLE_FLOAT32:
        return allow_tf32 ? 2e-3 : 1e-4;
    case SOCLE_FLOAT16:
        return 4e-3;
    case SOCLE_BFLOAT16:
        return 3e-2;
    default:
        return 0;
    }
}

socle_status workload_compare(workload *w, workload *reference)
{
    for (int i = 0; i < w->operand_count && i < reference->operand_count; i++) {
        const problem_operand *operand = &w->operands[i];
        if (!operand->is_output || operand->count == 0)
            continue;
        const size_t size_bytes = (size_t)operand->count * socle_dtype_size_bytes(operand->dtype);
        void *got = memory_alloc(size_bytes), *expected = memory_alloc(size_bytes);
        double largest = 0, difference = 0;
        socle_status status = got && expected ? socle_buffer_read(w->spans[i], got) : SOCLE_OUT_OF_MEMORY;
        if (!status)
            status = socle_buffer_read(reference->spans[i], expected);
        for (int64_t k = 0; k < operand->count && !status; k++) {
            const double a = element(operand->dtype, got, k), b = element(operand->dtype, expected, k);
            largest = fmax(largest, fabs(b));
            difference = isnan(a) != isnan(b) ? INFINITY : fmax(difference, fabs(a - b));
        }
        memory_free(expected);
        memory_free(got);
        if (status)
            return status;
        if (difference > tolerance(operand->dtype, reference->allow_tf32) * fmax(largest, 1e-30))
            return socle_fail(SOCLE_WRONG_RESULT, "differs from the reference by %.3g where the largest value is %.3g",
                              difference, largest);
    }
    return SOCLE_OK;
}
