/* The ONNX reader's own pieces. A file is read in two passes: the first walks the wire format and collects where nodes, names and
 * weights lie (onnx_read.c); the second adds nodes to the graph one by one in topological order (onnx_node.c), each as a draft
 * that may be rewritten to the canonical opset 21 form first (onnx_upgrade.c).
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
#ifndef SOCLE_LIB_ONNX_H
#define SOCLE_LIB_ONNX_H

#include "model.h"
#include "wire.h"

#define ONNX_OPSET_MIN 7
#define ONNX_OPSET_MAX GRAPH_OPSET_NEWEST

/* What a file may claim before it is refused; far above any real network. */
#define ONNX_MAX_NAME_BYTES 4096
#define ONNX_MAX_NODES (1 << 20)
#define ONNX_MAX_NODE_PARTS (1 << 16) /* inputs, outputs, attributes of one node */
#define ONNX_MAX_DEPTH 64

/* Where a named value comes from; >= 0: the node that makes it. */
enum { ONNX_FROM_INPUT = -1, ONNX_FROM_INITIALIZER = -2 };

typedef struct onnx_name {
    wire_span text;
    int producer;
    int uses;       /* by nodes and graph outputs */
    bool frozen;    /* stands where a weight cannot: running statistics, bounds */
    bool listed;    /* by Socle as a weight */
    value_id value; /* once it is in the graph, else GRAPH_NONE */
} onnx_name;

typedef struct onnx_names {
    onnx_name *entries;
    int count, capacity;
    int32_t *slots; /* open addressing over entries, -1: free */
    uint32_t slot_count;
} onnx_names;

typedef struct onnx_node {
    wire_span op, domain, name;
    int first_input, input_count; /* of reader->spans */
    int first_output, output_count;
    int first_attribute, attribute_count;
} onnx_node;

typedef struct onnx_import {
    wire_span domain;
    int64_t version;
} onnx_import;

typedef struct onnx_spans {
    wire_span *items;
    int count, capacity;
} onnx_spans;

typedef struct onnx_reader {
    socle_model *model; /* NULL while a lone tensor is read */
    const uint8_t *file;
    char *folder;     /* real path of the model's folder; NULL: from memory, no external data */
    char **locations; /* of external data: locations[i] is in model->maps[i + first_location] */
    int location_count, location_capacity, map_capacity;
    int first_location;
    int64_t opset;
    size_t aligned_used, aligned_bytes; /* of model->aligned; 0 bytes: not in use */
    struct onnx_copy *copies;           /* into it, still to be made */
    int copy_count, copy_capacity;
    onnx_import *imports;
    int import_count, import_capacity;
    wire_span graph, graph_name;
    wire_span trainable; /* names, one a line, written by Socle; bytes NULL: not there */
    onnx_spans inputs, outputs, initializers, node_messages;
    onnx_spans parts; /* inputs, outputs and attributes of all nodes */
    onnx_node *nodes;
    onnx_names names;
} onnx_reader;

/* Reads the model's bytes into reader->model->graph (onnx_read.c). */
socle_status onnx_read(onnx_reader *reader, wire_span file);
void onnx_reader_finish(onnx_reader *reader);

/* ---- names (onnx_names.c) ---- */

/* INVALID_FILE unless it is short, printable UTF-8. what: for the message. */
socle_status onnx_check_text(wire_span text, const char *what);
char *onnx_string(wire_span text); /* memory_free; NULL when memory is out */
static inline bool onnx_text_is(wire_span text, const char *literal)
{
    return text.size == __builtin_strlen(literal) && __builtin_memcmp(text.bytes, literal, text.size) == 0;
}
socle_status onnx_names_create(onnx_names *names, int capacity);
void onnx_names_finish(onnx_names *names);
onnx_name *onnx_names_find(const onnx_names *names, wire_span text);          /* NULL: not there */
socle_status onnx_names_add(onnx_names *names, wire_span text, int producer); /* INVALID_FILE when it is there */

/* ---- order and weights (onnx_order.c) ---- */

