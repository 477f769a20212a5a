/* Lowering of SoftmaxCrossEntropyLoss and NegativeLogLikelihoodLoss. The label's score is picked by comparison with every class
 * and a sum rather than by a gather: comparison, choice and sum fuse with what stands around them, forward and backward. */
#include "lower.h"
#include "operators.h"

#include <string.h>

typedef struct loss {
    lowering l;
    value_id scores;  /* log-probabilities [N, C, ...] */
    value_id weights; /* per class, GRAPH_NONE: 1 */
    value_id chosen;  /* bool [N, C, ...]: the label's class, nowhere where the label is ignored */
    int rank;
} loss;

/* 0, 1, ... C - 1 as [C, 1, ...] of the labels' type. */
static value_id classes(const loss *s, int64_t count, socle_dtype dtype)
{
    const graph_type type = {dtype, 1, {count}};
    int64_t *numbers = memory_alloc_array((size_t)count, sizeof(*numbers));
    void *elements = memory_alloc_array((size_t)count, socle_dtype_size_bytes(dtype));
    value_id value = GRAPH_NONE;
    if (numbers != NULL && elements != NULL) {
        for (int64_t i = 0; i < count; i++)
            numbers[i] = i;
        elements_write_integer(dtype, elements, 0, count, numbers);
        value = graph_add_constant(s->l.graph, NULL, &type, elements, true);
    }
    memory_free(elements);
    memory_free(numbers);
    return lower_per_channel(&s->l, value, s->rank);
}

static value_id choose(const loss *s, int64_t class_count)
{
    socle_graph *graph = s->l.graph;
    const value_id labels = lower_input(&s->l, 1);
    const socle_dtype dtype = lower_type(&s->l, labels)->dtype;
    const value_id axis = graph_constant_ints(graph, (const int64_t[]){1}, 1);
    const value_id column = graph_binary(graph, "Unsqueeze", labels, axis);
    value_id chosen = graph_binary(graph, "Equal", column, classes(s, class_count, dtype));
    const graph_attribute *ignored = node_attribute(&graph->nodes[s->l.node], "ignore_index");
    if (ignored == NULL || chosen == GRAPH_NONE)
        return chosen;
    const value_id mark = graph_constant_scalar(graph, dtype, (double)ignored->i);
    return graph_binary(graph, "And", chosen, graph_unary(graph, "Not", graph_binary(graph, "Equal", column, mark)));
}

/* Sum over the classes of `value` where chosen. */
static value_id pick(const loss *s, value_id value)
{
    const value_id operands[] = {s->chosen, value, lower_scalar(&s->l, s->scores, 0)};
    const value_id picked = graph_add(s->l.graph, "", "Where", operands, 3, NULL, 0, 1);
    return lower_reduce(&s->l, "ReduceSum", picked, (const int64_t[]){1}, 1, false);
}

static value_id sum_all(const loss *s, value_id value)
{
    const socle_attribute attributes[] = {ATTRIBUTE_INT("keepdims", 0)};
    return graph_add(s->l.graph, "", "ReduceSum", &value, 1, attributes, 1, 1);
}

static value_id reduce(const loss *s, value_id losses)
{
    socle_graph *graph = s->l.graph;
    const char *reduction = node_string(&graph->nodes[s->l.node], "reduction", "mean");
    const bool ignores = node_attribute(&graph->nodes[s->l.node], "ignore_index") != NULL;
    if (strcmp(reduction, "none") == 0)
        return losses;
    if (strcmp(reduction, "sum") == 0)
        return sum_all(s, losses);
    if (s->weights == GRAPH_NONE && !ignores) {
        const socle_attribute attributes[] = {ATTRIBUTE_INT("keepdims", 0)};
        return graph_add(graph, "", "ReduceMean", &losses, 1, attributes, 1, 1);
    }
    /* mean over the weights of the labels that count */
    const value_id one = lower_scalar(&s->l, s->scores, 1);
    const value_id each = s->weights != GRAPH_NONE ? lower_per_channel(&s->l, s->weights, s->rank) : one;
    return graph_binary(graph, "Div", sum_all(s, losses), sum_all(s, pick(s, each)));
}

socle_status lower_cross_entropy(socle_graph *graph, node_id node)
{
    loss s = {.l = lower_start(graph, node)};
    const value_id x = lower_input(&s.l, 0);
    const graph_type type = *lower_type(&s.l, x);
    const bool softmax = strcmp(graph->nodes[node].op->name, "SoftmaxCrossEntropyLoss") == 0;
    if (type.rank < 2 || type.dims[1] < 0)
        return SOCLE_OK;
    s.rank = type.rank;
    s.weights = lower_input(&s.l, 2);
    s.scores = x;
    if (softmax) {
        const socle_attribute attributes[] = {ATTRIBUTE_INT("axis", 1)};
        s.scores = graph_add(graph, "", "LogSoftmax", &x, 1, attributes, 1, 1);
    }
    s.chosen = s.scores == GRAPH_NONE ? GRAPH_NONE : choose(&s, type.dims[1]);
    if (s.chosen == GRAPH_NONE)
        return lower_failed(&s.l);
    value_id weighted = s.scores;
    if (s.weights != GRAPH_NONE)
        weighted = graph_binary(graph, "Mul", s.scores, lower_per_channel(&s.l, s.weights, s.rank));
    const value_id result = reduce(&s, graph_unary(graph, "Neg", pick(&s, weighted)));
    if (result == GRAPH_NONE)
        return lower_failed(&s.l);
    lower_output(graph, node, 1, s.scores, s.l.first_new);
    return lower_done(&s.l, result);
}
