/* What the files of this room share and no other room sees. */
#ifndef SOCLE_LIB_DEVICE_ROOM_H
#define SOCLE_LIB_DEVICE_ROOM_H

#include "device.h"

/* ---- capabilities.c ---- */

/* A string that a platform or a device tells of itself, allocated (memory_free); NULL with the message set. */
socle_status platform_string(cl_platform_id platform, cl_platform_info what, char **out);
socle_status device_string(cl_device_id device, cl_device_info what, char **out);
/* Reads everything a device says. Strings and capabilities belong to `device`, also on failure. */
socle_status capabilities_read(socle_device *device, const char *platform_version);
/* Whether a list of names separated by blanks holds `name` as a whole word. */
bool extension_listed(const char *extensions, const char *name);

/* ---- quirks.c ---- */

unsigned quirks_of(const socle_device *device);

/* ---- identity.c ---- */

/* First part of ids: "pocl", "intel", "rusticl"; allocated. icd_suffix may be NULL. */
char *platform_slug(const char *name, const char *icd_suffix);
/* Second part without its index: "pthread", "cpu", "geforce-rtx-3090"; allocated. */
char *device_slug(const char *name, const char *vendor, socle_device_type type);
/* Sets info.id to "platform/device-N", N the first number that no device of the context has. */
socle_status device_set_id(const socle_context *context, socle_device *device, const char *platform, const char *slug);
/* Sets what keys of the store contain; info and id must be there. */
socle_status device_set_identity(socle_device *device);

/* ---- lifetime (enumerate.c) ---- */

socle_device *device_new(socle_context *context);
void device_free(socle_device *device); /* takes NULL */
/* Reads a device whose platform and cl_device are set, and gives it all but its id. */
socle_status device_describe(socle_device *device, const char *platform_name, const char *platform_version);
/* Appends to the context's devices. The context's lock is held, or nobody else knows the context yet. */
socle_status device_append(socle_context *context, socle_device *device);
/* Keeps only the devices that `filter` names, in their old order. */
socle_status device_filter(socle_context *context, const char *filter);
/* The device of the context with this id, NULL if none; the lock is held. */
socle_device *device_with_id(const socle_context *context, const char *id);

/* ---- buffer.c ---- */

/* INVALID_ARGUMENT where the span has no buffer or leaves it. */
socle_status span_check(socle_span span, const char *what);

/* ---- pool.c ---- */

typedef struct device_pool device_pool;

socle_status pool_create(device_pool **pool);
void pool_destroy(device_pool *pool); /* takes NULL */
/* A block of at least size_bytes (> 0). */
socle_status pool_take(socle_device *device, size_t size_bytes, cl_mem *memory, size_t *capacity_bytes);
void pool_give(socle_device *device, cl_mem memory, size_t capacity_bytes);

#endif
