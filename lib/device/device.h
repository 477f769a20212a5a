/* device: platforms, devices, capabilities, quirks, queues, buffers, transfers, health. */
#ifndef SOCLE_LIB_DEVICE_H
#define SOCLE_LIB_DEVICE_H

#include <CL/cl.h>
#include <CL/cl_ext.h>

#include "../base/base.h"
#include <socle/buffer.h>
#include <socle/device.h>

/* ---- capabilities: what a device says, read once ---- */

/* Instructions for products of small matrices that a device may have, as kernels/common/matrix.cl describes them. */
typedef enum device_matrix {
    MATRIX_NONE,
    MATRIX_MMA,
    MATRIX_DPAS_8,
    MATRIX_DPAS_16,
    MATRIX_MFMA,
    MATRIX_WMMA,
    MATRIX_KIND_COUNT
} device_matrix;

typedef struct device_capabilities {
    int opencl_major, opencl_minor; /* the lower of platform and device */
    socle_device_type type;
    int compute_units;
    size_t max_work_group_size;
    size_t max_work_item_sizes[3];
    uint64_t global_memory_bytes, max_allocation_bytes, local_memory_bytes, cache_bytes;
    size_t base_alignment_bytes; /* of sub-buffers */
    size_t timer_resolution_ns;
    int vector_width_float; /* preferred; 16 with AVX-512, 8 with AVX2, 1 on most GPUs */
    bool fp16, fp64, int64_atomics, sub_groups, svm_fine_grain, command_buffer, integer_dot_product, il_program;
    int sub_group_sizes[8], sub_group_size_count; /* that a kernel may demand */
    bool unified_memory;                          /* shares the host's memory: map instead of copy */
    bool images;
    device_matrix matrix; /* which ones to try */
    int max_sub_devices;
    bool partition_equally, partition_by_counts;
    char *extensions;
} device_capabilities;

/* Where a driver lies or breaks: one row of quirks.c each, which cites driver and symptom. */
typedef enum device_quirk {
    QUIRK_LOOP_LIMIT = 1 << 0,          /* loops end after 65,535 iterations (llvmpipe) */
    QUIRK_NO_EVENT_TIMER = 1 << 1,      /* event timestamps are 0 (rusticl) */
    QUIRK_NO_BINARIES = 1 << 2,         /* program binaries do not come back right: always compile */
    QUIRK_SMALL_MEMORY = 1 << 3,        /* grants more memory than the machine has: own budget (PoCL) */
    QUIRK_COMPILES_AT_ENQUEUE = 1 << 4, /* compiles at the first launch of each work-group size (PoCL) */
    QUIRK_LOCAL_THREAD_QUEUE = 1 << 5,  /* queue property 1 << 31 runs kernels in the calling thread (Intel CPU) */
    QUIRK_COMPILE_ONE_AT_A_TIME = 1 << 6,
    QUIRK_FINISH_AFTER_FLUSH = 1 << 7, /* clFinish does not wait for what clFlush sent off before (rusticl) */
    QUIRK_ONE_CALLER =
        1 << 8, /* commands of all queues run in whichever thread comes first, and waits do not see that (PoCL basic) */
    QUIRK_SPLIT_VECTORS = 1 << 9 /* vloadn and vstoren move parts: programs get kernels/common/vectors.cl instead (PoCL) */
} device_quirk;

/* Instructions of its processor that a device's kernels may use: each is tried when the device is profiled, never assumed. */
typedef enum device_instruction {
    INSTRUCTIONS_PROBED = 1 << 0,    /* each was tried */
    INSTRUCTION_VPDPBUSD = 1 << 1,   /* sums of products of bytes: x86 with AVX-512 VNNI, by inline assembly */
    INSTRUCTION_DOT_PACKED = 1 << 2, /* the same by dot_4x8packed of cl_khr_integer_dot_product, every pair of signs */
    INSTRUCTION_VDPBF16PS = 1 << 3,  /* sums of products of bfloat16: x86 with AVX512_BF16, by inline assembly */
    /* Products of small matrices, by type of the factors: those of capabilities.matrix. */
    INSTRUCTION_MATRIX_TF32 = 1 << 4,
    INSTRUCTION_MATRIX_FLOAT16 = 1 << 5,
    INSTRUCTION_MATRIX_BFLOAT16 = 1 << 6,
    INSTRUCTION_MATRIX_BYTES = 1 << 7, /* every pair of signs */
    INSTRUCTION_MATRIX_SHARED = 1 << 8 /* the same without the instruction, through local memory: set by tests */
} device_instruction;

typedef enum queue_kind { QUEUE_DEFAULT, QUEUE_LOCAL_THREAD } queue_kind;

struct store;             /* program.h */
struct operator_registry; /* graph.h */

