/* Training on the real devices: losses and weights are the oracle's, whatever the network, the device, the number of devices and
 * the size of the batch; runs go on bit by bit from a checkpoint; bad data is named. */
#include "../support/training_case.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOSS_TOLERANCE 2e-5
#define WEIGHT_TOLERANCE 1e-4

static socle_trainer *open_trainer(training_case *c, const socle_trainer_options *options)
{
    socle_trainer *trainer = NULL;
    cr_assert_eq(socle_trainer_create(c->context, c->model, options, &trainer), SOCLE_OK, "%s", socle_error_message());
    return trainer;
}

static const trainer_state *state_named(const socle_trainer *t, const char *name)
{
    for (int i = 0; i < t->state_count; i++)
        if (strcmp(t->states[i].name, name) == 0)
            return &t->states[i];
    cr_assert_fail("no state '%s'", name);
    return NULL;
}

static void read_state(socle_trainer *t, const char *name, float *to)
{
    cr_assert_eq(trainer_drain(t), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(trainer_state_read(t, state_named(t, name), to), SOCLE_OK, "%s", socle_error_message());
}

/* Moves the trainer to these devices with these shares, as socle_trainer_create does with what measured fastest. */
static void place(socle_trainer *t, int count, socle_device *const *devices, const double *shares)
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
static socle_trainer *open_alone(training_case *c, const socle_trainer_options *options)
{
    socle_trainer *t = open_trainer(c, options);
    socle_device *device = t->devices[0]->parent != NULL ? t->devices[0]->parent : t->devices[0];
    if (t->device_count > 1)
        place(t, 1, &device, (const double[]){1});
    return t;
}

/* The trainer's losses and one of its weights against the oracle's. */
static void check_run(training_case *c, const socle_trainer_options *options, const char *weight)
{
    double losses[CASE_STEPS], weights[512];
    float made[512];
    int64_t count;
    training_case_expected(c, options, losses, weight, weights, &count);
    socle_trainer *trainer = open_alone(c, options);
    for (int i = 0; i < CASE_STEPS; i++) {
        const double loss = training_case_step(c, trainer, i, CASE_ROWS);
        cr_assert_float_eq(loss, losses[i], LOSS_TOLERANCE * (1 + losses[i]), "%s on %s, step %d: loss %.9g instead of %.9g",
                           training_case_name(c->network), socle_trainer_placement(trainer), i, loss, losses[i]);
    }
    read_state(trainer, weight, made);
    for (int64_t i = 0; i < count; i++)
        cr_assert_float_eq(made[i], weights[i], WEIGHT_TOLERANCE, "%s, %s[%d]: %.9g instead of %.9g",
                           training_case_name(c->network), weight, (int)i, made[i], weights[i]);
    socle_trainer_destroy(trainer);
}

static void check_on_every_device(training_network network, socle_trainer_options options, const char *weight)
{
    training_case c;
    int tried = 0;
    training_case_start(&c, network);
    for (int i = 0; i < socle_device_count(c.context); i++) {
        const socle_device_info *info = socle_device_get_info(socle_device_at(c.context, i));
        if (info->status != SOCLE_DEVICE_OK)
            continue;
        options.devices = info->id;
        check_run(&c, &options, weight);
        tried++;
    }
    cr_assert_gt(tried, 0, "no usable device");
    training_case_finish(&c);
}

Test(trainer, an_mlp_is_trained_as_by_the_oracle_on_every_device)
{
    check_on_every_device(NETWORK_MLP, training_case_options(), "w1");
}

Test(trainer, a_convolution_with_batch_normalization_is_trained_as_by_the_oracle_on_every_device)
{
    check_on_every_device(NETWORK_CNN, training_case_options(), "kernel");
}

Test(trainer, dropout_and_layer_normalization_are_trained_as_by_the_oracle_on_every_device)
{
    check_on_every_device(NETWORK_DROPOUT, training_case_options(), "w1");
}

Test(trainer, running_statistics_follow_the_batches)
{
    check_on_every_device(NETWORK_CNN, training_case_options(), "running_variance");
}

Test(trainer, adam_with_clipping_weight_decay_and_a_schedule)
{
    socle_trainer_options options = training_case_options();
    options.optimizer = SOCLE_ADAMW;
    options.weight_decay = 0.05;
    options.clip_norm = 0.5;
    options.lr = 0.01;
    options.schedule = SOCLE_SCHEDULE_COSINE;
    options.schedule_steps = 2 * CASE_STEPS;
    check_on_every_device(NETWORK_MLP, options, "w2");
}

Test(trainer, accumulated_batches_update_together)
{
    socle_trainer_options options = training_case_options();
    options.accumulate = 3;
    check_on_every_device(NETWORK_MLP, options, "b1");
}

Test(trainer, steps_that_are_not_waited_for_come_to_the_same_weights)
{
    training_case c;
    float waited[17 * 20], ahead[17 * 20];
    const socle_trainer_options options = training_case_options();
    training_case_start(&c, NETWORK_MLP);
    for (int round = 0; round < 2; round++) {
        socle_trainer *trainer = open_alone(&c, &options);
        for (int i = 0; i < 4 * CASE_STEPS; i++) {
            const int batch = i % CASE_STEPS;
            float copy[CASE_ROWS * 20];
            const int64_t rows = i % 5 == 4 ? 7 : CASE_ROWS; /* another size now and then */
            memcpy(copy, c.x[batch], sizeof(copy));
            const socle_tensor x = socle_tensor_f32(copy, 2, (int64_t[]){rows, 20}),
                               labels = training_case_labels(&c, batch, rows);
            double loss;
            cr_assert_eq(socle_trainer_step(trainer, &x, 1, &labels, round == 0 ? &loss : NULL), SOCLE_OK, "%s",
                         socle_error_message());
            memset(copy, 0x7f, sizeof(copy)); /* the host may do what it likes with its memory */
        }
        cr_assert_eq(socle_trainer_steps(trainer), 4 * CASE_STEPS);
        read_state(trainer, "w1", round == 0 ? waited : ahead);
        socle_trainer_destroy(trainer);
    }
    cr_assert_eq(memcmp(waited, ahead, sizeof(waited)), 0);
    training_case_finish(&c);
}

/* ---- several devices ---- */

/* Two halves of the first device that can be split; false when there is none. */
static bool find_two(training_case *c, socle_device **parts)
{
    for (int i = 0; i < socle_device_count(c->context); i++) {
        socle_device *device = socle_device_at(c->context, i);
        const socle_device_info *info = socle_device_get_info(device);
        if (info->status == SOCLE_DEVICE_OK && info->max_sub_devices >= 2 &&
            socle_device_split(device, 2, NULL, parts) == SOCLE_OK)
            return true;
    }
    return false;
}

static socle_trainer *open_together(training_case *c, const socle_trainer_options *options, double first_share)
{
    socle_device *parts[2];
    if (!find_two(c, parts))
        cr_skip_test("no device that can be split");
    socle_trainer *t = open_trainer(c, options);
    place(t, 2, parts, (const double[]){first_share, 1 - first_share});
    return t;
}

static void check_together(training_network network, socle_trainer_options options, double share, const char *weight)
{
    training_case c;
    double losses[CASE_STEPS], weights[512];
    float made[512], other[512];
    int64_t count;
    training_case_start(&c, network);
    training_case_expected(&c, &options, losses, weight, weights, &count);
    socle_trainer *trainer = open_together(&c, &options, share);
    for (int i = 0; i < CASE_STEPS; i++) {
        const double loss = training_case_step(&c, trainer, i, CASE_ROWS);
        cr_assert_float_eq(loss, losses[i], LOSS_TOLERANCE * (1 + losses[i]), "step %d: loss %.9g instead of %.9g", i, loss,
                           losses[i]);
    }
    const trainer_state *state = state_named(trainer, weight);
    cr_assert_eq(executor_state_read(trainer->first->executors[0], weight, made, state->size_bytes), SOCLE_OK);
    cr_assert_eq(executor_state_read(trainer->first->executors[1], weight, other, state->size_bytes), SOCLE_OK);
    cr_assert_eq(memcmp(made, other, state->size_bytes), 0, "the devices' weights differ");
    for (int64_t i = 0; i < count; i++)
        cr_assert_float_eq(made[i], weights[i], WEIGHT_TOLERANCE);
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}

Test(trainer, two_devices_with_unequal_shares_train_as_one)
{
    check_together(NETWORK_MLP, training_case_options(), 0.5, "w1");
    check_together(NETWORK_MLP, training_case_options(), 0.75, "w1");
}

Test(trainer, two_devices_accumulate_and_clip_as_one)
{
    socle_trainer_options options = training_case_options();
    options.accumulate = 2;
    options.clip_norm = 0.1;
    options.optimizer = SOCLE_ADAM;
    options.lr = 0.01;
    check_together(NETWORK_MLP, options, 0.6, "w2");
}

Test(trainer, two_devices_take_batches_of_any_size)
{
    training_case c;
    training_case_start(&c, NETWORK_MLP);
    const socle_trainer_options options = training_case_options();
    socle_trainer *alone = open_alone(&c, &options), *both = open_together(&c, &options, 0.6);
    for (int64_t rows = CASE_ROWS; rows > 0; rows -= 4 + rows % 3) {
        const double expected = training_case_step(&c, alone, 0, rows), loss = training_case_step(&c, both, 0, rows);
        cr_assert_float_eq(loss, expected, LOSS_TOLERANCE * (1 + expected), "%d rows", (int)rows);
    }
    const double expected = training_case_step(&c, alone, 1, 1), loss = training_case_step(&c, both, 1, 1);
    cr_assert_float_eq(loss, expected, LOSS_TOLERANCE * (1 + expected));
    socle_trainer_destroy(both);
    socle_trainer_destroy(alone);
    training_case_finish(&c);
}

/* ---- evaluation and export ---- */

static void check_evaluation(training_network network)
{
    training_case c;
    training_case_start(&c, network);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = open_alone(&c, &options);
    socle_model *trained = NULL;
    socle_session *session = NULL;
    double loss, accuracy, expected = 0, hits = 0;
    float y[CASE_ROWS * CASE_CLASSES];
    for (int i = 0; i < CASE_STEPS; i++)
        training_case_step(&c, trainer, i, CASE_ROWS);
    cr_assert_eq(socle_trainer_model(trainer, &trained), SOCLE_OK, "%s", socle_error_message());
    socle_session_options alone = SOCLE_SESSION_OPTIONS_INIT;
    alone.budget_s = 0;
    alone.batch = CASE_ROWS;
    cr_assert_eq(socle_session_create(c.context, trained, &alone, &session), SOCLE_OK, "%s", socle_error_message());
    const socle_tensor x = training_case_inputs(&c, 0, CASE_ROWS);
    socle_tensor out = socle_tensor_f32(y, 2, (int64_t[]){CASE_ROWS, CASE_CLASSES});
    cr_assert_eq(socle_session_run(session, &x, 1, &out, 1), SOCLE_OK, "%s", socle_error_message());
    for (int i = 0; i < CASE_ROWS; i++) {
        double sum = 0;
        int best = 0;
        for (int k = 0; k < CASE_CLASSES; k++) {
            sum += exp(y[i * CASE_CLASSES + k]);
            best = y[i * CASE_CLASSES + k] > y[i * CASE_CLASSES + best] ? k : best;
        }
        expected += (log(sum) - y[i * CASE_CLASSES + c.labels[0][i]]) / CASE_ROWS;
        hits += best == c.labels[0][i];
    }
    const socle_tensor labels = training_case_labels(&c, 0, CASE_ROWS);
    cr_assert_eq(socle_trainer_evaluate(trainer, &x, 1, &labels, &loss, &accuracy), SOCLE_OK, "%s", socle_error_message());
    cr_assert_float_eq(loss, expected, LOSS_TOLERANCE * (1 + expected), "%g instead of %g", loss, expected);
    cr_assert_float_eq(accuracy, hits / CASE_ROWS, 1e-9);
    socle_session_destroy(session);
    socle_model_destroy(trained);
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}

Test(trainer, the_exported_model_answers_as_evaluation_says_in_inference_form)
{
    for (int network = 0; network < NETWORK_COUNT; network++)
        check_evaluation((training_network)network);
}

Test(trainer, the_exported_model_keeps_its_initializers_names)
{
    training_case c;
    training_case_start(&c, NETWORK_CNN);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = open_alone(&c, &options);
    socle_model *trained = NULL;
    training_case_step(&c, trainer, 0, CASE_ROWS);
    cr_assert_eq(socle_trainer_model(trainer, &trained), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_model_initializer_count(trained), socle_model_initializer_count(c.model));
    for (int i = 0; i < socle_model_initializer_count(trained); i++) {
        const char *name, *before;
        socle_tensor data, old;
        cr_assert_eq(socle_model_initializer(trained, i, &name, &data), SOCLE_OK);
        cr_assert_eq(socle_model_initializer(c.model, i, &before, &old), SOCLE_OK);
        cr_assert_str_eq(name, before);
        cr_assert_neq(memcmp(data.data, old.data, data.size_bytes), 0, "%s was not trained", name);
    }
    socle_model_destroy(trained);
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}

Test(trainer, evaluation_of_many_rows_is_the_mean_over_all)
{
    training_case c;
    enum { ROWS = 5 * CASE_ROWS / 2 };
    float x[ROWS * 20];
    int64_t labels[ROWS];
    double whole, parts = 0, accuracy, hits = 0;
    training_case_start(&c, NETWORK_MLP);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = open_alone(&c, &options);
    for (int i = 0; i < ROWS; i++) {
        memcpy(x + i * 20, c.x[i / CASE_ROWS] + i % CASE_ROWS * 20, 20 * sizeof(float));
        labels[i] = c.labels[i / CASE_ROWS][i % CASE_ROWS];
    }
    for (int i = 0; i < ROWS; i++) {
        const socle_tensor row = socle_tensor_f32(x + i * 20, 2, (int64_t[]){1, 20});
        const socle_tensor label = socle_tensor_i64(labels + i, 1, (int64_t[]){1});
        double loss, hit;
        cr_assert_eq(socle_trainer_evaluate(trainer, &row, 1, &label, &loss, &hit), SOCLE_OK, "%s", socle_error_message());
        parts += loss / ROWS;
        hits += hit / ROWS;
    }
    const socle_tensor all = socle_tensor_f32(x, 2, (int64_t[]){ROWS, 20}),
                       all_labels = socle_tensor_i64(labels, 1, (int64_t[]){ROWS});
    cr_assert_eq(socle_trainer_evaluate(trainer, &all, 1, &all_labels, &whole, &accuracy), SOCLE_OK, "%s", socle_error_message());
    cr_assert_float_eq(whole, parts, 1e-6);
    cr_assert_float_eq(accuracy, hits, 1e-9);
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}

/* ---- checkpoints ---- */

static void check_resume(training_network network, const socle_trainer_options *options)
{
    training_case c;
    char directory[] = "/tmp/socle-checkpoint-XXXXXX", path[256];
    double straight[CASE_STEPS];
    cr_assert_not_null(mkdtemp(directory));
    training_case_start(&c, network);
    socle_trainer *first = open_alone(&c, options);
    for (int i = 0; i < CASE_STEPS; i++) {
        if (i == CASE_STEPS / 2)
            cr_assert_eq(socle_trainer_save(first, directory), SOCLE_OK, "%s", socle_error_message());
        straight[i] = training_case_step(&c, first, i, CASE_ROWS);
    }
    socle_trainer *second = open_alone(&c, options);
    training_case_step(&c, second, 3, CASE_ROWS); /* what was there before is replaced */
    cr_assert_eq(socle_trainer_restore(second, directory), SOCLE_OK, "%s", socle_error_message());
    for (int i = CASE_STEPS / 2; i < CASE_STEPS; i++) {
        const double loss = training_case_step(&c, second, i, CASE_ROWS);
        cr_assert_eq(loss, straight[i], "%s, step %d: %.17g instead of %.17g", training_case_name(network), i, loss, straight[i]);
    }
    cr_assert_eq(socle_trainer_steps(second), socle_trainer_steps(first));
    snprintf(path, sizeof(path), "%s/checkpoint.safetensors", directory);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(directory), 0, "something else was left in the folder");
    socle_trainer_destroy(second);
    socle_trainer_destroy(first);
    training_case_finish(&c);
}

