/* Reading ONNX, first pass: the model's and the graph's fields and the names of all values with their makers. */
#include "onnx.h"

#include <stdlib.h>
#include <string.h>

/* ---- ModelProto ---- */

static socle_status read_import(onnx_reader *reader, wire_span message)
{
    wire_reader r = wire_open(reader->file, message, "OperatorSetIdProto");
    wire_field field;
    onnx_import import = {0};
    int got;
    while ((got = wire_next(&r, &field)) > 0) {
        if ((field.number == 1 && !wire_get_bytes(&r, &field, &import.domain)) ||
            (field.number == 2 && !wire_get_int(&r, &field, &import.version)))
            return SOCLE_INVALID_FILE;
    }
    if (got < 0)
        return SOCLE_INVALID_FILE;
    socle_status status = onnx_check_text(import.domain, "a domain");
    if (status != SOCLE_OK)
        return status;
    if (import.domain.size == 0 || onnx_text_is(import.domain, "ai.onnx")) {
        if (reader->opset != 0 && reader->opset != import.version)
            return socle_fail(SOCLE_INVALID_FILE, "it imports two versions of ONNX's operators");
        reader->opset = import.version;
    }
    if (!ARRAY_RESERVE(reader->imports, reader->import_count, reader->import_capacity))
        return SOCLE_OUT_OF_MEMORY;
    reader->imports[reader->import_count++] = import;
    return SOCLE_OK;
}

/* metadata_props: "socle.trainable" lists the initializers that are weights, one name a line. */
static socle_status read_metadata(onnx_reader *reader, wire_span message)
{
    wire_reader r = wire_open(reader->file, message, "StringStringEntryProto");
    wire_field field;
    wire_span key = {0}, value = {0};
    int got;
    while ((got = wire_next(&r, &field)) > 0) {
        if ((field.number == 1 && !wire_get_bytes(&r, &field, &key)) ||
            (field.number == 2 && !wire_get_bytes(&r, &field, &value)))
            return SOCLE_INVALID_FILE;
    }
    if (got < 0)
        return SOCLE_INVALID_FILE;
    if (onnx_text_is(key, "socle.trainable") && value.bytes != NULL)
        reader->trainable = value;
    return SOCLE_OK;
}

static socle_status read_model(onnx_reader *reader, wire_span file)
{
    wire_reader r = wire_open(reader->file, file, "ModelProto");
    wire_field field;
    socle_status status = SOCLE_OK;
    int got = 0;
    while (status == SOCLE_OK && (got = wire_next(&r, &field)) > 0) {
        wire_span content = {0};
        if ((field.number == 7 || field.number == 8 || field.number == 14) && !wire_get_bytes(&r, &field, &content))
            return SOCLE_INVALID_FILE;
        if (field.number == 7 && reader->graph.bytes != NULL)
            return socle_fail(SOCLE_INVALID_FILE, "not a valid ONNX file: it has two graphs");
        if (field.number == 7)
            reader->graph = content;
        else if (field.number == 8)
            status = read_import(reader, content);
        else if (field.number == 14)
            status = read_metadata(reader, content);
    }
    if (status != SOCLE_OK || got < 0)
        return got < 0 ? SOCLE_INVALID_FILE : status;
    if (reader->graph.bytes == NULL)
        return socle_fail(SOCLE_INVALID_FILE, "not a valid ONNX file: it has no graph: the file is incomplete or something else");
    if (reader->opset == 0)
        return socle_fail(SOCLE_INVALID_FILE,
                          "not a valid ONNX file: it does not say which operator set it uses: the file is incomplete");
    if (reader->opset < ONNX_OPSET_MIN || reader->opset > ONNX_OPSET_MAX)
        return socle_fail(SOCLE_UNSUPPORTED, "it uses ONNX opset %lld, opsets %d to %d are read: export it with one of these",
                          (long long)reader->opset, ONNX_OPSET_MIN, ONNX_OPSET_MAX);
    return SOCLE_OK;
}

/* ---- GraphProto and NodeProto ---- */

