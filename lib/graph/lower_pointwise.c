/* Lowering of pointwise operators: variadic ones to chains of two operands, Clip without a bound, Pow by small numbers, CastLike,
 * Gelu's two forms. */
#include "lower.h"
#include "operators.h"

#include <string.h>

/* Sum and Mean by Add, Max and Min by themselves. */
socle_status lower_variadic(socle_graph *graph, node_id node)
{
    const char *name = graph->nodes[node].op->name;
    const bool mean = strcmp(name, "Mean") == 0, sum = mean || strcmp(name, "Sum") == 0;
    const int count = graph->nodes[node].input_count;
    const lowering l = lower_start(graph, node);
    if (!sum && count == 2)
        return SOCLE_OK;
    value_id total = lower_input(&l, 0);
    for (int i = 1; i < count && total != GRAPH_NONE; i++)
        total = graph_binary(graph, sum ? "Add" : name, total, lower_input(&l, i));
    if (mean && total != GRAPH_NONE && count > 1)
        total = graph_binary(graph, "Div", total, lower_scalar(&l, total, count));
    return lower_done(&l, total);
}

socle_status lower_clip(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id x = lower_input(&l, 0), low = lower_input(&l, 1), high = lower_input(&l, 2);
    if (low != GRAPH_NONE && high != GRAPH_NONE)
        return SOCLE_OK;
    if (low == GRAPH_NONE && high == GRAPH_NONE)
        return lower_done(&l, x);
    return lower_done(&l, low != GRAPH_NONE ? graph_binary(graph, "Max", x, low) : graph_binary(graph, "Min", x, high));
}

/* Exponents that need no pow. */
static value_id small_power(const lowering *l, value_id x, double exponent)
{
    if (exponent == 1)
        return x;
    if (exponent == 2)
        return graph_binary(l->graph, "Mul", x, x);
    if (exponent == 3)
        return graph_binary(l->graph, "Mul", graph_binary(l->graph, "Mul", x, x), x);
    if (!dtype_is_float(lower_type(l, x)->dtype))
        return GRAPH_NONE;
    if (exponent == -1)
        return graph_unary(l->graph, "Reciprocal", x);
    return exponent == 0.5 ? graph_unary(l->graph, "Sqrt", x) : GRAPH_NONE;
}

static bool is_small_power(const lowering *l, value_id x, value_id exponent, double *number)
{
    const bool real = dtype_is_float(lower_type(l, x)->dtype);
    if (l->graph->values[exponent].trainable || lower_type(l, exponent)->rank > lower_type(l, x)->rank ||
        !graph_constant_float(l->graph, exponent, number))
        return false;
    return *number == 1 || *number == 2 || *number == 3 || (real && (*number == -1 || *number == 0.5));
}

/* Base and exponent of one floating point type; integer powers go through float32. */
socle_status lower_pow(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id x = lower_input(&l, 0), exponent = lower_input(&l, 1);
    const socle_dtype dtype = lower_type(&l, x)->dtype, other = lower_type(&l, exponent)->dtype;
    double number;
    if (lower_type(&l, x)->rank >= 0 && is_small_power(&l, x, exponent, &number))
        return lower_done(&l, small_power(&l, x, number));
    if (dtype_is_float(dtype) && other == dtype)
        return SOCLE_OK;
    const socle_dtype compute = dtype_is_float(dtype) ? dtype : SOCLE_FLOAT32;
    const value_id power = graph_binary(graph, "Pow", lower_cast(&l, x, compute), lower_cast(&l, exponent, compute));
    return lower_done(&l, lower_cast(&l, power, dtype));
}

socle_status lower_cast_like(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    return lower_done(&l, lower_cast(&l, lower_input(&l, 0), lower_type(&l, lower_input(&l, 1))->dtype));
}

socle_status lower_identity(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    return lower_done(&l, lower_input(&l, 0));
}

socle_status lower_gelu(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const char *approximate = node_string(&graph->nodes[node], "approximate", "none");
    const bool tanh_form = strcmp(approximate, "tanh") == 0;
    const value_id x = lower_input(&l, 0);
    if (!tanh_form && strcmp(approximate, "none") != 0)
        return socle_fail(SOCLE_UNSUPPORTED, "%s: unknown approximation '%s'", graph_node_label(graph, node), approximate);
    return lower_done(&l, graph_add(graph, "socle", tanh_form ? "GeluTanh" : "GeluErf", &x, 1, NULL, 0, 1));
}

/* In inference dropout does nothing; a mask that somebody asks for is all true. */
socle_status lower_dropout(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id x = lower_input(&l, 0);
    if (graph->nodes[node].output_count > 1) {
        const graph_type *type = lower_type(&l, x);
        if (!graph_type_known(type))
            return SOCLE_OK;
        const value_id shape = graph_constant_ints(graph, type->dims, type->rank);
        const value_id mask = graph_binary(graph, "Expand", graph_constant_scalar(graph, SOCLE_BOOL, 1), shape);
        if (mask == GRAPH_NONE)
            return lower_failed(&l);
        lower_output(graph, node, 1, mask, l.first_new);
    }
    return lower_done(&l, x);
}
