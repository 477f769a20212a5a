/* Differentiation in reverse: nodes are visited last first; each hands the gradients of its outputs on to its inputs by the rule
 * of its operator; what reaches a value on several ways is added up. The backward nodes are appended, so the result is one larger
 * graph. */
#include "differentiate.h"

#include "gradient_derive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPERANDS 64

typedef struct differentiation {
    socle_graph *graph;
    int value_count;     /* of the forward graph: values behind it are gradients */
    bool *depends;       /* per value: on one of those asked for */
    value_id *gradients; /* per value: what has reached it so far */
} differentiation;

/* ---- rules given as text ---- */

/* "alpha=0.01 beta=0.5", with the node's own values. */
static void read_attributes(derive_context *c, const graph_operator *op, const graph_node *node)
{
    const char *at = op->attributes;
    while (at != NULL && *at != 0 && c->attribute_count < DERIVE_MAX_ATTRIBUTES) {
        char *name = c->attribute_names[c->attribute_count];
        double standard;
        int length;
        if (sscanf(at, " %31[^= ]=%lf%n", name, &standard, &length) != 2)
            break;
        const graph_attribute *given = node_attribute(node, name);
        c->attribute_values[c->attribute_count++] = given == NULL                        ? standard
                                                    : given->kind == SOCLE_ATTRIBUTE_INT ? (double)given->i
                                                                                         : given->f;
        at += length;
    }
}

/* The part of `derivative` that is about one input; false when it is empty. */
static bool part_of(const char *derivative, int input, char *part, size_t capacity)
{
    for (; input > 0 && derivative != NULL; input--) {
        derivative = strchr(derivative, ';');
        derivative = derivative != NULL ? derivative + 1 : NULL;
    }
    if (derivative == NULL)
        return false;
    size_t length = strcspn(derivative, ";");
    while (length > 0 && *derivative == ' ') {
        derivative++;
        length--;
    }
    if (length == 0 || length >= capacity)
        return false;
    memcpy(part, derivative, length);
    part[length] = 0;
    return true;
}

static socle_status differentiate_by_text(graph_gradient *g)
{
    static const char *const names[] = {"a", "b", "c", "d", "y", "dy"};
    const graph_node *node = &g->graph->nodes[g->node];
    const graph_operator *op = node->op;
    value_id values[] = {GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, node->outputs[0], g->output_gradients[0]};
    derive_context context = {.graph = g->graph, .names = names, .values = values, .count = COUNT_OF(names)};
    const int input_count = node->input_count < 4 ? node->input_count : 4;
    char part[256];
    for (int i = 0; i < input_count; i++)
        values[i] = node->inputs[i];
    context.dtype = compose_dtype(g->graph, values[5]);
    read_attributes(&context, op, node);
    for (int i = 0; i < input_count; i++) {
        value_id gradient;
        if (!g->needed[i] || !part_of(op->derivative, i, part, sizeof(part)))
            continue;
        if (!derive_expression(&context, part, &gradient))
            return socle_last_status();
        if (gradient == GRAPH_NONE)
            continue;
        const graph_type type = compose_type(g->graph, values[i]);
        g->input_gradients[i] = graph_reduce_to(g->graph, gradient, &type);
        if (g->input_gradients[i] == GRAPH_NONE)
            return socle_last_status();
    }
    return SOCLE_OK;
}

/* ---- one node ---- */

static bool any(const bool *flags, int count)
{
    for (int i = 0; i < count; i++)
        if (flags[i])
            return true;
    return false;
}

static socle_status add_up(differentiation *d, value_id value, value_id gradient)
{
    const graph_type type = compose_type(d->graph, value), given = compose_type(d->graph, gradient);
    if (!compose_same_shape(&type, &given) || type.dtype != given.dtype)
        return socle_fail(SOCLE_INTERNAL, "the gradient of '%s' has another shape or type than the value itself",
                          d->graph->values[value].name);
    value_id *sum = &d->gradients[value];
    *sum = *sum == GRAPH_NONE ? gradient : compose_binary(d->graph, "Add", *sum, gradient);
    return *sum != GRAPH_NONE ? SOCLE_OK : socle_last_status();
}

static socle_status apply_rule(graph_gradient *g)
{
    const graph_operator *op = g->graph->nodes[g->node].op;
    if (op->gradient != NULL)
        return op->gradient(g);
    if (op->derivative != NULL)
        return differentiate_by_text(g);
    return socle_fail(SOCLE_UNSUPPORTED, "%s cannot be differentiated: no gradient is known for %s",
                      graph_node_label(g->graph, g->node), op->name);
}

