/* What the ways to run convolutions and pooling share: the geometry in three dimensions, compile options, launches. */
#ifndef SOCLE_LIB_SOLVER_CONV_H
#define SOCLE_LIB_SOLVER_CONV_H

#include "../solvers.h"

/* The problem's geometry with three spatial dimensions: missing leading ones have extent 1, stride 1, no padding. */
conv_geometry conv_geometry_3d(const problem *p);
int64_t conv_volume(const int64_t dims[3]);

/* Is the data of a type that the kernels store on this device, and does every image fit 32-bit indices? */
bool conv_supported(const problem *p, const socle_device *device);

/* Name of the storage type in kernels/common/storage.cl. */
const char *conv_storage(socle_dtype dtype);
/* Appends " -DnameD=.. -DnameH=.. -DnameW=..". */
void conv_add_triple(text *options, const char *name, const int64_t values[3]);
/* Appends -D options: the storage type and the whole geometry under the names of kernels/conv/geometry.cl. */
void conv_add_options(text *options, const problem *p);

/* One launch of a convolution kernel. Strings are borrowed; the epilogue's text and arguments are added where `epilogue` is set. */
typedef struct conv_launch {
    const char *algorithm, *source, *kernel;
    const char *options;
    bool epilogue; /* this kernel writes the problem's output */
    step_arg args[STEP_MAX_ARGS];
    int arg_count;
    int dims;
    size_t global[3], local[3]; /* local all 0: the driver chooses */
    double flops, bytes;
} conv_launch;

void conv_add_arg(conv_launch *launch, step_arg arg);
/* Appends the step; none when there is nothing to do (a global size of 0). */
socle_status conv_emit(const problem *p, const solver_operands *operands, const conv_launch *launch, step_list *steps);

/* Seconds by the device's profile for work at `share` of the peak, plus launches. */
double conv_estimate(const socle_device *device, double flops, double share, double bytes, int launches);

/* The only tuning of a way that has no parameters. */
int conv_one_candidate(const problem *p, const socle_device *device, tuning *out, int capacity);

/* Kernels of one work-item per work-group with explicit vectors pay on CPUs; work-groups with local memory elsewhere. */
bool conv_device_is_cpu(const socle_device *device);

#endif
