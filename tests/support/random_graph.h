/* Random small networks from a seed: chains and branches of pointwise, movement and reduction operators, products, convolutions,
 * pooling, normalization and softmax, with constants, states and their updates. All values are float32 and stay small; no
 * operator jumps, so that rounding cannot change a result by much. */
#ifndef SOCLE_TESTS_RANDOM_GRAPH_H
#define SOCLE_TESTS_RANDOM_GRAPH_H

#include "../../lib/graph/graph.h"

/* The caller owns the graph. Fails the test where an operator cannot be added. */
socle_graph *random_graph_create(uint32_t seed, int nodes);
/* The same without states, with one output and with weights that can be trained. */
socle_graph *random_graph_create_trainable(uint32_t seed, int nodes);
/* One operator a line, with shapes: for messages (free). */
char *random_graph_text(const socle_graph *graph);
/* The next of a sequence of numbers in low..high. */
double random_graph_number(uint32_t *state, double low, double high);

#endif
