/* The context of a command: PoCL's `basic` device is asked for, and the log goes to stderr as SOCLE_LOG says. */
#include "command.h"

#include <stdlib.h>
#include <string.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static void print_log(socle_log_level level, const char *line, void *user)
{
    (void)user;
    fprintf(stderr, "socle: %s: %s\n", level_names[level], line);
}

static socle_log_level log_level(void)
{
    const char *wanted = getenv("SOCLE_LOG");
    for (size_t i = 0; wanted != NULL && i < COUNT_OF(level_names); i++) {
        if (strcmp(wanted, level_names[i]) == 0)
            return (socle_log_level)i;
    }
    return SOCLE_LOG_WARN;
}

int context_open(const char *devices, socle_context **context)
{
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.devices = devices;
    options.pocl_basic = 1;
    options.pocl_affinity = 1;
    options.log = print_log;
    options.log_level = log_level();
    const socle_status status = socle_context_create(&options, context);
    return status == SOCLE_OK ? DONE : report(status);
}

bool device_usable(const socle_context *context, int index)
{
    return socle_device_get_info(socle_device_at(context, index))->status == SOCLE_DEVICE_OK;
}

int context_open_usable(const char *devices, socle_context **context)
{
    const int status = context_open(devices, context);
    if (status != DONE)
        return status;
    for (int i = 0; i < socle_device_count(*context); i++) {
        if (device_usable(*context, i))
            return DONE;
    }
    socle_context_destroy(*context);
    *context = NULL;
    fail("no usable OpenCL device: install a driver, for example the package pocl-opencl-icd: socle doctor tells more");
    return NO_DEVICE;
}

int model_open(socle_context *context, const char *path, socle_model **model)
{
    const socle_status status = socle_model_load(context, path, model);
    if (status == SOCLE_OK)
        return DONE;
    return report_file(status) == FAILED ? FAILED : BAD_FILE; /* an argument that is not valid is the file's, too */
}
