/* ONNX's own node tests (Debian: libonnx-testdata) as sessions on every device. Inputs that decide shapes cannot come at run
 * time: where a plan cannot be made without them, every input but the first becomes a constant, or, where that is the one that
 * decides, all of them do. By default a few tests of each operator run; SOCLE_TEST_ALL=1 runs all. */
#include "evaluate.h"
#include "model/model.h"
#include "on_devices.h"

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "/usr/share/libonnx-testdata/data/node"
#define MAX_TENSORS 16
#define MAX_KINDS 256

/* On a device: how many passed, and why the others did not run, by operator. */
typedef struct tally {
    int passed, on_device;
    struct {
        char reason[128];
        int count;
    } skipped[MAX_KINDS];
    int skipped_count;
    struct {
        char name[64];
        int count;
    } chosen[MAX_KINDS]; /* tests taken of each operator */
    int chosen_count;
} tally;

typedef struct node_test {
    const char *name;
    char folder[320];
    socle_context *context;
    socle_device *device;
    tally *tally;
    socle_tensor inputs[MAX_TENSORS], outputs[MAX_TENSORS];
    int input_count, output_count;
} node_test;

static int read_tensors(const node_test *t, const char *kind, socle_tensor *tensors)
{
    int count = 0;
    char path[400];
    for (; count < MAX_TENSORS; count++) {
        snprintf(path, sizeof(path), "%s/test_data_set_0/%s_%d.pb", t->folder, kind, count);
        if (onnx_tensor_read(path, &tensors[count]) != SOCLE_OK)
            break;
    }
    return count;
}

static void free_tensors(socle_tensor *tensors, int count)
{
    for (int i = 0; i < count; i++)
        memory_free(tensors[i].data);
}

static void note_skipped(tally *t, const char *reason)
{
    int i = 0;
    while (i < t->skipped_count && strcmp(t->skipped[i].reason, reason) != 0)
        i++;
    cr_assert_lt(i, MAX_KINDS);
    if (i == t->skipped_count)
        snprintf(t->skipped[t->skipped_count++].reason, sizeof(t->skipped[i].reason), "%s", reason);
    t->skipped[i].count++;
}

/* What the message says of the operator or the type, without the file and the node. */
static void skip(node_test *t)
{
    char reason[128];
    static const char *const before[] = {": operator ", "': ", "node 0: ", "model.onnx: "};
    const char *message = socle_error_message(), *from = NULL;
    for (size_t i = 0; from == NULL && i < COUNT_OF(before); i++)
        if ((from = strstr(message, before[i])) != NULL)
            from += i == 0 ? 2 : strlen(before[i]);
    from = from != NULL ? from : message;
    snprintf(reason, sizeof(reason), "%.*s", (int)strcspn(from, ":"), from);
    note_skipped(t->tally, reason);
}

static bool is_random(const socle_graph *graph)
{
    for (int n = 0; n < graph->node_count; n++)
        if (strcmp(graph->nodes[n].op->name, "Dropout") == 0 && graph->nodes[n].input_count > 2)
            return true;
    return false;
}

/* A few tests of each operator, those of a network of several by the name of the test. */
static bool is_chosen(node_test *t, const socle_graph *graph)
{
    enum { OF_EACH = 2 };
    tally *all = t->tally;
    if (getenv("SOCLE_TEST_ALL") != NULL)
        return true;
    if (graph->node_count == 0 || strstr(t->name, "_expanded") != NULL)
        return false;
    const char *op = graph->nodes[graph->node_count - 1].op->name;
    int i = 0;
    while (i < all->chosen_count && strcmp(all->chosen[i].name, op) != 0)
        i++;
    cr_assert_lt(i, MAX_KINDS);
    if (i == all->chosen_count)
        snprintf(all->chosen[all->chosen_count++].name, sizeof(all->chosen[i].name), "%s", op);
    return all->chosen[i].count++ < OF_EACH;
}

/* Inputs from the first-th on become constants. */
static void make_constant(node_test *t, socle_graph *graph, int first)
{
    for (int i = first; i < graph->input_count; i++) {
        graph_value *v = &graph->values[graph->inputs[i]];
        v->kind = VALUE_CONSTANT;
        v->type = (graph_type){.dtype = t->inputs[i].dtype, .rank = t->inputs[i].rank};
        memcpy(v->type.dims, t->inputs[i].dims, sizeof(v->type.dims));
        v->data = t->inputs[i].data;
        v->size_bytes = graph_type_bytes(&v->type);
    }
    if (first < graph->input_count)
        graph->input_count = first;
}

/* The data of the windows was made with pi to five digits. */
static double tolerance_of(const char *test, socle_dtype dtype)
{
    if (strstr(test, "window_") != NULL)
        return 1e-4;
    return dtype == SOCLE_FLOAT16 ? 2e-3 : (dtype == SOCLE_BFLOAT16 ? 1e-2 : 1e-5);
}

static void compare(const node_test *t, int output, const socle_tensor *got)
{
    const socle_tensor *expected = &t->outputs[output];
    const char *id = socle_device_get_info(t->device)->id;
    bool same = got->dtype == expected->dtype && got->rank == expected->rank;
    for (int d = 0; same && d < got->rank; d++)
        same = got->dims[d] == expected->dims[d];
    cr_expect(same, "%s on %s: output %d has another type or shape", t->name, id, output);
    if (!same)
        return;
    const int64_t count = socle_tensor_count(expected);
    double *wanted = evaluate_widen(expected->dtype, expected->data, count), *made = evaluate_widen(got->dtype, got->data, count);
    for (int64_t i = 0; i < count && same; i++) {
        const double allowed = tolerance_of(t->name, got->dtype) * (1 + fabs(wanted[i]));
        same = isnan(wanted[i]) ? isnan(made[i]) : wanted[i] == made[i] || fabs(made[i] - wanted[i]) <= allowed;
        cr_expect(same, "%s on %s: output %d [%lld] is %.9g, not %.9g", t->name, id, output, (long long)i, made[i], wanted[i]);
    }
    free(made);
    free(wanted);
}

