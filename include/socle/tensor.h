/* Element types and host tensors: caller-owned memory with a type and a shape. */
#ifndef SOCLE_TENSOR_H
#define SOCLE_TENSOR_H

#include <stddef.h>
#include <stdint.h>
#include <socle/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SOCLE_MAX_RANK 8

/* X(enumerator, text, bytes per element, ONNX TensorProto.DataType) */
#define SOCLE_DTYPE_LIST(X)                                                                                                      \
    X(NONE, "none", 0, 0)                                                                                                        \
    X(FLOAT32, "float32", 4, 1)                                                                                                  \
    X(UINT8, "uint8", 1, 2)                                                                                                      \
    X(INT8, "int8", 1, 3)                                                                                                        \
    X(INT16, "int16", 2, 5)                                                                                                      \
    X(INT32, "int32", 4, 6)                                                                                                      \
    X(INT64, "int64", 8, 7)                                                                                                      \
    X(BOOL, "bool", 1, 9)                                                                                                        \
    X(FLOAT16, "float16", 2, 10)                                                                                                 \
    X(FLOAT64, "float64", 8, 11)                                                                                                 \
    X(BFLOAT16, "bfloat16", 2, 16)

typedef enum socle_dtype {
#define SOCLE_DTYPE_ENUM(name, text, bytes, onnx) SOCLE_##name,
    SOCLE_DTYPE_LIST(SOCLE_DTYPE_ENUM)
#undef SOCLE_DTYPE_ENUM
        SOCLE_DTYPE_COUNT
} socle_dtype;

SOCLE_API const char *socle_dtype_name(socle_dtype dtype);
SOCLE_API size_t socle_dtype_size_bytes(socle_dtype dtype);

/* A dense row-major tensor in host memory that the caller owns. */
typedef struct socle_tensor {
    socle_dtype dtype;
    int rank; /* 0 (scalar) .. SOCLE_MAX_RANK */
    int64_t dims[SOCLE_MAX_RANK];
    void *data;        /* not owned; Socle never writes through a tensor passed as const */
    size_t size_bytes; /* bytes reachable through data */
} socle_tensor;

/* Number of elements: the product of the dims; 1 for a scalar. */
static inline int64_t socle_tensor_count(const socle_tensor *tensor)
{
    int64_t count = 1;
    for (int i = 0; i < tensor->rank; i++)
        count *= tensor->dims[i];
    return count;
}

/* Describes caller-owned memory as a tensor; rank must not exceed SOCLE_MAX_RANK. */
static inline socle_tensor socle_tensor_of(socle_dtype dtype, size_t element_bytes, void *data, int rank, const int64_t *dims)
{
    socle_tensor tensor = {dtype, rank, {0}, data, 0};
    for (int i = 0; i < rank; i++)
        tensor.dims[i] = dims[i];
    tensor.size_bytes = (size_t)socle_tensor_count(&tensor) * element_bytes;
    return tensor;
}

static inline socle_tensor socle_tensor_f32(float *data, int rank, const int64_t *dims)
{
    return socle_tensor_of(SOCLE_FLOAT32, sizeof(float), data, rank, dims);
}

static inline socle_tensor socle_tensor_i64(int64_t *data, int rank, const int64_t *dims)
{
    return socle_tensor_of(SOCLE_INT64, sizeof(int64_t), data, rank, dims);
}

#ifdef __cplusplus
}
#endif
#endif
