/* What was measured of a device on this machine, and the tuner. */
#ifndef SOCLE_PROFILE_H
#define SOCLE_PROFILE_H

#include <socle/device.h>
#include <socle/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct socle_profile {
    double launch_us;           /* one more kernel in a chain of empty ones */
    double round_trip_us;       /* one empty kernel and the wait for it */
    double write_gbytes_per_s;  /* host to device, 16 MiB */
    double read_gbytes_per_s;   /* device to host, 16 MiB */
    double transfer_us;         /* latency of a 4 KiB write and the wait for it */
    double memory_gbytes_per_s; /* device memory, read and write of a copy larger than its caches */
    double fp32_gflops;         /* peak of fused multiply-adds */
    double fp16_gflops;         /* 0: no half arithmetic */
    double int8_gops;           /* 0: no integer dot product */
    double matrix_gflops;       /* multiply-adds of words of 4 bytes by matrix instructions; 0: none that works */
    int timer_ok;               /* 1: event timestamps agree with the wall clock */
    int loop_limit_ok;          /* 0: loops end silently after 65,535 iterations */
    double age_s;               /* since it was measured */
} socle_profile;

/* Measures a device (or answers from the store when refresh is 0 and the driver is the same). quick != 0: about a
 * tenth of the time, less exact. */
SOCLE_API socle_status socle_profile_device(socle_device *device, int quick, int refresh, socle_profile *profile);

/* How much slower `a` runs when `b` runs at the same time: 1 independent, about 2 the same silicon. Measured by running
 * both together; kept in the store. */
SOCLE_API socle_status socle_profile_contention(socle_device *a, socle_device *b, int refresh, double *slowdown);

typedef enum socle_tune_level { SOCLE_TUNE_FAST, SOCLE_TUNE_NORMAL, SOCLE_TUNE_EXHAUSTIVE } socle_tune_level;

/* Called after each problem, and with winner NULL (us, default_us: -1) again and again while one is measured. Non-zero stops the
 * tuner, which keeps what it found. us: median time of the winner; default_us: of what would have run without tuning, -1 where
 * that is not known because the problem was not measured again. */
typedef int (*socle_tune_progress)(const char *problem, const char *winner, double us, double default_us, int done, int total,
                                   void *user);

typedef struct socle_tune_options {
    size_t size;
    socle_tune_level level;
    int64_t batch;                /* value of the first unknown dimension of each input, 1 for others; 0: 1 */
    double budget_s;              /* above 0; kept within a tenth, but for what the first candidate of all takes */
    int refresh;                  /* 0: what was tuned at this level or a higher one before is not measured again */
    socle_tune_progress progress; /* may be NULL */
    void *user;
    int deterministic, strict_accuracy, allow_tf32; /* of what is tuned for: as in socle_plan_options */
} socle_tune_options;

#define SOCLE_TUNE_OPTIONS_INIT                                                                                                  \
    {                                                                                                                            \
        sizeof(socle_tune_options), SOCLE_TUNE_NORMAL, 0, 60.0, 0, 0, 0, 0, 0, 0                                                 \
    }

/* Tunes what a model needs on a device. Winners are kept in the store as they are found, with the ways that failed: a way that
 * takes the process along (its compiler crashes, its kernel never ends) is left out from the next call on. A budget that was too
 * short is no error: the next call goes on. options: NULL for the defaults. */
SOCLE_API socle_status socle_tune_model(socle_device *device, const socle_model *model, const socle_tune_options *options);

/* Writes what was tuned on the context's devices to a file (JSON), so that equal machines need not tune. *count (may be NULL):
 * tunings written. Errors: IO. */
SOCLE_API socle_status socle_tunings_export(socle_context *context, const char *path, int *count);

/* Keeps the tunings of a file for those of the context's devices that are of the same model, driver and driver version. A file
 * that one of CLBlast's tuners wrote (clblast_xgemm_1_32.json) is kept for the devices of the name that it says; CLBlast, where
 * it serves as a solver, computes by it from the next context on. *count and *foreign (may be NULL): tunings that were kept, and
 * that are for other devices. Errors: IO; INVALID_FILE for what is no such file or was written by another version of Socle:
 * nothing is kept then. */
SOCLE_API socle_status socle_tunings_import(socle_context *context, const char *path, int *count, int *foreign);

#ifdef __cplusplus
}
#endif
#endif
