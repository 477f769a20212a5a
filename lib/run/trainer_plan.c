/* Executors of a trainer: the model's graph in the form that is asked for, planned for one device. */
#include "trainer.h"

#include <stdio.h>
#include <string.h>

/* ---- graphs ---- */

/* Shapes of all inputs as bindings; the names are the graph's. */
static socle_status bind(socle_graph *graph, const graph_type *inputs, int64_t rows)
{
    socle_shape_binding bindings[TRAINER_MAX_INPUTS];
    if (inputs == NULL)
        return graph_bind_shapes(graph, NULL, 0, rows);
    for (int i = 0; i < graph->input_count; i++) {
        bindings[i] = (socle_shape_binding){.name = graph->values[graph->inputs[i]].name, .rank = inputs[i].rank};
        memcpy(bindings[i].dims, inputs[i].dims, sizeof(bindings[i].dims));
        if (inputs[i].rank > 0)
            bindings[i].dims[0] = rows;
    }
    return graph_bind_shapes(graph, bindings, graph->input_count, rows);
}

/* Only the first output is trained and evaluated. */
static void keep_first_output(socle_graph *graph)
{
    for (int i = 1; i < graph->output_count; i++)
        memory_free(graph->output_names[i]);
    graph->output_count = 1;
}

static socle_status add_named_output(socle_graph *graph, value_id value, const char *kind, value_id of)
{
    char *name = memory_format("socle.%s:%s", kind, graph->values[of].name);
    const socle_status status = name != NULL ? graph_add_output(graph, value, name) : SOCLE_OUT_OF_MEMORY;
    memory_free(name);
    return status;
}

/* Gradients and new running statistics leave the device instead of changing its states. */
static socle_status give_out(socle_graph *graph, const value_id *weights, const value_id *gradients, int count)
{
    socle_status status = SOCLE_OK;
    for (int i = 0; i < count && status == SOCLE_OK; i++)
        status = add_named_output(graph, gradients[i], "gradient", weights[i]);
    for (int i = 0; i < graph->update_count && status == SOCLE_OK; i++)
        status = add_named_output(graph, graph->updates[i].value, "statistic", graph->updates[i].state);
    graph->update_count = 0;
    return status;
}

static socle_status make_step(const socle_trainer *t, training_form form, socle_graph *graph)
{
    value_id loss, *weights = NULL, *gradients = NULL;
    int count = 0;
    socle_status status = graph_make_training(graph, &t->options, &loss, &weights, &gradients, &count);
    if (status == SOCLE_OK)
        status = form == FORM_STEP ? graph_add_optimizer(graph, &t->options, weights, gradients, count)
                                   : give_out(graph, weights, gradients, count);
    memory_free(weights);
    memory_free(gradients);
    return status;
}

static bool is_float(socle_dtype dtype)
{
    return dtype == SOCLE_FLOAT32 || dtype == SOCLE_FLOAT64;
}

/* Every floating-point value that a node makes, in the order in which they are made. */
static socle_status make_inspection(socle_graph *graph)
{
    socle_status status = graph_training_forms(graph);
    for (int i = 0; i < graph->output_count; i++)
        memory_free(graph->output_names[i]);
    graph->output_count = 0;
    graph->update_count = 0;
    for (int n = 0; n < graph->node_count && status == SOCLE_OK; n++) {
        const graph_node *node = &graph->nodes[n];
        const value_id value = node->op != NULL ? node->outputs[0] : GRAPH_NONE;
        if (value != GRAPH_NONE && is_float(graph->values[value].type.dtype))
            status = graph_add_output(graph, value, graph->values[value].name);
    }
    return status;
}

