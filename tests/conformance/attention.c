/* Attention and its gradient by every solver on every device against the float64 reference. */
#include "../support/reference_solver.h"
#include "../support/solver_case.h"

#include <criterion/criterion.h>

enum { ROWS = 1, CAUSAL = 2, CAP = 4 }; /* ROWS: heads within a row */

static void dense(int64_t *stride, int64_t heads, int64_t length, int64_t size, bool rows)
{
    stride[0] = heads * length * size;
    stride[1] = rows ? size : length * size;
    stride[2] = rows ? heads * size : size;
}

static attention_problem describe(int64_t heads, int64_t kv_heads, int64_t queries, int64_t keys, int64_t size, int flags)
{
    attention_problem a = {.batch = 2,
                           .heads = heads,
                           .kv_heads = kv_heads,
                           .queries = queries,
                           .keys = keys,
                           .head = size,
                           .value = size,
                           .causal = flags & CAUSAL,
                           .scale = 0.5f,
                           .softcap = flags & CAP ? 2.0f : 0,
                           .mask = SOCLE_NONE};
    dense(a.stride_q, heads, queries, size, flags & ROWS);
    dense(a.stride_y, heads, queries, size, flags & ROWS);
    dense(a.stride_k, kv_heads, keys, size, flags & ROWS);
    dense(a.stride_v, kv_heads, keys, size, flags & ROWS);
    return a;
}

static void check_grad(attention_problem a, socle_dtype dtype, uint64_t seed)
{
    const problem p = {.kind = PROBLEM_ATTENTION_GRAD, .dtype = dtype, .attention = a};
    const solver_case c = {.p = &p, .reference = reference_attention_grad, .seed = seed};
    solver_case_check(&c);
}

static void check_forward(attention_problem a, bool log_sums, socle_dtype dtype, uint64_t seed)
{
    a.log_sums = log_sums;
    const problem p = {.kind = PROBLEM_ATTENTION, .dtype = dtype, .attention = a};
    const solver_case c = {.p = &p, .reference = reference_attention, .seed = seed};
    solver_case_check(&c);
}

static void check(attention_problem a, socle_dtype dtype, uint64_t seed)
{
    check_forward(a, false, dtype, seed);
}

/* which: of batch, head and query, those that the mask differs along; keys always. */
static void add_mask(attention_problem *a, socle_dtype dtype, bool batch, bool head, bool query)
{
    int64_t stride = a->keys;
    a->mask = dtype;
    a->stride_mask[3] = 1;
    a->stride_mask[2] = query ? stride : 0;
    stride *= query ? a->queries : 1;
    a->stride_mask[1] = head ? stride : 0;
    stride *= head ? a->heads : 1;
    a->stride_mask[0] = batch ? stride : 0;
    a->mask_count = stride * (batch ? a->batch : 1);
}

Test(attention, lengths_and_sizes_match_the_reference)
{
    static const int64_t lengths[][2] = {{1, 1}, {7, 31}, {8, 32}, {20, 70}, {3, 300}};
    for (size_t i = 0; i < COUNT_OF(lengths); i++)
        check(describe(2, 2, lengths[i][0], lengths[i][1], 16, 0), SOCLE_FLOAT32, 10 + i);
    check(describe(1, 1, 9, 40, 5, 0), SOCLE_FLOAT32, 20);
    check(describe(1, 1, 9, 40, 40, 0), SOCLE_FLOAT32, 21);
}

Test(attention, heads_share_keys_and_lie_within_rows)
{
    check(describe(4, 2, 9, 33, 16, 0), SOCLE_FLOAT32, 30);
    check(describe(6, 2, 9, 33, 16, ROWS), SOCLE_FLOAT32, 31);
    check(describe(3, 1, 9, 33, 16, ROWS | CAUSAL), SOCLE_FLOAT32, 32);
}

Test(attention, values_of_another_size_than_keys_match_the_reference)
{
    attention_problem a = describe(2, 2, 10, 35, 16, 0);
    a.value = 24;
    dense(a.stride_v, 2, 35, 24, false);
    dense(a.stride_y, 2, 10, 24, false);
    check(a, SOCLE_FLOAT32, 35);
}

Test(attention, causal_with_an_offset_of_either_sign_matches_the_reference)
{
    static const int64_t offsets[] = {0, 5, -3};
    for (size_t i = 0; i < COUNT_OF(offsets); i++) {
        attention_problem a = describe(2, 2, 37, 42, 16, CAUSAL);
        a.offset = offsets[i];
        check(a, SOCLE_FLOAT32, 40 + i);
    }
}

