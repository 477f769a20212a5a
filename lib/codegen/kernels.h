/* Inside codegen/: the shapes that kernels come in. Each function writes the body of the kernel's function and says how it is
 * launched. */
#ifndef SOCLE_LIB_CODEGEN_KERNELS_H
#define SOCLE_LIB_CODEGEN_KERNELS_H

#include "writer.h"

typedef struct kernel_target {
    bool blocks; /* a work-item per block of elements with explicit vectors (CPUs); else one per element (GPUs) */
    int width;   /* of vectors */
    int compute_units;
    int max_group; /* work-items */
    bool real64;
} kernel_target;

typedef struct launch_shape {
    size_t global, local;
} launch_shape;

/* False when writing failed: w says why. */
bool elementwise_write(writer *w, const kernel_target *target, text *out, launch_shape *launch);
bool reduce_blocks_write(writer *w, const kernel_target *target, const node_id *reductions, int count, text *out,
                         launch_shape *launch);
bool reduce_groups_write(writer *w, const kernel_target *target, const node_id *reductions, int count, text *out,
                         launch_shape *launch);

/* ---- pieces (kernel_text.c) ---- */

void add_indented(text *out, int indent, const char *format, ...) SOCLE_PRINTF(3, 4);
/* Declares the digits first..end-1 from the linear number `from`. */
void write_digits(const writer *w, int first, int end, const char *from, int indent, text *out);
/* "const int first = get_global_id(0) * each, last = min(first + each, total);" */
void write_share(const writer *w, int64_t each, int64_t total, int indent, text *out);
/* Hands what was written to `out` and starts anew. */
void move_text(text *from, text *out);
/* Evaluates all outputs at their own index and stores them, w->width lanes each. */
bool write_outputs(writer *w);
/* Elements that a work-item takes, so that there is work for all compute units but no item is tiny. */
int64_t block_elements(const kernel_target *target, int64_t elements);

/* ---- accumulators of reductions (accumulate.c) ---- */

typedef struct accumulator {
    const graph_node *node;
    compute_type type;
} accumulator;

accumulator accumulator_of(const writer *w, node_id node);
/* Declares "T name[count]" and sets every element to the identity. */
void accumulator_declare(writer *w, const accumulator *a, const char *name, int count, int width, int indent, text *out);
/* to[i] = combine(to[i], from[i]) for all i. */
void accumulator_merge(writer *w, const accumulator *a, const char *to, const char *from, int count, int width, int indent,
                       text *out);
/* into = combine(into, map(the input's element)), at the reduction's present index. */
bool accumulator_take(writer *w, const accumulator *a, const char *into, int width, bool lanes);
/* One value of `width` lanes from name[0..count), then one of a single lane: name of the result. */
void accumulator_fold(writer *w, const accumulator *a, const char *name, int count, int width, int indent, text *out,
                      char result[28]);
void accumulator_fold_lanes(writer *w, const accumulator *a, int width, int indent, text *out, char result[28]);
void accumulator_combine(writer *w, const accumulator *a, const char *x, const char *y, int width, int indent, text *out,
                         char result[28]);
/* The reduction's result from its combined value, at hand for what comes behind it. */
bool accumulator_finish(writer *w, const accumulator *a, const char *combined, int width, bool lanes);

/* Rough cost of one vector of elements with the lanes along `digit`. */
int reduction_cost_along(writer *w, int width, const accumulator *accumulators, int count, int digit);
/* Refines the space as far as any way to write the kernel will need. */
bool reduction_settle(writer *w, const accumulator *accumulators, int count);

#define REDUCTIONS_MAX 8
/* Sums run in two levels, so that no sum has more terms than this: for accuracy, and because some drivers end long loops. */
#define LEVEL_TERMS 1024

#endif
