/* Checks on every device: see on_devices.h. */
#include "on_devices.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

static char log_lines[1 << 16];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_line(socle_log_level level, const char *line, void *user)
{
    (void)level;
    (void)user;
    pthread_mutex_lock(&log_lock);
    const size_t used = strlen(log_lines);
    snprintf(log_lines + used, sizeof(log_lines) - used, "%s\n", line);
    pthread_mutex_unlock(&log_lock);
}

int test_log_count(const char *part)
{
    int count = 0;
    pthread_mutex_lock(&log_lock);
    for (const char *at = log_lines; (at = strstr(at, part)) != NULL; at++)
        count++;
    pthread_mutex_unlock(&log_lock);
    return count;
}

socle_context *test_context(const char *cache_dir)
{
    socle_context *context = NULL;
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.cache_dir = cache_dir;
    options.log = keep_line;
    options.log_level = SOCLE_LOG_DEBUG;
    cr_assert_eq(socle_context_create(&options, &context), SOCLE_OK, "%s", socle_error_message());
    return context;
}

void test_each_device(socle_context *context, void (*check)(socle_device *device))
{
    int usable = 0;
    for (int i = 0; i < socle_device_count(context); i++) {
        socle_device *device = socle_device_at(context, i);
        if (socle_device_get_info(device)->status != SOCLE_DEVICE_OK)
            continue;
        usable++;
        check(device);
    }
    cr_assert_gt(usable, 0, "no usable device");
}

void test_on_devices(void (*check)(socle_device *device))
{
    socle_context *context = test_context("");
    test_each_device(context, check);
    socle_context_destroy(context);
    cr_assert_eq(memory_live_count(), 0, "the context left memory behind");
}
