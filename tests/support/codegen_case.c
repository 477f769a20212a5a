/* Generated kernels against the oracle: see codegen_case.h. */
#include "codegen_case.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"
#include "on_devices.h"

#define GUARD_BYTES 4096
#define GUARD_BYTE 0xA5

void case_start(codegen_case *c)
{
    *c = (codegen_case){.random = 4321};
    cr_assert_eq(socle_graph_create(NULL, "case", &c->graph), SOCLE_OK, "%s", socle_error_message());
}

void case_finish(codegen_case *c)
{
    for (int i = 0; i < c->graph->input_count; i++)
        free(c->content[i]);
    socle_graph_destroy(c->graph);
}

/* Mixed well: a plain linear congruence is correlated at strides of a power of two, which is how work-items share sums. */
static double random_between(codegen_case *c, double low, double high)
{
    c->random = c->random * 1664525u + 1013904223u;
    uint32_t x = c->random;
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return low + (high - low) * (double)((x ^ (x >> 16)) >> 8) * 0x1p-24;
}

static bool is_real(socle_dtype dtype)
{
    return dtype == SOCLE_FLOAT32 || dtype == SOCLE_FLOAT64 || dtype == SOCLE_FLOAT16 || dtype == SOCLE_BFLOAT16;
}

static value_id add_input(codegen_case *c, socle_dtype dtype, int rank, const int64_t *dims, double *content)
{
    graph_type type = {.dtype = dtype, .rank = rank};
    memcpy(type.dims, dims, (size_t)rank * sizeof(*dims));
    const value_id value = graph_add_input(c->graph, NULL, &type);
    cr_assert(value != GRAPH_NONE, "%s", socle_error_message());
    c->content[c->graph->input_count - 1] = content;
    return value;
}

static int64_t count_of(int rank, const int64_t *dims)
{
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= dims[i];
    return count;
}

value_id case_input_of(codegen_case *c, socle_dtype dtype, const double *content, int rank, const int64_t *dims)
{
    const int64_t count = count_of(rank, dims);
    void *narrow = malloc((size_t)(count + 1) * 8);
    evaluate_narrow(dtype, content, narrow, count);
    double *rounded = evaluate_widen(dtype, narrow, count);
    free(narrow);
    return add_input(c, dtype, rank, dims, rounded);
}

value_id case_input(codegen_case *c, socle_dtype dtype, double low, double high, int rank, const int64_t *dims)
{
    const int64_t count = count_of(rank, dims);
    double *content = malloc((size_t)(count + 1) * sizeof(*content));
    for (int64_t i = 0; i < count; i++) {
        content[i] = random_between(c, low, high);
        if (!is_real(dtype))
            content[i] = floor(content[i]);
    }
    const value_id value = case_input_of(c, dtype, content, rank, dims);
    free(content);
    return value;
}

value_id case_ints(codegen_case *c, int count, const int64_t *values)
{
    return graph_constant_ints(c->graph, values, count);
}

value_id case_node(codegen_case *c, const char *op, int input_count, const value_id *inputs, int attribute_count,
                   const socle_attribute *attributes)
{
    const value_id value = graph_add(c->graph, "", op, inputs, input_count, attributes, attribute_count, 1);
    cr_assert(value != GRAPH_NONE, "%s", socle_error_message());
    return value;
}

void case_output(codegen_case *c, value_id value)
{
    cr_assert_eq(graph_add_output(c->graph, value, NULL), SOCLE_OK, "%s", socle_error_message());
}

/* ---- running ---- */

static int operand_of(value_id value, void *user)
{
    (void)user;
    return value;
}

static void group_all(const codegen_case *c, codegen_group *group)
{
    *group = (codegen_group){.graph = c->graph};
    for (int n = 0; n < c->graph->node_count; n++) {
        cr_assert(codegen_fusable(c->graph, n), "%s", graph_node_label(c->graph, n));
        cr_assert_eq(codegen_group_add(group, n), SOCLE_OK);
    }
    cr_assert_eq(codegen_group_finish(group), SOCLE_OK, "%s", socle_error_message());
}

typedef struct memory_span {
    socle_buffer *buffer;
    socle_span span;
    uint8_t *bytes; /* guard, content, guard */
    size_t size_bytes;
} memory_span;

