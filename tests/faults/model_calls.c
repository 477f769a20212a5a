/* Every OpenCL call and every allocation fails in turn while a model is read from its file, planned, compiled, run and trained.
 * With a warm store every single one does; with an empty one, where devices are profiled and programs compiled, some of them do.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "faults.h"
#include "folder.h"
#include "run/trainer.h"
#include <socle/socle.h>

TestSuite(model_calls, .init = test_folder_enter, .fini = test_folder_leave, .timeout = 900);

enum { ROWS = 4, SIDE = 6, CHANNELS = 3, CLASSES = 5 };

static float x[ROWS * SIDE * SIDE], expected[ROWS * CLASSES];
static int64_t labels[ROWS];

/* ---- the model, as a file ---- */

static void make_file(void)
{
    const char *const batch[] = {"batch", NULL, NULL, NULL};
    const int64_t dims[] = {-1, 1, SIDE, SIDE};
    socle_graph *g = NULL;
    socle_model *model = NULL;
    socle_value input;
    cr_assert_eq(socle_graph_create(NULL, "net", &g), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_graph_input(g, "x", SOCLE_FLOAT32, 4, dims, batch, &input), SOCLE_OK, "%s", socle_error_message());
    socle_value h = socle_graph_unary(g, "Relu", socle_graph_conv2d(g, "conv", input, CHANNELS, 3, 1, 1, 1));
    h = socle_graph_unary(g, "Flatten", socle_graph_unary(g, "GlobalMaxPool", h));
    cr_assert_eq(socle_graph_output(g, socle_graph_dense(g, "fc", h, CLASSES, 2), "y"), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_model_create(NULL, g, &model), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_model_save(model, "net.onnx"), SOCLE_OK, "%s", socle_error_message());
    socle_model_destroy(model);
    for (int i = 0; i < ROWS * SIDE * SIDE; i++)
        x[i] = (float)((i * 37) % 19 - 9) / 9;
    for (int i = 0; i < ROWS; i++)
        labels[i] = i % CLASSES;
}

/* ---- scenarios ---- */

typedef struct scenario {
    bool fresh;      /* clears the store first */
    double budget_s; /* for measuring placements */
    socle_status (*use)(socle_context *context, const socle_model *model, double budget_s);
} scenario;

static socle_status run_scenario(void *user)
{
    const scenario *s = user;
    socle_context *context = NULL;
    socle_model *model = NULL;
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.cache_dir = "cache";
    socle_status status = socle_context_create(&options, &context);
    if (status == SOCLE_OK && s->fresh)
        status = socle_cache_clear(context, NULL);
    if (status == SOCLE_OK)
        status = socle_model_load(context, "net.onnx", &model);
    if (status == SOCLE_OK)
        status = s->use(context, model, s->budget_s);
    socle_model_destroy(model);
    socle_context_destroy(context);
    return status;
}

/* Two batches: the second one is planned at its first use. */
static socle_status answer(socle_context *context, const socle_model *model, double budget_s)
{
    socle_session *session = NULL;
    float y[ROWS * CLASSES];
    socle_session_options options = SOCLE_SESSION_OPTIONS_INIT;
    options.budget_s = budget_s;
    options.batch = ROWS;
    socle_status status = socle_session_create(context, model, &options, &session);
    for (int64_t rows = ROWS; rows > 0 && status == SOCLE_OK; rows -= ROWS - 1) {
        const socle_tensor in = socle_tensor_f32(x, 4, (int64_t[]){rows, 1, SIDE, SIDE});
        socle_tensor out = socle_tensor_f32(y, 2, (int64_t[]){rows, CLASSES});
        status = socle_session_run(session, &in, 1, &out, 1);
        for (int i = 0; i < rows * CLASSES && status == SOCLE_OK; i++) {
            if (expected[i] == 0 && rows == ROWS)
                expected[i] = y[i]; /* the undisturbed run comes first */
            if (!(fabsf(y[i] - expected[i]) <= 1e-5f))
                status = socle_fail(SOCLE_WRONG_RESULT, "element %d is %g, not %g", i, (double)y[i], (double)expected[i]);
        }
    }
    socle_session_destroy(session);
    return status;
}

/* Steps that are waited for and one that is not, a checkpoint and the way back, the trained model and its score. */
static socle_status use_trainer(socle_trainer *trainer)
{
    const socle_tensor in = socle_tensor_f32(x, 4, (int64_t[]){ROWS, 1, SIDE, SIDE});
    const socle_tensor truth = socle_tensor_i64(labels, 1, (int64_t[]){ROWS});
    socle_model *trained = NULL;
    double first, last, accuracy;
    socle_status status = socle_trainer_step(trainer, &in, 1, &truth, &first);
    if (status == SOCLE_OK)
        status = socle_trainer_save(trainer, "state");
    for (int i = 0; i < 2 && status == SOCLE_OK; i++)
        status = socle_trainer_step(trainer, &in, 1, &truth, NULL);
    if (status == SOCLE_OK)
        status = socle_trainer_restore(trainer, "state");
    if (status == SOCLE_OK)
        status = socle_trainer_step(trainer, &in, 1, &truth, NULL);
    if (status == SOCLE_OK)
        status = socle_trainer_evaluate(trainer, &in, 1, &truth, &last, &accuracy);
    if (status == SOCLE_OK)
        status = socle_trainer_model(trainer, &trained);
    if (status == SOCLE_OK && !(last < first))
        status = socle_fail(SOCLE_WRONG_RESULT, "the loss went from %g to %g", first, last);
    socle_model_destroy(trained);
    return status;
}

