/* A small graph whose nodes become generated kernels: run on every device between guard zones, compared with the float64 oracle.
 */
#ifndef SOCLE_TESTS_CODEGEN_CASE_H
#define SOCLE_TESTS_CODEGEN_CASE_H

#include "../../lib/codegen/codegen.h"

typedef struct codegen_case {
    socle_graph *graph;
    uint32_t random;
    double tolerance; /* share of the largest magnitude; 0: by the output's type */
    int steps;        /* after a check: of the last device */
    bool own_content[64];
    double *content[64]; /* per graph input; free */
} codegen_case;

void case_start(codegen_case *c);
void case_finish(codegen_case *c);

/* An input with random content in low..high (whole numbers for integer types), rounded to the type. */
value_id case_input(codegen_case *c, socle_dtype dtype, double low, double high, int rank, const int64_t *dims);
/* The same with this content. */
value_id case_input_of(codegen_case *c, socle_dtype dtype, const double *content, int rank, const int64_t *dims);
value_id case_ints(codegen_case *c, int count, const int64_t *values);
/* Adds a node; fails the test where it cannot. */
value_id case_node(codegen_case *c, const char *op, int input_count, const value_id *inputs, int attribute_count,
                   const socle_attribute *attributes);
void case_output(codegen_case *c, value_id value);

/* All nodes in one group, on every device that computes with the types: the outputs are the oracle's, and nothing else is
 * written. Reductions run in the kernels' shape for GPUs as well as in the device's own. */
void case_check(codegen_case *c);
/* The kernel for one imagined device: memory_free. */
char *case_kernel(codegen_case *c, socle_device_type type, int width);

#define CASE_DIMS(...)                                                                                                           \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[])                                                 \
    {                                                                                                                            \
        __VA_ARGS__                                                                                                              \
    }
#define CASE_UNARY(c, op, a) case_node(c, op, 1, (const value_id[]){a}, 0, NULL)
#define CASE_BINARY(c, op, a, b) case_node(c, op, 2, (const value_id[]){a, b}, 0, NULL)

#endif
