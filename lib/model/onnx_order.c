/* Between the passes over an ONNX file: an order of the nodes in which every value is made before it is used, and which
 * initializers are weights. */
#include "onnx.h"

#include <string.h>

/* ---- order ---- */

static bool is_sorted(const onnx_reader *reader)
{
    for (int i = 0; i < reader->node_messages.count; i++) {
        const onnx_node *node = &reader->nodes[i];
        for (int k = 0; k < node->input_count; k++) {
            const wire_span name = reader->parts.items[node->first_input + k];
            if (name.size > 0 && onnx_names_find(&reader->names, name)->producer >= i)
                return false;
        }
    }
    return true;
}

/* Depth first, with a stack of its own: state 0 untouched, 1 on the stack, 2 placed. */
static socle_status sort_from(const onnx_reader *reader, int root, uint8_t *state, int *next_input, int *stack, int *order,
                              int *placed)
{
    int depth = 0;
    stack[0] = root;
    state[root] = 1;
    while (depth >= 0) {
        const int current = stack[depth];
        const onnx_node *node = &reader->nodes[current];
        if (next_input[current] == node->input_count) {
            state[current] = 2;
            order[(*placed)++] = current;
            depth--;
            continue;
        }
        const wire_span name = reader->parts.items[node->first_input + next_input[current]++];
        const int producer = name.size > 0 ? onnx_names_find(&reader->names, name)->producer : ONNX_FROM_INPUT;
        if (producer < 0 || state[producer] == 2)
            continue;
        if (state[producer] == 1)
            return socle_fail(SOCLE_INVALID_FILE, "node '%.*s' (%.*s) depends on itself through '%.*s': the graph has a cycle",
                              (int)node->name.size, (const char *)node->name.bytes, (int)node->op.size,
                              (const char *)node->op.bytes, (int)name.size, (const char *)name.bytes);
        state[producer] = 1;
        stack[++depth] = producer;
    }
    return SOCLE_OK;
}

/* ONNX wants its nodes sorted; files that are not are sorted here, cycles are refused. */
socle_status onnx_order_nodes(const onnx_reader *reader, int *order)
{
    const int count = reader->node_messages.count;
    if (is_sorted(reader)) {
        for (int i = 0; i < count; i++)
            order[i] = i;
        return SOCLE_OK;
    }
    uint8_t *state = memory_alloc((size_t)count);
    int *work = memory_alloc_array(2 * (size_t)count, sizeof(*work));
    int placed = 0;
    socle_status status = state == NULL || work == NULL ? SOCLE_OUT_OF_MEMORY : SOCLE_OK;
    for (int i = 0; status == SOCLE_OK && i < count; i++) {
        if (state[i] == 0)
            status = sort_from(reader, i, state, work, work + count, order, &placed);
    }
    memory_free(work);
    memory_free(state);
    return status;
}

/* ---- weights ---- */

/* Operands that are no weights even where an initializer of floats with a rank stands there. */
bool onnx_never_a_weight(wire_span op, int input)
{
    static const struct {
        const char *op;
        int first;
    } rows[] = {{"BatchNormalization", 3},
                {"Clip", 1},
                {"Dropout", 1},
                {"Pad", 2},
                {"Range", 0},
                {"Resize", 1},
                {"Where", 3},
                {"SoftmaxCrossEntropyLoss", 2},
                {"NegativeLogLikelihoodLoss", 2},
                {"CastLike", 1},
                {"Shape", 0}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (op.size == strlen(rows[i].op) && memcmp(op.bytes, rows[i].op, op.size) == 0)
            return input >= rows[i].first;
    }
    return false;
}

/* Sets `listed` of every name in the list, one a line. */
static void mark_listed(onnx_reader *reader)
{
    const wire_span list = reader->trainable;
    for (const uint8_t *at = list.bytes, *end = at + list.size; at < end;) {
        const uint8_t *line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end != NULL ? line_end : end;
        onnx_name *name = onnx_names_find(&reader->names, (wire_span){at, (size_t)(line_end - at)});
        if (name != NULL)
            name->listed = true;
        at = line_end + 1;
    }
}

/* Weights are the initializers of floats with a rank that stand where weights can; a file written by Socle lists them. */
void onnx_mark_weights(onnx_reader *reader)
{
    if (reader->trainable.bytes != NULL)
        mark_listed(reader);
    for (int i = 0; i < reader->names.count; i++) {
        const onnx_name *name = &reader->names.entries[i];
        if (name->producer != ONNX_FROM_INITIALIZER)
            continue;
        graph_value *value = &reader->model->graph->values[name->value];
        const socle_dtype dtype = value->type.dtype;
        const bool floats = dtype == SOCLE_FLOAT32 || dtype == SOCLE_FLOAT16 || dtype == SOCLE_BFLOAT16 || dtype == SOCLE_FLOAT64;
        value->trainable = reader->trainable.bytes != NULL
                               ? floats && name->listed
                               : floats && value->type.rank > 0 && value->size_bytes > 0 && name->uses > 0 && !name->frozen;
    }
}
