/* socle tune: searches algorithms and parameters for what a model, a product or a convolution needs, and keeps the winners. */
#include "tune.h"

#include <stdlib.h>
#include <string.h>

static const char *const level_names[] = {"fast", "normal", "exhaustive", NULL};

/* ---- the work, in a process of its own ---- */

typedef struct tune_options {
    const char *what, *devices;
    int level;
    socle_tune_options tune;
    double end_s;      /* of the budget */
    shape_list shapes; /* of gemm and conv */
    bool single;       /* gemm or conv */
} tune_options;

typedef struct tuning {
    const tune_options *options;
    tune_channel *channel;
    const char *device;
} tuning;

static int on_problem(const char *problem, const char *winner, double us, double default_us, int done, int total, void *user)
{
    tuning *t = user;
    const double share = total > 0 ? (double)done / total : 0;
    if (winner == NULL)
        tune_tell_alive(t->channel, t->device, problem, share);
    else
        tune_tell_row(t->channel, json_pack("{s:s,s:s,s:s,s:o,s:o}", "device", t->device, "problem", problem, "winner", winner,
                                            "us", json_measure(us), "default_us", json_measure(default_us)));
    return interrupted;
}

/* Each usable device gets an equal part of what is left of the time. */
static socle_status tune_devices(socle_context *context, const socle_model *model, double end_s, tuning *t)
{
    int left = 0;
    socle_status status = SOCLE_OK;
    for (int i = 0; i < socle_device_count(context); i++)
        left += device_usable(context, i);
    for (int i = 0; status == SOCLE_OK && i < socle_device_count(context) && !interrupted; i++) {
        const double rest_s = end_s - seconds_now();
        if (!device_usable(context, i) || rest_s <= 0)
            continue;
        socle_device *device = socle_device_at(context, i);
        socle_tune_options options = t->options->tune;
        t->device = socle_device_get_info(device)->id;
        options.level = (socle_tune_level)t->options->level;
        options.budget_s = rest_s / left--;
        options.progress = on_problem;
        options.user = t;
        status = socle_tune_model(device, model, &options);
    }
    return status == SOCLE_INTERRUPTED ? SOCLE_OK : status;
}

static int tune_one(socle_context *context, const char *shape, double end_s, tuning *t)
{
    const tune_options *o = t->options;
    socle_model *model = NULL;
    socle_status status = SOCLE_OK;
    if (shape == NULL) {
        const int opened = model_open(context, o->what, &model);
        if (opened != DONE)
            return opened;
    } else {
        status = bench_model(context, o->what, shape, &model);
    }
    if (status == SOCLE_OK)
        status = tune_devices(context, model, end_s, t);
    socle_model_destroy(model);
    return status == SOCLE_OK ? DONE : report(status);
}

static int tune_all(tune_channel *channel, const void *user)
{
    const tune_options *o = user;
    socle_context *context = NULL;
    tuning t = {.options = o, .channel = channel};
    int status = context_open_usable(o->devices, &context);
    if (status == DONE && !o->single)
        status = tune_one(context, NULL, o->end_s, &t);
    for (int i = 0; o->single && status == DONE && i < o->shapes.count && !interrupted; i++) {
        const double now_s = seconds_now(), rest_s = o->end_s > now_s ? o->end_s - now_s : 0;
        status = tune_one(context, o->shapes.shapes[i], now_s + rest_s / (o->shapes.count - i), &t);
    }
    socle_context_destroy(context);
    return status;
}

/* ---- what it found ---- */

static int print_found(const tune_found *found, bool json)
{
    static const char *const titles[] = {"device", "problem", "winner", ">us", ">times faster"};
    size_t i;
    json_t *row;
    if (json)
        return json_print(
            json_pack("{s:O,s:b,s:i}", "rows", found->rows, "interrupted", interrupted != 0, "crashes", found->crashes));
    table *t = table_new(COUNT_OF(titles), titles);
    json_array_foreach(found->rows, i, row)
    {
        const double us = json_number_value(json_object_get(row, "us"));
        const double default_us = json_number_value(json_object_get(row, "default_us"));
        table_cell(t, "%s", json_string_value(json_object_get(row, "device")));
        table_cell(t, "%s", json_string_value(json_object_get(row, "problem")));
        table_cell(t, "%s", json_string_value(json_object_get(row, "winner")));
        table_cell(t, "%.1f", us);
        table_cell(t, default_us > 0 ? "%.2f" : "kept", default_us / us);
    }
    table_print(t, stdout);
    if (interrupted)
        fputs("socle: stopped: what was found is kept\n", stderr);
    return output_finish();
}