/* order: room for every node. INVALID_FILE when there is a cycle, naming a node of it. */
socle_status onnx_order_nodes(const onnx_reader *reader, int *order);
/* Operands that are no weights even where an initializer of floats with a rank stands there. */
bool onnx_never_a_weight(wire_span op, int input);
/* Sets `trainable` of the initializers. */
void onnx_mark_weights(onnx_reader *reader);

/* ---- tensors (onnx_tensor.c, onnx_copies.c, onnx_external.c, onnx_value_info.c) ---- */

typedef struct onnx_tensor {
    wire_span name;
    socle_tensor tensor; /* data points into a map, or is `owned` */
    void *owned;         /* memory_free, or handed to the graph */
} onnx_tensor;

/* Errors name the tensor: INVALID_FILE, UNSUPPORTED, IO. Nothing is left to free on failure. */
socle_status onnx_tensor_parse(onnx_reader *reader, wire_span message, onnx_tensor *out);
/* Between these two, large unaligned tensors get a place in model->aligned but no content; the second copies it, in parallel. */
socle_status onnx_copies_start(onnx_reader *reader, size_t file_bytes);
socle_status onnx_copies_finish(onnx_reader *reader);
/* A place for `raw`, or NULL where it is small or there is none. */
void *onnx_copies_add(onnx_reader *reader, wire_span raw);
/* The bytes of external data; entries: messages of StringStringEntryProto. */
socle_status onnx_external_data(onnx_reader *reader, const onnx_spans *entries, size_t size_bytes, wire_span *out);
socle_status onnx_spans_add(onnx_spans *spans, wire_span item);
/* Type and shape of a ValueInfoProto; symbols become the graph's. */
socle_status onnx_value_info(onnx_reader *reader, wire_span message, wire_span *name, graph_type *type);
socle_dtype onnx_dtype(int64_t data_type); /* NONE: not one of ours */
int onnx_data_type(socle_dtype dtype);
/* Puts a tensor into the graph as a constant without copying; the graph takes `owned`. */
value_id onnx_add_constant(socle_graph *graph, const char *name, onnx_tensor *tensor);

/* ---- drafts: one node before it enters the graph (onnx_node.c) ---- */

typedef struct onnx_draft {
    onnx_reader *reader;
    socle_graph *graph;
    int index; /* of the node in the file */
    char *op, *domain, *name;
    int64_t version; /* of the node's domain that the file imports */
    value_id *inputs;
    int input_count, input_capacity;
    socle_attribute *attributes;
    int attribute_count, attribute_capacity;
    value_id *outputs;
    int output_count;
    bool done;    /* an upgrade has added nodes of its own and set outputs */
    void **owned; /* what the attributes point to */
    int owned_count, owned_capacity;
} onnx_draft;

socle_status onnx_add_node(onnx_reader *reader, int index);
/* Sets the message "node 'fc1': operator Gemm (domain ai.onnx, version 13) ..." and returns status. */
socle_status onnx_draft_fail(const onnx_draft *draft, socle_status status, const char *format, ...) SOCLE_PRINTF(3, 4);
/* Memory that lives as long as the draft. */
void *onnx_draft_alloc(onnx_draft *draft, size_t count, size_t element_bytes);
char *onnx_draft_string(onnx_draft *draft, wire_span text);
/* Reads one AttributeProto into the draft (onnx_attribute.c). */
socle_status onnx_read_attribute(onnx_draft *draft, wire_span message);
socle_attribute *onnx_draft_attribute(onnx_draft *draft, const char *name);
void onnx_draft_drop_attribute(onnx_draft *draft, const char *name);
socle_status onnx_draft_set_attribute(onnx_draft *draft, socle_attribute attribute);
/* Sets input `index`, with left-out ones before it; GRAPH_NONE as value is a failure that is handed on. */
socle_status onnx_draft_set_input(onnx_draft *draft, int index, value_id value);

/* Rewrites a draft of an older opset to opset 21 (onnx_upgrade.c). */
socle_status onnx_upgrade(onnx_draft *draft);

/* ---- writing (onnx_write.c) and identity (identity.c) ---- */

socle_status onnx_write(const socle_model *model, const char *path);
hash128 model_identity(const socle_graph *graph);

#endif
