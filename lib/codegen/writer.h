/* Inside codegen/: writing one kernel. A value's element at an index is written recursively: pointwise operators evaluate their
 * inputs at the broadcast index, movement operators at the index that they map it to, and what lies in memory is loaded. Each
 * value is computed once per index. The iteration space starts as one flat dimension; whoever needs an index apart at some place
 * refines it there, and the kernel is written again: so the space ends up as coarse, and the loops as long, as the operators
 * allow. */
#ifndef SOCLE_LIB_CODEGEN_WRITER_H
#define SOCLE_LIB_CODEGEN_WRITER_H

#include "codegen.h"
#include "linear.h"
#include "types.h"

#define SPACE_MAX_DIGITS 20
#define BREAKS_MAX 6
#define GROUP_MAX_NODES 64
#define GROUP_MAX_ARGUMENTS 24

/* A value at hand in the kernel: the name of a constant that holds it. */
typedef struct element {
    compute_type type;
    int width;
    char name[28];
} element;

typedef struct remembered {
    value_id value;
    linear index;
    element is;
    bool lane_dependent;
} remembered;

/* A local variable that holds quotient or remainder of an index, or (operation 0) an index with a known range. */
typedef struct local_index {
    linear of;
    int64_t divisor;
    char operation;
    int variable;
    bool lane_dependent;
} local_index;

typedef struct writer {
    const codegen_group *group;
    const socle_graph *graph;
    const value_id *outputs;
    int output_count;
    /* the iteration space, outermost first: digits of the outputs' index, then of the reduced one */
    int64_t extents[SPACE_MAX_DIGITS];
    int digit_count, kept_count;
    bool reduces;
    int64_t output_elements, reduced_elements;
    /* vector lanes run along this digit; GRAPH_NONE: one element at a time */
    int lane_digit;
    /* where conditions along the lanes change: loops are cut there, so that no condition is left */
    bool breaks_allowed;
    int64_t breaks[BREAKS_MAX];
    int break_count;
    bool quiet;      /* nothing is written, only counted */
    bool wide_index; /* long instead of int */
    /* part_total > 0: the one output is part of a larger tensor, [outer][part_length] at part_first of [outer][part_total] */
    int64_t part_length, part_first, part_total;
    /* while writing */
    variable_table variables;
    int digit_variable[SPACE_MAX_DIGITS];
    int width;          /* lanes of what depends on the lane digit */
    int depth;          /* blocks that are open inside the innermost loop */
    text hoisted, body; /* what does not depend on the lanes, and what does */
    text *block;        /* depth > 0: which of them is being written */
    /* what lies one behind the other along this digit, not along the lanes, is read by squares; GRAPH_NONE: nothing is */
    int square_digit;
    text squares; /* what reads them: it stands in front of the loop over the digit */
    int hoisted_indent, body_indent;
    remembered *memory;
    int memory_count, memory_capacity;
    local_index *locals;
    int local_count, local_capacity;
    value_id inputs[GROUP_MAX_ARGUMENTS];
    int input_count;
    needed_text needed;
    int names;
    /* what happened */
    bool again;     /* the space was refined: write anew */
    bool irregular; /* lanes would need separate index arithmetic */
    bool failed;
    bool out_of_memory;
    /* statistics */
    int64_t space;                /* how often the text being written runs */
    int evaluations, recomputed;  /* nodes written; pointwise ones of them with far fewer elements than the space */
    int contiguous, strided, far; /* loads along the lanes; far: strided over cache lines */
    value_id watched;             /* in-place check: is it only ever read where it is written? */
    bool watched_elsewhere;
} writer;

