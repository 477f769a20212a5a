/* Optimizers as graph updates. Each weight's update is a chain of pointwise nodes that reads and writes its states element by
 * element, so that it becomes one kernel in place. What changes from step to step are inputs of rank 0: a kernel reads them
 * directly, and the host writes only those that changed. Definitions as in PyTorch's torch.optim (SGD, Adam, AdamW) and
 * torch.nn.utils.clip_grad_norm_. */
#include "training.h"

#include <string.h>

#define CLIP_EPSILON 1e-6 /* as in clip_grad_norm_ */

const char *const graph_hyper_names[HYPER_COUNT] = {
    [HYPER_LR] = "socle.lr",
    [HYPER_CORRECTION1] = "socle.correction1",
    [HYPER_CORRECTION2] = "socle.correction2",
    [HYPER_BATCH_WEIGHT] = "socle.batch_weight",
    [HYPER_GRADIENT_SCALE] = "socle.gradient_scale",
    [HYPER_UPDATE] = "socle.update",
};

typedef struct optimization {
    socle_graph *graph;
    const socle_trainer_options *options;
    value_id finite; /* bool, rank 0: the loss is a number; GRAPH_NONE: not asked */
    value_id apply;  /* bool, rank 0: states change in this run; GRAPH_NONE: always */
} optimization;

/* ---- inputs ---- */

static value_id hyper(socle_graph *graph, int which)
{
    const graph_type type = {which == HYPER_UPDATE ? SOCLE_BOOL : SOCLE_FLOAT32, 0, {0}};
    const value_id present = graph_find_value(graph, graph_hyper_names[which]);
    return present != GRAPH_NONE ? present : graph_add_input(graph, graph_hyper_names[which], &type);
}

static value_id hyper_for(const optimization *o, int which, value_id weight)
{
    return compose_cast(o->graph, hyper(o->graph, which), compose_dtype(o->graph, weight));
}

/* A state beside a weight, of its shape, that starts with zeros. */
static value_id state_beside(const optimization *o, const char *kind, value_id weight)
{
    char *name = memory_format("socle.%s:%s", kind, o->graph->values[weight].name);
    const graph_type type = compose_type(o->graph, weight);
    const value_id state = name != NULL ? graph_add_state(o->graph, name, &type, NULL, false) : GRAPH_NONE;
    memory_free(name);
    return state;
}

/* ---- short forms ---- */

static value_id add(const optimization *o, value_id a, value_id b)
{
    return compose_binary(o->graph, "Add", a, b);
}

static value_id multiply(const optimization *o, value_id a, value_id b)
{
    return compose_binary(o->graph, "Mul", a, b);
}

static value_id scale(const optimization *o, value_id a, double factor)
{
    return compose_scale(o->graph, a, factor);
}

static socle_status set_state(const optimization *o, value_id state, value_id value, value_id condition)
{
    if (condition != GRAPH_NONE)
        value = compose_where(o->graph, condition, value, state);
    return value != GRAPH_NONE && state != GRAPH_NONE ? graph_add_update(o->graph, state, value) : socle_last_status();
}

/* ---- accumulation ---- */

/* Sum of the batches' gradients, each weighted by its rows; it starts again after an update. The mean of it replaces *gradient.
 */
static socle_status accumulate(const optimization *o, value_id weight, value_id *gradient)
{
    const value_id state = state_beside(o, "accumulated", weight), update = hyper(o->graph, HYPER_UPDATE);
    const value_id batch = multiply(o, *gradient, hyper_for(o, HYPER_BATCH_WEIGHT, weight));
    const value_id sum = state == GRAPH_NONE ? state : add(o, state, batch);
    *gradient = multiply(o, sum, hyper_for(o, HYPER_GRADIENT_SCALE, weight));
    if (*gradient == GRAPH_NONE || update == GRAPH_NONE)
        return socle_last_status();
    return set_state(o, state, compose_where(o->graph, update, compose_number(o->graph, sum, 0), sum), o->finite);
}

/* ---- clipping ---- */

/* min(1, clip_norm / (norm + 1e-6)) over all gradients together. */
static value_id clip_factor(const optimization *o, const value_id *gradients, int count)
{
    const int64_t axes[] = {0, 1, 2, 3, 4, 5, 6, 7};
    value_id squares = GRAPH_NONE;
    for (int i = 0; i < count; i++) {
        const int rank = compose_type(o->graph, gradients[i]).rank;
        const value_id square = rank > 0 ? compose_reduce(o->graph, "ReduceSumSquare", gradients[i], axes, rank, false)
                                         : multiply(o, gradients[i], gradients[i]);
        const value_id own = compose_cast(o->graph, square, SOCLE_FLOAT32);
        squares = i == 0 ? own : add(o, squares, own);
    }
    const value_id norm = compose_add_number(o->graph, compose_unary(o->graph, "Sqrt", squares), CLIP_EPSILON);
    const value_id limit = compose_number(o->graph, norm, o->options->clip_norm);
    return compose_binary(o->graph, "Min", compose_binary(o->graph, "Div", limit, norm), compose_number(o->graph, norm, 1));
}

static socle_status clip(const optimization *o, value_id *gradients, int count)
{
    const value_id factor = clip_factor(o, gradients, count);
    if (factor == GRAPH_NONE)
        return socle_last_status();
    for (int i = 0; i < count; i++) {
        gradients[i] = multiply(o, gradients[i], compose_cast(o->graph, factor, compose_dtype(o->graph, gradients[i])));
        if (gradients[i] == GRAPH_NONE)
            return socle_last_status();
    }
    return SOCLE_OK;
}

