/* Own OpenCL kernels through Socle's program cache and tuner, for work that is no network at all. */
#ifndef SOCLE_KERNEL_H
#define SOCLE_KERNEL_H

#include <socle/buffer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct socle_kernel socle_kernel;

/* Compiles (or takes from the store) OpenCL C `source` with `options` ("" or NULL: none) and makes its kernel `name`.
 * The caller owns *kernel. Errors: COMPILE_FAILED with the driver's log; NOT_FOUND: no kernel of that name. */
SOCLE_API socle_status socle_kernel_create(socle_device *device, const char *source, const char *options, const char *name,
                                           socle_kernel **kernel);
SOCLE_API void socle_kernel_destroy(socle_kernel *kernel);

/* Arguments by position; the kernel keeps no reference to `value`. A kernel is used from one thread at a time. */
SOCLE_API socle_status socle_kernel_set_span(socle_kernel *kernel, int index, socle_span span);
SOCLE_API socle_status socle_kernel_set_value(socle_kernel *kernel, int index, size_t size_bytes, const void *value);
SOCLE_API socle_status socle_kernel_set_local(socle_kernel *kernel, int index, size_t size_bytes);

/* Enqueues on the device's in-order queue and returns at once; socle_device_finish waits. local may be NULL. */
SOCLE_API socle_status socle_kernel_launch(socle_kernel *kernel, int dims, const size_t *global, const size_t *local);
/* Seconds of one launch: the median of `repeats` after one warm-up. */
SOCLE_API socle_status socle_kernel_measure(socle_kernel *kernel, int dims, const size_t *global, const size_t *local,
                                            int repeats, double *seconds);

/* One way to run the work that is tuned: compile options and the launch that goes with them. */
typedef struct socle_tune_candidate {
    const char *options;
    int dims;
    size_t global[3];
    size_t local[3]; /* all 0: the driver chooses */
} socle_tune_candidate;

/* Sets the arguments of a candidate's kernel. */
typedef socle_status (*socle_tune_bind)(socle_kernel *kernel, int candidate, void *user);

/* Measures the candidates within budget_s seconds and keeps the winner in the store under `problem` (any text that
 * names the work and its shape); a later call with the same problem, source and candidates answers from the store.
 * A candidate that fails to compile or run is left out. *best: index of the winner. *seconds (may be NULL): its median.
 * Errors: UNSUPPORTED when no candidate runs. */
SOCLE_API socle_status socle_kernel_tune(socle_device *device, const char *problem, const char *source, const char *name,
                                         const socle_tune_candidate *candidates, int count, socle_tune_bind bind, void *user,
                                         double budget_s, int *best, double *seconds);

#ifdef __cplusplus
}
#endif
#endif