Test(trainer, a_run_goes_on_bit_by_bit_from_a_checkpoint)
{
    socle_trainer_options options = training_case_options();
    for (int network = 0; network < NETWORK_COUNT; network++)
        check_resume((training_network)network, &options);
    options.optimizer = SOCLE_ADAM;
    options.accumulate = 2; /* saved in the middle of two batches */
    check_resume(NETWORK_DROPOUT, &options);
}

Test(trainer, a_checkpoint_of_another_model_changes_nothing)
{
    training_case c, other;
    char directory[] = "/tmp/socle-checkpoint-XXXXXX", path[256];
    float before[17 * 20], after[17 * 20];
    cr_assert_not_null(mkdtemp(directory));
    const socle_trainer_options options = training_case_options();
    training_case_start(&c, NETWORK_MLP);
    training_case_start(&other, NETWORK_CNN);
    socle_trainer *trainer = open_trainer(&c, &options), *stranger = open_trainer(&other, &options);
    cr_assert_eq(socle_trainer_save(stranger, directory), SOCLE_OK, "%s", socle_error_message());
    read_state(trainer, "w1", before);
    cr_assert_eq(socle_trainer_restore(trainer, directory), SOCLE_INVALID_FILE);
    cr_assert(strstr(socle_error_message(), "it is a checkpoint of another model") != NULL, "%s", socle_error_message());
    read_state(trainer, "w1", after);
    cr_assert_eq(memcmp(before, after, sizeof(before)), 0);
    cr_assert_eq(socle_trainer_steps(trainer), 0);
    snprintf(path, sizeof(path), "%s/checkpoint.safetensors", directory);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(socle_trainer_restore(trainer, directory), SOCLE_IO);
    cr_assert_eq(rmdir(directory), 0);
    socle_trainer_destroy(stranger);
    socle_trainer_destroy(trainer);
    training_case_finish(&other);
    training_case_finish(&c);
}

