/* Buffers on every device: bytes arrive where they belong, nothing outside of a span is touched, and memory keeps to its budget.
 */
#include "device/device.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "on_devices.h"

TestSuite(buffers, .timeout = 120);

static socle_buffer *make(socle_device *device, size_t size_bytes)
{
    socle_buffer *buffer = NULL;
    cr_assert_eq(socle_buffer_create(device, size_bytes, &buffer), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_buffer_size_bytes(buffer), size_bytes);
    cr_assert_eq(socle_buffer_device(buffer), device);
    return buffer;
}

static void fill_bytes(uint8_t *bytes, size_t count, unsigned seed)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
}

static void check_round_trip(socle_device *device)
{
    enum { SIZE = 100003 };
    static uint8_t expected[SIZE], part[SIZE], got[SIZE];
    const struct {
        size_t offset, size;
    } parts[] = {{0, SIZE}, {0, 1}, {SIZE - 1, 1}, {17, 4096}, {4096, 333}, {1, SIZE - 2}, {5, 0}};
    socle_buffer *buffer = make(device, SIZE);
    fill_bytes(expected, SIZE, 1);
    cr_assert_eq(socle_buffer_write(socle_buffer_span(buffer), expected), SOCLE_OK);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const socle_span span = {buffer, parts[i].offset, parts[i].size};
        fill_bytes(part, parts[i].size, (unsigned)i + 2);
        cr_assert_eq(socle_buffer_write(span, part), SOCLE_OK, "%s", socle_error_message());
        memcpy(expected + parts[i].offset, part, parts[i].size);
        memset(got, 0, sizeof(got));
        cr_assert_eq(socle_buffer_read(span, got), SOCLE_OK, "%s", socle_error_message());
        cr_assert_eq(memcmp(got, part, parts[i].size), 0);
        cr_assert_eq(socle_buffer_read(socle_buffer_span(buffer), got), SOCLE_OK);
        cr_assert_eq(memcmp(got, expected, SIZE), 0, "part %zu on %s", i, device->info.id);
    }
    socle_buffer_destroy(buffer);
}

Test(buffers, written_bytes_are_read_back_and_others_stay)
{
    test_on_devices(check_round_trip);
}

static void check_async(socle_device *device)
{
    static uint8_t from[5000], to[5000];
    socle_buffer *buffer = make(device, sizeof(from));
    fill_bytes(from, sizeof(from), 3);
    cr_assert_eq(buffer_write_async(socle_buffer_span(buffer), from), SOCLE_OK);
    cr_assert_eq(buffer_read_async((socle_span){buffer, 100, 200}, to), SOCLE_OK);
    cr_assert_eq(socle_device_finish(device), SOCLE_OK);
    cr_assert_eq(memcmp(to, from + 100, 200), 0);
    socle_buffer_destroy(buffer);
}

Test(buffers, asynchronous_transfers_are_done_after_finish)
{
    test_on_devices(check_async);
}

static void check_empty(socle_device *device)
{
    socle_buffer *buffer = make(device, 0), *other = make(device, 0);
    const uint8_t zero = 0;
    cl_mem view = NULL;
    cr_assert_eq(socle_buffer_write(socle_buffer_span(buffer), NULL), SOCLE_OK);
    cr_assert_eq(socle_buffer_read(socle_buffer_span(buffer), NULL), SOCLE_OK);
    cr_assert_eq(socle_buffer_copy(socle_buffer_span(buffer), socle_buffer_span(other)), SOCLE_OK);
    cr_assert_eq(socle_buffer_fill(socle_buffer_span(buffer), &zero, 1), SOCLE_OK);
    cr_assert_eq(buffer_view(socle_buffer_span(buffer), &view), SOCLE_OK);
    clReleaseMemObject(view);
    cr_assert_eq(socle_buffer_write((socle_span){buffer, 0, 1}, &zero), SOCLE_INVALID_ARGUMENT);
    socle_buffer_destroy(buffer);
    socle_buffer_destroy(other);
    socle_buffer_destroy(NULL);
}

Test(buffers, empty_buffer_works)
{
    test_on_devices(check_empty);
}

