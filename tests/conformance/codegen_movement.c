/* Generated kernels of movement operators, alone and in chains with others, on every device. */
#include "codegen_case.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(codegen_movement, .timeout = 300);

#define INTS(c, ...) case_ints(c, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})

static value_id transpose(codegen_case *c, value_id x, int rank, const int64_t *perm)
{
    return case_node(c, "Transpose", 1, &x, 1, &ATTRIBUTE_INTS("perm", perm, (size_t)rank));
}

static value_id concat(codegen_case *c, int count, const value_id *parts, int axis)
{
    return case_node(c, "Concat", count, parts, 1, &ATTRIBUTE_INT("axis", axis));
}

static value_id pad(codegen_case *c, value_id x, value_id pads, const char *mode)
{
    return case_node(c, "Pad", 2, (const value_id[]){x, pads}, 1, &ATTRIBUTE_STRING("mode", mode));
}

Test(codegen_movement, transposes_of_all_orders)
{
    codegen_case c;
    for (int order = 0; order < 24; order++) {
        int64_t perm[4], left[] = {0, 1, 2, 3};
        for (int i = 0, o = order; i < 4; i++) {
            const int at = o % (4 - i);
            o /= 4 - i;
            perm[i] = left[at];
            for (int k = at; k < 3; k++)
                left[k] = left[k + 1];
        }
        if (order % 4 == 0)
            case_start(&c);
        const value_id x = order % 4 == 0 ? case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(3, 17, 5, 20)) : c.graph->inputs[0];
        case_output(&c, transpose(&c, x, 4, perm));
        if (order % 4 == 3) {
            case_check(&c);
            case_finish(&c);
        }
    }
}

Test(codegen_movement, large_transpose_with_activation)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(515, 1030));
    case_output(&c, CASE_UNARY(&c, "Relu", transpose(&c, CASE_UNARY(&c, "Neg", x), 2, (const int64_t[]){1, 0})));
    case_check(&c);
    cr_assert_eq(c.steps, 1);
    case_finish(&c);
}

static value_id swap_last(codegen_case *c, value_id x)
{
    return transpose(c, x, 3, (const int64_t[]){0, 2, 1});
}

/* Squares that fill the last two dimensions, that do not, and a dimension too short for one. */
Test(codegen_movement, transposes_by_squares)
{
    static const socle_dtype types[] = {SOCLE_FLOAT32, SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT64, SOCLE_INT8, SOCLE_INT64};
    static const int64_t extents[][3] = {{2, 16, 48}, {2, 49, 32}, {3, 20, 17}, {1, 33, 50}, {2, 15, 32}, {1, 8, 40}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        for (size_t k = 0; k < sizeof(extents) / sizeof(extents[0]); k++) {
            codegen_case c;
            case_start(&c);
            const int64_t *e = extents[k], turned[] = {e[0], e[2], e[1]};
            const value_id x = case_input(&c, types[i], -5, 5, 3, e), y = case_input(&c, types[i], -5, 5, 3, turned);
            case_output(&c, swap_last(&c, x));
            case_output(&c, CASE_BINARY(&c, "Add", swap_last(&c, x), y));
            case_check(&c);
            case_finish(&c);
        }
    }
}

/* Two squares, and too much between them and the result to be written out for each of their elements. */
Test(codegen_movement, squares_in_front_of_a_long_chain)
{
    static const int64_t extents[][3] = {{2, 32, 48}, {2, 50, 33}};
    for (size_t k = 0; k < sizeof(extents) / sizeof(extents[0]); k++) {
        codegen_case c;
        case_start(&c);
        const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, 3, extents[k]);
        const value_id y = case_input(&c, SOCLE_INT8, -5, 5, 3, extents[k]);
        value_id z = swap_last(&c, x);
        for (int i = 0; i < 3; i++)
            z = CASE_UNARY(&c, "Sin", CASE_BINARY(&c, "Mul", z, z));
        const value_id wide = case_node(&c, "Cast", 1, &y, 1, &ATTRIBUTE_INT("to", 1));
        case_output(&c, CASE_BINARY(&c, "Add", z, swap_last(&c, wide)));
        case_check(&c);
        cr_assert_eq(c.steps, 1);
        case_finish(&c);
    }
}

Test(codegen_movement, squares_are_as_large_as_vectors)
{
    static const struct {
        int64_t rows;
        int width;
        const char *square;
    } cases[] = {{16, 16, "TURN_SQUARE16("}, {8, 8, "TURN_SQUARE8("}, {15, 16, NULL}, {7, 8, NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        codegen_case c;
        case_start(&c);
        case_output(&c, swap_last(&c, case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(2, cases[i].rows, 64))));
        char *kernel = case_kernel(&c, SOCLE_DEVICE_CPU, cases[i].width);
        cr_assert_eq(strstr(kernel, cases[i].square != NULL ? cases[i].square : "TURN_SQUARE") != NULL, cases[i].square != NULL,
                     "%s", kernel);
        memory_free(kernel);
        case_finish(&c);
    }
}

