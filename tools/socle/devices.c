/* socle devices: every OpenCL device of every platform, also the refused ones with the reason. */
#include "command.h"

static const char *const type_names[] = {"cpu", "gpu", "accelerator", "other"};
static const char *const status_names[] = {"ok", "refused", "quarantined"};

/* Ids of the equal parts that a device can be split into: halves, quarters and so on. */
static json_t *sub_device_ids(const socle_device_info *info)
{
    json_t *ids = json_array();
    for (int parts = 2; info->status == SOCLE_DEVICE_OK && parts <= info->max_sub_devices && parts <= 8; parts *= 2) {
        for (int i = 0; i < parts; i++)
            json_array_append_new(ids, json_sprintf("%s/%d:%d", info->id, parts, i));
    }
    return ids;
}

static json_t *device_json(const socle_device_info *info)
{
    return json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:i,s:I,s:s,s:s,s:b,s:b,s:s,s:s,s:i,s:o}", "index", info->index, "id", info->id,
                     "name", info->name, "vendor", info->vendor, "platform", info->platform, "type", type_names[info->type],
                     "compute_units", info->compute_units, "memory_bytes", (json_int_t)info->memory_bytes, "opencl_version",
                     info->opencl_version, "driver_version", info->driver_version, "fp16", info->fp16, "fp64", info->fp64,
                     "status", status_names[info->status], "reason", info->reason, "max_sub_devices", info->max_sub_devices,
                     "sub_devices", sub_device_ids(info));
}

static void print_devices(const socle_context *context)
{
    static const char *const titles[] = {">index", "id",   "type",  ">units", ">memory", "opencl",
                                         "fp16",   "fp64", "parts", "status", "name"};
    table *t = table_new(COUNT_OF(titles), titles);
    for (int i = 0; i < socle_device_count(context); i++) {
        const socle_device_info *info = socle_device_get_info(socle_device_at(context, i));
        table_cell(t, "%d", info->index);
        table_cell(t, "%s", info->id);
        table_cell(t, "%s", type_names[info->type]);
        table_cell(t, "%d", info->compute_units);
        table_cell(t, "%.1f GiB", (double)info->memory_bytes / (1 << 30));
        table_cell(t, "%s", info->opencl_version);
        table_cell(t, "%s", info->fp16 ? "yes" : "no");
        table_cell(t, "%s", info->fp64 ? "yes" : "no");
        table_cell(t, info->max_sub_devices > 2 ? "2-%d" : info->max_sub_devices == 2 ? "%d" : "-", info->max_sub_devices);
        if (info->status == SOCLE_DEVICE_OK)
            table_cell(t, "ok");
        else
            table_cell(t, "%s: %s", status_names[info->status], info->reason);
        table_cell(t, "%s", info->name);
    }
    table_print(t, stdout);
}

int command_devices(int argc, char **argv)
{
    int json = 0;
    const char *devices = NULL;
    const option_spec options[] = {
        {"device", OPTION_TEXT, &devices, "ID[,ID...]", "only these, by id or index", NULL, 0},
        {"json", OPTION_SET, &json, NULL, "one JSON document", NULL, 0},
    };
    const command_usage usage = {"devices [--device ID,...] [--json]",
                                 "Lists every OpenCL device of every platform, and the parts it can be split into: PARTS equal\n"
                                 "ones have the ids ID/PARTS:0, ID/PARTS:1 and so on.",
                                 "socle devices --json",
                                 options,
                                 COUNT_OF(options),
                                 0,
                                 0};
    socle_context *context = NULL;
    int status;
    if (!options_parse(&usage, argc, argv, NULL, &status) || (status = context_open(devices, &context)) != DONE)
        return status;
    const int count = socle_device_count(context);
    if (json) {
        json_t *list = json_array();
        for (int i = 0; i < count; i++)
            json_array_append_new(list, device_json(socle_device_get_info(socle_device_at(context, i))));
        status = json_print(json_pack("{s:o}", "devices", list));
    } else if (count > 0) {
        print_devices(context);
        status = output_finish();
    }
    if (count == 0 && status == DONE) {
        fail("no OpenCL device: install a driver, for example the package pocl-opencl-icd: socle doctor tells more");
        status = NO_DEVICE;
    }
    socle_context_destroy(context);
    return status;
}
