/* Fifty steps of training on every device against networks and optimizers written out by hand in float64: nothing is shared with
 * the library, neither its differentiation nor its operators. And a host's own operator with a gradient of its own. */
#include "on_devices.h"

#include "base/base.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 8, FEATURES = SIDE * SIDE, CLASSES = 4, ROWS = 32, BATCHES = 5, STEPS = 50 };
enum { HIDDEN = 24, CHANNELS = 6, POOLED = CHANNELS * FEATURES / 4, MOST_HIDDEN = 96, MOST_PARAMETERS = 4096 };
#define TOLERANCE 1e-3

typedef enum network { MLP, CNN, MLP_WITH_OWN_OPERATOR } network;

/* The parameters one after another: first layer's weights and bias, then those of the dense layer behind it. */
typedef struct by_hand {
    network network;
    int first, hidden, count; /* first: weights of the first layer */
    double p[MOST_PARAMETERS], gradient[MOST_PARAMETERS], m[MOST_PARAMETERS], v[MOST_PARAMETERS];
    float start[MOST_PARAMETERS];
    float x[BATCHES][ROWS * FEATURES];
    int64_t labels[BATCHES][ROWS];
    /* of the present row */
    double z[CHANNELS * FEATURES], h[MOST_HIDDEN], dh[MOST_HIDDEN];
    int from[MOST_HIDDEN]; /* which z each h came from */
} by_hand;

static float number(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) * 0x1p-23f - 1;
}

static by_hand *by_hand_create(network network)
{
    by_hand *r = calloc(1, sizeof(*r));
    uint32_t random = 5;
    r->network = network;
    r->first = network == CNN ? CHANNELS * 9 : HIDDEN * FEATURES;
    r->hidden = network == CNN ? POOLED : HIDDEN;
    r->count = r->first + (network == CNN ? CHANNELS : HIDDEN) + CLASSES * r->hidden + CLASSES;
    for (int i = 0; i < r->count; i++)
        r->p[i] = r->start[i] = number(&random) * (network == CNN && i < r->first ? 0.3f : 0.15f);
    for (int b = 0; b < BATCHES; b++)
        for (int i = 0; i < ROWS; i++) {
            r->labels[b][i] = (i * 7 + b) % CLASSES;
            for (int k = 0; k < FEATURES; k++)
                r->x[b][i * FEATURES + k] = number(&random) + (k % 16 / 4 == r->labels[b][i] ? 0.4f : 0);
        }
    return r;
}

/* ---- one row ---- */

static double image_at(const float *x, int row, int column)
{
    return row < 0 || row >= SIDE || column < 0 || column >= SIDE ? 0 : x[row * SIDE + column];
}

static void convolve(by_hand *r, const float *x)
{
    for (int c = 0; c < CHANNELS; c++)
        for (int i = 0; i < FEATURES; i++) {
            double sum = r->p[r->first + c];
            for (int k = 0; k < 9; k++)
                sum += r->p[c * 9 + k] * image_at(x, i / SIDE + k / 3 - 1, i % SIDE + k % 3 - 1);
            r->z[c * FEATURES + i] = sum;
        }
    for (int c = 0; c < CHANNELS; c++)
        for (int i = 0; i < FEATURES / 4; i++) {
            const int corner = c * FEATURES + i / (SIDE / 2) * 2 * SIDE + i % (SIDE / 2) * 2, h = c * FEATURES / 4 + i;
            r->from[h] = corner;
            for (int k = 1; k < 4; k++)
                if (r->z[corner + k / 2 * SIDE + k % 2] > r->z[r->from[h]])
                    r->from[h] = corner + k / 2 * SIDE + k % 2;
        }
}

