/* Errors as one line on stderr, and the exit statuses that go with the library's codes. */
#include "command.h"

#include <stdarg.h>

static void print_message(void)
{
    progress_clear();
    fprintf(stderr, "socle: %s\n", socle_error_message());
}

int report(socle_status status)
{
    print_message();
    switch (status) {
    case SOCLE_OK:
        return DONE;
    case SOCLE_INVALID_ARGUMENT:
        return WRONG_USAGE;
    case SOCLE_INVALID_FILE:
        return BAD_FILE;
    case SOCLE_NO_DEVICE:
        return NO_DEVICE;
    default:
        return FAILED;
    }
}

int report_file(socle_status status)
{
    print_message();
    return status == SOCLE_OUT_OF_MEMORY ? FAILED : status == SOCLE_INVALID_ARGUMENT ? WRONG_USAGE : BAD_FILE;
}

int fail(const char *format, ...)
{
    va_list arguments;
    progress_clear();
    va_start(arguments, format);
    fputs("socle: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return FAILED;
}
