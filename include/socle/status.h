/* Status codes, the calling thread's error message, and log levels. */
#ifndef SOCLE_STATUS_H
#define SOCLE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SOCLE_API __attribute__((visibility("default")))
#else
#define SOCLE_API
#endif

/* X(name, value, text): the one list of codes and texts. */
#define SOCLE_STATUS_LIST(X)                                                                                                     \
    X(OK, 0, "success")                                                                                                          \
    X(INVALID_ARGUMENT, -1, "invalid argument")                                                                                  \
    X(OUT_OF_MEMORY, -2, "out of host memory")                                                                                   \
    X(DEVICE_OUT_OF_MEMORY, -3, "out of device memory")                                                                          \
    X(NO_DEVICE, -4, "no usable device")                                                                                         \
    X(DEVICE_LOST, -5, "device lost")                                                                                            \
    X(COMPILE_FAILED, -6, "kernel compilation failed")                                                                           \
    X(UNSUPPORTED, -7, "not supported")                                                                                          \
    X(IO, -8, "input/output error")                                                                                              \
    X(INVALID_FILE, -9, "invalid file")                                                                                          \
    X(SHAPE_MISMATCH, -10, "shapes do not fit")                                                                                  \
    X(TYPE_MISMATCH, -11, "types do not fit")                                                                                    \
    X(NOT_FOUND, -12, "not found")                                                                                               \
    X(NOT_FINITE, -13, "a value is not finite")                                                                                  \
    X(INTERRUPTED, -14, "interrupted")                                                                                           \
    X(TIMEOUT, -15, "timed out")                                                                                                 \
    X(DRIVER, -16, "driver error")                                                                                               \
    X(WRONG_RESULT, -17, "wrong result")                                                                                         \
    X(INTERNAL, -18, "internal error")

typedef enum socle_status {
#define SOCLE_STATUS_ENUM(name, value, text) SOCLE_##name = value,
    SOCLE_STATUS_LIST(SOCLE_STATUS_ENUM)
#undef SOCLE_STATUS_ENUM
} socle_status;

/* Short text of a code, e.g. "out of device memory"; "unknown status" for any other number. Never NULL. */
SOCLE_API const char *socle_status_text(socle_status status);

/* The calling thread's last error: what, where, and what to do about it. "" before the first error.
 * Valid until the thread's next failing call. */
SOCLE_API const char *socle_error_message(void);

typedef enum socle_log_level { SOCLE_LOG_ERROR, SOCLE_LOG_WARN, SOCLE_LOG_INFO, SOCLE_LOG_DEBUG } socle_log_level;

/* Receives log lines (no newline at the end). May be called from any thread, also from several at once. */
typedef void (*socle_log_callback)(socle_log_level level, const char *line, void *user);

/* The library's version, "MAJOR.MINOR.PATCH". */
SOCLE_API const char *socle_version(void);

#ifdef __cplusplus
}
#endif
#endif
