/* One step of training as a graph: the network in its training form, the loss of its first output, the gradients of its weights.
 */
#include "training.h"

#include "differentiate.h"

static void drop_outputs(socle_graph *graph)
{
    for (int i = 0; i < graph->output_count; i++)
        memory_free(graph->output_names[i]);
    graph->output_count = 0;
}

/* Weights that anything reaches, with their gradients. */
static void keep_reached(value_id *weights, value_id *gradients, int *count)
{
    int kept = 0;
    for (int i = 0; i < *count; i++) {
        if (gradients[i] == GRAPH_NONE)
            continue;
        weights[kept] = weights[i];
        gradients[kept++] = gradients[i];
    }
    *count = kept;
}

static socle_status find_weights(const socle_graph *graph, value_id **weights, int *count)
{
    value_id *found = memory_alloc_array((size_t)graph->value_count, sizeof(*found));
    if (found == NULL)
        return SOCLE_OUT_OF_MEMORY;
    *count = 0;
    for (value_id v = 0; v < graph->value_count; v++)
        if (graph->values[v].kind == VALUE_STATE && graph->values[v].trainable)
            found[(*count)++] = v;
    *weights = found;
    return SOCLE_OK;
}

static socle_status add_gradients(socle_graph *graph, socle_loss kind, value_id *loss, value_id *weights, value_id *gradients,
                                  int *count)
{
    value_id seed, output = graph->outputs[0];
    socle_status status = training_loss(graph, kind, output, loss, &seed);
    if (status == SOCLE_OK)
        status = graph_propagate(graph, &output, &seed, 1, weights, *count, gradients);
    if (status != SOCLE_OK)
        return status;
    keep_reached(weights, gradients, count);
    if (*count == 0)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "nothing to train: output '%s' depends on no trainable weight",
                          graph->output_names[0]);
    drop_outputs(graph);
    return graph_add_output(graph, *loss, "loss");
}

socle_status graph_make_training(socle_graph *graph, const socle_trainer_options *options, value_id *loss, value_id **weights,
                                 value_id **gradients, int *count)
{
    value_id *found = NULL, *made = NULL, mean;
    int found_count = 0;
    if (graph->output_count == 0)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "a network without outputs cannot be trained");
    socle_status status = graph_training_forms(graph);
    if (status == SOCLE_OK)
        status = graph_fold(graph);
    if (status == SOCLE_OK)
        status = find_weights(graph, &found, &found_count);
    if (status == SOCLE_OK && (made = memory_alloc_array((size_t)found_count, sizeof(*made))) == NULL)
        status = SOCLE_OUT_OF_MEMORY;
    if (status == SOCLE_OK)
        status = add_gradients(graph, options->loss, &mean, found, made, &found_count);
    if (status != SOCLE_OK) {
        memory_free(found);
        memory_free(made);
        return status;
    }
    *loss = mean;
    *weights = found;
    *gradients = made;
    *count = found_count;
    return SOCLE_OK;
}