Test(codegen_movement, slices_with_steps_forwards_and_backwards)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(9, 21, 40));
    const value_id first[] = {x, INTS(&c, 1, 2), INTS(&c, 8, 38), INTS(&c, 0, 2), INTS(&c, 2, 3)};
    const value_id second[] = {x, INTS(&c, -1, 1000), INTS(&c, -1000, -40), INTS(&c, 1, 2), INTS(&c, -2, -1)};
    const value_id third[] = {x, INTS(&c, 5), INTS(&c, 30), INTS(&c, -1)};
    case_output(&c, case_node(&c, "Slice", 5, first, 0, NULL));
    case_output(&c, case_node(&c, "Slice", 5, second, 0, NULL));
    case_output(&c, case_node(&c, "Slice", 4, third, 0, NULL));
    case_check(&c);
    case_finish(&c);
}

Test(codegen_movement, pads_in_every_mode_on_every_axis)
{
    static const char *const modes[] = {"constant", "edge", "reflect", "wrap"};
    static const int64_t pads[][6] = {
        {0, 0, 3, 0, 0, 2}, {1, 2, 0, 2, 1, 0}, {1, 1, 1, 1, 1, 1}, {0, 0, 17, 0, 0, 16}, {-1, 0, 2, 0, -1, -3}};
    for (size_t m = 0; m < COUNT_OF(modes); m++)
        for (size_t p = 0; p < COUNT_OF(pads); p++) {
            codegen_case c;
            case_start(&c);
            const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(4, 5, 19));
            case_output(&c, CASE_UNARY(&c, "Neg", pad(&c, x, case_ints(&c, 6, pads[p]), modes[m])));
            case_check(&c);
            case_finish(&c);
        }
}

Test(codegen_movement, pad_takes_its_fill_from_an_input_and_axes)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(4, 5, 19));
    const value_id fill = case_input(&c, SOCLE_FLOAT32, 5, 6, 0, (const int64_t[]){0});
    case_output(&c, case_node(&c, "Pad", 4, (const value_id[]){x, INTS(&c, 2, 1, 0, 3), fill, INTS(&c, -1, 0)}, 0, NULL));
    case_check(&c);
    case_finish(&c);
}

Test(codegen_movement, concat_on_every_axis_of_unequal_parts)
{
    for (int axis = 0; axis < 3; axis++) {
        codegen_case c;
        case_start(&c);
        value_id parts[4];
        for (int i = 0; i < 4; i++) {
            int64_t dims[] = {4, 3, 18};
            dims[axis] = i == 2 ? 0 : 1 + 7 * i;
            parts[i] = case_input(&c, SOCLE_FLOAT32, -2, 2, 3, dims);
        }
        case_output(&c, CASE_UNARY(&c, "Abs", concat(&c, 4, parts, axis)));
        case_check(&c);
        case_finish(&c);
    }
}

Test(codegen_movement, concat_of_more_inputs_than_a_kernel_takes)
{
    codegen_case c;
    case_start(&c);
    value_id parts[40];
    for (int i = 0; i < 40; i++)
        parts[i] = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(3, 1 + i % 5, 4));
    case_output(&c, concat(&c, 40, parts, 1));
    case_check(&c);
    cr_assert_eq(c.steps, 40);
    case_finish(&c);
}

Test(codegen_movement, split_into_equal_and_unequal_parts)
{
    static const int64_t sizes[][3] = {{8, 8, 8}, {1, 20, 3}, {0, 23, 1}};
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (int axis = 0; axis < 2; axis++) {
            codegen_case c;
            case_start(&c);
            const value_id x = axis == 0 ? case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(24, 5))
                                         : case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(5, 24, 3));
            const value_id inputs[] = {x, case_ints(&c, 3, sizes[i])};
            const value_id y = graph_add(c.graph, "", "Split", inputs, 2, &ATTRIBUTE_INT("axis", axis), 1, 3);
            for (int k = 0; k < 3; k++)
                case_output(&c, c.graph->nodes[c.graph->values[y].producer].outputs[k]);
            case_check(&c);
            case_finish(&c);
        }
}

Test(codegen_movement, expand_and_tile)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(3, 1, 10));
    case_output(&c, CASE_BINARY(&c, "Expand", x, INTS(&c, 2, 1, 6, 1)));
    case_output(&c, CASE_BINARY(&c, "Tile", x, INTS(&c, 2, 3, 1)));
    case_output(&c, CASE_BINARY(&c, "Tile", x, INTS(&c, 1, 1, 4)));
    case_check(&c);
    case_finish(&c);
}

Test(codegen_movement, depth_to_space_by_reshape_and_transpose_is_one_step)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(2, 12, 5, 18));
    const value_id apart = CASE_BINARY(&c, "Reshape", x, INTS(&c, 2, 2, 2, 3, 5, 18));
    const value_id turned = transpose(&c, apart, 6, (const int64_t[]){0, 3, 4, 1, 5, 2});
    case_output(&c, CASE_UNARY(&c, "Neg", CASE_BINARY(&c, "Reshape", turned, INTS(&c, 2, 3, 10, 36))));
    case_check(&c);
    cr_assert_eq(c.steps, 1);
    case_finish(&c);
}

