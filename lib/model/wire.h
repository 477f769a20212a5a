/* wire: the protobuf wire format, as much of it as ONNX files need. A reader walks the fields of one message in place; it copies
 * nothing, calls itself never, and checks every length against the message that holds it, so hostile bytes can only end the walk.
 * A writer appends fields to a growing buffer.
 * https://protobuf.dev/programming-guides/encoding/ */
#ifndef SOCLE_LIB_WIRE_H
#define SOCLE_LIB_WIRE_H

#include "../base/base.h"

/* Bytes inside a file's map (or a writer's buffer). */
typedef struct wire_span {
    const uint8_t *bytes;
    size_t size;
} wire_span;

typedef enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 } wire_type;

typedef struct wire_field {
    uint32_t number;
    wire_type type;
    uint64_t value;  /* VARINT, FIXED64, FIXED32 */
    wire_span bytes; /* BYTES */
} wire_field;

typedef struct wire_reader {
    const uint8_t *at, *end;
    const uint8_t *file; /* first byte of the file: for offsets in messages */
    const char *message; /* the message's type, "NodeProto" */
} wire_reader;

static inline wire_reader wire_open(const uint8_t *file, wire_span span, const char *message)
{
    return (wire_reader){span.bytes, span.bytes + span.size, file, message};
}

/* 1: the next field; 0: the end; -1: the bytes are not valid, message set (INVALID_FILE). */
int wire_next(wire_reader *reader, wire_field *field);
/* The field's content when it has the right type; else false, message set. */
bool wire_get_bytes(const wire_reader *reader, const wire_field *field, wire_span *out);
bool wire_get_int(const wire_reader *reader, const wire_field *field, int64_t *out);
bool wire_get_float(const wire_reader *reader, const wire_field *field, float *out);

/* One varint from *at, which moves past it; false when it is cut off or longer than ten bytes. */
bool wire_varint(const uint8_t **at, const uint8_t *end, uint64_t *value);

/* ---- writing ---- */

typedef struct wire_buffer {
    uint8_t *bytes;
    size_t size, capacity;
    bool failed; /* memory ran out: later additions do nothing */
} wire_buffer;

void wire_put_int(wire_buffer *to, uint32_t number, int64_t value);
void wire_put_float(wire_buffer *to, uint32_t number, float value);
void wire_put_bytes(wire_buffer *to, uint32_t number, const void *bytes, size_t size);
void wire_put_string(wire_buffer *to, uint32_t number, const char *text);
void wire_put_message(wire_buffer *to, uint32_t number, wire_buffer *message); /* and frees message */
void wire_put_raw(wire_buffer *to, const wire_buffer *fields);                 /* fields that are already written */
/* The key of a field of bytes and its length, whose content follows; length_bytes > 0: the length takes that many bytes. */
void wire_put_header(wire_buffer *to, uint32_t number, uint64_t length, int length_bytes);
int wire_varint_size(uint64_t value);
void wire_free(wire_buffer *buffer);

#endif
