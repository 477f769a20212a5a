/* Random graphs through device plans on every device, against the float64 oracle: fusion, views, writing in place, the arena,
 * states and their updates. SOCLE_TEST_SEED=N runs graph N alone and shows it; SOCLE_TEST_ALL=1 runs many. */
#include "evaluate.h"
#include "on_devices.h"
#include "random_graph.h"
#include "run/run.h"

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 3, DEFAULT_GRAPHS = 8, DEFAULT_STEPS = 4, MANY = 300 };
/* Of 1 + the largest magnitude: rounding grows along a chain, more so in gradients; faults of a plan are no rounding. */
#define TOLERANCE 2e-4
#define TRAINING_TOLERANCE 2e-3

typedef struct graph_run {
    socle_graph *graph;
    uint32_t seed;
    executor *executor;
    evaluation oracle;
    float **inputs, **outputs;
    const char *device;
    double tolerance;
} graph_run;

static void **make_room(const socle_graph *graph, const value_id *values, int count)
{
    void **room = calloc((size_t)count + 1, sizeof(*room));
    for (int i = 0; i < count; i++)
        room[i] = calloc((size_t)graph_type_count(&graph->values[values[i]].type) + 1, sizeof(float));
    return room;
}

static void free_room(void *room, int count)
{
    for (int i = 0; i < count; i++)
        free(((void **)room)[i]);
    free(room);
}

static void set_inputs(graph_run *r, uint32_t *random)
{
    for (int i = 0; i < r->graph->input_count; i++) {
        const graph_value *input = &r->graph->values[r->graph->inputs[i]];
        const int64_t count = graph_type_count(&input->type);
        const bool is_rate = strcmp(input->name, graph_hyper_names[HYPER_LR]) == 0;
        double *wide = malloc((size_t)(count + 1) * sizeof(*wide));
        for (int64_t k = 0; k < count; k++)
            wide[k] = r->inputs[i][k] = (float)(is_rate ? 0.001 : random_graph_number(random, -1, 1));
        evaluation_set(&r->oracle, r->graph->inputs[i], wide);
        free(wide);
    }
}

static bool compare(const graph_run *r, int run, const char *name, const float *got, const double *wanted, int64_t count)
{
    double largest = 0;
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(wanted[i]));
    for (int64_t i = 0; i < count; i++) {
        const bool same = fabs(got[i] - wanted[i]) <= r->tolerance * (1 + largest);
        cr_expect(same,
                  "graph %u on %s, run %d: %s[%lld] is %.9g, not %.9g; to repeat: SOCLE_TEST_SEED=%u "
                  "test_conformance_graphs --verbose=1",
                  r->seed, r->device, run, name, (long long)i, (double)got[i], wanted[i], r->seed);
        if (!same)
            return false;
    }
    return true;
}

static bool compare_all(const graph_run *r, int run)
{
    bool same = true;
    for (int i = 0; i < r->graph->output_count && same; i++) {
        const value_id v = r->graph->outputs[i];
        same = compare(r, run, r->graph->output_names[i], r->outputs[i], evaluation_get(&r->oracle, v),
                       graph_type_count(&r->graph->values[v].type));
    }
    return same;
}

static bool compare_states(const graph_run *r, int run)
{
    bool same = true;
    for (int i = 0; i < r->graph->update_count && same; i++) {
        const graph_value *state = &r->graph->values[r->graph->updates[i].state];
        const size_t size_bytes = graph_type_bytes(&state->type);
        float *got = malloc(size_bytes);
        cr_assert_eq(executor_state_read(r->executor, state->name, got, size_bytes), SOCLE_OK, "%s", socle_error_message());
        same = compare(r, run, state->name, got, evaluation_get(&r->oracle, r->graph->updates[i].state),
                       graph_type_count(&state->type));
        free(got);
    }
    return same;
}

