/* Gradients of movement, gathering and scattering against finite differences. */
#include "../support/check_gradient.h"

#include <criterion/criterion.h>

/* A node whose further inputs are constants of int64. */
static void check_moved(const char *op, const int64_t (*lists)[8], const int *counts, int list_count,
                        const socle_attribute *attributes, int attribute_count)
{
    gradient_check c;
    check_start(&c);
    value_id inputs[8] = {check_input(&c, -1, 1, DIMS(2, 3, 4))};
    for (int i = 0; i < list_count; i++)
        inputs[i + 1] = counts[i] < 0 ? GRAPH_NONE : graph_constant_ints(c.graph, lists[i], counts[i]);
    check_gradients(&c, graph_add(c.graph, "", op, inputs, 1 + list_count, attributes, attribute_count, 1));
    check_finish(&c);
}

Test(gradient_movement, of_changes_of_shape)
{
    check_moved("Reshape", (const int64_t[][8]){{4, -1}}, (int[]){2}, 1, NULL, 0);
    check_moved("Unsqueeze", (const int64_t[][8]){{0, 2}}, (int[]){2}, 1, NULL, 0);
    const socle_attribute axis = ATTRIBUTE_INT("axis", 2);
    check_moved("Flatten", NULL, NULL, 0, &axis, 1);
    check_moved("Identity", NULL, NULL, 0, NULL, 0);
}

Test(gradient_movement, of_squeeze)
{
    gradient_check c;
    check_start(&c);
    const value_id x = check_input(&c, -1, 1, DIMS(2, 1, 3, 1));
    check_gradients(&c, graph_unary(c.graph, "Squeeze", x));
    check_finish(&c);
}

Test(gradient_movement, of_transpose)
{
    const int64_t perm[] = {2, 0, 1};
    const socle_attribute attribute = ATTRIBUTE_INTS("perm", perm, 3);
    check_moved("Transpose", NULL, NULL, 0, &attribute, 1);
    check_moved("Transpose", NULL, NULL, 0, NULL, 0);
}

Test(gradient_movement, of_slices_with_any_step)
{
    check_moved("Slice", (const int64_t[][8]){{1}, {3}, {2}}, (int[]){1, 1, 1}, 3, NULL, 0);
    check_moved("Slice", (const int64_t[][8]){{0, 1}, {2, 100}}, (int[]){2, 2}, 2, NULL, 0);
    check_moved("Slice", (const int64_t[][8]){{0}, {4}, {2}, {2}}, (int[]){1, 1, 1, 1}, 4, NULL, 0);
    check_moved("Slice", (const int64_t[][8]){{1}, {4}, {-1}, {2}}, (int[]){1, 1, 1, 1}, 4, NULL, 0);
    check_moved("Slice", (const int64_t[][8]){{1}, {4}, {-1}, {3}}, (int[]){1, 1, 1, 1}, 4, NULL, 0);
    check_moved("Slice", (const int64_t[][8]){{-1}, {-100}, {2}, {-1}}, (int[]){1, 1, 1, 1}, 4, NULL, 0);
    check_moved("Slice", (const int64_t[][8]){{2, -1}, {-100, 0}, {2, 1}, {-2, -2}}, (int[]){2, 2, 2, 2}, 4, NULL, 0);
}

Test(gradient_movement, of_pads_in_every_mode)
{
    const char *const modes[] = {"constant", "edge", "reflect", "wrap"};
    for (int i = 0; i < 4; i++) {
        const socle_attribute mode = ATTRIBUTE_STRING("mode", modes[i]);
        check_moved("Pad", (const int64_t[][8]){{0, 1, 2, 0, 2, 1}}, (int[]){6}, 1, &mode, 1);
    }
    const socle_attribute constant = ATTRIBUTE_STRING("mode", "constant");
    check_moved("Pad", (const int64_t[][8]){{0, -1, 2, 1, 2, -1}}, (int[]){6}, 1, &constant, 1);
    check_moved("Pad", (const int64_t[][8]){{1, 2}, {0}, {2}}, (int[]){2, -1, 1}, 3, &constant, 1);
}

Test(gradient_movement, of_repetition_is_the_sum)
{
    check_moved("Tile", (const int64_t[][8]){{2, 1, 3}}, (int[]){3}, 1, NULL, 0);
    check_moved("Expand", (const int64_t[][8]){{2, 2, 3, 4}}, (int[]){4}, 1, NULL, 0);
    gradient_check c;
    check_start(&c);
    const int64_t shape[] = {2, 3, 4};
    const value_id x = check_input(&c, -1, 1, DIMS(3, 1));
    check_gradients(&c, graph_binary(c.graph, "Expand", x, graph_constant_ints(c.graph, shape, 3)));
    check_finish(&c);
}

