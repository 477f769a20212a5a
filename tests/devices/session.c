/* Sessions on the real devices: answers equal the float64 reference, whatever the goal, the batch and the thread; decisions are
 * kept. */
#include <socle/socle.h>

#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FEATURES = 20, HIDDEN = 33, CLASSES = 7, MAX_BATCH = 64 };

typedef struct network {
    float w1[HIDDEN * FEATURES], b1[HIDDEN], w2[CLASSES * HIDDEN], b2[CLASSES];
} network;

static float next_value(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) * 0x1p-24f - 0.5f;
}

static void fill(float *values, int count, unsigned seed)
{
    unsigned state = seed;
    for (int i = 0; i < count; i++)
        values[i] = next_value(&state);
}

/* y = w2 relu(w1 x + b1) + b2 in float64. */
static void reference(const network *n, const float *x, double y[CLASSES])
{
    double h[HIDDEN];
    for (int i = 0; i < HIDDEN; i++) {
        h[i] = n->b1[i];
        for (int k = 0; k < FEATURES; k++)
            h[i] += (double)n->w1[i * FEATURES + k] * x[k];
        h[i] = h[i] > 0 ? h[i] : 0;
    }
    for (int i = 0; i < CLASSES; i++) {
        y[i] = n->b2[i];
        for (int k = 0; k < HIDDEN; k++)
            y[i] += (double)n->w2[i * HIDDEN + k] * h[k];
    }
}

static socle_value dense(socle_graph *g, const char *name, socle_value x, float *w, float *b, int64_t units, int64_t features)
{
    char weight[64], bias[64];
    socle_value inputs[3] = {x, SOCLE_NO_VALUE, SOCLE_NO_VALUE}, y = SOCLE_NO_VALUE;
    const socle_tensor weights = socle_tensor_f32(w, 2, (int64_t[]){units, features});
    const socle_tensor biases = socle_tensor_f32(b, 1, (int64_t[]){units});
    const socle_attribute transposed = {.name = "transB", .kind = SOCLE_ATTRIBUTE_INT, .i = 1};
    snprintf(weight, sizeof(weight), "%s.weight", name);
    snprintf(bias, sizeof(bias), "%s.bias", name);
    cr_assert_eq(socle_graph_initializer(g, weight, &weights, 1, &inputs[1]), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_graph_initializer(g, bias, &biases, 1, &inputs[2]), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_graph_node(g, "Gemm", NULL, name, inputs, 3, &transposed, 1, &y, 1), SOCLE_OK, "%s",
                 socle_error_message());
    return y;
}

static socle_model *make_model(socle_context *context, network *n)
{
    socle_graph *g = NULL;
    socle_model *model = NULL;
    socle_value x;
    const char *const symbols[] = {"batch", NULL};
    fill((float *)n, (int)(sizeof(*n) / sizeof(float)), 3);
    cr_assert_eq(socle_graph_create(context, "test", &g), SOCLE_OK);
    cr_assert_eq(socle_graph_input(g, "x", SOCLE_FLOAT32, 2, (int64_t[]){-1, FEATURES}, symbols, &x), SOCLE_OK);
    socle_value h = socle_graph_unary(g, "Relu", dense(g, "fc1", x, n->w1, n->b1, HIDDEN, FEATURES));
    socle_value y = dense(g, "fc2", h, n->w2, n->b2, CLASSES, HIDDEN);
    cr_assert_eq(socle_graph_output(g, y, "y"), SOCLE_OK);
    cr_assert_eq(socle_model_create(context, g, &model), SOCLE_OK, "%s", socle_error_message());
    return model;
}

static socle_context *open_context(const char *cache_dir)
{
    socle_context *context = NULL;
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.cache_dir = cache_dir;
    cr_assert_eq(socle_context_create(&options, &context), SOCLE_OK, "%s", socle_error_message());
    return context;
}

static void check_answer(socle_session *session, const network *n, int64_t batch, unsigned seed)
{
    float x[MAX_BATCH * FEATURES], y[MAX_BATCH * CLASSES];
    double expected[CLASSES];
    fill(x, (int)batch * FEATURES, seed);
    const socle_tensor in = socle_tensor_f32(x, 2, (int64_t[]){batch, FEATURES});
    socle_tensor out = socle_tensor_f32(y, 2, (int64_t[]){batch, CLASSES});
    cr_assert_eq(socle_session_run(session, &in, 1, &out, 1), SOCLE_OK, "%s", socle_error_message());
    for (int64_t row = 0; row < batch; row++) {
        reference(n, x + row * FEATURES, expected);
        for (int i = 0; i < CLASSES; i++)
            cr_assert_float_eq(y[row * CLASSES + i], expected[i], 1e-5, "row %d, class %d: %g instead of %g", (int)row, i,
                               y[row * CLASSES + i], expected[i]);
    }
}

Test(session, every_device_answers_like_the_reference)
{
    network n;
    socle_context *context = open_context("");
    socle_model *model = make_model(context, &n);
    int tried = 0;
    for (int i = 0; i < socle_device_count(context); i++) {
        const socle_device_info *info = socle_device_get_info(socle_device_at(context, i));
        socle_session_options options = SOCLE_SESSION_OPTIONS_INIT;
        socle_session *session = NULL;
        if (info->status != SOCLE_DEVICE_OK)
            continue;
        options.devices = info->id;
        options.budget_s = 0;
        cr_assert_eq(socle_session_create(context, model, &options, &session), SOCLE_OK, "%s: %s", info->id,
                     socle_error_message());
        check_answer(session, &n, 1, 5);
        check_answer(session, &n, 1, 6);
        socle_session_destroy(session);
        tried++;
    }
    cr_assert_gt(tried, 0, "no usable device");
    socle_model_destroy(model);
    socle_context_destroy(context);
}

