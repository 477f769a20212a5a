/* A host's own operator as a problem: its source runs with the shapes as macros. */
#include "../support/solver_case.h"

#include <criterion/criterion.h>

static socle_status infer_row_sums(const socle_shape *inputs, socle_shape *outputs, void *user)
{
    (void)user;
    outputs[0] = (socle_shape){inputs[0].dtype, 1, {inputs[0].dims[0]}};
    return SOCLE_OK;
}

static const char *const source = "__kernel void row_sums(__global const float *x, __global const float *w, __global float *y)\n"
                                  "{\n"
                                  "    const size_t row = get_global_id(0);\n"
                                  "    float sum = 0;\n"
                                  "    for (int i = 0; i < IN0_DIM1; i++)\n"
                                  "        sum += x[row * IN0_DIM1 + i] * w[i % IN1_COUNT];\n"
                                  "    if (row < OUT0_DIM0)\n"
                                  "        y[row] = sum;\n"
                                  "}\n";

static void reference_row_sums(const problem *p, double *const *values)
{
    const graph_node *node = &p->graph->nodes[p->node];
    const graph_type *x = &p->graph->values[node->inputs[0]].type, *w = &p->graph->values[node->inputs[1]].type;
    for (int64_t row = 0; row < x->dims[0]; row++) {
        values[2][row] = 0;
        for (int64_t i = 0; i < x->dims[1]; i++)
            values[2][row] += values[0][row * x->dims[1] + i] * values[1][i % w->dims[0]];
    }
}

Test(custom, a_hosts_operator_sees_its_shapes_and_runs_once_per_element)
{
    socle_graph *graph = NULL;
    problem p;
    value_id operands[PROBLEM_MAX_OPERANDS];
    socle_value x, w, y;
    int count = 0;
    socle_custom_operator op = SOCLE_CUSTOM_OPERATOR_INIT;
    op.name = "RowSums";
    op.domain = "test";
    op.input_count = 2;
    op.output_count = 1;
    op.source = source;
    op.kernel = "row_sums";
    op.infer = infer_row_sums;
    cr_assert_eq(socle_operator_register(solver_case_context(), &op), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_graph_create(solver_case_context(), "test", &graph), SOCLE_OK);
    cr_assert_eq(socle_graph_input(graph, "x", SOCLE_FLOAT32, 2, (int64_t[]){7, 11}, NULL, &x), SOCLE_OK);
    cr_assert_eq(socle_graph_input(graph, "w", SOCLE_FLOAT32, 1, (int64_t[]){3}, NULL, &w), SOCLE_OK);
    cr_assert_eq(socle_graph_node(graph, "RowSums", "test", "", (socle_value[]){x, w}, 2, NULL, 0, &y, 1), SOCLE_OK, "%s",
                 socle_error_message());
    cr_assert_eq(problem_from_node(graph, graph->values[y].producer, NULL, true, &p, operands, &count), SOCLE_OK, "%s",
                 socle_error_message());
    cr_assert_eq(count, 3);
    const solver_case c = {.p = &p, .reference = reference_row_sums, .seed = 1};
    solver_case_check(&c);
    cr_assert_gt(solver_case_runs(), 0);
    socle_graph_destroy(graph);
}
