/* The protobuf wire format: see wire.h. */
#include "wire.h"

#include <string.h>

/* ---- reading ---- */

bool wire_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    uint64_t result = 0;
    for (int shift = 0; shift < 70 && *at < end; shift += 7) {
        const uint8_t byte = *(*at)++;
        if (shift == 63 && byte > 1)
            return false;
        result |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = result;
            return true;
        }
    }
    return false;
}

static int fail_at(const wire_reader *reader, const uint8_t *at, const char *what)
{
    socle_fail(SOCLE_INVALID_FILE, "not a valid ONNX file: %s in %s at byte %zu: the file is damaged or incomplete", what,
               reader->message, (size_t)(at - reader->file));
    return -1;
}

/* Little endian, whatever the host is. */
static uint64_t fixed(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

int wire_next(wire_reader *reader, wire_field *field)
{
    const uint8_t *start = reader->at;
    uint64_t key, length;
    if (reader->at == reader->end)
        return 0;
    if (!wire_varint(&reader->at, reader->end, &key))
        return fail_at(reader, start, "a field's key is cut off");
    if (key >> 3 == 0 || key >> 3 > 0x1fffffff)
        return fail_at(reader, start, "a field has an impossible number");
    *field = (wire_field){.number = (uint32_t)(key >> 3), .type = (wire_type)(key & 7)};
    switch (field->type) {
    case WIRE_VARINT:
        if (!wire_varint(&reader->at, reader->end, &field->value))
            return fail_at(reader, start, "a number is cut off");
        return 1;
    case WIRE_FIXED64:
    case WIRE_FIXED32:
        length = field->type == WIRE_FIXED64 ? 8 : 4;
        if ((uint64_t)(reader->end - reader->at) < length)
            return fail_at(reader, start, "a number is cut off");
        field->value = fixed(reader->at, (int)length);
        reader->at += length;
        return 1;
    case WIRE_BYTES:
        if (!wire_varint(&reader->at, reader->end, &length))
            return fail_at(reader, start, "a length is cut off");
        if (length > (uint64_t)(reader->end - reader->at))
            return fail_at(reader, start, "a field claims more bytes than there are");
        field->bytes = (wire_span){reader->at, (size_t)length};
        reader->at += length;
        return 1;
    }
    return fail_at(reader, start, "a field has an impossible wire type");
}

static bool wrong_type(const wire_reader *reader, const wire_field *field)
{
    socle_fail(SOCLE_INVALID_FILE,
               "not a valid ONNX file: field %u of %s before byte %zu has wire type %d: the file is damaged or incomplete",
               field->number, reader->message, (size_t)(reader->at - reader->file), (int)field->type);
    return false;
}

bool wire_get_bytes(const wire_reader *reader, const wire_field *field, wire_span *out)
{
    if (field->type != WIRE_BYTES)
        return wrong_type(reader, field);
    *out = field->bytes;
    return true;
}

bool wire_get_int(const wire_reader *reader, const wire_field *field, int64_t *out)
{
    if (field->type != WIRE_VARINT)
        return wrong_type(reader, field);
    *out = (int64_t)field->value;
    return true;
}

bool wire_get_float(const wire_reader *reader, const wire_field *field, float *out)
{
    if (field->type != WIRE_FIXED32)
        return wrong_type(reader, field);
    const uint32_t bits = (uint32_t)field->value;
    memcpy(out, &bits, sizeof(*out));
    return true;
}

/* ---- writing ---- */

int wire_varint_size(uint64_t value)
{
    int size = 1;
    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

static uint8_t *room(wire_buffer *to, size_t size)
{
    const size_t needed = to->size + size;
    if (to->failed)
        return NULL;
    if (needed > to->capacity) {
        const size_t capacity = needed > 2 * to->capacity ? needed + 64 : 2 * to->capacity;
        uint8_t *bytes = memory_resize(to->bytes, to->capacity, capacity);
        if (bytes == NULL) {
            to->failed = true;
            return NULL;
        }
        to->bytes = bytes;
        to->capacity = capacity;
    }
    to->size = needed;
    return to->bytes + needed - size;
}

/* least: bytes to take at least; a longer form than needed is valid, too. */
static void put_varint(wire_buffer *to, uint64_t value, int least)
{
    const int needed = wire_varint_size(value), size = needed > least ? needed : least;
    uint8_t *at = room(to, (size_t)size);
    for (int i = 0; at != NULL && i < size; i++, value >>= 7)
        at[i] = (uint8_t)((value & 0x7f) | (i < size - 1 ? 0x80 : 0));
}

void wire_put_header(wire_buffer *to, uint32_t number, uint64_t length, int length_bytes)
{
    put_varint(to, (uint64_t)number << 3 | WIRE_BYTES, 0);
    put_varint(to, length, length_bytes);
}

void wire_put_int(wire_buffer *to, uint32_t number, int64_t value)
{
    put_varint(to, (uint64_t)number << 3 | WIRE_VARINT, 0);
    put_varint(to, (uint64_t)value, 0);
}

void wire_put_float(wire_buffer *to, uint32_t number, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_varint(to, (uint64_t)number << 3 | WIRE_FIXED32, 0);
    uint8_t *at = room(to, 4);
    for (int i = 0; at != NULL && i < 4; i++)
        at[i] = (uint8_t)(bits >> (8 * i));
}

void wire_put_bytes(wire_buffer *to, uint32_t number, const void *bytes, size_t size)
{
    wire_put_header(to, number, size, 0);
    uint8_t *at = room(to, size);
    if (at != NULL && size > 0)
        memcpy(at, bytes, size);
}

void wire_put_string(wire_buffer *to, uint32_t number, const char *text)
{
    wire_put_bytes(to, number, text, strlen(text));
}

void wire_put_message(wire_buffer *to, uint32_t number, wire_buffer *message)
{
    wire_put_bytes(to, number, message->bytes, message->size);
    to->failed |= message->failed;
    wire_free(message);
}

void wire_put_raw(wire_buffer *to, const wire_buffer *fields)
{
    uint8_t *at = room(to, fields->size);
    if (at != NULL && fields->size > 0)
        memcpy(at, fields->bytes, fields->size);
    to->failed |= fields->failed;
}

void wire_free(wire_buffer *buffer)
{
    memory_free(buffer->bytes);
    *buffer = (wire_buffer){0};
}