static void check_ranges(socle_device *device)
{
    uint8_t bytes[64] = {0};
    socle_buffer *buffer = make(device, 64), *other = make(device, 64);
    const socle_span outside[] = {{buffer, 0, 65},       {buffer, 64, 1},       {buffer, 65, 0},
                                  {buffer, 1, SIZE_MAX}, {buffer, SIZE_MAX, 2}, {NULL, 0, 1}};
    for (size_t i = 0; i < COUNT_OF(outside); i++) {
        cl_mem view = NULL;
        cr_assert_eq(socle_buffer_write(outside[i], bytes), SOCLE_INVALID_ARGUMENT, "span %zu", i);
        cr_assert_eq(socle_buffer_read(outside[i], bytes), SOCLE_INVALID_ARGUMENT);
        cr_assert_eq(socle_buffer_fill(outside[i], bytes, 1), SOCLE_INVALID_ARGUMENT);
        cr_assert_eq(socle_buffer_copy(outside[i], socle_buffer_span(other)), SOCLE_INVALID_ARGUMENT);
        cr_assert_eq(socle_buffer_copy(socle_buffer_span(other), outside[i]), SOCLE_INVALID_ARGUMENT);
        cr_assert_eq(buffer_view(outside[i], &view), SOCLE_INVALID_ARGUMENT);
    }
    char expected[128];
    socle_buffer_write(outside[1], bytes);
    snprintf(expected, sizeof(expected), "socle_buffer_write: bytes 64 to 65 are asked of a buffer of 64 on %s", device->info.id);
    cr_assert_str_eq(socle_error_message(), expected);
    cr_assert_eq(socle_buffer_copy((socle_span){buffer, 0, 10}, (socle_span){other, 0, 11}), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(socle_buffer_copy((socle_span){buffer, 0, 10}, (socle_span){buffer, 9, 10}), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(socle_buffer_fill(socle_buffer_span(buffer), bytes, 3), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(socle_buffer_fill((socle_span){buffer, 2, 8}, bytes, 4), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(socle_buffer_fill((socle_span){buffer, 0, 7}, bytes, 4), SOCLE_INVALID_ARGUMENT);
    socle_buffer_destroy(buffer);
    socle_buffer_destroy(other);
}

Test(buffers, span_outside_of_its_buffer_is_refused)
{
    test_on_devices(check_ranges);
}

static void check_copy(socle_device *device)
{
    uint8_t from[1000], to[1000], expected[1000];
    socle_buffer *a = make(device, sizeof(from)), *b = make(device, sizeof(to));
    fill_bytes(from, sizeof(from), 5);
    fill_bytes(expected, sizeof(expected), 6);
    cr_assert_eq(socle_buffer_write(socle_buffer_span(a), from), SOCLE_OK);
    cr_assert_eq(socle_buffer_write(socle_buffer_span(b), expected), SOCLE_OK);
    cr_assert_eq(socle_buffer_copy((socle_span){a, 3, 500}, (socle_span){b, 111, 500}), SOCLE_OK);
    memcpy(expected + 111, from + 3, 500);
    cr_assert_eq(socle_buffer_read(socle_buffer_span(b), to), SOCLE_OK);
    cr_assert_eq(memcmp(to, expected, sizeof(to)), 0);
    cr_assert_eq(socle_buffer_copy((socle_span){b, 0, 100}, (socle_span){b, 100, 100}), SOCLE_OK);
    memcpy(expected + 100, expected, 100);
    cr_assert_eq(socle_buffer_read(socle_buffer_span(b), to), SOCLE_OK);
    cr_assert_eq(memcmp(to, expected, sizeof(to)), 0);
    socle_buffer_destroy(a);
    socle_buffer_destroy(b);
}

Test(buffers, copy_moves_the_span_and_nothing_else)
{
    test_on_devices(check_copy);
}

/* Between any two devices, and the halves of one. */
Test(buffers, copy_between_devices_goes_through_the_host)
{
    enum { SIZE = 17 << 20 }; /* more than one piece */
    socle_context *context = test_context("");
    socle_device *devices[4];
    int count = 0;
    for (int i = 0; i < socle_device_count(context) && count < 2; i++) {
        socle_device *device = socle_device_at(context, i);
        if (device->info.status == SOCLE_DEVICE_OK)
            devices[count++] = device;
        if (device->info.max_sub_devices >= 2 && count <= 2 && socle_device_split(device, 2, NULL, &devices[count]) == SOCLE_OK)
            count += 2;
    }
    uint8_t *from = memory_alloc(SIZE), *to = memory_alloc(SIZE);
    fill_bytes(from, SIZE, 7);
    for (int i = 1; i < count; i++) {
        socle_buffer *a = make(devices[i - 1], SIZE), *b = make(devices[i], SIZE);
        cr_assert_eq(socle_buffer_write(socle_buffer_span(a), from), SOCLE_OK);
        cr_assert_eq(socle_buffer_copy(socle_buffer_span(a), socle_buffer_span(b)), SOCLE_OK, "%s", socle_error_message());
        cr_assert_eq(socle_buffer_read(socle_buffer_span(b), to), SOCLE_OK);
        cr_assert_eq(memcmp(from, to, SIZE), 0);
        socle_buffer_destroy(a);
        socle_buffer_destroy(b);
    }
    memory_free(from);
    memory_free(to);
    socle_context_destroy(context);
}

static void check_fill(socle_device *device)
{
    uint8_t pattern[16], got[512], expected[512];
    socle_buffer *buffer = make(device, sizeof(got));
    fill_bytes(pattern, sizeof(pattern), 8);
    for (size_t pattern_bytes = 1; pattern_bytes <= 16; pattern_bytes *= 2) {
        fill_bytes(expected, sizeof(expected), 9);
        cr_assert_eq(socle_buffer_write(socle_buffer_span(buffer), expected), SOCLE_OK);
        cr_assert_eq(socle_buffer_fill((socle_span){buffer, 32, 320}, pattern, pattern_bytes), SOCLE_OK, "%s",
                     socle_error_message());
        for (size_t i = 0; i < 320; i++)
            expected[32 + i] = pattern[i % pattern_bytes];
        cr_assert_eq(socle_buffer_read(socle_buffer_span(buffer), got), SOCLE_OK);
        cr_assert_eq(memcmp(got, expected, sizeof(got)), 0, "pattern of %zu bytes on %s", pattern_bytes, device->info.id);
    }
    socle_buffer_destroy(buffer);
}

Test(buffers, fill_repeats_patterns_of_every_length)
{
    test_on_devices(check_fill);
}

static void check_from_host(socle_device *device)
{
    const size_t sizes[] = {1, 64, 1000, 65536};
    uint8_t *host = memory_alloc(65536 + 64), *got = memory_alloc(65536);
    fill_bytes(host, 65536 + 64, 10);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        for (size_t misalignment = 0; misalignment < 2; misalignment++) {
            socle_buffer *buffer = NULL;
            cr_assert_eq(buffer_create_from_host(device, host + misalignment, sizes[i], &buffer), SOCLE_OK, "%s",
                         socle_error_message());
            cr_assert(buffer->host == NULL || misalignment == 0, "unaligned memory is copied");
            cr_assert_eq(buffer->host != NULL, misalignment == 0 && device->capabilities.unified_memory);
            memset(got, 0, 65536);
            cr_assert_eq(socle_buffer_read(socle_buffer_span(buffer), got), SOCLE_OK);
            cr_assert_eq(memcmp(got, host + misalignment, sizes[i]), 0);
            socle_buffer_destroy(buffer);
        }
    }
    memory_free(host);
    memory_free(got);
}

Test(buffers, buffer_from_host_memory_has_its_content)
{
    test_on_devices(check_from_host);
}

static void check_view(socle_device *device)
{
    const size_t alignment = device->capabilities.base_alignment_bytes;
    socle_buffer *buffer = make(device, 8 * alignment);
    cl_mem view = NULL;
    cr_assert_eq(buffer_view(socle_buffer_span(buffer), &view), SOCLE_OK);
    cr_assert_eq(view, buffer->memory);
    clReleaseMemObject(view);
    cr_assert_eq(buffer_view((socle_span){buffer, 2 * alignment, alignment}, &view), SOCLE_OK, "%s", socle_error_message());
    size_t offset = 0;
    cr_assert_eq(clGetMemObjectInfo(view, CL_MEM_OFFSET, sizeof(offset), &offset, NULL), CL_SUCCESS);
    cr_assert_eq(offset, 2 * alignment);
    clReleaseMemObject(view);
    cr_assert_eq(buffer_view((socle_span){buffer, 1, 4}, &view), SOCLE_INVALID_ARGUMENT);
    cr_assert_not_null(strstr(socle_error_message(), "begins at byte 1, kernels need a multiple of"));
    socle_buffer_destroy(buffer);
}

Test(buffers, view_of_a_part_begins_at_its_offset)
{
    test_on_devices(check_view);
}

static void check_pool(socle_device *device)
{
    socle_buffer *first = make(device, 100000);
    const uint64_t allocated = device->allocated_bytes;
    cr_assert_geq(allocated, 100000);
    cr_assert_leq(first->capacity_bytes, 100000 + 100000 / 8 + 256);
    const cl_mem memory = first->memory;
    socle_buffer_destroy(first);
    cr_assert_eq(device->allocated_bytes, allocated, "the pool keeps it");
    socle_buffer *second = make(device, 99999);
    cr_assert_eq(second->memory, memory, "and gives it again");
    cr_assert_eq(device->allocated_bytes, allocated);
    socle_buffer_destroy(second);
    device_pool_trim(device);
    cr_assert_eq(device->allocated_bytes, 0);
}

Test(buffers, pool_gives_freed_memory_again)
{
    test_on_devices(check_pool);
}

static void check_budget(socle_device *device)
{
    socle_buffer *buffers[3] = {NULL};
    socle_buffer *none = NULL;
    char expected[256];
    cr_assert_eq(device->info.memory_bytes, 1000000);
    buffers[0] = make(device, 600000);
    cr_assert_eq(socle_buffer_create(device, 500000, &none), SOCLE_DEVICE_OUT_OF_MEMORY);
    snprintf(expected, sizeof(expected),
             "%s: 500000 bytes needed, %llu of 1000000 there: use a smaller batch, a larger budget or another device",
             device->info.id, 1000000ull - (unsigned long long)buffers[0]->capacity_bytes);
    cr_assert_str_eq(socle_error_message(), expected);
    cr_assert_null(none);
    cr_assert_eq(socle_buffer_create(device, SIZE_MAX, &none), SOCLE_DEVICE_OUT_OF_MEMORY);
    socle_buffer_destroy(buffers[0]);
    /* what lies idle in the pool makes room; a size that only fits without rounding fits */
    buffers[1] = make(device, 999999);
    socle_buffer_destroy(buffers[1]);
    buffers[2] = make(device, 200);
    socle_buffer_destroy(buffers[2]);
}

Test(buffers, budget_is_kept_and_the_message_says_what_is_needed_and_there)
{
    socle_context *context = NULL;
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.cache_dir = "";
    options.memory_budget_bytes = 1000000;
    cr_assert_eq(socle_context_create(&options, &context), SOCLE_OK);
    test_each_device(context, check_budget);
    socle_context_destroy(context);
    cr_assert_eq(memory_live_count(), 0);
}

static void check_failing_allocations(socle_device *device)
{
    cr_assert_eq(socle_device_finish(device), SOCLE_OK);
    const int64_t before = memory_live_count();
    for (int n = 0; n < 4; n++) {
        socle_buffer *buffer = NULL;
        memory_fail_after(n);
        const socle_status status = socle_buffer_create(device, 1000, &buffer);
        socle_buffer_destroy(buffer);
        memory_fail_after(-1);
        cr_assert(status == SOCLE_OK || status == SOCLE_OUT_OF_MEMORY);
        cr_assert_eq(status == SOCLE_OUT_OF_MEMORY, buffer == NULL);
    }
    device_pool_trim(device);
    cr_assert_eq(device->allocated_bytes, 0);
    cr_assert_leq(memory_live_count(), before + 1, "the pool's own list may have grown");
}

Test(buffers, every_failing_allocation_is_a_clean_error)
{
    test_on_devices(check_failing_allocations);
}
