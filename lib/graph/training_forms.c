/* The forms in which layers are trained. Weights become states; BatchNormalization takes the batch's statistics and updates the
 * running ones; Dropout multiplies by a mask that depends on a seed, an input of the graph. */
#include "training.h"

#include <string.h>

#define MAX_ATTRIBUTES 12

static bool is_node(const graph_node *node, const char *op)
{
    return node->op != NULL && node->op->domain[0] == 0 && strcmp(node->op->name, op) == 0;
}

/* ---- states ---- */

static void make_state(socle_graph *graph, value_id value, bool trainable)
{
    if (value == GRAPH_NONE || (graph->values[value].kind != VALUE_CONSTANT && graph->values[value].kind != VALUE_STATE))
        return;
    graph->values[value].kind = VALUE_STATE;
    graph->values[value].trainable = trainable;
}

void graph_states_from_weights(socle_graph *graph)
{
    for (value_id v = 0; v < graph->value_count; v++)
        if (graph->values[v].kind == VALUE_CONSTANT && graph->values[v].trainable &&
            compose_is_float(graph->values[v].type.dtype))
            make_state(graph, v, true);
    for (int n = 0; n < graph->node_count; n++) {
        if (!is_node(&graph->nodes[n], "BatchNormalization"))
            continue;
        make_state(graph, graph->nodes[n].inputs[3], false); /* running mean and variance are not trained */
        make_state(graph, graph->nodes[n].inputs[4], false);
    }
}

/* ---- nodes in another form ---- */

/* The new value takes the old one's place and name: messages and files know it by that. */
static socle_status take_place(socle_graph *graph, value_id old, value_id value)
{
    char *name = memory_copy_string(graph->values[old].name), *aside = memory_format("%s.before", graph->values[old].name);
    socle_status status = name != NULL && aside != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
    if (status == SOCLE_OK && graph_find_value(graph, aside) == GRAPH_NONE) {
        status = graph_rename_value(graph, old, aside);
        if (status == SOCLE_OK)
            status = graph_rename_value(graph, value, name);
    }
    if (status == SOCLE_OK)
        graph_replace_value(graph, old, value);
    memory_free(name);
    memory_free(aside);
    return status;
}

/* The node once more, with `output_count` outputs and the attribute `changed`; its outputs take the places of the old ones. */
static socle_status replace_node(socle_graph *graph, node_id n, const socle_attribute *changed, int output_count, node_id *made)
{
    socle_attribute attributes[MAX_ATTRIBUTES];
    value_id inputs[8];
    const graph_node *node = &graph->nodes[n];
    const int input_count = node->input_count < (int)COUNT_OF(inputs) ? node->input_count : (int)COUNT_OF(inputs);
    int count = 0;
    for (int i = 0; i < node->attribute_count && count < MAX_ATTRIBUTES - 1; i++) {
        const graph_attribute *a = &node->attributes[i];
        if (strcmp(a->name, changed->name) == 0)
            continue;
        attributes[count++] = (socle_attribute){.name = a->name,
                                                .kind = a->kind,
                                                .i = a->i,
                                                .f = a->f,
                                                .s = a->s,
                                                .ints = a->ints,
                                                .floats = a->floats,
                                                .count = (size_t)a->count};
    }
    attributes[count++] = *changed;
    for (int i = 0; i < input_count; i++)
        inputs[i] = node->inputs[i];
    const value_id y = graph_add(graph, "", node->op->name, inputs, input_count, attributes, count, output_count);
    if (y == GRAPH_NONE)
        return socle_last_status();
    *made = graph->values[y].producer;
    node = &graph->nodes[n];
    socle_status status = SOCLE_OK;
    for (int i = 0; i < node->output_count && i < output_count && status == SOCLE_OK; i++)
        if (node->outputs[i] != GRAPH_NONE)
            status = take_place(graph, node->outputs[i], graph->nodes[*made].outputs[i]);
    graph_remove_node(graph, n);
    return status;
}

static socle_status train_batch_normalization(socle_graph *graph, node_id n)
{
    const socle_attribute training = ATTRIBUTE_INT("training_mode", 1);
    node_id made;
    socle_status status = replace_node(graph, n, &training, 3, &made);
    for (int i = 1; i < 3 && status == SOCLE_OK; i++) {
        const value_id state = graph->nodes[made].inputs[i + 2], value = graph->nodes[made].outputs[i];
        if (graph->values[state].kind == VALUE_STATE)
            status = graph_add_update(graph, state, value);
    }
    return status;
}

/* ---- Dropout ---- */

static value_id seed_input(socle_graph *graph)
{
    const value_id present = graph_find_value(graph, "socle.seed");
    const graph_type type = {SOCLE_INT32, 0, {0}};
    return present != GRAPH_NONE ? present : graph_add_input(graph, "socle.seed", &type);
}

static value_id dropout_mask(socle_graph *graph, const graph_type *type, double ratio, int salt)
{
    const value_id seed = seed_input(graph);
    const socle_attribute attributes[] = {ATTRIBUTE_INTS("shape", type->dims, (size_t)type->rank),
                                          ATTRIBUTE_FLOAT("ratio", ratio), ATTRIBUTE_INT("salt", salt)};
    return compose_cast(graph, compose_node(graph, "socle", "DropoutMask", &seed, 1, attributes, 3), type->dtype);
}

static socle_status train_dropout(socle_graph *graph, node_id n, int salt)
{
    const graph_node *node = &graph->nodes[n];
    const value_id x = node->inputs[0], old = node->outputs[0];
    const value_id old_mask = node->output_count > 1 ? node->outputs[1] : GRAPH_NONE;
    const graph_type type = compose_type(graph, x);
    double ratio = 0.5;
    if (node->input_count > 1 && node->inputs[1] != GRAPH_NONE && !graph_constant_float(graph, node->inputs[1], &ratio))
        return socle_fail(SOCLE_UNSUPPORTED, "%s: its ratio must be constant to be trained", graph_node_label(graph, n));
    if (ratio <= 0)
        return SOCLE_OK;
    const value_id mask = dropout_mask(graph, &type, ratio, salt);
    const value_id y = compose_binary(graph, "Mul", x, mask);
    if (y == GRAPH_NONE)
        return socle_last_status();
    socle_status status = take_place(graph, old, y);
    if (status != SOCLE_OK)
        return status;
    if (old_mask != GRAPH_NONE) {
        const value_id kept = compose_binary(graph, "Greater", mask, compose_number(graph, mask, 0));
        if (kept == GRAPH_NONE)
            return socle_last_status();
        graph_replace_value(graph, old_mask, kept);
    }
    graph_remove_node(graph, n);
    return SOCLE_OK;
}

socle_status graph_training_forms(socle_graph *graph)
{
    const int count = graph->node_count;
    socle_status status = SOCLE_OK;
    int salt = 0;
    graph_states_from_weights(graph);
    for (int n = 0; n < count && status == SOCLE_OK; n++) {
        if (is_node(&graph->nodes[n], "BatchNormalization"))
            status = train_batch_normalization(graph, n);
        else if (is_node(&graph->nodes[n], "Dropout"))
            status = train_dropout(graph, n, ++salt);
    }
    return status == SOCLE_OK ? graph_sort(graph) : status;
}
