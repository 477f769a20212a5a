/* Inside codegen/: indices as linear forms of a kernel's loop variables, constant + sum of factor * variable. Transposing,
 * slicing, broadcasting and most reshaping stay exact in this form, so that a chain of movement operators becomes one address. */
#ifndef SOCLE_LIB_CODEGEN_LINEAR_H
#define SOCLE_LIB_CODEGEN_LINEAR_H

#include "../base/base.h"

#define LINEAR_MAX_TERMS 24
#define VARIABLE_MAX 96
#define LANE_IRREGULAR INT64_MAX

typedef struct linear_term {
    int variable; /* index into the table of variables */
    int64_t factor;
} linear_term;

typedef struct linear {
    int64_t constant;
    int count;
    linear_term terms[LINEAR_MAX_TERMS]; /* by ascending variable, no factor 0 */
} linear;

/* A variable of the kernel: a loop's, or a local one that holds part of an index that is not linear. */
typedef struct index_variable {
    char name[16];
    int64_t low, high;   /* the values it takes, both included */
    int64_t lane_stride; /* how much it grows from one vector lane to the next; LANE_IRREGULAR: unevenly */
    int digit;           /* of the iteration space; -1: a local variable */
} index_variable;

typedef struct variable_table {
    index_variable items[VARIABLE_MAX];
    int count;
} variable_table;

linear linear_constant(int64_t constant);
linear linear_variable(int variable);
/* a + factor * b. False when there are too many terms. */
bool linear_add(linear *a, const linear *b, int64_t factor);
bool linear_equal(const linear *a, const linear *b);
void linear_range(const linear *form, const variable_table *variables, int64_t *low, int64_t *high);
/* 0: the same for all lanes; LANE_IRREGULAR: no single stride. */
int64_t linear_lane_stride(const linear *form, const variable_table *variables);
/* form = quotient * divisor + remainder with 0 <= remainder < divisor for all values of the variables: false where that
 * cannot be done with linear forms; *remainder is then what does not divide, *quotient the rest. */
bool linear_split(const linear *form, const variable_table *variables, int64_t divisor, linear *quotient, linear *remainder);
/* As an expression in OpenCL C, in parentheses where it has several terms. */
void linear_write(const linear *form, const variable_table *variables, text *out);

#endif
