/* Finite differences of gradient_check. */
#include "check_gradient.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#define STEP 1e-5
#define TOLERANCE 2e-6

void check_start(gradient_check *c)
{
    *c = (gradient_check){.random = 12345};
    cr_assert_eq(socle_graph_create(NULL, "check", &c->graph), SOCLE_OK, "%s", socle_error_message());
}

void check_finish(gradient_check *c)
{
    for (int i = 0; i < c->input_count; i++)
        free(c->elements[i]);
    socle_graph_destroy(c->graph);
}

double check_random(gradient_check *c, double low, double high)
{
    c->random = c->random * 1664525u + 1013904223u;
    return low + (high - low) * (double)(c->random >> 8) * 0x1p-24;
}

static graph_type type_of(socle_dtype dtype, int rank, const int64_t *dims)
{
    graph_type type = {.dtype = dtype, .rank = rank};
    for (int i = 0; i < rank; i++)
        type.dims[i] = dims[i];
    return type;
}

value_id check_input(gradient_check *c, double low, double high, int rank, const int64_t *dims)
{
    const graph_type type = type_of(SOCLE_FLOAT32, rank, dims);
    const value_id value = graph_add_input(c->graph, NULL, &type);
    const int64_t count = graph_type_count(&type);
    double *elements = malloc((size_t)(count + 1) * sizeof(*elements));
    cr_assert(value != GRAPH_NONE, "%s", socle_error_message());
    for (int64_t i = 0; i < count; i++)
        do
            elements[i] = check_random(c, low, high);
        while (fabs(elements[i] * 8 - nearbyint(elements[i] * 8)) < 0.01);
    c->inputs[c->input_count] = value;
    c->elements[c->input_count++] = elements;
    return value;
}

value_id check_ints(gradient_check *c, const int64_t *elements, int rank, const int64_t *dims)
{
    const graph_type type = type_of(SOCLE_INT64, rank, dims);
    const value_id value = graph_add_constant(c->graph, NULL, &type, elements, true);
    cr_assert(value != GRAPH_NONE, "%s", socle_error_message());
    return value;
}

value_id check_floats(gradient_check *c, const float *elements, int rank, const int64_t *dims)
{
    const graph_type type = type_of(SOCLE_FLOAT32, rank, dims);
    const value_id value = graph_add_constant(c->graph, NULL, &type, elements, true);
    cr_assert(value != GRAPH_NONE, "%s", socle_error_message());
    return value;
}

/* ---- numbers ---- */

/* sum(weights * value) with random weights. */
static value_id weigh(gradient_check *c, value_id value)
{
    const graph_type type = c->graph->values[value].type;
    const int64_t count = graph_type_count(&type);
    float *weights = malloc((size_t)(count + 1) * sizeof(*weights));
    for (int64_t i = 0; i < count; i++)
        weights[i] = (float)check_random(c, -1, 1);
    const value_id constant = graph_add_constant(c->graph, NULL, &type, weights, true);
    free(weights);
    value_id sum = graph_binary(c->graph, "Mul", value, constant);
    if (type.rank > 0) {
        const socle_attribute flat = ATTRIBUTE_INT("keepdims", 0);
        sum = graph_add(c->graph, "", "ReduceSum", &sum, 1, &flat, 1, 1);
    }
    cr_assert(sum != GRAPH_NONE, "%s", socle_error_message());
    return sum;
}

static void set_inputs(const gradient_check *c, evaluation *e)
{
    for (int i = 0; i < c->input_count; i++)
        evaluation_set(e, c->inputs[i], c->elements[i]);
}

static double run(evaluation *e, value_id loss)
{
    cr_assert(evaluation_run(e), "%s", e->error);
    return evaluation_get(e, loss)[0];
}

static void compare(gradient_check *c, evaluation *e, value_id loss, int input, const double *gradient)
{
    const int64_t count = graph_type_count(&c->graph->values[c->inputs[input]].type);
    for (int64_t i = 0; i < count; i++) {
        double *element = &c->elements[input][i];
        const double middle = *element;
        *element = middle + STEP;
        evaluation_set(e, c->inputs[input], c->elements[input]);
        const double above = run(e, loss);
        *element = middle - STEP;
        evaluation_set(e, c->inputs[input], c->elements[input]);
        const double below = run(e, loss);
        *element = middle;
        const double expected = (above - below) / (2 * STEP);
        cr_assert(fabs(gradient[i] - expected) <= TOLERANCE * (1 + fabs(expected)),
                  "input %d, element %lld: the gradient is %.9g, finite differences say %.9g", input, (long long)i, gradient[i],
                  expected);
    }
    evaluation_set(e, c->inputs[input], c->elements[input]);
}

/* Keeps only the nodes that the loss needs would be faster; the graphs here are small. */
static void check_loss(gradient_check *c, value_id loss, value_id *gradients)
{
    cr_assert_eq(graph_differentiate(c->graph, loss, c->inputs, c->input_count, gradients), SOCLE_OK, "%s",
                 socle_error_message());
    cr_assert_eq(graph_validate(c->graph), SOCLE_OK, "%s", socle_error_message());
    evaluation e;
    evaluation_start(&e, c->graph);
    set_inputs(c, &e);
    run(&e, loss);
    double *made[CHECK_MAX_INPUTS];
    bool flows = false;
    for (int i = 0; i < c->input_count; i++) {
        const graph_type type = c->graph->values[c->inputs[i]].type, given = c->graph->values[gradients[i]].type;
        const int64_t count = graph_type_count(&type);
        cr_assert_eq(given.rank, type.rank);
        cr_assert_eq(graph_type_count(&given), count);
        made[i] = malloc((size_t)(count + 1) * sizeof(double));
        for (int64_t k = 0; k < count; k++) {
            made[i][k] = evaluation_get(&e, gradients[i])[k];
            flows = flows || made[i][k] != 0;
        }
    }
    cr_assert(flows, "every gradient is 0: the case checks nothing");
    for (int i = 0; i < c->input_count; i++) {
        compare(c, &e, loss, i, made[i]);
        free(made[i]);
    }
    evaluation_finish(&e);
}

void check_gradients(gradient_check *c, value_id output)
{
    value_id gradients[CHECK_MAX_INPUTS];
    cr_assert(output != GRAPH_NONE, "%s", socle_error_message());
    check_loss(c, weigh(c, output), gradients);
}

void check_second_gradients(gradient_check *c, value_id output)
{
    value_id gradients[CHECK_MAX_INPUTS], again[CHECK_MAX_INPUTS], sum = GRAPH_NONE;
    cr_assert(output != GRAPH_NONE, "%s", socle_error_message());
    const value_id loss = weigh(c, output);
    cr_assert_eq(graph_differentiate(c->graph, loss, c->inputs, c->input_count, gradients), SOCLE_OK, "%s",
                 socle_error_message());
    for (int i = 0; i < c->input_count; i++) {
        const value_id own = weigh(c, gradients[i]);
        sum = i == 0 ? own : graph_binary(c->graph, "Add", sum, own);
    }
    check_loss(c, sum, again);
}
