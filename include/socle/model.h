/* Models: a network with its weights, from and to ONNX files. */
#ifndef SOCLE_MODEL_H
#define SOCLE_MODEL_H

#include <socle/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct socle_model socle_model;

/* Reads an ONNX file (opset 7 to 21). The file is memory-mapped while the model lives; its bytes are not trusted.
 * External data must lie in the file's own folder. Errors: IO; INVALID_FILE; UNSUPPORTED with the operator's name,
 * domain, version and node. */
SOCLE_API socle_status socle_model_load(socle_context *context, const char *path, socle_model **model);
/* The same from memory, which is copied. name stands for the file in messages. */
SOCLE_API socle_status socle_model_load_memory(socle_context *context, const char *name, const void *bytes, size_t size_bytes,
                                               socle_model **model);
/* Takes a graph built in code; *model owns it from then on. On failure the caller still owns graph. */
SOCLE_API socle_status socle_model_create(socle_context *context, socle_graph *graph, socle_model **model);
/* Writes ONNX (opset 21), beside the path first, then renames: no half-written file. Errors: IO. */
SOCLE_API socle_status socle_model_save(const socle_model *model, const char *path);
SOCLE_API void socle_model_destroy(socle_model *model);

typedef struct socle_value_info {
    const char *name;
    socle_dtype dtype;
    int rank;
    int64_t dims[SOCLE_MAX_RANK];        /* -1: symbolic or unknown */
    const char *symbols[SOCLE_MAX_RANK]; /* NULL where fixed or unnamed */
} socle_value_info;

SOCLE_API const char *socle_model_name(const socle_model *model);
SOCLE_API int socle_model_input_count(const socle_model *model);
SOCLE_API int socle_model_output_count(const socle_model *model);
SOCLE_API socle_status socle_model_input(const socle_model *model, int index, socle_value_info *info);
SOCLE_API socle_status socle_model_output(const socle_model *model, int index, socle_value_info *info);
/* Initializers (weights and constants). *data points into the model. */
SOCLE_API int socle_model_initializer_count(const socle_model *model);
SOCLE_API socle_status socle_model_initializer(const socle_model *model, int index, const char **name, socle_tensor *data);
/* Number of trainable parameters. */
SOCLE_API int64_t socle_model_parameter_count(const socle_model *model);

#ifdef __cplusplus
}
#endif
#endif
