/* The networks of training_case.h. */
#include "training_case.h"

#include "evaluate.h"

#include <criterion/criterion.h>
#include <string.h>

static float next_value(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) * 0x1p-23f - 1;
}

static socle_value initializer(socle_graph *g, const char *name, int rank, const int64_t *dims, float low, float high,
                               int trainable)
{
    static float content[4096];
    unsigned state = 17 + (unsigned)strlen(name) * 31 + (unsigned char)name[0];
    socle_value value;
    const socle_tensor tensor = socle_tensor_f32(content, rank, dims);
    for (int64_t i = 0; i < socle_tensor_count(&tensor); i++)
        content[i] = low + (high - low) * (next_value(&state) + 1) / 2;
    cr_assert_eq(socle_graph_initializer(g, name, &tensor, trainable, &value), SOCLE_OK, "%s", socle_error_message());
    return value;
}

static socle_value node(socle_graph *g, const char *op, const char *name, const socle_value *inputs, int count,
                        const socle_attribute *attributes, int attribute_count)
{
    socle_value y;
    cr_assert_eq(socle_graph_node(g, op, NULL, name, inputs, count, attributes, attribute_count, &y, 1), SOCLE_OK, "%s",
                 socle_error_message());
    return y;
}

static socle_value dense(socle_graph *g, const char *weight, const char *bias, socle_value x, int64_t units, int64_t features)
{
    const socle_attribute transposed = {.name = "transB", .kind = SOCLE_ATTRIBUTE_INT, .i = 1};
    const socle_value inputs[] = {x, initializer(g, weight, 2, (int64_t[]){units, features}, -0.4f, 0.4f, 1),
                                  initializer(g, bias, 1, (int64_t[]){units}, -0.1f, 0.1f, 1)};
    return node(g, "Gemm", weight, inputs, 3, &transposed, 1);
}

static socle_value mlp(socle_graph *g, socle_value x)
{
    return dense(g, "w2", "b2", socle_graph_unary(g, "Relu", dense(g, "w1", "b1", x, 17, 20)), CASE_CLASSES, 17);
}

static socle_value cnn(socle_graph *g, socle_value x)
{
    const int64_t pads[] = {1, 1, 1, 1}, two[] = {2, 2};
    const socle_attribute padded = {.name = "pads", .kind = SOCLE_ATTRIBUTE_INTS, .ints = pads, .count = 4};
    const socle_attribute pool[] = {{.name = "kernel_shape", .kind = SOCLE_ATTRIBUTE_INTS, .ints = two, .count = 2},
                                    {.name = "strides", .kind = SOCLE_ATTRIBUTE_INTS, .ints = two, .count = 2}};
    const socle_value conv[] = {x, initializer(g, "kernel", 4, (int64_t[]){5, 2, 3, 3}, -0.4f, 0.4f, 1),
                                initializer(g, "kernel_bias", 1, (int64_t[]){5}, -0.1f, 0.1f, 1)};
    const socle_value norm[] = {
        node(g, "Conv", "conv", conv, 3, &padded, 1), initializer(g, "scale", 1, (int64_t[]){5}, 0.8f, 1.2f, 1),
        initializer(g, "shift", 1, (int64_t[]){5}, -0.1f, 0.1f, 1), initializer(g, "running_mean", 1, (int64_t[]){5}, 0, 0, 0),
        initializer(g, "running_variance", 1, (int64_t[]){5}, 1, 1, 0)};
    const socle_value h = socle_graph_unary(g, "Relu", node(g, "BatchNormalization", "norm", norm, 5, NULL, 0));
    const socle_value pooled = node(g, "MaxPool", "pool", &h, 1, pool, 2);
    return dense(g, "w", "b", socle_graph_unary(g, "Flatten", pooled), CASE_CLASSES, 45);
}

static socle_value dropout(socle_graph *g, socle_value x)
{
    const socle_value norm[] = {dense(g, "w1", "b1", x, 24, 20), initializer(g, "scale", 1, (int64_t[]){24}, 0.8f, 1.2f, 1),
                                initializer(g, "shift", 1, (int64_t[]){24}, -0.1f, 0.1f, 1)};
    const socle_value h = socle_graph_unary(g, "Tanh", node(g, "LayerNormalization", "norm", norm, 3, NULL, 0));
    return dense(g, "w2", "b2", node(g, "Dropout", "drop", &h, 1, NULL, 0), CASE_CLASSES, 24);
}

