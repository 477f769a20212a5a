/* Growing text, and hashes of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

Test(text, grows_by_strings_and_formats)
{
    text t = {0};
    char expected[5001] = "";
    for (int i = 0; i < 1000; i++) {
        text_add(&t, "ab");
        text_addf(&t, "%03d", i);
        snprintf(expected + 5 * i, 6, "ab%03d", i);
    }
    cr_assert_eq(t.length, 5000);
    cr_assert_str_eq(t.data, expected);
    text_finish(&t);
    cr_assert_null(t.data);
    cr_assert_eq(memory_live_count(), 0);
}

Test(text, hands_its_string_over)
{
    text t = {0};
    text_add(&t, "whole");
    char *taken = text_take(&t);
    cr_assert_str_eq(taken, "whole");
    cr_assert_null(t.data);
    memory_free(taken);
}

Test(text, taken_empty_is_an_empty_string)
{
    text t = {0};
    char *taken = text_take(&t);
    cr_assert_str_eq(taken, "");
    memory_free(taken);
}

Test(text, that_ran_out_of_memory_is_found_when_taken)
{
    for (int n = 0; n < 2; n++) {
        text t = {0};
        memory_fail_after(n);
        for (int i = 0; i < 100; i++)
            text_addf(&t, "line %d\n", i);
        cr_assert(t.failed);
        cr_assert_null(text_take(&t));
        cr_assert_not_null(strstr(socle_error_message(), "out of host memory"));
        cr_assert_eq(memory_live_count(), 0);
    }
}

Test(text, json_strings_are_escaped)
{
    static const struct {
        const char *plain, *json;
    } cases[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"line\nand\ttab", "\"line\\nand\\ttab\""},
        {"\x01\x1f", "\"\\u0001\\u001f\""},
        {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        text t = {0};
        text_add_json(&t, cases[i].plain);
        cr_assert_str_eq(t.data, cases[i].json);
        text_finish(&t);
    }
}

Test(hash, is_xxh3_of_128_bits)
{
    char digits[33];
    hash_text(hash_bytes("", 0), digits); /* the reference implementation's value for no input and seed 0 */
    cr_assert_str_eq(digits, "99aa06d3014798d86001c324468d497f");
}

Test(hash, of_a_string_is_that_of_its_bytes)
{
    cr_assert(hash_equal(hash_string("gemm"), hash_bytes("gemm", 4)));
    cr_assert_not(hash_equal(hash_string("gemm"), hash_string("gemn")));
}

Test(hash, combined_depends_on_the_order)
{
    const hash128 a = hash_string("a"), b = hash_string("b");
    cr_assert(hash_equal(hash_combine(a, b), hash_combine(a, b)));
    cr_assert_not(hash_equal(hash_combine(a, b), hash_combine(b, a)));
    cr_assert_not(hash_equal(hash_combine(a, b), a));
}
