/* The gradient of layer, RMS, group and instance normalization as one operator: normalize_grad.c. */
#ifndef SOCLE_LIB_GRAPH_NORMALIZE_GRAD_H
#define SOCLE_LIB_GRAPH_NORMALIZE_GRAD_H

#include "graph.h"

/* What is normalized together, and by what. */
typedef struct normalize_form {
    double epsilon;
    bool root_mean_square; /* the mean counts as 0 */
    int64_t groups;        /* of channels (axis 1), with everything behind them; 0: all axes from `axis` on */
    int64_t axis;
} normalize_form;

/* Adds NormalizeGrad of x [d0, ...] and the gradient dy of its normalization; scale: one element per channel, or of the shape of
 * the normalized axes. Returns its first output, dx; the second is dscale, and the third, where there is a bias, dbias: of the
 * shape of scale, in the type of sums. GRAPH_NONE with the thread's message where it fails. */
value_id graph_normalize_grad(socle_graph *graph, const normalize_form *form, value_id dy, value_id x, value_id scale, bool bias);

#endif
