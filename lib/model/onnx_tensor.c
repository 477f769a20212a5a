/* TensorProto and ValueInfoProto: elements stay in the file's map where they lie there dense and aligned; packed varints and
 * unaligned elements are copied out. Nothing is allocated before the bytes that fill it have been seen. */
#include "onnx.h"

#include <string.h>

socle_dtype onnx_dtype(int64_t data_type)
{
    switch (data_type) {
#define CASE(name, text, bytes, onnx)                                                                                            \
    case onnx:                                                                                                                   \
        return SOCLE_##name;
        SOCLE_DTYPE_LIST(CASE)
#undef CASE
    default:
        return SOCLE_NONE;
    }
}

int onnx_data_type(socle_dtype dtype)
{
    static const int types[] = {
#define ROW(name, text, bytes, onnx) onnx,
        SOCLE_DTYPE_LIST(ROW)
#undef ROW
    };
    return types[dtype];
}

socle_status onnx_spans_add(onnx_spans *spans, wire_span item)
{
    if (!ARRAY_RESERVE(spans->items, spans->count, spans->capacity))
        return SOCLE_OUT_OF_MEMORY;
    spans->items[spans->count++] = item;
    return SOCLE_OK;
}

/* ---- TensorProto ---- */

typedef struct tensor_fields {
    const uint8_t *file;
    wire_span name;
    int64_t data_type, location;
    int rank;
    int64_t dims[SOCLE_MAX_RANK];
    wire_span raw;
    bool has_raw;
    onnx_spans typed;     /* chunks of float_data, int32_data, int64_data or double_data */
    uint32_t typed_field; /* which; 0: none */
    onnx_spans external;
} tensor_fields;

enum { FLOAT_DATA = 4, INT32_DATA = 5, INT64_DATA = 7, DOUBLE_DATA = 10 };

static socle_status add_dim(tensor_fields *t, int64_t dim)
{
    if (t->rank == SOCLE_MAX_RANK)
        return socle_fail(SOCLE_UNSUPPORTED, "it has more than %d dimensions", SOCLE_MAX_RANK);
    if (dim < 0)
        return socle_fail(SOCLE_INVALID_FILE, "it has a dimension of %lld", (long long)dim);
    t->dims[t->rank++] = dim;
    return SOCLE_OK;
}

static socle_status add_dims(tensor_fields *t, const wire_reader *reader, const wire_field *field)
{
    int64_t dim;
    if (field->type == WIRE_BYTES) { /* packed */
        const uint8_t *at = field->bytes.bytes, *end = at + field->bytes.size;
        socle_status status = SOCLE_OK;
        while (status == SOCLE_OK && at < end) {
            uint64_t value;
            if (!wire_varint(&at, end, &value))
                return socle_fail(SOCLE_INVALID_FILE, "its dimensions are cut off");
            status = add_dim(t, (int64_t)value);
        }
        return status;
    }
    return wire_get_int(reader, field, &dim) ? add_dim(t, dim) : SOCLE_INVALID_FILE;
}

/* A chunk of one of the typed lists: packed bytes, or one element by itself. */
static socle_status add_typed(tensor_fields *t, const wire_reader *reader, const wire_field *field)
{
    wire_span chunk = field->bytes;
    if (t->typed_field != 0 && t->typed_field != field->number)
        return socle_fail(SOCLE_INVALID_FILE, "it has data of two types");
    t->typed_field = field->number;
    if (field->type != WIRE_BYTES) {
        const wire_type expected = field->number == FLOAT_DATA    ? WIRE_FIXED32
                                   : field->number == DOUBLE_DATA ? WIRE_FIXED64
                                                                  : WIRE_VARINT;
        if (field->type != expected)
            return socle_fail(SOCLE_INVALID_FILE, "its data has the wrong wire type");
        size_t size = expected == WIRE_FIXED32 ? 4 : 8;
        if (expected == WIRE_VARINT)
            size = 1; /* the last byte of a varint is the one without the high bit: walk back over the others */
        while (expected == WIRE_VARINT && size < 10 && (reader->at[-(ptrdiff_t)size - 1] & 0x80))
            size++;
        chunk = (wire_span){reader->at - size, size};
    }
    return onnx_spans_add(&t->typed, chunk);
}