static memory_span place(socle_device *device, const graph_type *type, const double *content)
{
    memory_span m = {.size_bytes = graph_type_bytes(type)};
    const size_t all = m.size_bytes + 2 * GUARD_BYTES;
    m.bytes = malloc(all);
    memset(m.bytes, GUARD_BYTE, all);
    if (content != NULL)
        evaluate_narrow(type->dtype, content, m.bytes + GUARD_BYTES, graph_type_count(type));
    cr_assert_eq(socle_buffer_create(device, all, &m.buffer), SOCLE_OK, "%s", socle_error_message());
    const socle_span whole = {m.buffer, 0, all};
    cr_assert_eq(socle_buffer_write(whole, m.bytes), SOCLE_OK, "%s", socle_error_message());
    m.span = (socle_span){m.buffer, GUARD_BYTES, m.size_bytes};
    return m;
}

static void read_back(memory_span *m, const char *what, const char *device)
{
    const size_t all = m->size_bytes + 2 * GUARD_BYTES;
    const socle_span whole = {m->buffer, 0, all};
    cr_assert_eq(socle_buffer_read(whole, m->bytes), SOCLE_OK, "%s", socle_error_message());
    for (size_t i = 0; i < GUARD_BYTES; i++)
        cr_assert(m->bytes[i] == GUARD_BYTE && m->bytes[GUARD_BYTES + m->size_bytes + i] == GUARD_BYTE,
                  "%s on %s: wrote outside of the tensor", what, device);
}

static double tolerance_of(const codegen_case *c, socle_dtype dtype)
{
    if (c->tolerance > 0)
        return c->tolerance;
    switch (dtype) {
    case SOCLE_FLOAT32:
        return 4e-6;
    case SOCLE_FLOAT64:
        return 1e-13;
    case SOCLE_FLOAT16:
        return 1e-3;
    case SOCLE_BFLOAT16:
        return 8e-3;
    default:
        return 0;
    }
}

static void compare(const codegen_case *c, const graph_value *value, const double *expected, const memory_span *m,
                    const char *device)
{
    const int64_t count = graph_type_count(&value->type);
    double *actual = evaluate_widen(value->type.dtype, m->bytes + GUARD_BYTES, count), largest = 0;
    for (int64_t i = 0; i < count; i++)
        if (isfinite(expected[i]) && fabs(expected[i]) > largest)
            largest = fabs(expected[i]);
    for (int64_t i = 0; i < count; i++) {
        const bool both_nan = isnan(expected[i]) && isnan(actual[i]);
        const double allowed = tolerance_of(c, value->type.dtype) * (largest > 1 ? largest : 1);
        cr_assert(both_nan || expected[i] == actual[i] || fabs(expected[i] - actual[i]) <= allowed,
                  "%s on %s: element %lld is %.9g instead of %.9g", graph_node_label(c->graph, value->producer), device,
                  (long long)i, actual[i], expected[i]);
    }
    free(actual);
}

static void run(socle_device *device, bound_steps *bound)
{
    cr_assert_eq(steps_enqueue(bound, NULL), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_device_finish(device), SOCLE_OK, "%s", socle_error_message());
}

/* Another run's bits must be those that were read back. */
static void check_again(const codegen_case *c, const codegen_group *group, memory_span *memory, const char *device)
{
    for (int i = 0; i < group->output_count; i++) {
        memory_span *m = &memory[group->outputs[i]];
        const char *node = graph_node_label(c->graph, c->graph->values[group->outputs[i]].producer);
        const hash128 before = hash_bytes(m->bytes, m->size_bytes + 2 * GUARD_BYTES);
        read_back(m, node, device);
        cr_assert(hash_equal(before, hash_bytes(m->bytes, m->size_bytes + 2 * GUARD_BYTES)),
                  "%s on %s: the bits of the result are others than the time before", node, device);
    }
}

