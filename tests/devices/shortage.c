/* What is short or not there at run time: the device's memory, devices, a disk with room, a cache that can be written. Each ends
 * in a way around it or in an exact message, and the next call works. */
#include "folder.h"
#include "on_devices.h"

#include "base/base.h"
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(shortage, .init = test_folder_enter, .fini = test_folder_leave);

enum { WIDTH = 512, LAYERS = 3, CLASSES = 4 };

static socle_model *make_model(socle_context *context)
{
    socle_graph *g = NULL;
    socle_model *model = NULL;
    socle_value x;
    cr_assert_eq(socle_graph_create(context, "net", &g), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_graph_input(g, "x", SOCLE_FLOAT32, 2, (int64_t[]){-1, WIDTH}, (const char *[]){"batch", NULL}, &x),
                 SOCLE_OK, "%s", socle_error_message());
    for (int i = 0; i < LAYERS; i++) {
        char name[8];
        snprintf(name, sizeof(name), "fc%d", i);
        x = socle_graph_unary(g, "Relu", socle_graph_dense(g, name, x, WIDTH, (uint64_t)i));
    }
    cr_assert_eq(socle_graph_output(g, socle_graph_dense(g, "last", x, CLASSES, 9), "y"), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_model_create(context, g, &model), SOCLE_OK, "%s", socle_error_message());
    return model;
}

static socle_context *open_context(const char *cache_dir, uint64_t budget_bytes)
{
    socle_context *context = NULL;
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.cache_dir = cache_dir;
    options.memory_budget_bytes = budget_bytes;
    cr_assert_eq(socle_context_create(&options, &context), SOCLE_OK, "%s", socle_error_message());
    return context;
}

static const char *first_device(const socle_context *context)
{
    for (int i = 0; i < socle_device_count(context); i++)
        if (socle_device_get_info(socle_device_at(context, i))->status == SOCLE_DEVICE_OK)
            return socle_device_get_info(socle_device_at(context, i))->id;
    cr_assert_fail("no usable device");
    return NULL;
}

static void answer(socle_session *session, int64_t rows, float *y)
{
    float x[16 * WIDTH];
    for (int i = 0; i < rows * WIDTH; i++)
        x[i] = (float)(i * 29 % 31 - 15) / 16;
    const socle_tensor in = socle_tensor_f32(x, 2, (int64_t[]){rows, WIDTH});
    socle_tensor out = socle_tensor_f32(y, 2, (int64_t[]){rows, CLASSES});
    cr_assert_eq(socle_session_run(session, &in, 1, &out, 1), SOCLE_OK, "%s", socle_error_message());
}

static socle_session *open_session(socle_context *context, const socle_model *model, int64_t batch)
{
    socle_session *session = NULL;
    socle_session_options options = SOCLE_SESSION_OPTIONS_INIT;
    options.budget_s = 0;
    options.batch = batch;
    options.devices = first_device(context);
    cr_assert_eq(socle_session_create(context, model, &options, &session), SOCLE_OK, "%s", socle_error_message());
    return session;
}

/* ---- the device's memory ---- */

/* Peak of the plan that a device with plenty of memory gets, and its answer. */
static uint64_t peak_with_plenty(float *y)
{
    socle_context *context = open_context("", 0);
    socle_model *model = make_model(context);
    socle_session *session = open_session(context, model, 16);
    const uint64_t peak_bytes = socle_plan_peak_memory_bytes(socle_session_plan(session));
    answer(session, 16, y);
    socle_session_destroy(session);
    socle_model_destroy(model);
    socle_context_destroy(context);
    return peak_bytes;
}

Test(shortage, where_prepacked_weights_do_not_fit_the_weights_stay_as_they_are)
{
    const uint64_t weights_bytes = LAYERS * WIDTH * WIDTH * sizeof(float);
    float plenty[16 * CLASSES], little[16 * CLASSES];
    const uint64_t peak_bytes = peak_with_plenty(plenty);
    const uint64_t budget_bytes = weights_bytes + weights_bytes / 4;
    if (peak_bytes <= budget_bytes)
        cr_skip_test("nothing is prepacked on this device");
    socle_context *context = open_context("", budget_bytes);
    socle_model *model = make_model(context);
    socle_session *session = open_session(context, model, 16);
    cr_assert_leq(socle_plan_peak_memory_bytes(socle_session_plan(session)), budget_bytes);
    answer(session, 16, little);
    for (int i = 0; i < 16 * CLASSES; i++)
        cr_assert_float_eq(little[i], plenty[i], 1e-4 * (1 + fabsf(plenty[i])));
    socle_session_destroy(session);
    socle_model_destroy(model);
    socle_context_destroy(context);
    cr_assert_eq(memory_live_count(), 0);
}

