/* Writing ONNX, opset 21. Everything small is put into buffers; weights go straight from where they are to the file. A weight's
 * bytes start at a multiple of 64 in the file, its documentation string filling the gap: so a reader can leave them in the map.
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
#include "onnx.h"

#include <string.h>

#define IR_VERSION 10 /* the one that came with opset 21 */
#define ALIGNMENT 64
#define ALIGN_FROM_BYTES 1024 /* smaller ones are copied by a reader */
#define LENGTH_BYTES 5        /* of the graph's length: fixed, so that weights' places are known before it is */

/* Protobuf's limit for one message. */
#define MAX_FILE_BYTES INT32_MAX

static socle_status buffer_status(const wire_buffer *buffer)
{
    return buffer->failed ? SOCLE_OUT_OF_MEMORY : SOCLE_OK;
}

/* ---- nodes ---- */

static void put_tensor_attribute(wire_buffer *to, const socle_tensor *tensor)
{
    wire_buffer message = {0};
    for (int i = 0; i < tensor->rank; i++)
        wire_put_int(&message, 1, tensor->dims[i]);
    wire_put_int(&message, 2, onnx_data_type(tensor->dtype));
    wire_put_bytes(&message, 9, tensor->data, tensor->size_bytes);
    wire_put_message(to, 5, &message);
}

static void put_attribute(wire_buffer *to, const graph_attribute *a)
{
    static const int types[] = {2, 1, 3, 7, 6, 4}; /* AttributeType, in the order of socle_attribute_kind */
    wire_buffer message = {0};
    wire_put_string(&message, 1, a->name);
    switch (a->kind) {
    case SOCLE_ATTRIBUTE_INT:
        wire_put_int(&message, 3, a->i);
        break;
    case SOCLE_ATTRIBUTE_FLOAT:
        wire_put_float(&message, 2, (float)a->f);
        break;
    case SOCLE_ATTRIBUTE_STRING:
        wire_put_string(&message, 4, a->s != NULL ? a->s : "");
        break;
    case SOCLE_ATTRIBUTE_INTS:
        for (int i = 0; i < a->count; i++)
            wire_put_int(&message, 8, a->ints[i]);
        break;
    case SOCLE_ATTRIBUTE_FLOATS:
        for (int i = 0; i < a->count; i++)
            wire_put_float(&message, 7, (float)a->floats[i]);
        break;
    case SOCLE_ATTRIBUTE_TENSOR:
        put_tensor_attribute(&message, &a->tensor);
        break;
    }
    wire_put_int(&message, 20, types[a->kind]);
    wire_put_message(to, 5, &message);
}

static void put_node(wire_buffer *to, const socle_graph *graph, const graph_node *node)
{
    wire_buffer message = {0};
    for (int i = 0; i < node->input_count; i++)
        wire_put_string(&message, 1, node->inputs[i] == GRAPH_NONE ? "" : graph->values[node->inputs[i]].name);
    for (int i = 0; i < node->output_count; i++)
        wire_put_string(&message, 2, node->outputs[i] == GRAPH_NONE ? "" : graph->values[node->outputs[i]].name);
    wire_put_string(&message, 3, node->name);
    wire_put_string(&message, 4, node->op->name);
    for (int i = 0; i < node->attribute_count; i++)
        put_attribute(&message, &node->attributes[i]);
    if (node->op->domain[0] != '\0')
        wire_put_string(&message, 7, node->op->domain);
    wire_put_message(to, 1, &message);
}

/* An output whose name is not its value's is an Identity in the file. */
static void put_output_names(wire_buffer *to, const socle_graph *graph)
{
    for (int i = 0; i < graph->output_count; i++) {
        const char *value = graph->values[graph->outputs[i]].name;
        if (strcmp(value, graph->output_names[i]) == 0)
            continue;
        wire_buffer message = {0};
        wire_put_string(&message, 1, value);
        wire_put_string(&message, 2, graph->output_names[i]);
        wire_put_string(&message, 4, "Identity");
        wire_put_message(to, 1, &message);
    }
}

/* ---- inputs and outputs ---- */

static void put_value_info(wire_buffer *to, uint32_t number, const socle_graph *graph, const char *name, const graph_type *type)
{
    wire_buffer message = {0}, whole = {0}, tensor = {0}, shape = {0};
    for (int i = 0; i < type->rank; i++) {
        wire_buffer dim = {0};
        const int64_t symbol = DIM_SYMBOL_BASE - type->dims[i];
        if (type->dims[i] >= 0)
            wire_put_int(&dim, 1, type->dims[i]);
        else if (type->dims[i] <= DIM_SYMBOL_BASE && symbol < graph->symbol_count)
            wire_put_string(&dim, 2, graph->symbols[symbol]);
        wire_put_message(&shape, 1, &dim);
    }
    wire_put_int(&tensor, 1, onnx_data_type(type->dtype));
    if (type->rank >= 0)
        wire_put_message(&tensor, 2, &shape);
    wire_put_message(&whole, 1, &tensor);
    wire_put_string(&message, 1, name);
    wire_put_message(&message, 2, &whole);
    wire_put_message(to, number, &message);
}

