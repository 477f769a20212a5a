/* Sub-devices: parts of a device by compute units. Each is a device like any other, with an id that says how it was made:
 * "pocl/pthread-0/2:0" is the first of two equal parts, "pocl/pthread-0/1+3:1" the second of parts of 1 and 3 units. They are
 * made once, and belong to the context. */
#include "room.h"

#include <string.h>

static char *part_id(const socle_device *device, int count, const int *units, int index)
{
    text id = {0};
    text_addf(&id, "%s/", device->info.id);
    if (units == NULL)
        text_addf(&id, "%d", count);
    for (int i = 0; i < count && units != NULL; i++)
        text_addf(&id, "%s%d", i > 0 ? "+" : "", units[i]);
    text_addf(&id, ":%d", index);
    return text_take(&id);
}

/* The parts, if they were made before. */
static socle_status find_made(const socle_device *device, int count, const int *units, socle_device **parts, bool *made)
{
    *made = true;
    for (int i = 0; i < count && *made; i++) {
        char *id = part_id(device, count, units, i);
        if (id == NULL)
            return SOCLE_OUT_OF_MEMORY;
        parts[i] = device_with_id(device->context, id);
        *made = parts[i] != NULL;
        memory_free(id);
    }
    return SOCLE_OK;
}

static socle_status check_request(const socle_device *device, int count, const int *units)
{
    const device_capabilities *c = &device->capabilities;
    int64_t asked_units = 0;
    if (device->info.status != SOCLE_DEVICE_OK)
        return socle_fail(SOCLE_NO_DEVICE, "%s cannot be used: %s", device->info.id, device->info.reason);
    if (c->max_sub_devices < 2)
        return socle_fail(SOCLE_UNSUPPORTED, "%s cannot be split: use the whole device", device->info.id);
    if (count > c->max_sub_devices || count > c->compute_units)
        return socle_fail(SOCLE_UNSUPPORTED, "%s cannot be split into %d parts: it has %d compute units and allows %d parts",
                          device->info.id, count, c->compute_units, c->max_sub_devices);
    for (int i = 0; i < count && units != NULL; i++) {
        if (units[i] < 1)
            return socle_fail(SOCLE_INVALID_ARGUMENT, "part %d of %s must have at least one compute unit", i, device->info.id);
        asked_units += units[i];
    }
    if (asked_units > c->compute_units)
        return socle_fail(SOCLE_UNSUPPORTED, "%s has %d compute units, %lld are asked for", device->info.id, c->compute_units,
                          (long long)asked_units);
    const bool even = units == NULL && c->compute_units % count == 0;
    if (!c->partition_by_counts && !(even && c->partition_equally))
        return socle_fail(SOCLE_UNSUPPORTED, "the driver of %s splits it into equal parts only: %d compute units, %d parts",
                          device->info.id, c->compute_units, count);
    return SOCLE_OK;
}

/* Asks the driver. Equal parts of units that do not divide evenly leave the rest of the units out. */
static socle_status partition(socle_device *device, int count, const int *units, cl_device_id *made)
{
    const device_capabilities *c = &device->capabilities;
    const int equal_units = c->compute_units / count;
    cl_uint made_count = 0;
    cl_device_partition_property *properties = memory_alloc_array((size_t)count + 3, sizeof(*properties));
    if (properties == NULL)
        return SOCLE_OUT_OF_MEMORY;
    if (units == NULL && c->partition_equally && c->compute_units % count == 0) {
        properties[0] = CL_DEVICE_PARTITION_EQUALLY;
        properties[1] = equal_units;
    } else {
        properties[0] = CL_DEVICE_PARTITION_BY_COUNTS;
        for (int i = 0; i < count; i++)
            properties[1 + i] = units != NULL ? units[i] : equal_units;
        properties[1 + count] = CL_DEVICE_PARTITION_BY_COUNTS_LIST_END;
    }
    const cl_int code = clCreateSubDevices(device->cl_device, properties, (cl_uint)count, made, &made_count);
    memory_free(properties);
    if (code == CL_SUCCESS && made_count != (cl_uint)count) {
        for (cl_uint i = 0; i < made_count && i < (cl_uint)count; i++)
            clReleaseDevice(made[i]);
        return socle_fail(SOCLE_UNSUPPORTED, "%s: the driver made %u parts of %d: use another number of parts", device->info.id,
                          made_count, count);
    }
    return device_status(device, code, "clCreateSubDevices");
}

/* Takes over cl_device. */
static socle_status make_part(socle_device *device, cl_device_id cl_device, char *id, socle_device **part)
{
    char *platform_version = NULL;
    socle_device *made = device_new(device->context);
    if (made == NULL || id == NULL) {
        device_free(made);
        memory_free(id);
        clReleaseDevice(cl_device);
        return SOCLE_OUT_OF_MEMORY;
    }
    made->platform = device->platform;
    made->parent = device;
    made->cl_device = cl_device;
    made->info.id = id;
    made->info.is_sub_device = 1;
    socle_status status = platform_string(device->platform, CL_PLATFORM_VERSION, &platform_version);
    if (status == SOCLE_OK)
        status = device_describe(made, device->info.platform, platform_version);
    if (status == SOCLE_OK && made->info.status != SOCLE_DEVICE_OK)
        status = socle_fail(SOCLE_UNSUPPORTED, "%s cannot be used: %s", id, made->info.reason);
    if (status == SOCLE_OK)
        status = device_set_identity(made);
    memory_free(platform_version);
    if (status == SOCLE_OK)
        *part = made;
    else
        device_free(made);
    return status;
}

/* The context's lock is held. All parts or none are added. */
static socle_status make_parts(socle_device *device, int count, const int *units, socle_device **parts)
{
    const int before = device->context->device_count;
    int made_count = 0;
    cl_device_id *made = memory_alloc_array((size_t)count, sizeof(*made));
    if (made == NULL)
        return SOCLE_OUT_OF_MEMORY;
    socle_status status = partition(device, count, units, made);
    if (status != SOCLE_OK)
        goto cleanup;
    for (; made_count < count && status == SOCLE_OK; made_count++) {
        status = make_part(device, made[made_count], part_id(device, count, units, made_count), &parts[made_count]);
        if (status == SOCLE_OK) {
            status = device_append(device->context, parts[made_count]);
            if (status != SOCLE_OK)
                device_free(parts[made_count]);
        }
    }
    if (status != SOCLE_OK) {
        for (int i = made_count; i < count; i++)
            clReleaseDevice(made[i]);
        while (device->context->device_count > before)
            device_free(device->context->devices[--device->context->device_count]);
    }
cleanup:
    memory_free(made);
    return status;
}

socle_status socle_device_split(socle_device *device, int count, const int *units, socle_device **parts)
{
    if (device == NULL || parts == NULL || count < 1)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_device_split: device and parts must not be NULL, count at least 1");
    socle_status status = check_request(device, count, units);
    if (status != SOCLE_OK)
        return status;
    socle_device **found = memory_alloc_array((size_t)count, sizeof(*found));
    bool made = false;
    if (found == NULL)
        return SOCLE_OUT_OF_MEMORY;
    pthread_mutex_lock(&device->context->lock);
    status = find_made(device, count, units, found, &made);
    if (status == SOCLE_OK && !made)
        status = make_parts(device, count, units, found);
    pthread_mutex_unlock(&device->context->lock);
    if (status == SOCLE_OK)
        memcpy(parts, found, (size_t)count * sizeof(*found));
    memory_free(found);
    return status;
}
