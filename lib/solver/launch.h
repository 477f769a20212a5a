/* What the ways to run an operator share: which types and devices there are, compile options, launches with their epilogue,
 * estimates. */
#ifndef SOCLE_LIB_SOLVER_LAUNCH_H
#define SOCLE_LIB_SOLVER_LAUNCH_H

#include "solver.h"

/* ---- types and devices ---- */

const char *storage_name(socle_dtype dtype);                      /* STORAGE of kernels/common/storage.cl; NULL: none */
bool storage_is_real32(socle_dtype dtype);                        /* computed with in float: float32, float16, bfloat16 */
bool storage_runs(socle_dtype dtype, const socle_device *device); /* the device can compute with it */

/* Wants explicit vectors and one work-item per group, rather than groups of many work-items. */
bool device_is_cpu_shaped(const socle_device *device);
int device_lanes(const socle_device *device); /* floats of a vector: 16, 8 or 4 */
int device_units(const socle_device *device); /* compute units, at least 1 */
/* Of local memory, for ways on CPUs: some of it is the driver's own, and what is larger than a core's second-level cache would
 * not help. */
int64_t device_cached_local_bytes(const socle_device *device);
/* Turns of all loops of a work-item together that the device runs: Mesa's llvmpipe silently ends loops after 65,535. */
int64_t device_loop_turns(const socle_device *device);
/* Kernels whose work-items run through long loops, made for CPUs, can run on it. */
static inline bool device_runs_long_loops(const socle_device *device)
{
    return !device_has_quirk(device, QUIRK_LOOP_LIMIT);
}
/* Work-items of a group for kernels that share local memory: a power of two that the device takes, at most `wanted`. */
int device_group_items(const socle_device *device, int wanted);

/* ---- launches ---- */

typedef struct solver_launch {
    const char *algorithm, *source, *kernel;
    text options; /* taken: finished by solver_launch_emit */
    text prelude; /* goes in front of the kernel, before the epilogue; taken */
    step_arg args[STEP_MAX_ARGS];
    int arg_count;
    int dims;
    size_t global[3], local[3]; /* local all 0: the driver chooses */
    bool epilogue;              /* apply the problem's; its operands are added behind the arguments */
    bool channel_uniform;       /* lanes of a vector share the channel: the epilogue reads one value for all */
    double flops, bytes;
} solver_launch;

void launch_arg(solver_launch *launch, step_arg arg);
/* Appends the step; nothing where the launch has no work-items. Releases the launch's texts, also on failure. */
socle_status launch_emit(solver_launch *launch, const problem *p, const solver_operands *operands, step_list *steps);

/* ---- estimates ---- */

/* Bytes that memory moves while the device does one float32 operation at its peak, by its profile. */
double device_bytes_per_flop(const socle_device *device);
/* Seconds of launches that do `flops` at `share` of the device's peak and move `bytes`; groups: independent parts (0: plenty). */
double estimate_s(const socle_device *device, double flops, double share, double bytes, int launches, int64_t groups);

/* Into how many groups, `least` or more, to cut a launch that does `flops` at `share` of the device's peak. Where a driver's
 * threads sleep between launches some come late, by more than twice what waiting costs: small groups let the others do their
 * part meanwhile, but each group takes some time of its own. */
int64_t launch_parts(const socle_device *device, double flops, double share, int64_t least);

typedef int (*tuning_candidates)(const problem *p, const socle_device *device, tuning *out, int capacity);
/* The tuning itself, or the first candidate where value[which] is 0, which it is of the default alone. */
tuning tuning_resolve(const problem *p, const socle_device *device, const tuning *t, int which, tuning_candidates candidates);

/* `candidates` of ways with nothing to tune. */
int one_candidate(const problem *p, const socle_device *device, tuning *out, int capacity);
/* `candidates` of ways whose one parameter is the work-items of a group; 0: as many as the way thinks fit. */
int group_size_candidates(const problem *p, const socle_device *device, tuning *out, int capacity);
/* Appends a tuning unless it is there already or there is no room; returns the new count. */
int add_candidate(tuning *out, int count, int capacity, tuning t);
/* Puts a tuning among those ranked by costs[], the cheapest first, of which at most capacity are kept, unless it is one of them;
 * returns the new count. */
int rank_candidate(tuning *out, double *costs, int count, int capacity, tuning t, double cost);

#endif
