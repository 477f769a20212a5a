/* Gradients of CumSum, TopK and attention against finite differences. */
#include "../support/check_gradient.h"

#include <criterion/criterion.h>
#include <math.h>

Test(gradient_order, of_cumulative_sums_along_any_axis_in_all_four_forms)
{
    for (int i = 0; i < 8; i++) {
        gradient_check c;
        check_start(&c);
        const value_id inputs[] = {check_input(&c, -1, 1, DIMS(2, 3, 4)),
                                   graph_constant_scalar(c.graph, SOCLE_INT64, i / 4 == 0 ? 1 : -1)};
        const socle_attribute attributes[] = {ATTRIBUTE_INT("exclusive", i & 1), ATTRIBUTE_INT("reverse", (i & 2) != 0)};
        check_gradients(&c, graph_add(c.graph, "", "CumSum", inputs, 2, attributes, 2, 1));
        check_finish(&c);
    }
}

Test(gradient_order, of_the_largest_and_the_smallest_elements)
{
    for (int i = 0; i < 4; i++) {
        gradient_check c;
        check_start(&c);
        const value_id inputs[] = {check_input(&c, -1, 1, DIMS(3, 5)),
                                   graph_constant_ints(c.graph, &(int64_t){i < 2 ? 2 : 3}, 1)};
        const socle_attribute attributes[] = {ATTRIBUTE_INT("largest", i & 1), ATTRIBUTE_INT("axis", i < 2 ? -1 : 0)};
        check_gradients(&c, graph_add(c.graph, "", "TopK", inputs, 2, attributes, 2, 2));
        check_finish(&c);
    }
}

/* ---- attention ---- */

enum { CAUSAL = 1, CAP = 2, ADDED = 4, CLOSED = 8 };

static void check_attention_by(int flags, int64_t kv_heads, bool rows, void (*check)(gradient_check *, value_id), int output)
{
    gradient_check c;
    check_start(&c);
    float closed[] = {1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 1}; /* to the second query nothing is open */
    const int64_t heads = 2, size = 2;
    value_id inputs[4];
    for (int i = 0; i < 3; i++) {
        const int64_t own = i == 0 ? heads : kv_heads, length = i == 0 ? 3 : 4;
        inputs[i] =
            rows ? check_input(&c, -1, 1, DIMS(2, length, own * size)) : check_input(&c, -1, 1, DIMS(2, own, length, size));
    }
    const bool masks = flags & (ADDED | CLOSED);
    if (flags & ADDED)
        inputs[3] = check_input(&c, -1, 1, DIMS(2, 1, 3, 4));
    else if (flags & CLOSED)
        inputs[3] = graph_binary(c.graph, "Greater", check_floats(&c, closed, DIMS(3, 4)),
                                 graph_constant_scalar(c.graph, SOCLE_FLOAT32, 0.5));
    const socle_attribute attributes[] = {
        ATTRIBUTE_INT("q_num_heads", rows ? heads : 0),    ATTRIBUTE_INT("kv_num_heads", rows ? kv_heads : 0),
        ATTRIBUTE_INT("is_causal", flags & CAUSAL),        ATTRIBUTE_FLOAT("scale", 0.7),
        ATTRIBUTE_FLOAT("softcap", flags & CAP ? 1.5 : 0), ATTRIBUTE_INT("offset", flags & CAUSAL ? 1 : 0)};
    const value_id y = graph_add(c.graph, "socle", "ScaledAttention", inputs, masks ? 4 : 3, attributes, 6, output + 1);
    check(&c, output == 0 ? y : c.graph->nodes[c.graph->values[y].producer].outputs[output]);
    check_finish(&c);
}

static void check_attention(int flags, int64_t kv_heads, bool rows)
{
    check_attention_by(flags, kv_heads, rows, check_gradients, 0);
}

Test(gradient_order, of_attention_with_and_without_causal_order_and_a_cap)
{
    for (int flags = 0; flags < 4; flags++)
        check_attention(flags, 2, flags & 1);
}

Test(gradient_order, of_attention_whose_heads_share_keys)
{
    check_attention(0, 1, false);
    check_attention(CAUSAL, 1, true);
}

Test(gradient_order, of_attention_twice)
{
    check_attention_by(CAP, 1, false, check_second_gradients, 0);
    check_attention_by(CLOSED | CAUSAL, 2, true, check_second_gradients, 0);
}

Test(gradient_order, of_the_logarithms_of_sums_of_attention)
{
    check_attention_by(CAUSAL, 2, false, check_gradients, 1);
    check_attention_by(ADDED, 1, false, check_gradients, 1);
}

Test(gradient_order, of_attention_with_masks_that_close_and_that_are_added)
{
    check_attention(ADDED, 2, false);
    check_attention(CLOSED, 2, false);
    check_attention(CLOSED | CAUSAL, 1, true);
}
