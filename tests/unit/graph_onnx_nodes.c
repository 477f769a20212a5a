/* ONNX's own node tests (Debian: libonnx-testdata) without a device: each test's inputs become constants, the graph is
 * simplified, which folds what can be folded and lowers the rest, and the oracle evaluates what is left. Types and values must be
 * ONNX's. */
#include "../../lib/graph/build.h"
#include "../../lib/model/model.h"
#include "../support/evaluate.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "/usr/share/libonnx-testdata/data/node"

typedef struct outcome {
    int passed, folded;
} outcome;

static bool has_expected_values(const socle_graph *graph)
{
    for (int n = 0; n < graph->node_count; n++) {
        const char *op = graph->nodes[n].op->name;
        /* Random numbers, which the test cannot know. */
        if (strcmp(op, "Dropout") == 0 && graph->nodes[n].input_count > 2)
            return false;
    }
    return true;
}

/* The graph's inputs become constants with the data of input_*.pb. */
static bool feed(socle_graph *graph, const char *folder)
{
    for (int i = 0; i < graph->input_count; i++) {
        char path[512];
        socle_tensor tensor = {0};
        snprintf(path, sizeof(path), "%s/test_data_set_0/input_%d.pb", folder, i);
        if (onnx_tensor_read(path, &tensor) != SOCLE_OK)
            return false;
        graph_value *v = &graph->values[graph->inputs[i]];
        v->kind = VALUE_CONSTANT;
        v->type = (graph_type){.dtype = tensor.dtype, .rank = tensor.rank};
        memcpy(v->type.dims, tensor.dims, sizeof(v->type.dims));
        v->data = v->owned_data = tensor.data;
        v->size_bytes = graph_type_bytes(&v->type);
    }
    graph->input_count = 0;
    return true;
}

/* The windows' data was made with pi to five digits. */
static double tolerance_of(const char *test, socle_dtype dtype)
{
    if (strstr(test, "window_") != NULL)
        return 1e-4;
    return dtype == SOCLE_FLOAT16 ? 2e-3 : (dtype == SOCLE_BFLOAT16 ? 1e-2 : 1e-5);
}

static void compare(const char *test, int output, const graph_type *type, const double *got, const socle_tensor *expected)
{
    cr_expect_eq(type->dtype, expected->dtype, "%s: output %d is %s, not %s", test, output, socle_dtype_name(type->dtype),
                 socle_dtype_name(expected->dtype));
    cr_expect_eq(type->rank, expected->rank, "%s: output %d has rank %d, not %d", test, output, type->rank, expected->rank);
    if (type->rank != expected->rank)
        return;
    for (int d = 0; d < type->rank; d++) {
        cr_expect_eq(type->dims[d], expected->dims[d], "%s: dimension %d of output %d is %lld, not %lld", test, d, output,
                     (long long)type->dims[d], (long long)expected->dims[d]);
        if (type->dims[d] != expected->dims[d])
            return;
    }
    const int64_t count = socle_tensor_count(expected);
    double *wanted = evaluate_widen(expected->dtype, expected->data, count);
    for (int64_t i = 0; i < count; i++) {
        const double allowed = tolerance_of(test, type->dtype) * (1 + fabs(wanted[i]));
        const bool same = isnan(wanted[i]) ? isnan(got[i]) : wanted[i] == got[i] || fabs(got[i] - wanted[i]) <= allowed;
        cr_expect(same, "%s: output %d [%lld] is %.9g, not %.9g", test, output, (long long)i, got[i], wanted[i]);
        if (!same)
            break;
    }
    free(wanted);
}

static void check_outputs(const char *test, const char *folder, const socle_graph *graph)
{
    evaluation e;
    evaluation_start(&e, graph);
    const bool ran = evaluation_run(&e);
    cr_expect(ran, "%s: %s", test, e.error);
    for (int i = 0; ran && i < graph->output_count; i++) {
        char path[512];
        socle_tensor expected = {0};
        snprintf(path, sizeof(path), "%s/test_data_set_0/output_%d.pb", folder, i);
        if (onnx_tensor_read(path, &expected) != SOCLE_OK)
            continue;
        compare(test, i, &graph->values[graph->outputs[i]].type, evaluation_get(&e, graph->outputs[i]), &expected);
        memory_free(expected.data);
    }
    evaluation_finish(&e);
}

static void run_test(const char *test, outcome *o)
{
    char folder[300], path[512];
    socle_model *model = NULL;
    snprintf(folder, sizeof(folder), DATA "/%s", test);
    snprintf(path, sizeof(path), "%s/model.onnx", folder);
    const socle_status loaded = socle_model_load(NULL, path, &model);
    if (loaded != SOCLE_OK) {
        cr_expect(loaded == SOCLE_UNSUPPORTED || loaded == SOCLE_INVALID_FILE || loaded == SOCLE_INVALID_ARGUMENT, "%s: %s", test,
                  socle_error_message());
        return;
    }
    if (has_expected_values(model->graph) && feed(model->graph, folder)) {
        const socle_status status = graph_simplify(model->graph);
        cr_expect_eq(status, SOCLE_OK, "%s: %s", test, socle_error_message());
        cr_expect_eq(graph_validate(model->graph), SOCLE_OK, "%s: %s", test, socle_error_message());
        if (status == SOCLE_OK)
            check_outputs(test, folder, model->graph);
        o->folded += model->graph->node_count == 0;
        o->passed++;
    }
    socle_model_destroy(model);
    cr_expect_eq(memory_live_count(), 0, "%s leaks", test);
}

Test(graph_onnx_nodes, give_onnx_types_and_values)
{
    outcome o = {0};
    DIR *tests = opendir(DATA);
    if (tests == NULL)
        cr_skip_test("libonnx-testdata is not installed");
    for (struct dirent *entry; (entry = readdir(tests)) != NULL;)
        if (strncmp(entry->d_name, "test_", 5) == 0)
            run_test(entry->d_name, &o);
    closedir(tests);
    cr_assert_gt(o.passed, 300);
    cr_assert_gt(o.folded, 150);
}
