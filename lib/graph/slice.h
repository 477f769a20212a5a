/* ONNX Slice along one axis, for inference, folding and whoever else needs the clamped range. */
#ifndef SOCLE_LIB_GRAPH_SLICE_H
#define SOCLE_LIB_GRAPH_SLICE_H

#include <stdint.h>

/* Number of elements that start:end:step takes of a dimension, and the first of them (first may be NULL). */
int64_t slice_extent(int64_t dim, int64_t start, int64_t end, int64_t step, int64_t *first);

#endif