/* shaped_for: the device, or one like it of another type, for which the kernel is written. */
static void check_on(codegen_case *c, const codegen_group *group, const evaluation *e, socle_device *device,
                     const socle_device *shaped_for)
{
    const char *id = socle_device_get_info(device)->id;
    const socle_graph *graph = c->graph;
    memory_span *memory = calloc((size_t)graph->value_count, sizeof(*memory));
    socle_span *spans = calloc((size_t)graph->value_count, sizeof(*spans));
    step_list steps = {0};
    bound_steps *bound = NULL;
    cr_assert_eq(codegen_emit(group, shaped_for, operand_of, NULL, &steps), SOCLE_OK, "%s", socle_error_message());
    for (int v = 0; v < graph->value_count; v++) {
        memory[v] = place(device, &graph->values[v].type, graph->values[v].kind == VALUE_NODE ? NULL : evaluation_get(e, v));
        spans[v] = memory[v].span;
    }
    if (getenv("SOCLE_TEST_PRINT_KERNELS") != NULL)
        for (int i = 0; i < steps.count; i++)
            fprintf(stderr, "---- %s\n%s\n", id, steps.items[i].prelude);
    cr_assert_eq(steps_bind(device, &steps, spans, graph->value_count, &bound), SOCLE_OK, "%s on %s: %s", steps.items[0].prelude,
                 id, socle_error_message());
    run(device, bound);
    for (int i = 0; i < group->output_count; i++) {
        const value_id v = group->outputs[i];
        read_back(&memory[v], graph_node_label(graph, graph->values[v].producer), id);
        compare(c, &graph->values[v], evaluation_get(e, v), &memory[v], id);
    }
    run(device, bound);
    check_again(c, group, memory, id);
    c->steps = steps.count;
    steps_release(bound);
    step_list_finish(&steps);
    for (int v = 0; v < graph->value_count; v++) {
        socle_buffer_destroy(memory[v].buffer);
        free(memory[v].bytes);
    }
    free(memory);
    free(spans);
}

static void check_as_gpu(codegen_case *c, const codegen_group *group, const evaluation *e, socle_device *device)
{
    socle_device *gpu = calloc(1, sizeof(*gpu));
    memcpy(gpu, device, sizeof(*gpu)); /* only looked at */
    gpu->capabilities.type = SOCLE_DEVICE_GPU;
    check_on(c, group, e, device, gpu);
    free(gpu);
}

static bool reduces(const socle_graph *graph)
{
    for (int n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].op->kind == OPERATOR_REDUCTION)
            return true;
    return false;
}

static bool needs_real64(const socle_graph *graph)
{
    for (int v = 0; v < graph->value_count; v++)
        if (graph->values[v].type.dtype == SOCLE_FLOAT64)
            return true;
    return false;
}

/* One context for all cases of a test; the process ends with the test. */
static socle_context *shared_context(void)
{
    static socle_context *context;
    if (context == NULL)
        context = test_context("");
    return context;
}

void case_check(codegen_case *c)
{
    codegen_group group;
    evaluation e;
    int checked = 0;
    socle_context *context = shared_context();
    group_all(c, &group);
    evaluation_start(&e, c->graph);
    for (int i = 0; i < c->graph->input_count; i++)
        evaluation_set(&e, c->graph->inputs[i], c->content[i]);
    cr_assert(evaluation_run(&e), "%s", e.error);
    for (int i = 0; i < socle_device_count(context); i++) {
        socle_device *device = socle_device_at(context, i);
        if (socle_device_get_info(device)->status != SOCLE_DEVICE_OK || (needs_real64(c->graph) && !device->capabilities.fp64))
            continue;
        check_on(c, &group, &e, device, device);
        if (device->capabilities.type != SOCLE_DEVICE_GPU && reduces(c->graph))
            check_as_gpu(c, &group, &e, device);
        checked++;
    }
    cr_assert(checked > 0 || needs_real64(c->graph), "no usable device");
    evaluation_finish(&e);
    codegen_group_free(&group);
}

char *case_kernel(codegen_case *c, socle_device_type type, int width)
{
    socle_device device = {
        .info = {.id = "imagined"},
        .capabilities = {
            .type = type, .compute_units = 4, .max_work_group_size = 256, .vector_width_float = width, .fp64 = true}};
    codegen_group group;
    step_list steps = {0};
    group_all(c, &group);
    cr_assert_eq(codegen_emit(&group, &device, operand_of, NULL, &steps), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(steps.count, 1);
    char *kernel = memory_copy_string(steps.items[0].prelude);
    step_list_finish(&steps);
    codegen_group_free(&group);
    return kernel;
}