/* ---- bad data ---- */

static void check_refused(training_case *c, socle_trainer *trainer, const socle_tensor *x, const socle_tensor *labels,
                          socle_status expected, const char *message)
{
    double loss;
    (void)c;
    cr_assert_eq(socle_trainer_step(trainer, x, 1, labels, &loss), expected, "%s", socle_error_message());
    cr_assert_str_eq(socle_error_message(), message);
}

Test(trainer, labels_and_shapes_that_do_not_fit_are_named)
{
    training_case c;
    training_case_start(&c, NETWORK_MLP);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = open_alone(&c, &options);
    socle_tensor x = training_case_inputs(&c, 0, CASE_ROWS), labels = training_case_labels(&c, 0, CASE_ROWS);
    c.labels[0][7] = CASE_CLASSES;
    check_refused(&c, trainer, &x, &labels, SOCLE_INVALID_ARGUMENT, "the label of row 7 is 4: it must be from 0 to 3");
    c.labels[0][7] = -2;
    check_refused(&c, trainer, &x, &labels, SOCLE_INVALID_ARGUMENT, "the label of row 7 is -2: it must be from 0 to 3");
    c.labels[0][7] = 0;
    labels.dims[0]--;
    check_refused(&c, trainer, &x, &labels, SOCLE_SHAPE_MISMATCH,
                  "labels: dimension 0 is 12, the tensor given for them has 11 there");
    labels.dims[0]++;
    x.dims[1] = 19;
    check_refused(&c, trainer, &x, &labels, SOCLE_SHAPE_MISMATCH,
                  "input 'x': dimension 1 is 20, the tensor given for it has 19 there");
    x.dims[1] = 20;
    x.dtype = SOCLE_FLOAT64;
    check_refused(&c, trainer, &x, &labels, SOCLE_TYPE_MISMATCH, "input 'x' is float32, the tensor given for it is float64");
    cr_assert_eq(socle_trainer_steps(trainer), 0);
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}

