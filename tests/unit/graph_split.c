/* Reductions in two stages: the same values, and only where there are too few results. */
#include "../support/graph_case.h"
#include "../support/evaluate.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static int count_reductions(const socle_graph *graph)
{
    int count = 0;
    for (int n = 0; n < graph->node_count; n++)
        count += graph->nodes[n].op != NULL && graph->nodes[n].op->kind == OPERATOR_REDUCTION;
    return count;
}

/* The reduction of a tensor of these dims along axes (bits), split for `groups`: how many reductions there are then. */
static int check(const char *op, int rank, const int64_t *dims, unsigned reduced, bool keep, int64_t groups)
{
    socle_graph *graph = NULL;
    graph_type type = {SOCLE_FLOAT32, rank, {0}};
    int64_t axes[SOCLE_MAX_RANK], count = 1;
    int axis_count = 0;
    for (int i = 0; i < rank; i++) {
        type.dims[i] = dims[i];
        count *= dims[i];
        if (reduced >> i & 1)
            axes[axis_count++] = i - rank;
    }
    cr_assert_eq(socle_graph_create(NULL, "split", &graph), SOCLE_OK);
    const value_id x = graph_add_input(graph, "x", &type);
    const value_id inputs[] = {x, graph_constant_ints(graph, axes, axis_count)};
    const socle_attribute attributes[] = {ATTRIBUTE_INT("keepdims", keep)};
    const value_id y = graph_add(graph, "", op, inputs, 2, attributes, 1, 1);
    cr_assert_eq(graph_add_output(graph, y, "y"), SOCLE_OK);
    const graph_type before = graph->values[y].type;
    double *elements = malloc((size_t)count * sizeof(*elements));
    for (int64_t i = 0; i < count; i++)
        elements[i] = 1 + (double)(i * 7919 % 1000) / 1e6;
    evaluation whole, parts;
    evaluation_start(&whole, graph);
    evaluation_set(&whole, x, elements);
    cr_assert(evaluation_run(&whole), "%s", whole.error);
    const double *expected = evaluation_get(&whole, y);
    cr_assert_eq(graph_split_reductions(graph, groups), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(graph_validate(graph), SOCLE_OK, "%s", socle_error_message());
    const value_id now = graph->outputs[0];
    cr_assert_eq(graph->values[now].type.rank, before.rank);
    for (int i = 0; i < before.rank; i++)
        cr_assert_eq(graph->values[now].type.dims[i], before.dims[i]);
    evaluation_start(&parts, graph);
    evaluation_set(&parts, x, elements);
    cr_assert(evaluation_run(&parts), "%s", parts.error);
    for (int64_t i = 0; i < graph_type_count(&before); i++)
        cr_assert_float_eq(evaluation_get(&parts, now)[i], expected[i], 1e-9 * fabs(expected[i]), "%s [%lld]: %g, not %g", op,
                           (long long)i, evaluation_get(&parts, now)[i], expected[i]);
    const int reductions = count_reductions(graph);
    evaluation_finish(&whole);
    evaluation_finish(&parts);
    free(elements);
    socle_graph_destroy(graph);
    return reductions;
}

Test(graph_split, reductions_to_few_elements_take_two_stages_and_keep_their_values)
{
    static const char *const ops[] = {"ReduceSum", "ReduceMean", "ReduceMax",    "ReduceMin",      "ReduceProd",
                                      "ReduceL1",  "ReduceL2",   "ReduceLogSum", "ReduceSumSquare"};
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        cr_assert_eq(check(ops[i], 2, (int64_t[]){300, 256}, 3, i & 1, 8), 2, "%s", ops[i]);
        cr_assert_eq(check(ops[i], 3, (int64_t[]){40, 3, 1000}, 5, i & 1, 8), 2, "%s", ops[i]);
    }
}

Test(graph_split, reductions_with_enough_results_stay_whole)
{
    cr_assert_eq(check("ReduceSum", 2, (int64_t[]){300, 256}, 2, true, 8), 1);
    cr_assert_eq(check("ReduceSum", 2, (int64_t[]){30, 25}, 3, true, 8), 1, "few elements");
    cr_assert_eq(check("ReduceSum", 1, (int64_t[]){65537}, 1, true, 8), 1, "a prime cannot be cut into equal parts");
}