Test(codegen_movement, reshape_between_shapes_that_do_not_nest)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(6, 35)),
                   y = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(10));
    const value_id turned = transpose(&c, x, 2, (const int64_t[]){1, 0});
    case_output(&c, CASE_BINARY(&c, "Add", CASE_BINARY(&c, "Reshape", turned, INTS(&c, 21, 10)), y));
    case_check(&c);
    case_finish(&c);
}

Test(codegen_movement, chain_of_pad_slice_concat_and_transpose)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(3, 8, 22)),
                   y = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(3, 4, 27));
    const value_id padded = pad(&c, CASE_UNARY(&c, "Relu", x), INTS(&c, 0, 1, 2, 0, 1, 3), "reflect");
    const value_id sliced =
        case_node(&c, "Slice", 5, (const value_id[]){padded, INTS(&c, 9), INTS(&c, -100), INTS(&c, 1), INTS(&c, -2)}, 0, NULL);
    const value_id joined = concat(&c, 2, (const value_id[]){sliced, CASE_UNARY(&c, "Neg", y)}, 1);
    case_output(&c, CASE_UNARY(&c, "Exp", transpose(&c, joined, 3, (const int64_t[]){2, 0, 1})));
    case_check(&c);
    cr_assert_eq(c.steps, 1);
    case_finish(&c);
}

/* ---- random chains ---- */

static uint32_t next(codegen_case *c, uint32_t below)
{
    c->random = c->random * 1664525u + 1013904223u;
    return (c->random >> 10) % below;
}

static value_id random_movement(codegen_case *c, value_id x)
{
    const graph_type t = c->graph->values[x].type;
    const int rank = t.rank, axis = (int)next(c, (uint32_t)rank);
    int64_t ints[2 * SOCLE_MAX_RANK] = {0};
    static const char *const modes[] = {"constant", "edge", "reflect", "wrap"};
    switch (next(c, 8)) {
    case 0:
        for (int i = 0; i < rank; i++)
            ints[i] = i;
        for (int i = rank - 1; i > 0; i--) {
            const int k = (int)next(c, (uint32_t)i + 1);
            const int64_t swapped = ints[i];
            ints[i] = ints[k];
            ints[k] = swapped;
        }
        return transpose(c, x, rank, ints);
    case 1:
        ints[axis] = next(c, 3);
        ints[rank + axis] = next(c, 3);
        return t.dims[axis] < 3 ? x : pad(c, x, case_ints(c, 2 * rank, ints), modes[next(c, 4)]);
    case 2: {
        const int64_t backwards = next(c, 2), step = 1 + next(c, 2);
        const value_id in[] = {x, INTS(c, backwards ? -1 : 1), INTS(c, backwards ? -1000 : 1000), INTS(c, axis),
                               INTS(c, backwards ? -step : step)};
        return t.dims[axis] < 2 ? x : case_node(c, "Slice", 5, in, 0, NULL);
    }
    case 3:
        return graph_type_count(&t) > 20000 ? x : concat(c, 2, (const value_id[]){x, CASE_UNARY(c, "Neg", x)}, axis);
    case 4:
        for (int i = 0; i < rank; i++)
            ints[i] = i == axis ? 2 : 1;
        return graph_type_count(&t) > 20000 ? x : CASE_BINARY(c, "Tile", x, case_ints(c, rank, ints));
    case 5: /* two neighbouring dimensions become one, and another is cut in two where it can be */
        if (rank < 3)
            return x;
        for (int i = 0, k = 0; i < rank; i++)
            if (i == 1)
                ints[k - 1] *= t.dims[i];
            else
                ints[k++] = t.dims[i];
        ints[rank - 1] = 1;
        for (int i = 0; i < rank - 1; i++)
            if (ints[i] % 2 == 0 && next(c, 2)) {
                ints[i] /= 2;
                ints[rank - 1] = 2;
                break;
            }
        return CASE_BINARY(c, "Reshape", x, case_ints(c, rank, ints));
    case 6: {
        int64_t dims[SOCLE_MAX_RANK];
        for (int i = 0; i < rank; i++)
            dims[i] = next(c, 2) ? t.dims[i] : 1;
        return CASE_BINARY(c, "Mul", x, case_input(c, SOCLE_FLOAT32, 0.5, 1.5, rank, dims));
    }
    default:
        return CASE_UNARY(c, "Sin", x);
    }
}

Test(codegen_movement, random_chains_equal_the_oracle)
{
    for (uint32_t seed = 1; seed <= 24; seed++) {
        codegen_case c;
        case_start(&c);
        c.random = seed * 7919;
        value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(2 + next(&c, 4), 3 + next(&c, 20), 4 + next(&c, 30)));
        for (int i = 0; i < 6; i++)
            x = random_movement(&c, x);
        case_output(&c, CASE_UNARY(&c, "Neg", x));
        c.tolerance = 2e-5;
        case_check(&c);
        case_finish(&c);
    }
}
