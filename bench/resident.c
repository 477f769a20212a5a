/* Times a model on one device with its inputs and outputs lying there: the steps alone, sent off together and waited for. For
 * work that is bound by memory, where moving data to and from the host would hide everything else. Prints one JSON object. usage:
 * resident MODEL.onnx DEVICE SECONDS */
#include "model/model.h"
#include "run/run.h"
#include <socle/socle.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SAMPLES 20000

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static socle_status run_once(executor *e, double *seconds)
{
    const double start = time_now_s();
    socle_status status = executor_start(e, NULL);
    if (status == SOCLE_OK)
        status = executor_wait(e);
    *seconds = time_now_s() - start;
    return status;
}

static socle_status measure(executor *e, double budget_s, double *samples, int *count)
{
    socle_status status = SOCLE_OK;
    for (int i = 0; i < 5 && status == SOCLE_OK; i++) /* warm up */
        status = run_once(e, samples);
    const double end = time_now_s() + budget_s;
    for (*count = 0; status == SOCLE_OK && *count < MAX_SAMPLES && (*count < 5 || time_now_s() < end); ++*count)
        status = run_once(e, &samples[*count]);
    qsort(samples, (size_t)*count, sizeof(*samples), ascending);
    return status;
}

static void print(const executor *e, const char *device, const double *samples, int count)
{
    printf("{\"name\": \"socle\", \"device\": \"%s\", \"median_ms\": %.6f, \"least_ms\": %.6f, \"steps\": [", device,
           samples[count / 2] * 1e3, samples[0] * 1e3);
    for (int i = 0; i < e->plan->steps.count; i++)
        printf("%s\"%s\"", i > 0 ? ", " : "", e->plan->steps.items[i].algorithm);
    printf("]}\n");
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: resident MODEL.onnx DEVICE SECONDS\n");
        return 2;
    }
    socle_context *context = NULL;
    socle_model *model = NULL;
    socle_device *device = NULL;
    device_plan *plan = NULL;
    executor *e = NULL;
    trial *t = NULL;
    double *samples = malloc(MAX_SAMPLES * sizeof(*samples));
    int count = 0;
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    const socle_plan_options plan_options = SOCLE_PLAN_OPTIONS_INIT;
    options.pocl_basic = 1;
    options.pocl_affinity = 1;
    socle_status status = samples == NULL ? SOCLE_OUT_OF_MEMORY : socle_context_create(&options, &context);
    if (status == SOCLE_OK)
        status = socle_device_find(context, argv[2], &device);
    if (status == SOCLE_OK)
        status = socle_model_load(context, argv[1], &model);
    if (status == SOCLE_OK) {
        const placement_work work = {.context = context, .model = model, .options = &plan_options};
        status = placement_part(&work, device, 1, false, &plan);
    }
    if (status == SOCLE_OK)
        status = executor_create(plan, &e);
    if (status == SOCLE_OK)
        status = trial_create(e, &t);
    if (status == SOCLE_OK) /* brings the inputs to the device */
        status = executor_run(e, (const void *const *)t->inputs, t->outputs);
    if (status == SOCLE_OK)
        status = measure(e, atof(argv[3]), samples, &count);
    if (status == SOCLE_OK)
        print(e, argv[2], samples, count);
    else
        fprintf(stderr, "resident: %s\n", socle_error_message());
    trial_destroy(t);
    executor_destroy(e);
    socle_model_destroy(model);
    socle_context_destroy(context);
    free(samples);
    return status != SOCLE_OK;
}
