/* socle run: one inference, or many timed ones. */
#include "tensors.h"

#include <stdlib.h>

static const char *const goal_names[] = {"latency", "throughput", NULL};

typedef struct run_options {
    const char *path, *devices;
    text_list inputs, outputs, shapes;
    int goal, profile, json, has_seed;
    int64_t batch, repeat, warmup, seed;
    double budget;
    socle_session_options session;
} run_options;

typedef struct run_result {
    double load_ms, first_ms;
    double *seconds;
    latency times;
    json_t *steps; /* --profile */
} run_result;

static void add_step(const socle_step_time *step, void *user)
{
    json_array_append_new(user, json_pack("{s:s,s:s,s:s,s:s,s:f}", "op", step->op != NULL ? step->op : "", "kernel",
                                          step->kernel != NULL ? step->kernel : "", "algorithm",
                                          step->algorithm != NULL ? step->algorithm : "", "device",
                                          step->device != NULL ? step->device : "", "us", step->us));
}

/* ---- measuring ---- */

static socle_status time_runs(socle_session *session, session_io *io, const run_options *o, run_result *r)
{
    const double start = seconds_now();
    socle_status status = socle_session_run(session, io->inputs, io->input_count, io->outputs, io->output_count);
    r->first_ms = 1e3 * (seconds_now() - start);
    for (int64_t i = 0; status == SOCLE_OK && i < o->warmup; i++)
        status = socle_session_run(session, io->inputs, io->input_count, io->outputs, io->output_count);
    for (int64_t i = 0; status == SOCLE_OK && i < o->repeat; i++) {
        const double before = seconds_now();
        status = socle_session_run(session, io->inputs, io->input_count, io->outputs, io->output_count);
        r->seconds[i] = seconds_now() - before;
    }
    if (status == SOCLE_OK)
        r->times = o->repeat > 0 ? latency_of(r->seconds, (int)o->repeat) : latency_of(&(double){r->first_ms / 1e3}, 1);
    if (status == SOCLE_OK && o->profile)
        status = socle_session_profile(session, io->inputs, io->input_count, add_step, r->steps);
    return status;
}

/* ---- printing ---- */

/* Rows of a batch: the first dimension of the first input. */
static double samples_per_run(const session_io *io)
{
    return io->input_count > 0 && io->inputs[0].rank > 0 ? (double)io->inputs[0].dims[0] : 1;
}

static int print_json(const run_options *o, const session_io *io, const run_result *r, const socle_session_times *times)
{
    json_t *outputs = json_array();
    for (int i = 0; i < io->output_count; i++)
        json_array_append_new(outputs, json_pack("{s:s,s:s,s:o}", "name", io->output_names[i], "dtype",
                                                 socle_dtype_name(io->outputs[i].dtype), "shape", shape_json(&io->outputs[i])));
    json_t *document = json_pack("{s:s,s:s,s:o,s:f,s:f,s:f,s:o,s:o,s:I,s:o}", "model", o->path, "goal", goal_names[o->goal],
                                 "placement", placement_json(times), "load_ms", r->load_ms + times->load_ms, "compile_ms",
                                 times->compile_ms, "first_ms", r->first_ms, "latency_ms", latency_json(&r->times),
                                 "throughput_per_s", json_number(1e3 * samples_per_run(io) / r->times.mean), "peak_memory_bytes",
                                 (json_int_t)times->peak_memory_bytes, "outputs", outputs);
    if (o->profile)
        json_object_set(document, "steps", r->steps);
    return json_print(document);
}

static void print_steps(const json_t *steps)
{
    static const char *const titles[] = {">us", "device", "kernel", "algorithm", "operators"};
    table *t = table_new(COUNT_OF(titles), titles);
    size_t index;
    json_t *step;
    json_array_foreach(steps, index, step)
    {
        table_cell(t, "%.2f", json_real_value(json_object_get(step, "us")));
        table_cell(t, "%s", json_string_value(json_object_get(step, "device")));
        table_cell(t, "%s", json_string_value(json_object_get(step, "kernel")));
        table_cell(t, "%s", json_string_value(json_object_get(step, "algorithm")));
        table_cell(t, "%s", json_string_value(json_object_get(step, "op")));
    }
    table_print(t, stdout);
}

static int print_text(const run_options *o, const session_io *io, const run_result *r, const socle_session_times *times,
                      const char *placement)
{
    printf("%s on %s\n", o->path, placement);
    printf("load %.1f ms, compile %.1f ms, first answer %.3f ms, %.1f MB on the device\n", r->load_ms + times->load_ms,
           times->compile_ms, r->first_ms, (double)times->peak_memory_bytes / 1e6);
    if (o->repeat > 0)
        printf("%lld runs: min %.4f, median %.4f, mean %.4f, p90 %.4f, p99 %.4f, max %.4f ms, stddev %.4f; %.0f samples/s\n",
               (long long)o->repeat, r->times.min, r->times.median, r->times.mean, r->times.p90, r->times.p99, r->times.max,
               r->times.stddev, 1e3 * samples_per_run(io) / r->times.mean);
    for (int i = 0; i < io->output_count; i++) {
        const socle_tensor *output = &io->outputs[i];
        printf("output %s: %s [", io->output_names[i], socle_dtype_name(output->dtype));
        for (int k = 0; k < output->rank; k++)
            printf("%s%lld", k > 0 ? ", " : "", (long long)output->dims[k]);
        printf("]");
        const float *values = output->data;
        for (int64_t k = 0; output->dtype == SOCLE_FLOAT32 && k < socle_tensor_count(output) && k < 10; k++)
            printf("%s%.5g", k > 0 ? " " : ": ", (double)values[k]);
        printf(output->dtype == SOCLE_FLOAT32 && socle_tensor_count(output) > 10 ? " ...\n" : "\n");
    }
    if (o->profile)
        print_steps(r->steps);
    return output_finish();
}

