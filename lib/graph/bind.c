/* Binding: symbolic dimensions of the inputs get their values, and with them every shape in the graph. */
#include "build.h"
#include "fold.h"
#include "infer.h"

#include <socle/plan.h>
#include <string.h>

typedef struct binding_state {
    socle_graph *graph;
    const socle_shape_binding *bindings;
    int count;
    int64_t batch;
    int64_t *symbols; /* value of each symbol; < 0: none yet */
} binding_state;

static const socle_shape_binding *binding_named(const binding_state *b, const char *name)
{
    for (int i = 0; i < b->count; i++)
        if (strcmp(b->bindings[i].name, name) == 0)
            return &b->bindings[i];
    return NULL;
}

static socle_status bind_symbol(binding_state *b, int64_t dim, int64_t value, const char *where)
{
    const int64_t index = DIM_SYMBOL_BASE - dim;
    if (dim > DIM_SYMBOL_BASE)
        return SOCLE_OK;
    if (b->symbols[index] >= 0 && b->symbols[index] != value)
        return socle_fail(SOCLE_SHAPE_MISMATCH, "dimension '%s' is %lld already and %lld for input '%s'",
                          b->graph->symbols[index], (long long)b->symbols[index], (long long)value, where);
    b->symbols[index] = value;
    return SOCLE_OK;
}

/* Symbols that are bound by name; and every binding must name something. */
static socle_status bind_named(binding_state *b)
{
    for (int i = 0; i < b->count; i++) {
        const socle_shape_binding *binding = &b->bindings[i];
        bool used = false;
        if (binding->name == NULL || binding->rank < 0 || binding->rank > SOCLE_MAX_RANK)
            return socle_fail(SOCLE_INVALID_ARGUMENT, "shape binding %d has no name or an impossible rank", i);
        for (int d = 0; d < binding->rank; d++)
            if (binding->dims[d] < 0)
                return socle_fail(SOCLE_INVALID_ARGUMENT, "the shape for '%s' has dimension %lld", binding->name,
                                  (long long)binding->dims[d]);
        for (int s = 0; s < b->graph->symbol_count; s++) {
            if (strcmp(b->graph->symbols[s], binding->name) != 0 || binding->rank != 1)
                continue;
            b->symbols[s] = binding->dims[0];
            used = true;
        }
        for (int k = 0; k < b->graph->input_count; k++)
            used = used || strcmp(b->graph->values[b->graph->inputs[k]].name, binding->name) == 0;
        if (!used)
            return socle_fail(SOCLE_INVALID_ARGUMENT, "'%s' is no symbolic dimension and no input of '%s'", binding->name,
                              b->graph->name);
    }
    return SOCLE_OK;
}

static socle_status bind_whole_input(binding_state *b, graph_value *input, const socle_shape_binding *binding)
{
    graph_type *type = &input->type;
    if (type->rank >= 0 && type->rank != binding->rank)
        return socle_fail(SOCLE_SHAPE_MISMATCH, "input '%s' has %d dimensions, the shape given for it %d", input->name,
                          type->rank, binding->rank);
    for (int d = 0; d < binding->rank; d++) {
        if (type->rank >= 0 && type->dims[d] >= 0 && type->dims[d] != binding->dims[d])
            return socle_fail(SOCLE_SHAPE_MISMATCH, "dimension %d of input '%s' is %lld, not %lld", d, input->name,
                              (long long)type->dims[d], (long long)binding->dims[d]);
        socle_status status = type->rank >= 0 ? bind_symbol(b, type->dims[d], binding->dims[d], input->name) : SOCLE_OK;
        if (status != SOCLE_OK)
            return status;
        type->dims[d] = binding->dims[d];
    }
    type->rank = binding->rank;
    return SOCLE_OK;
}

/* Symbols with their values; of the others the first is the batch, the rest are 1. */
static void bind_open_dims(binding_state *b, graph_type *type)
{
    bool first = true;
    for (int d = 0; d < type->rank; d++) {
        if (type->dims[d] >= 0)
            continue;
        int64_t *symbol = type->dims[d] <= DIM_SYMBOL_BASE ? &b->symbols[DIM_SYMBOL_BASE - type->dims[d]] : NULL;
        int64_t value = symbol != NULL && *symbol >= 0 ? *symbol : (first ? b->batch : 1);
        if (symbol != NULL)
            *symbol = value;
        type->dims[d] = value;
        first = false;
    }
}

static socle_status bind_inputs(binding_state *b)
{
    socle_graph *graph = b->graph;
    for (int i = 0; i < graph->input_count; i++) {
        graph_value *input = &graph->values[graph->inputs[i]];
        const socle_shape_binding *whole = binding_named(b, input->name);
        socle_status status = whole != NULL ? bind_whole_input(b, input, whole) : SOCLE_OK;
        if (status != SOCLE_OK)
            return status;
    }
    for (int i = 0; i < graph->input_count; i++) {
        graph_value *input = &graph->values[graph->inputs[i]];
        if (input->type.rank < 0)
            return socle_fail(SOCLE_SHAPE_MISMATCH, "input '%s' has no known rank: give its whole shape", input->name);
        bind_open_dims(b, &input->type);
    }
    return SOCLE_OK;
}

static socle_status check_known(const socle_graph *graph)
{
    for (node_id n = 0; n < graph->node_count; n++) {
        for (int i = 0; i < graph->nodes[n].output_count; i++) {
            const value_id output = graph->nodes[n].outputs[i];
            if (output != GRAPH_NONE && !graph_type_known(&graph->values[output].type))
                return socle_fail(SOCLE_UNSUPPORTED, "%s: the shape of '%s' depends on data, not only on the inputs' shapes",
                                  graph_node_label(graph, n), graph->values[output].name);
        }
    }
    return SOCLE_OK;
}

socle_status graph_bind_shapes(socle_graph *graph, const struct socle_shape_binding *bindings, int count, int64_t batch)
{
    binding_state b = {graph, bindings, count, batch > 0 ? batch : 1, NULL};
    b.symbols = memory_alloc_array((size_t)graph->symbol_count, sizeof(*b.symbols));
    if (b.symbols == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int s = 0; s < graph->symbol_count; s++)
        b.symbols[s] = -1;
    socle_status status = bind_named(&b);
    if (status == SOCLE_OK)
        status = bind_inputs(&b);
    /* types are inferred again on the way; weights to be trained stay weights */
    if (status == SOCLE_OK)
        status = graph_fold_constants(graph, false);
    if (status == SOCLE_OK)
        status = graph_remove_dead(graph);
    if (status == SOCLE_OK)
        status = check_known(graph);
    memory_free(b.symbols);
    return status;
}
