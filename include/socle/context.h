/* A context: the devices of this machine, the store of what was compiled and measured, and the log. */
#ifndef SOCLE_CONTEXT_H
#define SOCLE_CONTEXT_H

#include <socle/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct socle_context socle_context;

typedef struct socle_context_options {
    size_t size;                  /* sizeof(socle_context_options) */
    const char *cache_dir;        /* folder of the store; NULL: $SOCLE_CACHE_DIR, $XDG_CACHE_HOME/socle, ~/.cache/socle;
                                     "": keep everything in memory */
    const char *devices;          /* "ID,ID,..." (ids or indices) narrows the devices; NULL: $SOCLE_DEVICES; "" : all */
    int pocl_basic;               /* 1: ask PoCL for its `basic` device (runs in the calling thread) beside `pthread`, by
                                     setting POCL_DEVICES unless the user set it. Changes the process's environment; only
                                     works before the process's first OpenCL call. */
    uint64_t memory_budget_bytes; /* cap of each device's memory that Socle allocates; 0: by the device's report */
    socle_log_callback log;       /* NULL: no log */
    void *log_user;
    socle_log_level log_level;
    int pocl_affinity; /* 1: ask PoCL to keep each of its threads on a processor of its own, by setting POCL_AFFINITY unless the
                          user set it, where the process may run on all processors. Threads that roam often share one for work
                          of less than a few ms. Changes the process's environment; only works before its first OpenCL call. */
} socle_context_options;

#define SOCLE_CONTEXT_OPTIONS_INIT                                                                                               \
    {                                                                                                                            \
        sizeof(socle_context_options), 0, 0, 0, 0, 0, 0, SOCLE_LOG_WARN, 0                                                       \
    }

/* Finds all devices of all platforms and opens the store. options may be NULL (defaults). A platform that fails is
 * kept as refused devices and hides no other. A store that cannot be written is used read-only or in memory, with a
 * warning in the log. Errors: NO_DEVICE only where `devices` names one that is not there; INVALID_ARGUMENT.
 * The caller owns *context and must destroy everything made from it first. Thread-safe. */
SOCLE_API socle_status socle_context_create(const socle_context_options *options, socle_context **context);
SOCLE_API void socle_context_destroy(socle_context *context);

/* The store: compiled programs, tunings, profiles and decisions. */
typedef struct socle_cache_entry {
    const char *kind; /* "program", "tuning", "profile", "decision" */
    const char *name; /* what it is, for people */
    const char *device;
    uint64_t size_bytes;
    uint64_t hits;
    int valid; /* 0: its checksum does not match */
} socle_cache_entry;

typedef int (*socle_cache_visitor)(const socle_cache_entry *entry, void *user); /* non-zero stops the walk */

/* Path of the store's file; "" when it is kept in memory. */
SOCLE_API const char *socle_cache_path(const socle_context *context);
/* Visits every entry; verify != 0 recomputes every checksum (XXH3-128). */
SOCLE_API socle_status socle_cache_visit(socle_context *context, int verify, socle_cache_visitor visitor, void *user);
/* Removes every entry, or those of one kind (NULL: all). */
SOCLE_API socle_status socle_cache_clear(socle_context *context, const char *kind);

#ifdef __cplusplus
}
#endif
#endif
