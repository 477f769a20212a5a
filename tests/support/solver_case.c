#include "solver_case.h"
#include "../../lib/profile/profile.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEAST_GUARD_BYTES 4096
/* What lies around spans, and in results and scratch before they are written, in each turn of a run. The first is NaN in every
 * floating type: what is read from there shows; the others are large numbers, so that it differs from turn to turn, too. */
static const uint8_t guard_of_turn[] = {0xff, 0x55};
#define TURNS (int)COUNT_OF(guard_of_turn)
#define MAX_SPANS (PROBLEM_MAX_OPERANDS + EPILOGUE_MAX_OPERANDS + 2)
#define MAX_SOLVERS 16
#define MAX_TUNINGS 64

/* ---- numbers ---- */

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t next(solver_random *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t solver_pick(solver_random *r, int64_t low, int64_t high)
{
    return low + (int64_t)(next(r) % (uint64_t)(high - low + 1));
}

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
    case SOCLE_FLOAT32:
        ((float *)bytes)[i] = (float)value;
        break;
    case SOCLE_INT64:
        ((int64_t *)bytes)[i] = (int64_t)value;
        break;
    case SOCLE_INT32:
        ((int32_t *)bytes)[i] = (int32_t)value;
        break;
    case SOCLE_INT16:
        ((int16_t *)bytes)[i] = (int16_t)value;
        break;
    default:
        ((uint8_t *)bytes)[i] = (uint8_t)(int64_t)value;
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
    case SOCLE_FLOAT32:
        return ((const float *)bytes)[i];
    case SOCLE_INT64:
        return (double)((const int64_t *)bytes)[i];
    case SOCLE_INT32:
        return ((const int32_t *)bytes)[i];
    case SOCLE_INT16:
        return ((const int16_t *)bytes)[i];
    case SOCLE_INT8:
        return ((const int8_t *)bytes)[i];
    default:
        return ((const uint8_t *)bytes)[i];
    }
}

static double tolerance_of(socle_dtype dtype)
{
    switch (dtype) {
    case SOCLE_FLOAT64:
        return 1e-12;
    case SOCLE_FLOAT32:
        return 2e-5;
    case SOCLE_FLOAT16:
        return 1e-3;
    case SOCLE_BFLOAT16:
        return 6e-3;
    default:
        return 0;
    }
}

static bool is_floating(socle_dtype dtype)
{
    return tolerance_of(dtype) > 0;
}

/* ---- operands ---- */

typedef struct case_data {
    const solver_case *c;
    char text[256];
    problem_operand operands[MAX_SPANS];
    int count, data_count;
    double *values[MAX_SPANS]; /* inputs as stored, results as they should be */
} case_data;

static double random_element(const problem_operand *operand, solver_random *r)
{
    if (operand->index_limit > 0)
        return (double)solver_pick(r, -operand->index_limit, operand->index_limit - 1);
    if (is_floating(operand->dtype))
        return (double)solver_pick(r, -1000, 1000) / 1000;
    if (operand->dtype == SOCLE_BOOL)
        return (double)solver_pick(r, 0, 1);
    if (operand->dtype == SOCLE_UINT8 || operand->dtype == SOCLE_INT8)
        return (double)solver_pick(r, 0, 255) - (operand->dtype == SOCLE_INT8 ? 128 : 0);
    return (double)solver_pick(r, -9, 9);
}

static void make_inputs(case_data *d)
{
    static const double specials[] = {INFINITY, -INFINITY, NAN};
    solver_random r = {d->c->seed};
    for (int i = 0; i < d->count; i++) {
        const problem_operand *operand = &d->operands[i];
        d->values[i] = calloc((size_t)operand->count + 1, sizeof(double));
        for (int64_t k = 0; k < operand->count && !operand->is_output; k++) {
            double stored;
            store_element(operand->dtype, &stored, 0, random_element(operand, &r));
            d->values[i][k] = load_element(operand->dtype, &stored, 0);
        }
        for (int k = 0; k < d->c->specials && operand->count > 0 && !operand->is_output && is_floating(operand->dtype); k++)
            d->values[i][solver_pick(&r, 0, operand->count - 1)] = specials[solver_pick(&r, 0, 2)];
    }
}

