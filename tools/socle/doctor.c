/* socle doctor: from the OpenCL loader to a tiny network on each device, whose answer is compared with the host's. */
#include "command.h"

#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum verdict { GOOD, WARNING, BROKEN } verdict;
static const char *const verdict_names[] = {"ok", "warning", "failed"};

typedef struct doctor {
    json_t *checks;
    int counts[3];
    bool json;
} doctor;

/* advice: what to do; "" where all is well. */
static void note(doctor *d, verdict v, const char *what, const char *detail, const char *advice)
{
    d->counts[v]++;
    json_array_append_new(
        d->checks, json_pack("{s:s,s:s,s:s,s:s}", "check", what, "status", verdict_names[v], "detail", detail, "advice", advice));
    if (!d->json)
        printf("%-8s %s%s%s%s%s\n", verdict_names[v], what, detail[0] != '\0' ? ": " : "", detail, advice[0] != '\0' ? ": " : "",
               advice);
    fflush(stdout);
}

/* ---- platforms and devices ---- */

static void check_loader(doctor *d, const socle_context *context)
{
    char text[256];
    const int count = socle_device_count(context);
    int platforms = 0;
    for (int i = 0; i < count; i++) {
        const char *platform = socle_device_get_info(socle_device_at(context, i))->platform;
        bool seen = false;
        for (int k = 0; k < i; k++)
            seen |= strcmp(socle_device_get_info(socle_device_at(context, k))->platform, platform) == 0;
        platforms += !seen;
    }
    snprintf(text, sizeof(text), "%d platform%s, %d device%s", platforms, platforms == 1 ? "" : "s", count,
             count == 1 ? "" : "s");
    if (count == 0)
        note(d, BROKEN, "OpenCL loader", "no platform", "install a driver, for example the package pocl-opencl-icd");
    else
        note(d, GOOD, "OpenCL loader", text, "");
}

/* ---- the cache ---- */

static int count_damaged(const socle_cache_entry *entry, void *user)
{
    *(int *)user += !entry->valid;
    return 0;
}

static void check_cache(doctor *d, socle_context *context)
{
    const char *path = socle_cache_path(context);
    char folder[PATH_MAX], what[64];
    struct stat info;
    int damaged = 0;
    if (path[0] == '\0') {
        note(d, WARNING, "cache", "kept in memory: nothing is remembered", "make the folder writable, or set SOCLE_CACHE_DIR");
        return;
    }
    snprintf(folder, sizeof(folder), "%s", path);
    const char *parent = dirname(folder);
    if (stat(parent, &info) != 0 || access(parent, W_OK) != 0)
        note(d, WARNING, "cache", path, "its folder cannot be written: set SOCLE_CACHE_DIR to one that can");
    else if (info.st_uid != geteuid())
        note(d, WARNING, "cache", path, "its folder belongs to somebody else: set SOCLE_CACHE_DIR to one of your own");
    else if ((info.st_mode & 022) != 0)
        note(d, WARNING, "cache", path, "others may write its folder: chmod go-w it");
    else
        note(d, GOOD, "cache", path, "");
    if (socle_cache_visit(context, 1, count_damaged, &damaged) != SOCLE_OK) {
        note(d, BROKEN, "cache entries", socle_error_message(), "socle cache clear removes them");
    } else {
        snprintf(what, sizeof(what), "%d damaged", damaged);
        note(d, damaged > 0 ? WARNING : GOOD, "cache entries", what, damaged > 0 ? "socle cache clear removes them" : "");
    }
}

/* ---- a tiny network ---- */

enum { ROWS = 3, FEATURES = 7, HIDDEN = 5, CLASSES = 4 };

static socle_status make_network(socle_context *context, socle_model **model)
{
    socle_graph *graph = NULL;
    socle_value x;
    socle_status status = socle_graph_create(context, "doctor", &graph);
    if (status == SOCLE_OK)
        status = socle_graph_input(graph, "x", SOCLE_FLOAT32, 2, (int64_t[]){ROWS, FEATURES}, NULL, &x);
    if (status == SOCLE_OK) {
        const socle_value hidden = socle_graph_unary(graph, "Relu", socle_graph_dense(graph, "fc1", x, HIDDEN, 1));
        const socle_value y = socle_graph_dense(graph, "fc2", hidden, CLASSES, 2);
        status = y == SOCLE_NO_VALUE ? SOCLE_INTERNAL : socle_graph_output(graph, y, "y");
    }
    if (status == SOCLE_OK)
        status = socle_model_create(context, graph, model);
    if (status != SOCLE_OK)
        socle_graph_destroy(graph);
    return status;
}

/* The weights of a dense layer, told apart by their shape: w [units, features], b [units]. */
static const float *find_weights(const socle_model *model, int rank, int64_t units)
{
    for (int i = 0; i < socle_model_initializer_count(model); i++) {
        const char *name;
        socle_tensor data;
        if (socle_model_initializer(model, i, &name, &data) == SOCLE_OK && data.rank == rank && data.dims[0] == units &&
            data.dtype == SOCLE_FLOAT32)
            return data.data;
    }
    return NULL;
}