/* ---- the optimizers ---- */

/* v = momentum v + g; w -= lr (nesterov ? g + momentum v : v), with g + weight_decay w for g. */
static socle_status update_sgd(const optimization *o, value_id weight, value_id g)
{
    const double momentum = o->options->momentum, decay = o->options->weight_decay;
    value_id step = decay != 0 ? add(o, g, scale(o, weight, decay)) : g;
    if (momentum != 0) {
        const value_id state = state_beside(o, "momentum", weight);
        const value_id velocity = state == GRAPH_NONE ? state : add(o, scale(o, state, momentum), step);
        socle_status status = set_state(o, state, velocity, o->apply);
        if (status != SOCLE_OK)
            return status;
        step = o->options->nesterov ? add(o, step, scale(o, velocity, momentum)) : velocity;
    }
    const value_id change = multiply(o, step, hyper_for(o, HYPER_LR, weight));
    return set_state(o, weight, compose_binary(o->graph, "Sub", weight, change), o->apply);
}

/* m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= lr / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + epsilon). AdamW shrinks the
 * weight by lr * weight_decay first, Adam adds weight_decay w to g. */
static socle_status update_adam(const optimization *o, value_id weight, value_id g)
{
    const double b1 = o->options->beta1, b2 = o->options->beta2, decay = o->options->weight_decay;
    const bool decoupled = o->options->optimizer == SOCLE_ADAMW;
    const value_id lr = hyper_for(o, HYPER_LR, weight);
    if (decay != 0 && !decoupled)
        g = add(o, g, scale(o, weight, decay));
    const value_id first = state_beside(o, "first", weight), second = state_beside(o, "second", weight);
    if (first == GRAPH_NONE || second == GRAPH_NONE)
        return socle_last_status();
    const value_id m = add(o, scale(o, first, b1), scale(o, g, 1 - b1));
    const value_id v = add(o, scale(o, second, b2), scale(o, multiply(o, g, g), 1 - b2));
    const value_id root = multiply(o, compose_unary(o->graph, "Sqrt", v), hyper_for(o, HYPER_CORRECTION2, weight));
    const value_id direction = compose_binary(o->graph, "Div", m, compose_add_number(o->graph, root, o->options->epsilon));
    const value_id change = multiply(o, direction, multiply(o, lr, hyper_for(o, HYPER_CORRECTION1, weight)));
    value_id from = weight;
    if (decay != 0 && decoupled)
        from = compose_binary(o->graph, "Sub", weight, multiply(o, weight, scale(o, lr, decay)));
    socle_status status = set_state(o, first, m, o->apply);
    if (status == SOCLE_OK)
        status = set_state(o, second, v, o->apply);
    if (status == SOCLE_OK)
        status = set_state(o, weight, compose_binary(o->graph, "Sub", from, change), o->apply);
    return status;
}

/* ---- conditions ---- */

/* A loss that is no number changes nothing, so that the weights before it stay and its cause can be looked for. Running
 * statistics of BatchNormalization are held back in the same way. */
static socle_status add_conditions(optimization *o, value_id loss)
{
    socle_graph *graph = o->graph;
    if (loss != GRAPH_NONE && o->options->check_finite) {
        const value_id difference = compose_binary(graph, "Sub", loss, loss);
        o->finite = compose_binary(graph, "Equal", difference, compose_number(graph, loss, 0));
        if (o->finite == GRAPH_NONE)
            return socle_last_status();
        for (int i = 0; i < graph->update_count; i++) {
            const value_id kept = compose_where(graph, o->finite, graph->updates[i].value, graph->updates[i].state);
            if (kept == GRAPH_NONE)
                return socle_last_status();
            graph->updates[i].value = kept;
        }
    }
    o->apply = o->finite;
    if (o->options->accumulate > 1) {
        const value_id update = hyper(graph, HYPER_UPDATE);
        o->apply = o->finite == GRAPH_NONE ? update : compose_binary(graph, "And", o->finite, update);
        return o->apply != GRAPH_NONE ? SOCLE_OK : socle_last_status();
    }
    return SOCLE_OK;
}

/* The loss of a graph made by graph_make_training is its output; a graph of updates alone has none. */
static value_id loss_of(const socle_graph *graph)
{
    for (int i = 0; i < graph->output_count; i++)
        if (strcmp(graph->output_names[i], "loss") == 0)
            return graph->outputs[i];
    return GRAPH_NONE;
}

socle_status graph_add_optimizer(socle_graph *graph, const socle_trainer_options *options, const value_id *weights,
                                 const value_id *gradients, int count)
{
    optimization o = {graph, options, GRAPH_NONE, GRAPH_NONE};
    value_id *present = memory_alloc_array((size_t)count, sizeof(*present));
    if (present == NULL)
        return SOCLE_OUT_OF_MEMORY;
    memcpy(present, gradients, (size_t)count * sizeof(*present));
    socle_status status = add_conditions(&o, loss_of(graph));
    for (int i = 0; i < count && status == SOCLE_OK && options->accumulate > 1; i++)
        status = accumulate(&o, weights[i], &present[i]);
    if (status == SOCLE_OK && options->clip_norm > 0)
        status = clip(&o, present, count);
    for (int i = 0; i < count && status == SOCLE_OK; i++)
        status =
            options->optimizer == SOCLE_SGD ? update_sgd(&o, weights[i], present[i]) : update_adam(&o, weights[i], present[i]);
    memory_free(present);
    return status;
}
