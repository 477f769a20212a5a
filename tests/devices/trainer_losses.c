/* Training by each loss on every device: cross entropy on the digits beside PyTorch's own losses, mean squared error and binary
 * cross entropy beside a network written out in float64. */
#include "on_devices.h"

#include "device/device.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(trainer_losses, .timeout = 300);

enum { MOST_PARAMETERS = 64 * 128 + 128 + 128 * 10 + 10 };

typedef struct network {
    int features, hidden, outputs, count;
    float start[MOST_PARAMETERS]; /* first weights, first bias, second weights, second bias */
} network;

static float number(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) * 0x1p-23f - 1;
}

/* The starting weights of tests/interoperability/pytorch_losses.py. */
static void start(network *n, int features, int hidden, int outputs)
{
    uint32_t state = 1;
    *n = (network){features, hidden, outputs, (features + 1) * hidden + (hidden + 1) * outputs, {0}};
    for (int i = 0; i < n->count; i++)
        n->start[i] = number(&state) * (float)(1 / sqrt(i < (features + 1) * hidden ? features : hidden));
}

static socle_value parameter(socle_graph *g, const char *name, float *data, int rank, const int64_t *dims)
{
    socle_value v;
    const socle_tensor tensor = socle_tensor_f32(data, rank, dims);
    cr_assert_eq(socle_graph_initializer(g, name, &tensor, 1, &v), SOCLE_OK, "%s", socle_error_message());
    return v;
}

static socle_value dense(socle_graph *g, const char *name, socle_value x, float *data, int features, int units)
{
    const socle_attribute transposed = {.name = "transB", .kind = SOCLE_ATTRIBUTE_INT, .i = 1};
    char bias[16];
    socle_value y;
    snprintf(bias, sizeof(bias), "%s.bias", name);
    const socle_value inputs[] = {x, parameter(g, name, data, 2, (int64_t[]){units, features}),
                                  parameter(g, bias, data + features * units, 1, (int64_t[]){units})};
    cr_assert_eq(socle_graph_node(g, "Gemm", NULL, name, inputs, 3, &transposed, 1, &y, 1), SOCLE_OK, "%s",
                 socle_error_message());
    return y;
}

static socle_model *make_model(socle_context *context, network *n)
{
    socle_graph *g = NULL;
    socle_model *model = NULL;
    socle_value x;
    cr_assert_eq(socle_graph_create(context, "net", &g), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_graph_input(g, "x", SOCLE_FLOAT32, 2, (int64_t[]){-1, n->features}, (const char *[]){"batch", NULL}, &x),
                 SOCLE_OK, "%s", socle_error_message());
    const socle_value h = socle_graph_unary(g, "Relu", dense(g, "first", x, n->start, n->features, n->hidden));
    const socle_value y = dense(g, "second", h, n->start + (n->features + 1) * n->hidden, n->hidden, n->outputs);
    cr_assert_eq(socle_graph_output(g, y, "y"), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_model_create(context, g, &model), SOCLE_OK, "%s", socle_error_message());
    return model;
}

static socle_trainer *open_trainer(socle_device *device, const socle_model *model, socle_trainer_options options)
{
    socle_trainer *trainer = NULL;
    options.devices = socle_device_get_info(device)->id;
    options.momentum = 0.9;
    options.budget_s = 0;
    cr_assert_eq(socle_trainer_create(device->context, model, &options, &trainer), SOCLE_OK, "%s", socle_error_message());
    return trainer;
}

static double step(socle_trainer *trainer, const socle_tensor *x, const socle_tensor *labels)
{
    double loss = NAN;
    cr_assert_eq(socle_trainer_step(trainer, x, 1, labels, &loss), SOCLE_OK, "%s", socle_error_message());
    return loss;
}

/* ---- PyTorch ---- */

static char *path_of(const char *file)
{
    const char *folder = getenv("SOCLE_TEST_SOURCE_DIR");
    char *path = memory_format("%s/%s", folder != NULL ? folder : ".", file);
    cr_assert_not_null(path);
    return path;
}

static void train_digits(socle_device *device)
{
    enum { ROWS = 32, FEATURES = 64, TRAINED_ROWS = 1437, LOSSES = 50 };
    static network n;
    char line[128], *expected_path = path_of("tests/interoperability/pytorch_losses.txt"),
                    *data_path = path_of("examples/digits.csv.gz");
    socle_tensor data, labels;
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    FILE *expected = fopen(expected_path, "r");
    cr_assert(expected != NULL && fgets(line, sizeof(line), expected) != NULL, "%s", expected_path);
    cr_assert_eq(socle_csv_read(data_path, -1, 1.0 / 16, &data, &labels), SOCLE_OK, "%s", socle_error_message());
    start(&n, FEATURES, 128, 10);
    options.batch = ROWS;
    options.lr = 0.1;
    socle_model *model = make_model(device->context, &n);
    socle_trainer *trainer = open_trainer(device, model, options);
    for (int i = 0; i < LOSSES; i++) {
        const int first = i % (TRAINED_ROWS / ROWS) * ROWS;
        const socle_tensor x = socle_tensor_f32((float *)data.data + first * FEATURES, 2, (int64_t[]){ROWS, FEATURES}),
                           truth = socle_tensor_i64((int64_t *)labels.data + first, 1, (int64_t[]){ROWS});
        cr_assert_not_null(fgets(line, sizeof(line), expected));
        const double loss = step(trainer, &x, &truth), theirs = strtod(line, NULL);
        cr_assert(theirs > 0.05 && fabs(loss - theirs) <= 1e-3 * theirs, "%s, step %d: %.9g, PyTorch %.9g",
                  socle_device_get_info(device)->id, i, loss, theirs);
    }
    fclose(expected);
    socle_trainer_destroy(trainer);
    socle_model_destroy(model);
    socle_tensor_free(&labels);
    socle_tensor_free(&data);
    memory_free(data_path);
    memory_free(expected_path);
}