Test(shortage, a_model_that_cannot_fit_is_refused_with_the_bytes_needed_and_there)
{
    double needed, there;
    char expected[256], device[64], message[256];
    socle_context *context = open_context("", 1000000);
    socle_model *model = make_model(context);
    socle_session *session = NULL;
    socle_trainer *trainer = NULL;
    socle_session_options options = SOCLE_SESSION_OPTIONS_INIT;
    socle_trainer_options training = SOCLE_TRAINER_OPTIONS_INIT;
    training.devices = options.devices = first_device(context);
    cr_assert_eq(socle_session_create(context, model, &options, &session), SOCLE_DEVICE_OUT_OF_MEMORY);
    snprintf(message, sizeof(message), "%s", socle_error_message());
    cr_assert_eq(sscanf(message, "%63[^ ] needs %lf MB of memory, the device has %lf MB", device, &needed, &there), 3, "%s",
                 message);
    snprintf(expected, sizeof(expected),
             "%s: needs %.1f MB of memory, the device has 1.0 MB: use a smaller batch or another device", options.devices,
             needed);
    cr_assert(test_message_is(expected));
    cr_assert_gt(needed, 3.1);
    cr_assert_lt(needed, 9);
    cr_assert_eq(socle_trainer_create(context, model, &training, &trainer), SOCLE_DEVICE_OUT_OF_MEMORY);
    cr_assert(session == NULL && trainer == NULL);
    socle_model_destroy(model);
    socle_context_destroy(context);
    cr_assert_eq(memory_live_count(), 0);
}

Test(shortage, a_batch_that_is_too_large_is_refused_and_the_next_one_runs)
{
    float y[16 * CLASSES];
    const int64_t large = 4096;
    float *x = calloc((size_t)large * WIDTH, sizeof(*x)), *all = calloc((size_t)large * CLASSES, sizeof(*all));
    socle_context *context = open_context("", 14000000);
    socle_model *model = make_model(context);
    socle_session *session = open_session(context, model, 1);
    const socle_tensor in = socle_tensor_f32(x, 2, (int64_t[]){large, WIDTH});
    socle_tensor out = socle_tensor_f32(all, 2, (int64_t[]){large, CLASSES});
    cr_assert_eq(socle_session_run(session, &in, 1, &out, 1), SOCLE_DEVICE_OUT_OF_MEMORY, "%s", socle_error_message());
    cr_assert_not_null(strstr(socle_error_message(), "bytes needed"), "%s", socle_error_message());
    answer(session, 4, y);
    socle_session_destroy(session);
    socle_model_destroy(model);
    socle_context_destroy(context);
    free(all);
    free(x);
    cr_assert_eq(memory_live_count(), 0);
}

/* ---- devices ---- */

static void check_no_device(socle_context *context, const char *devices, const char *message)
{
    socle_model *model = make_model(context);
    socle_session *session = NULL;
    socle_trainer *trainer = NULL;
    socle_plan *plan = NULL;
    socle_session_options options = SOCLE_SESSION_OPTIONS_INIT;
    socle_trainer_options training = SOCLE_TRAINER_OPTIONS_INIT;
    training.devices = options.devices = devices;
    cr_assert_eq(socle_session_create(context, model, &options, &session), SOCLE_NO_DEVICE);
    cr_assert(test_message_is(message));
    cr_assert_eq(socle_plan_create(context, model, &options, &plan), SOCLE_NO_DEVICE);
    cr_assert(test_message_is(message));
    cr_assert_eq(socle_trainer_create(context, model, &training, &trainer), SOCLE_NO_DEVICE);
    cr_assert(test_message_is(message));
    cr_assert(session == NULL && plan == NULL && trainer == NULL);
    socle_model_destroy(model);
    socle_context_destroy(context);
    cr_assert_eq(memory_live_count(), 0);
}

Test(shortage, without_any_driver_models_load_and_sessions_say_what_is_missing)
{
    unsetenv("SOCLE_DEVICES");
    cr_assert_eq(mkdir("no-drivers", 0700), 0);
    cr_assert_eq(setenv("OCL_ICD_VENDORS", "no-drivers", 1), 0);
    socle_context *context = open_context("", 0);
    cr_assert_eq(socle_device_count(context), 0);
    check_no_device(context, NULL, "no OpenCL device: install a driver, for example the package pocl-opencl-icd");
}

Test(shortage, a_device_that_is_not_there_is_answered_with_those_that_are)
{
    char expected[512] = "no device 'nowhere/none-9': there are ";
    socle_context *context = open_context("", 0);
    for (int i = 0; i < socle_device_count(context); i++) {
        const size_t used = strlen(expected);
        snprintf(expected + used, sizeof(expected) - used, "%s%s", i > 0 ? ", " : "",
                 socle_device_get_info(socle_device_at(context, i))->id);
    }
    check_no_device(context, "nowhere/none-9", expected);
}

