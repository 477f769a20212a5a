/* Weights that stay in the narrow type in which they are stored. */
#ifndef SOCLE_LIB_GRAPH_NARROW_H
#define SOCLE_LIB_GRAPH_NARROW_H

#include "graph.h"

/* Is this a Cast of a constant that products alone use, each of which can read it as it is stored? Then folding leaves it. */
bool graph_stays_narrow(const socle_graph *graph, node_id node);
/* Makes such products, and those behind DequantizeLinear, NarrowMatMul nodes. */
socle_status graph_keep_narrow(socle_graph *graph);

#endif