static socle_status read_tensor_field(tensor_fields *t, const wire_reader *r, const wire_field *f)
{
    switch (f->number) {
    case 1:
        return add_dims(t, r, f);
    case 2:
        return wire_get_int(r, f, &t->data_type) ? SOCLE_OK : SOCLE_INVALID_FILE;
    case 3:
        return socle_fail(SOCLE_UNSUPPORTED, "it is stored in segments: export the model again");
    case FLOAT_DATA:
    case INT32_DATA:
    case INT64_DATA:
    case DOUBLE_DATA:
        return add_typed(t, r, f);
    case 8:
        return wire_get_bytes(r, f, &t->name) ? onnx_check_text(t->name, "a tensor") : SOCLE_INVALID_FILE;
    case 9:
        t->has_raw = true;
        return wire_get_bytes(r, f, &t->raw) ? SOCLE_OK : SOCLE_INVALID_FILE;
    case 13:
        return f->type == WIRE_BYTES ? onnx_spans_add(&t->external, f->bytes)
                                     : socle_fail(SOCLE_INVALID_FILE, "its external data is damaged");
    case 14:
        return wire_get_int(r, f, &t->location) ? SOCLE_OK : SOCLE_INVALID_FILE;
    default:
        return SOCLE_OK;
    }
}

/* ---- elements ---- */

static bool field_fits(uint32_t field, socle_dtype dtype)
{
    switch (dtype) {
    case SOCLE_FLOAT32:
        return field == FLOAT_DATA;
    case SOCLE_FLOAT64:
        return field == DOUBLE_DATA;
    case SOCLE_INT64:
        return field == INT64_DATA;
    default:
        return field == INT32_DATA;
    }
}

static void store_int(uint8_t *to, int64_t value, size_t element_bytes)
{
    const uint64_t bits = (uint64_t)value;
    for (size_t i = 0; i < element_bytes; i++)
        to[i] = (uint8_t)(bits >> (8 * i));
}

/* int32_data and int64_data: varints, whose value must fit the element type (float16 and bfloat16: their bits). */
static socle_status unpack_ints(const onnx_spans *chunks, socle_dtype dtype, uint8_t *to, int64_t count)
{
    const size_t element_bytes = socle_dtype_size_bytes(dtype);
    const int bits = (int)(8 * element_bytes);
    const bool is_signed = dtype == SOCLE_INT8 || dtype == SOCLE_INT16 || dtype == SOCLE_INT32 || dtype == SOCLE_INT64;
    const int64_t high = dtype == SOCLE_BOOL ? 1 : bits == 64 ? INT64_MAX : ((int64_t)1 << (bits - is_signed)) - 1;
    const int64_t low = is_signed ? -high - 1 : 0;
    int64_t done = 0;
    for (int i = 0; i < chunks->count; i++) {
        const uint8_t *at = chunks->items[i].bytes, *end = at + chunks->items[i].size;
        for (; at < end; done++) {
            uint64_t value;
            if (!wire_varint(&at, end, &value))
                return socle_fail(SOCLE_INVALID_FILE, "its data is cut off");
            if (done == count || (int64_t)value < low || (int64_t)value > high)
                return socle_fail(SOCLE_INVALID_FILE, done == count ? "it has more elements than its shape says"
                                                                    : "an element is too large for its type");
            store_int(to + (size_t)done * element_bytes, (int64_t)value, element_bytes);
        }
    }
    if (done < count)
        return socle_fail(SOCLE_INVALID_FILE, "it has %lld elements, its shape says %lld", (long long)done, (long long)count);
    return SOCLE_OK;
}