static void expect_not_finite(socle_status status, const char *what)
{
    cr_assert_eq(status, SOCLE_NOT_FINITE, "%s", socle_error_message());
    cr_assert(strstr(socle_error_message(), what) != NULL, "%s", socle_error_message());
}

Test(trainer, an_input_that_is_no_number_stops_with_the_step_and_leaves_the_weights)
{
    training_case c;
    float before[17 * 20], after[17 * 20];
    double loss;
    training_case_start(&c, NETWORK_MLP);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = open_alone(&c, &options);
    training_case_step(&c, trainer, 0, CASE_ROWS);
    read_state(trainer, "w1", before);
    c.x[1][33] = NAN;
    const socle_tensor x = training_case_inputs(&c, 1, CASE_ROWS), labels = training_case_labels(&c, 1, CASE_ROWS);
    expect_not_finite(socle_trainer_step(trainer, &x, 1, &labels, &loss),
                      "step 2: the loss is not finite; the first tensor that is not is input 'x'");
    read_state(trainer, "w1", after);
    cr_assert_eq(memcmp(before, after, sizeof(before)), 0);
    cr_assert_eq(socle_trainer_steps(trainer), 1);
    training_case_step(&c, trainer, 2, CASE_ROWS); /* the trainer goes on */
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}

Test(trainer, a_value_that_overflows_is_named)
{
    training_case c;
    double loss;
    training_case_start(&c, NETWORK_MLP);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = open_alone(&c, &options);
    const char *hidden = c.model->graph->values[c.model->graph->nodes[0].outputs[0]].name;
    for (int64_t i = 0; i < CASE_ROWS * 20; i++)
        c.x[0][i] = 3e38f;
    char expected[128];
    snprintf(expected, sizeof(expected), "step 1: the loss is not finite; the first tensor that is not is value '%s'", hidden);
    const socle_tensor x = training_case_inputs(&c, 0, CASE_ROWS), labels = training_case_labels(&c, 0, CASE_ROWS);
    expect_not_finite(socle_trainer_step(trainer, &x, 1, &labels, &loss), expected);
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}

