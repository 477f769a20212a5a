/* Optimizers as graph updates, over several steps, against PyTorch's definitions written down plainly in float64: a linear model
 * with mean squared error, whose gradients are known in closed form. */
#include "../support/evaluate.h"

#include <socle/trainer.h>

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { ROWS = 5, FEATURES = 3, UNITS = 2, WEIGHTS = UNITS * FEATURES, PARAMETERS = WEIGHTS + UNITS, BATCHES = 6 };

typedef struct problem_data {
    double x[BATCHES][ROWS * FEATURES], y[BATCHES][ROWS * UNITS];
    float start[PARAMETERS];
} problem_data;

static double next_value(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) * 0x1p-23 - 1;
}

static void make_data(problem_data *d)
{
    unsigned state = 7;
    for (int b = 0; b < BATCHES; b++) {
        for (int i = 0; i < ROWS * FEATURES; i++)
            d->x[b][i] = next_value(&state);
        for (int i = 0; i < ROWS * UNITS; i++)
            d->y[b][i] = next_value(&state);
    }
    for (int i = 0; i < PARAMETERS; i++)
        d->start[i] = (float)next_value(&state);
}

/* ---- the graph ---- */

static void make_graph(const problem_data *d, const socle_trainer_options *options, socle_graph **out, value_id *w, value_id *b)
{
    const graph_type x_type = {SOCLE_FLOAT32, 2, {ROWS, FEATURES}}, w_type = {SOCLE_FLOAT32, 2, {UNITS, FEATURES}},
                     b_type = {SOCLE_FLOAT32, 1, {UNITS}};
    const socle_attribute transposed = ATTRIBUTE_INT("transB", 1);
    value_id loss, *weights, *gradients;
    int count;
    socle_graph *g;
    cr_assert_eq(socle_graph_create(NULL, "linear", &g), SOCLE_OK);
    const value_id x = graph_add_input(g, "x", &x_type);
    *w = graph_add_constant(g, "w", &w_type, d->start, true);
    *b = graph_add_constant(g, "b", &b_type, d->start + WEIGHTS, true);
    g->values[*w].trainable = g->values[*b].trainable = true;
    const value_id y = graph_add(g, "", "Gemm", (value_id[]){x, *w, *b}, 3, &transposed, 1, 1);
    cr_assert_eq(graph_add_output(g, y, "y"), SOCLE_OK);
    cr_assert_eq(graph_make_training(g, options, &loss, &weights, &gradients, &count), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(count, 2);
    cr_assert_eq(graph_add_optimizer(g, options, weights, gradients, count), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(graph_validate(g), SOCLE_OK, "%s", socle_error_message());
    memory_free(weights);
    memory_free(gradients);
    *out = g;
}

static void set(evaluation *e, const char *name, const double *content)
{
    const value_id value = graph_find_value(e->graph, name);
    if (value != GRAPH_NONE)
        evaluation_set(e, value, content);
}

/* The host's part of a step, as the trainer does it. */
static double run_step(evaluation *e, const problem_data *d, const socle_trainer_options *o, int batch)
{
    const int accumulate = o->accumulate > 1 ? o->accumulate : 1;
    const double t = batch / accumulate + 1, lr = o->lr, c1 = 1 / (1 - pow(o->beta1, t)), c2 = 1 / sqrt(1 - pow(o->beta2, t));
    const double share = 1, scale = 1.0 / (batch % accumulate + 1), update = (batch + 1) % accumulate == 0;
    const double *const hyper[] = {&lr, &c1, &c2, &share, &scale, &update};
    set(e, "x", d->x[batch]);
    set(e, "labels", d->y[batch]);
    for (int i = 0; i < HYPER_COUNT; i++)
        set(e, graph_hyper_names[i], hyper[i]);
    cr_assert(evaluation_run(e), "%s", e->error);
    const double loss = evaluation_get(e, e->graph->outputs[0])[0];
    evaluation_update(e);
    return loss;
}

/* ---- the reference ---- */

typedef struct reference {
    double p[PARAMETERS], first[PARAMETERS], second[PARAMETERS], g[PARAMETERS];
    int64_t steps;
} reference;

/* Mean squared error and its gradients, added to g with this factor. */
static double add_gradients(reference *r, const problem_data *d, int batch, double factor)
{
    double loss = 0;
    for (int n = 0; n < ROWS; n++) {
        for (int u = 0; u < UNITS; u++) {
            double y = r->p[WEIGHTS + u];
            for (int f = 0; f < FEATURES; f++)
                y += r->p[u * FEATURES + f] * d->x[batch][n * FEATURES + f];
            const double error = y - d->y[batch][n * UNITS + u];
            loss += error * error / (ROWS * UNITS);
            for (int f = 0; f < FEATURES; f++)
                r->g[u * FEATURES + f] += factor * 2 * error * d->x[batch][n * FEATURES + f] / (ROWS * UNITS);
            r->g[WEIGHTS + u] += factor * 2 * error / (ROWS * UNITS);
        }
    }
    return loss;
}

static void clip(reference *r, double limit)
{
    double norm = 0;
    for (int i = 0; i < PARAMETERS; i++)
        norm += r->g[i] * r->g[i];
    const double factor = fmin(1, limit / (sqrt(norm) + 1e-6));
    for (int i = 0; i < PARAMETERS; i++)
        r->g[i] *= factor;
}

static void update(reference *r, const socle_trainer_options *o)
{
    r->steps++;
    for (int i = 0; i < PARAMETERS; i++) {
        double g = r->g[i];
        if (o->optimizer == SOCLE_SGD) {
            g += o->weight_decay * r->p[i];
            r->first[i] = o->momentum * r->first[i] + g;
            r->p[i] -= o->lr * (o->nesterov ? g + o->momentum * r->first[i] : r->first[i]);
            continue;
        }
        if (o->optimizer == SOCLE_ADAMW)
            r->p[i] -= o->lr * o->weight_decay * r->p[i];
        else
            g += o->weight_decay * r->p[i];
        r->first[i] = o->beta1 * r->first[i] + (1 - o->beta1) * g;
        r->second[i] = o->beta2 * r->second[i] + (1 - o->beta2) * g * g;
        const double m = r->first[i] / (1 - pow(o->beta1, (double)r->steps)),
                     v = r->second[i] / (1 - pow(o->beta2, (double)r->steps));
        r->p[i] -= o->lr * m / (sqrt(v) + o->epsilon);
    }
    memset(r->g, 0, sizeof(r->g));
}

static void compare(const socle_trainer_options *options)
{
    problem_data d;
    reference r = {.steps = 0};
    evaluation e;
    socle_graph *graph;
    value_id w, b;
    const int accumulate = options->accumulate > 1 ? options->accumulate : 1;
    make_data(&d);
    for (int i = 0; i < PARAMETERS; i++)
        r.p[i] = d.start[i];
    make_graph(&d, options, &graph, &w, &b);
    evaluation_start(&e, graph);
    for (int batch = 0; batch < BATCHES; batch++) {
        const double expected = add_gradients(&r, &d, batch, 1.0 / accumulate);
        const double loss = run_step(&e, &d, options, batch);
        cr_assert_float_eq(loss, expected, 1e-6 * (1 + expected), "loss of batch %d", batch);
        if ((batch + 1) % accumulate != 0)
            continue;
        if (options->clip_norm > 0)
            clip(&r, options->clip_norm);
        update(&r, options);
        for (int i = 0; i < PARAMETERS; i++) {
            const double made = i < WEIGHTS ? evaluation_get(&e, w)[i] : evaluation_get(&e, b)[i - WEIGHTS];
            cr_assert_float_eq(made, r.p[i], 1e-6, "batch %d, parameter %d: %.9g, not %.9g", batch, i, made, r.p[i]);
        }
    }
    evaluation_finish(&e);
    socle_graph_destroy(graph);
}

static socle_trainer_options with(socle_optimizer optimizer)
{
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    options.loss = SOCLE_LOSS_MSE;
    options.optimizer = optimizer;
    options.lr = 0.05;
    return options;
}

Test(training_optimizer, sgd_is_pytorchs)
{
    const socle_trainer_options options = with(SOCLE_SGD);
    compare(&options);
}

Test(training_optimizer, sgd_with_momentum_and_weight_decay_is_pytorchs)
{
    socle_trainer_options options = with(SOCLE_SGD);
    options.momentum = 0.9;
    compare(&options);
    options.weight_decay = 0.1;
    compare(&options);
    options.nesterov = 1;
    compare(&options);
}

Test(training_optimizer, adam_and_adamw_are_pytorchs)
{
    socle_trainer_options options = with(SOCLE_ADAM);
    compare(&options);
    options.weight_decay = 0.1;
    compare(&options);
    options.optimizer = SOCLE_ADAMW;
    compare(&options);
}

Test(training_optimizer, clips_by_the_norm_of_all_gradients)
{
    socle_trainer_options options = with(SOCLE_SGD);
    options.clip_norm = 0.3;
    compare(&options);
    options.clip_norm = 1e6; /* never reached */
    compare(&options);
}

Test(training_optimizer, accumulated_batches_update_once_by_their_mean)
{
    socle_trainer_options options = with(SOCLE_ADAM);
    options.accumulate = 3;
    compare(&options);
    options.clip_norm = 0.2;
    options.check_finite = 0;
    compare(&options);
}

Test(training_optimizer, a_loss_that_is_no_number_changes_nothing)
{
    problem_data d;
    evaluation e;
    socle_graph *graph;
    value_id w, b;
    socle_trainer_options options = with(SOCLE_ADAM);
    make_data(&d);
    d.x[1][4] = NAN;
    make_graph(&d, &options, &graph, &w, &b);
    evaluation_start(&e, graph);
    run_step(&e, &d, &options, 0);
    double before[PARAMETERS], moments[WEIGHTS];
    const value_id first = graph_find_value(graph, "socle.first:w");
    memcpy(before, evaluation_get(&e, w), WEIGHTS * sizeof(double));
    memcpy(moments, evaluation_get(&e, first), sizeof(moments));
    const double loss = run_step(&e, &d, &options, 1);
    cr_assert(isnan(loss));
    cr_assert_eq(memcmp(before, evaluation_get(&e, w), WEIGHTS * sizeof(double)), 0);
    cr_assert_eq(memcmp(moments, evaluation_get(&e, first), sizeof(moments)), 0);
    evaluation_finish(&e);
    socle_graph_destroy(graph);
}

Test(training_optimizer, plain_sgd_needs_one_input_and_no_state)
{
    problem_data d;
    socle_graph *graph;
    value_id w, b;
    const socle_trainer_options options = with(SOCLE_SGD);
    make_data(&d);
    make_graph(&d, &options, &graph, &w, &b);
    cr_assert_eq(graph->update_count, 2);
    cr_assert_eq(graph->input_count, 3); /* x, labels, learning rate */
    cr_assert_str_eq(graph->values[graph->inputs[2]].name, "socle.lr");
    socle_graph_destroy(graph);
}
