/* The part of a model that one device runs: its rows of the batch, for inference or for a step of training. */
#include "plan.h"

#include <socle/trainer.h>

static socle_status make_training(socle_graph *graph, const socle_trainer_options *training)
{
    value_id loss, *weights = NULL, *gradients = NULL;
    int count;
    socle_status status = graph_make_training(graph, training, &loss, &weights, &gradients, &count);
    if (status == SOCLE_OK)
        status = graph_add_optimizer(graph, training, weights, gradients, count);
    memory_free(weights);
    memory_free(gradients);
    return status;
}

socle_status placement_part(const placement_work *work, socle_device *device, int64_t rows, bool compact,
                            device_plan **part)
{
    const socle_plan_options *options = work->options;
    const device_plan_options how = {.training = work->training != NULL,
                                     .deterministic = options->deterministic,
                                     .compact = compact};
    socle_graph *graph = NULL;
    socle_status status = graph_clone(work->model->graph, true, &graph);
    if (status == SOCLE_OK)
        status = graph_bind_shapes(graph, options->bindings, options->binding_count, rows);
    if (status == SOCLE_OK && work->training != NULL)
        status = make_training(graph, work->training);
    if (status != SOCLE_OK) {
        socle_graph_destroy(graph);
        return status;
    }
    return device_plan_create(device, graph, &how, part);
}
