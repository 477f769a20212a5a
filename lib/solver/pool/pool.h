/* What the ways to run pooling share. */
#ifndef SOCLE_LIB_SOLVER_POOL_H
#define SOCLE_LIB_SOLVER_POOL_H

#include "../conv/conv.h"

/* conv_add_options and which pooling it is. */
void pool_add_options(text *options, const problem *p);

#endif
