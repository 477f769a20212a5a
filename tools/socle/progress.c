/* A progress bar on the last line of a terminal, drawn at most ten times a second. */
#include "command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAR_WIDTH 24

static bool shown;
static double last_drawn;

static bool on_terminal(void)
{
    static int terminal = -1;
    if (terminal < 0)
        terminal = isatty(STDERR_FILENO) && (getenv("TERM") == NULL || strcmp(getenv("TERM"), "dumb") != 0);
    return terminal == 1;
}

static bool coloured(void)
{
    const char *no_color = getenv("NO_COLOR");
    return no_color == NULL || no_color[0] == '\0';
}

void progress_show(double share, const char *format, ...)
{
    va_list arguments;
    const double now = seconds_now();
    if (!on_terminal() || (now - last_drawn < 0.1 && share < 1))
        return;
    last_drawn = now;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    const int full = (int)(share * BAR_WIDTH);
    fputs(coloured() ? "\r\x1b[36m[" : "\r[", stderr);
    for (int i = 0; i < BAR_WIDTH; i++)
        fputs(i < full ? "=" : i == full ? ">" : " ", stderr);
    fprintf(stderr, "]%s %3.0f%% ", coloured() ? "\x1b[0m" : "", share * 100);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("\x1b[K", stderr);
    fflush(stderr);
    shown = true;
}

void progress_clear(void)
{
    if (!shown)
        return;
    fputs("\r\x1b[K", stderr);
    fflush(stderr);
    shown = false;
}
