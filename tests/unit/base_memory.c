/* Allocation: zeroed, aligned, counted, and failing where a test asks for it. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/base.h"

static bool all_zero(const unsigned char *bytes, size_t size_bytes)
{
    return size_bytes == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size_bytes - 1) == 0);
}

Test(memory, is_zeroed_and_aligned_at_every_size)
{
    static const size_t sizes[] = {1, 63, 64, 4097, 1 << 20, (8 << 20) - 1, 8 << 20, (8 << 20) + 12345, 33 << 20};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        for (int round = 0; round < 3; round++) { /* later rounds get memory that was used before */
            unsigned char *bytes = memory_alloc(sizes[i]);
            cr_assert_not_null(bytes);
            cr_assert_eq((uintptr_t)bytes % 64, 0);
            cr_assert(all_zero(bytes, sizes[i]), "%zu bytes", sizes[i]);
            memset(bytes, 0xa5, sizes[i]);
            memory_free(bytes);
        }
    }
}

Test(memory, of_size_zero_is_unique)
{
    void *a = memory_alloc(0), *b = memory_alloc(0);
    cr_assert_not_null(a);
    cr_assert_not_null(b);
    cr_assert_neq(a, b);
    memory_free(a);
    memory_free(b);
    memory_free(NULL);
}

Test(memory, too_large_a_size_says_how_many_bytes)
{
    cr_assert_null(memory_alloc((size_t)1 << 62));
    cr_assert_not_null(strstr(socle_error_message(), "4611686018427387904 bytes"));
}

Test(memory, an_array_whose_product_overflows_fails)
{
    cr_assert_null(memory_alloc_array(SIZE_MAX / 2, 3));
    cr_assert_not_null(strstr(socle_error_message(), "out of host memory"));
}

Test(memory, resize_keeps_the_old_and_zeroes_the_new)
{
    unsigned char *bytes = memory_alloc(100);
    memset(bytes, 7, 100);
    bytes = memory_resize(bytes, 100, 300);
    cr_assert_not_null(bytes);
    for (int i = 0; i < 300; i++)
        cr_assert_eq(bytes[i], i < 100 ? 7 : 0);
    bytes = memory_resize(bytes, 300, 50);
    for (int i = 0; i < 50; i++)
        cr_assert_eq(bytes[i], 7);
    memory_free(bytes);
    cr_assert_eq(memory_live_count(), 0);
}

Test(memory, resize_of_nothing_allocates)
{
    unsigned char *bytes = memory_resize(NULL, 0, 10);
    cr_assert(all_zero(bytes, 10));
    memory_free(bytes);
}

Test(memory, a_failed_resize_leaves_the_old_pointer)
{
    int *numbers = memory_alloc_array(4, sizeof(*numbers));
    numbers[3] = 5;
    memory_fail_after(0);
    cr_assert_null(memory_resize(numbers, 4 * sizeof(*numbers), 8 * sizeof(*numbers)));
    cr_assert_eq(numbers[3], 5);
    memory_free(numbers);
}

Test(memory, fails_once_at_the_chosen_allocation)
{
    memory_fail_after(2);
    void *first = memory_alloc(1), *second = memory_copy_string("b"), *third = memory_format("%d", 3), *fourth = memory_alloc(4);
    cr_assert_not_null(first);
    cr_assert_not_null(second);
    cr_assert_null(third);
    cr_assert_not_null(fourth);
    memory_free(first);
    memory_free(second);
    memory_free(fourth);
    memory_fail_after(0);
    memory_fail_after(-1);
    first = memory_alloc(1);
    cr_assert_not_null(first);
    memory_free(first);
}

Test(memory, counts_what_lives)
{
    cr_assert_eq(memory_live_count(), 0);
    void *a = memory_alloc(8);
    char *b = memory_copy_string("text");
    cr_assert_eq(memory_live_count(), 2);
    memory_free(a);
    memory_free(b);
    cr_assert_eq(memory_live_count(), 0);
}

Test(memory, copies_and_formats_strings)
{
    cr_assert_null(memory_copy_string(NULL));
    char *copy = memory_copy_string("pocl/pthread-0");
    char *line = memory_format("%s of %d", copy, 3);
    cr_assert_str_eq(line, "pocl/pthread-0 of 3");
    memory_free(line);
    memory_free(copy);
}

Test(array, grows_as_items_come)
{
    int64_t *items = NULL;
    int count = 0, capacity = 0;
    for (int i = 0; i < 1000; i++) {
        cr_assert(ARRAY_RESERVE(items, count, capacity));
        items[count++] = i;
    }
    for (int i = 0; i < count; i++)
        cr_assert_eq(items[i], i);
    memory_free(items);
}

Test(array, keeps_its_items_when_memory_is_out)
{
    int *items = NULL;
    int count = 0, capacity = 0;
    cr_assert(ARRAY_RESERVE(items, count, capacity));
    items[0] = 42;
    count = capacity;
    memory_fail_after(0);
    cr_assert_not(ARRAY_RESERVE(items, count, capacity));
    cr_assert_eq(items[0], 42);
    cr_assert_eq(capacity, count);
    cr_assert_not(array_grow((void **)&items, &capacity, (size_t)INT32_MAX + 1, sizeof(*items)));
    memory_free(items);
}
