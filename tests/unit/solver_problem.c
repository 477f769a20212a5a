/* From nodes to problems: extents, operands and names. */
#include "../../lib/solver/solver.h"

#include <criterion/criterion.h>
#include <string.h>

#define DIMS(...)                                                                                                                \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[])                                                       \
    {                                                                                                                            \
        __VA_ARGS__                                                                                                              \
    }

static socle_graph *new_graph(void)
{
    socle_graph *graph = NULL;
    cr_assert_eq(socle_graph_create(NULL, "test", &graph), SOCLE_OK, "%s", socle_error_message());
    return graph;
}

static value_id input(socle_graph *graph, const char *name, socle_dtype dtype, int rank, const int64_t *dims)
{
    graph_type type = {.dtype = dtype, .rank = rank};
    for (int i = 0; i < rank; i++)
        type.dims[i] = dims[i];
    return graph_add_input(graph, name, &type);
}

/* The problem of the only node, which is then gone with its graph; its text and number of operands are checked. */
static void expect(socle_graph *graph, const char *text, int operand_count)
{
    problem p;
    value_id operands[PROBLEM_MAX_OPERANDS + EPILOGUE_MAX_OPERANDS];
    char got[256];
    int count = 0;
    cr_assert_eq(graph->node_count, 1, "%s", socle_error_message());
    cr_assert_eq(problem_from_node(graph, 0, NULL, true, &p, operands, &count), SOCLE_OK, "%s", socle_error_message());
    problem_text(&p, got, sizeof(got));
    cr_assert_str_eq(got, text);
    cr_assert_eq(count, operand_count);
    for (int i = 0; i < count; i++) {
        problem_operand described[PROBLEM_MAX_OPERANDS + EPILOGUE_MAX_OPERANDS];
        int data_count;
        problem_operands(&p, described, &data_count);
        cr_assert_eq(data_count, count);
        cr_assert(operands[i] == GRAPH_NONE || described[i].count == graph_type_count(&graph->values[operands[i]].type),
                  "operand %d of '%s'", i, got);
    }
    cr_assert_gt(problem_bytes(&p), 0);
    socle_graph_destroy(graph);
}

Test(solver_problem, gemm_with_a_constant_right_side_may_be_packed)
{
    socle_graph *graph = new_graph();
    const float weights[12] = {0};
    const graph_type type = {.dtype = SOCLE_FLOAT32, .rank = 2, .dims = {4, 3}};
    const value_id x = input(graph, "x", SOCLE_FLOAT32, DIMS(5, 3)), w = graph_add_constant(graph, "w", &type, weights, true);
    graph_add(graph, "", "Gemm", (value_id[]){x, w}, 2,
              (socle_attribute[]){ATTRIBUTE_INT("transB", 1), ATTRIBUTE_FLOAT("alpha", 0.5)}, 2, 1);
    expect(graph, "gemm 5x4x3 nt alpha0.5 const f32", 3);
}

Test(solver_problem, softmax_takes_its_axis_from_the_end)
{
    socle_graph *graph = new_graph();
    const value_id x = input(graph, "x", SOCLE_FLOAT16, DIMS(2, 3, 5));
    graph_add(graph, "", "LogSoftmax", &x, 1, (socle_attribute[]){ATTRIBUTE_INT("axis", -2)}, 1, 1);
    expect(graph, "log_softmax 2x3x5 f16", 2);
}

Test(solver_problem, layer_normalization_may_lack_its_bias_and_statistics)
{
    socle_graph *graph = new_graph();
    const value_id x = input(graph, "x", SOCLE_FLOAT32, DIMS(2, 3, 5)), scale = input(graph, "s", SOCLE_FLOAT32, DIMS(3, 5));
    graph_add(graph, "", "LayerNormalization", (value_id[]){x, scale}, 2, (socle_attribute[]){ATTRIBUTE_INT("axis", 1)}, 1, 1);
    expect(graph, "norm 2x15 scale 1x1 scale f32", 3);
}

Test(solver_problem, layer_normalization_with_statistics_has_three_results)
{
    socle_graph *graph = new_graph();
    const value_id x = input(graph, "x", SOCLE_FLOAT32, DIMS(4, 6)), scale = input(graph, "s", SOCLE_FLOAT32, DIMS(6));
    const value_id bias = input(graph, "b", SOCLE_FLOAT32, DIMS(6));
    graph_add(graph, "", "LayerNormalization", (value_id[]){x, scale, bias}, 3, NULL, 0, 3);
    expect(graph, "norm 4x6 scale 1x1 scale bias statistics f32", 6);
}

Test(solver_problem, instance_normalization_scales_each_channel)
{
    socle_graph *graph = new_graph();
    const value_id x = input(graph, "x", SOCLE_FLOAT32, DIMS(2, 3, 4, 5));
    const value_id scale = input(graph, "s", SOCLE_FLOAT32, DIMS(3)), bias = input(graph, "b", SOCLE_FLOAT32, DIMS(3));
    graph_add(graph, "", "InstanceNormalization", (value_id[]){x, scale, bias}, 3, NULL, 0, 1);
    expect(graph, "norm 6x20 scale 3x20 scale bias f32", 4);
}