static void run_all(graph_run *r)
{
    uint32_t random = r->seed + 77;
    bool same = true;
    for (int run = 0; run < RUNS && same; run++) {
        set_inputs(r, &random);
        cr_assert(evaluation_run(&r->oracle), "graph %u: %s", r->seed, r->oracle.error);
        const socle_status status = executor_run(r->executor, (const void *const *)r->inputs, (void *const *)r->outputs);
        cr_assert_eq(status, SOCLE_OK, "graph %u on %s: %s", r->seed, r->device, socle_error_message());
        same = compare_all(r, run);
        evaluation_update(&r->oracle);
        same = same && compare_states(r, run);
    }
}

/* Takes the graph. */
static void run_graph(socle_device *device, uint32_t seed, socle_graph *graph, double tolerance)
{
    graph_run r = {.graph = graph, .seed = seed, .tolerance = tolerance};
    const device_plan_options options = {.training = r.graph->update_count > 0, .compact = seed % 5 == 4};
    device_plan *plan = NULL;
    socle_graph *copy = NULL;
    r.device = socle_device_get_info(device)->id;
    if (getenv("SOCLE_TEST_SEED") != NULL) {
        char *text = random_graph_text(r.graph);
        cr_log_info("%s", text);
        memory_free(text);
    }
    cr_assert_eq(graph_clone(r.graph, true, &copy), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(graph_bind_shapes(copy, NULL, 0, 1), SOCLE_OK, "graph %u: %s", seed, socle_error_message());
    socle_status status = device_plan_create(device, copy, &options, &plan);
    cr_assert_eq(status, SOCLE_OK, "graph %u on %s: %s", seed, r.device, socle_error_message());
    status = executor_create(plan, &r.executor);
    cr_assert_eq(status, SOCLE_OK, "graph %u on %s: %s", seed, r.device, socle_error_message());
    r.inputs = (float **)make_room(r.graph, r.graph->inputs, r.graph->input_count);
    r.outputs = (float **)make_room(r.graph, r.graph->outputs, r.graph->output_count);
    evaluation_start(&r.oracle, r.graph);
    run_all(&r);
    evaluation_finish(&r.oracle);
    free_room(r.outputs, r.graph->output_count);
    free_room(r.inputs, r.graph->input_count);
    executor_destroy(r.executor);
    socle_graph_destroy(r.graph);
}

static int nodes_of(uint32_t seed)
{
    return 6 + (int)(seed % 13);
}

/* One step: forward, loss, backward, momentum and update. Labels are as random as the other inputs. */
static socle_graph *make_step(uint32_t seed)
{
    socle_graph *graph = random_graph_create_trainable(seed, nodes_of(seed));
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    value_id loss, *weights = NULL, *gradients = NULL;
    int count = 0;
    options.loss = SOCLE_LOSS_MSE;
    options.momentum = 0.9;
    options.check_finite = 0;
    cr_assert_eq(graph_bind_shapes(graph, NULL, 0, 1), SOCLE_OK, "graph %u: %s", seed, socle_error_message());
    socle_status status = graph_make_training(graph, &options, &loss, &weights, &gradients, &count);
    if (status == SOCLE_OK)
        status = graph_add_optimizer(graph, &options, weights, gradients, count);
    cr_assert_eq(status, SOCLE_OK, "graph %u: %s", seed, socle_error_message());
    memory_free(gradients);
    memory_free(weights);
    return graph;
}

static void run_seeds(socle_device *device, bool training)
{
    const char *one = getenv("SOCLE_TEST_SEED");
    const uint32_t first = one != NULL ? (uint32_t)strtoul(one, NULL, 10) : 0;
    const uint32_t few = training ? DEFAULT_STEPS : DEFAULT_GRAPHS;
    const uint32_t count = one != NULL ? 1 : (getenv("SOCLE_TEST_ALL") != NULL ? MANY : few);
    for (uint32_t seed = first; seed < first + count; seed++) {
        if (training)
            run_graph(device, seed, make_step(seed), TRAINING_TOLERANCE);
        else
            run_graph(device, seed, random_graph_create(seed, nodes_of(seed)), TOLERANCE);
    }
}

/* Each state becomes the next one of its ring; a free one follows, and an output needs what they were before. */
static socle_graph *make_rings(void)
{
    static const int next[] = {1, 0, 3, 4, 2, 0};
    enum { STATES = COUNT_OF(next), WIDTH = 37 };
    const graph_type type = {.dtype = SOCLE_FLOAT32, .rank = 1, .dims = {WIDTH}};
    value_id states[STATES], sum = GRAPH_NONE;
    socle_graph *graph = NULL;
    cr_assert_eq(socle_graph_create(NULL, "rings", &graph), SOCLE_OK, "%s", socle_error_message());
    for (int i = 0; i < STATES; i++) {
        float content[WIDTH];
        char name[16];
        for (int k = 0; k < WIDTH; k++)
            content[k] = (float)(i * 100 + k);
        snprintf(name, sizeof(name), "state%d", i);
        states[i] = graph_add_state(graph, name, &type, content, true);
        sum = i == 0 ? states[0] : graph_binary(graph, "Sub", states[i], sum);
        cr_assert_neq(sum, GRAPH_NONE, "%s", socle_error_message());
    }
    for (int i = 0; i < STATES; i++)
        cr_assert_eq(graph_add_update(graph, states[i], states[next[i]]), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(graph_add_output(graph, sum, "sum"), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(graph_add_output(graph, states[2], "old"), SOCLE_OK, "%s", socle_error_message());
    return graph;
}

static void turn(socle_device *device)
{
    run_graph(device, 0, make_rings(), 0);
}

Test(graphs, states_change_places)
{
    test_on_devices(turn);
}

/* Convolutions of one image, added up. */
static socle_graph *make_sum(void)
{
    enum { TERMS = 4 };
    const graph_type image = {.dtype = SOCLE_FLOAT32, .rank = 4, .dims = {1, 8, 9, 7}};
    const graph_type filters = {.dtype = SOCLE_FLOAT32, .rank = 4, .dims = {16, 8, 3, 3}};
    const int64_t pads[] = {1, 1, 1, 1};
    const socle_attribute attributes[] = {ATTRIBUTE_INTS("pads", pads, 4)};
    socle_graph *graph = NULL;
    cr_assert_eq(socle_graph_create(NULL, "sum", &graph), SOCLE_OK, "%s", socle_error_message());
    const value_id x = graph_add_input(graph, "x", &image);
    value_id sum = GRAPH_NONE;
    for (int i = 0; i < TERMS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "w%d", i);
        const value_id inputs[] = {x, graph_add_input(graph, name, &filters)};
        const value_id y = graph_add(graph, "", "Conv", inputs, 2, attributes, 1, 1);
        sum = i == 0 ? y : graph_binary(graph, "Add", sum, y);
        cr_assert_neq(sum, GRAPH_NONE, "%s", socle_error_message());
    }
    cr_assert_eq(graph_add_output(graph, sum, "sum"), SOCLE_OK, "%s", socle_error_message());
    return graph;
}

/* Each convolution adds the sum of those before it: no step waits for all of them and reads them again. */
static void add_up(socle_device *device)
{
    const device_plan_options options = {0};
    device_plan *plan = NULL;
    cr_assert_eq(device_plan_create(device, make_sum(), &options, &plan), SOCLE_OK, "%s", socle_error_message());
    for (int i = 0; i < plan->steps.count; i++) {
        const char *operators = plan->steps.items[i].operators, *add = operators != NULL ? strstr(operators, "Add") : NULL;
        cr_expect(add == NULL || strstr(add + 1, "Add") == NULL, "step %d on %s: %s", i, socle_device_get_info(device)->id,
                  operators);
    }
    device_plan_destroy(plan);
    run_graph(device, 0, make_sum(), TOLERANCE);
}

Test(graphs, sums_of_convolutions_are_added_to_by_each)
{
    test_on_devices(add_up);
}

static void answer(socle_device *device)
{
    run_seeds(device, false);
}

static void train(socle_device *device)
{
    run_seeds(device, true);
}

Test(graphs, random_graphs_are_computed_as_by_the_oracle_on_every_device)
{
    test_on_devices(answer);
}

Test(graphs, random_graphs_are_trained_as_by_the_oracle_on_every_device)
{
    test_on_devices(train);
}