/* ---- a run ---- */

typedef struct case_run {
    const case_data *d;
    const problem *p;
    socle_device *device;
    const solver *solver;
    uint8_t guard;
    socle_buffer *buffers[MAX_SPANS];
    socle_span spans[MAX_SPANS];
    size_t sizes[MAX_SPANS];
    bool written[MAX_SPANS]; /* may change */
    int count;
    tuning tuning;
} case_run;

/* The worker that Criterion runs a test in has another name. */
static const char *test_program(void)
{
    static char path[512];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    return length > 0 ? path : "the test's program";
}

#define RUN_ASSERT(run, condition, ...)                                                                                          \
    cr_assert(condition, "%s by %s [%d %d %d %d %d %d] on %s: %s; to repeat: SOCLE_TEST_SEED=%llu SOCLE_TEST_SOLVER=%s %s",      \
              (run)->d->text, (run)->solver->name, (run)->tuning.value[0], (run)->tuning.value[1], (run)->tuning.value[2],       \
              (run)->tuning.value[3], (run)->tuning.value[4], (run)->tuning.value[5], socle_device_get_info((run)->device)->id,  \
              __VA_ARGS__, (unsigned long long)(run)->d->c->seed, (run)->solver->name, test_program())

/* In front of a span and behind it. No more aligned than the device asks of a span. */
static size_t guard_bytes(const case_run *run)
{
    const size_t alignment = run->device->capabilities.base_alignment_bytes;
    return (LEAST_GUARD_BYTES / (2 * alignment) * 2 + 1) * alignment;
}

static int add_span(case_run *run, size_t size_bytes, const void *content)
{
    const int number = run->count++;
    const size_t rounded = (size_bytes + 15) / 16 * 16 + (size_bytes == 0 ? 16 : 0), begin = guard_bytes(run);
    const size_t total = rounded + 2 * begin;
    uint8_t *bytes = malloc(total);
    memset(bytes, run->guard, total);
    if (content)
        memcpy(bytes + begin, content, size_bytes);
    RUN_ASSERT(run, socle_buffer_create(run->device, total, &run->buffers[number]) == SOCLE_OK, socle_error_message());
    RUN_ASSERT(run, socle_buffer_write(socle_buffer_span(run->buffers[number]), bytes) == SOCLE_OK, socle_error_message());
    run->spans[number] = (socle_span){run->buffers[number], begin, rounded};
    run->sizes[number] = size_bytes;
    run->written[number] = content == NULL;
    free(bytes);
    return number;
}

static void add_operands(case_run *run)
{
    for (int i = 0; i < run->d->count; i++) {
        const problem_operand *operand = &run->d->operands[i];
        const size_t size_bytes = (size_t)operand->count * socle_dtype_size_bytes(operand->dtype);
        void *content = operand->is_output ? NULL : calloc(size_bytes + 1, 1);
        for (int64_t k = 0; k < operand->count && content; k++)
            store_element(operand->dtype, content, k, run->d->values[i][k]);
        add_span(run, size_bytes, content);
        free(content);
    }
}

static void enqueue(case_run *run, const step_list *steps)
{
    bound_steps *bound = NULL;
    RUN_ASSERT(run, steps_bind(run->device, steps, run->spans, run->count, &bound) == SOCLE_OK, socle_error_message());
    RUN_ASSERT(run, steps_enqueue(bound, NULL) == SOCLE_OK, socle_error_message());
    RUN_ASSERT(run, socle_device_finish(run->device) == SOCLE_OK, socle_error_message());
    steps_release(bound);
}

