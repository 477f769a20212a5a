/* Training graphs: losses, and layers in the form in which they are trained, against plain float64. */
#include "../support/evaluate.h"

#include <socle/trainer.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double next_value(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) * 0x1p-23 - 1;
}

typedef struct network {
    socle_graph *graph;
    value_id x, w;
    int64_t count; /* of x, w and y */
} network;

/* y = x * w, elementwise: dloss/dw = dloss/dy * x. */
static network start_network(int rank, const int64_t *dims, float weight)
{
    network n = {.count = 1};
    graph_type type = {SOCLE_FLOAT32, rank, {0}};
    for (int i = 0; i < rank; i++) {
        type.dims[i] = dims[i];
        n.count *= dims[i];
    }
    float *weights = malloc((size_t)n.count * sizeof(float));
    for (int64_t i = 0; i < n.count; i++)
        weights[i] = weight;
    cr_assert_eq(socle_graph_create(NULL, "network", &n.graph), SOCLE_OK);
    n.x = graph_add_input(n.graph, "x", &type);
    n.w = graph_add_constant(n.graph, "w", &type, weights, true);
    n.graph->values[n.w].trainable = true;
    free(weights);
    return n;
}

typedef struct trained {
    value_id loss, *weights, *gradients;
    int count;
} trained;

static trained train(network *n, value_id y, socle_loss loss)
{
    trained t;
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    options.loss = loss;
    cr_assert_eq(graph_add_output(n->graph, y, "y"), SOCLE_OK);
    cr_assert_eq(graph_make_training(n->graph, &options, &t.loss, &t.weights, &t.gradients, &t.count), SOCLE_OK, "%s",
                 socle_error_message());
    cr_assert_eq(graph_validate(n->graph), SOCLE_OK, "%s", socle_error_message());
    return t;
}

static void finish(network *n, trained *t)
{
    memory_free(t->weights);
    memory_free(t->gradients);
    socle_graph_destroy(n->graph);
}

/* ---- losses ---- */

/* Loss and gradients of y = x * 1 against what is expected of them per element. */
static void check_loss(socle_loss kind, int rank, const int64_t *dims, const double *x, const double *labels, double loss,
                       const double *dy)
{
    network n = start_network(rank, dims, 1);
    trained t = train(&n, graph_binary(n.graph, "Mul", n.x, n.w), kind);
    evaluation e;
    evaluation_start(&e, n.graph);
    evaluation_set(&e, n.x, x);
    evaluation_set(&e, graph_find_value(n.graph, "labels"), labels);
    cr_assert(evaluation_run(&e), "%s", e.error);
    cr_assert_float_eq(evaluation_get(&e, t.loss)[0], loss, 1e-6 * (1 + fabs(loss)));
    cr_assert_eq(t.count, 1);
    for (int64_t i = 0; i < n.count; i++)
        cr_assert_float_eq(evaluation_get(&e, t.gradients[0])[i], dy[i] * x[i], 1e-6 * (1 + fabs(dy[i] * x[i])));
    evaluation_finish(&e);
    finish(&n, &t);
}

Test(training_graph, cross_entropy_is_the_mean_over_labels_also_behind_further_dimensions)
{
    enum { N = 2, C = 3, INNER = 4 };
    double x[N * C * INNER], labels[N * INNER], dy[N * C * INNER], loss = 0;
    unsigned state = 3;
    for (int i = 0; i < N * C * INNER; i++)
        x[i] = 3 * next_value(&state);
    for (int i = 0; i < N * INNER; i++) {
        double sum = 0;
        labels[i] = (i * 7) % C;
        for (int c = 0; c < C; c++)
            sum += exp(x[(i / INNER * C + c) * INNER + i % INNER]);
        for (int c = 0; c < C; c++) {
            const int at = (i / INNER * C + c) * INNER + i % INNER;
            dy[at] = (exp(x[at]) / sum - (c == labels[i])) / (N * INNER);
            if (c == labels[i])
                loss -= (x[at] - log(sum)) / (N * INNER);
        }
    }
    check_loss(SOCLE_LOSS_CROSS_ENTROPY, 3, (int64_t[]){N, C, INNER}, x, labels, loss, dy);
}

Test(training_graph, cross_entropy_of_huge_logits_is_finite)
{
    const double x[] = {1000, -1000, 0, -1000, 1000, 999}, labels[] = {1, 1};
    const double p = 1 / (1 + exp(-1.0));
    const double dy[] = {0.5, -0.5, 0, 0, 0.5 * (p - 1), 0.5 * (1 - p)};
    check_loss(SOCLE_LOSS_CROSS_ENTROPY, 2, (int64_t[]){2, 3}, x, labels, 0.5 * (2000 - log(p)), dy);
}

