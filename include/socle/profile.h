/* What was measured of a device on this machine, and the tuner. */
#ifndef SOCLE_PROFILE_H
#define SOCLE_PROFILE_H

#include <socle/device.h>
#include <socle/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct socle_profile {
    double launch_us;            /* one more kernel in a chain of empty ones */
    double round_trip_us;        /* one empty kernel and the wait for it */
    double write_gbytes_per_s;   /* host to device, 16 MiB */
    double read_gbytes_per_s;    /* device to host, 16 MiB */
    double transfer_us;          /* latency of a 4 KiB write and the wait for it */
    double memory_gbytes_per_s;  /* device memory, read and write of a copy larger than its caches */
    double fp32_gflops;          /* peak of fused multiply-adds */
    double fp16_gflops;          /* 0: no half arithmetic */
    double int8_gops;            /* 0: no integer dot product */
    int timer_ok;                /* 1: event timestamps agree with the wall clock */
    int loop_limit_ok;           /* 0: loops end silently after 65,535 iterations */
    double age_s;                /* since it was measured */
} socle_profile;

/* Measures a device (or answers from the store when refresh is 0 and the driver is the same). quick != 0: about a
 * tenth of the time, less exact. */
SOCLE_API socle_status socle_profile_device(socle_device *device, int quick, int refresh, socle_profile *profile);

/* How much slower `a` runs when `b` runs at the same time: 1 independent, about 2 the same silicon. Measured by running
 * both together; kept in the store. */
SOCLE_API socle_status socle_profile_contention(socle_device *a, socle_device *b, int refresh, double *slowdown);

typedef enum socle_tune_level { SOCLE_TUNE_FAST, SOCLE_TUNE_NORMAL, SOCLE_TUNE_EXHAUSTIVE } socle_tune_level;

/* Called after each problem; non-zero stops the tuner, which keeps what it found. */
typedef int (*socle_tune_progress)(const char *problem, const char *winner, double us, double default_us, int done,
                                   int total, void *user);

/* Tunes what a model needs on a device (shapes bound with batch for the first unknown dimension, 1 for others). */
SOCLE_API socle_status socle_tune_model(socle_device *device, const socle_model *model, int64_t batch,
                                        socle_tune_level level, double budget_s, socle_tune_progress progress,
                                        void *user);

#ifdef __cplusplus
}
#endif
#endif
