/* Windows that slide over the spatial dimensions: what convolution and pooling share, resolved from a node's attributes. */
#ifndef SOCLE_LIB_GRAPH_WINDOW_H
#define SOCLE_LIB_GRAPH_WINDOW_H

#include "infer.h"

#define WINDOW_MAX 3

typedef enum window_padding { WINDOW_EXPLICIT, WINDOW_SAME_UPPER, WINDOW_SAME_LOWER, WINDOW_VALID } window_padding;

typedef struct window {
    int spatial;
    int64_t kernel[WINDOW_MAX], stride[WINDOW_MAX], dilation[WINDOW_MAX], pad_begin[WINDOW_MAX], pad_end[WINDOW_MAX];
    window_padding padding;
    bool ceil; /* the last window may reach over the end */
} window;

/* Attributes of a node over `spatial` dimensions. kernel: the weight's, NULL where the attribute kernel_shape must be there.
 * Dimensions of the kernel may be unknown (< 0). */
socle_status window_read(const graph_infer *infer, int spatial, const int64_t *kernel, window *w);
/* Number of windows along axis d over `input` elements, with the pads resolved; DIM_UNKNOWN where it is. -1 and a failure status:
 * the kernel does not fit. */
socle_status window_output(const graph_infer *infer, window *w, int d, int64_t input, int64_t *output);
/* The same for a transposed convolution: extent along axis d of what `input` windows cover; pads from output_shape where given.
 */
socle_status window_transposed_output(const graph_infer *infer, window *w, int d, int64_t input, int64_t *output);

#endif
