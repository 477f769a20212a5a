/* model: files in and out: ONNX, NPY, CSV, safetensors. Untrusted bytes stop here. */
#ifndef SOCLE_LIB_MODEL_H
#define SOCLE_LIB_MODEL_H

#include "../graph/graph.h"
#include <socle/dataset.h>
#include <socle/model.h>

struct socle_model {
    socle_context *context;
    char *path;         /* or the name given */
    socle_graph *graph; /* canonical form; constants point into the maps below where they can */
    file_map *maps;     /* the file and its external data */
    int map_count;
    void *copy;       /* of the bytes given to socle_model_load_memory; NULL otherwise */
    void *aligned;    /* large tensors that lie unaligned in the file, copied */
    hash128 identity; /* of structure, shapes and weights' sizes: keys of decisions (weights' contents do not matter) */
};

/* A tensor file as in ONNX's test data (TensorProto). data: memory_free. */
socle_status onnx_tensor_read(const char *path, socle_tensor *tensor);

/* safetensors: named tensors in one file, written beside and renamed. */
typedef struct named_tensor {
    char *name;
    socle_tensor tensor;
} named_tensor;
socle_status safetensors_write(const char *path, const named_tensor *tensors, int count, const char *metadata_json);
/* Tensors point into *map; names: memory_free each and the array. metadata may be NULL. */
socle_status safetensors_read(const char *path, file_map *map, named_tensor **tensors, int *count, char **metadata_json);

#endif
