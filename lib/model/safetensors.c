/* safetensors: a JSON header with names, types, shapes and places, then the elements of all tensors without gaps.
 * https://github.com/huggingface/safetensors#format */
#include "model.h"
#include "wire.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 8
#define MAX_HEADER_BYTES ((uint64_t)100 << 20)
#define ALIGNMENT 64 /* of the first element in files written here */

static const struct {
    socle_dtype dtype;
    const char *name;
} types[] = {
    {SOCLE_FLOAT64, "F64"}, {SOCLE_FLOAT32, "F32"}, {SOCLE_FLOAT16, "F16"}, {SOCLE_BFLOAT16, "BF16"}, {SOCLE_INT64, "I64"},
    {SOCLE_INT32, "I32"},   {SOCLE_INT16, "I16"},   {SOCLE_INT8, "I8"},     {SOCLE_UINT8, "U8"},      {SOCLE_BOOL, "BOOL"},
};

static const char *type_name(socle_dtype dtype)
{
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (types[i].dtype == dtype)
            return types[i].name;
    }
    return "";
}

static socle_dtype type_of(const char *name)
{
    for (size_t i = 0; name != NULL && i < COUNT_OF(types); i++) {
        if (strcmp(types[i].name, name) == 0)
            return types[i].dtype;
    }
    return SOCLE_NONE;
}

/* ---- writing ---- */

/* metadata_json: an object of strings, or NULL. */
static char *make_header(const named_tensor *tensors, int count, const char *metadata_json)
{
    text t = {0};
    size_t offset = 0;
    text_add(&t, "{");
    if (metadata_json != NULL)
        text_addf(&t, "\"__metadata__\":%s%s", metadata_json, count > 0 ? "," : "");
    for (int i = 0; i < count; i++) {
        const socle_tensor *tensor = &tensors[i].tensor;
        text_add_json(&t, tensors[i].name);
        text_addf(&t, ":{\"dtype\":\"%s\",\"shape\":[", type_name(tensor->dtype));
        for (int k = 0; k < tensor->rank; k++)
            text_addf(&t, "%s%lld", k > 0 ? "," : "", (long long)tensor->dims[k]);
        text_addf(&t, "],\"data_offsets\":[%zu,%zu]}%s", offset, offset + tensor->size_bytes, i + 1 < count ? "," : "");
        offset += tensor->size_bytes;
    }
    text_add(&t, "}");
    while (!t.failed && (LENGTH_BYTES + t.length) % ALIGNMENT != 0)
        text_add(&t, " ");
    return text_take(&t);
}

socle_status safetensors_write(const char *path, const named_tensor *tensors, int count, const char *metadata_json)
{
    file_writer *writer = NULL;
    char *header = make_header(tensors, count, metadata_json);
    if (header == NULL)
        return SOCLE_OUT_OF_MEMORY;
    const uint64_t length = strlen(header);
    uint8_t front[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++)
        front[i] = (uint8_t)(length >> (8 * i));
    socle_status status = file_writer_open(path, &writer);
    if (status == SOCLE_OK) {
        status = file_writer_write(writer, front, sizeof(front));
        if (status == SOCLE_OK)
            status = file_writer_write(writer, header, length);
        for (int i = 0; status == SOCLE_OK && i < count; i++)
            status = file_writer_write(writer, tensors[i].tensor.data, tensors[i].tensor.size_bytes);
        if (status == SOCLE_OK)
            status = file_writer_commit(writer);
        else
            file_writer_cancel(writer);
    }
    memory_free(header);
    return status;
}

/* ---- reading ---- */

static socle_status fail_tensor(const char *name, const char *what)
{
    return socle_fail(SOCLE_INVALID_FILE, "tensor '%s' %s: the file is damaged", name, what);
}

static bool read_size(const json_t *number, int64_t *size)
{
    *size = json_is_integer(number) ? json_integer_value(number) : -1;
    return *size >= 0;
}

static socle_status read_shape(const char *name, const json_t *shape, socle_tensor *tensor)
{
    if (!json_is_array(shape) || json_array_size(shape) > SOCLE_MAX_RANK)
        return fail_tensor(name, "has no shape, or too many dimensions");
    int64_t size_bytes = (int64_t)socle_dtype_size_bytes(tensor->dtype);
    tensor->rank = (int)json_array_size(shape);
    for (int i = 0; i < tensor->rank; i++) {
        if (!read_size(json_array_get(shape, (size_t)i), &tensor->dims[i]) ||
            !multiply_fits(size_bytes, tensor->dims[i], &size_bytes))
            return fail_tensor(name, "has an impossible shape");
    }
    tensor->size_bytes = (size_t)size_bytes;
    return SOCLE_OK;
}

