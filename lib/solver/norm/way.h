/* What the ways of batch normalization and of the gradients of normalizations share: rows (CPU-shaped: vectors), group
 * (GPU-shaped: a tree of work-items) and plain (one work-item) run the same kernels (kernels/norm/walk.cl) and differ in this
 * description alone. */
#ifndef SOCLE_LIB_SOLVER_NORM_WAY_H
#define SOCLE_LIB_SOLVER_NORM_WAY_H

#include "../launch.h"

typedef struct norm_way {
    const char *algorithm;
    bool vectors;
    int items;      /* of a work-group */
    int64_t groups; /* that share a channel, or the images of a line */
    double share;   /* of the device's peak that its arithmetic reaches */
} norm_way;

/* A solver's functions `name`_estimate, _workspace_bytes and _emit, from the function `name`_way that describes it; estimate_way,
 * workspace_of and emit_way are those of the file. */
#define NORM_WAY(name)                                                                                                           \
    static double name##_estimate(const problem *p, const socle_device *device, const tuning *t)                                 \
    {                                                                                                                            \
        const norm_way way = name##_way(p, device, t);                                                                           \
        return estimate_way(p, device, &way);                                                                                    \
    }                                                                                                                            \
    static size_t name##_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)                          \
    {                                                                                                                            \
        const norm_way way = name##_way(p, device, t);                                                                           \
        return workspace_of(p, &way);                                                                                            \
    }                                                                                                                            \
    static socle_status name##_emit(const problem *p, const socle_device *device, const tuning *t,                               \
                                    const solver_operands *operands, step_list *steps)                                           \
    {                                                                                                                            \
        const norm_way way = name##_way(p, device, t);                                                                           \
        return emit_way(p, device, &way, operands, steps);                                                                       \
    }

#define NORM_SOLVER(text, of_kind, way, tunings)                                                                                 \
    {                                                                                                                            \
        .name = text, .kind = of_kind, .applicable = way##_applicable, .candidates = tunings, .estimate = way##_estimate,        \
        .workspace_bytes = way##_workspace_bytes, .emit = way##_emit, .epilogues = true                                          \
    }

/* The options that they share. */
static inline void norm_way_options(solver_launch *launch, const problem *p, const socle_device *device, const norm_way *way)
{
    text_addf(&launch->options, "-DSTORAGE=%s -DVECTORS=%d -DITEMS=%d", storage_name(p->dtype), way->vectors, way->items);
    if (way->vectors)
        text_addf(&launch->options, " -DWIDTH=%d", device_lanes(device));
}

#endif