/* ---- initializers ---- */

typedef struct initializer {
    const graph_value *value;
    size_t header_end; /* of the buffer: what is before its bytes */
} initializer;

typedef struct onnx_file {
    wire_buffer head, nodes, tensors, tail; /* tensors: the headers of all initializers, their bytes go between */
    initializer *initializers;
    int initializer_count;
    uint64_t data_bytes; /* of all initializers so far */
} onnx_file;

/* The message's fields before its raw_data. pad: bytes of a documentation string, -1: none. */
static void put_tensor_header(wire_buffer *to, const graph_value *value, int pad)
{
    static const char spaces[] = "                                                                ";
    for (int i = 0; i < value->type.rank; i++)
        wire_put_int(to, 1, value->type.dims[i]);
    wire_put_int(to, 2, onnx_data_type(value->type.dtype));
    wire_put_string(to, 8, value->name);
    if (pad >= 0)
        wire_put_bytes(to, 12, spaces, (size_t)pad);
    wire_put_header(to, 9, value->size_bytes, 0);
}

/* One initializer's header with a given padding; its size, and the header's bytes when `to` is not NULL. */
static size_t put_initializer(wire_buffer *to, const graph_value *value, int pad, bool *failed)
{
    wire_buffer header = {0}, front = {0};
    put_tensor_header(&header, value, pad);
    wire_put_header(&front, 5, header.size + value->size_bytes, 0);
    const size_t size = front.size + header.size;
    if (to != NULL) {
        wire_put_raw(to, &front);
        wire_put_raw(to, &header);
    }
    *failed |= front.failed || header.failed;
    wire_free(&front);
    wire_free(&header);
    return size;
}

/* The padding that makes the bytes after the header start at a multiple of ALIGNMENT, the header itself starting at `offset`. */
static int find_padding(const graph_value *value, uint64_t offset, bool *failed)
{
    if (value->size_bytes < ALIGN_FROM_BYTES)
        return -1;
    const int guess = (int)((2 * ALIGNMENT - (offset + put_initializer(NULL, value, 0, failed)) % ALIGNMENT) % ALIGNMENT);
    for (int back = 0; back < 3; back++) { /* a longer string may make a length one byte longer */
        const int pad = (guess + ALIGNMENT - back) % ALIGNMENT;
        if ((offset + put_initializer(NULL, value, pad, failed)) % ALIGNMENT == 0)
            return pad;
    }
    return -1;
}

static socle_status put_initializers(onnx_file *file, const socle_graph *graph)
{
    const uint64_t start = file->head.size + 1 + LENGTH_BYTES + file->nodes.size;
    bool failed = false;
    file->initializers = memory_alloc_array((size_t)graph->value_count, sizeof(*file->initializers));
    if (file->initializers == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (value_id v = 0; v < graph->value_count; v++) {
        const graph_value *value = &graph->values[v];
        if (value->kind != VALUE_CONSTANT && value->kind != VALUE_STATE)
            continue;
        const int pad = find_padding(value, start + file->tensors.size + file->data_bytes, &failed);
        put_initializer(&file->tensors, value, pad, &failed);
        file->initializers[file->initializer_count++] = (initializer){value, file->tensors.size};
        file->data_bytes += value->size_bytes;
    }
    return failed ? SOCLE_OUT_OF_MEMORY : buffer_status(&file->tensors);
}

/* ---- the model around the graph ---- */

static void put_import(wire_buffer *to, const char *domain, int64_t version)
{
    wire_buffer message = {0};
    wire_put_string(&message, 1, domain);
    wire_put_int(&message, 2, version);
    wire_put_message(to, 8, &message);
}

/* The opset of the canonical form, or the later one that an operator came with. */
static int64_t opset_of(const socle_graph *graph)
{
    int64_t opset = GRAPH_OPSET;
    for (node_id n = 0; n < graph->node_count; n++) {
        const graph_operator *op = graph->nodes[n].op;
        if (op != NULL && op->domain[0] == '\0' && op->since > opset)
            opset = op->since;
    }
    return opset;
}

static void put_imports(wire_buffer *to, const socle_graph *graph)
{
    put_import(to, "", opset_of(graph));
    for (node_id n = 0; n < graph->node_count; n++) {
        const graph_operator *op = graph->nodes[n].op;
        bool seen = op == NULL || op->domain[0] == '\0';
        for (node_id m = 0; m < n && !seen; m++)
            seen = graph->nodes[m].op != NULL && strcmp(graph->nodes[m].op->domain, op->domain) == 0;
        if (!seen)
            put_import(to, op->domain, 1);
    }
}

/* Which initializers training changes: ONNX has no word for it. */
static socle_status put_trainable(wire_buffer *to, const socle_graph *graph)
{
    text names = {0};
    wire_buffer message = {0};
    for (value_id v = 0; v < graph->value_count; v++) {
        if (graph->values[v].trainable)
            text_addf(&names, "%s\n", graph->values[v].name);
    }
    char *list = text_take(&names);
    if (list == NULL)
        return SOCLE_OUT_OF_MEMORY;
    wire_put_string(&message, 1, "socle.trainable");
    wire_put_string(&message, 2, list);
    wire_put_message(to, 14, &message);
    memory_free(list);
    return SOCLE_OK;
}

static socle_status put_all(onnx_file *file, const socle_model *model)
{
    const socle_graph *graph = model->graph;
    wire_put_int(&file->head, 1, IR_VERSION);
    wire_put_string(&file->head, 2, "socle");
    wire_put_string(&file->head, 3, socle_version());
    put_imports(&file->head, graph);
    socle_status status = put_trainable(&file->head, graph);
    for (node_id n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].op != NULL)
            put_node(&file->nodes, graph, &graph->nodes[n]);
    }
    put_output_names(&file->nodes, graph);
    wire_put_string(&file->nodes, 2, graph->name[0] != '\0' ? graph->name : "graph");
    for (int i = 0; i < graph->input_count; i++)
        put_value_info(&file->tail, 11, graph, graph->values[graph->inputs[i]].name, &graph->values[graph->inputs[i]].type);
    for (int i = 0; i < graph->output_count; i++)
        put_value_info(&file->tail, 12, graph, graph->output_names[i], &graph->values[graph->outputs[i]].type);
    if (status == SOCLE_OK)
        status = put_initializers(file, graph);
    return status == SOCLE_OK && (file->head.failed || file->nodes.failed || file->tail.failed) ? SOCLE_OUT_OF_MEMORY : status;
}