Test(gradient_movement, of_concat_and_of_split)
{
    gradient_check c;
    check_start(&c);
    const socle_attribute axis = ATTRIBUTE_INT("axis", -2);
    const int64_t sizes[] = {2, 1, 3};
    const value_id parts[] = {check_input(&c, -1, 1, DIMS(2, 1, 3)), check_input(&c, -1, 1, DIMS(2, 3, 3)),
                              check_input(&c, -1, 1, DIMS(2, 2, 3))};
    const value_id whole = graph_add(c.graph, "", "Concat", parts, 3, &axis, 1, 1);
    const value_id inputs[] = {whole, graph_constant_ints(c.graph, sizes, 3)};
    const value_id first = graph_add(c.graph, "", "Split", inputs, 2, &axis, 1, 3);
    cr_assert(first != GRAPH_NONE, "%s", socle_error_message());
    const value_id last = c.graph->nodes[c.graph->values[first].producer].outputs[2]; /* the middle one is not used */
    const value_id sum = graph_add(c.graph, "", "Concat", (value_id[]){graph_unary(c.graph, "Exp", first), last}, 2, &axis, 1, 1);
    check_gradients(&c, sum);
    check_finish(&c);
}

Test(gradient_movement, of_depth_to_space_and_back_and_of_triangles)
{
    const socle_attribute crd[] = {ATTRIBUTE_INT("blocksize", 2), ATTRIBUTE_STRING("mode", "CRD")};
    for (int i = 0; i < 3; i++) {
        gradient_check c;
        check_start(&c);
        const value_id x = check_input(&c, -1, 1, DIMS(1, 4, 2, 4));
        check_gradients(&c, graph_add(c.graph, "", i < 2 ? "DepthToSpace" : "SpaceToDepth", &x, 1, crd, i == 1 ? 2 : 1, 1));
        check_finish(&c);
    }
    const socle_attribute lower = ATTRIBUTE_INT("upper", 0);
    check_moved("Trilu", NULL, NULL, 0, &lower, 1);
    check_moved("Trilu", NULL, NULL, 0, NULL, 0);
}

/* ---- indices ---- */

Test(gradient_movement, of_gather_adds_up_what_was_taken_twice)
{
    for (int64_t axis = 0; axis < 3; axis++) {
        gradient_check c;
        check_start(&c);
        const int64_t indices[] = {1, 0, 1, -1};
        const socle_attribute attribute = ATTRIBUTE_INT("axis", axis);
        const value_id inputs[] = {check_input(&c, -1, 1, DIMS(2, 3, 4)), check_ints(&c, indices, DIMS(2, 2))};
        check_gradients(&c, graph_add(c.graph, "", "Gather", inputs, 2, &attribute, 1, 1));
        check_finish(&c);
    }
}

Test(gradient_movement, of_gather_twice)
{
    gradient_check c;
    check_start(&c);
    const int64_t indices[] = {1, 0, 1};
    const value_id x = check_input(&c, -1, 1, DIMS(2, 2)), inputs[] = {x, check_ints(&c, indices, DIMS(3))};
    const value_id y = graph_add(c.graph, "", "Gather", inputs, 2, NULL, 0, 1);
    check_second_gradients(&c, graph_unary(c.graph, "Exp", y));
    check_finish(&c);
}

Test(gradient_movement, of_gather_elements)
{
    gradient_check c;
    check_start(&c);
    const int64_t indices[] = {0, 2, 1, 1, -1, 0};
    const socle_attribute axis = ATTRIBUTE_INT("axis", 1);
    const value_id inputs[] = {check_input(&c, -1, 1, DIMS(2, 3)), check_ints(&c, indices, DIMS(2, 3))};
    const value_id y = graph_add(c.graph, "", "GatherElements", inputs, 2, &axis, 1, 1);
    check_second_gradients(&c, graph_unary(c.graph, "Sin", y));
    check_finish(&c);
}

Test(gradient_movement, of_scatter_elements_with_every_reduction)
{
    const char *const reductions[] = {"none", "add", "mul", "max", "min"};
    for (int i = 0; i < 5; i++) {
        gradient_check c;
        check_start(&c);
        const int64_t indices[] = {0, 2, 1, 0}; /* no element twice: the order of ties is not defined */
        const socle_attribute attributes[] = {ATTRIBUTE_INT("axis", 1), ATTRIBUTE_STRING("reduction", reductions[i])};
        const value_id inputs[] = {check_input(&c, 0.2, 1, DIMS(2, 3)), check_ints(&c, indices, DIMS(2, 2)),
                                   check_input(&c, 0.2, 1, DIMS(2, 2))};
        check_gradients(&c, graph_add(c.graph, "", "ScatterElements", inputs, 3, attributes, 2, 1));
        check_finish(&c);
    }
}