static socle_status make_graph(const socle_trainer *t, training_form form, const graph_type *inputs, int64_t rows,
                               graph_type *output, socle_graph **out)
{
    socle_graph *graph = NULL;
    socle_status status = graph_clone(t->model->graph, true, &graph);
    if (status != SOCLE_OK)
        return status;
    keep_first_output(graph);
    status = bind(graph, inputs, rows);
    graph_states_from_weights(graph);
    if (status == SOCLE_OK)
        status = graph_fold(graph);
    if (status == SOCLE_OK && output != NULL)
        *output = graph->values[graph->outputs[0]].type;
    if (status == SOCLE_OK && form == FORM_INSPECTION)
        status = make_inspection(graph);
    else if (status == SOCLE_OK && form != FORM_EVALUATION)
        status = make_step(t, form, graph);
    if (status == SOCLE_OK)
        *out = graph;
    else
        socle_graph_destroy(graph);
    return status;
}

/* ---- executors ---- */

static socle_status plan_graph(const socle_trainer *t, socle_device *device, socle_graph *graph, bool training, bool compact,
                               const executor *lender, executor **out)
{
    const device_plan_options options = {.training = training,
                                         .deterministic = t->options.deterministic != 0,
                                         .strict_accuracy = t->options.strict_accuracy != 0,
                                         .allow_tf32 = t->options.allow_tf32 != 0,
                                         .compact = compact};
    device_plan *plan = NULL;
    socle_status status = device_plan_create(device, graph, &options, &plan);
    return status == SOCLE_OK ? executor_create_sharing(plan, lender, out) : status;
}

/* When the device's memory does not suffice: unused blocks are given back, then weights stay as they are. */
socle_status trainer_executor(const socle_trainer *t, training_form form, socle_device *device, const graph_type *inputs,
                              int64_t rows, const executor *lender, graph_type *output, executor **out)
{
    socle_status status = SOCLE_OK;
    for (int attempt = 0; attempt < 3; attempt++) {
        socle_graph *graph = NULL;
        status = make_graph(t, form, inputs, rows, output, &graph);
        if (status == SOCLE_OK)
            status = plan_graph(t, device, graph, true, attempt == 2, lender, out);
        if (status != SOCLE_DEVICE_OUT_OF_MEMORY)
            return status;
        device_pool_trim(device);
    }
    return status;
}

/* ---- updates alone ---- */

/* The weights, which the lender has, and an input for the mean gradient of each. */
static socle_status make_update(const socle_trainer *t, socle_graph *graph)
{
    socle_trainer_options options = t->options;
    value_id *weights = memory_alloc_array((size_t)t->sum_count, sizeof(*weights));
    value_id *gradients = memory_alloc_array((size_t)t->sum_count, sizeof(*gradients));
    socle_status status = weights != NULL && gradients != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
    int count = 0;
    options.accumulate = 1; /* the host did that */
    for (int i = 0; i < t->sum_count && status == SOCLE_OK; i++) {
        const gradient_sum *sum = &t->sums[i];
        if (sum->is_statistic)
            continue;
        char *name = memory_format("socle.gradient:%s", sum->name);
        weights[count] = graph_add_state(graph, sum->name, &sum->type, NULL, false);
        gradients[count] = name != NULL ? graph_add_input(graph, name, &sum->type) : GRAPH_NONE;
        memory_free(name);
        if (weights[count] == GRAPH_NONE || gradients[count] == GRAPH_NONE)
            status = socle_last_status();
        count++;
    }
    if (status == SOCLE_OK)
        status = graph_add_optimizer(graph, &options, weights, gradients, count);
    memory_free(weights);
    memory_free(gradients);
    return status;
}

socle_status trainer_update_executor(const socle_trainer *t, const executor *lender, executor **out)
{
    socle_graph *graph = NULL;
    socle_status status = socle_graph_create(t->context, "update", &graph);
    if (status != SOCLE_OK)
        return status;
    status = make_update(t, graph);
    if (status != SOCLE_OK) {
        socle_graph_destroy(graph);
        return status;
    }
    return plan_graph(t, lender->plan->device, graph, true, false, lender, out);
}
