/* Geometry: x [BATCH][CHANNELS][ID][IH][IW], w [OUT_CHANNELS][CHANNELS / GROUPS][KD][KH][KW], y
 * [BATCH][OUT_CHANNELS][OD][OH][OW]; lower ranks have leading dimensions of 1. Stride S., dilation R., padding in front P.,
 * behind E. */
#include "conv/window.cl"
#ifndef CHANNELS
#define BATCH 1
#define CHANNELS 4
#define OUT_CHANNELS 8
#define GROUPS 1
#define ID 1
#define IH 9
#define IW 9
#define PD 0
#define PH 1
#define PW 1
#define ED 0
#define EH 1
#define EW 1
#define OD 1
#define OH 9
#define OW 9
#endif
#define GROUP_CHANNELS (CHANNELS / GROUPS)
#define GROUP_OUT_CHANNELS (OUT_CHANNELS / GROUPS)
