/* Times a start from nothing to the first answer: context, model, session, one run. Run it twice: the second time everything is
 * in the store. Prints one JSON object with the parts in ms. usage: warm_start MODEL.onnx [DEVICES] */
#include <socle/socle.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: warm_start MODEL.onnx [DEVICES]\n");
        return 2;
    }
    socle_context *context = NULL;
    socle_model *model = NULL;
    socle_session *session = NULL;
    socle_tensor in, out = {.rank = -1};
    socle_value_info info;
    int status = 1;
    in.data = NULL;
    socle_context_options context_options = SOCLE_CONTEXT_OPTIONS_INIT;
    socle_session_options options = SOCLE_SESSION_OPTIONS_INIT;
    context_options.pocl_basic = 1;
    context_options.pocl_affinity = 1;
    options.devices = argc > 2 ? argv[2] : NULL;
    const double start = now_ms();
    if (socle_context_create(&context_options, &context) != SOCLE_OK)
        goto cleanup;
    const double opened = now_ms();
    if (socle_model_load(context, argv[1], &model) != SOCLE_OK)
        goto cleanup;
    const double loaded = now_ms();
    if (socle_session_create(context, model, &options, &session) != SOCLE_OK ||
        socle_session_input(session, 0, &info) != SOCLE_OK)
        goto cleanup;
    const double ready = now_ms();
    in = socle_tensor_of(info.dtype, socle_dtype_size_bytes(info.dtype), NULL, info.rank, info.dims);
    in.data = calloc(1, in.size_bytes);
    if (socle_session_output(session, 0, &info) != SOCLE_OK)
        goto cleanup;
    out = socle_tensor_of(info.dtype, socle_dtype_size_bytes(info.dtype), NULL, info.rank, info.dims);
    out.data = calloc(1, out.size_bytes);
    if (in.data == NULL || out.data == NULL || socle_session_run(session, &in, 1, &out, 1) != SOCLE_OK)
        goto cleanup;
    const double answered = now_ms();
    socle_session_times times;
    socle_session_get_times(session, &times);
    printf("{\"device\": \"%s\", \"parameters\": %lld, \"context_ms\": %.2f, \"model_ms\": %.2f, \"session_ms\": %.2f, "
           "\"compile_ms\": %.2f, "
           "\"first_run_ms\": %.2f, \"total_ms\": %.2f}\n",
           times.device[0], (long long)socle_model_parameter_count(model), opened - start, loaded - opened, ready - loaded,
           times.compile_ms, answered - ready, answered - start);
    status = 0;
cleanup:
    if (status != 0)
        fprintf(stderr, "warm_start: %s\n", socle_error_message());
    free(out.data);
    free(in.data);
    socle_session_destroy(session);
    socle_model_destroy(model);
    socle_context_destroy(context);
    return status;
}