/* ---- files of tunings ---- */

static int exchange(const char *devices, const char *export_path, const char *import_path)
{
    socle_context *context = NULL;
    int count = 0, foreign = 0;
    int status = context_open_usable(devices, &context);
    if (status != DONE)
        return status;
    if (import_path != NULL) {
        const socle_status read = socle_tunings_import(context, import_path, &count, &foreign);
        status = read == SOCLE_OK ? DONE : report_file(read);
        if (status == DONE)
            printf("%d tunings kept, %d are for other devices\n", count, foreign);
    }
    if (status == DONE && export_path != NULL) {
        const socle_status written = socle_tunings_export(context, export_path, &count);
        status = written == SOCLE_OK ? DONE : report(written);
        if (status == DONE)
            printf("%d tunings written to %s\n", count, export_path);
    }
    socle_context_destroy(context);
    return status == DONE ? output_finish() : status;
}

int command_tune(int argc, char **argv)
{
    tune_options o = {.level = SOCLE_TUNE_NORMAL, .tune = SOCLE_TUNE_OPTIONS_INIT};
    const char *export_path = NULL, *import_path = NULL;
    int json = 0, status;
    double budget = 60, patience = 60;
    text_list shapes = {0};
    const option_spec options[] = {
        {"device", OPTION_TEXT, &o.devices, "ID[,ID...]", "only these, by id or index", NULL, 0},
        {"level", OPTION_CHOICE, &o.level, "LEVEL", "fast, normal (default) or exhaustive", level_names, 0},
        {"budget", OPTION_NUMBER, &budget, "SECONDS", "for all of it (default 60)", NULL, 0},
        {"patience", OPTION_NUMBER, &patience, "SECONDS", "what tries longer is left out (default 60)", NULL, 0},
        {"batch", OPTION_INT, &o.tune.batch, "N", "value of symbolic dimensions (default 1)", NULL, 1},
        {"shape", OPTION_LIST, &shapes, "SHAPE", "of gemm or conv, as in socle bench; once for each", NULL, 0},
        {"refresh", OPTION_SET, &o.tune.refresh, NULL, "measure again what was tuned before", NULL, 0},
        DEMAND_OPTIONS(&o.tune),
        {"export", OPTION_TEXT, &export_path, "FILE", "write what was tuned on these devices", NULL, 0},
        {"import", OPTION_TEXT, &import_path, "FILE", "keep the tunings of an equal machine, or of CLBlast's tuner", NULL, 0},
        {"json", OPTION_SET, &json, NULL, "one JSON document", NULL, 0},
    };
    const command_usage usage = {
        "tune MODEL.onnx|gemm|conv [options]\n       socle tune --export FILE | --import FILE [--device ID[,ID...]]",
        "Searches the fastest algorithm and parameters for every shape that a model needs, and keeps the\n"
        "winners. Ctrl-C stops it; what was found is kept, and the next call goes on from there.",
        "socle tune model.onnx --level fast --budget 30",
        options,
        COUNT_OF(options),
        0,
        1};
    const double start_s = seconds_now();
    if (!options_parse(&usage, argc, argv, &o.what, &status))
        return status;
    if (o.what == NULL && (export_path != NULL || import_path != NULL))
        return exchange(o.devices, export_path, import_path);
    if (o.what == NULL)
        return usage_error("tune", "MODEL.onnx, gemm or conv is missing");
    if (export_path != NULL || import_path != NULL)
        return usage_error("tune", "--export and --import go without a model");
    if (budget <= 0 || patience <= 0)
        return usage_error("tune", "--budget and --patience must be above 0");
    o.single = strcmp(o.what, "gemm") == 0 || strcmp(o.what, "conv") == 0;
    if (!o.single && shapes.count > 0)
        return usage_error("tune", "--shape goes with gemm and conv");
    if (o.single && !shape_list_read(&shapes, o.what, &o.shapes))
        return usage_error("tune", "--shape is too long");
    o.end_s = start_s + budget;
    interrupt_catch();
    tune_found found = {.rows = json_array()};
    status = tune_supervise(tune_all, &o, o.end_s, patience, &found);
    if (status == DONE)
        status = print_found(&found, json != 0);
    json_decref(found.rows);
    return status;
}
