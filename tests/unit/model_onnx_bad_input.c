/* ONNX files that are damaged, hostile or not supported: a status, a message, nothing leaked, never a crash. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "folder.h"
#include "onnx_file.h"

TestSuite(onnx_bad_input, .init = test_folder_enter, .fini = test_folder_leave);

static socle_status load_bytes(const uint8_t *bytes, size_t size)
{
    socle_model *model = NULL;
    const socle_status status = socle_model_load_memory(NULL, "m.onnx", bytes, size, &model);
    cr_assert((status == SOCLE_OK) == (model != NULL));
    socle_model_destroy(model);
    return status;
}

static socle_status load(onnx_file *file)
{
    wire_buffer bytes = onnx_file_finish(file);
    const socle_status status = load_bytes(bytes.bytes, bytes.size);
    wire_free(&bytes);
    cr_assert_eq(memory_live_count(), 0);
    return status;
}

#define assert_refused(file, status, message)                                                                                    \
    do {                                                                                                                         \
        cr_assert_eq(load(file), status, "%s", socle_error_message());                                                           \
        cr_assert(test_message_is(message));                                                                                     \
    } while (0)

static onnx_file graph_of(const char *op, const char *inputs, const char *outputs)
{
    onnx_file file = {.opset = 13};
    onnx_file_input(&file, "x", SOCLE_FLOAT32, DIMS(2, 3));
    onnx_file_node(&file, op, "n", inputs, outputs, NULL);
    onnx_file_output(&file, "y");
    return file;
}

/* Something of everything, for cutting and flipping. */
static wire_buffer good_file(void)
{
    static const float w[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    static const int64_t shape[] = {-1, 2, 2};
    onnx_file file = {.opset = 11};
    wire_buffer gemm = {0}, softmax = {0}, unsqueeze = {0}, entry = {0};
    onnx_put_int(&gemm, "transB", 1);
    onnx_put_float(&gemm, "alpha", 0.5f);
    onnx_put_int(&softmax, "axis", 1);
    onnx_put_ints(&unsqueeze, "axes", DIMS(0));
    onnx_file_input(&file, "x", SOCLE_FLOAT32, DIMS(-2, 3));
    onnx_file_floats(&file, "w", DIMS(4, 3), w);
    onnx_file_tensor(&file, "shape", SOCLE_INT64, DIMS(3), shape, sizeof(shape));
    onnx_file_node(&file, "Gemm", "fc", "x,w", "h", &gemm);
    onnx_file_node(&file, "Reshape", "r", "h,shape", "i", NULL);
    onnx_file_node(&file, "Softmax", "s", "i", "j", &softmax);
    onnx_file_node(&file, "Unsqueeze", "u", "j", "y", &unsqueeze);
    onnx_file_output(&file, "y");
    wire_put_string(&entry, 1, "key");
    wire_put_string(&entry, 2, "value");
    wire_put_message(&file.model, 14, &entry);
    onnx_file_import(&file, "com.example", 1);
    return onnx_file_finish(&file);
}

/* ---- damage ---- */

Test(onnx_bad_input, truncation_at_every_length_is_refused)
{
    wire_buffer good = good_file();
    cr_assert_eq(load_bytes(good.bytes, good.size), SOCLE_OK, "%s", socle_error_message());
    for (size_t length = 0; length < good.size; length++)
        cr_assert_eq(load_bytes(good.bytes, length), SOCLE_INVALID_FILE, "%zu of %zu bytes: %s", length, good.size,
                     socle_error_message());
    wire_free(&good);
    cr_assert_eq(memory_live_count(), 0);
}

Test(onnx_bad_input, truncation_is_said_with_its_place)
{
    wire_buffer good = good_file();
    cr_assert_eq(load_bytes(good.bytes, 10), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("m.onnx: not a valid ONNX file: a field claims more bytes than there are in ModelProto at byte 2: "
                              "the file is damaged or incomplete"));
    cr_assert_eq(load_bytes(good.bytes, 0), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("m.onnx: the file is empty"));
    cr_assert_eq(load_bytes(good.bytes, 2), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("m.onnx: not a valid ONNX file: it has no graph: the file is incomplete or something else"));
    wire_free(&good);
}

Test(onnx_bad_input, every_flipped_bit_is_survived)
{
    wire_buffer good = good_file();
    for (size_t bit = 0; bit < 8 * good.size; bit++) {
        good.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        load_bytes(good.bytes, good.size);
        good.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(memory_live_count(), 1, "bit %zu", bit);
    }
    wire_free(&good);
}

/* The first byte is the tag of ir_version, a varint; one bit makes it a number of 8 bytes, and what follows no field. */
Test(onnx_bad_input, a_flipped_bit_is_said_with_its_place)
{
    wire_buffer good = good_file();
    good.bytes[0] ^= 1;
    cr_assert_eq(load_bytes(good.bytes, good.size), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("m.onnx: not a valid ONNX file: a field has an impossible wire type in ModelProto at byte 11: the "
                              "file is damaged or incomplete"));
    wire_free(&good);
}

static uint64_t random_next(uint64_t *state) /* xorshift64* */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

Test(onnx_bad_input, random_damage_is_survived)
{
    wire_buffer good = good_file();
    uint64_t state = 20261124;
    uint8_t *bytes = memory_alloc(good.size);
    for (int round = 0; round < 20000; round++) {
        memcpy(bytes, good.bytes, good.size);
        for (uint64_t flips = 1 + random_next(&state) % 8; flips > 0; flips--)
            bytes[random_next(&state) % good.size] = (uint8_t)random_next(&state);
        load_bytes(bytes, good.size);
        cr_assert_eq(memory_live_count(), 2, "round %d", round);
    }
    memory_free(bytes);
    wire_free(&good);
}

Test(onnx_bad_input, random_bytes_are_refused)
{
    uint64_t state = 7;
    uint8_t bytes[256];
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)random_next(&state);
        cr_assert_neq(load_bytes(bytes, sizeof(bytes)), SOCLE_OK);
    }
}

