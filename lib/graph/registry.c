/* Operators of the host's own: each is copied into an entry of the operator table's type, so that inference, differentiation and
 * planning see no difference. Entries live as long as the context; they are never moved. */
#include "registry.h"
#include "gradients.h"
#include "infer.h"
#include "operators.h"

#include <string.h>

typedef struct registered {
    struct registered *next;
    graph_operator op;
    socle_custom_operator custom; /* strings owned */
} registered;

struct operator_registry {
    pthread_mutex_t lock;
    registered *first;
};

socle_status operator_registry_create(operator_registry **registry)
{
    operator_registry *made = memory_alloc(sizeof(*made));
    if (made == NULL)
        return SOCLE_OUT_OF_MEMORY;
    pthread_mutex_init(&made->lock, NULL);
    *registry = made;
    return SOCLE_OK;
}

static void entry_free(registered *entry)
{
    memory_free((char *)entry->custom.name);
    memory_free((char *)entry->custom.domain);
    memory_free((char *)entry->custom.source);
    memory_free((char *)entry->custom.kernel);
    memory_free(entry);
}

void operator_registry_destroy(operator_registry *registry)
{
    if (registry == NULL)
        return;
    for (registered *entry = registry->first, *next; entry != NULL; entry = next) {
        next = entry->next;
        entry_free(entry);
    }
    pthread_mutex_destroy(&registry->lock);
    memory_free(registry);
}

static const graph_operator *find_locked(const operator_registry *registry, const char *domain, const char *name)
{
    for (const registered *entry = registry->first; entry != NULL; entry = entry->next)
        if (strcmp(entry->op.name, name) == 0 && strcmp(entry->op.domain, domain) == 0)
            return &entry->op;
    return NULL;
}

const graph_operator *operator_registry_find(operator_registry *registry, const char *domain, const char *name)
{
    if (registry == NULL)
        return NULL;
    pthread_mutex_lock(&registry->lock);
    const graph_operator *found = find_locked(registry, domain, name);
    pthread_mutex_unlock(&registry->lock);
    return found;
}

/* ---- what a registered operator does in a graph ---- */

static socle_shape shape_of(const graph_type *type)
{
    socle_shape shape = {.dtype = type->dtype, .rank = type->rank};
    for (int d = 0; d < type->rank; d++)
        shape.dims[d] = type->dims[d] >= 0 ? type->dims[d] : DIM_UNKNOWN;
    return shape;
}

socle_status infer_custom(graph_infer *infer)
{
    const socle_custom_operator *custom = infer->node->op->custom;
    socle_shape inputs[64] = {0}, outputs[64] = {0};
    for (int i = 0; i < infer->node->input_count; i++) {
        if (infer->inputs[i] == NULL)
            return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "input %d is missing", i);
        if (!graph_type_known(infer->inputs[i]))
            return infer_nothing(infer, infer->inputs[i]->dtype);
        inputs[i] = shape_of(infer->inputs[i]);
    }
    socle_status status = custom->infer(inputs, outputs, custom->user);
    if (status != SOCLE_OK)
        return infer_fail(infer, status, "the operator's shape rule refuses these inputs");
    for (int i = 0; i < infer->node->output_count; i++) {
        if (outputs[i].rank < 0 || outputs[i].rank > SOCLE_MAX_RANK || outputs[i].dtype <= SOCLE_NONE ||
            outputs[i].dtype >= SOCLE_DTYPE_COUNT)
            return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "the operator's shape rule gave output %d no valid type", i);
        infer->outputs[i] = (graph_type){.dtype = outputs[i].dtype, .rank = outputs[i].rank};
        memcpy(infer->outputs[i].dims, outputs[i].dims, sizeof(outputs[i].dims));
    }
    return SOCLE_OK;
}

socle_status gradient_custom(graph_gradient *g)
{
    const graph_node *node = &g->graph->nodes[g->node];
    const socle_custom_operator *custom = node->op->custom;
    value_id values[64 * 2];
    /* The callback adds nodes, which may move the node's own arrays' owner; it gets copies. */
    memcpy(values, node->inputs, (size_t)node->input_count * sizeof(*values));
    memcpy(values + 64, node->outputs, (size_t)node->output_count * sizeof(*values));
    return custom->gradient(g->graph, values, values + 64, g->output_gradients, g->input_gradients, custom->user);
}

/* ---- registering ---- */

static socle_status check_custom(const socle_custom_operator *op)
{
    if (op->size != sizeof(*op))
        return socle_fail(
            SOCLE_INVALID_ARGUMENT,
            "socle_operator_register: the description's size is %zu, not %zu: start from SOCLE_CUSTOM_OPERATOR_INIT", op->size,
            sizeof(*op));
    if (op->name == NULL || op->name[0] == 0 || op->domain == NULL || op->domain[0] == 0)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_operator_register: an operator needs a name and a domain");
    if (strcmp(op->domain, "ai.onnx") == 0 || strcmp(op->domain, "socle") == 0)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_operator_register: the domain '%s' is taken: use one of your own",
                          op->domain);
    if (op->source == NULL || op->kernel == NULL || op->infer == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "operator %s.%s: it needs OpenCL source, a kernel's name and a shape rule",
                          op->domain, op->name);
    if (op->input_count < 0 || op->input_count > 64 || op->output_count < 1 || op->output_count > 64)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "operator %s.%s: %d inputs and %d outputs; 0 to 64 and 1 to 64 are possible",
                          op->domain, op->name, op->input_count, op->output_count);
    return SOCLE_OK;
}

static registered *entry_create(const socle_custom_operator *op)
{
    registered *entry = memory_alloc(sizeof(*entry));
    if (entry == NULL)
        return NULL;
    entry->custom = *op;
    entry->custom.name = memory_copy_string(op->name);
    entry->custom.domain = memory_copy_string(op->domain);
    entry->custom.source = memory_copy_string(op->source);
    entry->custom.kernel = memory_copy_string(op->kernel);
    if (entry->custom.name == NULL || entry->custom.domain == NULL || entry->custom.source == NULL ||
        entry->custom.kernel == NULL) {
        entry_free(entry);
        return NULL;
    }
    entry->op = (graph_operator){.name = entry->custom.name,
                                 .domain = entry->custom.domain,
                                 .since = 1,
                                 .kind = OPERATOR_CUSTOM,
                                 .min_inputs = op->input_count,
                                 .max_inputs = op->input_count,
                                 .min_outputs = op->output_count,
                                 .max_outputs = op->output_count,
                                 .infer = infer_custom,
                                 .gradient = op->gradient != NULL ? gradient_custom : NULL,
                                 .custom = &entry->custom};
    return entry;
}

socle_status socle_operator_register(socle_context *context, const socle_custom_operator *op)
{
    if (context == NULL || context->operators == NULL || op == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_operator_register: no context or no operator (NULL)");
    socle_status status = check_custom(op);
    if (status != SOCLE_OK)
        return status;
    registered *entry = entry_create(op);
    if (entry == NULL)
        return SOCLE_OUT_OF_MEMORY;
    operator_registry *registry = context->operators;
    pthread_mutex_lock(&registry->lock);
    const bool taken = find_locked(registry, op->domain, op->name) != NULL;
    if (!taken) {
        entry->next = registry->first;
        registry->first = entry;
    }
    pthread_mutex_unlock(&registry->lock);
    if (!taken)
        return SOCLE_OK;
    entry_free(entry);
    return socle_fail(SOCLE_INVALID_ARGUMENT, "operator %s.%s is registered already", op->domain, op->name);
}