Test(training_graph, mean_squared_error)
{
    const double x[] = {1, 2, 3, 4}, labels[] = {0, 2, 5, 3}, dy[] = {0.5, 0, -1, 0.5};
    check_loss(SOCLE_LOSS_MSE, 2, (int64_t[]){2, 2}, x, labels, (1 + 0 + 4 + 1) / 4.0, dy);
}

Test(training_graph, binary_cross_entropy_takes_logits_of_any_size)
{
    const double x[] = {2, -3, 500, -500}, labels[] = {1, 0.25, 0, 1};
    double dy[4], loss = 0;
    for (int i = 0; i < 4; i++) {
        dy[i] = (1 / (1 + exp(-x[i])) - labels[i]) / 4;
        loss += (fmax(x[i], 0) - x[i] * labels[i] + log1p(exp(-fabs(x[i])))) / 4;
    }
    check_loss(SOCLE_LOSS_BCE, 1, (int64_t[]){4}, x, labels, loss, dy);
}

Test(training_graph, cross_entropy_of_a_vector_is_refused)
{
    network n = start_network(1, (int64_t[]){4}, 1);
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    value_id loss, *weights, *gradients;
    int count;
    cr_assert_eq(graph_add_output(n.graph, graph_binary(n.graph, "Mul", n.x, n.w), "scores"), SOCLE_OK);
    cr_assert_eq(graph_make_training(n.graph, &options, &loss, &weights, &gradients, &count), SOCLE_SHAPE_MISMATCH);
    cr_assert_str_eq(socle_error_message(), "cross entropy needs an output [n, classes, ...]; 'scores' has rank 1");
    socle_graph_destroy(n.graph);
}

Test(training_graph, a_network_without_weights_is_refused)
{
    network n = start_network(2, (int64_t[]){2, 2}, 1);
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    value_id loss, *weights, *gradients;
    int count;
    cr_assert_eq(graph_add_output(n.graph, graph_unary(n.graph, "Tanh", n.x), "scores"), SOCLE_OK);
    cr_assert_eq(graph_make_training(n.graph, &options, &loss, &weights, &gradients, &count), SOCLE_INVALID_ARGUMENT);
    cr_assert_str_eq(socle_error_message(), "nothing to train: output 'scores' depends on no trainable weight");
    socle_graph_destroy(n.graph);
}

/* ---- layers ---- */

static value_id constant(network *n, const char *name, int64_t count, float content)
{
    const graph_type type = {SOCLE_FLOAT32, 1, {count}};
    float contents[8];
    for (int64_t i = 0; i < count; i++)
        contents[i] = content;
    return graph_add_constant(n->graph, name, &type, contents, true);
}

Test(training_graph, batch_normalization_takes_the_batchs_statistics_and_updates_the_running_ones)
{
    enum { N = 4, C = 2, INNER = 3 };
    network n = start_network(3, (int64_t[]){N, C, INNER}, 1);
    const socle_attribute momentum = ATTRIBUTE_FLOAT("momentum", 0.75);
    const value_id product = graph_binary(n.graph, "Mul", n.x, n.w);
    const value_id inputs[] = {product, constant(&n, "scale", C, 1), constant(&n, "bias", C, 0), constant(&n, "mean", C, 0.5f),
                               constant(&n, "variance", C, 2)};
    const value_id y = graph_add(n.graph, "", "BatchNormalization", inputs, 5, &momentum, 1, 1);
    const char *const name = "normalized";
    cr_assert_eq(graph_rename_value(n.graph, y, name), SOCLE_OK);
    trained t = train(&n, y, SOCLE_LOSS_MSE);
    cr_assert_eq(n.graph->update_count, 2);
    double x[N * C * INNER], labels[N * C * INNER] = {0};
    unsigned state = 5;
    for (int i = 0; i < N * C * INNER; i++)
        x[i] = next_value(&state);
    evaluation e;
    evaluation_start(&e, n.graph);
    evaluation_set(&e, n.x, x);
    evaluation_set(&e, graph_find_value(n.graph, "labels"), labels);
    cr_assert(evaluation_run(&e), "%s", e.error);
    const value_id trained_y = graph_find_value(n.graph, name);
    evaluation_update(&e);
    for (int c = 0; c < C; c++) {
        double mean = 0, variance = 0;
        for (int i = 0; i < N * INNER; i++)
            mean += x[(i / INNER * C + c) * INNER + i % INNER] / (N * INNER);
        for (int i = 0; i < N * INNER; i++)
            variance += pow(x[(i / INNER * C + c) * INNER + i % INNER] - mean, 2) / (N * INNER);
        cr_assert_float_eq(evaluation_get(&e, inputs[3])[c], 0.75 * 0.5 + 0.25 * mean, 1e-6);
        cr_assert_float_eq(evaluation_get(&e, inputs[4])[c], 0.75 * 2 + 0.25 * variance, 1e-6);
        cr_assert_float_eq(evaluation_get(&e, trained_y)[c * INNER], (x[c * INNER] - mean) / sqrt(variance + 1e-5), 1e-6);
    }
    evaluation_finish(&e);
    finish(&n, &t);
}

