/* Sessions: a model with frozen weights, planned, compiled and ready to answer. */
#ifndef SOCLE_SESSION_H
#define SOCLE_SESSION_H

#include <socle/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct socle_session socle_session;
typedef struct socle_plan_options socle_session_options;
#define SOCLE_SESSION_OPTIONS_INIT SOCLE_PLAN_OPTIONS_INIT

/* Plans, compiles, uploads the weights and warms up. The session keeps no reference to the model afterwards, except that
 * it may share its memory: destroy the model after the session. Errors: NO_DEVICE, UNSUPPORTED, SHAPE_MISMATCH,
 * DEVICE_OUT_OF_MEMORY, COMPILE_FAILED. */
SOCLE_API socle_status socle_session_create(socle_context *context, const socle_model *model,
                                            const socle_session_options *options, socle_session **session);
SOCLE_API void socle_session_destroy(socle_session *session);

/* One inference. inputs in the model's order, of its types and the planned shapes (another shape is planned on first use
 * and kept). outputs: caller-owned memory; dims and dtype are checked, rank -1 takes whatever comes (dims, dtype and
 * size_bytes are then filled; data must have room: size_bytes on entry is the capacity). Thread-safe. */
SOCLE_API socle_status socle_session_run(socle_session *session, const socle_tensor *inputs, int input_count,
                                         socle_tensor *outputs, int output_count);

/* Shape and type of an output for the planned input shapes. */
SOCLE_API socle_status socle_session_output(const socle_session *session, int index, socle_value_info *info);
SOCLE_API socle_status socle_session_input(const socle_session *session, int index, socle_value_info *info);

/* One line: device, ms, and why. Owned by the session. */
SOCLE_API const char *socle_session_placement(const socle_session *session);
/* The plan that the session runs; owned by the session. */
SOCLE_API socle_plan *socle_session_plan(const socle_session *session);

typedef struct socle_session_times {
    double load_ms;    /* planning and weights */
    double compile_ms; /* programs */
    uint64_t peak_memory_bytes;
    int device_count;
    const char *device[8];
    double share[8]; /* of the batch */
} socle_session_times;
SOCLE_API void socle_session_get_times(const socle_session *session, socle_session_times *times);

typedef struct socle_step_time {
    const char *op; /* ONNX operators fused into the step */
    const char *kernel;
    const char *algorithm;
    const char *device;
    double us;
} socle_step_time;
/* Runs once with a wait after each step. visitor is called for each in order. */
SOCLE_API socle_status socle_session_profile(socle_session *session, const socle_tensor *inputs, int input_count,
                                             void (*visitor)(const socle_step_time *step, void *user), void *user);

#ifdef __cplusplus
}
#endif
#endif