/* ---- disks ---- */

static socle_trainer *open_trainer(socle_context *context, const socle_model *model)
{
    socle_trainer *trainer = NULL;
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    options.devices = first_device(context);
    options.budget_s = 0;
    options.batch = 8;
    options.momentum = 0.9;
    cr_assert_eq(socle_trainer_create(context, model, &options, &trainer), SOCLE_OK, "%s", socle_error_message());
    return trainer;
}

static double train(socle_trainer *trainer)
{
    float x[8 * WIDTH];
    int64_t labels[8];
    double loss = NAN;
    for (int i = 0; i < 8 * WIDTH; i++)
        x[i] = (float)(i % 13 - 6) / 16;
    for (int i = 0; i < 8; i++)
        labels[i] = i % CLASSES;
    const socle_tensor in = socle_tensor_f32(x, 2, (int64_t[]){8, WIDTH}), truth = socle_tensor_i64(labels, 1, (int64_t[]){8});
    cr_assert_eq(socle_trainer_step(trainer, &in, 1, &truth, &loss), SOCLE_OK, "%s", socle_error_message());
    return loss;
}

static void limit_files(rlim_t bytes)
{
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {bytes, RLIM_INFINITY};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(shortage, a_full_disk_leaves_the_last_checkpoint_as_it_was)
{
    socle_context *context = open_context("", 0);
    socle_model *model = make_model(context), *trained = NULL;
    socle_trainer *trainer = open_trainer(context, model);
    train(trainer);
    cr_assert_eq(socle_trainer_save(trainer, "state"), SOCLE_OK, "%s", socle_error_message());
    const double next = train(trainer);
    cr_assert_eq(socle_trainer_model(trainer, &trained), SOCLE_OK, "%s", socle_error_message());
    limit_files(100000);
    cr_assert_eq(socle_trainer_save(trainer, "state"), SOCLE_IO);
    cr_assert(test_message_is("state/checkpoint.safetensors: cannot be written: File too large: raise the limit of file sizes "
                              "(ulimit -f)"));
    cr_assert_eq(socle_trainer_save(trainer, "other"), SOCLE_IO);
    cr_assert_eq(socle_model_save(trained, "net.onnx"), SOCLE_IO);
    cr_assert(test_message_is("net.onnx: cannot be written: File too large: raise the limit of file sizes (ulimit -f)"));
    limit_files(RLIM_INFINITY);
    cr_assert_neq(access("net.onnx", F_OK), 0);
    cr_assert_eq(system("test -z \"$(find . -name '*.part*')\""), 0, "something half-written stays");
    cr_assert_eq(socle_trainer_restore(trainer, "other"), SOCLE_IO);
    cr_assert_eq(socle_trainer_restore(trainer, "state"), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_trainer_steps(trainer), 1);
    cr_assert_float_eq(train(trainer), next, 1e-6 * next, "training goes on from the first checkpoint");
    socle_model_destroy(trained);
    socle_trainer_destroy(trainer);
    socle_model_destroy(model);
    socle_context_destroy(context);
    cr_assert_eq(memory_live_count(), 0);
}

static void become_unprivileged(const char *folder)
{
    if (getuid() == 0) {
        cr_assert_eq(chown(folder, 65534, (gid_t)-1), 0);
        cr_assert_eq(chown(".", 65534, (gid_t)-1), 0);
        cr_assert_eq(seteuid(65534), 0);
    }
}

/* PoCL's own cache goes with the user that the test becomes. */
Test(shortage, a_cache_that_cannot_be_written_does_not_stop_anything)
{
    float y[4 * CLASSES];
    char drivers_cache[64];
    cr_assert_not_null(getcwd(drivers_cache, sizeof(drivers_cache) - 6));
    strcat(drivers_cache, "/pocl");
    cr_assert(mkdir("pocl", 0777) == 0 && chmod("pocl", 0777) == 0 && mkdir("cache", 0500) == 0);
    cr_assert_eq(setenv("POCL_CACHE_DIR", drivers_cache, 1), 0);
    become_unprivileged("cache");
    socle_context *context = open_context("cache", 0);
    cr_assert_str_eq(socle_cache_path(context), "", "the store is kept in memory");
    socle_model *model = make_model(context);
    socle_session *session = open_session(context, model, 4);
    answer(session, 4, y);
    socle_session_destroy(session);
    socle_model_destroy(model);
    socle_context_destroy(context);
    cr_assert_eq(memory_live_count(), 0);
    if (getuid() == 0)
        cr_assert_eq(seteuid(0), 0);
    chmod("cache", 0700);
}
