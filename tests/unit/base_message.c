/* The thread's message, log lines, and the texts of codes and types. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

Test(message, is_empty_before_the_first_error)
{
    cr_assert_str_eq(socle_error_message(), "");
}

Test(message, fail_sets_the_text_and_returns_the_status)
{
    cr_assert_eq(socle_fail(SOCLE_IO, "%s: line %d", "a.csv", 7), SOCLE_IO);
    cr_assert_str_eq(socle_error_message(), "a.csv: line 7");
}

Test(message, may_be_built_from_itself)
{
    socle_fail(SOCLE_IO, "inner");
    socle_fail(SOCLE_IO, "outer (%s)", socle_error_message());
    cr_assert_str_eq(socle_error_message(), "outer (inner)");
}

Test(message, fail_in_puts_the_place_in_front)
{
    socle_fail(SOCLE_INVALID_FILE, "truncated");
    cr_assert_eq(socle_fail_in(SOCLE_INVALID_FILE, "model %s", "m.onnx"), SOCLE_INVALID_FILE);
    cr_assert_str_eq(socle_error_message(), "model m.onnx: truncated");
}

Test(message, longer_than_its_place_is_cut)
{
    char longest[10000];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    socle_fail(SOCLE_IO, "%s", longest);
    const size_t length = strlen(socle_error_message());
    cr_assert(length > 1000 && length < sizeof(longest));
    socle_fail_in(SOCLE_IO, "%s", longest);
    socle_fail_in(SOCLE_IO, "front");
    cr_assert_eq(strncmp(socle_error_message(), "front: xxx", 10), 0);
    cr_assert(strlen(socle_error_message()) < sizeof(longest));
}

static void *fail_elsewhere(void *user)
{
    socle_fail(SOCLE_IO, "of the other thread");
    return user;
}

Test(message, belongs_to_its_thread)
{
    pthread_t thread;
    socle_fail(SOCLE_IO, "mine");
    cr_assert_eq(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    cr_assert_str_eq(socle_error_message(), "mine");
}

typedef struct received {
    int count;
    socle_log_level level;
    char line[64];
} received;

static void receive(socle_log_level level, const char *line, void *user)
{
    received *r = user;
    r->count++;
    r->level = level;
    strncpy(r->line, line, sizeof(r->line) - 1);
}

Test(log, passes_lines_up_to_its_level)
{
    received got = {0};
    const log_sink sink = {receive, &got, SOCLE_LOG_WARN};
    log_write(&sink, SOCLE_LOG_INFO, "not wanted");
    cr_assert_eq(got.count, 0);
    log_write(&sink, SOCLE_LOG_WARN, "%d bytes", 3);
    cr_assert_eq(got.count, 1);
    cr_assert_eq(got.level, SOCLE_LOG_WARN);
    cr_assert_str_eq(got.line, "3 bytes");
}

Test(log, without_a_callback_is_silent)
{
    const log_sink sink = {NULL, NULL, SOCLE_LOG_DEBUG};
    log_write(&sink, SOCLE_LOG_ERROR, "nobody hears this");
    log_write(NULL, SOCLE_LOG_ERROR, "nor this");
}

Test(status, every_code_has_its_own_text)
{
    static const socle_status codes[] = {
#define CODE(name, value, text) SOCLE_##name,
        SOCLE_STATUS_LIST(CODE)
#undef CODE
    };
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        cr_assert_str_neq(socle_status_text(codes[i]), "unknown status");
        for (size_t k = 0; k < i; k++) {
            cr_assert_neq(codes[i], codes[k]);
            cr_assert_str_neq(socle_status_text(codes[i]), socle_status_text(codes[k]));
        }
    }
    cr_assert_str_eq(socle_status_text(SOCLE_DEVICE_OUT_OF_MEMORY), "out of device memory");
    cr_assert_str_eq(socle_status_text((socle_status)-1000), "unknown status");
    cr_assert_str_eq(socle_status_text((socle_status)1), "unknown status");
}

Test(dtype, names_and_sizes_are_those_of_numpy)
{
    cr_assert_str_eq(socle_dtype_name(SOCLE_FLOAT32), "float32");
    cr_assert_eq(socle_dtype_size_bytes(SOCLE_FLOAT32), sizeof(float));
    cr_assert_str_eq(socle_dtype_name(SOCLE_INT64), "int64");
    cr_assert_eq(socle_dtype_size_bytes(SOCLE_INT64), sizeof(int64_t));
    cr_assert_str_eq(socle_dtype_name(SOCLE_BFLOAT16), "bfloat16");
    cr_assert_eq(socle_dtype_size_bytes(SOCLE_BFLOAT16), 2);
    cr_assert_str_eq(socle_dtype_name((socle_dtype)-1), "unknown");
    cr_assert_eq(socle_dtype_size_bytes(SOCLE_DTYPE_COUNT), 0);
}

Test(version, has_three_numbers)
{
    int major, minor, patch, end = 0;
    cr_assert_eq(sscanf(socle_version(), "%d.%d.%d%n", &major, &minor, &patch, &end), 3);
    cr_assert_eq(socle_version()[end], '\0');
}
