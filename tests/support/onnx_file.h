/* ONNX files put together field by field, right or wrong, for tests of the reader. Lists of names are separated by commas; an
 * empty one between them is an input left out. */
#ifndef SOCLE_TEST_ONNX_FILE_H
#define SOCLE_TEST_ONNX_FILE_H

#include "model/model.h"
#include "model/wire.h"

typedef struct onnx_file {
    int64_t opset;
    wire_buffer graph; /* fields of GraphProto */
    wire_buffer model; /* further fields of ModelProto, after the graph */
} onnx_file;

#define DIMS(...)                                                                                                                \
    COUNT_OF(((int64_t[]){__VA_ARGS__})), (int64_t[])                                                                            \
    {                                                                                                                            \
        __VA_ARGS__                                                                                                              \
    }

/* Fields of NodeProto: attributes, for onnx_file_node, which frees them. */
void onnx_put_int(wire_buffer *attributes, const char *name, int64_t value);
void onnx_put_float(wire_buffer *attributes, const char *name, float value);
void onnx_put_string(wire_buffer *attributes, const char *name, const char *value);
void onnx_put_ints(wire_buffer *attributes, const char *name, int count, const int64_t *values);

/* dims: -1 is unknown, -2 the symbol "batch". */
void onnx_file_input(onnx_file *file, const char *name, socle_dtype dtype, int rank, const int64_t *dims);
void onnx_file_output(onnx_file *file, const char *name);
void onnx_file_tensor(onnx_file *file, const char *name, socle_dtype dtype, int rank, const int64_t *dims, const void *data,
                      size_t size_bytes);
void onnx_file_floats(onnx_file *file, const char *name, int rank, const int64_t *dims, const float *data);
void onnx_file_node(onnx_file *file, const char *op, const char *name, const char *inputs, const char *outputs,
                    wire_buffer *attributes);
void onnx_file_import(onnx_file *file, const char *domain, int64_t version);
/* The whole file; frees what file holds. wire_free by the caller. */
wire_buffer onnx_file_finish(onnx_file *file);

#endif