static void compare_operand(const case_run *run, int i, const uint8_t *bytes)
{
    const problem_operand *operand = &run->d->operands[i];
    const double *expected = run->d->values[i];
    const double share =
        run->d->c->tolerance > 0 && is_floating(operand->dtype) ? run->d->c->tolerance : tolerance_of(operand->dtype);
    double largest = 0;
    for (int64_t k = 0; k < operand->count; k++)
        largest = isfinite(expected[k]) ? fmax(largest, fabs(expected[k])) : largest;
    for (int64_t k = 0; k < operand->count; k++) {
        char message[200];
        const double got = load_element(operand->dtype, bytes, k);
        const bool same = got == expected[k] || (isnan(got) && isnan(expected[k]));
        if (same || fabs(got - expected[k]) <= share * largest)
            continue;
        snprintf(message, sizeof(message), "operand %d element %lld is %.9g instead of %.9g (largest %.3g)", i, (long long)k, got,
                 expected[k], largest);
        RUN_ASSERT(run, false, message);
    }
}

/* Compares every byte with what should be there; returns the hash of the results. */
static hash128 check_spans(const case_run *run)
{
    hash128 results = {0};
    for (int i = 0; i < run->count; i++) {
        const size_t total = socle_buffer_size_bytes(run->buffers[i]), begin = guard_bytes(run), end = begin + run->sizes[i];
        uint8_t *bytes = malloc(total);
        RUN_ASSERT(run, socle_buffer_read(socle_buffer_span(run->buffers[i]), bytes) == SOCLE_OK, socle_error_message());
        for (size_t k = 0; k < total; k++) {
            char message[100];
            if ((k >= begin && k < end) || bytes[k] == run->guard)
                continue;
            snprintf(message, sizeof(message), "span %d of %zu bytes: byte %lld was written", i, run->sizes[i],
                     (long long)k - (long long)begin);
            RUN_ASSERT(run, false, message);
        }
        if (i < run->d->count && run->d->operands[i].is_output) {
            compare_operand(run, i, bytes + begin);
            results = hash_combine(results, hash_bytes(bytes + begin, run->sizes[i]));
        }
        for (int64_t k = 0; i < run->d->count && !run->written[i] && k < run->d->operands[i].count; k++) {
            const double got = load_element(run->d->operands[i].dtype, bytes + begin, k), was = run->d->values[i][k];
            RUN_ASSERT(run, got == was || (isnan(got) && isnan(was)), "an input was changed");
        }
        free(bytes);
    }
    return results;
}

static int runs;

int solver_case_runs(void)
{
    return runs;
}

/* Returns the hash of the results. */
static hash128 run_solver(case_run run)
{
    const problem *p = run.p;
    const case_data *d = run.d;
    const solver *s = run.solver;
    const tuning *t = &run.tuning;
    solver_operands numbers = {.workspace = GRAPH_NONE, .prepared = GRAPH_NONE};
    step_list prepare = {0}, steps = {0};
    for (int i = 0; i < PROBLEM_MAX_OPERANDS; i++)
        numbers.data[i] = i < d->data_count ? i : GRAPH_NONE;
    for (int i = 0; i < EPILOGUE_MAX_OPERANDS; i++)
        numbers.extra[i] = d->data_count + i < d->count ? d->data_count + i : GRAPH_NONE;
    add_operands(&run);
    const size_t workspace_bytes = s->workspace_bytes ? s->workspace_bytes(p, run.device, t) : 0;
    const size_t prepared_bytes = s->prepared_bytes ? s->prepared_bytes(p, run.device, t) : 0;
    if (workspace_bytes)
        numbers.workspace = add_span(&run, workspace_bytes, NULL);
    if (prepared_bytes) {
        numbers.prepared = add_span(&run, prepared_bytes, NULL);
        RUN_ASSERT(&run, s->prepare(p, run.device, t, &numbers, &prepare) == SOCLE_OK, socle_error_message());
        enqueue(&run, &prepare);
    }
    RUN_ASSERT(&run, s->emit(p, run.device, t, &numbers, &steps) == SOCLE_OK, socle_error_message());
    enqueue(&run, &steps);
    const hash128 results = check_spans(&run);
    step_list_finish(&steps);
    step_list_finish(&prepare);
    for (int i = 0; i < run.count; i++)
        socle_buffer_destroy(run.buffers[i]);
    runs++;
    return results;
}

