/* The operators that a host registered with its context. */
#ifndef SOCLE_LIB_GRAPH_REGISTRY_H
#define SOCLE_LIB_GRAPH_REGISTRY_H

#include "graph.h"

const graph_operator *operator_registry_find(operator_registry *registry, const char *domain, const char *name);

#endif
