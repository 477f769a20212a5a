/* Where drivers lie or break: one row each, which says the driver, the symptom and where it was seen. Nothing else in Socle is
 * decided by the name of a vendor. A row goes when the driver's repaired version is the oldest in use; each row has a test in
 * tests/devices/, or a probe in lib/profile/. */
#include "room.h"

#include <string.h>

/* A row applies where all that is given matches. */
typedef struct quirk_row {
    const char *platform;  /* part of the platform's name */
    const char *device;    /* part of the device's name */
    const char *extension; /* announced by the device */
    unsigned quirks;
} quirk_row;

static const quirk_row quirk_rows[] = {
    /* llvmpipe ends any loop of a work-item after 65,535 iterations and says nothing: sums over longer axes come out too small.
     * Mesa 22.3, LP_MAX_TGSI_LOOP_ITERATIONS in src/gallium/auxiliary/gallivm/lp_bld_limits.h; profile/probe measures it. */
    {.device = "llvmpipe", .quirks = QUIRK_LOOP_LIMIT},
    /* rusticl answers 0 for every time of an event (CL_DEVICE_PROFILING_TIMER_RESOLUTION is 0 too). Its clFinish waits for the
     * commands that it sends off itself, not for those that clFlush sent before: a non-blocking read is not done when it returns.
     * Mesa 22.3. */
    {.platform = "rusticl", .quirks = QUIRK_NO_EVENT_TIMER | QUIRK_FINISH_AFTER_FLUSH},
    /* PoCL grants more memory than the machine has (64 buffers of 2 GiB on a machine of 24 GiB): pages come at first use, and the
     * process is killed then. PoCL 3.1. It also generates machine code at the first launch of each work-group size, so that first
     * launches take tens of milliseconds and a program's binary grows. PoCL manual, "Runtime environment variables",
     * POCL_KERNEL_CACHE. */
    {.platform = "Portable Computing Language", .quirks = QUIRK_SMALL_MEMORY | QUIRK_COMPILES_AT_ENQUEUE},
    /* PoCL's vstore16 of float comes out as three stores, of 128, 128 and 256 bits, with two extractions; some loads are split
     * too. Seen in the machine code of PoCL 3.1 with LLVM 15 for x86 with AVX-512. With whole vectors instead, a Winograd
     * convolution whose kernel loads what it just stored took half the time: most likely loads of 512 bits wait until narrower
     * stores before them have left the store buffer. */
    {.platform = "Portable Computing Language", .quirks = QUIRK_SPLIT_VECTORS},
    /* PoCL's `basic` device has one list of commands for all queues: a thread that waits may run another's commands, and clFinish
     * returns while another thread still runs one of its own. Results are then read too early. PoCL 3.1, basic_command_scheduler
     * and pocl_basic_join in lib/CL/devices/basic/basic.c; tests/devices/session.c shows it. A command is run by the call that
     * enqueues it, so it is enough that one thread enqueues at a time. */
    {.platform = "Portable Computing Language", .device = "basic", .quirks = QUIRK_ONE_CALLER},
    /* Intel's CPU runtime runs the kernels of a queue made with property 1 << 31 in the calling thread: 1 us a launch.
     * Extension cl_intel_exec_by_local_thread. */
    {.extension = "cl_intel_exec_by_local_thread", .quirks = QUIRK_LOCAL_THREAD_QUEUE},
};

static bool row_applies(const quirk_row *row, const socle_device *device)
{
    return (row->platform == NULL || strstr(device->info.platform, row->platform) != NULL) &&
           (row->device == NULL || strstr(device->info.name, row->device) != NULL) &&
           (row->extension == NULL || extension_listed(device->capabilities.extensions, row->extension));
}

unsigned quirks_of(const socle_device *device)
{
    unsigned quirks = 0;
    for (size_t i = 0; i < COUNT_OF(quirk_rows); i++)
        if (row_applies(&quirk_rows[i], device))
            quirks |= quirk_rows[i].quirks;
    return quirks;
}

void device_turn_begin(socle_device *device)
{
    if (device_has_quirk(device, QUIRK_ONE_CALLER))
        pthread_mutex_lock(&device->turn);
}

void device_turn_end(socle_device *device)
{
    if (device_has_quirk(device, QUIRK_ONE_CALLER))
        pthread_mutex_unlock(&device->turn);
}

bool device_has_quirk(const socle_device *device, device_quirk quirk)
{
    return (device->quirks & quirk) != 0;
}

bool device_has_instruction(const socle_device *device, device_instruction instruction)
{
    return (__atomic_load_n(&device->instructions, __ATOMIC_ACQUIRE) & (unsigned)instruction) != 0;
}