Test(trainer_losses, the_first_losses_on_digits_are_those_of_pytorch)
{
    test_on_devices(train_digits);
}

/* ---- float64 ---- */

enum { ROWS = 12, FEATURES = 9, HIDDEN = 14, OUTPUTS = 5, STEPS = 20 };

/* d loss / d y, and the loss of one element. */
static double element_loss(socle_loss loss, double y, double t, double *slope)
{
    if (loss == SOCLE_LOSS_MSE) {
        *slope = 2 * (y - t);
        return (y - t) * (y - t);
    }
    *slope = 1 / (1 + exp(-y)) - t;
    return (y > 0 ? y : 0) - y * t + log1p(exp(-fabs(y)));
}

static double reference_row(const double *p, double *gradient, socle_loss loss, const float *x, const float *t)
{
    const double *b1 = p + FEATURES * HIDDEN, *w2 = b1 + HIDDEN, *b2 = w2 + HIDDEN * OUTPUTS;
    double *g1 = gradient + FEATURES * HIDDEN, *g2 = g1 + HIDDEN, *g3 = g2 + HIDDEN * OUTPUTS;
    double h[HIDDEN], dh[HIDDEN] = {0}, sum = 0;
    for (int i = 0; i < HIDDEN; i++) {
        h[i] = b1[i];
        for (int k = 0; k < FEATURES; k++)
            h[i] += p[i * FEATURES + k] * x[k];
        h[i] = h[i] > 0 ? h[i] : 0;
    }
    for (int o = 0; o < OUTPUTS; o++) {
        double y = b2[o], slope;
        for (int i = 0; i < HIDDEN; i++)
            y += w2[o * HIDDEN + i] * h[i];
        sum += element_loss(loss, y, t[o], &slope) / (ROWS * OUTPUTS);
        slope /= ROWS * OUTPUTS;
        g3[o] += slope;
        for (int i = 0; i < HIDDEN; i++) {
            g2[o * HIDDEN + i] += slope * h[i];
            dh[i] += slope * w2[o * HIDDEN + i];
        }
    }
    for (int i = 0; i < HIDDEN; i++) {
        g1[i] += h[i] > 0 ? dh[i] : 0;
        for (int k = 0; k < FEATURES; k++)
            gradient[i * FEATURES + k] += h[i] > 0 ? dh[i] * x[k] : 0;
    }
    return sum;
}

static void train_beside_reference(socle_device *device, socle_loss loss)
{
    static network n;
    static double p[MOST_PARAMETERS], gradient[MOST_PARAMETERS], moment[MOST_PARAMETERS];
    float x[ROWS * FEATURES], t[ROWS * OUTPUTS];
    uint32_t state = 99;
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    options.loss = loss;
    options.batch = ROWS;
    options.lr = loss == SOCLE_LOSS_MSE ? 0.1 : 0.5;
    start(&n, FEATURES, HIDDEN, OUTPUTS);
    memset(moment, 0, sizeof(moment));
    for (int i = 0; i < n.count; i++)
        p[i] = n.start[i];
    for (int i = 0; i < ROWS * FEATURES; i++)
        x[i] = number(&state);
    for (int i = 0; i < ROWS * OUTPUTS; i++)
        t[i] = loss == SOCLE_LOSS_MSE ? 2 * number(&state) : (number(&state) + 1) / 2;
    socle_model *model = make_model(device->context, &n);
    socle_trainer *trainer = open_trainer(device, model, options);
    const socle_tensor in = socle_tensor_f32(x, 2, (int64_t[]){ROWS, FEATURES}),
                       truth = socle_tensor_f32(t, 2, (int64_t[]){ROWS, OUTPUTS});
    double first = 0, expected = 0, evaluated, accuracy;
    for (int i = 0; i <= STEPS; i++) {
        memset(gradient, 0, sizeof(gradient));
        expected = 0;
        for (int row = 0; row < ROWS; row++)
            expected += reference_row(p, gradient, loss, x + row * FEATURES, t + row * OUTPUTS);
        first = i == 0 ? expected : first;
        if (i == STEPS)
            break;
        const double made = step(trainer, &in, &truth);
        cr_assert_float_eq(made, expected, 1e-4 * expected, "step %d on %s: loss %.9g instead of %.9g", i,
                           socle_device_get_info(device)->id, made, expected);
        for (int k = 0; k < n.count; k++) {
            moment[k] = 0.9 * moment[k] + gradient[k];
            p[k] -= options.lr * moment[k];
        }
    }
    cr_assert_eq(socle_trainer_evaluate(trainer, &in, 1, &truth, &evaluated, &accuracy), SOCLE_OK, "%s", socle_error_message());
    cr_assert_float_eq(evaluated, expected, 1e-4 * expected);
    cr_assert_lt(accuracy, 0, "there is none without classes");
    cr_assert_lt(expected, 0.97 * first, "the reference itself learns: %g, then %g", first, expected);
    socle_trainer_destroy(trainer);
    socle_model_destroy(model);
}

static void train_mse(socle_device *device)
{
    train_beside_reference(device, SOCLE_LOSS_MSE);
}

static void train_bce(socle_device *device)
{
    train_beside_reference(device, SOCLE_LOSS_BCE);
}

Test(trainer_losses, mean_squared_error_trains_as_the_reference)
{
    test_on_devices(train_mse);
}

Test(trainer_losses, binary_cross_entropy_trains_as_the_reference)
{
    test_on_devices(train_bce);
}
