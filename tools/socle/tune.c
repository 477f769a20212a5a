/* socle tune: searches algorithms and parameters for what a model, a product or a convolution needs, and keeps the winners. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

static const char *const level_names[] = {"fast", "normal", "exhaustive", NULL};

typedef struct tuning {
    const char *device;
    table *table;
    json_t *rows;
} tuning;

static int on_problem(const char *problem, const char *winner, double us, double default_us, int done, int total, void *user)
{
    tuning *t = user;
    progress_show(total > 0 ? (double)done / total : 0, "%s: %s", t->device, problem);
    table_cell(t->table, "%s", t->device);
    table_cell(t->table, "%s", problem);
    table_cell(t->table, "%s", winner != NULL ? winner : "");
    table_cell(t->table, "%.1f", us);
    table_cell(t->table, default_us > 0 && us > 0 ? "%.2f" : "-", default_us / us);
    json_array_append_new(t->rows, json_pack("{s:s,s:s,s:s,s:o,s:o}", "device", t->device, "problem", problem, "winner",
                                             winner != NULL ? winner : "", "us", json_measure(us), "default_us",
                                             json_measure(default_us)));
    return interrupted;
}

/* Each usable device gets an equal part of what is left of the budget. */
static socle_status tune_devices(socle_context *context, const socle_model *model, int64_t batch, int level, double budget,
                                 tuning *t)
{
    const double end = seconds_now() + budget;
    int left = 0;
    socle_status status = SOCLE_OK;
    for (int i = 0; i < socle_device_count(context); i++)
        left += device_usable(context, i);
    for (int i = 0; status == SOCLE_OK && i < socle_device_count(context) && !interrupted; i++) {
        if (!device_usable(context, i))
            continue;
        socle_device *device = socle_device_at(context, i);
        const double rest = end - seconds_now();
        t->device = socle_device_get_info(device)->id;
        status = socle_tune_model(device, model, batch, (socle_tune_level)level, rest > 0.1 ? rest / left : 0.1, on_problem, t);
        left--;
    }
    progress_clear();
    return status == SOCLE_INTERRUPTED ? SOCLE_OK : status;
}

static int tune_one(socle_context *context, const char *what, const char *shape, int64_t batch, int level, double budget,
                    tuning *t)
{
    socle_model *model = NULL;
    int status = DONE;
    if (shape == NULL) {
        status = model_open(context, what, &model);
    } else {
        const socle_status built = bench_model(context, what, shape, &model);
        status = built == SOCLE_OK ? DONE : report(built);
    }
    const socle_status tuned = status == DONE ? tune_devices(context, model, batch, level, budget, t) : SOCLE_OK;
    socle_model_destroy(model);
    return tuned == SOCLE_OK ? status : report(tuned);
}

int command_tune(int argc, char **argv)
{
    static const char *const titles[] = {"device", "problem", "winner", ">us", ">times faster"};
    const char *what = NULL, *devices = NULL;
    int level = SOCLE_TUNE_NORMAL, json = 0;
    int64_t batch = 1;
    double budget = 60;
    text_list shapes = {0};
    const option_spec options[] = {
        {"device", OPTION_TEXT, &devices, "ID[,ID...]", "only these, by id or index", NULL, 0},
        {"level", OPTION_CHOICE, &level, "LEVEL", "fast, normal (default) or exhaustive", level_names, 0},
        {"budget", OPTION_NUMBER, &budget, "SECONDS", "for all of it (default 60)", NULL, 0},
        {"batch", OPTION_INT, &batch, "N", "value of symbolic dimensions (default 1)", NULL, 1},
        {"shape", OPTION_LIST, &shapes, "SHAPE", "of gemm or conv, as in socle bench; once for each", NULL, 0},
        {"json", OPTION_SET, &json, NULL, "one JSON document", NULL, 0},
    };
    const command_usage usage = {
        "tune MODEL.onnx|gemm|conv [options]",
        "Searches the fastest algorithm and parameters for every shape that a model needs, and keeps the\n"
        "winners. Ctrl-C stops it; what was found is kept.",
        "socle tune model.onnx --level fast --budget 30",
        options,
        COUNT_OF(options),
        1,
        1};
    socle_context *context = NULL;
    shape_list list;
    int status;
    if (!options_parse(&usage, argc, argv, &what, &status))
        return status;
    const bool operator= strcmp(what, "gemm") == 0 || strcmp(what, "conv") == 0;
    if (!operator&& shapes.count> 0)
        return usage_error("tune", "--shape goes with gemm and conv");
    if (operator&& !shape_list_read(&shapes, what, &list))
        return usage_error("tune", "--shape is too long");
    if ((status = context_open_usable(devices, &context)) != DONE)
        return status;
    tuning t = {.table = table_new(COUNT_OF(titles), titles), .rows = json_array()};
    interrupt_catch();
    if (!operator)
        status = tune_one(context, what, NULL, batch, level, budget, &t);
    for (int i = 0; operator&& status == DONE && i<list.count && !interrupted; i++)
        status = tune_one(context, what, list.shapes[i], batch, level, budget / list.count, &t);
    if (status == DONE && json) {
        status = json_print(json_pack("{s:O,s:b}", "rows", t.rows, "interrupted", interrupted != 0));
    } else if (status == DONE) {
        table_print(t.table, stdout);
        t.table = NULL;
        status = output_finish();
        if (interrupted)
            fputs("socle: stopped: what was found is kept\n", stderr);
    }
    table_free(t.table);
    json_decref(t.rows);
    socle_context_destroy(context);
    return status;
}