static socle_status read_graph(onnx_reader *reader)
{
    wire_reader r = wire_open(reader->file, reader->graph, "GraphProto");
    wire_field field;
    socle_status status = SOCLE_OK;
    int got = 0;
    while (status == SOCLE_OK && (got = wire_next(&r, &field)) > 0) {
        onnx_spans *list = NULL;
        switch (field.number) {
        case 1:
            list = &reader->node_messages;
            break;
        case 2:
            status = wire_get_bytes(&r, &field, &reader->graph_name) ? SOCLE_OK : SOCLE_INVALID_FILE;
            break;
        case 5:
            list = &reader->initializers;
            break;
        case 11:
            list = &reader->inputs;
            break;
        case 12:
            list = &reader->outputs;
            break;
        case 15:
            status = socle_fail(SOCLE_UNSUPPORTED, "it has sparse initializers: export it with dense ones");
            break;
        default:
            break; /* documentation, types of inner values (inferred again), quantization notes */
        }
        wire_span content;
        if (list != NULL)
            status = !wire_get_bytes(&r, &field, &content) ? SOCLE_INVALID_FILE
                     : list->count >= ONNX_MAX_NODES
                         ? socle_fail(SOCLE_INVALID_FILE, "it claims more than %d nodes or tensors", ONNX_MAX_NODES)
                         : onnx_spans_add(list, content);
    }
    if (got < 0)
        return SOCLE_INVALID_FILE;
    return status == SOCLE_OK ? onnx_check_text(reader->graph_name, "the graph") : status;
}

/* The parts of one kind (field number) into reader->parts. */
static socle_status collect_parts(onnx_reader *reader, wire_span message, uint32_t number, int *first, int *count)
{
    wire_reader r = wire_open(reader->file, message, "NodeProto");
    wire_field field;
    wire_span part;
    *first = reader->parts.count;
    *count = 0;
    int got;
    while ((got = wire_next(&r, &field)) > 0) {
        if (field.number != number)
            continue;
        if (!wire_get_bytes(&r, &field, &part))
            return SOCLE_INVALID_FILE;
        if (++*count > ONNX_MAX_NODE_PARTS)
            return socle_fail(SOCLE_INVALID_FILE, "a node claims more than %d inputs", ONNX_MAX_NODE_PARTS);
        if (onnx_spans_add(&reader->parts, part) != SOCLE_OK)
            return SOCLE_OUT_OF_MEMORY;
    }
    return got < 0 ? SOCLE_INVALID_FILE : SOCLE_OK;
}

static socle_status read_node(onnx_reader *reader, wire_span message, onnx_node *node)
{
    wire_reader r = wire_open(reader->file, message, "NodeProto");
    wire_field field;
    int got;
    while ((got = wire_next(&r, &field)) > 0) {
        wire_span *to = field.number == 3   ? &node->name
                        : field.number == 4 ? &node->op
                        : field.number == 7 ? &node->domain
                                            : NULL;
        if (to != NULL && !wire_get_bytes(&r, &field, to))
            return SOCLE_INVALID_FILE;
    }
    if (got < 0)
        return SOCLE_INVALID_FILE;
    socle_status status = onnx_check_text(node->name, "a node");
    if (status == SOCLE_OK)
        status = onnx_check_text(node->op, "an operator");
    if (status == SOCLE_OK)
        status = onnx_check_text(node->domain, "a domain");
    if (status == SOCLE_OK && node->op.size == 0)
        status =
            socle_fail(SOCLE_INVALID_FILE, "node '%.*s' has no operator", (int)node->name.size, (const char *)node->name.bytes);
    if (status == SOCLE_OK)
        status = collect_parts(reader, message, 1, &node->first_input, &node->input_count);
    if (status == SOCLE_OK)
        status = collect_parts(reader, message, 2, &node->first_output, &node->output_count);
    if (status == SOCLE_OK)
        status = collect_parts(reader, message, 5, &node->first_attribute, &node->attribute_count);
    return status;
}

static socle_status read_nodes(onnx_reader *reader)
{
    reader->nodes = memory_alloc_array((size_t)reader->node_messages.count, sizeof(*reader->nodes));
    socle_status status = reader->nodes == NULL ? SOCLE_OUT_OF_MEMORY : SOCLE_OK;
    for (int i = 0; status == SOCLE_OK && i < reader->node_messages.count; i++)
        status = read_node(reader, reader->node_messages.items[i], &reader->nodes[i]);
    return status;
}

/* ---- names ---- */