Test(attention, masks_close_keys_or_are_added)
{
    for (int i = 0; i < 8; i++) {
        attention_problem a = describe(2, 1, 11, 45, 16, i & 1 ? CAUSAL : 0);
        add_mask(&a, i & 4 ? SOCLE_BOOL : SOCLE_FLOAT32, i & 1, i & 2, i != 4);
        check(a, SOCLE_FLOAT32, 50u + (uint64_t)i);
    }
}

Test(attention, a_query_that_no_key_is_open_to_gives_zeros)
{
    attention_problem a = describe(1, 1, 6, 1, 16, 0); /* one key, open or not */
    add_mask(&a, SOCLE_BOOL, true, true, true);
    check(a, SOCLE_FLOAT32, 60);
}

Test(attention, scores_can_be_capped)
{
    check(describe(2, 2, 9, 40, 16, CAP), SOCLE_FLOAT32, 70);
}

Test(attention, other_types_match_the_reference)
{
    static const socle_dtype types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT64};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        attention_problem a = describe(2, 1, 9, 40, 16, CAUSAL);
        add_mask(&a, i == 1 ? SOCLE_BOOL : types[i], false, false, true);
        check(a, types[i], 80 + i);
    }
}

Test(attention, infinities_and_nans_reach_the_queries_that_see_them)
{
    const attention_problem a = describe(2, 2, 9, 40, 16, 0);
    const problem p = {.kind = PROBLEM_ATTENTION, .dtype = SOCLE_FLOAT32, .attention = a};
    const solver_case c = {.p = &p, .reference = reference_attention, .seed = 90, .specials = 1};
    solver_case_check(&c);
}

Test(attention, no_queries_run_nothing)
{
    check(describe(2, 2, 0, 4, 16, 0), SOCLE_FLOAT32, 100);
}

Test(attention, logarithms_of_sums_match_the_reference)
{
    attention_problem a = describe(2, 1, 11, 45, 16, CAUSAL);
    a.offset = -3; /* nothing is open to the first queries */
    check_forward(a, true, SOCLE_FLOAT32, 110);
    check_forward(describe(2, 2, 9, 70, 16, 0), true, SOCLE_FLOAT32, 111);
}

/* ---- gradients: few forms, for each is compiled by itself; lengths and strides cost nothing ---- */

Test(attention, gradients_of_any_length_match_the_reference)
{
    static const int64_t lengths[][2] = {{1, 1}, {7, 31}, {8, 32}, {20, 70}, {130, 200}};
    for (size_t i = 0; i < COUNT_OF(lengths); i++)
        check_grad(describe(2, 2, lengths[i][0], lengths[i][1], 16, i % 2 ? ROWS : 0), SOCLE_FLOAT32, 120 + i);
    check_grad(describe(6, 2, 9, 33, 16, ROWS), SOCLE_FLOAT32, 126);
    check_grad(describe(4, 1, 70, 65, 16, 0), SOCLE_FLOAT32, 127);
}

Test(attention, gradients_of_odd_sizes_match_the_reference)
{
    attention_problem a = describe(2, 2, 10, 35, 20, 0);
    a.value = 24;
    dense(a.stride_v, 2, 35, 24, false);
    dense(a.stride_y, 2, 10, 24, false);
    check_grad(a, SOCLE_FLOAT32, 130);
    check_grad(describe(1, 1, 5, 90, 200, 0), SOCLE_FLOAT32, 131); /* only smaller blocks fit */
}

Test(attention, gradients_in_causal_order_match_the_reference)
{
    static const int64_t offsets[] = {0, 5, -3, -70};
    for (size_t i = 0; i < COUNT_OF(offsets); i++) {
        attention_problem a = describe(2, 1, 137, 142, 16, CAUSAL);
        a.offset = offsets[i];
        check_grad(a, SOCLE_FLOAT32, 140 + i);
    }
}

Test(attention, gradients_below_masks_and_caps_match_the_reference)
{
    for (int i = 0; i < 4; i++) {
        attention_problem a = describe(2, 1, 11, 45, 16, i & 1 ? CAUSAL : CAP);
        add_mask(&a, i & 1 ? SOCLE_BOOL : SOCLE_FLOAT32, i & 2, i & 2, i != 0);
        check_grad(a, SOCLE_FLOAT32, 150u + (uint64_t)i);
    }
}

Test(attention, gradients_of_other_types_match_the_reference)
{
    static const socle_dtype types[] = {SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_FLOAT64};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        check_grad(describe(2, 1, 9, 40, 16, 0), types[i], 160 + i);
}
