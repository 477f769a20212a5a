/* Tunings as a file, for a fleet of equal machines: the records of the store as they are, in one JSON document. A record belongs
 * to a model of device with its driver; which one of several equal devices, and in which machine, does not matter. What CLBlast's
 * tuners write (clblast_xgemm_1_32.json) is read too. */
#include "../solver/clblast_tuning.h"
#include "tuning.h"

#include <stdlib.h>
#include <string.h>

typedef struct export_run {
    socle_context *context;
    text text;
    int count;
} export_run;

static bool is_ours(const socle_context *context, const json_t *record)
{
    const char *identity = json_string_value(json_object_get(record, "identity"));
    const char *version = json_string_value(json_object_get(record, "socle"));
    if (identity == NULL || version == NULL || strcmp(version, socle_version()) != 0)
        return false;
    for (int i = 0; i < context->device_count; i++)
        if (context->devices[i]->identity != NULL && strcmp(identity, context->devices[i]->identity) == 0)
            return true;
    return false;
}

static void export_record(const void *bytes, size_t size_bytes, void *user)
{
    export_run *run = user;
    way w;
    json_t *record = json_loadb(bytes, size_bytes, 0, NULL);
    if (tuning_way_from_json(record, &w) && is_ours(run->context, record)) {
        json_object_del(record, "trying"); /* is this machine's alone */
        json_object_del(record, "identity");
        char *line = json_dumps(record, JSON_PRESERVE_ORDER);
        text_addf(&run->text, "%s\n    %s", run->count > 0 ? "," : "", line != NULL ? line : "");
        run->text.failed = run->text.failed || line == NULL;
        free(line);
        run->count++;
    }
    json_decref(record);
}

