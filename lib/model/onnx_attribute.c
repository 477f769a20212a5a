/* AttributeProto: an attribute of a node that is being drafted. Graphs within attributes are never descended into, except to
 * count how deeply they are nested. */
#include "onnx.h"

#include <string.h>

/* Puts the same in front of the message that is there. */
static socle_status fail_with_message(const onnx_draft *draft, socle_status status)
{
    char *message = memory_copy_string(socle_error_message());
    onnx_draft_fail(draft, status, "has a fault: %s", message != NULL ? message : "out of host memory");
    memory_free(message);
    return status;
}

/* AttributeProto.AttributeType */
enum { TYPE_FLOAT = 1, TYPE_INT, TYPE_STRING, TYPE_TENSOR, TYPE_GRAPH, TYPE_FLOATS, TYPE_INTS, TYPE_STRINGS };

typedef struct attribute_fields {
    wire_span name, s, t;
    bool has_s, has_t, has_graph, has_reference, has_other;
    bool has_f, has_i;
    float f;
    int64_t i, type;
    size_t ints_bytes, floats_bytes; /* at least as many as elements */
} attribute_fields;

static bool read_attribute_field(attribute_fields *a, const wire_reader *r, const wire_field *f)
{
    switch (f->number) {
    case 1:
        return wire_get_bytes(r, f, &a->name);
    case 2:
        a->has_f = true;
        return wire_get_float(r, f, &a->f);
    case 3:
        a->has_i = true;
        return wire_get_int(r, f, &a->i);
    case 4:
        a->has_s = true;
        return wire_get_bytes(r, f, &a->s);
    case 5:
        a->has_t = true;
        return wire_get_bytes(r, f, &a->t);
    case 6:
    case 11:
        a->has_graph = true;
        return true;
    case 7:
        a->floats_bytes += f->type == WIRE_BYTES ? f->bytes.size : 4;
        return true;
    case 8:
        a->ints_bytes += f->type == WIRE_BYTES ? f->bytes.size : 1;
        return true;
    case 9:
    case 10:
    case 14:
    case 22:
        a->has_other = true;
        return true;
    case 20:
        return wire_get_int(r, f, &a->type);
    case 21:
        a->has_reference = true;
        return true;
    default:
        return true;
    }
}

/* Depth of the graphs within an attribute, counted up to the limit. */
static int graph_depth(const uint8_t *file, wire_span attribute, int depth)
{
    /* AttributeProto.g, .graphs -> GraphProto.node -> NodeProto.attribute */
    static const uint32_t path[3][2] = {{6, 11}, {1, 1}, {5, 5}};
    wire_reader r = wire_open(file, attribute, "AttributeProto");
    wire_field field;
    int deepest = depth;
    while (depth < 3 * ONNX_MAX_DEPTH && wire_next(&r, &field) > 0) {
        const uint32_t *down = path[depth % 3];
        if (field.type != WIRE_BYTES || (field.number != down[0] && field.number != down[1]))
            continue;
        const int below = graph_depth(file, field.bytes, depth + 1);
        deepest = below > deepest ? below : deepest;
        if (deepest >= 3 * ONNX_MAX_DEPTH)
            break;
    }
    return deepest;
}

static socle_status read_ints(onnx_draft *draft, wire_span message, size_t most, socle_attribute *out)
{
    wire_reader r = wire_open(draft->reader->file, message, "AttributeProto");
    wire_field field;
    int64_t *ints = onnx_draft_alloc(draft, most, sizeof(*ints));
    if (ints == NULL)
        return SOCLE_OUT_OF_MEMORY;
    while (wire_next(&r, &field) > 0) {
        if (field.number != 8)
            continue;
        if (field.type != WIRE_BYTES) {
            if (!wire_get_int(&r, &field, &ints[out->count++]))
                return SOCLE_INVALID_FILE;
            continue;
        }
        const uint8_t *at = field.bytes.bytes, *end = at + field.bytes.size;
        while (at < end) {
            uint64_t value;
            if (!wire_varint(&at, end, &value))
                return socle_fail(SOCLE_INVALID_FILE, "a list of numbers is cut off");
            ints[out->count++] = (int64_t)value;
        }
    }
    out->ints = ints;
    return SOCLE_OK;
}

static double little_float(const uint8_t *bytes)
{
    const uint32_t bits = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    float value;
    memcpy(&value, &bits, sizeof(value));
    return (double)value;
}

static socle_status read_floats(onnx_draft *draft, wire_span message, size_t most_bytes, socle_attribute *out)
{
    wire_reader r = wire_open(draft->reader->file, message, "AttributeProto");
    wire_field field;
    double *floats = onnx_draft_alloc(draft, most_bytes / 4, sizeof(*floats));
    if (floats == NULL)
        return SOCLE_OUT_OF_MEMORY;
    while (wire_next(&r, &field) > 0) {
        float single;
        if (field.number != 7)
            continue;
        if (field.type != WIRE_BYTES) {
            if (!wire_get_float(&r, &field, &single))
                return SOCLE_INVALID_FILE;
            floats[out->count++] = (double)single;
            continue;
        }
        if (field.bytes.size % 4 != 0)
            return socle_fail(SOCLE_INVALID_FILE, "a list of numbers is cut off");
        for (size_t i = 0; i < field.bytes.size; i += 4)
            floats[out->count++] = little_float(field.bytes.bytes + i);
    }
    out->floats = floats;
    return SOCLE_OK;
}