static void run(node_test *t, socle_session *session, int inputs, int outputs)
{
    socle_tensor made[MAX_TENSORS];
    cr_assert_leq(outputs, MAX_TENSORS);
    for (int i = 0; i < outputs; i++) {
        made[i] = (socle_tensor){.rank = -1, .size_bytes = 1 << 20};
        made[i].data = malloc(made[i].size_bytes);
    }
    const socle_status status = socle_session_run(session, t->inputs, inputs, made, outputs);
    cr_expect_eq(status, SOCLE_OK, "%s on %s: %s", t->name, socle_device_get_info(t->device)->id, socle_error_message());
    for (int i = 0; i < outputs && status == SOCLE_OK; i++)
        if (i < t->output_count)
            compare(t, i, &made[i]);
    for (int i = 0; i < outputs; i++)
        free(made[i].data);
}

/* false: it cannot be planned with that many inputs at run time. */
static bool try_inputs(node_test *t, socle_model *model, int inputs)
{
    const socle_device_info *info = socle_device_get_info(t->device);
    socle_session_options options = SOCLE_SESSION_OPTIONS_INIT;
    socle_session *session = NULL;
    options.devices = info->id;
    options.budget_s = 0;
    make_constant(t, model->graph, inputs);
    if (socle_session_create(t->context, model, &options, &session) != SOCLE_OK)
        return false;
    run(t, session, model->graph->input_count, model->graph->output_count);
    t->tally->passed++;
    t->tally->on_device += model->graph->input_count > 0;
    socle_session_destroy(session);
    return true;
}

static bool lacks_float64(const node_test *t)
{
    return !socle_device_get_info(t->device)->fp64 && strstr(socle_error_message(), "float64") != NULL;
}

static void run_test(node_test *t)
{
    const int steps[] = {MAX_TENSORS, 1, 0};
    char path[400];
    bool ran = false;
    snprintf(t->folder, sizeof(t->folder), DATA "/%s", t->name);
    snprintf(path, sizeof(path), "%s/model.onnx", t->folder);
    t->input_count = read_tensors(t, "input", t->inputs);
    t->output_count = read_tensors(t, "output", t->outputs);
    for (int i = 0; i < 3 && !ran; i++) {
        socle_model *model = NULL;
        const socle_status loaded = socle_model_load(t->context, path, &model);
        ran = loaded != SOCLE_OK || (i == 0 && !is_chosen(t, model->graph));
        if (loaded != SOCLE_OK) {
            cr_expect(loaded == SOCLE_UNSUPPORTED || loaded == SOCLE_INVALID_FILE, "%s: %s", t->name, socle_error_message());
            skip(t);
        } else if (is_random(model->graph)) {
            note_skipped(t->tally, "operator Dropout in training: random numbers");
            ran = true;
        } else if (strstr(t->name, "BFLOAT16") != NULL && t->input_count < model->graph->input_count) {
            note_skipped(t->tally, "bfloat16 that the test's data calls uint16");
            ran = true;
        } else if (!ran) {
            cr_expect_eq(t->input_count, model->graph->input_count, "%s: inputs cannot be read", t->name);
            ran = try_inputs(t, model, steps[i]);
        }
        socle_model_destroy(model);
        if (!ran && lacks_float64(t)) {
            note_skipped(t->tally, "float64, which the device does not have");
            ran = true;
        }
    }
    cr_expect(ran, "%s on %s: %s", t->name, socle_device_get_info(t->device)->id, socle_error_message());
    free_tensors(t->inputs, t->input_count);
    free_tensors(t->outputs, t->output_count);
}

static int is_test(const struct dirent *entry)
{
    return strncmp(entry->d_name, "test_", 5) == 0;
}

static struct dirent **tests;
static int test_count;
static socle_context *all_devices;

static void run_on(socle_device *device)
{
    tally *t = calloc(1, sizeof(*t));
    for (int i = 0; i < test_count; i++) {
        node_test test = {.name = tests[i]->d_name, .context = all_devices, .device = device, .tally = t};
        run_test(&test);
    }
    cr_log_info("%s: %d passed, %d of them with inputs at run time", socle_device_get_info(device)->id, t->passed, t->on_device);
    for (int i = 0; i < t->skipped_count; i++)
        cr_log_info("%d skipped: %s", t->skipped[i].count, t->skipped[i].reason);
    const bool all = getenv("SOCLE_TEST_ALL") != NULL;
    cr_expect_gt(t->passed, all ? 600 : 170);
    cr_expect_gt(t->on_device, all ? 590 : 165);
    free(t);
}

Test(onnx_nodes, give_onnx_types_and_values_on_every_device)
{
    test_count = scandir(DATA, &tests, is_test, alphasort);
    if (test_count < 0)
        cr_skip_test("libonnx-testdata is not installed");
    all_devices = test_context("");
    test_each_device(all_devices, run_on);
    socle_context_destroy(all_devices);
    cr_assert_eq(memory_live_count(), 0, "%lld allocations are left", (long long)memory_live_count());
    for (int i = 0; i < test_count; i++)
        free(tests[i]);
    free(tests);
}