static socle_status differentiate_node(differentiation *d, node_id n)
{
    const graph_node *node = &d->graph->nodes[n];
    value_id output_gradients[MAX_OPERANDS], *input_gradients = NULL;
    const int input_count = node->input_count, output_count = node->output_count;
    bool flows = false, *needed = NULL;
    if (output_count > MAX_OPERANDS)
        return socle_fail(SOCLE_UNSUPPORTED, "%s has more than %d outputs", graph_node_label(d->graph, n), MAX_OPERANDS);
    for (int i = 0; i < output_count; i++) {
        output_gradients[i] = node->outputs[i] != GRAPH_NONE ? d->gradients[node->outputs[i]] : GRAPH_NONE;
        flows = flows || output_gradients[i] != GRAPH_NONE;
    }
    if (!flows)
        return SOCLE_OK;
    input_gradients = memory_alloc_array((size_t)input_count, sizeof(*input_gradients));
    needed = memory_alloc_array((size_t)input_count, sizeof(*needed));
    socle_status status = input_gradients != NULL && needed != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
    for (int i = 0; i < input_count && status == SOCLE_OK; i++) {
        input_gradients[i] = GRAPH_NONE;
        needed[i] = node->inputs[i] != GRAPH_NONE && d->depends[node->inputs[i]];
    }
    graph_gradient g = {d->graph, n, output_gradients, input_gradients, needed};
    if (status == SOCLE_OK && any(needed, input_count))
        status = apply_rule(&g);
    for (int i = 0; i < input_count && status == SOCLE_OK; i++)
        if (needed[i] && input_gradients[i] != GRAPH_NONE) /* the node may have moved */
            status = add_up(d, d->graph->nodes[n].inputs[i], input_gradients[i]);
    memory_free(input_gradients);
    memory_free(needed);
    return status;
}

/* ---- the graph ---- */

static void mark_dependent(differentiation *d)
{
    const socle_graph *graph = d->graph;
    for (int n = 0; n < graph->node_count; n++) {
        const graph_node *node = &graph->nodes[n];
        bool depends = false;
        for (int i = 0; node->op != NULL && i < node->input_count; i++)
            depends = depends || (node->inputs[i] != GRAPH_NONE && d->depends[node->inputs[i]]);
        for (int i = 0; depends && i < node->output_count; i++)
            if (node->outputs[i] != GRAPH_NONE)
                d->depends[node->outputs[i]] = compose_is_float(compose_dtype(graph, node->outputs[i]));
    }
}

static socle_status run_backwards(differentiation *d, const value_id *wrt, int count, value_id *gradients)
{
    socle_status status = SOCLE_OK;
    for (int n = d->graph->node_count - 1; n >= 0 && status == SOCLE_OK; n--)
        if (d->graph->nodes[n].op != NULL)
            status = differentiate_node(d, n);
    for (int i = 0; i < count && status == SOCLE_OK; i++)
        gradients[i] = d->gradients[wrt[i]];
    return status;
}

socle_status graph_propagate(socle_graph *graph, const value_id *from, const value_id *seeds, int from_count, const value_id *wrt,
                             int count, value_id *gradients)
{
    socle_status status = graph_lower_for_gradient(graph);
    if (status != SOCLE_OK)
        return status;
    differentiation d = {.graph = graph, .value_count = graph->value_count};
    d.depends = memory_alloc_array((size_t)d.value_count, sizeof(*d.depends));
    d.gradients = memory_alloc_array((size_t)d.value_count, sizeof(*d.gradients));
    if (d.depends == NULL || d.gradients == NULL) {
        status = SOCLE_OUT_OF_MEMORY;
        goto cleanup;
    }
    for (int i = 0; i < d.value_count; i++)
        d.gradients[i] = GRAPH_NONE;
    for (int i = 0; i < count; i++)
        d.depends[wrt[i]] = compose_is_float(compose_dtype(graph, wrt[i]));
    mark_dependent(&d);
    for (int i = 0; i < from_count && status == SOCLE_OK; i++)
        if (d.depends[from[i]])
            status = add_up(&d, from[i], seeds[i]);
    if (status == SOCLE_OK)
        status = run_backwards(&d, wrt, count, gradients);
cleanup:
    memory_free(d.depends);
    memory_free(d.gradients);
    return status;
}

socle_status graph_differentiate(socle_graph *graph, value_id loss, const value_id *wrt, int count, value_id *gradients)
{
    const graph_type type = compose_type(graph, loss);
    if (!graph_type_known(&type) || graph_type_count(&type) != 1 || !compose_is_float(type.dtype))
        return socle_fail(SOCLE_INVALID_ARGUMENT, "'%s' cannot be differentiated: a loss is one floating-point number",
                          graph->values[loss].name);
    const value_id one = compose_filled(graph, &type, 1);
    if (one == GRAPH_NONE)
        return socle_last_status();
    socle_status status = graph_propagate(graph, &loss, &one, 1, wrt, count, gradients);
    for (int i = 0; i < count && status == SOCLE_OK; i++) {
        if (gradients[i] != GRAPH_NONE)
            continue;
        const graph_type shape = compose_type(graph, wrt[i]);
        gradients[i] = compose_zeros(graph, &shape);
        status = gradients[i] != GRAPH_NONE ? SOCLE_OK : socle_last_status();
    }
    return status;
}
