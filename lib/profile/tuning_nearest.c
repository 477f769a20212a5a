/* Ways for shapes that were never measured: the nearest problem that was. The shapes that are known of a device are read from the
 * store once, and again after something new was kept. */
#include "tuning.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_EXTENT                                                                                                          \
    8 /* below, numbers are kernels, strides, single rows: another number there asks for another algorithm                       \
       */
#define FURTHEST_LOG2 2.0

/* "f32", "i8", "u8", "bf16": types, whose numbers are no extents. */
static bool names_type(char before)
{
    return before == 'f' || before == 'i' || before == 'u';
}

double tuning_distance(const char *a, const char *b)
{
    double total = 0;
    int numbers = 0;
    char before = 0;
    while (*a != 0 && *b != 0) {
        if (!isdigit((unsigned char)*a) || !isdigit((unsigned char)*b)) {
            if (*a != *b)
                return INFINITY;
            before = *a;
            a++;
            b++;
            continue;
        }
        char *end_a, *end_b;
        const double x = (double)strtoull(a, &end_a, 10), y = (double)strtoull(b, &end_b, 10);
        const double log_ratio = x == y ? 0 : fabs(log2(x / y));
        if (x != y && (names_type(before) || x < SMALLEST_EXTENT || y < SMALLEST_EXTENT || log_ratio > FURTHEST_LOG2))
            return INFINITY;
        total += log_ratio;
        numbers += !names_type(before);
        a = end_a;
        b = end_b;
    }
    return *a != 0 || *b != 0 ? INFINITY : numbers > 0 ? total / numbers : 0;
}

/* ---- what is known of a device ---- */

typedef struct known_shape {
    char shape[200];
    way best;
} known_shape;

typedef struct known_shapes {
    int count;
    known_shape shapes[];
} known_shapes;

typedef struct collection {
    const socle_device *device;
    known_shape *items;
    int count, capacity;
} collection;

/* What is fastest on a device is a good guess for a part of it. */
static bool is_of(const socle_device *device, const char *identity)
{
    return strcmp(identity, device->identity) == 0 || (device->parent != NULL && strcmp(identity, device->parent->identity) == 0);
}

static void collect(const void *bytes, size_t size_bytes, void *user)
{
    collection *c = user;
    json_t *root = json_loadb(bytes, size_bytes, 0, NULL);
    const char *identity = json_string_value(json_object_get(root, "identity"));
    const char *version = json_string_value(json_object_get(root, "socle"));
    const char *shape = json_string_value(json_object_get(root, "shape"));
    known_shape item;
    if (identity != NULL && version != NULL && shape != NULL && is_of(c->device, identity) &&
        strcmp(version, socle_version()) == 0 && strlen(shape) < sizeof(item.shape) && tuning_way_from_json(root, &item.best) &&
        ARRAY_RESERVE(c->items, c->count, c->capacity)) {
        strcpy(item.shape, shape);
        c->items[c->count++] = item;
    }
    json_decref(root);
}

/* The device's lock is held. NULL: memory is out. */
static const known_shapes *known_of(socle_device *device)
{
    if (device->tunings != NULL)
        return device->tunings;
    collection c = {.device = device};
    store_read_kind(device->context->store, "tuning", collect, &c);
    known_shapes *known = memory_alloc(sizeof(*known) + sizeof(known_shape) * (size_t)c.count);
    if (known != NULL) {
        known->count = c.count;
        if (c.count > 0)
            memcpy(known->shapes, c.items, sizeof(known_shape) * (size_t)c.count);
        device->tunings = known;
    }
    memory_free(c.items);
    return known;
}

typedef struct neighbour {
    double distance;
    way best;
} neighbour;

#define MAX_NEIGHBOURS 4

/* The nearest so far, nearest first. */
static void insert(neighbour *list, int *count, double distance, const way *w)
{
    int place = *count;
    if (*count < MAX_NEIGHBOURS)
        (*count)++;
    else if (distance >= list[--place].distance)
        return;
    for (; place > 0 && list[place - 1].distance > distance; place--)
        list[place] = list[place - 1];
    list[place] = (neighbour){distance, *w};
}

bool tuning_nearest(socle_device *device, const problem *p, way *found)
{
    char shape[256];
    neighbour near[MAX_NEIGHBOURS];
    int count = 0;
    problem bare = *p;
    bare.epilogue = NULL;
    if (p->kind == PROBLEM_CUSTOM)
        return false;
    problem_text(&bare, shape, sizeof(shape));
    pthread_mutex_lock(&device->lock);
    const known_shapes *known = known_of(device);
    for (int i = 0; known != NULL && i < known->count; i++) {
        const double distance = tuning_distance(known->shapes[i].shape, shape);
        if (distance < INFINITY)
            insert(near, &count, distance, &known->shapes[i].best);
    }
    pthread_mutex_unlock(&device->lock);
    for (int i = 0; i < count; i++) {
        *found = near[i].best;
        if (way_adapt(found, p, device))
            return true;
    }
    return false;
}