struct socle_context {
    socle_device **devices; /* all, refused ones and sub-devices included (sub-devices behind the others) */
    int device_count, device_capacity;
    int listed_count; /* devices that socle_device_count shows: without sub-devices */
    pthread_mutex_t lock;
    log_sink log;
    struct store *store;
    struct operator_registry *operators;
    uint64_t memory_budget_bytes;
    char *cache_dir;
    socle_device **hidden; /* not among `devices`, but parents of a sub-device that is */
    int hidden_count, hidden_capacity;
};

struct socle_device {
    socle_context *context;
    pthread_mutex_t turn;   /* see device_turn_begin */
    socle_device_info info; /* strings owned by the device */
    cl_platform_id platform;
    cl_device_id cl_device;
    struct socle_device *parent; /* of a sub-device */
    device_capabilities capabilities;
    unsigned quirks; /* device_quirk bits */
    char *identity;  /* what keys of the store contain: id, name, vendor, driver and OpenCL version */
    /* opened on first use, under lock */
    pthread_mutex_t lock;
    bool opened;
    cl_context cl_context;
    cl_command_queue queue; /* in order */
    struct device_pool *pool;
    uint64_t allocated_bytes;
    struct program_cache *programs; /* program.h: compiled programs of this device */
    unsigned instructions;          /* device_instruction bits, set once by profile_get */
    void *profile;                  /* profile.h: kept once read; memory_free with the device */
    void *tunings;                  /* profile.h: shapes with a known fastest way, once asked; memory_free with the device */
    pthread_mutex_t health_lock;    /* of info.status and info.reason, which a lost device changes */
    char *reason_allocated;
    int timer_state; /* device_timer_ok: 0 not checked yet, 1 agrees, -1 does not */
};

/* Enumerates platforms and devices into context (devices, device_count). The others as in the options. */
socle_status device_enumerate(socle_context *context, const char *devices_filter, bool pocl_basic, bool pocl_affinity);
/* Frees all devices; called by the context's destructor after everything else is gone. */
void device_finish_all(socle_context *context);

/* The device that this one is a part of, or itself. */
static inline const socle_device *device_whole(const socle_device *device)
{
    return device->parent != NULL ? device->parent : device;
}

/* The part of the identity that equal devices of equal machines share: without the id and the UUID. Allocated; NULL: memory is
 * out. */
char *device_model(const socle_device *device);

/* Creates the OpenCL context and queue on first use. Every function below calls it. */
socle_status device_open(socle_device *device);
bool device_has_quirk(const socle_device *device, device_quirk quirk);
bool device_has_instruction(const socle_device *device, device_instruction instruction);
/* Compile option (a space in front) for the newest OpenCL C of the device, where functions of sub-groups and the integer dot
 * product are; "" for 1.2, the compilers' own choice. */
const char *device_newest_language(const socle_device *device);
/* Around every call that gives a device something to do: one thread at a time where the driver needs it (QUIRK_ONE_CALLER), else
 * free. */
void device_turn_begin(socle_device *device);
void device_turn_end(socle_device *device);

/* Turns a driver's error into a status with a message: "DEVICE: CALL failed: CL_X (-5): what to do". CL_SUCCESS: SOCLE_OK.
 * Marks the device as quarantined where the code means it is lost. */
socle_status device_status(socle_device *device, cl_int code, const char *call);
const char *device_error_name(cl_int code);

/* An additional in-order queue (of the kind asked if the device has it, else the default kind). The caller releases it. */
socle_status device_queue_create(socle_device *device, queue_kind kind, bool profiling, cl_command_queue *queue);

/* ---- buffers ---- */

struct socle_buffer {
    socle_device *device;
    cl_mem memory;
    size_t size_bytes;     /* asked */
    size_t capacity_bytes; /* of the pool's block */
    void *host;            /* host pointer of a buffer made from host memory, else NULL */
    bool pooled;
};

/* A buffer that uses the caller's memory where the device shares it (no copy), else a copy of it. `host` must outlive it
 * and be aligned to 64 bytes for sharing; content is read-only to the device. */
socle_status buffer_create_from_host(socle_device *device, const void *host, size_t size_bytes, socle_buffer **buffer);
/* cl_mem of a span: a sub-buffer, or the buffer itself (retained) when the span is the whole. The caller releases it.
 * offset must be a multiple of base_alignment_bytes. */
socle_status buffer_view(socle_span span, cl_mem *view);
socle_status buffer_write_async(socle_span to, const void *from); /* returns at once; from must live until a finish */
socle_status buffer_read_async(socle_span from, void *to);
/* Releases the pool's unused blocks (before reporting that memory is out). */
void device_pool_trim(socle_device *device);

/* ---- clock ---- */

/* True when event timestamps of this device were checked against the wall clock and agree; checked once. */
bool device_timer_ok(socle_device *device);

#endif
