/* Derivatives as text, with the attributes of the node they belong to. */
#ifndef SOCLE_LIB_GRAPH_GRADIENT_DERIVE_H
#define SOCLE_LIB_GRAPH_GRADIENT_DERIVE_H

#include "gradient_compose.h"

#define DERIVE_MAX_ATTRIBUTES 8

typedef struct derive_context {
    socle_graph *graph;
    socle_dtype dtype; /* of numbers that meet no value */
    const char *const *names;
    const value_id *values;
    int count;
    char attribute_names[DERIVE_MAX_ATTRIBUTES][32];
    double attribute_values[DERIVE_MAX_ATTRIBUTES];
    int attribute_count;
} derive_context;

/* Adds the nodes of the expression; *value is GRAPH_NONE when it is the number 0 (no gradient). False: failed, message set. */
bool derive_expression(const derive_context *context, const char *expression, value_id *value);

#endif