Test(trainer, a_weight_that_is_no_number_is_named_also_when_steps_are_not_waited_for)
{
    training_case c;
    float content[4 * 17];
    training_case_start(&c, NETWORK_MLP);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = open_alone(&c, &options);
    const socle_tensor x = training_case_inputs(&c, 0, CASE_ROWS), labels = training_case_labels(&c, 0, CASE_ROWS);
    read_state(trainer, "w2", content);
    content[3] = INFINITY;
    cr_assert_eq(trainer_state_write(trainer, state_named(trainer, "w2"), content), SOCLE_OK);
    socle_status status = SOCLE_OK;
    for (int i = 0; i < 2 * TRAINER_AHEAD && status == SOCLE_OK; i++)
        status = socle_trainer_step(trainer, &x, 1, &labels, NULL);
    expect_not_finite(status, "step 1: the loss is not finite; the first tensor that is not is weight 'w2'");
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}

Test(trainer, options_out_of_range_are_named)
{
    training_case c;
    socle_trainer *trainer = NULL;
    socle_trainer_options options = training_case_options();
    training_case_start(&c, NETWORK_MLP);
    options.batch = 0;
    cr_assert_eq(socle_trainer_create(c.context, c.model, &options, &trainer), SOCLE_INVALID_ARGUMENT);
    cr_assert_str_eq(socle_error_message(), "socle_trainer_create: batch must be at least 1");
    options = training_case_options();
    options.momentum = 0;
    options.nesterov = 1;
    cr_assert_eq(socle_trainer_create(c.context, c.model, &options, &trainer), SOCLE_INVALID_ARGUMENT);
    cr_assert_str_eq(socle_error_message(), "socle_trainer_create: nesterov must be used with SGD and a momentum");
    cr_assert_null(trainer);
    training_case_finish(&c);
}

/* ---- efficiency ---- */

Test(trainer, a_step_of_two_dense_layers_is_a_dozen_kernels)
{
    training_case c;
    training_case_start(&c, NETWORK_MLP);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = open_alone(&c, &options);
    const device_plan *plan = trainer->first->executors[0]->plan;
    cr_assert_leq(plan->steps.count, 13, "a step takes %d launches:\n%s", plan->steps.count,
                  socle_plan_print(socle_trainer_plan(trainer), SOCLE_PLAN_TEXT));
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}
