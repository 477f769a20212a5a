/* Loads an ONNX model and answers one input again and again, as quickly as this machine can.
 *
 *   example_infer model.onnx [requests]
 *
 * Every input of the model is filled with the same ramp; unknown dimensions are 1. */
#include <socle/socle.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_TENSORS = 16 };

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Memory for a tensor of the session; float inputs get a ramp from 0 to 1, others stay zero. */
static int allocate(const socle_value_info *info, socle_tensor *tensor)
{
    int64_t count = 1;
    for (int i = 0; i < info->rank; i++)
        count *= info->dims[i];
    const size_t element_bytes = socle_dtype_size_bytes(info->dtype);
    void *data = calloc((size_t)count + 1, element_bytes); /* + 1: never empty */
    if (data == NULL)
        return 0;
    if (info->dtype == SOCLE_FLOAT32)
        for (int64_t i = 0; i < count; i++)
            ((float *)data)[i] = (float)i / (float)count;
    *tensor = socle_tensor_of(info->dtype, element_bytes, data, info->rank, info->dims);
    return 1;
}

static socle_status measure(socle_session *session, const socle_tensor *inputs, int input_count, socle_tensor *outputs,
                            int output_count, double *times_ms, int requests)
{
    for (int i = 0; i < requests; i++) {
        const double start_ms = now_ms();
        const socle_status status = socle_session_run(session, inputs, input_count, outputs, output_count);
        if (status != SOCLE_OK)
            return status;
        times_ms[i] = now_ms() - start_ms;
    }
    return SOCLE_OK;
}

int main(int argc, char **argv)
{
    const int requests = argc > 2 ? atoi(argv[2]) : 1000;
    if (argc < 2 || requests < 1) {
        fprintf(stderr, "usage: %s model.onnx [requests]\n", argv[0]);
        return 2;
    }
    socle_context *context = NULL;
    socle_model *model = NULL;
    socle_session *session = NULL;
    socle_tensor inputs[MAX_TENSORS] = {0}, outputs[MAX_TENSORS] = {0};
    int input_count = 0, output_count = 0, exit_status = EXIT_FAILURE;
    double *times_ms = calloc((size_t)requests, sizeof(*times_ms));

    socle_session_options options = SOCLE_SESSION_OPTIONS_INIT;
    options.goal = SOCLE_GOAL_LATENCY;
    if (times_ms == NULL || socle_context_create(NULL, &context) != SOCLE_OK ||
        socle_model_load(context, argv[1], &model) != SOCLE_OK ||
        socle_session_create(context, model, &options, &session) != SOCLE_OK)
        goto cleanup;

    socle_value_info info;
    for (; input_count < MAX_TENSORS && input_count < socle_model_input_count(model); input_count++)
        if (socle_session_input(session, input_count, &info) != SOCLE_OK || !allocate(&info, &inputs[input_count]))
            goto cleanup;
    for (; output_count < MAX_TENSORS && output_count < socle_model_output_count(model); output_count++)
        if (socle_session_output(session, output_count, &info) != SOCLE_OK || !allocate(&info, &outputs[output_count]))
            goto cleanup;

    if (measure(session, inputs, input_count, outputs, output_count, times_ms, requests) != SOCLE_OK)
        goto cleanup;
    qsort(times_ms, (size_t)requests, sizeof(*times_ms), compare);
    printf("%s\n", socle_session_placement(session)); /* device, ms, why */
    printf("%d requests: median %.4f ms, 99 of 100 below %.4f ms\n", requests, times_ms[requests / 2],
           times_ms[(int64_t)requests * 99 / 100]);
    exit_status = EXIT_SUCCESS;

cleanup:
    if (exit_status != EXIT_SUCCESS)
        fprintf(stderr, "%s\n", socle_error_message());
    for (int i = 0; i < MAX_TENSORS; i++) {
        free(inputs[i].data);
        free(outputs[i].data);
    }
    socle_session_destroy(session);
    socle_model_destroy(model);
    socle_context_destroy(context);
    free(times_ms);
    return exit_status;
}
