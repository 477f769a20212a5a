/* Writing ONNX: what is written reads back the same, weights lie aligned in the file, nothing half-written stays. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "folder.h"
#include "onnx_file.h"

TestSuite(onnx_write, .init = test_folder_enter, .fini = test_folder_leave);

static socle_value initializer(socle_graph *graph, const char *name, int rank, const int64_t *dims, float first, int trainable)
{
    float data[2048];
    socle_value value = SOCLE_NO_VALUE;
    for (int i = 0; i < 2048; i++)
        data[i] = first + (float)i;
    const socle_tensor tensor = socle_tensor_f32(data, rank, dims);
    cr_assert_leq(tensor.size_bytes, sizeof(data));
    cr_assert_eq(socle_graph_initializer(graph, name, &tensor, trainable, &value), SOCLE_OK, "%s", socle_error_message());
    return value;
}

/* x [batch, 32] -> Gemm -> LeakyRelu -> + frozen offset -> y */
static socle_model *network(void)
{
    socle_graph *graph = NULL;
    socle_model *model = NULL;
    socle_value x, h, y;
    cr_assert_eq(socle_graph_create(NULL, "net", &graph), SOCLE_OK);
    cr_assert_eq(socle_graph_input(graph, "x", SOCLE_FLOAT32, 2, (int64_t[]){-1, 32}, (const char *[]){"batch", NULL}, &x),
                 SOCLE_OK, "%s", socle_error_message());
    const socle_value w = initializer(graph, "fc.weight", DIMS(64, 32), 1, 1), b = initializer(graph, "fc.bias", DIMS(64), 2, 1);
    const socle_value offset = initializer(graph, "offset", DIMS(64), 3, 0);
    cr_assert_eq(socle_graph_node(graph, "Gemm", "", "fc", (socle_value[]){x, w, b}, 3, &ATTRIBUTE_INT("transB", 1), 1, &h, 1),
                 SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_graph_node(graph, "LeakyRelu", "", "act", &h, 1, &ATTRIBUTE_FLOAT("alpha", 0.2), 1, &h, 1), SOCLE_OK);
    y = socle_graph_binary(graph, "Add", h, offset);
    cr_assert_eq(socle_graph_output(graph, y, "scores"), SOCLE_OK);
    cr_assert_eq(socle_model_create(NULL, graph, &model), SOCLE_OK, "%s", socle_error_message());
    return model;
}

static const graph_value *value_of(const socle_model *model, const char *name)
{
    const value_id value = graph_find_value(model->graph, name);
    cr_assert_neq(value, GRAPH_NONE, "%s", name);
    return &model->graph->values[value];
}

