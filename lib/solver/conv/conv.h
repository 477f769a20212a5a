/* What the ways to run convolutions and pooling share: the geometry in three dimensions and the compile options. */
#ifndef SOCLE_LIB_SOLVER_CONV_H
#define SOCLE_LIB_SOLVER_CONV_H

#include "../launch.h"
#include "../solvers.h"

/* The problem's geometry with three spatial dimensions: missing leading ones have extent 1, stride 1, no padding. */
conv_geometry conv_geometry_3d(const problem *p);
int64_t conv_volume(const int64_t dims[3]);

/* Is the data of a type that the kernels store on this device, does every image fit 32-bit indices and lie as ONNX has it? */
bool conv_supported(const problem *p, const socle_device *device);
/* The same for images in blocks of 16 channels. */
bool conv_supported_in_blocks(const problem *p, const socle_device *device);
/* Only the indices, and a layout of x and y in blocks. */
bool conv_fits_in_blocks(const problem *p);
/* Is every image one plane, in which windows reach no other? */
bool conv_is_flat(const problem *p);
/* Is it flat and of one group, 3x3 with stride and dilation 1, and at least 8 channels on both sides: what Winograd's
 * tiles are made for? */
bool conv_is_3x3(const problem *p);
/* Only the indices and the layout. */
bool conv_fits(const problem *p);

/* Appends " -DnameD=.. -DnameH=.. -DnameW=..". */
void conv_add_triple(text *options, const char *name, const int64_t values[3]);
/* Appends -D options: the storage type and the whole geometry under the names of kernels/conv/geometry.cl. */
void conv_add_options(text *options, const problem *p);

/* Gradients of weights whose work is cut into chunks: bytes of the partial sums (0 for one chunk), and the step that adds them
 * from the workspace to the result, always in the same order. */
size_t conv_weight_partial_bytes(const problem *p, int chunks);
socle_status conv_weight_reduce(const problem *p, const socle_device *device, const char *algorithm,
                                const solver_operands *operands, int chunks, step_list *steps);

#endif
