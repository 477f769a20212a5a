/* Gradients against central finite differences in float64: a small graph is built, its output weighed into one number,
 * differentiated, and both are evaluated by the oracle. */
#ifndef SOCLE_TESTS_CHECK_GRADIENT_H
#define SOCLE_TESTS_CHECK_GRADIENT_H

#include "evaluate.h"

#define CHECK_MAX_INPUTS 8

typedef struct gradient_check {
    socle_graph *graph;
    value_id inputs[CHECK_MAX_INPUTS];
    double *elements[CHECK_MAX_INPUTS];
    int input_count;
    uint32_t random;
} gradient_check;

void check_start(gradient_check *c);
void check_finish(gradient_check *c);
double check_random(gradient_check *c, double low, double high);

#define DIMS(...)                                                                                                                \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[])                                                       \
    {                                                                                                                            \
        __VA_ARGS__                                                                                                              \
    }

/* A float input whose gradient is checked, of random elements in low..high that are no multiples of 1/8 (where kinks are). */
value_id check_input(gradient_check *c, double low, double high, int rank, const int64_t *dims);
/* A float input without gradient, and a constant of int64. */
value_id check_ints(gradient_check *c, const int64_t *elements, int rank, const int64_t *dims);
value_id check_floats(gradient_check *c, const float *elements, int rank, const int64_t *dims);

/* Asserts that the gradients of sum(weights * output) reach every input and equal the finite differences. */
void check_gradients(gradient_check *c, value_id output);
/* The same for the gradients of the gradients: of sum(weights * gradient of each input). */
void check_second_gradients(gradient_check *c, value_id output);

#endif