Test(session, other_batches_are_planned_on_first_use_and_kept)
{
    network n;
    socle_context *context = open_context("");
    socle_model *model = make_model(context, &n);
    socle_session *session = NULL;
    cr_assert_eq(socle_session_create(context, model, NULL, &session), SOCLE_OK, "%s", socle_error_message());
    for (int round = 0; round < 2; round++)
        for (int64_t batch = 1; batch <= MAX_BATCH; batch *= 4)
            check_answer(session, &n, batch, (unsigned)(batch + round));
    socle_session_destroy(session);
    socle_model_destroy(model);
    socle_context_destroy(context);
}

typedef struct caller {
    socle_session *session;
    const network *n;
    int64_t batch;
} caller;

static void *call_many_times(void *user)
{
    const caller *c = user;
    for (unsigned i = 0; i < 20; i++)
        check_answer(c->session, c->n, c->batch + (i % 3), i);
    return NULL;
}

Test(session, several_threads_share_a_session)
{
    network n;
    socle_context *context = open_context("");
    socle_model *model = make_model(context, &n);
    socle_session *session = NULL;
    pthread_t threads[4];
    caller callers[4];
    cr_assert_eq(socle_session_create(context, model, NULL, &session), SOCLE_OK, "%s", socle_error_message());
    for (int i = 0; i < 4; i++) {
        callers[i] = (caller){session, &n, 1 + i % 2};
        cr_assert_eq(pthread_create(&threads[i], NULL, call_many_times, &callers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    socle_session_destroy(session);
    socle_model_destroy(model);
    socle_context_destroy(context);
}

Test(session, a_decision_is_kept_and_used_by_the_next_start)
{
    network n;
    char folder[] = "/tmp/socle-session-XXXXXX", command[64];
    char *decided = NULL;
    cr_assert_not_null(mkdtemp(folder));
    for (int start = 0; start < 2; start++) {
        socle_context *context = open_context(folder);
        socle_model *model = make_model(context, &n);
        socle_plan *plan = NULL;
        cr_assert_eq(socle_plan_create(context, model, NULL, &plan), SOCLE_OK, "%s", socle_error_message());
        const char *json = socle_plan_print(plan, SOCLE_PLAN_JSON);
        cr_assert_not_null(json);
        cr_assert_not_null(strstr(json, start == 0 ? "\"from_store\": false" : "\"from_store\": true"));
        const char *placements = strstr(json, "\"placements\"");
        if (start == 0)
            decided = strdup(placements);
        else
            cr_assert_str_eq(placements, decided, "the kept decision differs:\n%s\nwas:\n%s", placements, decided);
        socle_plan_destroy(plan);
        socle_model_destroy(model);
        socle_context_destroy(context);
    }
    free(decided);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
}

static void check_refused(socle_session *session, const socle_tensor *in, socle_tensor *out, socle_status expected,
                          const char *message)
{
    cr_assert_eq(socle_session_run(session, in, 1, out, 1), expected, "%s", socle_error_message());
    cr_assert_str_eq(socle_error_message(), message);
}

Test(session, wrong_tensors_are_refused_by_name_and_the_next_run_works)
{
    network n;
    float x[2 * FEATURES] = {0}, y[2 * CLASSES];
    socle_context *context = open_context("");
    socle_model *model = make_model(context, &n);
    socle_session *session = NULL;
    cr_assert_eq(socle_session_create(context, model, NULL, &session), SOCLE_OK, "%s", socle_error_message());
    socle_tensor in = socle_tensor_f32(x, 2, (int64_t[]){1, FEATURES - 1});
    socle_tensor out = socle_tensor_f32(y, 2, (int64_t[]){1, CLASSES});
    check_refused(session, &in, &out, SOCLE_SHAPE_MISMATCH, "input 'x': dimension 1 is 20, the tensor given for it has 19 there");
    in = socle_tensor_f32(x, 1, (int64_t[]){FEATURES});
    check_refused(session, &in, &out, SOCLE_SHAPE_MISMATCH, "input 'x' has rank 2, the tensor given for it has rank 1");
    in = socle_tensor_f32(x, 2, (int64_t[]){1, FEATURES});
    in.dtype = SOCLE_INT32;
    check_refused(session, &in, &out, SOCLE_TYPE_MISMATCH, "input 'x' is float32, the tensor given for it is int32");
    in.dtype = SOCLE_FLOAT32;
    in.data = NULL;
    check_refused(session, &in, &out, SOCLE_INVALID_ARGUMENT, "input 'x' needs 80 bytes, the memory given for it has 0");
    in.data = x;
    out = socle_tensor_f32(y, 2, (int64_t[]){2, CLASSES});
    check_refused(session, &in, &out, SOCLE_SHAPE_MISMATCH, "output 'y' has shape [1, 7], the tensor given for it [2, 7]");
    cr_assert_eq(socle_session_run(session, &in, 0, &out, 1), SOCLE_INVALID_ARGUMENT);
    cr_assert_str_eq(socle_error_message(), "the model has 1 inputs, 0 were given");
    check_answer(session, &n, 1, 9);
    socle_session_destroy(session);
    socle_model_destroy(model);
    socle_context_destroy(context);
}
