/* What convolutions in blocks of 16 channels share: register tiles of MR pixels x NV vectors of channels, and what shapes their code:
 * the kernel's size (K.), stride (S.) and dilation (R.), and what is left for a narrower tile at the end. */
#include "conv/window.cl"
#ifndef MR
#define MR 7
#endif
#ifndef NV
#define NV 2
#endif
#ifndef TAIL_R
#define TAIL_R 2 /* pixels at the end of a row: its length modulo MR */
#endif
#ifndef TAIL_V
#define TAIL_V 1 /* vectors of the last tile of channels, where there are fewer than NV; else 0 */
#endif

#define NR (16 * NV)
#define APART_H (KH == 1 ? SH : 1) /* rows and columns that are staged: where there is one tap, the others are not read */
#define APART_W (KW == 1 ? SW : 1)
#define TAPS (KD * KH * KW)
