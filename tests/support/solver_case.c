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

/* ---- operands ---- */

typedef struct case_data {
    const solver_case *c;
    char text[256];
    problem_operand operands[MAX_SPANS];
    int count, data_count;
    double *values[MAX_SPANS]; /* inputs as stored, results as they should be */
} case_data;

static void make_inputs(case_data *d)
{
    static const double specials[] = {INFINITY, -INFINITY, NAN};
    solver_random r = {d->c->seed};
    for (int i = 0; i < d->count; i++) {
        const problem_operand *operand = &d->operands[i];
        d->values[i] = calloc((size_t)operand->count + 1, sizeof(double));
        for (int64_t k = 0; k < operand->count && !operand->is_output; k++) {
            double stored;
            double value = solver_random_element(operand, &r);
            if (operand->index_limit > 0 && d->c->place != NULL) /* from the end, it means the same in both problems */
                value -= value < 0 ? 0 : (double)operand->index_limit;
            solver_store_element(operand->dtype, &stored, 0, value);
            d->values[i][k] = solver_load_element(operand->dtype, &stored, 0);
        }
        for (int k = 0; k < d->c->specials && operand->count > 0 && !operand->is_output && solver_is_floating(operand->dtype);
             k++)
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

/* Where element i of an operand lies in its span. */
static size_t place_of(const case_run *run, int operand, int64_t i)
{
    const solver_case *c = run->d->c;
    return (size_t)(c->place ? c->place(c, operand, i) : i) * socle_dtype_size_bytes(run->d->operands[operand].dtype);
}

/* A span of which nothing is written but the operand's elements, so that the rest need not be there. */
static void add_spread_operand(case_run *run, int operand)
{
    const problem_operand *o = &run->d->operands[operand];
    const size_t element_bytes = socle_dtype_size_bytes(o->dtype);
    const int number = run->count++;
    size_t size_bytes = element_bytes;
    for (int64_t k = 0; k < o->count; k++)
        if (size_bytes < place_of(run, operand, k) + element_bytes)
            size_bytes = place_of(run, operand, k) + element_bytes;
    RUN_ASSERT(run, socle_buffer_create(run->device, size_bytes, &run->buffers[number]) == SOCLE_OK, socle_error_message());
    run->spans[number] = socle_buffer_span(run->buffers[number]);
    run->written[number] = o->is_output;
    for (int64_t k = 0; k < o->count; k++) {
        uint8_t bytes[sizeof(double)];
        const socle_span span = {run->buffers[number], place_of(run, operand, k), element_bytes};
        memset(bytes, run->guard, sizeof(bytes));
        if (!o->is_output)
            solver_store_element(o->dtype, bytes, 0, run->d->values[operand][k]);
        RUN_ASSERT(run, socle_buffer_write(span, bytes) == SOCLE_OK, socle_error_message());
    }
}

static void add_operands(case_run *run)
{
    for (int i = 0; i < run->d->count; i++) {
        const problem_operand *operand = &run->d->operands[i];
        const size_t size_bytes = (size_t)operand->count * socle_dtype_size_bytes(operand->dtype);
        if (run->d->c->place != NULL) {
            add_spread_operand(run, i);
            continue;
        }
        void *content = operand->is_output ? NULL : calloc(size_bytes + 1, 1);
        for (int64_t k = 0; k < operand->count && content; k++)
            solver_store_element(operand->dtype, content, k, run->d->values[i][k]);
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
        run->d->c->tolerance > 0 && solver_is_floating(operand->dtype) ? run->d->c->tolerance : solver_tolerance(operand->dtype);
    double largest = 0;
    for (int64_t k = 0; k < operand->count; k++)
        largest = isfinite(expected[k]) ? fmax(largest, fabs(expected[k])) : largest;
    for (int64_t k = 0; k < operand->count; k++) {
        char message[200];
        const double got = solver_load_element(operand->dtype, bytes, k);
        const bool same = got == expected[k] || (isnan(got) && isnan(expected[k]));
        if (same || fabs(got - expected[k]) <= share * largest)
            continue;
        snprintf(message, sizeof(message), "operand %d element %lld is %.9g instead of %.9g (largest %.3g)", i, (long long)k, got,
                 expected[k], largest);
        RUN_ASSERT(run, false, message);
    }
}

/* The elements of operand i, one behind the other. */
static uint8_t *read_spread_operand(const case_run *run, int i)
{
    const size_t element_bytes = socle_dtype_size_bytes(run->d->operands[i].dtype);
    uint8_t *bytes = malloc((size_t)run->d->operands[i].count * element_bytes + 1);
    for (int64_t k = 0; k < run->d->operands[i].count; k++) {
        const socle_span span = {run->buffers[i], place_of(run, i, k), element_bytes};
        RUN_ASSERT(run, socle_buffer_read(span, bytes + (size_t)k * element_bytes) == SOCLE_OK, socle_error_message());
    }
    return bytes;
}

/* What lies in a span; nothing may have been written around it. */
static uint8_t *read_span(const case_run *run, int i)
{
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
    memmove(bytes, bytes + begin, run->sizes[i]);
    return bytes;
}

/* Compares everything with what should be there; returns the hash of the results. */
static hash128 check_spans(const case_run *run)
{
    hash128 results = {0};
    for (int i = 0; i < run->count; i++) {
        const problem_operand *operand = i < run->d->count ? &run->d->operands[i] : NULL;
        uint8_t *bytes = operand && run->d->c->place ? read_spread_operand(run, i) : read_span(run, i);
        if (operand && operand->is_output) {
            compare_operand(run, i, bytes);
            results = hash_combine(results, hash_bytes(bytes, (size_t)operand->count * socle_dtype_size_bytes(operand->dtype)));
        }
        for (int64_t k = 0; operand && !run->written[i] && k < operand->count; k++) {
            const double got = solver_load_element(operand->dtype, bytes, k), was = run->d->values[i][k];
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

/* The problem that solvers are given. */
static const problem *solved(const solver_case *c)
{
    return c->spread ? c->spread : c->p;
}

/* Every tuning of the solver that the case asks for. Where `deterministic` allows the solver, the bits of its results must be
 * those of its turn before, which are in results[0..tunings). */
static void run_tunings(const case_data *d, socle_device *device, const solver *s, int turn, hash128 *results)
{
    tuning tunings[MAX_TUNINGS];
    problem deterministic = *solved(d->c);
    deterministic.deterministic = true;
    const bool repeats = s->applicable(&deterministic, device);
    if (turn > 0 && !repeats)
        return;
    const problem *p = repeats ? &deterministic : solved(d->c);
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
    if (problem_wants_instructions(solved(d->c)))
        instructions_probe(device);
    const int count = solver_candidates(solved(d->c), device, solvers, MAX_SOLVERS);
    cr_assert_gt(count, 0, "%s: %s", d->text, socle_error_message());
    for (int turn = 0; turn < (d->c->place ? 1 : TURNS); turn++)
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

void solver_case_use_matrices(device_matrix kind)
{
    solver_case_context();
    for (int i = 0; i < socle_device_count(context); i++) {
        socle_device *device = socle_device_at(context, i);
        const bool done = device_has_instruction(device, INSTRUCTION_MATRIX_SHARED) && device->capabilities.matrix == kind;
        if (done || device->info.status != SOCLE_DEVICE_OK)
            continue;
        device->capabilities.matrix = kind;
        device->instructions = INSTRUCTION_MATRIX_SHARED;
        instructions_probe(device);
    }
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
    problem_text(solved(c), d.text, sizeof(d.text));
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