static socle_status copy_chunks(const tensor_fields *t, onnx_tensor *out, size_t total)
{
    const bool fixed = t->typed_field == FLOAT_DATA || t->typed_field == DOUBLE_DATA;
    const int64_t count = socle_tensor_count(&out->tensor);
    if (fixed ? total != out->tensor.size_bytes : (uint64_t)count > total)
        return socle_fail(SOCLE_INVALID_FILE, "it has %zu bytes of data, its shape says %lld elements", total, (long long)count);
    uint8_t *to = out->owned = memory_alloc(out->tensor.size_bytes);
    if (to == NULL)
        return SOCLE_OUT_OF_MEMORY;
    if (!fixed)
        return unpack_ints(&t->typed, out->tensor.dtype, to, count);
    for (int i = 0; i < t->typed.count; i++) {
        if (t->typed.items[i].size > 0)
            memcpy(to, t->typed.items[i].bytes, t->typed.items[i].size);
        to += t->typed.items[i].size;
    }
    return SOCLE_OK;
}

/* Dense little-endian elements: in place when they are aligned. Bools must be 0 or 1: kernels rely on it. */
static socle_status place_raw(onnx_reader *reader, wire_span raw, onnx_tensor *out)
{
    const size_t element_bytes = socle_dtype_size_bytes(out->tensor.dtype);
    if (raw.size != out->tensor.size_bytes)
        return socle_fail(SOCLE_INVALID_FILE, "it has %zu bytes of data, its shape says %zu", raw.size, out->tensor.size_bytes);
    for (size_t i = 0; out->tensor.dtype == SOCLE_BOOL && i < raw.size; i++) {
        if (raw.bytes[i] > 1)
            return socle_fail(SOCLE_INVALID_FILE, "a bool is neither 0 nor 1");
    }
    if (raw.size > 0 && (uintptr_t)raw.bytes % element_bytes == 0) {
        out->tensor.data = (void *)(uintptr_t)raw.bytes;
        return SOCLE_OK;
    }
    out->tensor.data = onnx_copies_add(reader, raw);
    if (out->tensor.data != NULL)
        return SOCLE_OK;
    out->owned = memory_alloc(raw.size);
    if (out->owned == NULL)
        return SOCLE_OUT_OF_MEMORY;
    if (raw.size > 0)
        memcpy(out->owned, raw.bytes, raw.size);
    return SOCLE_OK;
}

static socle_status tensor_size(const tensor_fields *t, socle_tensor *tensor)
{
    int64_t size_bytes = (int64_t)socle_dtype_size_bytes(tensor->dtype);
    bool empty = false;
    for (int i = 0; i < t->rank; i++)
        empty |= t->dims[i] == 0;
    for (int i = 0; i < t->rank; i++) {
        if (!empty && !multiply_fits(size_bytes, t->dims[i], &size_bytes))
            return socle_fail(SOCLE_INVALID_FILE, "its shape claims more than 2^63 bytes");
        tensor->dims[i] = t->dims[i];
    }
    tensor->rank = t->rank;
    tensor->size_bytes = empty ? 0 : (size_t)size_bytes;
    return SOCLE_OK;
}

static socle_status place_data(onnx_reader *reader, const tensor_fields *t, onnx_tensor *out)
{
    size_t total = 0;
    out->tensor.dtype = onnx_dtype(t->data_type);
    if (out->tensor.dtype == SOCLE_NONE)
        return socle_fail(SOCLE_UNSUPPORTED, "its element type (ONNX data type %lld) is not supported", (long long)t->data_type);
    socle_status status = tensor_size(t, &out->tensor);
    if (status != SOCLE_OK)
        return status;
    for (int i = 0; i < t->typed.count; i++)
        total += t->typed.items[i].size;
    if (t->location == 1) {
        wire_span raw;
        status = onnx_external_data(reader, &t->external, out->tensor.size_bytes, &raw);
        return status == SOCLE_OK ? place_raw(reader, raw, out) : status;
    }
    if (t->location != 0)
        return socle_fail(SOCLE_INVALID_FILE, "its data location is unknown");
    if (t->has_raw && total > 0)
        return socle_fail(SOCLE_INVALID_FILE, "it has data twice");
    if (t->has_raw || total == 0)
        return place_raw(reader, t->raw, out);
    if (!field_fits(t->typed_field, out->tensor.dtype))
        return socle_fail(SOCLE_INVALID_FILE, "its data is not of its type %s", socle_dtype_name(out->tensor.dtype));
    if (t->typed.count == 1 && (t->typed_field == FLOAT_DATA || t->typed_field == DOUBLE_DATA))
        return place_raw(reader, t->typed.items[0], out);
    return copy_chunks(t, out, total);
}

