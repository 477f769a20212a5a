/* What becomes of training: evaluation, exported models, checkpoints from which runs go on bit by bit. */
#include "../support/training_case.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check_evaluation(training_network network)
{
    training_case c;
    training_case_start(&c, network);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = training_case_open_alone(&c, &options);
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
    cr_assert_float_eq(loss, expected, CASE_LOSS_TOLERANCE * (1 + expected), "%g instead of %g", loss, expected);
    cr_assert_float_eq(accuracy, hits / CASE_ROWS, 1e-9);
    socle_session_destroy(session);
    socle_model_destroy(trained);
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}

Test(trainer_results, the_exported_model_answers_as_evaluation_says_in_inference_form)
{
    check_evaluation(NETWORK_CNN);
    check_evaluation(NETWORK_DROPOUT);
}

Test(trainer_results, the_exported_model_keeps_its_initializers_names)
{
    training_case c;
    training_case_start(&c, NETWORK_CNN);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = training_case_open_alone(&c, &options);
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

Test(trainer_results, evaluation_of_many_rows_is_the_mean_over_all)
{
    training_case c;
    enum { ROWS = 5 * CASE_ROWS / 2 };
    float x[ROWS * 20];
    int64_t labels[ROWS];
    double whole, parts = 0, accuracy, hits = 0;
    training_case_start(&c, NETWORK_MLP);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = training_case_open_alone(&c, &options);
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
    socle_trainer *first = training_case_open_alone(&c, options);
    for (int i = 0; i < CASE_STEPS; i++) {
        if (i == CASE_STEPS / 2)
            cr_assert_eq(socle_trainer_save(first, directory), SOCLE_OK, "%s", socle_error_message());
        straight[i] = training_case_step(&c, first, i, CASE_ROWS);
    }
    socle_trainer *second = training_case_open_alone(&c, options);
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

Test(trainer_results, a_run_goes_on_bit_by_bit_from_a_checkpoint)
{
    socle_trainer_options options = training_case_options();
    check_resume(NETWORK_CNN, &options);
    options.optimizer = SOCLE_ADAM;
    options.accumulate = 2; /* saved in the middle of two batches */
    check_resume(NETWORK_DROPOUT, &options);
}

static char warned[512];

static void keep_warning(socle_log_level level, const char *line, void *user)
{
    (void)user;
    if (level == SOCLE_LOG_WARN)
        snprintf(warned, sizeof(warned), "%s", line);
}

/* Two parts of a device, unequal: whoever goes on alone, or with other shares, rounds otherwise. */
static bool place_on_parts(socle_trainer *t)
{
    socle_device *parts[2], *whole = t->devices[0]->parent != NULL ? t->devices[0]->parent : t->devices[0];
    if (socle_device_get_info(whole)->max_sub_devices < 2 || socle_device_split(whole, 2, NULL, parts) != SOCLE_OK)
        return false;
    training_case_place(t, 2, parts, (const double[]){0.7, 0.3});
    return true;
}

static void check_move(bool pinned, int expected_count, const char *expected_warning)
{
    training_case c;
    char directory[] = "/tmp/socle-checkpoint-XXXXXX", path[256];
    double straight[CASE_STEPS];
    socle_trainer_options options = training_case_options();
    options.deterministic = 1;
    options.accumulate = 2; /* the sums are on the host there, on the device here */
    training_case_start(&c, NETWORK_MLP);
    c.context->log = (log_sink){keep_warning, NULL, SOCLE_LOG_WARN};
    socle_trainer *first = training_case_open_alone(&c, &options);
    if (!place_on_parts(first))
        cr_skip_test("no device that can be split");
    cr_assert_not_null(mkdtemp(directory));
    for (int i = 0; i < CASE_STEPS; i++) {
        if (i == CASE_STEPS / 2)
            cr_assert_eq(socle_trainer_save(first, directory), SOCLE_OK, "%s", socle_error_message());
        straight[i] = training_case_step(&c, first, i, CASE_ROWS);
    }
    if (pinned)
        options.devices = first->devices[0]->info.id;
    socle_trainer *second = training_case_open_alone(&c, &options);
    training_case_step(&c, second, 3, CASE_ROWS);
    cr_assert_eq(socle_trainer_restore(second, directory), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(second->device_count, expected_count);
    cr_assert(expected_warning == NULL ? warned[0] == '\0' : strstr(warned, expected_warning) != NULL, "%s", warned);
    for (int i = CASE_STEPS / 2; i < CASE_STEPS; i++) {
        const double loss = training_case_step(&c, second, i, CASE_ROWS);
        if (expected_count == 2)
            cr_assert_eq(loss, straight[i], "step %d: %.17g instead of %.17g", i, loss, straight[i]);
        else
            cr_assert_float_eq(loss, straight[i], CASE_LOSS_TOLERANCE * (1 + straight[i]));
    }
    cr_assert_not_null(strstr(socle_plan_print(socle_trainer_plan(second), SOCLE_PLAN_TEXT), second->devices[0]->info.id));
    snprintf(path, sizeof(path), "%s/checkpoint.safetensors", directory);
    cr_assert(unlink(path) == 0 && rmdir(directory) == 0);
    socle_trainer_destroy(second);
    socle_trainer_destroy(first);
    training_case_finish(&c);
}

Test(trainer_results, a_deterministic_run_goes_on_on_the_devices_where_it_was)
{
    check_move(false, 2, NULL);
}

Test(trainer_results, a_deterministic_run_that_may_not_use_its_devices_says_so_and_goes_on)
{
    check_move(true, 1, "the last bits may differ from an uninterrupted run");
}

Test(trainer_results, a_checkpoint_of_another_model_changes_nothing)
{
    training_case c, other;
    char directory[] = "/tmp/socle-checkpoint-XXXXXX", path[256];
    float before[17 * 20], after[17 * 20];
    cr_assert_not_null(mkdtemp(directory));
    const socle_trainer_options options = training_case_options();
    training_case_start(&other, NETWORK_CNN);
    socle_trainer *stranger = training_case_open_alone(&other, &options);
    cr_assert_eq(socle_trainer_save(stranger, directory), SOCLE_OK, "%s", socle_error_message());
    socle_trainer_destroy(stranger);
    training_case_finish(&other);
    training_case_start(&c, NETWORK_MLP);
    socle_trainer *trainer = training_case_open_alone(&c, &options);
    training_case_read(trainer, "w1", before);
    cr_assert_eq(socle_trainer_restore(trainer, directory), SOCLE_INVALID_FILE);
    cr_assert(strstr(socle_error_message(), "it is a checkpoint of another model") != NULL, "%s", socle_error_message());
    training_case_read(trainer, "w1", after);
    cr_assert_eq(memcmp(before, after, sizeof(before)), 0);
    cr_assert_eq(socle_trainer_steps(trainer), 0);
    snprintf(path, sizeof(path), "%s/checkpoint.safetensors", directory);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(socle_trainer_restore(trainer, directory), SOCLE_IO);
    cr_assert_eq(rmdir(directory), 0);
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}
