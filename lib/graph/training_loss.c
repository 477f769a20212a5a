/* Losses with their gradients in closed form, both stable for large logits: cross entropy is softmax minus one-hot, binary cross
 * entropy sigmoid minus label. The loss is a by-product, of which no gradient is taken. */
#include "training.h"

static value_id mean_of(socle_graph *graph, value_id a, double count)
{
    const int64_t axes[] = {0, 1, 2, 3, 4, 5, 6, 7};
    const value_id sum = a == GRAPH_NONE ? a : compose_reduce(graph, "ReduceSum", a, axes, compose_type(graph, a).rank, false);
    return compose_scale(graph, sum, 1 / count);
}

static value_id labels_input(socle_graph *graph, const graph_type *type)
{
    return graph_add_input(graph, graph_find_value(graph, "labels") == GRAPH_NONE ? "labels" : "socle.labels", type);
}

/* logits [n, classes, ...], labels [n, ...] */
static socle_status cross_entropy(socle_graph *graph, value_id logits, value_id *loss, value_id *gradient)
{
    const graph_type type = compose_type(graph, logits);
    const socle_attribute axis = ATTRIBUTE_INT("axis", 1);
    graph_type labels_type = {SOCLE_INT64, type.rank - 1, {type.dims[0]}}, spread = type;
    if (type.rank < 2)
        return socle_fail(SOCLE_SHAPE_MISMATCH, "cross entropy needs an output [n, classes, ...]; '%s' has rank %d",
                          graph->output_names[0], type.rank);
    for (int i = 1; i < labels_type.rank; i++)
        labels_type.dims[i] = type.dims[i + 1];
    spread.dims[1] = 1;
    const double count = (double)graph_type_count(&labels_type);
    const value_id labels = compose_reshape_as(graph, labels_input(graph, &labels_type), &spread);
    const value_id hit = compose_binary(graph, "Equal", labels, compose_counting(graph, SOCLE_INT64, type.dims[1], 1, type.rank));
    const value_id log_prob = compose_node(graph, "", "LogSoftmax", &logits, 1, &axis, 1);
    const value_id picked = compose_where(graph, hit, log_prob, compose_number(graph, logits, 0));
    const value_id difference =
        compose_binary(graph, "Sub", compose_unary(graph, "Exp", log_prob), compose_cast(graph, hit, type.dtype));
    *loss = mean_of(graph, picked, -count);
    *gradient = compose_scale(graph, difference, 1 / count);
    return SOCLE_OK;
}

static socle_status mean_squared_error(socle_graph *graph, value_id output, value_id *loss, value_id *gradient)
{
    const graph_type type = compose_type(graph, output);
    const double count = (double)graph_type_count(&type);
    const value_id difference = compose_binary(graph, "Sub", output, labels_input(graph, &type));
    *loss = mean_of(graph, compose_binary(graph, "Mul", difference, difference), count);
    *gradient = compose_scale(graph, difference, 2 / count);
    return SOCLE_OK;
}

/* max(x, 0) - x t + log(1 + exp(-|x|)) */
static socle_status binary_cross_entropy(socle_graph *graph, value_id logits, value_id *loss, value_id *gradient)
{
    const graph_type type = compose_type(graph, logits);
    const double count = (double)graph_type_count(&type);
    const value_id labels = labels_input(graph, &type);
    const value_id linear =
        compose_binary(graph, "Sub", compose_unary(graph, "Relu", logits), compose_binary(graph, "Mul", logits, labels));
    const value_id tail = compose_unary(graph, "Softplus", compose_unary(graph, "Neg", compose_unary(graph, "Abs", logits)));
    *loss = mean_of(graph, compose_binary(graph, "Add", linear, tail), count);
    const value_id difference = compose_binary(graph, "Sub", compose_unary(graph, "Sigmoid", logits), labels);
    *gradient = compose_scale(graph, difference, 1 / count);
    return SOCLE_OK;
}

socle_status training_loss(socle_graph *graph, socle_loss kind, value_id output, value_id *loss, value_id *gradient)
{
    typedef socle_status (*loss_rule)(socle_graph *, value_id, value_id *, value_id *);
    static const loss_rule rules[] = {[SOCLE_LOSS_CROSS_ENTROPY] = cross_entropy,
                                      [SOCLE_LOSS_MSE] = mean_squared_error,
                                      [SOCLE_LOSS_BCE] = binary_cross_entropy};
    const graph_type type = compose_type(graph, output);
    if ((int)kind < 0 || (size_t)kind >= COUNT_OF(rules))
        return socle_fail(SOCLE_INVALID_ARGUMENT, "there is no loss number %d", (int)kind);
    if (!graph_type_known(&type) || !compose_is_float(type.dtype))
        return socle_fail(SOCLE_UNSUPPORTED, "output '%s' cannot be trained: its shape must be known and its type floating point",
                          graph->output_names[0]);
    if (type.dtype == SOCLE_FLOAT16 || type.dtype == SOCLE_BFLOAT16)
        return socle_fail(SOCLE_UNSUPPORTED, "output '%s' cannot be trained as %s: cast it to float32", graph->output_names[0],
                          socle_dtype_name(type.dtype));
    socle_status status = rules[kind](graph, output, loss, gradient);
    return status == SOCLE_OK && (*loss == GRAPH_NONE || *gradient == GRAPH_NONE) ? socle_last_status() : status;
}