/* Puts the tensor's name in front of the message; the name may come after what is wrong. */
static void fail_in_tensor(socle_status status, const uint8_t *file, wire_span message)
{
    wire_span name = {0};
    char *said = memory_copy_string(socle_error_message()); /* reading on may change it */
    wire_reader r = wire_open(file, message, "TensorProto");
    wire_field field;
    while (wire_next(&r, &field) > 0) {
        if (field.number == 8 && field.type == WIRE_BYTES && onnx_check_text(field.bytes, "a tensor") == SOCLE_OK)
            name = field.bytes;
    }
    if (said == NULL)
        return; /* the message is that memory is out */
    if (name.size > 0)
        socle_fail(status, "tensor '%.*s': %s", (int)name.size, (const char *)name.bytes, said);
    else
        socle_fail(status, "a tensor: %s", said);
    memory_free(said);
}

socle_status onnx_tensor_parse(onnx_reader *reader, wire_span message, onnx_tensor *out)
{
    tensor_fields t = {.file = reader->file};
    wire_reader r = wire_open(reader->file, message, "TensorProto");
    wire_field field;
    socle_status status = SOCLE_OK;
    int got = 0;
    *out = (onnx_tensor){0};
    while (status == SOCLE_OK && (got = wire_next(&r, &field)) > 0)
        status = read_tensor_field(&t, &r, &field);
    if (got < 0)
        status = SOCLE_INVALID_FILE;
    if (status == SOCLE_OK)
        status = place_data(reader, &t, out);
    if (status != SOCLE_OK) {
        fail_in_tensor(status, reader->file, message);
        memory_free(out->owned);
        out->owned = NULL;
    } else if (out->owned != NULL) {
        out->tensor.data = out->owned;
    }
    out->name = t.name;
    memory_free(t.typed.items);
    memory_free(t.external.items);
    return status;
}

value_id onnx_add_constant(socle_graph *graph, const char *name, onnx_tensor *tensor)
{
    graph_type type = {tensor->tensor.dtype, tensor->tensor.rank, {0}};
    memcpy(type.dims, tensor->tensor.dims, sizeof(type.dims));
    const value_id value = graph_add_constant(graph, name, &type, tensor->tensor.data, false);
    if (value != GRAPH_NONE) {
        graph->values[value].owned_data = tensor->owned;
        tensor->owned = NULL;
    }
    return value;
}

socle_status onnx_tensor_read(const char *path, socle_tensor *tensor)
{
    file_map map = {0};
    onnx_tensor read = {0};
    socle_status status = file_map_open(path, &map);
    if (status != SOCLE_OK)
        return status;
    onnx_reader reader = {.file = map.bytes};
    status = onnx_tensor_parse(&reader, (wire_span){map.bytes, map.size_bytes}, &read);
    if (status == SOCLE_OK && read.owned == NULL) {
        read.owned = memory_alloc(read.tensor.size_bytes);
        if (read.owned == NULL)
            status = SOCLE_OUT_OF_MEMORY;
        else
            memcpy(read.owned, read.tensor.data, read.tensor.size_bytes);
    }
    if (status == SOCLE_OK) {
        read.tensor.data = read.owned;
        *tensor = read.tensor;
    } else {
        socle_fail_in(status, "%s", path);
    }
    file_map_close(&map);
    return status;
}