static bool dense_on_host(const socle_model *model, const double *x, int features, int units, bool relu, double *y)
{
    const float *w = find_weights(model, 2, units), *b = find_weights(model, 1, units);
    for (int row = 0; w != NULL && b != NULL && row < ROWS; row++) {
        for (int u = 0; u < units; u++) {
            double sum = (double)b[u];
            for (int f = 0; f < features; f++)
                sum += x[row * features + f] * (double)w[u * features + f];
            y[row * units + u] = relu && sum < 0 ? 0 : sum;
        }
    }
    return w != NULL && b != NULL;
}

static bool same_as_host(const socle_model *model, const float *x, const float *y)
{
    double input[ROWS * FEATURES], hidden[ROWS * HIDDEN], expected[ROWS * CLASSES];
    for (int i = 0; i < ROWS * FEATURES; i++)
        input[i] = (double)x[i];
    bool same = dense_on_host(model, input, FEATURES, HIDDEN, true, hidden) &&
                dense_on_host(model, hidden, HIDDEN, CLASSES, false, expected);
    for (int i = 0; same && i < ROWS * CLASSES; i++)
        same = fabs((double)y[i] - expected[i]) <= 1e-4 * (1 + fabs(expected[i]));
    return same;
}

static void check_network(doctor *d, socle_context *context, const char *device)
{
    float x[ROWS * FEATURES], y[ROWS * CLASSES] = {0};
    char what[256];
    socle_session_options options = SOCLE_SESSION_OPTIONS_INIT;
    socle_model *model = NULL;
    socle_session *session = NULL;
    random_state random = {5};
    socle_tensor input = socle_tensor_f32(x, 2, (int64_t[]){ROWS, FEATURES});
    socle_tensor output = socle_tensor_f32(y, 2, (int64_t[]){ROWS, CLASSES});
    options.devices = device;
    options.budget_s = 0;
    random_fill(&random, &input);
    snprintf(what, sizeof(what), "%s: a network", device);
    socle_status status = make_network(context, &model);
    if (status == SOCLE_OK)
        status = socle_session_create(context, model, &options, &session);
    if (status == SOCLE_OK)
        status = socle_session_run(session, &input, 1, &output, 1);
    if (status != SOCLE_OK)
        note(d, BROKEN, what, socle_error_message(), "update the driver, or leave the device out with SOCLE_DEVICES");
    else if (!same_as_host(model, x, y))
        note(d, BROKEN, what, "its answer differs from the host's",
             "update the driver, or leave the device out with SOCLE_DEVICES");
    else
        note(d, GOOD, what, "as on the host", "");
    socle_session_destroy(session);
    socle_model_destroy(model);
}

static void check_device(doctor *d, socle_context *context, int index)
{
    socle_device *device = socle_device_at(context, index);
    const socle_device_info *info = socle_device_get_info(device);
    char what[256];
    if (info->status != SOCLE_DEVICE_OK) {
        note(d, WARNING, info->id, info->reason, "update its driver if you want to use it");
        return;
    }
    snprintf(what, sizeof(what), "%s (%s, driver %s)", info->name, info->platform, info->driver_version);
    note(d, GOOD, info->id, what, "");
    snprintf(what, sizeof(what), "%s: a kernel", info->id);
    if (socle_device_check(device) != SOCLE_OK) {
        note(d, BROKEN, what, socle_error_message(), "update the driver, or leave the device out with SOCLE_DEVICES");
        return;
    }
    note(d, GOOD, what, "as on the host", "");
    check_network(d, context, info->id);
}

int command_doctor(int argc, char **argv)
{
    int json = 0, usable = 0;
    const char *devices = NULL;
    const option_spec options[] = {
        {"device", OPTION_TEXT, &devices, "ID[,ID...]", "only these, by id or index", NULL, 0},
        {"json", OPTION_SET, &json, NULL, "one JSON document", NULL, 0},
    };
    const command_usage usage = {
        "doctor [--device ID,...] [--json]",
        "Checks the OpenCL loader, every platform and device, and the cache, then runs a kernel and a tiny\n"
        "network on each device and compares with the host. Each line says what to do.",
        "socle doctor",
        options,
        COUNT_OF(options),
        0,
        0};
    socle_context *context = NULL;
    int status;
    if (!options_parse(&usage, argc, argv, NULL, &status) || (status = context_open(devices, &context)) != DONE)
        return status;
    doctor d = {.checks = json_array(), .json = json != 0};
    check_loader(&d, context);
    check_cache(&d, context);
    for (int i = 0; i < socle_device_count(context); i++) {
        usable += device_usable(context, i);
        check_device(&d, context, i);
    }
    if (json)
        status = json_print(json_pack("{s:O,s:i,s:i,s:i}", "checks", d.checks, "ok", d.counts[GOOD], "warnings",
                                      d.counts[WARNING], "failed", d.counts[BROKEN]));
    if (status == DONE)
        status = output_finish();
    if (status == DONE)
        status = usable == 0 ? NO_DEVICE : d.counts[BROKEN] > 0 ? FAILED : DONE;
    json_decref(d.checks);
    socle_context_destroy(context);
    return status;
}