static void multiply(by_hand *r, const float *x)
{
    for (int i = 0; i < HIDDEN; i++) {
        r->z[i] = r->p[r->first + i];
        for (int k = 0; k < FEATURES; k++)
            r->z[i] += r->p[i * FEATURES + k] * x[k];
        r->from[i] = i;
    }
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double activation(const by_hand *r, double z, double *slope)
{
    if (r->network == MLP_WITH_OWN_OPERATOR) { /* x sigmoid(x) */
        *slope = sigmoid(z) * (1 + z * (1 - sigmoid(z)));
        return z * sigmoid(z);
    }
    *slope = z > 0;
    return z > 0 ? z : 0;
}

static double row_loss(by_hand *r, const float *x, int64_t label)
{
    const double *w = r->p + r->first + (r->network == CNN ? CHANNELS : HIDDEN), *b = w + CLASSES * r->hidden;
    double *dw = r->gradient + (w - r->p), *db = r->gradient + (b - r->p), y[CLASSES], sum = 0, slope[MOST_HIDDEN];
    r->network == CNN ? convolve(r, x) : multiply(r, x);
    for (int i = 0; i < r->hidden; i++)
        r->h[i] = activation(r, r->z[r->from[i]], &slope[i]);
    for (int c = 0; c < CLASSES; c++) {
        y[c] = b[c];
        for (int i = 0; i < r->hidden; i++)
            y[c] += w[c * r->hidden + i] * r->h[i];
        sum += exp(y[c]);
    }
    memset(r->dh, 0, sizeof(r->dh));
    for (int c = 0; c < CLASSES; c++) {
        const double dy = (exp(y[c]) / sum - (c == label)) / ROWS;
        db[c] += dy;
        for (int i = 0; i < r->hidden; i++) {
            dw[c * r->hidden + i] += dy * r->h[i];
            r->dh[i] += dy * w[c * r->hidden + i] * slope[i];
        }
    }
    for (int i = 0; i < r->hidden; i++) {
        const int at = r->from[i] % FEATURES, unit = r->network == CNN ? r->from[i] / FEATURES : i;
        r->gradient[r->first + unit] += r->dh[i];
        if (r->network == CNN)
            for (int k = 0; k < 9; k++)
                r->gradient[unit * 9 + k] += r->dh[i] * image_at(x, at / SIDE + k / 3 - 1, at % SIDE + k % 3 - 1);
        else
            for (int k = 0; k < FEATURES; k++)
                r->gradient[unit * FEATURES + k] += r->dh[i] * x[k];
    }
    return (log(sum) - y[label]) / ROWS;
}

/* ---- one step, as PyTorch's optimizers do it ---- */

static void update(by_hand *r, const socle_trainer_options *o, int step)
{
    for (int i = 0; i < r->count; i++) {
        double g = r->gradient[i];
        if (o->optimizer == SOCLE_ADAMW)
            r->p[i] -= o->lr * o->weight_decay * r->p[i];
        else
            g += o->weight_decay * r->p[i];
        if (o->optimizer == SOCLE_SGD) {
            r->m[i] = step == 0 ? g : o->momentum * r->m[i] + g;
            r->p[i] -= o->lr * (o->nesterov ? g + o->momentum * r->m[i] : r->m[i]);
            continue;
        }
        r->m[i] = o->beta1 * r->m[i] + (1 - o->beta1) * g;
        r->v[i] = o->beta2 * r->v[i] + (1 - o->beta2) * g * g;
        const double m = r->m[i] / (1 - pow(o->beta1, step + 1)), v = r->v[i] / (1 - pow(o->beta2, step + 1));
        r->p[i] -= o->lr * m / (sqrt(v) + o->epsilon);
    }
}

static double by_hand_step(by_hand *r, const socle_trainer_options *o, int step)
{
    double loss = 0;
    memset(r->gradient, 0, sizeof(r->gradient));
    for (int i = 0; i < ROWS; i++)
        loss += row_loss(r, r->x[step % BATCHES] + i * FEATURES, r->labels[step % BATCHES][i]);
    update(r, o, step);
    return loss;
}

/* ---- the same network for the library ---- */

static socle_status infer_swish(const socle_shape *inputs, socle_shape *outputs, void *user)
{
    (void)user;
    outputs[0] = inputs[0];
    return SOCLE_OK;
}

/* dx = dy s (1 + x (1 - s)), from s = y / x: the sigmoid again */
static socle_status swish_gradient(socle_graph *graph, const socle_value *inputs, const socle_value *outputs,
                                   const socle_value *output_gradients, socle_value *input_gradients, void *user)
{
    (void)user;
    const socle_value s = socle_graph_unary(graph, "Sigmoid", inputs[0]);
    const socle_value slope = socle_graph_binary(
        graph, "Add", s, socle_graph_binary(graph, "Sub", outputs[0], socle_graph_binary(graph, "Mul", outputs[0], s)));
    input_gradients[0] = socle_graph_binary(graph, "Mul", output_gradients[0], slope);
    return input_gradients[0] != SOCLE_NO_VALUE ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
}

static void register_swish(socle_context *context)
{
    socle_custom_operator op = SOCLE_CUSTOM_OPERATOR_INIT;
    op.name = "Swish";
    op.domain = "test";
    op.input_count = op.output_count = 1;
    op.source = "__kernel void swish(__global const float *x, __global float *y)\n"
                "{ const size_t i = get_global_id(0); if (i < OUT0_COUNT) y[i] = x[i] / (1 + exp(-x[i])); }\n";
    op.kernel = "swish";
    op.infer = infer_swish;
    op.gradient = swish_gradient;
    cr_assert_eq(socle_operator_register(context, &op), SOCLE_OK, "%s", socle_error_message());
}

static socle_value parameter(socle_graph *g, const char *name, float **at, int rank, const int64_t *dims)
{
    socle_value v;
    const socle_tensor data = socle_tensor_f32(*at, rank, dims);
    cr_assert_eq(socle_graph_initializer(g, name, &data, 1, &v), SOCLE_OK, "%s", socle_error_message());
    *at += socle_tensor_count(&data);
    return v;
}

static socle_value node(socle_graph *g, const char *op, const char *domain, int inputs, const socle_value *values, int attributes,
                        const socle_attribute *list)
{
    socle_value y;
    cr_assert_eq(socle_graph_node(g, op, domain, op, values, inputs, list, attributes, &y, 1), SOCLE_OK, "%s",
                 socle_error_message());
    return y;
}

static socle_value dense(socle_graph *g, const char *name, socle_value x, float **at, int64_t units, int64_t features)
{
    char weight[32], bias[32];
    const socle_attribute transposed = {.name = "transB", .kind = SOCLE_ATTRIBUTE_INT, .i = 1};
    snprintf(weight, sizeof(weight), "%s.w", name);
    snprintf(bias, sizeof(bias), "%s.b", name);
    const socle_value w = parameter(g, weight, at, 2, (int64_t[]){units, features}), b = parameter(g, bias, at, 1, &units);
    return node(g, "Gemm", NULL, 3, (socle_value[]){x, w, b}, 1, &transposed);
}

static socle_value features_of_images(socle_graph *g, socle_value x, float **at)
{
    const int64_t pads[] = {1, 1, 1, 1}, two[] = {2, 2};
    const socle_attribute padded = {.name = "pads", .kind = SOCLE_ATTRIBUTE_INTS, .ints = pads, .count = 4};
    const socle_attribute pool[] = {{.name = "kernel_shape", .kind = SOCLE_ATTRIBUTE_INTS, .ints = two, .count = 2},
                                    {.name = "strides", .kind = SOCLE_ATTRIBUTE_INTS, .ints = two, .count = 2}};
    const socle_value w = parameter(g, "k.w", at, 4, (int64_t[]){CHANNELS, 1, 3, 3}),
                      b = parameter(g, "k.b", at, 1, (int64_t[]){CHANNELS});
    const socle_value y = socle_graph_unary(g, "Relu", node(g, "Conv", NULL, 3, (socle_value[]){x, w, b}, 1, &padded));
    return socle_graph_unary(g, "Flatten", node(g, "MaxPool", NULL, 1, &y, 2, pool));
}

static socle_model *make_model(socle_context *context, by_hand *r)
{
    const char *const batch[] = {"batch", NULL, NULL, NULL};
    const bool images = r->network == CNN;
    socle_graph *g = NULL;
    socle_model *model = NULL;
    socle_value x, h;
    float *at = r->start;
    if (r->network == MLP_WITH_OWN_OPERATOR)
        register_swish(context);
    cr_assert_eq(socle_graph_create(context, "net", &g), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_graph_input(g, "x", SOCLE_FLOAT32, images ? 4 : 2,
                                   images ? (int64_t[]){-1, 1, SIDE, SIDE} : (int64_t[]){-1, FEATURES}, batch, &x),
                 SOCLE_OK, "%s", socle_error_message());
    if (images) {
        h = features_of_images(g, x, &at);
    } else {
        const socle_value z = dense(g, "first", x, &at, HIDDEN, FEATURES);
        h = r->network == MLP ? socle_graph_unary(g, "Relu", z) : node(g, "Swish", "test", 1, &z, 0, NULL);
    }
    cr_assert_eq(socle_graph_output(g, dense(g, "last", h, &at, CLASSES, r->hidden), "y"), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(at - r->start, r->count);
    cr_assert_eq(socle_model_create(context, g, &model), SOCLE_OK, "%s", socle_error_message());
    return model;
}

/* ---- both, step by step ---- */

static void train_on(socle_context *context, const socle_model *model, by_hand *r, const socle_trainer_options *options,
                     const double *losses)
{
    socle_trainer *trainer = NULL;
    cr_assert_eq(socle_trainer_create(context, model, options, &trainer), SOCLE_OK, "%s", socle_error_message());
    for (int step = 0; step < STEPS; step++) {
        const int64_t flat[] = {ROWS, FEATURES}, image[] = {ROWS, 1, SIDE, SIDE}, rows[] = {ROWS};
        const socle_tensor x = r->network == CNN ? socle_tensor_f32(r->x[step % BATCHES], 4, image)
                                                 : socle_tensor_f32(r->x[step % BATCHES], 2, flat);
        const socle_tensor labels = socle_tensor_i64(r->labels[step % BATCHES], 1, rows);
        double loss;
        cr_assert_eq(socle_trainer_step(trainer, &x, 1, &labels, &loss), SOCLE_OK, "%s", socle_error_message());
        cr_assert_float_eq(loss, losses[step], TOLERANCE * losses[step], "%s, step %d: loss %.9g instead of %.9g",
                           options->devices, step, loss, losses[step]);
    }
    socle_trainer_destroy(trainer);
}

static void check(network network, socle_trainer_options options)
{
    double losses[STEPS];
    by_hand *r = by_hand_create(network);
    socle_context *context = test_context("");
    socle_model *model = make_model(context, r);
    options.batch = ROWS;
    options.budget_s = 0;
    for (int step = 0; step < STEPS; step++)
        losses[step] = by_hand_step(r, &options, step);
    cr_assert_lt(losses[STEPS - 1], 0.7 * losses[0], "nothing was learnt: %g, then %g", losses[0], losses[STEPS - 1]);
    for (int i = 0; i < socle_device_count(context); i++) {
        const socle_device_info *info = socle_device_get_info(socle_device_at(context, i));
        options.devices = info->id;
        if (info->status == SOCLE_DEVICE_OK && !info->is_sub_device)
            train_on(context, model, r, &options, losses);
    }
    socle_model_destroy(model);
    socle_context_destroy(context);
    free(r);
    cr_assert_eq(memory_live_count(), 0, "%lld allocations are left", (long long)memory_live_count());
}

static socle_trainer_options sgd(void)
{
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    options.lr = 0.05;
    options.momentum = 0.9;
    return options;
}

Test(trainer_by_hand, fifty_steps_of_an_mlp_with_momentum)
{
    check(MLP, sgd());
}

Test(trainer_by_hand, fifty_steps_of_a_cnn_with_momentum)
{
    check(CNN, sgd());
}

Test(trainer_by_hand, fifty_steps_with_nesterovs_momentum_and_weight_decay)
{
    socle_trainer_options options = sgd();
    options.nesterov = 1;
    options.weight_decay = 0.01;
    check(MLP, options);
}

Test(trainer_by_hand, fifty_steps_with_adam)
{
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    options.optimizer = SOCLE_ADAM;
    options.lr = 0.01;
    check(CNN, options);
}

Test(trainer_by_hand, fifty_steps_with_adamw)
{
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    options.optimizer = SOCLE_ADAMW;
    options.lr = 0.01;
    options.weight_decay = 0.1;
    check(MLP, options);
}

Test(trainer_by_hand, fifty_steps_with_an_operator_and_a_gradient_of_the_hosts_own)
{
    check(MLP_WITH_OWN_OPERATOR, sgd());
}