/* Initializers first: an input of the same name is its default (always so before IR version 4) and stays a constant. */
static socle_status add_initializers(onnx_reader *reader)
{
    socle_graph *graph = reader->model->graph;
    for (int i = 0; i < reader->initializers.count; i++) {
        onnx_tensor tensor;
        socle_status status = onnx_tensor_parse(reader, reader->initializers.items[i], &tensor);
        char *name = NULL;
        if (status == SOCLE_OK && tensor.name.size == 0)
            status = socle_fail(SOCLE_INVALID_FILE, "an initializer has no name");
        if (status == SOCLE_OK)
            status = onnx_names_add(&reader->names, tensor.name, ONNX_FROM_INITIALIZER);
        if (status == SOCLE_OK && (name = onnx_string(tensor.name)) == NULL)
            status = SOCLE_OUT_OF_MEMORY;
        if (status == SOCLE_OK) {
            const value_id value = onnx_add_constant(graph, name, &tensor);
            reader->names.entries[reader->names.count - 1].value = value;
            status = value == GRAPH_NONE ? SOCLE_OUT_OF_MEMORY : SOCLE_OK;
        }
        memory_free(name);
        memory_free(tensor.owned);
        if (status != SOCLE_OK)
            return status;
    }
    return SOCLE_OK;
}

static socle_status add_inputs(onnx_reader *reader)
{
    for (int i = 0; i < reader->inputs.count; i++) {
        wire_span name;
        graph_type type;
        socle_status status = onnx_value_info(reader, reader->inputs.items[i], &name, NULL);
        if (status != SOCLE_OK)
            return status;
        const onnx_name *known = onnx_names_find(&reader->names, name);
        if (known != NULL && known->producer == ONNX_FROM_INITIALIZER)
            continue;
        status = onnx_value_info(reader, reader->inputs.items[i], &name, &type);
        if (status == SOCLE_OK)
            status = onnx_names_add(&reader->names, name, ONNX_FROM_INPUT);
        char *text = status == SOCLE_OK ? onnx_string(name) : NULL;
        if (status == SOCLE_OK) {
            const value_id value = text == NULL ? GRAPH_NONE : graph_add_input(reader->model->graph, text, &type);
            reader->names.entries[reader->names.count - 1].value = value;
            status = value == GRAPH_NONE ? SOCLE_OUT_OF_MEMORY : SOCLE_OK;
        }
        memory_free(text);
        if (status != SOCLE_OK)
            return status;
    }
    return SOCLE_OK;
}

static socle_status add_node_outputs(onnx_reader *reader)
{
    for (int i = 0; i < reader->node_messages.count; i++) {
        const onnx_node *node = &reader->nodes[i];
        for (int k = 0; k < node->output_count; k++) {
            const wire_span name = reader->parts.items[node->first_output + k];
            const socle_status status = name.size > 0 ? onnx_names_add(&reader->names, name, i) : SOCLE_OK;
            if (status != SOCLE_OK)
                return status;
        }
    }
    return SOCLE_OK;
}

static socle_status count_uses(onnx_reader *reader)
{
    for (int i = 0; i < reader->node_messages.count; i++) {
        const onnx_node *node = &reader->nodes[i];
        for (int k = 0; k < node->input_count; k++) {
            const wire_span name = reader->parts.items[node->first_input + k];
            if (name.size == 0)
                continue;
            onnx_name *entry = onnx_names_find(&reader->names, name);
            if (entry == NULL)
                return socle_fail(SOCLE_INVALID_FILE,
                                  "node '%.*s' (%.*s): its input '%.*s' is made by nothing: export the model again",
                                  (int)node->name.size, (const char *)node->name.bytes, (int)node->op.size,
                                  (const char *)node->op.bytes, (int)name.size, (const char *)name.bytes);
            entry->uses++;
            entry->frozen |= onnx_never_a_weight(node->op, k);
        }
    }
    return SOCLE_OK;
}

/* ---- outputs ---- */

