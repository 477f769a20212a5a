/* ValueInfoProto: the declared type and shape of a graph input. Named dimensions become symbols of the graph. */
#include "onnx.h"

#include <string.h>

/* The symbol's number as a dimension; added to the graph when it is new. */
static socle_status find_symbol(socle_graph *graph, wire_span name, int64_t *dim)
{
    socle_status status = onnx_check_text(name, "a dimension");
    if (status != SOCLE_OK)
        return status;
    for (int i = 0; i < graph->symbol_count; i++) {
        if (strlen(graph->symbols[i]) == name.size && memcmp(graph->symbols[i], name.bytes, name.size) == 0) {
            *dim = DIM_SYMBOL_BASE - i;
            return SOCLE_OK;
        }
    }
    char *symbol = onnx_string(name);
    if (symbol == NULL || !ARRAY_RESERVE(graph->symbols, graph->symbol_count, graph->symbol_capacity)) {
        memory_free(symbol);
        return SOCLE_OUT_OF_MEMORY;
    }
    *dim = DIM_SYMBOL_BASE - graph->symbol_count;
    graph->symbols[graph->symbol_count++] = symbol;
    return SOCLE_OK;
}

/* TensorShapeProto.Dimension */
static socle_status read_dim(onnx_reader *reader, wire_span message, int64_t *dim)
{
    wire_reader r = wire_open(reader->file, message, "Dimension");
    wire_field field;
    wire_span symbol = {0};
    int64_t value = DIM_UNKNOWN;
    int got;
    while ((got = wire_next(&r, &field)) > 0) {
        if ((field.number == 1 && !wire_get_int(&r, &field, &value)) ||
            (field.number == 2 && !wire_get_bytes(&r, &field, &symbol)))
            return SOCLE_INVALID_FILE;
    }
    if (got < 0)
        return SOCLE_INVALID_FILE;
    if (value < DIM_UNKNOWN)
        return socle_fail(SOCLE_INVALID_FILE, "a dimension of %lld", (long long)value);
    *dim = value;
    return symbol.size > 0 ? find_symbol(reader->model->graph, symbol, dim) : SOCLE_OK;
}

static socle_status read_shape(onnx_reader *reader, wire_span message, graph_type *type)
{
    wire_reader r = wire_open(reader->file, message, "TensorShapeProto");
    wire_field field;
    socle_status status = SOCLE_OK;
    int got = 0;
    type->rank = 0;
    while (status == SOCLE_OK && (got = wire_next(&r, &field)) > 0) {
        wire_span dim;
        if (field.number != 1)
            continue;
        if (!wire_get_bytes(&r, &field, &dim))
            return SOCLE_INVALID_FILE;
        if (type->rank == SOCLE_MAX_RANK)
            return socle_fail(SOCLE_UNSUPPORTED, "more than %d dimensions", SOCLE_MAX_RANK);
        status = read_dim(reader, dim, &type->dims[type->rank++]);
    }
    return got < 0 ? SOCLE_INVALID_FILE : status;
}

static socle_status read_tensor_type(onnx_reader *reader, wire_span message, graph_type *type)
{
    wire_reader r = wire_open(reader->file, message, "TypeProto.Tensor");
    wire_field field;
    socle_status status = SOCLE_OK;
    int64_t element = 0;
    int got = 0;
    while (status == SOCLE_OK && (got = wire_next(&r, &field)) > 0) {
        wire_span shape;
        if (field.number == 1 && !wire_get_int(&r, &field, &element))
            return SOCLE_INVALID_FILE;
        if (field.number == 2)
            status = wire_get_bytes(&r, &field, &shape) ? read_shape(reader, shape, type) : SOCLE_INVALID_FILE;
    }
    if (got < 0 || status != SOCLE_OK)
        return got < 0 ? SOCLE_INVALID_FILE : status;
    type->dtype = onnx_dtype(element);
    if (type->dtype == SOCLE_NONE)
        return socle_fail(SOCLE_UNSUPPORTED, "its element type (ONNX data type %lld) is not supported", (long long)element);
    return SOCLE_OK;
}

/* TypeProto: only tensors; sequences, maps and optionals are not descended into. */
static socle_status read_type(onnx_reader *reader, wire_span message, graph_type *type)
{
    wire_reader r = wire_open(reader->file, message, "TypeProto");
    wire_field field;
    socle_status status = SOCLE_OK;
    bool tensor = false;
    int got = 0;
    while (status == SOCLE_OK && (got = wire_next(&r, &field)) > 0) {
        wire_span content;
        if (field.number == 1) {
            tensor = true;
            status = wire_get_bytes(&r, &field, &content) ? read_tensor_type(reader, content, type) : SOCLE_INVALID_FILE;
        }
    }
    if (got < 0)
        return SOCLE_INVALID_FILE;
    return status == SOCLE_OK && !tensor ? socle_fail(SOCLE_UNSUPPORTED, "it is not a tensor") : status;
}

socle_status onnx_value_info(onnx_reader *reader, wire_span message, wire_span *name, graph_type *type)
{
    wire_reader r = wire_open(reader->file, message, "ValueInfoProto");
    wire_field field;
    wire_span type_message = {0};
    int got;
    *name = (wire_span){0};
    while ((got = wire_next(&r, &field)) > 0) {
        if ((field.number == 1 && !wire_get_bytes(&r, &field, name)) ||
            (field.number == 2 && !wire_get_bytes(&r, &field, &type_message)))
            return SOCLE_INVALID_FILE;
    }
    if (got < 0)
        return SOCLE_INVALID_FILE;
    socle_status status = onnx_check_text(*name, "a value");
    if (status == SOCLE_OK && name->size == 0)
        status = socle_fail(SOCLE_INVALID_FILE, "an input or output has no name");
    if (type != NULL && status == SOCLE_OK) {
        *type = (graph_type){.rank = -1};
        status = read_type(reader, type_message, type);
        if (status != SOCLE_OK)
            socle_fail_in(status, "value '%.*s'", (int)name->size, (const char *)name->bytes);
    }
    return status;
}
