/* Inside the training graphs. */
#ifndef SOCLE_LIB_GRAPH_TRAINING_H
#define SOCLE_LIB_GRAPH_TRAINING_H

#include "gradient_compose.h"

#include <socle/trainer.h>

/* training_loss.c: adds the input of the labels, the mean loss of `output`, the graph's first, and the gradient of `output` in
 * closed form. */
socle_status training_loss(socle_graph *graph, socle_loss kind, value_id output, value_id *loss, value_id *gradient);

#endif
