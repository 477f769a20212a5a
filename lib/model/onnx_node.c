/* Reading ONNX, second pass: a node with its attributes becomes a draft, is brought to opset 21 and enters the graph. */
#include "onnx.h"

#include <stdio.h>
#include <string.h>

/* ---- drafts ---- */

static const char *draft_domain(const onnx_draft *draft)
{
    return draft->domain[0] != '\0' ? draft->domain : "ai.onnx";
}

socle_status onnx_draft_fail(const onnx_draft *draft, socle_status status, const char *format, ...)
{
    char line[1024], node[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (draft->name[0] != '\0')
        snprintf(node, sizeof(node), "node '%s'", draft->name);
    else
        snprintf(node, sizeof(node), "node %d", draft->index);
    return socle_fail(status, "%s: operator %s (domain %s, version %lld) %s", node, draft->op, draft_domain(draft),
                      (long long)draft->version, line);
}

void *onnx_draft_alloc(onnx_draft *draft, size_t count, size_t element_bytes)
{
    if (!ARRAY_RESERVE(draft->owned, draft->owned_count, draft->owned_capacity))
        return NULL;
    void *memory = memory_alloc_array(count, element_bytes);
    if (memory != NULL)
        draft->owned[draft->owned_count++] = memory;
    return memory;
}

char *onnx_draft_string(onnx_draft *draft, wire_span text)
{
    char *copy = onnx_draft_alloc(draft, text.size + 1, 1);
    if (copy != NULL && text.size > 0)
        memcpy(copy, text.bytes, text.size);
    return copy;
}

socle_attribute *onnx_draft_attribute(onnx_draft *draft, const char *name)
{
    for (int i = 0; i < draft->attribute_count; i++) {
        if (strcmp(draft->attributes[i].name, name) == 0)
            return &draft->attributes[i];
    }
    return NULL;
}

void onnx_draft_drop_attribute(onnx_draft *draft, const char *name)
{
    socle_attribute *attribute = onnx_draft_attribute(draft, name);
    if (attribute != NULL)
        *attribute = draft->attributes[--draft->attribute_count];
}

socle_status onnx_draft_set_attribute(onnx_draft *draft, socle_attribute attribute)
{
    onnx_draft_drop_attribute(draft, attribute.name);
    if (!ARRAY_RESERVE(draft->attributes, draft->attribute_count, draft->attribute_capacity))
        return SOCLE_OUT_OF_MEMORY;
    draft->attributes[draft->attribute_count++] = attribute;
    return SOCLE_OK;
}

socle_status onnx_draft_set_input(onnx_draft *draft, int index, value_id value)
{
    if (value == GRAPH_NONE)
        return SOCLE_OUT_OF_MEMORY;
    while (draft->input_count <= index) {
        if (!ARRAY_RESERVE(draft->inputs, draft->input_count, draft->input_capacity))
            return SOCLE_OUT_OF_MEMORY;
        draft->inputs[draft->input_count++] = GRAPH_NONE;
    }
    draft->inputs[index] = value;
    return SOCLE_OK;
}

static void draft_finish(onnx_draft *draft)
{
    for (int i = 0; i < draft->owned_count; i++)
        memory_free(draft->owned[i]);
    memory_free(draft->owned);
    memory_free(draft->inputs);
    memory_free(draft->attributes);
}

/* ---- from the file to a draft ---- */

static socle_status find_version(onnx_draft *draft)
{
    const onnx_reader *reader = draft->reader;
    draft->version = reader->opset;
    if (draft->domain[0] == '\0')
        return SOCLE_OK;
    for (int i = 0; i < reader->import_count; i++) {
        const wire_span domain = reader->imports[i].domain;
        if (strlen(draft->domain) == domain.size && memcmp(draft->domain, domain.bytes, domain.size) == 0) {
            draft->version = reader->imports[i].version;
            return SOCLE_OK;
        }
    }
    draft->version = 0;
    return onnx_draft_fail(draft, SOCLE_INVALID_FILE, "is of a domain that the file does not import");
}

static socle_status read_inputs(onnx_draft *draft, const onnx_node *node)
{
    const onnx_reader *reader = draft->reader;
    int count = node->input_count;
    while (count > 0 && reader->parts.items[node->first_input + count - 1].size == 0)
        count--; /* left out */
    draft->inputs = memory_alloc_array((size_t)count, sizeof(*draft->inputs));
    if (draft->inputs == NULL)
        return SOCLE_OUT_OF_MEMORY;
    draft->input_count = draft->input_capacity = count;
    for (int i = 0; i < count; i++) {
        const wire_span name = reader->parts.items[node->first_input + i];
        draft->inputs[i] = name.size == 0 ? GRAPH_NONE : onnx_names_find(&reader->names, name)->value;
        if (name.size > 0 && draft->inputs[i] == GRAPH_NONE)
            return onnx_draft_fail(draft, SOCLE_INVALID_FILE, "uses '%.*s', which its maker leaves out", (int)name.size,
                                   (const char *)name.bytes);
    }
    return SOCLE_OK;
}

static bool output_used(const onnx_reader *reader, const onnx_node *node, int output)
{
    const wire_span name = reader->parts.items[node->first_output + output];
    return name.size > 0 && onnx_names_find(&reader->names, name)->uses > 0;
}

static socle_status draft_node(onnx_draft *draft, const onnx_node *node)
{
    const bool own_domain = !onnx_text_is(node->domain, "ai.onnx");
    draft->op = onnx_draft_string(draft, node->op);
    draft->domain = onnx_draft_string(draft, own_domain ? node->domain : (wire_span){0});
    draft->name = onnx_draft_string(draft, node->name);
    draft->outputs = onnx_draft_alloc(draft, (size_t)node->output_count, sizeof(*draft->outputs));
    if (draft->op == NULL || draft->domain == NULL || draft->name == NULL || draft->outputs == NULL)
        return SOCLE_OUT_OF_MEMORY;
    if (node->output_count == 0)
        return onnx_draft_fail(draft, SOCLE_INVALID_FILE, "has no outputs");
    draft->output_count = node->output_count;
    for (int i = 0; i < node->output_count; i++)
        draft->outputs[i] = GRAPH_NONE;
    socle_status status = find_version(draft);
    if (status == SOCLE_OK)
        status = read_inputs(draft, node);
    for (int i = 0; status == SOCLE_OK && i < node->attribute_count; i++)
        status = onnx_read_attribute(draft, draft->reader->parts.items[node->first_attribute + i]);
    return status;
}

/* ---- from a draft into the graph ---- */

static socle_status check_operator(onnx_draft *draft, const graph_operator *op)
{
    if (op == NULL || (strcmp(op->domain, "socle") == 0 && op->custom == NULL))
        return onnx_draft_fail(draft, SOCLE_UNSUPPORTED,
                               "is not supported: export the model without it, or register an operator of that name");
    if (draft->domain[0] == '\0' && draft->version < op->since)
        return onnx_draft_fail(draft, SOCLE_INVALID_FILE, "is not in that version: it came with version %d", op->since);
    if (onnx_draft_attribute(draft, "consumed_inputs") != NULL ||
        (op->kind == OPERATOR_POINTWISE && onnx_draft_attribute(draft, "broadcast") != NULL))
        return onnx_draft_fail(draft, SOCLE_INVALID_FILE, "has the attributes of an opset before %d", ONNX_OPSET_MIN);
    return SOCLE_OK;
}

/* Outputs nobody wants (a dropout's mask, a pooling's indices) are left out, as far as the operator lets us. */
static void drop_unused_outputs(onnx_draft *draft, const onnx_node *node, const graph_operator *op)
{
    while (op->max_outputs >= 0 && draft->output_count > 1 && draft->output_count > op->min_outputs &&
           !output_used(draft->reader, node, draft->output_count - 1))
        draft->output_count--;
}

/* A name that was made up for a value between the file's own gives way. */
static socle_status free_name(socle_graph *graph, const char *name)
{
    const value_id holder = graph_find_value(graph, name);
    if (holder == GRAPH_NONE)
        return SOCLE_OK;
    char *other = memory_format("%s_inner", name);
    socle_status status = other == NULL ? SOCLE_OUT_OF_MEMORY : SOCLE_OK;
    for (int i = 1; status == SOCLE_OK && graph_find_value(graph, other) != GRAPH_NONE; i++) {
        memory_free(other);
        other = memory_format("%s_inner%d", name, i);
        status = other == NULL ? SOCLE_OUT_OF_MEMORY : SOCLE_OK;
    }
    if (status == SOCLE_OK)
        status = graph_rename_value(graph, holder, other);
    memory_free(other);
    return status;
}

/* Values keep the names they have in the file. */
static socle_status name_outputs(onnx_draft *draft, const onnx_node *node)
{
    onnx_reader *reader = draft->reader;
    for (int i = 0; i < draft->output_count; i++) {
        const wire_span text = reader->parts.items[node->first_output + i];
        if (text.size == 0 || draft->outputs[i] == GRAPH_NONE)
            continue;
        onnx_names_find(&reader->names, text)->value = draft->outputs[i];
        char *name = onnx_draft_string(draft, text);
        if (name == NULL)
            return SOCLE_OUT_OF_MEMORY;
        socle_status status = free_name(draft->graph, name);
        if (status == SOCLE_OK)
            status = graph_rename_value(draft->graph, draft->outputs[i], name);
        if (status != SOCLE_OK)
            return status;
    }
    return SOCLE_OK;
}

socle_status onnx_add_node(onnx_reader *reader, int index)
{
    const onnx_node *node = &reader->nodes[index];
    onnx_draft draft = {.reader = reader, .graph = reader->model->graph, .index = index};
    socle_status status = draft_node(&draft, node);
    if (status == SOCLE_OK)
        status = onnx_upgrade(&draft);
    if (status == SOCLE_OK && !draft.done) {
        const graph_operator *op = operator_find(draft.graph->context, draft.domain, draft.op);
        status = check_operator(&draft, op);
        if (status == SOCLE_OK) {
            drop_unused_outputs(&draft, node, op);
            status = socle_graph_node(draft.graph, draft.op, draft.domain, draft.name, draft.inputs, draft.input_count,
                                      draft.attributes, draft.attribute_count, draft.outputs, draft.output_count);
        }
    }
    if (status == SOCLE_OK)
        status = name_outputs(&draft, node);
    draft_finish(&draft);
    return status;
}