Test(onnx_write, a_network_built_in_code_reads_back_the_same)
{
    socle_model *written = network(), *read = NULL;
    socle_value_info info;
    cr_assert_eq(socle_model_save(written, "m.onnx"), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(test_folder_entries(), 1);
    cr_assert_eq(socle_model_load(NULL, "m.onnx", &read), SOCLE_OK, "%s", socle_error_message());
    cr_assert_str_eq(socle_model_name(read), "net");
    cr_assert_eq(socle_model_output(read, 0, &info), SOCLE_OK);
    cr_assert_str_eq(info.name, "scores");
    cr_assert_eq(socle_model_input(read, 0, &info), SOCLE_OK);
    cr_assert_str_eq(info.symbols[0], "batch");
    cr_assert_eq(socle_model_parameter_count(read), 64 * 32 + 64);
    cr_assert_eq(socle_model_parameter_count(written), 64 * 32 + 64);
    cr_assert(value_of(read, "fc.weight")->trainable && !value_of(read, "offset")->trainable);
    cr_assert_arr_eq(value_of(read, "fc.weight")->data, value_of(written, "fc.weight")->data, 64 * 32 * 4);
    const graph_node *act = &read->graph->nodes[1];
    cr_assert_str_eq(act->name, "act");
    cr_assert_float_eq(node_float(act, "alpha", 0), 0.2, 1e-7);
    socle_model_destroy(read);
    socle_model_destroy(written);
    cr_assert_eq(memory_live_count(), 0);
}

Test(onnx_write, writing_what_was_read_gives_the_same_bytes)
{
    socle_model *first = network(), *second = NULL;
    file_map a, b;
    cr_assert_eq(socle_model_save(first, "a.onnx"), SOCLE_OK);
    socle_model_destroy(first);
    cr_assert_eq(socle_model_load(NULL, "a.onnx", &first), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_model_save(first, "b.onnx"), SOCLE_OK);
    cr_assert_eq(socle_model_load(NULL, "b.onnx", &second), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_model_save(second, "c.onnx"), SOCLE_OK);
    cr_assert(hash_equal(first->identity, second->identity));
    cr_assert_eq(file_map_open("b.onnx", &a), SOCLE_OK);
    cr_assert_eq(file_map_open("c.onnx", &b), SOCLE_OK);
    cr_assert_eq(a.size_bytes, b.size_bytes);
    cr_assert_arr_eq(a.bytes, b.bytes, a.size_bytes);
    file_map_close(&a);
    file_map_close(&b);
    socle_model_destroy(first);
    socle_model_destroy(second);
}

Test(onnx_write, large_weights_stay_in_the_map)
{
    socle_model *written = network(), *read = NULL;
    cr_assert_eq(socle_model_save(written, "m.onnx"), SOCLE_OK);
    cr_assert_eq(socle_model_load(NULL, "m.onnx", &read), SOCLE_OK);
    const graph_value *weight = value_of(read, "fc.weight");
    const uint8_t *data = weight->data;
    cr_assert(data > read->maps[0].bytes && data < read->maps[0].bytes + read->maps[0].size_bytes);
    cr_assert_eq((size_t)(data - read->maps[0].bytes) % 64, 0);
    cr_assert_null(weight->owned_data);
    socle_model_destroy(read);
    socle_model_destroy(written);
}

Test(onnx_write, weights_are_aligned_for_every_length_of_name)
{
    for (int length = 1; length < 130; length++) {
        char name[160] = {0};
        socle_graph *graph = NULL;
        socle_model *model = NULL, *read = NULL;
        memset(name, 'n', (size_t)length);
        cr_assert_eq(socle_graph_create(NULL, "g", &graph), SOCLE_OK);
        const socle_value w = initializer(graph, name, DIMS(300), 1, 1);
        cr_assert_eq(socle_graph_output(graph, socle_graph_unary(graph, "Relu", w), "y"), SOCLE_OK, "%s", socle_error_message());
        cr_assert_eq(socle_model_create(NULL, graph, &model), SOCLE_OK);
        cr_assert_eq(socle_model_save(model, "m.onnx"), SOCLE_OK);
        cr_assert_eq(socle_model_load(NULL, "m.onnx", &read), SOCLE_OK, "%s", socle_error_message());
        cr_assert_eq((size_t)((const uint8_t *)value_of(read, name)->data - read->maps[0].bytes) % 64, 0, "%d", length);
        socle_model_destroy(read);
        socle_model_destroy(model);
    }
    cr_assert_eq(memory_live_count(), 0);
}

Test(onnx_write, a_folder_that_is_not_there_and_a_full_disk_are_errors)
{
    socle_model *model = network();
    cr_assert_eq(socle_model_save(model, "none/m.onnx"), SOCLE_IO);
    cr_assert(test_message_is("none/m.onnx: cannot be written: No such file or directory: check the path"));
    cr_assert_eq(socle_model_save(model, "/dev/full"), SOCLE_IO);
    cr_assert_eq(socle_model_save(model, "."), SOCLE_IO);
    cr_assert_eq(test_folder_entries(), 0);
    socle_model_destroy(model);
    cr_assert_eq(memory_live_count(), 0);
}

Test(onnx_write, each_failed_allocation_is_reported_and_leaves_no_file)
{
    socle_model *model = network();
    const int64_t live = memory_live_count();
    socle_status status = SOCLE_OUT_OF_MEMORY;
    int failing;
    for (failing = 0; status != SOCLE_OK; failing++) {
        memory_fail_after(failing);
        status = socle_model_save(model, "m.onnx");
        memory_fail_after(-1);
        cr_assert(status == SOCLE_OK || status == SOCLE_OUT_OF_MEMORY);
        cr_assert_eq(test_folder_entries(), status == SOCLE_OK, "allocation %d", failing);
        cr_assert_eq(memory_live_count(), live, "allocation %d", failing);
    }
    cr_assert_gt(failing, 20);
    socle_model_destroy(model);
}

Test(onnx_write, a_graph_without_outputs_is_no_model)
{
    socle_graph *graph = NULL;
    socle_model *model = NULL;
    cr_assert_eq(socle_graph_create(NULL, "g", &graph), SOCLE_OK);
    cr_assert_eq(socle_model_create(NULL, graph, &model), SOCLE_INVALID_ARGUMENT);
    cr_assert(test_message_is("graph 'g' has no outputs: name one with socle_graph_output"));
    socle_graph_destroy(graph);
    cr_assert_eq(memory_live_count(), 0);
}