Test(training_graph, running_statistics_are_no_weights)
{
    network n = start_network(2, (int64_t[]){4, 2}, 1);
    const value_id inputs[] = {graph_binary(n.graph, "Mul", n.x, n.w), constant(&n, "scale", 2, 1), constant(&n, "bias", 2, 0),
                               constant(&n, "mean", 2, 0), constant(&n, "variance", 2, 1)};
    for (int i = 1; i < 5; i++)
        n.graph->values[inputs[i]].trainable = true; /* a file does not say which initializers are which */
    trained t = train(&n, graph_add(n.graph, "", "BatchNormalization", inputs, 5, NULL, 0, 1), SOCLE_LOSS_MSE);
    cr_assert_eq(t.count, 3);
    for (int i = 0; i < t.count; i++)
        cr_assert(t.weights[i] != inputs[3] && t.weights[i] != inputs[4]);
    finish(&n, &t);
}

Test(training_graph, dropout_scales_what_it_keeps_and_depends_on_the_seed)
{
    enum { COUNT = 4000 };
    network n = start_network(2, (int64_t[]){4, COUNT / 4}, 1);
    const value_id ratio = graph_constant_scalar(n.graph, SOCLE_FLOAT32, 0.25);
    const value_id inputs[] = {graph_binary(n.graph, "Mul", n.x, n.w), ratio};
    const value_id y = graph_add(n.graph, "", "Dropout", inputs, 2, NULL, 0, 1);
    cr_assert_eq(graph_rename_value(n.graph, y, "dropped"), SOCLE_OK);
    trained t = train(&n, y, SOCLE_LOSS_MSE);
    double *x = malloc(COUNT * sizeof(double)), *labels = calloc(COUNT, sizeof(double)), *first = malloc(COUNT * sizeof(double));
    for (int i = 0; i < COUNT; i++)
        x[i] = 1;
    evaluation e;
    evaluation_start(&e, n.graph);
    evaluation_set(&e, n.x, x);
    evaluation_set(&e, graph_find_value(n.graph, "labels"), labels);
    for (int seed = 1; seed <= 2; seed++) {
        const double content = seed;
        int kept = 0, equal = 0;
        evaluation_set(&e, graph_find_value(n.graph, "socle.seed"), &content);
        cr_assert(evaluation_run(&e), "%s", e.error);
        const double *dropped = evaluation_get(&e, graph_find_value(n.graph, "dropped"));
        for (int i = 0; i < COUNT; i++) {
            cr_assert(dropped[i] == 0 || fabs(dropped[i] - 1 / 0.75) < 1e-6);
            kept += dropped[i] != 0;
            equal += seed == 2 && (dropped[i] != 0) == (first[i] != 0);
            /* the loss is mean(y^2): its gradient goes where the value went */
            cr_assert_float_eq(evaluation_get(&e, t.gradients[0])[i], 2 * dropped[i] * dropped[i] / COUNT, 1e-6);
            if (seed == 1)
                first[i] = dropped[i];
        }
        cr_assert(abs(kept - COUNT * 3 / 4) < 150, "%d of %d are kept", kept, COUNT);
        if (seed == 2)
            cr_assert(abs(equal - COUNT * 5 / 8) < 200, "masks of two seeds agree in %d of %d places", equal, COUNT);
    }
    evaluation_finish(&e);
    free(x);
    free(labels);
    free(first);
    finish(&n, &t);
}

Test(training_graph, the_gradient_of_layer_normalization_is_one_operator)
{
    network n = start_network(2, (int64_t[]){3, 4}, 1);
    const value_id inputs[] = {graph_binary(n.graph, "Mul", n.x, n.w), constant(&n, "scale", 4, 1)};
    trained t = train(&n, graph_add(n.graph, "", "LayerNormalization", inputs, 2, NULL, 0, 1), SOCLE_LOSS_MSE);
    int found = 0, sums = 0;
    for (int i = 0; i < n.graph->node_count; i++) {
        const graph_node *node = &n.graph->nodes[i];
        found += node->op != NULL && strcmp(node->op->name, "NormalizeGrad") == 0;
        sums += node->op != NULL && strcmp(node->op->name, "ReduceMean") == 0;
    }
    cr_assert_eq(found, 1);
    cr_assert_eq(sums, 0, "a mean is composed beside it");
    finish(&n, &t);
}
