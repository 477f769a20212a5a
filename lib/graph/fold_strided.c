/* Copies by strides: Transpose, Slice, Expand, Tile, Concat and Split on the host are all one such copy or a few. */
#include "fold.h"

#include <string.h>

void dense_strides(const int64_t *dims, int rank, int64_t *strides)
{
    int64_t stride = 1;
    for (int d = rank - 1; d >= 0; d--) {
        strides[d] = stride;
        stride *= dims[d];
    }
}

void broadcast_strides(const socle_tensor *tensor, int rank, int64_t *strides)
{
    int64_t stride = 1;
    for (int d = rank - 1; d >= 0; d--) {
        const int own = d - (rank - tensor->rank);
        strides[d] = own < 0 || tensor->dims[own] == 1 ? 0 : stride;
        stride *= own < 0 ? 1 : tensor->dims[own];
    }
}

bool index_next(int64_t *index, const int64_t *dims, int rank, const int64_t *strides, int64_t *offset)
{
    for (int d = rank - 1; d >= 0; d--) {
        *offset += strides[d];
        if (++index[d] < dims[d])
            return true;
        *offset -= index[d] * strides[d];
        index[d] = 0;
    }
    return false;
}

#define COPY_ROW(type)                                                                                                           \
    do {                                                                                                                         \
        const type *source = (const type *)from;                                                                                 \
        type *target = (type *)to;                                                                                               \
        for (int64_t i = 0; i < count; i++)                                                                                      \
            target[i * to_stride] = source[i * from_stride];                                                                     \
    } while (0)

static void copy_row(const char *from, int64_t from_stride, char *to, int64_t to_stride, int64_t count, size_t element_bytes)
{
    if (from_stride == 1 && to_stride == 1) {
        memcpy(to, from, (size_t)count * element_bytes);
        return;
    }
    switch (element_bytes) {
    case 1:
        COPY_ROW(uint8_t);
        break;
    case 2:
        COPY_ROW(uint16_t);
        break;
    case 4:
        COPY_ROW(uint32_t);
        break;
    default:
        COPY_ROW(uint64_t);
        break;
    }
}

static void copy_dim(const strided_copy *copy, int d, const char *from, char *to)
{
    if (d == copy->rank - 1) {
        copy_row(from, copy->from_stride[d], to, copy->to_stride[d], copy->dims[d], copy->element_bytes);
        return;
    }
    for (int64_t i = 0; i < copy->dims[d]; i++)
        copy_dim(copy, d + 1, from + i * copy->from_stride[d] * (int64_t)copy->element_bytes,
                 to + i * copy->to_stride[d] * (int64_t)copy->element_bytes);
}

void strided_copy_run(const strided_copy *copy, const void *from, void *to)
{
    for (int d = 0; d < copy->rank; d++)
        if (copy->dims[d] == 0)
            return;
    if (copy->rank == 0)
        memcpy(to, from, copy->element_bytes);
    else
        copy_dim(copy, 0, from, to);
}

int tensor_ints(const socle_tensor *tensor, int64_t *out, int capacity)
{
    if (tensor->data == NULL)
        return -1;
    const int64_t count = socle_tensor_count(tensor);
    const int taken = count < capacity ? (int)count : capacity;
    elements_read_integer(tensor->dtype, tensor->data, 0, taken, out);
    return taken;
}