/* elements: what follows the header. */
static socle_status read_entry(const char *name, const json_t *entry, wire_span elements, named_tensor *out)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    int64_t begin, end;
    socle_tensor tensor = {.dtype = type_of(json_string_value(json_object_get(entry, "dtype")))};
    if (tensor.dtype == SOCLE_NONE)
        return socle_fail(SOCLE_UNSUPPORTED, "tensor '%s' has an element type that is not supported", name);
    const socle_status status = read_shape(name, json_object_get(entry, "shape"), &tensor);
    if (status != SOCLE_OK)
        return status;
    if (json_array_size(offsets) != 2 || !read_size(json_array_get(offsets, 0), &begin) ||
        !read_size(json_array_get(offsets, 1), &end))
        return fail_tensor(name, "has no place");
    if (end < begin || (uint64_t)end > elements.size || (uint64_t)(end - begin) != tensor.size_bytes)
        return fail_tensor(name, "lies beyond the end of the file, or does not have its shape's size");
    const uint8_t *data = elements.bytes + begin;
    if ((uintptr_t)data % socle_dtype_size_bytes(tensor.dtype) != 0)
        return fail_tensor(name, "is not aligned");
    tensor.data = (void *)(uintptr_t)data;
    out->tensor = tensor;
    out->name = memory_copy_string(name);
    return out->name == NULL ? SOCLE_OUT_OF_MEMORY : SOCLE_OK;
}

static socle_status parse_header(const file_map *map, json_t **header, wire_span *elements)
{
    json_error_t error;
    uint64_t length = 0;
    if (map->size_bytes < LENGTH_BYTES)
        return socle_fail(SOCLE_INVALID_FILE, "is not a safetensors file: it is too short");
    for (int i = 0; i < LENGTH_BYTES; i++)
        length |= (uint64_t)map->bytes[i] << (8 * i);
    if (length > MAX_HEADER_BYTES || length > map->size_bytes - LENGTH_BYTES)
        return socle_fail(SOCLE_INVALID_FILE, "is not a safetensors file, or its header is cut off");
    *header = json_loadb((const char *)map->bytes + LENGTH_BYTES, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(*header))
        return socle_fail(SOCLE_INVALID_FILE, "its header is not valid JSON (%s)", *header == NULL ? error.text : "no object");
    *elements = (wire_span){map->bytes + LENGTH_BYTES + length, map->size_bytes - LENGTH_BYTES - (size_t)length};
    return SOCLE_OK;
}

static socle_status copy_metadata(const json_t *metadata, char **out)
{
    char *dumped = json_dumps(metadata, JSON_COMPACT);
    *out = dumped == NULL ? NULL : memory_copy_string(dumped);
    free(dumped);
    return *out == NULL ? socle_fail(SOCLE_OUT_OF_MEMORY, "out of host memory: metadata") : SOCLE_OK;
}

static void free_tensors(named_tensor *tensors, int count)
{
    for (int i = 0; i < count; i++)
        memory_free(tensors[i].name);
    memory_free(tensors);
}

static socle_status read_entries(json_t *header, wire_span elements, named_tensor **tensors, int *count, char **metadata_json)
{
    const char *name;
    json_t *entry;
    char *metadata = NULL;
    int read = 0;
    named_tensor *list = memory_alloc_array(json_object_size(header), sizeof(*list));
    socle_status status = list == NULL ? SOCLE_OUT_OF_MEMORY : SOCLE_OK;
    json_object_foreach(header, name, entry)
    {
        if (status != SOCLE_OK)
            break;
        if (strcmp(name, "__metadata__") == 0)
            status = metadata_json != NULL ? copy_metadata(entry, &metadata) : SOCLE_OK;
        else if ((status = read_entry(name, entry, elements, &list[read])) == SOCLE_OK)
            read++;
    }
    if (status != SOCLE_OK) {
        free_tensors(list, read);
        memory_free(metadata);
        return status;
    }
    *tensors = list;
    *count = read;
    if (metadata_json != NULL)
        *metadata_json = metadata;
    return SOCLE_OK;
}

socle_status safetensors_read(const char *path, file_map *map, named_tensor **tensors, int *count, char **metadata_json)
{
    file_map opened = {0};
    json_t *header = NULL;
    wire_span elements = {0};
    socle_status status = file_map_open(path, &opened);
    if (status != SOCLE_OK)
        return status;
    status = parse_header(&opened, &header, &elements);
    if (status == SOCLE_OK)
        status = read_entries(header, elements, tensors, count, metadata_json);
    json_decref(header);
    if (status == SOCLE_OK) {
        *map = opened;
    } else {
        socle_fail_in(status, "%s", path);
        file_map_close(&opened);
    }
    return status;
}
