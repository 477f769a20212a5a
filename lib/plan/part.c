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

socle_status placement_part(const placement_work *work, socle_device *device, int64_t rows, bool compact, device_plan **part)
{
    const socle_plan_options *options = work->options;
    const device_plan_options how = {.training = work->training != NULL,
                                     .deterministic = options->deterministic,
                                     .strict_accuracy = options->strict_accuracy,
                                     .allow_tf32 = options->allow_tf32,
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

static bool fits(const socle_device *device, const device_plan *part)
{
    return device->info.memory_bytes == 0 || part->peak_bytes <= device->info.memory_bytes;
}

socle_status placement_fitting_part(const placement_work *work, socle_device *device, int64_t rows, bool *compact,
                                    device_plan **part)
{
    device_plan *fast = NULL, *small = NULL;
    socle_status status = placement_part(work, device, rows, false, &fast);
    if (status == SOCLE_OK && !fits(device, fast))
        status = placement_part(work, device, rows, true, &small);
    if (status != SOCLE_OK) {
        device_plan_destroy(fast);
        return status;
    }
    *compact = small != NULL && small->peak_bytes < fast->peak_bytes;
    *part = *compact ? small : fast;
    device_plan_destroy(*compact ? fast : small);
    return SOCLE_OK;
}