socle_status socle_tunings_export(socle_context *context, const char *path, int *count)
{
    if (context == NULL || path == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_tunings_export: context and path must not be NULL");
    export_run run = {.context = context};
    file_writer *writer = NULL;
    text_add(&run.text, "{\n  \"socle\": ");
    text_add_json(&run.text, socle_version());
    text_add(&run.text, ",\n  \"tunings\": [");
    socle_status status = store_read_kind(context->store, "tuning", export_record, &run);
    text_add(&run.text, run.count > 0 ? "\n  ]\n}\n" : "]\n}\n");
    if (status == SOCLE_OK && run.text.failed)
        status = SOCLE_OUT_OF_MEMORY;
    if (status == SOCLE_OK)
        status = file_writer_open(path, &writer);
    if (status == SOCLE_OK) {
        status = file_writer_write(writer, run.text.data, run.text.length);
        if (status == SOCLE_OK)
            status = file_writer_commit(writer);
        else
            file_writer_cancel(writer);
    }
    text_finish(&run.text);
    if (status == SOCLE_OK && count != NULL)
        *count = run.count;
    return status;
}

/* ---- import ---- */

/* What a record must have to be one; whether its way fits a problem is checked where it is used. */
static bool is_record(const json_t *record)
{
    way w;
    return json_string_value(json_object_get(record, "device")) != NULL &&
           json_string_value(json_object_get(record, "problem")) != NULL &&
           json_string_value(json_object_get(record, "shape")) != NULL && json_number_value(json_object_get(record, "us")) > 0 &&
           tuning_way_from_json(record, &w);
}

/* Keeps the record for each device of its model; *kept: at least one. */
static socle_status import_record(socle_context *context, json_t *record, bool *kept)
{
    const char *wanted = json_string_value(json_object_get(record, "device"));
    socle_status status = SOCLE_OK;
    *kept = false;
    for (int i = 0; i < context->device_count && status == SOCLE_OK; i++) {
        socle_device *device = context->devices[i];
        char *model = device->identity != NULL ? device_model(device) : NULL;
        if (model != NULL && strcmp(model, wanted) == 0) {
            *kept = true;
            status = tuning_keep_json(device, record);
        }
        memory_free(model);
    }
    return status;
}

/* ---- files of CLBlast's tuners ---- */

static bool is_clblast_file(const json_t *root)
{
    return json_is_string(json_object_get(root, "kernel_family")) && json_is_string(json_object_get(root, "best_parameters"));
}

static const char *text_of(const json_t *root, const char *name)
{
    const char *value = json_string_value(json_object_get(root, name));
    return value != NULL ? value : "";
}

/* CLBlast writes a device's name as the driver gives it. */
static bool is_of_device(const json_t *root, const socle_device *device)
{
    return device->identity != NULL && strcmp(device->info.name, text_of(root, "device")) == 0;
}

static socle_status import_clblast(socle_context *context, const char *path, const json_t *root, int *kept_count,
                                   int *foreign_count)
{
    const char *family = text_of(root, "kernel_family"), *precision = text_of(root, "precision");
    const double ms = strtod(text_of(root, "best_time"), NULL);
    bool kept = false;
    if (strcmp(precision, "32") != 0)
        return socle_fail(SOCLE_INVALID_FILE,
                          "%s: a tuning of CLBlast for precision %s: Socle calls CLBlast in float32 alone: tune "
                          "with -precision 32",
                          path, precision);
    if (!clblast_family_is_used(family))
        return socle_fail(SOCLE_INVALID_FILE,
                          "%s: a tuning of CLBlast's %s: Socle calls its products alone: import those of xgemm, "
                          "xgemm_direct, gemm_routine, copy, pad, transpose, padtranspose, xconvgemm",
                          path, family);
    if (ms <= 0)
        return socle_fail(SOCLE_INVALID_FILE, "%s: best_time is '%s', not a time: tune again", path, text_of(root, "best_time"));
    for (int i = 0; i < context->device_count; i++) {
        if (!is_of_device(root, context->devices[i]))
            continue;
        const socle_status status = clblast_tuning_keep(context->devices[i], family, ms, text_of(root, "best_parameters"));
        if (status != SOCLE_OK)
            return status == SOCLE_INVALID_FILE ? socle_fail(status, "%s: %s", path, socle_error_message()) : status;
        kept = true;
    }
    *kept_count += kept;
    *foreign_count += !kept;
    return SOCLE_OK;
}

/* ---- any file ---- */

static socle_status check_document(const char *path, const json_t *root, const json_error_t *error)
{
    const char *version = json_string_value(json_object_get(root, "socle"));
    const json_t *tunings = json_object_get(root, "tunings");
    if (root == NULL)
        return socle_fail(SOCLE_INVALID_FILE, "%s:%d: not JSON: %s", path, error->line, error->text);
    if (version == NULL || !json_is_array(tunings))
        return socle_fail(SOCLE_INVALID_FILE, "%s: not a file of tunings: write one with socle tune --export", path);
    if (strcmp(version, socle_version()) != 0)
        return socle_fail(SOCLE_INVALID_FILE, "%s: written by Socle %s, this is %s: tune again with this version", path, version,
                          socle_version());
    for (size_t i = 0; i < json_array_size(tunings); i++)
        if (!is_record(json_array_get(tunings, i)))
            return socle_fail(SOCLE_INVALID_FILE, "%s: tuning %zu is incomplete or names an unknown solver: export it again",
                              path, i);
    return SOCLE_OK;
}

socle_status socle_tunings_import(socle_context *context, const char *path, int *count, int *foreign)
{
    file_map map;
    json_error_t error;
    int kept_count = 0, foreign_count = 0;
    if (context == NULL || path == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_tunings_import: context and path must not be NULL");
    socle_status status = file_map_open(path, &map);
    if (status != SOCLE_OK)
        return status;
    json_t *root = json_loadb((const char *)map.bytes, map.size_bytes, 0, &error);
    file_map_close(&map);
    const bool clblast = is_clblast_file(root);
    status = clblast ? import_clblast(context, path, root, &kept_count, &foreign_count) : check_document(path, root, &error);
    json_t *tunings = clblast ? NULL : json_object_get(root, "tunings");
    for (size_t i = 0; i < json_array_size(tunings) && status == SOCLE_OK; i++) {
        bool kept;
        status = import_record(context, json_array_get(tunings, i), &kept);
        kept_count += kept;
        foreign_count += !kept;
    }
    json_decref(root);
    if (status == SOCLE_OK && count != NULL)
        *count = kept_count;
    if (status == SOCLE_OK && foreign != NULL)
        *foreign = foreign_count;
    return status;
}
