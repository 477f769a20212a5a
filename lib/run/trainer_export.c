/* The trained model: the model's graph with the present content of the states that have its initializers' names. Its layers never
 * took their training form in there, so it is in inference form. */
#include "trainer.h"

#include <string.h>

static socle_status take_state(socle_trainer *t, const trainer_state *state, socle_graph *graph)
{
    const value_id value = graph_find_value(graph, state->name);
    if (value == GRAPH_NONE || graph->values[value].kind != VALUE_CONSTANT ||
        graph->values[value].size_bytes != state->size_bytes)
        return SOCLE_OK; /* the optimizer's */
    void *content = memory_alloc(state->size_bytes);
    if (content == NULL)
        return SOCLE_OUT_OF_MEMORY;
    socle_status status = trainer_state_read(t, state, content);
    if (status != SOCLE_OK) {
        memory_free(content);
        return status;
    }
    memory_free(graph->values[value].owned_data);
    graph->values[value].owned_data = content;
    graph->values[value].data = content;
    return SOCLE_OK;
}

socle_status socle_trainer_model(socle_trainer *trainer, socle_model **trained)
{
    if (trainer == NULL || trained == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_trainer_model: trainer and trained must not be NULL");
    socle_graph *graph = NULL;
    socle_status status = trainer_drain(trainer);
    if (status == SOCLE_OK)
        status = graph_clone(trainer->model->graph, false, &graph);
    for (int i = 0; i < trainer->state_count && status == SOCLE_OK; i++)
        status = take_state(trainer, &trainer->states[i], graph);
    if (status == SOCLE_OK)
        status = socle_model_create(trainer->context, graph, trained);
    if (status != SOCLE_OK)
        socle_graph_destroy(graph);
    return status;
}