static socle_status check_writable(const socle_graph *graph, const char *path)
{
    if (graph->update_count > 0)
        return socle_fail(SOCLE_UNSUPPORTED, "%s: a training graph cannot be written: write the trained model", path);
    for (node_id n = 0; n < graph->node_count; n++) {
        const graph_operator *op = graph->nodes[n].op;
        if (op != NULL && op->custom == NULL && strcmp(op->domain, "socle") == 0)
            return socle_fail(SOCLE_UNSUPPORTED, "%s: %s has no form in ONNX", path, graph_node_label(graph, n));
    }
    return SOCLE_OK;
}

static socle_status write_data(onnx_file *file, file_writer *writer)
{
    size_t done = 0;
    socle_status status = SOCLE_OK;
    for (int i = 0; status == SOCLE_OK && i < file->initializer_count; i++) {
        const initializer *next = &file->initializers[i];
        status = file_writer_write(writer, file->tensors.bytes + done, next->header_end - done);
        if (status == SOCLE_OK && next->value->size_bytes > 0)
            status = file_writer_write(writer, next->value->data, next->value->size_bytes);
        done = next->header_end;
    }
    return status;
}

static socle_status write_file(onnx_file *file, const char *path)
{
    file_writer *writer = NULL;
    const uint64_t graph_bytes = file->nodes.size + file->tensors.size + file->data_bytes + file->tail.size;
    if (file->head.size + 1 + LENGTH_BYTES + graph_bytes > MAX_FILE_BYTES)
        return socle_fail(SOCLE_UNSUPPORTED, "%s: the model takes %llu bytes, ONNX allows a file %d: use smaller types", path,
                          (unsigned long long)graph_bytes, MAX_FILE_BYTES);
    wire_put_header(&file->head, 7, graph_bytes, LENGTH_BYTES);
    socle_status status = buffer_status(&file->head);
    if (status == SOCLE_OK)
        status = file_writer_open(path, &writer);
    if (status != SOCLE_OK)
        return status;
    status = file_writer_write(writer, file->head.bytes, file->head.size);
    if (status == SOCLE_OK)
        status = file_writer_write(writer, file->nodes.bytes, file->nodes.size);
    if (status == SOCLE_OK)
        status = write_data(file, writer);
    if (status == SOCLE_OK)
        status = file_writer_write(writer, file->tail.bytes, file->tail.size);
    if (status == SOCLE_OK)
        return file_writer_commit(writer);
    file_writer_cancel(writer);
    return status;
}

socle_status onnx_write(const socle_model *model, const char *path)
{
    onnx_file file = {0};
    socle_status status = check_writable(model->graph, path);
    if (status == SOCLE_OK)
        status = put_all(&file, model);
    if (status == SOCLE_OK)
        status = write_file(&file, path);
    wire_free(&file.head);
    wire_free(&file.nodes);
    wire_free(&file.tensors);
    wire_free(&file.tail);
    memory_free(file.initializers);
    return status;
}