Test(solver_problem, group_normalization_scales_each_channel_of_its_groups)
{
    socle_graph *graph = new_graph();
    const value_id x = input(graph, "x", SOCLE_FLOAT32, DIMS(2, 6, 4, 5));
    const value_id scale = input(graph, "s", SOCLE_FLOAT32, DIMS(6)), bias = input(graph, "b", SOCLE_FLOAT32, DIMS(6));
    graph_add(graph, "", "GroupNormalization", (value_id[]){x, scale, bias}, 3,
              (socle_attribute[]){ATTRIBUTE_INT("num_groups", 2)}, 1, 1);
    expect(graph, "norm 4x60 scale 2x20 scale bias f32", 4);
}

Test(solver_problem, gather_moves_rows_of_what_is_inside_its_axis)
{
    socle_graph *graph = new_graph();
    const value_id x = input(graph, "x", SOCLE_FLOAT32, DIMS(2, 7, 3)), i = input(graph, "i", SOCLE_INT32, DIMS(4, 5));
    graph_add(graph, "", "Gather", (value_id[]){x, i}, 2, (socle_attribute[]){ATTRIBUTE_INT("axis", 1)}, 1, 1);
    expect(graph, "gather 2x7x3@20 i32 f32", 3);
}

Test(solver_problem, scatter_elements_has_its_reduction)
{
    socle_graph *graph = new_graph();
    const value_id x = input(graph, "x", SOCLE_FLOAT32, DIMS(4, 5)), i = input(graph, "i", SOCLE_INT64, DIMS(2, 3));
    const value_id updates = input(graph, "u", SOCLE_FLOAT32, DIMS(2, 3));
    graph_add(graph, "", "ScatterElements", (value_id[]){x, i, updates}, 3,
              (socle_attribute[]){ATTRIBUTE_INT("axis", 1), ATTRIBUTE_STRING("reduction", "mul")}, 2, 1);
    expect(graph, "scatter elements 4x5@2x3 axis1 i64 mul f32", 4);
}

Test(solver_problem, arg_min_may_want_the_last)
{
    socle_graph *graph = new_graph();
    const value_id x = input(graph, "x", SOCLE_FLOAT32, DIMS(4, 5, 6));
    graph_add(graph, "", "ArgMin", &x, 1, (socle_attribute[]){ATTRIBUTE_INT("axis", -1), ATTRIBUTE_INT("select_last_index", 1)},
              2, 1);
    expect(graph, "arg_min 20x6x1 last f32", 2);
}

Test(solver_problem, convolution_and_pooling_have_their_geometry)
{
    socle_graph *graph = new_graph();
    const int64_t two[] = {2, 2}, ones[] = {1, 1, 1, 1};
    value_id x = input(graph, "x", SOCLE_FLOAT32, DIMS(1, 4, 8, 8));
    const value_id w = input(graph, "w", SOCLE_FLOAT32, DIMS(6, 2, 3, 3));
    graph_add(graph, "", "Conv", (value_id[]){x, w}, 2,
              (socle_attribute[]){ATTRIBUTE_INT("group", 2), ATTRIBUTE_INTS("strides", two, 2), ATTRIBUTE_INTS("pads", ones, 4)},
              3, 1);
    expect(graph, "conv 1x4x8x8,6x3x3 s2x2 d1x1 p1x1:1x1 o4x4 g2 f32", 3);
    graph = new_graph();
    x = input(graph, "x", SOCLE_FLOAT32, DIMS(1, 4, 8, 8));
    graph_add(graph, "", "MaxPool", &x, 1,
              (socle_attribute[]){ATTRIBUTE_INTS("kernel_shape", two, 2), ATTRIBUTE_INTS("strides", two, 2)}, 2, 1);
    problem p;
    value_id operands[PROBLEM_MAX_OPERANDS];
    int count;
    cr_assert_eq(problem_from_node(graph, 0, NULL, false, &p, operands, &count), SOCLE_OK, "%s", socle_error_message());
    cr_assert(p.kind == PROBLEM_POOL && p.pool.maximum && !p.pool.indices && p.pool.g.output[0] == 4);
    socle_graph_destroy(graph);
}

Test(solver_problem, a_long_text_ends_with_its_hash)
{
    char short_text[64], other[64];
    problem p = {.kind = PROBLEM_GEMM, .dtype = SOCLE_FLOAT32, .gemm = {.m = 1, .n = 2, .k = 3, .alpha = 1, .batch_rank = 6}};
    for (int i = 0; i < 6; i++)
        p.gemm.batch[i] = p.gemm.stride_a[i] = p.gemm.stride_b[i] = 1000000 + i;
    problem_text(&p, short_text, sizeof(short_text));
    p.gemm.batch[5]++;
    problem_text(&p, other, sizeof(other));
    cr_assert_eq(strlen(short_text), sizeof(short_text) - 1);
    cr_assert_str_neq(short_text, other);
}

Test(solver_problem, every_solver_of_the_table_is_found_by_its_name)
{
    for (int i = 0; i < solver_count; i++) {
        const solver *s = solver_table[i];
        cr_assert_eq(solver_find(s->name), s, "%s stands twice in the table", s->name);
        cr_assert(s->applicable != NULL && s->candidates != NULL && s->emit != NULL, "%s", s->name);
        cr_assert((s->prepared_bytes != NULL) == (s->prepare != NULL), "%s", s->name);
    }
    cr_assert_null(solver_find("gemm/none"));
}
