/* External data: elements in a file beside the model. A model is not trusted to name files: the path must be relative, without
 * "..", and, with all links resolved, still lie below the model's own folder. */
#define _GNU_SOURCE /* realpath with NULL */
#include "onnx.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct external_entry {
    wire_span location;
    int64_t offset, length; /* length -1: not said */
} external_entry;

static socle_status read_number(wire_span text, const char *what, int64_t *out)
{
    int64_t value = 0;
    bool fits = text.size > 0;
    for (size_t i = 0; fits && i < text.size; i++) {
        fits = text.bytes[i] >= '0' && text.bytes[i] <= '9' && !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_add_overflow(value, text.bytes[i] - '0', &value);
    }
    if (!fits)
        return socle_fail(SOCLE_INVALID_FILE, "the %s of its external data is not a number", what);
    *out = value;
    return SOCLE_OK;
}

static socle_status read_entry(const onnx_reader *reader, wire_span message, external_entry *entry)
{
    wire_reader r = wire_open(reader->file, message, "StringStringEntryProto");
    wire_field field;
    wire_span key = {0}, value = {0};
    int got;
    while ((got = wire_next(&r, &field)) > 0) {
        if (field.number == 1 && !wire_get_bytes(&r, &field, &key))
            return SOCLE_INVALID_FILE;
        if (field.number == 2 && !wire_get_bytes(&r, &field, &value))
            return SOCLE_INVALID_FILE;
    }
    if (got < 0)
        return SOCLE_INVALID_FILE;
    if (onnx_text_is(key, "location")) {
        entry->location = value;
        return onnx_check_text(value, "its external data");
    }
    if (onnx_text_is(key, "offset"))
        return read_number(value, "offset", &entry->offset);
    if (onnx_text_is(key, "length"))
        return read_number(value, "length", &entry->length);
    return SOCLE_OK; /* a checksum, or what the future brings */
}

static bool leaves_folder(const char *location)
{
    if (location[0] == '/' || location[0] == '\0')
        return true;
    for (const char *part = location; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return true;
    }
    return false;
}

/* Maps the file; several tensors usually share one. */
static socle_status open_location(onnx_reader *reader, char *location, const file_map **map)
{
    socle_model *model = reader->model;
    char *path = memory_format("%s/%s", reader->folder, location), *real = NULL;
    const size_t folder_length = strlen(reader->folder);
    socle_status status = path == NULL ? SOCLE_OUT_OF_MEMORY : SOCLE_OK;
    if (status != SOCLE_OK)
        goto cleanup;
    real = realpath(path, NULL);
    if (real == NULL) {
        status = socle_fail(SOCLE_IO, "its external data '%s' is not there: put the file beside the model", location);
    } else if (strncmp(real, reader->folder, folder_length) != 0 || (folder_length > 1 && real[folder_length] != '/')) {
        status = socle_fail(SOCLE_INVALID_FILE, "its external data '%s' leads out of the model's folder: refused", location);
    } else if (!ARRAY_RESERVE(model->maps, model->map_count, reader->map_capacity) ||
               !ARRAY_RESERVE(reader->locations, reader->location_count, reader->location_capacity)) {
        status = SOCLE_OUT_OF_MEMORY;
    } else {
        status = file_map_open(real, &model->maps[model->map_count]);
    }
    if (status == SOCLE_OK) {
        *map = &model->maps[model->map_count++];
        reader->locations[reader->location_count++] = location;
    }
cleanup:
    free(real);
    memory_free(path);
    return status;
}

static socle_status find_location(onnx_reader *reader, wire_span text, const file_map **map)
{
    for (int i = 0; i < reader->location_count; i++) {
        if (strlen(reader->locations[i]) == text.size && memcmp(reader->locations[i], text.bytes, text.size) == 0) {
            *map = &reader->model->maps[reader->first_location + i];
            return SOCLE_OK;
        }
    }
    char *location = onnx_string(text);
    if (location == NULL)
        return SOCLE_OUT_OF_MEMORY;
    const socle_status status =
        leaves_folder(location)
            ? socle_fail(SOCLE_INVALID_FILE, "its external data '%s' leads out of the model's folder: refused", location)
            : open_location(reader, location, map);
    if (status != SOCLE_OK)
        memory_free(location);
    return status;
}

socle_status onnx_external_data(onnx_reader *reader, const onnx_spans *entries, size_t size_bytes, wire_span *out)
{
    external_entry entry = {.length = -1};
    const file_map *map = NULL;
    socle_status status = SOCLE_OK;
    for (int i = 0; status == SOCLE_OK && i < entries->count; i++)
        status = read_entry(reader, entries->items[i], &entry);
    if (status != SOCLE_OK)
        return status;
    if (reader->folder == NULL)
        return socle_fail(SOCLE_UNSUPPORTED, "it has external data, which needs a model file in a folder");
    status = find_location(reader, entry.location, &map);
    if (status != SOCLE_OK)
        return status;
    if (entry.length >= 0 && (uint64_t)entry.length != size_bytes)
        return socle_fail(SOCLE_INVALID_FILE, "its external data has %lld bytes, its shape says %zu", (long long)entry.length,
                          size_bytes);
    if ((uint64_t)entry.offset > map->size_bytes || size_bytes > map->size_bytes - (size_t)entry.offset)
        return socle_fail(SOCLE_INVALID_FILE,
                          "its external data of %zu bytes at offset %lld lies beyond the end of '%.*s' (%zu bytes)", size_bytes,
                          (long long)entry.offset, (int)entry.location.size, (const char *)entry.location.bytes, map->size_bytes);
    *out = (wire_span){map->bytes + entry.offset, size_bytes};
    return SOCLE_OK;
}
