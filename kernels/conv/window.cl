/* The extent K. of a convolution's kernel, its stride S. and dilation R., unless compile options give them. */
#ifndef KH
#define KD 1
#define KH 3
#define KW 3
#define SD 1
#define SH 1
#define SW 1
#define RD 1
#define RH 1
#define RW 1
#endif