Test(onnx_bad_input, each_failed_allocation_is_reported_and_leaks_nothing)
{
    wire_buffer good = good_file();
    socle_status status = SOCLE_OUT_OF_MEMORY;
    int failing;
    for (failing = 0; status != SOCLE_OK; failing++) {
        memory_fail_after(failing);
        status = load_bytes(good.bytes, good.size);
        memory_fail_after(-1);
        cr_assert(status == SOCLE_OK || strstr(socle_error_message(), "out of host memory") != NULL, "%d: %s", failing,
                  socle_error_message());
        cr_assert_eq(memory_live_count(), 1, "allocation %d", failing);
    }
    cr_assert_gt(failing, 50);
    wire_free(&good);
}

/* ---- claims and nesting ---- */

Test(onnx_bad_input, enormous_claims_are_refused_without_memory)
{
    onnx_file file = graph_of("Add", "x,w", "y");
    onnx_file_tensor(&file, "w", SOCLE_FLOAT32, DIMS(1000000, 1000000), "", 0);
    assert_refused(&file, SOCLE_INVALID_FILE, "m.onnx: tensor 'w': it has 0 bytes of data, its shape says 4000000000000");
    file = graph_of("Add", "x,w", "y");
    onnx_file_tensor(&file, "w", SOCLE_FLOAT32, DIMS(INT64_MAX, INT64_MAX), "", 0);
    assert_refused(&file, SOCLE_INVALID_FILE, "m.onnx: tensor 'w': its shape claims more than 2^63 bytes");
    file = graph_of("Add", "x,w", "y");
    onnx_file_tensor(&file, "w", SOCLE_FLOAT32, DIMS(-1), "", 0);
    assert_refused(&file, SOCLE_INVALID_FILE, "m.onnx: tensor 'w': it has a dimension of -1");
    file = graph_of("Add", "x,w", "y");
    onnx_file_tensor(&file, "w", SOCLE_FLOAT32, DIMS(1, 1, 1, 1, 1, 1, 1, 1, 1), "....", 4);
    assert_refused(&file, SOCLE_UNSUPPORTED, "m.onnx: tensor 'w': it has more than 8 dimensions");
    static const uint8_t huge_length[] = {8, 8, 0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    cr_assert_eq(load_bytes(huge_length, sizeof(huge_length)), SOCLE_INVALID_FILE);
}

Test(onnx_bad_input, deep_nesting_is_refused)
{
    wire_buffer attribute = {0};
    for (int level = 0; level < 2000; level++) {
        wire_buffer graph = {0}, node = {0};
        wire_put_string(&node, 4, "If");
        if (attribute.size > 0)
            wire_put_message(&node, 5, &attribute);
        wire_put_message(&graph, 1, &node);
        wire_put_string(&attribute, 1, "then_branch");
        wire_put_message(&attribute, 6, &graph);
    }
    wire_buffer attributes = {0};
    wire_put_message(&attributes, 5, &attribute);
    onnx_file file = {.opset = 13};
    onnx_file_input(&file, "x", SOCLE_BOOL, 0, NULL);
    onnx_file_node(&file, "If", "n", "x", "y", &attributes);
    onnx_file_output(&file, "y");
    assert_refused(&file, SOCLE_INVALID_FILE,
                   "m.onnx: node 'n': operator If (domain ai.onnx, version 13) has graphs nested deeper than 64 levels");
}

Test(onnx_bad_input, control_flow_is_refused_by_name)
{
    wire_buffer attributes = {0}, attribute = {0};
    wire_put_string(&attribute, 1, "then_branch");
    wire_put_bytes(&attribute, 6, "", 0);
    wire_put_message(&attributes, 5, &attribute);
    onnx_file file = {.opset = 13};
    onnx_file_input(&file, "x", SOCLE_BOOL, 0, NULL);
    onnx_file_node(&file, "If", "n", "x", "y", &attributes);
    onnx_file_output(&file, "y");
    assert_refused(&file, SOCLE_UNSUPPORTED,
                   "m.onnx: node 'n': operator If (domain ai.onnx, version 13) is not supported: it has a "
                   "graph of its own (control flow)");
}

/* ---- the graph ---- */

Test(onnx_bad_input, a_cycle_is_named)
{
    onnx_file file = {.opset = 13};
    onnx_file_input(&file, "x", SOCLE_FLOAT32, DIMS(2));
    onnx_file_node(&file, "Add", "first", "x,b", "a", NULL);
    onnx_file_node(&file, "Relu", "second", "a", "b", NULL);
    onnx_file_output(&file, "b");
    assert_refused(&file, SOCLE_INVALID_FILE,
                   "m.onnx: node 'second' (Relu) depends on itself through 'a': the graph has a cycle");
    file = graph_of("Add", "x,y", "y");
    assert_refused(&file, SOCLE_INVALID_FILE, "m.onnx: node 'n' (Add) depends on itself through 'y': the graph has a cycle");
}

Test(onnx_bad_input, names_must_be_made_once)
{
    onnx_file file = graph_of("Relu", "nothing", "y");
    assert_refused(&file, SOCLE_INVALID_FILE,
                   "m.onnx: node 'n' (Relu): its input 'nothing' is made by nothing: export the model again");
    file = graph_of("Relu", "x", "x");
    assert_refused(&file, SOCLE_INVALID_FILE, "m.onnx: value 'x' is defined twice: export the model again");
    file = graph_of("Relu", "x", "z");
    assert_refused(&file, SOCLE_INVALID_FILE, "m.onnx: its output 'y' is made by nothing: export the model again");
    file = graph_of("Relu", "x", "y");
    onnx_file_floats(&file, "w", DIMS(1), (float[]){1});
    onnx_file_floats(&file, "w", DIMS(1), (float[]){1});
    assert_refused(&file, SOCLE_INVALID_FILE, "m.onnx: value 'w' is defined twice: export the model again");
    file = (onnx_file){.opset = 13};
    onnx_file_input(&file, "x", SOCLE_FLOAT32, DIMS(2, 3));
    assert_refused(&file, SOCLE_INVALID_FILE, "m.onnx: it has no outputs");
}

Test(onnx_bad_input, names_must_be_short_printable_text)
{
    static char long_name[5000];
    onnx_file file = graph_of("Relu", "x", "y\xff");
    assert_refused(&file, SOCLE_INVALID_FILE, "m.onnx: a value has a name that is not printable text: the file is damaged");
    file = graph_of("Relu\n", "x", "y");
    assert_refused(&file, SOCLE_INVALID_FILE, "m.onnx: an operator has a name that is not printable text: the file is damaged");
    memset(long_name, 'a', sizeof(long_name) - 1);
    file = graph_of("Relu", "x", long_name);
    assert_refused(&file, SOCLE_INVALID_FILE, "m.onnx: a value has a name of 4999 bytes: at most 4096 are read");
}

Test(onnx_bad_input, an_unknown_operator_is_named_with_domain_version_and_node)
{
    onnx_file file = graph_of("NonMaxSuppression", "x", "y");
    assert_refused(&file, SOCLE_UNSUPPORTED,
                   "m.onnx: node 'n': operator NonMaxSuppression (domain ai.onnx, version 13) is not supported: export the model "
                   "without it, or register an operator of that name");
    file = graph_of("com.example.Swirl", "x", "y");
    onnx_file_import(&file, "com.example", 3);
    assert_refused(&file, SOCLE_UNSUPPORTED,
                   "m.onnx: node 'n': operator Swirl (domain com.example, version 3) is not supported: "
                   "export the model without it, or register an operator of that name");
    file = graph_of("com.example.Swirl", "x", "y");
    assert_refused(&file, SOCLE_INVALID_FILE,
                   "m.onnx: node 'n': operator Swirl (domain com.example, version 0) is of a domain that "
                   "the file does not import");
    file = graph_of("socle.MaxPoolGrad", "x,x", "y");
    onnx_file_import(&file, "socle", 1);
    cr_assert_eq(load(&file), SOCLE_UNSUPPORTED);
}

Test(onnx_bad_input, opsets_outside_7_to_23_are_refused)
{
    onnx_file file = graph_of("Relu", "x", "y");
    file.opset = 6;
    assert_refused(&file, SOCLE_UNSUPPORTED,
                   "m.onnx: it uses ONNX opset 6, opsets 7 to 23 are read: export it with one of these");
    file = graph_of("Relu", "x", "y");
    file.opset = 24;
    cr_assert_eq(load(&file), SOCLE_UNSUPPORTED);
    file = graph_of("Relu", "x", "y");
    file.opset = 0;
    assert_refused(&file, SOCLE_INVALID_FILE,
                   "m.onnx: not a valid ONNX file: it does not say which operator set it uses: the file is incomplete");
    file = graph_of("LayerNormalization", "x,x", "y");
    assert_refused(&file, SOCLE_INVALID_FILE,
                   "m.onnx: node 'n': operator LayerNormalization (domain ai.onnx, version 13) is not in "
                   "that version: it came with version 17");
}

Test(onnx_bad_input, forms_before_opset_7_are_refused)
{
    wire_buffer attributes = {0};
    onnx_put_int(&attributes, "broadcast", 1);
    onnx_file file = {.opset = 7};
    onnx_file_input(&file, "x", SOCLE_FLOAT32, DIMS(2, 3));
    onnx_file_node(&file, "Add", "n", "x,x", "y", &attributes);
    onnx_file_output(&file, "y");
    assert_refused(&file, SOCLE_INVALID_FILE,
                   "m.onnx: node 'n': operator Add (domain ai.onnx, version 7) has the attributes of an opset before 7");
}

Test(onnx_bad_input, shapes_that_do_not_fit_name_the_node)
{
    onnx_file file = graph_of("Add", "x,w", "y");
    onnx_file_floats(&file, "w", DIMS(4), (float[]){1, 2, 3, 4});
    assert_refused(
        &file, SOCLE_SHAPE_MISMATCH,
        "m.onnx: node 'n' (Add): float32[2, 3] and float32[4] do not broadcast: each pair of dimensions must be equal or 1");
}

Test(onnx_bad_input, strings_and_unknown_types_are_refused)
{
    onnx_file file = graph_of("Relu", "x", "y");
    wire_buffer tensor = {0};
    wire_put_int(&tensor, 2, 8);
    wire_put_string(&tensor, 8, "words");
    wire_put_string(&tensor, 6, "hello");
    wire_put_message(&file.graph, 5, &tensor);
    assert_refused(&file, SOCLE_UNSUPPORTED, "m.onnx: tensor 'words': its element type (ONNX data type 8) is not supported");
    file = graph_of("Relu", "x", "y");
    wire_put_bytes(&file.graph, 15, "", 0);
    assert_refused(&file, SOCLE_UNSUPPORTED, "m.onnx: it has sparse initializers: export it with dense ones");
}

Test(onnx_bad_input, a_file_that_is_not_there_says_so)
{
    socle_model *model = NULL;
    cr_assert_eq(socle_model_load(NULL, "none.onnx", &model), SOCLE_IO);
    cr_assert(test_message_is("none.onnx: cannot be opened: No such file or directory: check the path"));
    test_file_write("empty.onnx", "", 0);
    cr_assert_eq(socle_model_load(NULL, "empty.onnx", &model), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("empty.onnx: the file is empty"));
    cr_assert_eq(socle_model_load(NULL, NULL, &model), SOCLE_INVALID_ARGUMENT);
    cr_assert_null(model);
}