void training_case_start(training_case *c, training_network network)
{
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    const char *const symbols[] = {"batch", NULL, NULL, NULL};
    socle_graph *g = NULL;
    socle_value x;
    unsigned state = 99;
    *c = (training_case){.live_before = memory_live_count(), .network = network, .features = network == NETWORK_CNN ? 72 : 20};
    options.cache_dir = "";
    cr_assert_eq(socle_context_create(&options, &c->context), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_graph_create(c->context, "case", &g), SOCLE_OK);
    cr_assert_eq(socle_graph_input(g, "x", SOCLE_FLOAT32, network == NETWORK_CNN ? 4 : 2,
                                   network == NETWORK_CNN ? (int64_t[]){-1, 2, 6, 6} : (int64_t[]){-1, 20}, symbols, &x),
                 SOCLE_OK);
    const socle_value y = network == NETWORK_MLP ? mlp(g, x) : network == NETWORK_CNN ? cnn(g, x) : dropout(g, x);
    cr_assert_eq(socle_graph_output(g, y, "y"), SOCLE_OK);
    cr_assert_eq(socle_model_create(c->context, g, &c->model), SOCLE_OK, "%s", socle_error_message());
    for (int b = 0; b < CASE_STEPS; b++) {
        for (int64_t i = 0; i < CASE_ROWS * c->features; i++)
            c->x[b][i] = next_value(&state);
        for (int i = 0; i < CASE_ROWS; i++)
            c->labels[b][i] = c->x[b][i * c->features] > 0 ? (i + b) % 2 : 2 + c->x[b][i * c->features + 1] / 4 > 2;
    }
}

void training_case_finish(training_case *c)
{
    socle_model_destroy(c->model);
    socle_context_destroy(c->context);
    cr_assert_eq(memory_live_count(), c->live_before, "%lld allocations are left",
                 (long long)(memory_live_count() - c->live_before));
}

const char *training_case_name(training_network network)
{
    static const char *const names[] = {"mlp", "cnn", "dropout"};
    return names[network];
}

socle_tensor training_case_inputs(training_case *c, int batch, int64_t rows)
{
    return c->network == NETWORK_CNN ? socle_tensor_f32(c->x[batch], 4, (int64_t[]){rows, 2, 6, 6})
                                     : socle_tensor_f32(c->x[batch], 2, (int64_t[]){rows, c->features});
}

socle_tensor training_case_labels(training_case *c, int batch, int64_t rows)
{
    return socle_tensor_i64(c->labels[batch], 1, (int64_t[]){rows});
}

socle_trainer_options training_case_options(void)
{
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    options.batch = CASE_ROWS;
    options.lr = 0.1;
    options.momentum = 0.9;
    options.budget_s = 0;
    options.deterministic = 1;
    options.seed = 5;
    return options;
}

double training_case_step(training_case *c, socle_trainer *trainer, int batch, int64_t rows)
{
    const socle_tensor x = training_case_inputs(c, batch, rows), labels = training_case_labels(c, batch, rows);
    double loss = -1;
    cr_assert_eq(socle_trainer_step(trainer, &x, 1, &labels, &loss), SOCLE_OK, "%s", socle_error_message());
    return loss;
}

/* ---- trainers ---- */

socle_trainer *training_case_open(training_case *c, const socle_trainer_options *options)
{
    socle_trainer *trainer = NULL;
    cr_assert_eq(socle_trainer_create(c->context, c->model, options, &trainer), SOCLE_OK, "%s", socle_error_message());
    return trainer;
}

const trainer_state *training_case_state(const socle_trainer *t, const char *name)
{
    for (int i = 0; i < t->state_count; i++)
        if (strcmp(t->states[i].name, name) == 0)
            return &t->states[i];
    cr_assert_fail("no state '%s'", name);
    return NULL;
}

