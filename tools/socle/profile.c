/* socle profile: measures each device, and each pair of devices together, and keeps the figures. */
#include "command.h"

#define SAME_SILICON 1.3 /* slowed down that much by another device: they share something */

static void add_row(table *t, json_t *rows, const socle_device_info *info, const socle_profile *p)
{
    table_cell(t, "%s", info->id);
    table_cell(t, "%.2f", p->launch_us);
    table_cell(t, "%.2f", p->round_trip_us);
    table_cell(t, "%.1f", p->write_gbytes_per_s);
    table_cell(t, "%.1f", p->read_gbytes_per_s);
    table_cell(t, "%.2f", p->transfer_us);
    table_cell(t, "%.1f", p->memory_gbytes_per_s);
    table_cell(t, "%.1f", p->fp32_gflops);
    table_cell(t, p->fp16_gflops > 0 ? "%.1f" : "-", p->fp16_gflops);
    table_cell(t, p->int8_gops > 0 ? "%.1f" : "-", p->int8_gops);
    table_cell(t, p->matrix_gflops > 0 ? "%.1f" : "-", p->matrix_gflops);
    json_array_append_new(rows,
                          json_pack("{s:s,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:b,s:b,s:f}", "device", info->id, "launch_us",
                                    p->launch_us, "round_trip_us", p->round_trip_us, "write_gbytes_per_s", p->write_gbytes_per_s,
                                    "read_gbytes_per_s", p->read_gbytes_per_s, "transfer_us", p->transfer_us,
                                    "memory_gbytes_per_s", p->memory_gbytes_per_s, "fp32_gflops", p->fp32_gflops, "fp16_gflops",
                                    p->fp16_gflops, "int8_gops", p->int8_gops, "matrix_gflops", p->matrix_gflops, "timer_ok",
                                    p->timer_ok, "loop_limit_ok", p->loop_limit_ok, "age_s", p->age_s));
}

static socle_status profile_devices(socle_context *context, int quick, table *t, json_t *rows)
{
    const int count = socle_device_count(context);
    socle_status status = SOCLE_OK;
    for (int i = 0; status == SOCLE_OK && i < count; i++) {
        socle_profile profile;
        const socle_device_info *info = socle_device_get_info(socle_device_at(context, i));
        if (!device_usable(context, i))
            continue;
        progress_show((double)i / count, "%s", info->id);
        status = socle_profile_device(socle_device_at(context, i), quick, 1, &profile);
        if (status == SOCLE_OK)
            add_row(t, rows, info, &profile);
    }
    progress_clear();
    return status;
}

/* The worse of both: a device of one thread hardly feels one of many beside it, which loses a core to it. */
static socle_status measure_pair(socle_device *a, socle_device *b, double *slowdown)
{
    double other = 1;
    socle_status status = socle_profile_contention(a, b, 1, slowdown);
    if (status == SOCLE_OK)
        status = socle_profile_contention(b, a, 1, &other);
    if (status == SOCLE_OK && other > *slowdown)
        *slowdown = other;
    return status;
}

static socle_status profile_pairs(socle_context *context, json_t *pairs)
{
    socle_status status = SOCLE_OK;
    for (int i = 0; i < socle_device_count(context); i++) {
        for (int k = i + 1; k < socle_device_count(context) && status == SOCLE_OK; k++) {
            double slowdown;
            if (!device_usable(context, i) || !device_usable(context, k))
                continue;
            const char *a = socle_device_get_info(socle_device_at(context, i))->id;
            const char *b = socle_device_get_info(socle_device_at(context, k))->id;
            progress_show(0.99, "%s with %s", a, b);
            status = measure_pair(socle_device_at(context, i), socle_device_at(context, k), &slowdown);
            if (status == SOCLE_OK)
                json_array_append_new(pairs, json_pack("{s:s,s:s,s:f,s:b}", "a", a, "b", b, "slowdown", slowdown, "same_silicon",
                                                       slowdown > SAME_SILICON));
        }
    }
    progress_clear();
    return status;
}

static void print_pairs(const json_t *pairs)
{
    size_t index;
    json_t *pair;
    json_array_foreach(pairs, index, pair)
    {
        const double slowdown = json_real_value(json_object_get(pair, "slowdown"));
        printf("%s%s and %s: %.2f times slower together%s\n", index == 0 ? "\n" : "",
               json_string_value(json_object_get(pair, "a")), json_string_value(json_object_get(pair, "b")), slowdown,
               slowdown > SAME_SILICON ? ": the same silicon" : "");
    }
}

int command_profile(int argc, char **argv)
{
    static const char *const titles[] = {"device",        ">launch us",   ">round trip us", ">write GB/s",
                                         ">read GB/s",    ">transfer us", ">memory GB/s",   ">fp32 GFLOP/s",
                                         ">fp16 GFLOP/s", ">int8 GOP/s",  ">matrix GFLOP/s"};
    int json = 0, quick = 0;
    const char *devices = NULL;
    const option_spec options[] = {
        {"device", OPTION_TEXT, &devices, "ID[,ID...]", "only these, by id or index", NULL, 0},
        {"quick", OPTION_SET, &quick, NULL, "a tenth of the time, less exact", NULL, 0},
        {"json", OPTION_SET, &json, NULL, "one JSON document", NULL, 0},
    };
    const command_usage usage = {
        "profile [--device ID,...] [--quick] [--json]",
        "Measures launch and transfer times, bandwidths and peak rates of each device, and which devices\n"
        "share the same silicon, and keeps the figures for later plans.",
        "socle profile --quick",
        options,
        COUNT_OF(options),
        0,
        0};
    socle_context *context = NULL;
    int status;
    if (!options_parse(&usage, argc, argv, NULL, &status) || (status = context_open_usable(devices, &context)) != DONE)
        return status;
    table *t = table_new(COUNT_OF(titles), titles);
    json_t *rows = json_array(), *pairs = json_array();
    socle_status measured = profile_devices(context, quick, t, rows);
    if (measured == SOCLE_OK)
        measured = profile_pairs(context, pairs);
    if (measured != SOCLE_OK) {
        status = report(measured);
    } else if (json) {
        status = json_print(json_pack("{s:O,s:O}", "profiles", rows, "contention", pairs));
    } else {
        table_print(t, stdout);
        t = NULL;
        print_pairs(pairs);
        status = output_finish();
    }
    table_free(t);
    json_decref(rows);
    json_decref(pairs);
    socle_context_destroy(context);
    return status;
}