static socle_status count_output_uses(onnx_reader *reader)
{
    for (int i = 0; i < reader->outputs.count; i++) {
        wire_span name;
        const socle_status status = onnx_value_info(reader, reader->outputs.items[i], &name, NULL);
        if (status != SOCLE_OK)
            return status;
        onnx_name *entry = onnx_names_find(&reader->names, name);
        if (entry == NULL)
            return socle_fail(SOCLE_INVALID_FILE, "its output '%.*s' is made by nothing: export the model again", (int)name.size,
                              (const char *)name.bytes);
        entry->uses++;
    }
    return reader->outputs.count > 0 ? SOCLE_OK : socle_fail(SOCLE_INVALID_FILE, "it has no outputs");
}

/* An output whose shape could not be inferred has the one that the file declares. */
static void take_declared_type(onnx_reader *reader, wire_span message, graph_value *value)
{
    wire_span name;
    graph_type declared;
    if (value->type.rank < 0 && onnx_value_info(reader, message, &name, &declared) == SOCLE_OK &&
        declared.dtype == value->type.dtype)
        value->type = declared;
}

static socle_status add_outputs(onnx_reader *reader)
{
    socle_graph *graph = reader->model->graph;
    socle_status status = SOCLE_OK;
    for (int i = 0; status == SOCLE_OK && i < reader->outputs.count; i++) {
        wire_span name;
        status = onnx_value_info(reader, reader->outputs.items[i], &name, NULL);
        if (status != SOCLE_OK)
            return status;
        const value_id value = onnx_names_find(&reader->names, name)->value;
        char *text = onnx_string(name);
        take_declared_type(reader, reader->outputs.items[i], &graph->values[value]);
        status = text == NULL ? SOCLE_OUT_OF_MEMORY : graph_add_output(graph, value, text);
        memory_free(text);
    }
    return status;
}

/* ---- the whole ---- */

static socle_status read_names(onnx_reader *reader, size_t file_bytes)
{
    const int count = reader->inputs.count + reader->initializers.count + reader->parts.count;
    socle_status status = onnx_names_create(&reader->names, count);
    if (status == SOCLE_OK)
        status = onnx_copies_start(reader, file_bytes);
    if (status == SOCLE_OK)
        status = add_initializers(reader);
    if (status == SOCLE_OK)
        status = onnx_copies_finish(reader);
    if (status == SOCLE_OK)
        status = add_inputs(reader);
    if (status == SOCLE_OK)
        status = add_node_outputs(reader);
    if (status == SOCLE_OK)
        status = count_uses(reader);
    if (status == SOCLE_OK)
        status = count_output_uses(reader);
    return status;
}

socle_status onnx_read(onnx_reader *reader, wire_span file)
{
    int *order = NULL;
    reader->file = file.bytes;
    reader->map_capacity = reader->model->map_count;
    reader->first_location = reader->model->map_count;
    socle_status status = read_model(reader, file);
    if (status == SOCLE_OK)
        status = read_graph(reader);
    if (status == SOCLE_OK)
        status = read_nodes(reader);
    char *name = status == SOCLE_OK ? onnx_string(reader->graph_name) : NULL;
    if (status == SOCLE_OK)
        status = name == NULL ? SOCLE_OUT_OF_MEMORY : socle_graph_create(reader->model->context, name, &reader->model->graph);
    if (status == SOCLE_OK)
        status = read_names(reader, file.size);
    if (status == SOCLE_OK && (order = memory_alloc_array((size_t)reader->node_messages.count, sizeof(*order))) == NULL)
        status = SOCLE_OUT_OF_MEMORY;
    if (status == SOCLE_OK)
        status = onnx_order_nodes(reader, order);
    for (int i = 0; status == SOCLE_OK && i < reader->node_messages.count; i++)
        status = onnx_add_node(reader, order[i]);
    if (status == SOCLE_OK)
        onnx_mark_weights(reader);
    if (status == SOCLE_OK)
        status = add_outputs(reader);
    memory_free(order);
    memory_free(name);
    return status;
}

void onnx_reader_finish(onnx_reader *reader)
{
    for (int i = 0; i < reader->location_count; i++)
        memory_free(reader->locations[i]);
    memory_free(reader->locations);
    memory_free(reader->copies);
    memory_free(reader->imports);
    memory_free(reader->inputs.items);
    memory_free(reader->outputs.items);
    memory_free(reader->initializers.items);
    memory_free(reader->node_messages.items);
    memory_free(reader->parts.items);
    memory_free(reader->nodes);
    onnx_names_finish(&reader->names);
    free(reader->folder);
}
