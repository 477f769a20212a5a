/* Times training steps of a classifier on random data: one batch after the other, the loss read after each step (waiting) and, in
 * a second series, only at the end of a block (running). Prints one JSON object. bench/compare alternates it with the same
 * network in PyTorch. usage: train_step MODEL.onnx FEATURES CLASSES BATCH SECONDS [sgd|adam] [DEVICES] */
#include <socle/socle.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_STEPS = 50, MAX_SAMPLES = 20000 }; /* steps of a block: fewer where five blocks of them would take too long */

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), by_value);
    return values[count / 2];
}

/* Median seconds of a step; block 1: the loss of each step is read, else of every block-th only. */
static socle_status time_steps(socle_trainer *trainer, const socle_tensor *x, const socle_tensor *labels, int block,
                               double budget_s, double *seconds)
{
    static double samples[MAX_SAMPLES];
    int count = 0;
    double loss;
    const double end_s = now_s() + budget_s;
    while (count < 5 || (now_s() < end_s && count < MAX_SAMPLES)) {
        const double start_s = now_s();
        for (int i = 0; i < block; i++) {
            socle_status status = socle_trainer_step(trainer, x, 1, labels, i == block - 1 ? &loss : NULL);
            if (status != SOCLE_OK)
                return status;
        }
        samples[count++] = (now_s() - start_s) / block;
    }
    *seconds = median(samples, count);
    return SOCLE_OK;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: train_step MODEL.onnx FEATURES CLASSES BATCH SECONDS [sgd|adam] [DEVICES]\n");
        return 2;
    }
    const int64_t features = atoll(argv[2]), classes = atoll(argv[3]), batch = atoll(argv[4]);
    const double budget_s = atof(argv[5]);
    socle_context *context = NULL;
    socle_model *model = NULL;
    socle_trainer *trainer = NULL;
    socle_session_times times;
    double waiting_s = 0, running_s = 0;
    int status = 1;
    float *data = malloc(sizeof(float) * (size_t)(batch * features));
    int64_t *classes_of = malloc(sizeof(int64_t) * (size_t)batch);
    if (data == NULL || classes_of == NULL)
        goto cleanup;
    srand(1);
    for (int64_t i = 0; i < batch * features; i++)
        data[i] = (float)rand() / (float)RAND_MAX - 0.5f;
    for (int64_t i = 0; i < batch; i++)
        classes_of[i] = rand() % classes;
    const socle_tensor labels = socle_tensor_i64(classes_of, 1, (int64_t[]){batch});
    socle_context_options context_options = SOCLE_CONTEXT_OPTIONS_INIT;
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    context_options.pocl_basic = 1;
    context_options.pocl_affinity = 1;
    options.batch = batch;
    options.lr = 0.001;
    options.momentum = 0.9;
    options.optimizer = argc > 6 && strcmp(argv[6], "adam") == 0 ? SOCLE_ADAM : SOCLE_SGD;
    options.devices = argc > 7 ? argv[7] : NULL;
    if (socle_context_create(&context_options, &context) != SOCLE_OK || socle_model_load(context, argv[1], &model) != SOCLE_OK ||
        socle_trainer_create(context, model, &options, &trainer) != SOCLE_OK)
        goto cleanup;
    socle_value_info input;
    if (socle_model_input(model, 0, &input) != SOCLE_OK)
        goto cleanup;
    input.dims[0] = batch;
    const socle_tensor x = socle_tensor_f32(data, input.rank, input.dims);
    if (time_steps(trainer, &x, &labels, 1, budget_s / 2, &waiting_s) != SOCLE_OK)
        goto cleanup;
    const double affordable = budget_s / 10 / waiting_s;
    const int block = affordable >= MOST_STEPS ? MOST_STEPS : affordable < 2 ? 2 : (int)affordable;
    if (time_steps(trainer, &x, &labels, block, budget_s / 2, &running_s) != SOCLE_OK)
        goto cleanup;
    socle_trainer_get_times(trainer, &times);
    printf("{\"name\": \"socle\", \"device\": \"%s\", \"step_ms\": %.6g, \"step_without_reading_loss_ms\": %.6g}\n",
           times.device[0], waiting_s * 1e3, running_s * 1e3);
    status = 0;
cleanup:
    if (status != 0)
        fprintf(stderr, "train_step: %s\n", socle_error_message());
    socle_trainer_destroy(trainer);
    socle_model_destroy(model);
    socle_context_destroy(context);
    free(classes_of);
    free(data);
    return status;
}
