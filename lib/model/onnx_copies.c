/* Large tensors that lie unaligned in an ONNX file cannot stay in its map. They share one block of memory, whose pages cost
 * nothing until they are written, and are copied by all threads together: most files are full of them. */
#include "onnx.h"

#include <string.h>

#define LARGE_BYTES ((size_t)64 << 10) /* smaller ones are copied by themselves */
#define PIECE_BYTES ((size_t)1 << 20)
#define ALIGNMENT 64

typedef struct onnx_copy {
    uint8_t *to;
    const uint8_t *from;
    size_t size_bytes;
} onnx_copy;

socle_status onnx_copies_start(onnx_reader *reader, size_t file_bytes)
{
    if (file_bytes < LARGE_BYTES)
        return SOCLE_OK;
    reader->model->aligned = memory_alloc(file_bytes);
    if (reader->model->aligned == NULL)
        return SOCLE_OUT_OF_MEMORY;
    reader->aligned_bytes = file_bytes;
    return SOCLE_OK;
}

void *onnx_copies_add(onnx_reader *reader, wire_span raw)
{
    const size_t start = (reader->aligned_used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (raw.size < LARGE_BYTES || start > reader->aligned_bytes || raw.size > reader->aligned_bytes - start)
        return NULL;
    uint8_t *to = (uint8_t *)reader->model->aligned + start;
    for (size_t done = 0; done < raw.size; done += PIECE_BYTES) {
        if (!ARRAY_RESERVE(reader->copies, reader->copy_count, reader->copy_capacity))
            return NULL;
        const size_t left = raw.size - done;
        reader->copies[reader->copy_count++] = (onnx_copy){to + done, raw.bytes + done, left < PIECE_BYTES ? left : PIECE_BYTES};
    }
    reader->aligned_used = start + raw.size;
    return to;
}

static socle_status copy_piece(int index, void *user)
{
    const onnx_copy *copy = &((const onnx_copy *)user)[index];
    memcpy(copy->to, copy->from, copy->size_bytes);
    return SOCLE_OK;
}

socle_status onnx_copies_finish(onnx_reader *reader)
{
    reader->aligned_bytes = 0;
    return threads_run(threads_available(), reader->copy_count, copy_piece, reader->copies);
}
