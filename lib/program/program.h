/* program: from OpenCL C to a kernel ready to launch: embedded sources, specialization, compiling, the checked store,
 * and steps: one launch, copy, fill or library call each, with operands named by number until they are bound. */
#ifndef SOCLE_LIB_PROGRAM_H
#define SOCLE_LIB_PROGRAM_H

#include "../device/device.h"
#include <socle/kernel.h>

/* ---- embedded sources (generated at build time from kernels/) ---- */

typedef struct program_source {
    const char *name; /* path below kernels/ without .cl, e.g. "gemm/packed" */
    const char *text;
} program_source;

extern const program_source program_sources[];
extern const int program_source_count;

const char *program_source_text(const char *name); /* NULL: none of that name */

/* ---- the store (store.c): SQLite file, or memory where no folder can be written ---- */

typedef struct store store;

/* kinds: "program", "tuning", "profile", "decision". Each value carries its XXH3-128, checked before it is handed out; a
 * value that fails is dropped and counts as absent. Safe among threads and processes. */
socle_status store_open(const char *folder, const log_sink *log, store **out); /* folder "" or NULL: in memory */
void store_close(store *s);
const char *store_path(const store *s);
/* *bytes is allocated (memory_free); NOT_FOUND without a message change when absent. */
socle_status store_get(store *s, const char *kind, hash128 key, void **bytes, size_t *size_bytes, double *age_s);
/* Failure to write (full disk, read-only) is logged once and returned, never fatal to callers. name and device: for people. */
socle_status store_put(store *s, const char *kind, hash128 key, const char *name, const char *device, const void *bytes,
                       size_t size_bytes);
socle_status store_remove(store *s, const char *kind, hash128 key);
socle_status store_visit(store *s, bool verify, socle_cache_visitor visitor, void *user);
/* Reads all values of a kind whose checksum is right; the reader is called with the store's lock held and must not use the store.
 */
typedef void (*store_reader)(const void *bytes, size_t size_bytes, void *user);
socle_status store_read_kind(store *s, const char *kind, store_reader reader, void *user);
socle_status store_clear(store *s, const char *kind);
/* At most this much is kept (1 GiB when opened): what was not used for longest goes first, programs before anything else. */
void store_set_limit(store *s, uint64_t limit_bytes);

/* ---- programs ---- */

typedef struct program_spec {
    const char *source;  /* embedded name; NULL: the text is all in prelude */
    const char *prelude; /* OpenCL C in front of it (epilogues, generated kernels); NULL: none */
    const char *options; /* -D... ; NULL: none */
} program_spec;

typedef struct program program; /* counted; belongs to its device's cache */

/* Takes it from this device's cache, else from the store, else compiles. No lock is held while compiling. */
socle_status program_get(socle_device *device, const program_spec *spec, program **out);
void program_release(program *p);
/* Gets all of them, independent ones in parallel. */
socle_status program_get_all(socle_device *device, const program_spec *const *specs, int count);
socle_status program_kernel(program *p, const char *name, cl_kernel *kernel); /* a new kernel object each time */
/* To be called when the program's kernels have run once: drivers that compile at the first launch (PoCL) have something worth
 * storing only then. Does nothing where the binary is stored. */
void program_refresh_binary(program *p);
void program_cache_destroy(struct program_cache *cache);

/* ---- steps ---- */

typedef enum step_kind { STEP_LAUNCH, STEP_CALL, STEP_COPY, STEP_FILL } step_kind;

/* STEP_ARG_OPERAND: a span given by operand number; the others are values. */
typedef enum step_arg_kind { STEP_ARG_OPERAND, STEP_ARG_INT, STEP_ARG_LONG, STEP_ARG_FLOAT, STEP_ARG_LOCAL } step_arg_kind;

typedef struct step_arg {
    step_arg_kind kind;
    int operand;
    int64_t value; /* INT (32 bits), LONG (64 bits), LOCAL (bytes) */
    float real;    /* FLOAT */
} step_arg;

#define ARG_OPERAND(number) ((step_arg){STEP_ARG_OPERAND, (number), 0, 0})
#define ARG_INT(number) ((step_arg){STEP_ARG_INT, 0, (number), 0})
#define ARG_LONG(number) ((step_arg){STEP_ARG_LONG, 0, (number), 0})
#define ARG_FLOAT(number) ((step_arg){STEP_ARG_FLOAT, 0, 0, (number)})
#define ARG_LOCAL(bytes) ((step_arg){STEP_ARG_LOCAL, 0, (bytes), 0})

/* A host library that enqueues work itself (CLBlast): memory[i] belongs to args[i] of kind OPERAND. */
typedef socle_status (*step_call)(socle_device *device, cl_command_queue queue, const cl_mem *memory, const step_arg *args,
                                  int arg_count, const void *data);

#define STEP_MAX_ARGS 40

typedef struct step {
    step_kind kind;
    char *algorithm; /* "gemm/packed", "generated" */
    char *operators; /* ONNX operators it does, e.g. "Gemm+Relu" */
    /* launch */
    char *source, *prelude, *options; /* the program_spec, owned */
    char *kernel;
    step_arg args[STEP_MAX_ARGS];
    int arg_count;
    int dims;
    size_t global[3], local[3]; /* local all 0: the driver chooses */
    /* call: args as above */
    step_call call;
    void *call_data; /* owned; memory_free */
    /* copy: from operand to operand; fill: operand `to` */
    int from, to;
    size_t from_offset_bytes, to_offset_bytes, size_bytes;
    uint32_t fill; /* 4-byte pattern */
    /* for estimates */
    double flops, bytes;
    double estimated_us; /* filled by the planner; < 0: unknown */
} step;

typedef struct step_list {
    step *items;
    int count, capacity;
} step_list;

/* Appends a zeroed step and returns it, NULL when memory is out (message set). Strings are set with step_set. */
step *step_add(step_list *list, step_kind kind, const char *algorithm);
/* Replaces one of a step's strings by a copy of `string` (NULL: none). */
socle_status step_set(char **field, const char *string);
/* The usual launch in one call; spec's and kernel's strings are copied. */
socle_status step_launch(step_list *list, const char *algorithm, const program_spec *spec, const char *kernel,
                         const step_arg *args, int arg_count, int dims, const size_t *global, const size_t *local, double flops,
                         double bytes);
void step_list_finish(step_list *list);

/* Steps with their operands bound to spans of one device: kernels made, arguments set; ready to enqueue again and again. The list
 * and the spans' buffers must outlive them. */
typedef struct bound_steps bound_steps;

socle_status steps_bind(socle_device *device, const step_list *list, const socle_span *operands, int operand_count,
                        bound_steps **out);
/* Enqueues all in order on `queue` (NULL: the device's) without waiting. Overhead per step: one driver call. */
socle_status steps_enqueue(bound_steps *steps, cl_command_queue queue);
/* The same; *end: the event of the last command, which the caller releases; NULL: there is none (nothing to do, or a library's
 * call comes last). */
socle_status steps_enqueue_to_event(bound_steps *steps, cl_command_queue queue, cl_event *end);
/* Enqueues only [first, first + count). */
socle_status steps_enqueue_range(bound_steps *steps, cl_command_queue queue, int first, int count);
void steps_release(bound_steps *steps); /* takes NULL */

#endif
