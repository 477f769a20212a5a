/* Which nodes fuse, which are views, where results may be written in place, and that kernels are the same text each time. */
#include "codegen_case.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(codegen_groups, .timeout = 20);

#define INTS(c, ...) case_ints(c, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})

static node_id node_of(const codegen_case *c, value_id value)
{
    return c->graph->values[value].producer;
}

/* Takes the nodes one by one: how many joined the first. */
static int joined(const codegen_case *c)
{
    codegen_group group = {.graph = c->graph};
    int count = 1;
    cr_assert_eq(codegen_group_add(&group, 0), SOCLE_OK);
    for (int n = 1; n < c->graph->node_count; n++)
        if (codegen_can_join(&group, n)) {
            cr_assert_eq(codegen_group_add(&group, n), SOCLE_OK);
            count++;
        }
    codegen_group_free(&group);
    return count;
}

Test(codegen_groups, chain_with_reduction_and_tail_joins)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(20, 30)),
                   y = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(30));
    const value_id e = CASE_UNARY(&c, "Exp", CASE_BINARY(&c, "Sub", x, y));
    const value_id sum = CASE_BINARY(&c, "ReduceSum", e, INTS(&c, 1));
    case_output(&c, CASE_UNARY(&c, "Log", sum));
    cr_assert_eq(joined(&c), 4);
    case_finish(&c);
}

Test(codegen_groups, full_sized_use_of_a_reduction_stays_outside)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(20, 30));
    const value_id mean = CASE_BINARY(&c, "ReduceMean", x, INTS(&c, 1));
    case_output(&c, CASE_BINARY(&c, "Sub", x, mean));
    cr_assert_eq(joined(&c), 1);
    case_finish(&c);
}

Test(codegen_groups, producer_that_others_need_in_another_shape_stays_outside)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(20, 30));
    const value_id e = CASE_UNARY(&c, "Exp", x);
    case_output(&c, CASE_BINARY(&c, "ReduceSum", e, INTS(&c, 1)));
    case_output(&c, e);
    cr_assert_eq(joined(&c), 1);
    case_finish(&c);
}

Test(codegen_groups, broadcast_chains_are_not_computed_over_and_over)
{
    codegen_case c;
    case_start(&c);
    value_id v = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(1, 30));
    const value_id x = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(2000, 30));
    for (int i = 0; i < 12; i++)
        v = CASE_UNARY(&c, "Exp", v);
    case_output(&c, CASE_BINARY(&c, "Mul", x, v));
    cr_assert_eq(joined(&c), 12);
    case_finish(&c);
}

Test(codegen_groups, arguments_are_bounded)
{
    codegen_case c;
    case_start(&c);
    value_id sum = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(8));
    for (int i = 0; i < 40; i++)
        sum = CASE_BINARY(&c, "Add", sum, case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(8)));
    case_output(&c, sum);
    cr_assert_lt(joined(&c), 24);
    cr_assert_gt(joined(&c), 15);
    case_finish(&c);
}

Test(codegen_groups, views_move_nothing)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(4, 1, 6));
    const value_id perm = case_node(&c, "Transpose", 1, &x, 1, &ATTRIBUTE_INTS("perm", ((const int64_t[]){1, 0, 2}), 3));
    const value_id turned = case_node(&c, "Transpose", 1, &x, 1, &ATTRIBUTE_INTS("perm", ((const int64_t[]){2, 1, 0}), 3));
    const value_id same = case_node(&c, "Cast", 1, &x, 1, &ATTRIBUTE_INT("to", 1));
    const value_id other = case_node(&c, "Cast", 1, &x, 1, &ATTRIBUTE_INT("to", 10));
    const value_id all = case_node(&c, "Slice", 3, (const value_id[]){x, INTS(&c, 0), INTS(&c, 4)}, 0, NULL);
    const value_id backwards =
        case_node(&c, "Slice", 5, (const value_id[]){x, INTS(&c, -1), INTS(&c, -9), INTS(&c, 0), INTS(&c, -1)}, 0, NULL);
    cr_assert(codegen_is_view(c.graph, node_of(&c, CASE_BINARY(&c, "Reshape", x, INTS(&c, 24)))));
    cr_assert(codegen_is_view(c.graph, node_of(&c, perm)));
    cr_assert_not(codegen_is_view(c.graph, node_of(&c, turned)));
    cr_assert(codegen_is_view(c.graph, node_of(&c, same)));
    cr_assert_not(codegen_is_view(c.graph, node_of(&c, other)));
    cr_assert(codegen_is_view(c.graph, node_of(&c, all)));
    cr_assert_not(codegen_is_view(c.graph, node_of(&c, backwards)));
    cr_assert_not(codegen_is_view(c.graph, node_of(&c, CASE_UNARY(&c, "Relu", x))));
    case_finish(&c);
}

Test(codegen_groups, in_place_only_where_each_element_is_read_where_it_is_written)
{
    codegen_case c;
    case_start(&c);
    const value_id w = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(6, 6)),
                   g = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(6, 6));
    const value_id row = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(6));
    const value_id turned = case_node(&c, "Transpose", 1, &g, 0, NULL);
    const value_id sum = CASE_BINARY(&c, "Add", CASE_BINARY(&c, "Mul", w, row), turned);
    codegen_group group = {.graph = c.graph};
    case_output(&c, sum);
    for (int n = 0; n < c.graph->node_count; n++)
        cr_assert_eq(codegen_group_add(&group, n), SOCLE_OK);
    cr_assert(codegen_in_place_ok(&group, w, sum));
    cr_assert_not(codegen_in_place_ok(&group, g, sum));
    cr_assert_not(codegen_in_place_ok(&group, row, sum));
    codegen_group_free(&group);
    case_finish(&c);
}

