/* Measuring single operators, solver by solver: what `socle bench` prints. */
#ifndef SOCLE_BENCH_H
#define SOCLE_BENCH_H

#include <socle/device.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct socle_bench_row {
    const char *what;      /* "gemm", "conv" */
    const char *shape;     /* as given */
    const char *device;    /* id */
    const char *algorithm; /* solver and tuning */
    double min_ms, median_ms, p90_ms, p99_ms;
    double gflops;
    double gbytes_per_s;
    double peak_share; /* of the device's measured peak; < 0: no profile */
    const char *timer; /* "wall" or "event" */
} socle_bench_row;

typedef void (*socle_bench_visitor)(const socle_bench_row *row, void *user);

/* A prepared measurement that can be run again and again, alternating with something else. */
typedef struct socle_bench socle_bench;

/* what: "gemm" (shape MxNxK), "conv" (shape 1x64x56x56,64x3x3,s1,p1; with c16 at its end images lie in blocks of 16 channels), or
 * the gradients of that convolution, "conv_input" and "conv_weight", whose weights are never constant; or "norm_grad", the
 * gradient of layer normalization (shape 4096x768: rows, each normalized by itself), of RMS normalization (4096x768,rms) or of
 * group normalization (8x256x32x32,g32: in 32 groups of channels). algorithm: a solver's name, or NULL: what the planner would
 * take. Random operands; weights are prepacked as in a session when constant_weights != 0. Errors: INVALID_ARGUMENT for a shape
 * that cannot be read; UNSUPPORTED. The caller owns *bench. */
SOCLE_API socle_status socle_bench_create(socle_device *device, const char *what, const char *shape, const char *algorithm,
                                          int constant_weights, socle_bench **bench);
SOCLE_API void socle_bench_destroy(socle_bench *bench);
/* Runs once and waits; seconds of wall clock. */
SOCLE_API socle_status socle_bench_run(socle_bench *bench, double *seconds);
SOCLE_API const char *socle_bench_algorithm(const socle_bench *bench);
SOCLE_API double socle_bench_flops(const socle_bench *bench);
SOCLE_API double socle_bench_bytes(const socle_bench *bench);
/* Names of the solvers that apply to the shape, in order; NULL past the last. */
SOCLE_API const char *socle_bench_candidate(const socle_bench *bench, int index);

#ifdef __cplusplus
}
#endif
#endif
