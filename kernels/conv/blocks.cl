/* What convolutions in blocks of 16 channels share: a group computes ROWS rows x COLUMNS columns of one plane for SLICE result channels,
 * by register tiles of MR pixels x NV vectors of channels. */
#ifndef FROM_CHANNELS
#define FROM_CHANNELS 32
#define TO_CHANNELS 48
#endif
#include "conv/taps.cl"
#ifndef MR
#define MR 7 /* pixels of a register tile */
#endif
#ifndef NV
#define NV 2 /* vectors of channels of a register tile */
#endif
#ifndef ROWS
#define ROWS 1
#endif
#ifndef COLUMNS
#define COLUMNS TO_W /* all of a row, or a multiple of MR */
#endif
#ifndef SLICE
#define SLICE TO_CHANNELS /* result channels of a group, a multiple of NR unless it is all */
#endif

#define NR (16 * NV)
#define TAIL_V (TO_CHANNELS % NR / 16) /* vectors of the last, narrower tile of channels */
#define TAIL_R (TO_W % MR)             /* pixels at the end of a row */
#define APART_H (KH == 1 ? SH : 1) /* rows and columns that are staged: where there is one tap, the others are not read */
#define APART_W (KW == 1 ? SW : 1)
#define STAGED_H (((ROWS - 1) * SH + (KH - 1) * RH) / APART_H + 1)
#define STAGED_W (((COLUMNS - 1) * SW + (KW - 1) * RW) / APART_W + 1)
#define TAPS (KD * KH * KW)
