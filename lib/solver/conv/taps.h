/* Convolutions as sums over taps with constant offsets: what a forward pass and each phase of a gradient of the data have in
 * common, so that one kernel computes both. Extents are (depth, height, width). */
#ifndef SOCLE_LIB_SOLVER_CONV_TAPS_H
#define SOCLE_LIB_SOLVER_CONV_TAPS_H

#include "conv.h"

#define MOST_JOINED 8

typedef struct tap_conv {
    int64_t batch, groups;
    int64_t from_channels, to_channels; /* of a group */
    int64_t from[3];                    /* extents of what is read */
    int64_t kernel[3], stride[3], dilation[3];
    int64_t pad[3];                             /* in front; negative: the first positions are not read */
    int64_t to[3];                              /* results per axis */
    int64_t tensor[3], first[3], step[3];       /* they lie at first + i * step of axes of these extents */
    int64_t full[3], tap_first[3], tap_step[3]; /* tap t is the kernel's position tap_first + t * tap_step of `full` */
    bool transposed;                            /* the weights' first axis is what is read */
    /* > 0: so many phases of columns at once (tap_conv_part); `kernel` holds the most taps of one, `to` the positions of one.
     * Phase q has joined_taps[q] taps in a row, from the position that lies joined_at[q] behind the first one that is read. */
    int64_t joined, joined_taps[MOST_JOINED], joined_at[MOST_JOINED];
} tap_conv;

/* A forward pass is one of them. */
tap_conv tap_conv_forward(const problem *p);

/* The gradient of the data: positions of dx that are equal modulo the stride take the same taps, so that each such phase is a
 * convolution of dy with stride 1. phase: 0..stride-1 per axis. Results may be empty; taps may be none (then they are zero). */
tap_conv tap_conv_phase(const problem *p, const int64_t phase[3]);

/* Phases of the problem's gradient of the data. */
int64_t tap_conv_phases(const problem *p);
/* The number-th phase's tap_conv, 0 <= number < tap_conv_phases (1 and the forward pass itself for PROBLEM_CONV). */
tap_conv tap_conv_at(const problem *p, int64_t number);

/* The same work in fewer parts: phases that differ in the column alone read the same rows, and their results lie side by side, so
 * that they are joined to one tap_conv, whose rows of results reach from `first` to the tensor's end, and some in front and
 * behind lie outside of it. Where each phase has columns, and they are not too many; else parts are phases. */
int64_t tap_conv_parts(const problem *p);
tap_conv tap_conv_part(const problem *p, int64_t number);

/* Of joined phases: of all together. */
int64_t tap_conv_taps(const tap_conv *c);

/* One tap that reads every position once, each for the result at the same place. */
bool tap_conv_reads_once(const tap_conv *c);
/* Such a convolution with its rows and planes behind each other, like pixels of one row. */
void tap_conv_flatten(tap_conv *c);
/* Positions of an axis that are staged for `results` of them; a single tap leaves out those between the strides. */
int64_t tap_conv_staged_extent(const tap_conv *c, int axis, int64_t results);

/* Phases of an axis that the taps read, `*apart` apart: how many. */
int64_t tap_conv_read_phases(const tap_conv *c, int axis, int64_t *apart);
/* Positions of its phase, beyond its own, that a result reads. */
int64_t tap_conv_shift(const tap_conv *c, int axis);
/* Floats from one staged row to the next: see kernels/conv/direct.cl. */
int64_t tap_conv_pitch(const tap_conv *c);

void tap_conv_add_options(text *options, const problem *p, const tap_conv *c);

/* Floats of its weights packed for tiles of `channels` result channels, joined phases one behind the other, and the step that
 * packs those of a phase to `to` from element `offset` on: [groups][tiles][from_channels][taps][channels]. */
int64_t tap_conv_packed_count(const tap_conv *c, int64_t channels);
socle_status tap_conv_emit_pack(const problem *p, const tap_conv *c, int64_t channels, const char *algorithm,
                                const solver_operands *operands, int to, int64_t offset, step_list *steps);

#endif
