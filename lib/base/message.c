/* The calling thread's error message, and log lines. The message has a fixed place per thread, so that it can be set when
 * memory is out and nothing has to be freed when the thread ends; what does not fit is cut. */
#include "base.h"

#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES 4096
#define LOG_LINE_BYTES 2048

static _Thread_local char message[MESSAGE_BYTES];
static _Thread_local socle_status last_status;

const char *socle_error_message(void)
{
    return message;
}

socle_status socle_last_status(void)
{
    return last_status;
}

socle_status socle_fail(socle_status status, const char *format, ...)
{
    char line[MESSAGE_BYTES]; /* the arguments may point into the present message */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    memcpy(message, line, strlen(line) + 1);
    last_status = status;
    return status;
}

socle_status socle_fail_in(socle_status status, const char *format, ...)
{
    char line[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    const size_t length = strlen(line);
    snprintf(line + length, sizeof(line) - length, ": %.*s", (int)(sizeof(message) - 1 - length), message);
    memcpy(message, line, strlen(line) + 1);
    last_status = status;
    return status;
}

void log_write(const log_sink *sink, socle_log_level level, const char *format, ...)
{
    if (sink == NULL || sink->callback == NULL || level > sink->level)
        return;
    char line[LOG_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    sink->callback(level, line, sink->user);
}
