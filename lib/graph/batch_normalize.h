/* Batch normalization with the batch's statistics as one operator: batch_normalize.c. */
#ifndef SOCLE_LIB_GRAPH_BATCH_NORMALIZE_H
#define SOCLE_LIB_GRAPH_BATCH_NORMALIZE_H

#include "graph.h"

/* Adds BatchNormalize of x, and returns its first output, y; the others are mean, variance and inverse deviation per channel. */
value_id graph_batch_normalize(socle_graph *graph, value_id x, value_id scale, value_id bias, double epsilon);
/* The gradient of BatchNormalization in its training form. */
socle_status gradient_batch_training(graph_gradient *g);

#endif
