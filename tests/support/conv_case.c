/* Running convolution and pooling problems by every solver. */
#include "conv_case.h"
#include "reference_conv.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUARD_BYTES 4096
#define GUARD_BYTE 0xa5
#define MAX_OPERANDS (PROBLEM_MAX_OPERANDS + 2)
#define MAX_SOLVERS 16

/* ---- numbers ---- */

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t next(conv_case_random *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t conv_case_pick(conv_case_random *r, int64_t low, int64_t high)
{
    return low + (int64_t)(next(r) % (uint64_t)(high - low + 1));
}

/* ---- geometries ---- */

bool conv_case_finish(conv_geometry *g)
{
    for (int i = 0; i < g->spatial; i++) {
        const int64_t reach = g->input[i] + g->pad_begin[i] + g->pad_end[i] - ((g->kernel[i] - 1) * g->dilation[i] + 1);
        if (reach < 0)
            return false;
        g->output[i] = reach / g->stride[i] + 1;
    }
    return true;
}

conv_geometry conv_case_square(int64_t batch, int64_t channels, int64_t out_channels, int64_t extent, int64_t kernel,
                               int64_t stride, int64_t pad)
{
    conv_geometry g = {.spatial = 2, .batch = batch, .channels = channels, .out_channels = out_channels, .groups = 1};
    for (int i = 0; i < 2; i++) {
        g.input[i] = extent;
        g.kernel[i] = kernel;
        g.stride[i] = stride;
        g.dilation[i] = 1;
        g.pad_begin[i] = g.pad_end[i] = pad;
    }
    conv_case_finish(&g);
    return g;
}

conv_geometry conv_case_geometry(conv_case_random *r, bool pooling)
{
    static const int64_t most[] = {0, 70, 24, 8}; /* extents by number of axes */
    conv_geometry g;
    do {
        g = (conv_geometry){.spatial = (int)conv_case_pick(r, 1, 3), .batch = conv_case_pick(r, 1, 3)};
        g.groups = pooling || conv_case_pick(r, 0, 2) ? 1 : conv_case_pick(r, 2, 3);
        g.channels = g.groups * conv_case_pick(r, 1, 9);
        g.out_channels = pooling ? g.channels : g.groups * conv_case_pick(r, 1, 18);
        for (int i = 0; i < g.spatial; i++) {
            g.input[i] = conv_case_pick(r, 1, most[g.spatial]);
            g.kernel[i] = conv_case_pick(r, 1, 4);
            g.stride[i] = conv_case_pick(r, 0, 1) ? 1 : conv_case_pick(r, 2, 4);
            g.dilation[i] = conv_case_pick(r, 0, 2) ? 1 : conv_case_pick(r, 2, 3);
            g.pad_begin[i] = conv_case_pick(r, 0, (g.kernel[i] - 1) * (pooling ? 1 : 2));
            g.pad_end[i] = conv_case_pick(r, 0, (g.kernel[i] - 1) * (pooling ? 1 : 2));
        }
    } while (!conv_case_finish(&g));
    if (pooling)
        g.groups = 1;
    return g;
}

/* ---- operands ---- */

static void store_element(socle_dtype dtype, void *bytes, int64_t i, double value)
{
    switch (dtype) {
    case SOCLE_FLOAT16:
        ((uint16_t *)bytes)[i] = float_to_half((float)value);
        break;
    case SOCLE_BFLOAT16:
        ((uint16_t *)bytes)[i] = float_to_bfloat16((float)value);
        break;
    case SOCLE_FLOAT64:
        ((double *)bytes)[i] = value;
        break;
    default:
        ((float *)bytes)[i] = (float)value;
    }
}

static double load_element(socle_dtype dtype, const void *bytes, int64_t i)
{
    switch (dtype) {
    case SOCLE_FLOAT16:
        return half_to_float(((const uint16_t *)bytes)[i]);
    case SOCLE_BFLOAT16:
        return bfloat16_to_float(((const uint16_t *)bytes)[i]);
    case SOCLE_FLOAT64:
        return ((const double *)bytes)[i];
    case SOCLE_INT64:
        return (double)((const int64_t *)bytes)[i];
    default:
        return ((const float *)bytes)[i];
    }
}

/* Allowed difference as a share of the largest result: a float32 sum in another order and a Winograd transform, or the rounding
 * of the storage. */
static double tolerance(socle_dtype dtype)
{
    switch (dtype) {
    case SOCLE_FLOAT64:
        return 1e-12;
    case SOCLE_FLOAT16:
        return 1e-3;
    case SOCLE_BFLOAT16:
        return 6e-3;
    case SOCLE_INT64:
        return 0;
    default:
        return 2e-5;
    }
}

typedef struct conv_case {
    const problem *p;
    uint64_t seed;
    char text[256];
    problem_operand operands[MAX_OPERANDS];
    int count;
    double *values[MAX_OPERANDS]; /* inputs as stored, results as they should be */
} conv_case;

static void make_inputs(conv_case *c)
{
    conv_case_random r = {c->seed};
    for (int i = 0; i < c->count; i++) {
        const problem_operand *operand = &c->operands[i];
        double stored;
        c->values[i] = calloc((size_t)operand->count + 1, sizeof(double));
        for (int64_t k = 0; k < operand->count && !operand->is_output; k++) {
            store_element(operand->dtype, &stored, 0, (double)conv_case_pick(&r, -1000, 1000) / 1000);
            c->values[i][k] = load_element(operand->dtype, &stored, 0);
        }
    }
}

static void make_results(conv_case *c)
{
    double **v = c->values;
    switch (c->p->kind) {
    case PROBLEM_CONV:
        reference_conv(&c->p->conv.g, v[0], v[1], v[2]);
        break;
    case PROBLEM_CONV_INPUT:
        reference_conv_input(&c->p->conv.g, v[0], v[1], v[2]);
        break;
    case PROBLEM_CONV_WEIGHT:
        reference_conv_weight(&c->p->conv.g, v[0], v[1], v[2]);
        break;
    case PROBLEM_POOL:
        reference_pool(&c->p->pool, v[0], v[1], c->p->pool.indices ? v[2] : NULL);
        break;
    default:
        reference_pool_grad(&c->p->pool, v[0], v[1], v[c->p->pool.maximum ? 2 : 1]);
    }
}

/* ---- a run ---- */

typedef struct conv_case_run {
    const conv_case *c;
    socle_device *device;
    const solver *solver;
    socle_buffer *buffers[MAX_OPERANDS];
    socle_span spans[MAX_OPERANDS];
    size_t sizes[MAX_OPERANDS];
    int count;
} conv_case_run;

#define RUN_ASSERT(run, condition, ...)                                                                                          \
    cr_assert(condition, "%s by %s on %s, operand seed %llu: %s", (run)->c->text, (run)->solver->name,                           \
              socle_device_get_info((run)->device)->id, (unsigned long long)(run)->c->seed, __VA_ARGS__)

/* A span with guard zones on both sides; results start as NaN so that what is not written shows. */
static int add_span(conv_case_run *run, size_t size_bytes, const void *content)
{
    const int number = run->count++;
    const size_t rounded = (size_bytes + 15) / 16 * 16, total = rounded + 2 * GUARD_BYTES;
    uint8_t *bytes = malloc(total);
    memset(bytes, GUARD_BYTE, total);
    if (content)
        memcpy(bytes + GUARD_BYTES, content, size_bytes);
    else
        memset(bytes + GUARD_BYTES, 0xff, size_bytes);
    RUN_ASSERT(run, socle_buffer_create(run->device, total, &run->buffers[number]) == SOCLE_OK, socle_error_message());
    RUN_ASSERT(run, socle_buffer_write(socle_buffer_span(run->buffers[number]), bytes) == SOCLE_OK, socle_error_message());
    run->spans[number] = (socle_span){run->buffers[number], GUARD_BYTES, rounded > 0 ? rounded : 16};
    run->sizes[number] = size_bytes;
    free(bytes);
    return number;
}

static void add_operands(conv_case_run *run)
{
    for (int i = 0; i < run->c->count; i++) {
        const problem_operand *operand = &run->c->operands[i];
        const size_t size_bytes = (size_t)operand->count * socle_dtype_size_bytes(operand->dtype);
        void *content = operand->is_output ? NULL : calloc(size_bytes + 1, 1);
        for (int64_t k = 0; k < operand->count && content; k++)
            store_element(operand->dtype, content, k, run->c->values[i][k]);
        add_span(run, size_bytes, content);
        free(content);
    }
}

static void enqueue(conv_case_run *run, const step_list *steps)
{
    bound_steps *bound = NULL;
    RUN_ASSERT(run, steps_bind(run->device, steps, run->spans, run->count, &bound) == SOCLE_OK, socle_error_message());
    RUN_ASSERT(run, steps_enqueue(bound, NULL) == SOCLE_OK, socle_error_message());
    RUN_ASSERT(run, socle_device_finish(run->device) == SOCLE_OK, socle_error_message());
    steps_release(bound);
}

static void compare_operand(const conv_case_run *run, int i, const uint8_t *bytes)
{
    const problem_operand *operand = &run->c->operands[i];
    const double *expected = run->c->values[i];
    double largest = 0;
    char message[200];
    for (int64_t k = 0; k < operand->count; k++)
        largest = isfinite(expected[k]) ? fmax(largest, fabs(expected[k])) : largest;
    for (int64_t k = 0; k < operand->count; k++) {
        const double got = load_element(operand->dtype, bytes, k);
        const bool same = got == expected[k] || (isnan(got) && isnan(expected[k]));
        snprintf(message, sizeof(message), "operand %d element %lld is %.9g instead of %.9g (largest %.3g)", i, (long long)k, got,
                 expected[k], largest);
        RUN_ASSERT(run, same || fabs(got - expected[k]) <= tolerance(operand->dtype) * largest, message);
    }
}

static void check_spans(const conv_case_run *run)
{
    for (int i = 0; i < run->count; i++) {
        const size_t total = socle_buffer_size_bytes(run->buffers[i]), end = GUARD_BYTES + run->sizes[i];
        uint8_t *bytes = malloc(total);
        char message[100];
        RUN_ASSERT(run, socle_buffer_read(socle_buffer_span(run->buffers[i]), bytes) == SOCLE_OK, socle_error_message());
        for (size_t k = 0; k < total; k++) {
            snprintf(message, sizeof(message), "span %d of %zu bytes: byte %lld was written", i, run->sizes[i],
                     (long long)k - GUARD_BYTES);
            RUN_ASSERT(run, (k >= GUARD_BYTES && k < end) || bytes[k] == GUARD_BYTE, message);
        }
        if (i < run->c->count && run->c->operands[i].is_output)
            compare_operand(run, i, bytes + GUARD_BYTES);
        free(bytes);
    }
}

static int runs;

int conv_case_runs(void)
{
    return runs;
}

static void run_solver(const conv_case *c, socle_device *device, const solver *s, const tuning *t)
{
    conv_case_run run = {.c = c, .device = device, .solver = s};
    solver_operands numbers = {.workspace = GRAPH_NONE, .prepared = GRAPH_NONE};
    step_list prepare = {0}, steps = {0};
    for (int i = 0; i < PROBLEM_MAX_OPERANDS; i++)
        numbers.data[i] = i < c->count ? i : GRAPH_NONE;
    for (int i = 0; i < EPILOGUE_MAX_OPERANDS; i++)
        numbers.extra[i] = GRAPH_NONE;
    add_operands(&run);
    const size_t workspace_bytes = s->workspace_bytes ? s->workspace_bytes(c->p, device, t) : 0;
    const size_t prepared_bytes = s->prepared_bytes ? s->prepared_bytes(c->p, device, t) : 0;
    if (workspace_bytes)
        numbers.workspace = add_span(&run, workspace_bytes, NULL);
    if (prepared_bytes) {
        numbers.prepared = add_span(&run, prepared_bytes, NULL);
        RUN_ASSERT(&run, s->prepare(c->p, device, t, &numbers, &prepare) == SOCLE_OK, socle_error_message());
        enqueue(&run, &prepare);
    }
    RUN_ASSERT(&run, s->emit(c->p, device, t, &numbers, &steps) == SOCLE_OK, socle_error_message());
    enqueue(&run, &steps);
    check_spans(&run);
    step_list_finish(&steps);
    step_list_finish(&prepare);
    for (int i = 0; i < run.count; i++)
        socle_buffer_destroy(run.buffers[i]);
    runs++;
}

static void run_device(const conv_case *c, socle_device *device, int most_tunings)
{
    const solver *solvers[MAX_SOLVERS];
    tuning tunings[64];
    if (c->p->dtype == SOCLE_FLOAT64 && !device->capabilities.fp64)
        return;
    const int count = solver_candidates(c->p, device, solvers, MAX_SOLVERS);
    cr_assert_gt(count, 0, "%s: %s", c->text, socle_error_message());
    const char *only = getenv("SOCLE_TEST_SOLVER");
    for (int i = 0; i < count; i++) {
        if (only && strcmp(only, solvers[i]->name) != 0)
            continue;
        const int tuning_count = solvers[i]->candidates(c->p, device, tunings, most_tunings);
        cr_assert(tuning_count >= 1 && tuning_count <= most_tunings);
        for (int k = 0; k < tuning_count; k++)
            run_solver(c, device, solvers[i], &tunings[k]);
    }
}

void conv_case_check(const problem *p, int most_tunings, uint64_t seed)
{
    conv_case c = {.p = p, .seed = seed};
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    static socle_context *context; /* one for all cases of a test, which is a process */
    options.cache_dir = "";
    if (!context)
        cr_assert_eq(socle_context_create(&options, &context), SOCLE_OK, "%s", socle_error_message());
    problem_text(p, c.text, sizeof(c.text));
    problem_operands(p, c.operands, &c.count);
    make_inputs(&c);
    make_results(&c);
    for (int i = 0; i < socle_device_count(context); i++) {
        socle_device *device = socle_device_at(context, i);
        if (socle_device_get_info(device)->status == SOCLE_DEVICE_OK)
            run_device(&c, device, most_tunings);
    }
    for (int i = 0; i < c.count; i++)
        free(c.values[i]);
}
