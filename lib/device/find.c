/* Devices by id, index or sub-device id, and narrowing a context to some of them. */
#include "room.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

int socle_device_count(const socle_context *context)
{
    return context != NULL ? context->listed_count : 0;
}

socle_device *socle_device_at(const socle_context *context, int index)
{
    return context != NULL && index >= 0 && index < context->listed_count ? context->devices[index] : NULL;
}

const socle_device_info *socle_device_get_info(const socle_device *device)
{
    return device != NULL ? &device->info : NULL;
}

socle_device *device_with_id(const socle_context *context, const char *id)
{
    for (int i = 0; i < context->device_count; i++)
        if (strcmp(context->devices[i]->info.id, id) == 0)
            return context->devices[i];
    return NULL;
}

static socle_status fail_not_found(const socle_context *context, const char *id)
{
    if (context->listed_count == 0)
        return socle_fail(SOCLE_NO_DEVICE,
                          "no device '%s': no OpenCL device was found: install a driver, such as pocl-opencl-icd", id);
    text ids = {0};
    for (int i = 0; i < context->listed_count; i++)
        text_addf(&ids, "%s%s", i > 0 ? ", " : "", context->devices[i]->info.id);
    char *list = text_take(&ids);
    if (list == NULL)
        return SOCLE_OUT_OF_MEMORY;
    socle_status status = socle_fail(SOCLE_NO_DEVICE, "no device '%s': there are %s", id, list);
    memory_free(list);
    return status;
}

static bool is_number(const char *string)
{
    const size_t digits = strspn(string, "0123456789");
    return digits > 0 && digits < 9 && string[digits] == '\0';
}

#define MAX_PARTS 256

/* The part behind the last '/' of a sub-device's id: "2:0", or "1+3:0" for parts of 1 and 3 units. units[] is filled in the
 * second case, *equal tells which it is. */
static bool parse_part(const char *part, int units[MAX_PARTS], int *count, int *index, bool *equal)
{
    char *end = (char *)part;
    int numbers = 0;
    do {
        if (!isdigit((unsigned char)*end) || numbers == MAX_PARTS)
            return false;
        const long number = strtol(end, &end, 10);
        if (number < 1 || number > 65536)
            return false;
        units[numbers++] = (int)number;
    } while (*end++ == '+');
    if (end[-1] != ':' || !is_number(end))
        return false;
    *equal = numbers == 1;
    *count = *equal ? units[0] : numbers;
    *index = atoi(end);
    return *count <= MAX_PARTS && *index < *count;
}

static socle_status find_part(socle_context *context, const char *id, socle_device **device);

static socle_status find(socle_context *context, const char *id, socle_device **device)
{
    pthread_mutex_lock(&context->lock);
    socle_device *found = is_number(id) ? socle_device_at(context, atoi(id)) : device_with_id(context, id);
    pthread_mutex_unlock(&context->lock);
    if (found == NULL)
        return find_part(context, id, device);
    *device = found;
    return SOCLE_OK;
}

/* Makes the sub-device that an id names. */
static socle_status find_part(socle_context *context, const char *id, socle_device **device)
{
    int units[MAX_PARTS], count, index;
    bool equal;
    const char *slash = strrchr(id, '/');
    if (slash == NULL || !parse_part(slash + 1, units, &count, &index, &equal))
        return fail_not_found(context, id);
    char *whole = memory_copy_string(id);
    socle_device *parent;
    if (whole == NULL)
        return SOCLE_OUT_OF_MEMORY;
    whole[slash - id] = '\0';
    socle_status status = find(context, whole, &parent);
    memory_free(whole);
    if (status != SOCLE_OK)
        return status == SOCLE_NO_DEVICE ? fail_not_found(context, id) : status;
    socle_device *parts[MAX_PARTS];
    status = socle_device_split(parent, count, equal ? NULL : units, parts);
    if (status == SOCLE_OK)
        *device = parts[index];
    return status;
}

socle_status socle_device_find(socle_context *context, const char *id, socle_device **device)
{
    if (context == NULL || id == NULL || device == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_device_find: context, id and device must not be NULL");
    while (isspace((unsigned char)*id))
        id++;
    size_t length = strlen(id);
    while (length > 0 && isspace((unsigned char)id[length - 1]))
        length--;
    char *trimmed = memory_copy_string(id);
    if (trimmed == NULL)
        return SOCLE_OUT_OF_MEMORY;
    trimmed[length] = '\0';
    socle_status status = find(context, trimmed, device);
    memory_free(trimmed);
    return status;
}

/* ---- narrowing ---- */

static bool is_parent_of_another(const socle_context *context, const socle_device *device, const bool *kept)
{
    for (int i = 0; i < context->device_count; i++)
        for (const socle_device *up = kept[i] ? context->devices[i]->parent : NULL; up != NULL; up = up->parent)
            if (up == device)
                return true;
    return false;
}

/* Room for every device among the hidden ones, so that dividing cannot fail halfway. */
static socle_status divide(socle_context *context, const bool *kept)
{
    context->hidden = memory_alloc_array((size_t)context->device_count, sizeof(*context->hidden));
    if (context->hidden == NULL)
        return SOCLE_OUT_OF_MEMORY;
    context->hidden_capacity = context->device_count;
    for (int i = 0; i < context->device_count; i++) /* parents stand before their parts: so they do among the hidden */
        if (!kept[i] && is_parent_of_another(context, context->devices[i], kept))
            context->hidden[context->hidden_count++] = context->devices[i];
    for (int i = context->device_count - 1; i >= 0; i--)
        if (!kept[i] && !is_parent_of_another(context, context->devices[i], kept))
            device_free(context->devices[i]);
    int count = 0;
    for (int i = 0; i < context->device_count; i++)
        if (kept[i])
            context->devices[count++] = context->devices[i];
    context->device_count = context->listed_count = count;
    for (int i = 0; i < count; i++)
        context->devices[i]->info.index = i;
    return SOCLE_OK;
}

static int position(const socle_context *context, const socle_device *device)
{
    int i = 0;
    while (context->devices[i] != device)
        i++;
    return i;
}

socle_status device_filter(socle_context *context, const char *filter)
{
    socle_status status = SOCLE_OK;
    socle_device **named = NULL;
    bool *kept = NULL;
    int count = 0, capacity = 0;
    char *rest = NULL, *list = memory_copy_string(filter);
    if (list == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (char *id = strtok_r(list, ",", &rest); id != NULL && status == SOCLE_OK; id = strtok_r(NULL, ",", &rest)) {
        socle_device *device = NULL;
        status = socle_device_find(context, id, &device);
        if (status == SOCLE_OK && !ARRAY_RESERVE(named, count, capacity))
            status = SOCLE_OUT_OF_MEMORY;
        if (status == SOCLE_OK)
            named[count++] = device;
    }
    if (status == SOCLE_OK && count > 0) {
        kept = memory_alloc_array((size_t)context->device_count, sizeof(*kept));
        for (int i = 0; i < count && kept != NULL; i++)
            kept[position(context, named[i])] = true;
        status = kept != NULL ? divide(context, kept) : SOCLE_OUT_OF_MEMORY;
    }
    memory_free(kept);
    memory_free(named);
    memory_free(list);
    return status;
}