/* Every tuning of the solver that the case asks for. Where `deterministic` allows the solver, the bits of its results must be
 * those of its turn before, which are in results[0..tunings). */
static void run_tunings(const case_data *d, socle_device *device, const solver *s, int turn, hash128 *results)
{
    tuning tunings[MAX_TUNINGS];
    problem deterministic = *d->c->p;
    deterministic.deterministic = true;
    const bool repeats = s->applicable(&deterministic, device);
    if (turn > 0 && !repeats)
        return;
    const problem *p = repeats ? &deterministic : d->c->p;
    const int wanted = d->c->tunings > 0 ? d->c->tunings : 1;
    const int count = s->candidates(p, device, tunings, wanted);
    cr_assert(count >= 1 && count <= wanted, "%s: %d tunings", s->name, count);
    for (int i = 0; i < count; i++) {
        const case_run run = {.d = d, .p = p, .device = device, .solver = s, .tuning = tunings[i], .guard = guard_of_turn[turn]};
        const double seconds = s->estimate ? s->estimate(p, device, &tunings[i]) : 0;
        cr_assert(seconds >= 0 && isfinite(seconds), "%s: estimate of %s", s->name, d->text);
        const hash128 got = run_solver(run);
        RUN_ASSERT(&run, turn == 0 || hash_equal(got, results[i]), "the bits of the results are others than the time before");
        results[i] = got;
    }
}

/* The solvers one after the other and then again, so that others have run in between. */
static void run_device(const case_data *d, socle_device *device)
{
    const solver *solvers[MAX_SOLVERS];
    static hash128 results[MAX_SOLVERS][MAX_TUNINGS];
    const char *only = getenv("SOCLE_TEST_SOLVER");
    if (d->c->p->dtype == SOCLE_FLOAT64 && !device->capabilities.fp64)
        return;
    if (problem_wants_instructions(d->c->p))
        instructions_probe(device);
    const int count = solver_candidates(d->c->p, device, solvers, MAX_SOLVERS);
    cr_assert_gt(count, 0, "%s: %s", d->text, socle_error_message());
    for (int turn = 0; turn < TURNS; turn++)
        for (int i = 0; i < count; i++)
            if ((!only || strcmp(only, solvers[i]->name) == 0) && (!d->c->solver || strcmp(d->c->solver, solvers[i]->name) == 0))
                run_tunings(d, device, solvers[i], turn, results[i]);
}

static socle_context *context; /* one for all cases of a test, which is a process */

socle_context *solver_case_context(void)
{
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.cache_dir = "";
    if (!context)
        cr_assert_eq(socle_context_create(&options, &context), SOCLE_OK, "%s", socle_error_message());
    return context;
}

void solver_case_use_matrices(void)
{
    solver_case_context();
    for (int i = 0; i < socle_device_count(context); i++)
        ((socle_device *)socle_device_at(context, i))->instructions = INSTRUCTIONS_PROBED | INSTRUCTION_MMA_SHARED |
                                                                      INSTRUCTION_MMA_TF32 | INSTRUCTION_MMA_FLOAT16 |
                                                                      INSTRUCTION_MMA_BFLOAT16;
}

void solver_case_finish(void)
{
    socle_context_destroy(context);
    context = NULL;
}

void solver_case_check(const solver_case *c)
{
    case_data d = {.c = c};
    const char *only = getenv("SOCLE_TEST_SEED");
    if (only != NULL && strtoull(only, NULL, 10) != c->seed) {
        runs++;
        return;
    }
    solver_case_context();
    problem_text(c->p, d.text, sizeof(d.text));
    d.count = problem_operands(c->p, d.operands, &d.data_count);
    make_inputs(&d);
    c->reference(c->p, d.values);
    for (int i = 0; i < socle_device_count(context); i++) {
        socle_device *device = socle_device_at(context, i);
        if (socle_device_get_info(device)->status == SOCLE_DEVICE_OK)
            run_device(&d, device);
    }
    for (int i = 0; i < d.count; i++)
        free(d.values[i]);
}