void training_case_read(socle_trainer *t, const char *name, float *to)
{
    cr_assert_eq(trainer_drain(t), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(trainer_state_read(t, training_case_state(t, name), to), SOCLE_OK, "%s", socle_error_message());
}

/* Moves the trainer to these devices with these shares, as socle_trainer_create does with what measured fastest. */
void training_case_place(socle_trainer *t, int count, socle_device *const *devices, const double *shares)
{
    placement *chosen = placement_add(t->plan);
    cr_assert_not_null(chosen);
    chosen->device_count = count;
    for (int i = 0; i < count; i++) {
        chosen->devices[i] = devices[i];
        chosen->share[i] = shares[i];
    }
    cr_assert(placement_split_rows(t->options.batch, shares, count, chosen->rows));
    cr_assert_eq(placement_name(chosen), SOCLE_OK);
    cr_assert_eq(trainer_place(t, chosen), SOCLE_OK, "%s", socle_error_message());
}

/* On the first of the devices alone: masks of dropout depend on how rows are shared out. */
socle_trainer *training_case_open_alone(training_case *c, const socle_trainer_options *options)
{
    socle_trainer *t = training_case_open(c, options);
    socle_device *device = t->devices[0]->parent != NULL ? t->devices[0]->parent : t->devices[0];
    if (t->device_count > 1)
        training_case_place(t, 1, &device, (const double[]){1});
    return t;
}

/* ---- the oracle ---- */

static void set(evaluation *e, const char *name, double value)
{
    const value_id input = graph_find_value(e->graph, name);
    if (input != GRAPH_NONE)
        evaluation_set(e, input, &value);
}

/* The inputs of a step as the trainer fills them: its own counters, not its arithmetic, are used here. */
static void set_step(const training_case *c, evaluation *e, socle_trainer *counters, int batch)
{
    double x[CASE_ROWS * CASE_MAX_FEATURES], labels[CASE_ROWS];
    pending_step step = {0};
    for (int64_t i = 0; i < CASE_ROWS * c->features; i++)
        x[i] = c->x[batch][i];
    for (int i = 0; i < CASE_ROWS; i++)
        labels[i] = (double)c->labels[batch][i];
    evaluation_set(e, graph_find_value(e->graph, "x"), x);
    evaluation_set(e, graph_find_value(e->graph, "labels"), labels);
    trainer_fill_hyper(counters, CASE_ROWS, &step);
    for (int i = 0; i < HYPER_COUNT; i++)
        set(e, graph_hyper_names[i], step.hyper[i]);
    set(e, "socle.seed", step.seed[0]);
    trainer_count(counters, CASE_ROWS);
}

void training_case_expected(training_case *c, const socle_trainer_options *options, double *losses, const char *weight,
                            double *weights, int64_t *count)
{
    socle_graph *graph = NULL;
    value_id loss, *trained = NULL, *gradients = NULL;
    int trained_count;
    socle_trainer *counters = memory_alloc(sizeof(*counters));
    counters->options = *options;
    counters->device_count = 1;
    cr_assert_eq(graph_clone(c->model->graph, true, &graph), SOCLE_OK);
    cr_assert_eq(graph_bind_shapes(graph, NULL, 0, CASE_ROWS), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(graph_make_training(graph, options, &loss, &trained, &gradients, &trained_count), SOCLE_OK, "%s",
                 socle_error_message());
    cr_assert_eq(graph_add_optimizer(graph, options, trained, gradients, trained_count), SOCLE_OK, "%s", socle_error_message());
    evaluation e;
    evaluation_start(&e, graph);
    for (int i = 0; i < CASE_STEPS; i++) {
        set_step(c, &e, counters, i);
        cr_assert(evaluation_run(&e), "%s", e.error);
        losses[i] = evaluation_get(&e, loss)[0];
        evaluation_update(&e);
    }
    const value_id value = graph_find_value(graph, weight);
    *count = graph_type_count(&graph->values[value].type);
    memcpy(weights, evaluation_get(&e, value), (size_t)*count * sizeof(double));
    evaluation_finish(&e);
    memory_free(trained);
    memory_free(gradients);
    memory_free(counters);
    socle_graph_destroy(graph);
}