static socle_status read_tensor(onnx_draft *draft, wire_span message, socle_attribute *out)
{
    onnx_tensor read;
    socle_tensor *tensor = onnx_draft_alloc(draft, 1, sizeof(*tensor));
    if (tensor == NULL || !ARRAY_RESERVE(draft->owned, draft->owned_count, draft->owned_capacity))
        return SOCLE_OUT_OF_MEMORY;
    const socle_status status = onnx_tensor_parse(draft->reader, message, &read);
    if (status != SOCLE_OK)
        return status;
    if (read.owned != NULL)
        draft->owned[draft->owned_count++] = read.owned;
    *tensor = read.tensor;
    out->tensor = tensor;
    return SOCLE_OK;
}

static socle_status refuse_graph(onnx_draft *draft, wire_span message)
{
    if (graph_depth(draft->reader->file, message, 0) >= 3 * ONNX_MAX_DEPTH)
        return onnx_draft_fail(draft, SOCLE_INVALID_FILE, "has graphs nested deeper than %d levels", ONNX_MAX_DEPTH);
    return onnx_draft_fail(draft, SOCLE_UNSUPPORTED, "is not supported: it has a graph of its own (control flow)");
}

static int64_t guess_type(const attribute_fields *a) /* files of IR version 1 do not say it */
{
    return a->type != 0          ? a->type
           : a->has_i            ? TYPE_INT
           : a->has_f            ? TYPE_FLOAT
           : a->has_s            ? TYPE_STRING
           : a->has_t            ? TYPE_TENSOR
           : a->floats_bytes > 0 ? TYPE_FLOATS
           : a->ints_bytes > 0   ? TYPE_INTS
                                 : TYPE_STRINGS;
}

static socle_status fill_attribute(onnx_draft *draft, const attribute_fields *a, wire_span message, socle_attribute *out)
{
    switch (guess_type(a)) {
    case TYPE_INT:
        *out = (socle_attribute){.name = out->name, .kind = SOCLE_ATTRIBUTE_INT, .i = a->i};
        return SOCLE_OK;
    case TYPE_FLOAT:
        *out = (socle_attribute){.name = out->name, .kind = SOCLE_ATTRIBUTE_FLOAT, .f = (double)a->f};
        return SOCLE_OK;
    case TYPE_STRING:
        out->kind = SOCLE_ATTRIBUTE_STRING;
        out->s = onnx_draft_string(draft, a->s);
        return out->s == NULL ? SOCLE_OUT_OF_MEMORY : onnx_check_text(a->s, "an attribute");
    case TYPE_INTS:
        out->kind = SOCLE_ATTRIBUTE_INTS;
        return read_ints(draft, message, a->ints_bytes, out);
    case TYPE_FLOATS:
        out->kind = SOCLE_ATTRIBUTE_FLOATS;
        return read_floats(draft, message, a->floats_bytes, out);
    case TYPE_TENSOR:
        out->kind = SOCLE_ATTRIBUTE_TENSOR;
        return a->has_t ? read_tensor(draft, a->t, out)
                        : onnx_draft_fail(draft, SOCLE_INVALID_FILE, "has an attribute '%s' without its tensor", out->name);
    default:
        return onnx_draft_fail(draft, SOCLE_UNSUPPORTED, "has an attribute '%s' of a kind that is not supported", out->name);
    }
}

socle_status onnx_read_attribute(onnx_draft *draft, wire_span message)
{
    wire_reader r = wire_open(draft->reader->file, message, "AttributeProto");
    wire_field field;
    attribute_fields a = {0};
    socle_attribute attribute = {0};
    int got;
    while ((got = wire_next(&r, &field)) > 0) {
        if (!read_attribute_field(&a, &r, &field))
            return SOCLE_INVALID_FILE;
    }
    if (got < 0)
        return SOCLE_INVALID_FILE;
    socle_status status = onnx_check_text(a.name, "an attribute");
    if (status != SOCLE_OK)
        return fail_with_message(draft, status);
    if (a.has_graph)
        return refuse_graph(draft, message);
    if (a.has_reference || a.name.size == 0)
        return onnx_draft_fail(draft, SOCLE_INVALID_FILE, "has an attribute without a %s", a.has_reference ? "value" : "name");
    attribute.name = onnx_draft_string(draft, a.name);
    if (attribute.name == NULL)
        return SOCLE_OUT_OF_MEMORY;
    if (onnx_draft_attribute(draft, attribute.name) != NULL)
        return onnx_draft_fail(draft, SOCLE_INVALID_FILE, "has its attribute '%s' twice", attribute.name);
    status = fill_attribute(draft, &a, message, &attribute);
    return status == SOCLE_OK ? onnx_draft_set_attribute(draft, attribute) : status;
}
