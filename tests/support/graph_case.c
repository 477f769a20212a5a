/* The functions of graph_case.h. */
#include "graph_case.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void graph_case_start(graph_case *c)
{
    *c = (graph_case){.random = 2463534242u};
    cr_assert_eq(socle_graph_create(NULL, "case", &c->graph), SOCLE_OK, "%s", socle_error_message());
}

void graph_case_finish(graph_case *c)
{
    for (int i = 0; i < c->input_count; i++)
        free(c->elements[i]);
    socle_graph_destroy(c->graph);
    cr_assert_eq(memory_live_count(), 0, "%lld allocations are left", (long long)memory_live_count());
}

double graph_case_random(graph_case *c, double low, double high)
{
    c->random = c->random * 1664525u + 1013904223u;
    return low + (high - low) * (double)(c->random >> 8) * 0x1p-24;
}

graph_type graph_case_type(socle_dtype dtype, int rank, const int64_t *dims)
{
    graph_type type = {.dtype = dtype, .rank = rank};
    for (int i = 0; i < rank; i++)
        type.dims[i] = dims[i];
    return type;
}

static bool is_real(socle_dtype dtype)
{
    return dtype == SOCLE_FLOAT32 || dtype == SOCLE_FLOAT64 || dtype == SOCLE_FLOAT16 || dtype == SOCLE_BFLOAT16;
}

static double *random_elements(graph_case *c, const graph_type *type, double low, double high)
{
    const int64_t count = graph_type_count(type);
    double *elements = malloc((size_t)(count + 1) * sizeof(*elements));
    for (int64_t i = 0; i < count; i++) {
        elements[i] = type->dtype == SOCLE_BOOL ? graph_case_random(c, 0, 1) > 0.5 : graph_case_random(c, low, high);
        if (!is_real(type->dtype))
            elements[i] = floor(elements[i]);
    }
    return elements;
}

value_id graph_case_input(graph_case *c, socle_dtype dtype, double low, double high, int rank, const int64_t *dims)
{
    const graph_type type = graph_case_type(dtype, rank, dims);
    const value_id value = graph_add_input(c->graph, NULL, &type);
    cr_assert(value != GRAPH_NONE, "%s", socle_error_message());
    c->inputs[c->input_count] = value;
    c->elements[c->input_count++] = random_elements(c, &type, low, high);
    return value;
}

value_id graph_case_constant(graph_case *c, socle_dtype dtype, double low, double high, int rank, const int64_t *dims)
{
    const graph_type type = graph_case_type(dtype, rank, dims);
    double *elements = random_elements(c, &type, low, high);
    void *data = calloc((size_t)graph_type_count(&type) + 1, 8);
    evaluate_narrow(dtype, elements, data, graph_type_count(&type));
    const value_id value = graph_add_constant(c->graph, NULL, &type, data, true);
    free(data);
    free(elements);
    cr_assert(value != GRAPH_NONE, "%s", socle_error_message());
    return value;
}

value_id graph_case_ints(graph_case *c, int count, const int64_t *elements)
{
    const value_id value = graph_constant_ints(c->graph, elements, count);
    cr_assert(value != GRAPH_NONE, "%s", socle_error_message());
    return value;
}

value_id graph_case_node(graph_case *c, const char *op, const value_id *inputs, int input_count,
                         const socle_attribute *attributes, int attribute_count)
{
    const value_id y = graph_add(c->graph, "", op, inputs, input_count, attributes, attribute_count, 1);
    cr_assert(y != GRAPH_NONE, "%s: %s", op, socle_error_message());
    return y;
}

int graph_case_count_nodes(const graph_case *c, const char *op)
{
    int count = 0;
    for (int n = 0; n < c->graph->node_count; n++)
        count += op == NULL || strcmp(c->graph->nodes[n].op->name, op) == 0;
    return count;
}

/* ---- before and after ---- */

typedef struct result {
    int64_t count;
    double *elements;
} result;

static void evaluate(const graph_case *c, result *results)
{
    evaluation e;
    evaluation_start(&e, c->graph);
    for (int i = 0; i < c->input_count; i++)
        evaluation_set(&e, c->inputs[i], c->elements[i]);
    cr_assert(evaluation_run(&e), "%s", e.error);
    for (int i = 0; i < c->graph->output_count; i++) {
        const graph_type *type = &c->graph->values[c->graph->outputs[i]].type;
        results[i].count = graph_type_count(type);
        results[i].elements = malloc((size_t)(results[i].count + 1) * sizeof(double));
        memcpy(results[i].elements, evaluation_get(&e, c->graph->outputs[i]), (size_t)results[i].count * sizeof(double));
    }
    evaluation_finish(&e);
}

static void assert_close(const char *name, int64_t i, double before, double after, double tolerance)
{
    if (isnan(before) || isinf(before)) {
        cr_assert(isnan(before) ? isnan(after) : before == after, "%s[%lld]: %g became %g", name, (long long)i, before, after);
        return;
    }
    cr_assert_leq(fabs(before - after), tolerance * (1 + fabs(before)), "%s[%lld]: %.9g became %.9g", name, (long long)i, before,
                  after);
}

void graph_case_assert_kept(graph_case *c, socle_status (*pass)(socle_graph *graph), double tolerance)
{
    const int outputs = c->graph->output_count;
    result *before = calloc((size_t)outputs, sizeof(*before)), *after = calloc((size_t)outputs, sizeof(*after));
    cr_assert_eq(graph_validate(c->graph), SOCLE_OK, "%s", socle_error_message());
    evaluate(c, before);
    cr_assert_eq(pass(c->graph), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(graph_validate(c->graph), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(c->graph->output_count, outputs);
    evaluate(c, after);
    for (int k = 0; k < outputs; k++) {
        cr_assert_eq(before[k].count, after[k].count, "%s has another number of elements", c->graph->output_names[k]);
        for (int64_t i = 0; i < before[k].count; i++)
            assert_close(c->graph->output_names[k], i, before[k].elements[i], after[k].elements[i], tolerance);
        free(before[k].elements);
        free(after[k].elements);
    }
    free(after);
    free(before);
}
