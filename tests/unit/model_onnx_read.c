/* Reading ONNX: what a good file becomes, and every older form in the form of opset 21. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"
#include "onnx_file.h"

TestSuite(onnx_read, .init = test_folder_enter, .fini = test_folder_leave);

static socle_model *model;

static socle_status load(onnx_file *file)
{
    wire_buffer bytes = onnx_file_finish(file);
    test_file_write("m.onnx", bytes.bytes, bytes.size);
    wire_free(&bytes);
    model = NULL;
    return socle_model_load(NULL, "m.onnx", &model);
}

#define assert_loads(file) cr_assert_eq(load(file), SOCLE_OK, "%s", socle_error_message())

static void release(void)
{
    socle_model_destroy(model);
    cr_assert_eq(memory_live_count(), 0);
}

/* The only node of an operator. */
static const graph_node *node_of(const char *op)
{
    const graph_node *found = NULL;
    for (int i = 0; i < model->graph->node_count; i++) {
        if (strcmp(model->graph->nodes[i].op->name, op) == 0) {
            cr_assert_null(found, "two %s", op);
            found = &model->graph->nodes[i];
        }
    }
    cr_assert_not_null(found, "no %s", op);
    return found;
}

static void assert_ints(const graph_node *node, int input, int count, const int64_t *expected)
{
    int64_t values[16];
    cr_assert_gt(node->input_count, input);
    cr_assert_eq(graph_constant_int_values(model->graph, node->inputs[input], values, 16), count);
    cr_assert_arr_eq(values, expected, (size_t)count * sizeof(*expected));
}

static void assert_scalar(const graph_node *node, int input, double expected)
{
    double value = 0;
    cr_assert_gt(node->input_count, input);
    cr_assert(graph_constant_float(model->graph, node->inputs[input], &value));
    cr_assert_float_eq(value, expected, 1e-6);
}

/* x [2, 3, 4] -> one node -> y */
static void load_one(int64_t opset, const char *op, const char *outputs, wire_buffer *attributes)
{
    onnx_file file = {.opset = opset};
    onnx_file_input(&file, "x", SOCLE_FLOAT32, DIMS(2, 3, 4));
    onnx_file_node(&file, op, "n", "x", outputs, attributes);
    onnx_file_output(&file, "y");
    assert_loads(&file);
}

/* ---- a whole network ---- */