/* writer.c */
void writer_init(writer *w, const codegen_group *group, const value_id *outputs, int output_count);
void writer_finish(writer *w);
/* Forgets all that was written, keeps the space. lane_digit may have moved by refinement. */
void writer_begin(writer *w);
bool writer_stopped(const writer *w);
/* The linear index of the outputs' element / of the reduced element, and of one digit. */
linear writer_output_index(const writer *w);
linear writer_reduced_index(const writer *w);
bool writer_depends_on_lanes(const writer *w, const linear *form);
/* Where a statement goes that depends, or not, on the lanes; indented. */
text *writer_statement(writer *w, bool lane_dependent);
void writer_open_block(writer *w, bool lane_dependent);
void writer_close_block(writer *w, int memory_mark, int local_mark);
/* Forgets what depends on the lanes: another loop over them begins. */
void writer_forget_lanes(writer *w);
void writer_remember(writer *w, value_id value, const linear *index, const element *is);
bool writer_recall(const writer *w, value_id value, const linear *index, compute_type type, int width, element *is);
/* Starts "const T name = " and fills *is; the caller writes the expression and ";\n". */
text *writer_define(writer *w, const char *what, compute_type type, int width, bool lane_dependent, element *is);
void writer_new_name(writer *w, const char *what, char name[28]);
const char *writer_index_type(const writer *w);
char *writer_index_text(writer *w, const linear *form); /* memory_free; NULL: out of memory */
/* Argument number of an input (kernel parameter in<number>). */
int writer_input(writer *w, value_id value);

/* index.c: false when stopped. */
bool index_split(writer *w, const linear *form, int64_t divisor, linear *quotient, linear *remainder);
bool index_coordinates(writer *w, const linear *index, int count, const int64_t *extents, linear *coordinates);
bool index_recombine(writer *w, int count, const int64_t *extents, const linear *coordinates, linear *index);
bool index_broadcast(writer *w, const graph_type *out, const graph_type *in, const linear *index, linear *result);
/* A variable that holds the form where it is in low..high; elsewhere its value does not matter. */
bool index_clamped(writer *w, const linear *form, int64_t low, int64_t high, linear *result);
/* A variable for an expression that is not linear, with %s once for the form's text. */
bool index_local(writer *w, const linear *form, const char *expression, int64_t low, int64_t high, linear *result);
/* Asks for a cut of the lane loop where form becomes >= threshold. Always returns false: again or irregular. */
bool index_cut_lanes(writer *w, const linear *form, int64_t threshold);

/* element.c: the element of a value at an index; false when stopped. */
bool write_element(writer *w, value_id value, const linear *index, element *is);
/* The element as `width` lanes of `type`. */
bool write_element_as(writer *w, value_id value, const linear *index, compute_type type, int width, element *is);
bool made_inside(const writer *w, value_id value);
/* The value at a scalar constant's place: false when it is not a constant of one element. */
bool constant_scalar(const socle_graph *graph, value_id value, double *number);

/* squares.c: where the lanes of a vector lie far apart (a transpose), as many vectors as it has lanes are read along the other
 * digit and turned in registers. */
bool square_lies(const writer *w, const linear *index, int64_t stride); /* stride: along the lanes */
/* Writes what reads it, and its name. */
bool square_read(writer *w, socle_dtype dtype, const linear *index, int64_t stride, const char *pointer, char name[28]);
/* Opens the two loops around the body that takes element `step` of each square, for rows first_row..last_row-1. */
void square_loops(writer *w, int digit, bool unrolled, int indent, text *out);

/* movement.c */
bool write_movement(writer *w, const graph_node *node, value_id value, const linear *index, element *is);
bool expression_complete(const graph_node *node);                      /* every operand that the expression names is there */
bool movement_known(const socle_graph *graph, const graph_node *node); /* its constant inputs are there */

/* expression.c: an expression of the operator table over named operands. */
typedef struct expression_name {
    const char *name, *stands_for;
} expression_name;

void expression_write(writer *w, const char *expression, const expression_name *names, int name_count, const graph_node *node,
                      compute_type type, int width, text *out);
compute_type expression_type(const socle_graph *graph, const graph_node *node);
bool write_pointwise(writer *w, const graph_node *node, value_id value, const linear *index, element *is);

/* A value as the tensor type would hold it: truth values as 0 or 1, small integers wrapped, and where it `rounds`, small floats
 * rounded. */
bool hold_as(writer *w, socle_dtype dtype, bool rounds, bool lanes, element *is);

/* reduction.c */
typedef struct reduction_shape {
    int64_t kept, reduced; /* elements */
} reduction_shape;
bool reduction_shape_of(const socle_graph *graph, const graph_node *node, reduction_shape *shape);
/* The index in the reduction's input from those of the output and of the reduced elements. */
bool reduction_input_index(writer *w, const graph_node *node, const linear *kept, const linear *reduced, linear *index);
/* May both run in one loop: the same input shape and axes? */
bool reductions_agree(const socle_graph *graph, const graph_node *a, const graph_node *b);

#endif