Test(codegen_groups, same_network_under_other_names_is_the_same_text)
{
    char *kernels[2];
    for (int i = 0; i < 2; i++) {
        codegen_case c;
        case_start(&c);
        if (i == 1) /* other value numbers as well */
            case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(2));
        const value_id x = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(20, 30)),
                       y = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(30));
        case_output(&c, CASE_UNARY(&c, "Relu", CASE_BINARY(&c, "Add", x, y)));
        kernels[i] = case_kernel(&c, SOCLE_DEVICE_CPU, 16);
        case_finish(&c);
    }
    cr_assert_str_eq(kernels[0], kernels[1]);
    memory_free(kernels[0]);
    memory_free(kernels[1]);
}

Test(codegen_groups, cpus_get_vectors_and_gpus_one_element_each)
{
    codegen_case c;
    case_start(&c);
    case_output(&c, CASE_UNARY(&c, "Relu", case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(1000))));
    char *cpu = case_kernel(&c, SOCLE_DEVICE_CPU, 8), *gpu = case_kernel(&c, SOCLE_DEVICE_GPU, 1);
    cr_assert_not_null(strstr(cpu, "vload8"));
    cr_assert_not_null(strstr(cpu, "__kernel void fused("));
    cr_assert_null(strstr(gpu, "vload"));
    cr_assert_null(strstr(gpu, "double"));
    memory_free(cpu);
    memory_free(gpu);
    case_finish(&c);
}

Test(codegen_groups, tensors_beyond_31_bits_are_indexed_with_long)
{
    codegen_case c;
    const graph_type large = {SOCLE_UINT8, 2, {70000, 70000}};
    case_start(&c);
    const value_id x = graph_add_input(c.graph, NULL, &large);
    case_output(&c, CASE_BINARY(&c, "Add", x, x));
    char *kernel = case_kernel(&c, SOCLE_DEVICE_CPU, 16);
    cr_assert_not_null(strstr(kernel, "const long "));
    cr_assert_null(strstr(kernel, "const int tile"));
    memory_free(kernel);
    case_finish(&c);
}

Test(codegen_groups, epilogue_takes_what_fits_a_layout_and_no_more)
{
    codegen_case c;
    case_start(&c);
    const value_id y = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(2, 8, 5, 5));
    const value_id bias = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(8, 1, 1)),
                   row = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(5));
    epilogue e = {.input = y, .output = y};
    const value_id biased = CASE_BINARY(&c, "Add", y, bias), active = CASE_UNARY(&c, "Relu", biased);
    const value_id rows = CASE_BINARY(&c, "Mul", active, row), other = CASE_BINARY(&c, "Add", bias, bias);
    cr_assert(codegen_epilogue_add(c.graph, &e, node_of(&c, biased), 1));
    cr_assert(codegen_epilogue_add(c.graph, &e, node_of(&c, active), 1));
    cr_assert_not(codegen_epilogue_add(c.graph, &e, node_of(&c, rows), 1));
    cr_assert_not(codegen_epilogue_add(c.graph, &e, node_of(&c, other), 1));
    cr_assert_eq(e.node_count, 2);
    cr_assert_eq(e.operand_count, 1);
    cr_assert_eq(e.layouts[0], EPILOGUE_CHANNEL);
    cr_assert_eq(e.output, active);
    case_finish(&c);
}

Test(codegen_groups, empty_epilogue_has_no_text)
{
    char *prelude = NULL;
    const epilogue e = {0};
    codegen_case c;
    case_start(&c);
    cr_assert_eq(codegen_epilogue_text(c.graph, &e, false, &prelude), SOCLE_OK);
    cr_assert_str_eq(prelude, "");
    memory_free(prelude);
    case_finish(&c);
}

static int same_operand(value_id value, void *user)
{
    (void)user;
    return value;
}

Test(codegen_groups, every_failing_allocation_is_reported_and_leaves_nothing)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, 0, 1, CASE_DIMS(20, 30));
    case_output(&c, CASE_BINARY(&c, "ReduceSum", CASE_UNARY(&c, "Exp", x), INTS(&c, 0)));
    const socle_device device = {.capabilities = {.type = SOCLE_DEVICE_CPU, .compute_units = 4, .vector_width_float = 16}};
    bool done = false;
    for (int64_t nth = 0; !done && nth < 10000; nth++) {
        const int64_t live = memory_live_count();
        codegen_group group = {.graph = c.graph};
        step_list steps = {0};
        memory_fail_after(nth);
        socle_status status = codegen_group_add(&group, 0);
        status = status == SOCLE_OK ? codegen_group_add(&group, 1) : status;
        status = status == SOCLE_OK ? codegen_group_finish(&group) : status;
        status = status == SOCLE_OK ? codegen_emit(&group, &device, same_operand, NULL, &steps) : status;
        memory_fail_after(-1);
        cr_assert(status == SOCLE_OK || status == SOCLE_OUT_OF_MEMORY, "allocation %d: %d", (int)nth, (int)status);
        done = status == SOCLE_OK;
        step_list_finish(&steps);
        codegen_group_free(&group);
        cr_assert_eq(memory_live_count(), live, "allocation %d leaked", (int)nth);
    }
    cr_assert(done);
    case_finish(&c);
}