static socle_status train(socle_context *context, const socle_model *model, double budget_s)
{
    socle_trainer *trainer = NULL;
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    options.lr = 0.05;
    options.momentum = 0.9;
    options.batch = ROWS;
    options.budget_s = budget_s;
    socle_status status = socle_trainer_create(context, model, &options, &trainer);
    if (status == SOCLE_OK)
        status = use_trainer(trainer);
    socle_trainer_destroy(trainer);
    return status;
}

/* Moves a trainer to two parts of the first device, as its creation does where two measure faster than one. */
static socle_status move_to_two(socle_context *context, socle_trainer *trainer)
{
    socle_device *parts[2], *whole = socle_device_at(context, 0);
    placement both = {.device_count = 2, .share = {0.75, 0.25}, .rows = {ROWS - 1, 1}};
    socle_status status = socle_device_split(whole, 2, NULL, parts);
    if (status == SOCLE_OK) {
        memcpy(both.devices, parts, sizeof(parts));
        status = trainer_place(trainer, &both);
    }
    return status;
}

static socle_status train_together(socle_context *context, const socle_model *model, double budget_s)
{
    socle_trainer *trainer = NULL;
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    options.lr = 0.05;
    options.momentum = 0.9;
    options.batch = ROWS;
    options.accumulate = 2; /* the host keeps sums of its own, also in the checkpoint */
    options.deterministic = 1;
    options.budget_s = budget_s;
    socle_status status = socle_trainer_create(context, model, &options, &trainer);
    if (status == SOCLE_OK)
        status = move_to_two(context, trainer);
    if (status == SOCLE_OK)
        status = use_trainer(trainer);
    socle_trainer_destroy(trainer);
    return status;
}

/* Where all would take minutes, every few of them; SOCLE_TEST_ALL=1: all; SOCLE_TEST_FEW=1 (builds with sanitizers): fewer. */
static bool asked_for(const char *variable)
{
    return getenv(variable) != NULL;
}

static long every(long few)
{
    return asked_for("SOCLE_TEST_ALL") ? 1 : asked_for("SOCLE_TEST_FEW") ? 12 * few : few;
}

static long some(long count)
{
    return asked_for("SOCLE_TEST_FEW") ? -2 : -count;
}

static void fail_calls(const scenario *s, long stride, long least)
{
    make_file();
    faults_open();
    cr_assert_gt(faults_each_call(run_scenario, (void *)s, stride), asked_for("SOCLE_TEST_FEW") ? 0 : least);
}

static void fail_allocations(const scenario *s, long stride, long least)
{
    make_file();
    faults_open();
    cr_assert_gt(faults_each_allocation(run_scenario, (void *)s, stride), asked_for("SOCLE_TEST_FEW") ? 0 : least);
}

Test(model_calls, a_session_survives_each_failed_call)
{
    fail_calls(&(scenario){.use = answer}, every(1), 100);
}

Test(model_calls, a_session_that_compiles_and_measures_survives_failed_calls)
{
    fail_calls(&(scenario){.fresh = true, .budget_s = 0.02, .use = answer}, some(6), 4);
}

Test(model_calls, a_session_survives_each_failed_allocation)
{
    fail_allocations(&(scenario){.use = answer}, every(3), 120);
}

Test(model_calls, a_trainer_survives_each_failed_call)
{
    fail_calls(&(scenario){.use = train}, every(7), 40);
}

Test(model_calls, a_trainer_that_compiles_and_measures_survives_failed_calls)
{
    fail_calls(&(scenario){.fresh = true, .budget_s = 0.02, .use = train}, some(6), 4);
}

Test(model_calls, a_trainer_survives_each_failed_allocation)
{
    fail_allocations(&(scenario){.use = train}, every(23), 50);
}

Test(model_calls, a_trainer_on_two_devices_survives_failed_calls)
{
    scenario s = {.use = train_together};
    make_file();
    faults_open();
    cr_assert_eq(run_scenario(&s), SOCLE_OK, "%s", socle_error_message()); /* fills the store */
    cr_assert_gt(faults_each_call(run_scenario, &s, asked_for("SOCLE_TEST_ALL") ? 1 : some(16)),
                 asked_for("SOCLE_TEST_FEW") ? 0 : 12);
}

Test(model_calls, a_trainer_on_two_devices_survives_failed_allocations)
{
    fail_allocations(&(scenario){.use = train_together}, every(173), 8);
}
