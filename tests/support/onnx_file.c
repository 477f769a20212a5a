/* ONNX files put together field by field: see onnx_file.h. */
#include "onnx_file.h"

#include <string.h>

#include "model/onnx.h"

/* ---- attributes ---- */

static void put_attribute(wire_buffer *attributes, const char *name, int type, wire_buffer *content)
{
    wire_put_string(content, 1, name);
    wire_put_int(content, 20, type);
    wire_put_message(attributes, 5, content);
}

void onnx_put_int(wire_buffer *attributes, const char *name, int64_t value)
{
    wire_buffer content = {0};
    wire_put_int(&content, 3, value);
    put_attribute(attributes, name, 2, &content);
}

void onnx_put_float(wire_buffer *attributes, const char *name, float value)
{
    wire_buffer content = {0};
    wire_put_float(&content, 2, value);
    put_attribute(attributes, name, 1, &content);
}

void onnx_put_string(wire_buffer *attributes, const char *name, const char *value)
{
    wire_buffer content = {0};
    wire_put_string(&content, 4, value);
    put_attribute(attributes, name, 3, &content);
}

void onnx_put_ints(wire_buffer *attributes, const char *name, int count, const int64_t *values)
{
    wire_buffer content = {0};
    for (int i = 0; i < count; i++)
        wire_put_int(&content, 8, values[i]);
    put_attribute(attributes, name, 7, &content);
}

/* ---- the graph ---- */

void onnx_file_input(onnx_file *file, const char *name, socle_dtype dtype, int rank, const int64_t *dims)
{
    wire_buffer value = {0}, type = {0}, tensor = {0}, shape = {0};
    for (int i = 0; i < rank; i++) {
        wire_buffer dim = {0};
        if (dims[i] >= 0)
            wire_put_int(&dim, 1, dims[i]);
        else if (dims[i] == -2)
            wire_put_string(&dim, 2, "batch");
        wire_put_message(&shape, 1, &dim);
    }
    wire_put_int(&tensor, 1, onnx_data_type(dtype));
    wire_put_message(&tensor, 2, &shape);
    wire_put_message(&type, 1, &tensor);
    wire_put_string(&value, 1, name);
    wire_put_message(&value, 2, &type);
    wire_put_message(&file->graph, 11, &value);
}

void onnx_file_output(onnx_file *file, const char *name)
{
    wire_buffer value = {0};
    wire_put_string(&value, 1, name);
    wire_put_message(&file->graph, 12, &value);
}

void onnx_file_tensor(onnx_file *file, const char *name, socle_dtype dtype, int rank, const int64_t *dims, const void *data,
                      size_t size_bytes)
{
    wire_buffer tensor = {0};
    for (int i = 0; i < rank; i++)
        wire_put_int(&tensor, 1, dims[i]);
    wire_put_int(&tensor, 2, onnx_data_type(dtype));
    wire_put_string(&tensor, 8, name);
    wire_put_bytes(&tensor, 9, data, size_bytes);
    wire_put_message(&file->graph, 5, &tensor);
}

void onnx_file_floats(onnx_file *file, const char *name, int rank, const int64_t *dims, const float *data)
{
    const socle_tensor tensor = socle_tensor_f32(NULL, rank, dims);
    onnx_file_tensor(file, name, SOCLE_FLOAT32, rank, dims, data, tensor.size_bytes);
}

static void put_names(wire_buffer *node, uint32_t number, const char *names)
{
    while (names != NULL && *names != '\0') {
        const size_t length = strcspn(names, ",");
        wire_put_bytes(node, number, names, length);
        names += length + (names[length] == ',');
    }
}

void onnx_file_node(onnx_file *file, const char *op, const char *name, const char *inputs, const char *outputs,
                    wire_buffer *attributes)
{
    wire_buffer node = {0};
    const char *dot = strrchr(op, '.'); /* "com.example.Op" */
    put_names(&node, 1, inputs);
    put_names(&node, 2, outputs);
    wire_put_string(&node, 3, name);
    wire_put_string(&node, 4, dot != NULL ? dot + 1 : op);
    if (attributes != NULL) {
        wire_put_raw(&node, attributes);
        wire_free(attributes);
    }
    if (dot != NULL)
        wire_put_bytes(&node, 7, op, (size_t)(dot - op));
    wire_put_message(&file->graph, 1, &node);
}

void onnx_file_import(onnx_file *file, const char *domain, int64_t version)
{
    wire_buffer import = {0};
    wire_put_string(&import, 1, domain);
    wire_put_int(&import, 2, version);
    wire_put_message(&file->model, 8, &import);
}

wire_buffer onnx_file_finish(onnx_file *file)
{
    wire_buffer model = {0};
    wire_put_int(&model, 1, 8);
    wire_put_string(&file->graph, 2, "test");
    wire_put_message(&model, 7, &file->graph);
    if (file->opset != 0)
        onnx_file_import(file, "", file->opset);
    wire_put_raw(&model, &file->model);
    wire_free(&file->model);
    return model;
}
