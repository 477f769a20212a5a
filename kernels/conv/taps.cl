/* Geometry of a convolution as a sum over taps, for each pixel that is computed (tap_conv in lib/solver/conv/taps.h): a forward
 * pass, or one phase of the gradient of the data. FROM_: what is read; TO_: what is computed; channels are those of a group. K.,
 * S., R., P.: the taps, their stride and dilation, and the padding in front. Results lie in a tensor [.][Y_D][Y_H][Y_W] at
 * multiples of Y_STEP_ from Y_FIRST_; tap t of an axis is position TAP_FIRST_ + t * TAP_STEP_ of a kernel of extent FULL_.
 * PHASES_ of an axis, modulo the stride, are read, PHASE_ apart; PITCH: from one staged row to the next (conv/direct.cl). */
#include "conv/window.cl"
#ifndef FROM_H
#ifndef GROUPS
#define GROUPS 1
#endif
#ifndef FROM_CHANNELS
#define FROM_CHANNELS 20
#define TO_CHANNELS 35
#endif
#define BATCH 2
#define FROM_D 1
#define FROM_H 9
#define FROM_W 9
#define TO_D 1
#define TO_H 9
#define TO_W 9
#define PD 0
#define PH 1
#define PW 1
#define Y_D 1
#define Y_H 9
#define Y_W 9
#define Y_FIRST_D 0
#define Y_FIRST_H 0
#define Y_FIRST_W 0
#define Y_STEP_D 1
#define Y_STEP_H 1
#define Y_STEP_W 1
#define FULL_D 1
#define FULL_H 3
#define FULL_W 3
#define TAP_FIRST_D 0
#define TAP_FIRST_H 0
#define TAP_FIRST_W 0
#define TAP_STEP_D 1
#define TAP_STEP_H 1
#define TAP_STEP_W 1
#define PHASES_H 1
#define PHASES_W 1
#define PHASE_H 1
#define PHASE_W 1
#define PITCH 10
#endif