static float w[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, b[3] = {0.5f, -1, 2};

static onnx_file small_network(void)
{
    onnx_file file = {.opset = 17};
    wire_buffer attributes = {0};
    onnx_put_int(&attributes, "transB", 1);
    onnx_file_input(&file, "x", SOCLE_FLOAT32, DIMS(-2, 4));
    onnx_file_floats(&file, "fc.weight", DIMS(3, 4), w);
    onnx_file_floats(&file, "fc.bias", DIMS(3), b);
    onnx_file_node(&file, "Gemm", "fc", "x,fc.weight,fc.bias", "h", &attributes);
    onnx_file_node(&file, "Relu", "", "h", "y", NULL);
    onnx_file_output(&file, "y");
    return file;
}

Test(onnx_read, a_network_keeps_names_shapes_symbols_and_weights)
{
    onnx_file file = small_network();
    socle_value_info info;
    socle_tensor data;
    const char *name;
    assert_loads(&file);
    cr_assert_str_eq(socle_model_name(model), "test");
    cr_assert(socle_model_input_count(model) == 1 && socle_model_output_count(model) == 1);
    cr_assert_eq(socle_model_input(model, 0, &info), SOCLE_OK);
    cr_assert_str_eq(info.name, "x");
    cr_assert_str_eq(info.symbols[0], "batch");
    cr_assert(info.rank == 2 && info.dims[0] == -1 && info.dims[1] == 4 && info.symbols[1] == NULL);
    cr_assert_eq(socle_model_output(model, 0, &info), SOCLE_OK);
    cr_assert_str_eq(info.name, "y");
    cr_assert(info.dtype == SOCLE_FLOAT32 && info.rank == 2 && info.dims[1] == 3);
    cr_assert_eq(socle_model_parameter_count(model), 15);
    cr_assert_eq(socle_model_initializer_count(model), 2);
    cr_assert_eq(socle_model_initializer(model, 0, &name, &data), SOCLE_OK);
    cr_assert_str_eq(name, "fc.weight");
    cr_assert_arr_eq(data.data, w, sizeof(w));
    cr_assert_neq(graph_find_value(model->graph, "h"), GRAPH_NONE);
    cr_assert_eq(socle_model_input(model, 1, &info), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(socle_model_output(model, -1, &info), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(socle_model_initializer(model, 2, &name, &data), SOCLE_INVALID_ARGUMENT);
    release();
}

Test(onnx_read, memory_is_as_good_as_a_file)
{
    onnx_file file = small_network();
    wire_buffer bytes = onnx_file_finish(&file);
    cr_assert_eq(socle_model_load_memory(NULL, "mine", bytes.bytes, bytes.size, &model), SOCLE_OK, "%s", socle_error_message());
    memset(bytes.bytes, 0xff, bytes.size); /* it was copied */
    wire_free(&bytes);
    const value_id weight = graph_find_value(model->graph, "fc.weight");
    cr_assert_arr_eq(model->graph->values[weight].data, w, sizeof(w));
    release();
}

Test(onnx_read, identity_ignores_weights_and_names_but_not_structure)
{
    onnx_file first = small_network(), second = small_network(), third = small_network();
    assert_loads(&first);
    const hash128 identity = model->identity;
    socle_model_destroy(model);
    w[0] += 1;
    assert_loads(&second);
    w[0] -= 1;
    cr_assert(hash_equal(identity, model->identity));
    socle_model_destroy(model);
    onnx_file_node(&third, "Sigmoid", "", "y", "z", NULL);
    onnx_file_output(&third, "z");
    assert_loads(&third);
    cr_assert_not(hash_equal(identity, model->identity));
    release();
}

Test(onnx_read, nodes_in_any_order_are_sorted)
{
    onnx_file file = {.opset = 17};
    onnx_file_input(&file, "x", SOCLE_FLOAT32, DIMS(4));
    onnx_file_node(&file, "Relu", "last", "b", "y", NULL);
    onnx_file_node(&file, "Add", "middle", "a,x", "b", NULL);
    onnx_file_node(&file, "Neg", "first", "x", "a", NULL);
    onnx_file_output(&file, "y");
    assert_loads(&file);
    cr_assert_str_eq(model->graph->nodes[0].name, "first");
    cr_assert_str_eq(model->graph->nodes[2].name, "last");
    release();
}

Test(onnx_read, an_initializer_that_is_also_an_input_is_a_constant)
{
    onnx_file file = small_network();
    onnx_file_input(&file, "fc.weight", SOCLE_FLOAT32, DIMS(3, 4));
    assert_loads(&file);
    cr_assert_eq(socle_model_input_count(model), 1);
    cr_assert_eq(socle_model_initializer_count(model), 2);
    release();
}

Test(onnx_read, made_up_names_give_way_to_the_files)
{
    onnx_file file = {.opset = 11};
    onnx_file_input(&file, "x", SOCLE_FLOAT32, DIMS(2, 3, 4));
    onnx_file_node(&file, "Softmax", "s", "x", "a", NULL);
    onnx_file_node(&file, "Relu", "r", "a", "Shape_1", NULL);
    onnx_file_node(&file, "Relu", "q", "Shape_1", "Flatten_2", NULL);
    onnx_file_node(&file, "Relu", "p", "Flatten_2", "y", NULL);
    onnx_file_output(&file, "y");
    assert_loads(&file);
    const value_id value = graph_find_value(model->graph, "Flatten_2");
    cr_assert_str_eq(model->graph->nodes[model->graph->values[value].producer].op->name, "Relu");
    release();
}

/* ---- trainable ---- */

Test(onnx_read, running_statistics_bounds_and_integers_are_no_weights)
{
    static const float ones[4] = {1, 1, 1, 1}, low = 0;
    static const int64_t shape[] = {2, 12};
    onnx_file file = {.opset = 17};
    onnx_file_input(&file, "x", SOCLE_FLOAT32, DIMS(2, 4, 3));
    onnx_file_floats(&file, "scale", DIMS(4), ones);
    onnx_file_floats(&file, "shift", DIMS(4), ones);
    onnx_file_floats(&file, "mean", DIMS(4), ones);
    onnx_file_floats(&file, "variance", DIMS(4), ones);
    onnx_file_floats(&file, "low", 0, NULL, &low);
    onnx_file_tensor(&file, "shape", SOCLE_INT64, DIMS(2), shape, sizeof(shape));
    onnx_file_node(&file, "BatchNormalization", "bn", "x,scale,shift,mean,variance", "h", NULL);
    onnx_file_node(&file, "Clip", "clip", "h,low", "c", NULL);
    onnx_file_node(&file, "Reshape", "flat", "c,shape", "y", NULL);
    onnx_file_output(&file, "y");
    assert_loads(&file);
    cr_assert_eq(socle_model_parameter_count(model), 8);
    cr_assert(model->graph->values[graph_find_value(model->graph, "scale")].trainable);
    cr_assert_not(model->graph->values[graph_find_value(model->graph, "mean")].trainable);
    release();
}

/* ---- older forms ---- */

Test(onnx_read, axes_become_inputs)
{
    static const struct {
        const char *op;
        int64_t opset;
    } rows[] = {{"Unsqueeze", 11},    {"ReduceSum", 11},       {"ReduceMean", 13},     {"ReduceMax", 17},
                {"ReduceMin", 13},    {"ReduceProd", 11},      {"ReduceL1", 13},       {"ReduceL2", 13},
                {"ReduceLogSum", 13}, {"ReduceLogSumExp", 13}, {"ReduceSumSquare", 13}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        wire_buffer attributes = {0};
        onnx_put_ints(&attributes, "axes", DIMS(0, 2));
        load_one(rows[i].opset, rows[i].op, "y", &attributes);
        assert_ints(node_of(rows[i].op), 1, DIMS(0, 2));
        cr_assert_null(node_attribute(node_of(rows[i].op), "axes"));
        release();
    }
}

Test(onnx_read, dropout_and_clip_get_their_numbers_as_inputs)
{
    wire_buffer clip = {0}, only_max = {0};
    load_one(7, "Dropout", "y", NULL);
    assert_scalar(node_of("Dropout"), 1, 0.5);
    release();
    onnx_put_float(&clip, "min", -1);
    onnx_put_float(&clip, "max", 6);
    load_one(7, "Clip", "y", &clip);
    assert_scalar(node_of("Clip"), 1, -1);
    assert_scalar(node_of("Clip"), 2, 6);
    release();
    onnx_put_float(&only_max, "max", 6);
    load_one(7, "Clip", "y", &only_max);
    cr_assert_eq(node_of("Clip")->inputs[1], GRAPH_NONE);
    assert_scalar(node_of("Clip"), 2, 6);
    release();
}

Test(onnx_read, outputs_that_nobody_uses_are_left_out)
{
    load_one(10, "Dropout", "y,mask", NULL);
    cr_assert_eq(node_of("Dropout")->output_count, 1);
    release();
}

Test(onnx_read, pad_slice_and_split_get_their_lists_as_inputs)
{
    wire_buffer pad = {0}, slice = {0}, split = {0};
    onnx_put_ints(&pad, "pads", DIMS(0, 1, 0, 0, 1, 2));
    onnx_put_float(&pad, "value", 3);
    load_one(7, "Pad", "y", &pad);
    assert_ints(node_of("Pad"), 1, DIMS(0, 1, 0, 0, 1, 2));
    assert_scalar(node_of("Pad"), 2, 3);
    release();
    onnx_put_ints(&slice, "starts", DIMS(1, 0));
    onnx_put_ints(&slice, "ends", DIMS(2, -1));
    onnx_put_ints(&slice, "axes", DIMS(0, 2));
    load_one(9, "Slice", "y", &slice);
    assert_ints(node_of("Slice"), 1, DIMS(1, 0));
    assert_ints(node_of("Slice"), 2, DIMS(2, -1));
    assert_ints(node_of("Slice"), 3, DIMS(0, 2));
    release();
    onnx_put_int(&split, "axis", 2);
    onnx_put_ints(&split, "split", DIMS(1, 3));
    load_one(11, "Split", "y,z", &split);
    assert_ints(node_of("Split"), 1, DIMS(1, 3));
    release();
}

Test(onnx_read, split_without_sizes_takes_the_number_of_its_outputs)
{
    for (int64_t opset = 7; opset <= 13; opset += 6) {
        wire_buffer split = {0};
        onnx_put_int(&split, "axis", 2);
        load_one(opset, "Split", "y,z", &split);
        cr_assert_eq(node_int(node_of("Split"), "num_outputs", 0), 2);
        cr_assert_eq(node_of("Split")->output_count, 2);
        release();
    }
}

Test(onnx_read, softmax_before_13_flattens)
{
    static const char *ops[] = {"Softmax", "LogSoftmax"};
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        wire_buffer last = {0};
        load_one(11, ops[i], "y", NULL); /* axis 1: the last two together */
        cr_assert_eq(node_int(node_of(ops[i]), "axis", 99), -1);
        cr_assert_eq(node_int(node_of("Flatten"), "axis", 99), 1);
        const graph_type *type = &model->graph->values[graph_find_value(model->graph, "y")].type;
        cr_assert(type->rank == 3 && type->dims[0] == 2 && type->dims[1] == 3 && type->dims[2] == 4);
        release();
        onnx_put_int(&last, "axis", 2);
        load_one(11, ops[i], "y", &last);
        cr_assert_eq(model->graph->node_count, 1);
        cr_assert_eq(node_int(node_of(ops[i]), "axis", 99), -1);
        release();
    }
    load_one(13, "Softmax", "y", NULL);
    cr_assert_eq(model->graph->node_count, 1);
    release();
}

static onnx_file batch_norm(int64_t opset, const char *outputs, wire_buffer *attributes)
{
    static const float ones[4] = {1, 1, 1, 1};
    onnx_file file = {.opset = opset};
    onnx_file_input(&file, "x", SOCLE_FLOAT32, DIMS(2, 4, 3));
    onnx_file_floats(&file, "s", DIMS(4), ones);
    onnx_file_node(&file, "BatchNormalization", "bn", "x,s,s,s,s", outputs, attributes);
    onnx_file_output(&file, "y");
    return file;
}

Test(onnx_read, old_batch_normalization_is_inference_unless_its_statistics_are_used)
{
    onnx_file named = batch_norm(7, "y,mean,var,saved_mean,saved_var", NULL);
    wire_buffer attributes = {0};
    assert_loads(&named);
    cr_assert_eq(node_of("BatchNormalization")->output_count, 1);
    release();
    onnx_file used = batch_norm(9, "y,mean", NULL);
    onnx_file_output(&used, "mean");
    cr_assert_eq(load(&used), SOCLE_UNSUPPORTED);
    cr_assert(
        test_message_is("m.onnx: node 'bn': operator BatchNormalization (domain ai.onnx, version 9) is not supported in its "
                        "training form: export the model for inference"));
    onnx_put_int(&attributes, "spatial", 0);
    onnx_file spatial = batch_norm(7, "y", &attributes);
    cr_assert_eq(load(&spatial), SOCLE_UNSUPPORTED);
    cr_assert_eq(memory_live_count(), 0);
}

Test(onnx_read, group_normalization_18_gets_a_scale_per_channel)
{
    static const float two[2] = {2, 3};
    for (int64_t opset = 18; opset <= 21; opset += 3) {
        static const float six[6] = {2, 2, 2, 3, 3, 3};
        onnx_file file = {.opset = opset};
        wire_buffer attributes = {0};
        onnx_put_int(&attributes, "num_groups", 2);
        onnx_file_input(&file, "x", SOCLE_FLOAT32, DIMS(2, 6, 4));
        onnx_file_floats(&file, "s", 1, opset == 18 ? (int64_t[]){2} : (int64_t[]){6}, opset == 18 ? two : six);
        onnx_file_node(&file, "GroupNormalization", "gn", "x,s,s", "y", &attributes);
        onnx_file_output(&file, "y");
        assert_loads(&file);
        const graph_type *scale = &model->graph->values[node_of("GroupNormalization")->inputs[1]].type;
        cr_assert(scale->rank == 1 && scale->dims[0] == 6);
        release();
    }
}

Test(onnx_read, scatter_is_scatter_elements)
{
    static const int64_t indices[2] = {0, 1};
    static const float updates[2] = {7, 8};
    onnx_file file = {.opset = 9};
    onnx_file_input(&file, "x", SOCLE_FLOAT32, DIMS(2, 3));
    onnx_file_tensor(&file, "i", SOCLE_INT64, DIMS(1, 2), indices, sizeof(indices));
    onnx_file_floats(&file, "u", DIMS(1, 2), updates);
    onnx_file_node(&file, "Scatter", "s", "x,i,u", "y", NULL);
    onnx_file_output(&file, "y");
    assert_loads(&file);
    node_of("ScatterElements");
    release();
}

/* ---- constants ---- */

static void load_constant(wire_buffer *attributes)
{
    onnx_file file = {.opset = 13};
    onnx_file_node(&file, "Constant", "c", NULL, "y", attributes);
    onnx_file_output(&file, "y");
    assert_loads(&file);
    cr_assert_eq(model->graph->node_count, 0);
}

static const graph_value *constant(void)
{
    const value_id value = graph_find_value(model->graph, "y");
    cr_assert(graph_is_constant(model->graph, value));
    return &model->graph->values[value];
}

Test(onnx_read, constants_of_every_form)
{
    wire_buffer attributes = {0}, tensor = {0}, content = {0};
    onnx_put_float(&attributes, "value_float", 1.5f);
    load_constant(&attributes);
    cr_assert(constant()->type.rank == 0 && *(const float *)constant()->data == 1.5f);
    cr_assert_not(constant()->trainable);
    release();
    onnx_put_int(&attributes, "value_int", -3);
    load_constant(&attributes);
    cr_assert(constant()->type.dtype == SOCLE_INT64 && constant()->type.rank == 0 && *(const int64_t *)constant()->data == -3);
    release();
    onnx_put_ints(&attributes, "value_ints", DIMS(4, 5, 6));
    load_constant(&attributes);
    cr_assert(constant()->type.rank == 1 && constant()->type.dims[0] == 3 && ((const int64_t *)constant()->data)[2] == 6);
    release();
    wire_put_string(&content, 1, "value_floats");
    wire_put_bytes(&content, 7, (float[]){1, 2}, 8); /* packed */
    wire_put_float(&content, 7, 3);                  /* and one by itself */
    wire_put_int(&content, 20, 6);
    wire_put_message(&attributes, 5, &content);
    load_constant(&attributes);
    cr_assert(constant()->type.dims[0] == 3 && ((const float *)constant()->data)[2] == 3);
    release();
    wire_put_int(&tensor, 2, 1);
    wire_put_float(&tensor, 4, 2.5f);
    wire_put_message(&content, 5, &tensor);
    wire_put_string(&content, 1, "value");
    wire_put_int(&content, 20, 4);
    wire_put_message(&attributes, 5, &content);
    load_constant(&attributes);
    cr_assert(constant()->type.rank == 0 && *(const float *)constant()->data == 2.5f);
    release();
}

/* ---- tensors ---- */

/* One initializer y of a type, its elements in a typed list, packed. */
static socle_status load_list(socle_dtype dtype, int count, uint32_t field, const void *bytes, size_t size)
{
    onnx_file file = {.opset = 13};
    wire_buffer tensor = {0};
    wire_put_int(&tensor, 1, count);
    wire_put_int(&tensor, 2, (int[]){0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 16}[dtype]);
    wire_put_string(&tensor, 8, "y");
    wire_put_bytes(&tensor, field, bytes, size);
    wire_put_message(&file.graph, 5, &tensor);
    onnx_file_output(&file, "y");
    return load(&file);
}

Test(onnx_read, typed_lists_are_unpacked)
{
    static const uint8_t small[] = {1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}; /* 1, 0, -1 */
    static const uint8_t half[] = {0x80, 0x78, 0, 0x80, 0x80, 2};                                   /* 0x3c00, 0, 0x8000 */
    cr_assert_eq(load_list(SOCLE_INT8, 3, 5, small, sizeof(small)), SOCLE_OK, "%s", socle_error_message());
    cr_assert_arr_eq(constant()->data, ((int8_t[]){1, 0, -1}), 3);
    release();
    cr_assert_eq(load_list(SOCLE_INT16, 3, 5, small, sizeof(small)), SOCLE_OK);
    cr_assert_arr_eq(constant()->data, ((int16_t[]){1, 0, -1}), 6);
    release();
    cr_assert_eq(load_list(SOCLE_INT32, 3, 5, small, sizeof(small)), SOCLE_OK);
    cr_assert_arr_eq(constant()->data, ((int32_t[]){1, 0, -1}), 12);
    release();
    cr_assert_eq(load_list(SOCLE_INT64, 3, 7, small, sizeof(small)), SOCLE_OK);
    cr_assert_arr_eq(constant()->data, ((int64_t[]){1, 0, -1}), 24);
    release();
    cr_assert_eq(load_list(SOCLE_BOOL, 2, 5, small, 2), SOCLE_OK);
    release();
    cr_assert_eq(load_list(SOCLE_FLOAT16, 3, 5, half, sizeof(half)), SOCLE_OK, "%s", socle_error_message());
    cr_assert_arr_eq(constant()->data, ((uint16_t[]){0x3c00, 0, 0x8000}), 6);
    release();
    cr_assert_eq(load_list(SOCLE_FLOAT64, 1, 10, &(double){0.1}, 8), SOCLE_OK);
    cr_assert_float_eq(*(const double *)constant()->data, 0.1, 0);
    release();
}

Test(onnx_read, typed_lists_that_do_not_fit_are_refused)
{
    static const uint8_t minus_one[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, large[] = {0x80, 0x02};
    cr_assert_eq(load_list(SOCLE_UINT8, 1, 5, minus_one, sizeof(minus_one)), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("m.onnx: tensor 'y': an element is too large for its type"));
    cr_assert_eq(load_list(SOCLE_INT8, 1, 5, large, sizeof(large)), SOCLE_INVALID_FILE);
    cr_assert_eq(load_list(SOCLE_INT32, 2, 5, large, sizeof(large)), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("m.onnx: tensor 'y': it has 1 elements, its shape says 2"));
    cr_assert_eq(load_list(SOCLE_INT32, 1, 5, (uint8_t[]){1, 2}, 2), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("m.onnx: tensor 'y': it has more elements than its shape says"));
    cr_assert_eq(load_list(SOCLE_FLOAT32, 1, 5, (uint8_t[]){1}, 1), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("m.onnx: tensor 'y': its data is not of its type float32"));
    cr_assert_eq(load_list(SOCLE_BOOL, 1, 5, (uint8_t[]){2}, 1), SOCLE_INVALID_FILE);
    cr_assert_eq(load_list(SOCLE_FLOAT32, 1000000000, 4, (uint8_t[4]){0}, 4), SOCLE_INVALID_FILE);
    cr_assert_eq(memory_live_count(), 0);
}

Test(onnx_read, every_alignment_of_weights_in_the_file_is_read)
{
    for (int shift = 0; shift < 8; shift++) {
        onnx_file file = small_network();
        wire_put_bytes(&file.graph, 10, "documentation", (size_t)shift);
        onnx_file_floats(&file, "late", DIMS(12), w);
        assert_loads(&file);
        const graph_value *late = &model->graph->values[graph_find_value(model->graph, "late")];
        cr_assert_eq((uintptr_t)late->data % sizeof(float), 0);
        cr_assert_arr_eq(late->data, w, sizeof(w));
        release();
    }
}

/* ---- external data ---- */

static void put_entry(wire_buffer *tensor, const char *key, const char *value)
{
    wire_buffer entry = {0};
    wire_put_string(&entry, 1, key);
    wire_put_string(&entry, 2, value);
    wire_put_message(tensor, 13, &entry);
}

static socle_status load_external(const char *location, const char *offset, const char *length)
{
    onnx_file file = {.opset = 13};
    wire_buffer tensor = {0};
    wire_put_int(&tensor, 1, 12);
    wire_put_int(&tensor, 2, 1);
    wire_put_string(&tensor, 8, "y");
    put_entry(&tensor, "location", location);
    if (offset != NULL)
        put_entry(&tensor, "offset", offset);
    if (length != NULL)
        put_entry(&tensor, "length", length);
    wire_put_int(&tensor, 14, 1);
    wire_put_message(&file.graph, 5, &tensor);
    onnx_file_output(&file, "y");
    return load(&file);
}

Test(onnx_read, external_data_lies_beside_the_model)
{
    uint8_t bytes[sizeof(w) + 3] = {0};
    memcpy(bytes + 3, w, sizeof(w));
    test_file_write("w.bin", w, sizeof(w));
    test_file_write("odd.bin", bytes, sizeof(bytes));
    cr_assert_eq(load_external("w.bin", NULL, NULL), SOCLE_OK, "%s", socle_error_message());
    cr_assert_arr_eq(constant()->data, w, sizeof(w));
    release();
    cr_assert_eq(load_external("odd.bin", "3", "48"), SOCLE_OK, "%s", socle_error_message());
    cr_assert_arr_eq(constant()->data, w, sizeof(w));
    release();
}

Test(onnx_read, external_data_is_confined_and_checked)
{
    test_file_write("w.bin", w, sizeof(w));
    cr_assert_eq(symlink("/etc/hostname", "link.bin"), 0);
    cr_assert_eq(load_external("/etc/hostname", NULL, NULL), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("m.onnx: tensor 'y': its external data '/etc/hostname' leads out of the model's folder: refused"));
    cr_assert_eq(load_external("../etc/hostname", NULL, NULL), SOCLE_INVALID_FILE);
    cr_assert_eq(load_external("a/../../etc/hostname", NULL, NULL), SOCLE_INVALID_FILE);
    cr_assert_eq(load_external("..", NULL, NULL), SOCLE_INVALID_FILE);
    cr_assert_eq(load_external("", NULL, NULL), SOCLE_INVALID_FILE);
    cr_assert_eq(load_external("link.bin", NULL, NULL), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("m.onnx: tensor 'y': its external data 'link.bin' leads out of the model's folder: refused"));
    cr_assert_eq(load_external("none.bin", NULL, NULL), SOCLE_IO);
    cr_assert(test_message_is("m.onnx: tensor 'y': its external data 'none.bin' is not there: put the file beside the model"));
    cr_assert_eq(load_external("w.bin", "4", NULL), SOCLE_INVALID_FILE);
    cr_assert(test_message_is(
        "m.onnx: tensor 'y': its external data of 48 bytes at offset 4 lies beyond the end of 'w.bin' (48 bytes)"));
    cr_assert_eq(load_external("w.bin", "9223372036854775807", NULL), SOCLE_INVALID_FILE);
    cr_assert_eq(load_external("w.bin", "-4", NULL), SOCLE_INVALID_FILE);
    cr_assert_eq(load_external("w.bin", "99999999999999999999", NULL), SOCLE_INVALID_FILE);
    cr_assert_eq(load_external("w.bin", "0", "44"), SOCLE_INVALID_FILE);
    cr_assert_eq(load_external(".", NULL, NULL), SOCLE_INVALID_FILE);
    cr_assert_eq(memory_live_count(), 0);
}