/* ---- the command ---- */

static int open_session(const run_options *o, socle_context *context, const socle_model *model, socle_session **session)
{
    socle_shape_binding bindings[2 * MAX_LIST];
    char names[MAX_LIST][128];
    int count = 0;
    if (!parse_bindings(&o->shapes, bindings, names))
        return usage_error("run", "--shape wants NAME=1x3x224x224");
    count = o->shapes.count;
    const int status = session_io_bind(model, &o->inputs, bindings, &count);
    if (status != DONE)
        return status;
    socle_session_options options = o->session;
    options.goal = (socle_goal)o->goal;
    options.batch = o->batch;
    options.bindings = bindings;
    options.binding_count = count;
    options.budget_s = o->budget;
    const socle_status created = socle_session_create(context, model, &options, session);
    return created == SOCLE_OK ? DONE : report(created);
}

static int run(const run_options *o)
{
    socle_context *context = NULL;
    socle_model *model = NULL;
    socle_session *session = NULL;
    session_io io = {.input_count = 0};
    socle_session_times times = {0};
    run_result r = {.steps = json_array(), .seconds = calloc((size_t)o->repeat + 1, sizeof(double))};
    int status = r.seconds == NULL ? fail("out of memory: use fewer runs") : context_open_usable(o->devices, &context);
    if (status != DONE)
        goto cleanup;
    const double start = seconds_now();
    if ((status = model_open(context, o->path, &model)) != DONE)
        goto cleanup;
    r.load_ms = 1e3 * (seconds_now() - start);
    if ((status = open_session(o, context, model, &session)) != DONE ||
        (status = session_io_open("run", session, model, &o->inputs, o->has_seed ? &o->seed : NULL, &io)) != DONE)
        goto cleanup;
    const socle_status timed = time_runs(session, &io, o, &r);
    status = timed == SOCLE_OK ? session_io_save(&io, &o->outputs) : report(timed);
    if (status != DONE)
        goto cleanup;
    socle_session_get_times(session, &times);
    status = o->json ? print_json(o, &io, &r, &times) : print_text(o, &io, &r, &times, socle_session_placement(session));
cleanup:
    session_io_close(&io);
    socle_session_destroy(session);
    socle_model_destroy(model);
    socle_context_destroy(context);
    json_decref(r.steps);
    free(r.seconds);
    return status;
}

int command_run(int argc, char **argv)
{
    run_options o = {.seed = -1, .budget = -1, .session = SOCLE_SESSION_OPTIONS_INIT};
    const option_spec options[] = {
        {"input", OPTION_LIST, &o.inputs, "NAME=FILE.npy", "an input; once for each", NULL, 0},
        {"output", OPTION_LIST, &o.outputs, "NAME=FILE.npy", "where to write an output; once for each", NULL, 0},
        {"random", OPTION_INT, &o.seed, "SEED", "fills the inputs that are not given", NULL, 0},
        {"goal", OPTION_CHOICE, &o.goal, "GOAL", "latency (default) or throughput", goal_names, 0},
        {"batch", OPTION_INT, &o.batch, "N", "value of the first symbolic dimension of each input", NULL, 1},
        {"shape", OPTION_LIST, &o.shapes, "NAME=1x3x224x224", "shape of an input, or value of a symbol", NULL, 0},
        {"repeat", OPTION_INT, &o.repeat, "N", "timed runs", NULL, 0},
        {"warmup", OPTION_INT, &o.warmup, "N", "runs before them", NULL, 0},
        {"profile", OPTION_SET, &o.profile, NULL, "the time of each step", NULL, 0},
        {"budget", OPTION_NUMBER, &o.budget, "SECONDS", "for measuring placements (default 2)", NULL, 0},
        DEMAND_OPTIONS(&o.session),
        {"device", OPTION_TEXT, &o.devices, "ID[,ID...]", "only these, by id or index", NULL, 0},
        {"json", OPTION_SET, &o.json, NULL, "one JSON document", NULL, 0},
    };
    const command_usage usage = {"run MODEL.onnx [options]",
                                 "Runs a model once, or many times to measure it, on the device that answers soonest.",
                                 "socle run model.onnx --input image=cat.npy --output scores=scores.npy",
                                 options,
                                 COUNT_OF(options),
                                 1,
                                 1};
    int status;
    if (!options_parse(&usage, argc, argv, &o.path, &status))
        return status;
    o.has_seed = o.seed >= 0;
    if (o.repeat > 10000000)
        return usage_error("run", "--repeat is at most 10000000");
    return run(&o);
}
