/* Differentiation from gradients that are given, for training.c, which knows those of its losses in closed form. */
#ifndef SOCLE_LIB_GRAPH_DIFFERENTIATE_H
#define SOCLE_LIB_GRAPH_DIFFERENTIATE_H

#include "gradients.h"

/* Adds the backward nodes that carry the gradients seeds[] of the values from[] to wrt[]; gradients[i] is GRAPH_NONE where none
 * of from[] depends on wrt[i]. Nodes made of others are lowered first. */
socle_status graph_propagate(socle_graph *graph, const value_id *from, const value_id *seeds, int from_count, const value_id *wrt,
                             int count, value_id *gradients);

#endif
