/* Two clocks: one that never jumps, for durations, and the calendar's, for ages. */
#include "base.h"

#include <time.h>

static double clock_s(clockid_t clock)
{
    struct timespec now = {0, 0};
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double time_now_s(void)
{
    return clock_s(CLOCK_MONOTONIC);
}

double time_wall_s(void)
{
    return clock_s(CLOCK_REALTIME);
}
