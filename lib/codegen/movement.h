/* Inside codegen/: what the movement operators share. */
#ifndef SOCLE_LIB_CODEGEN_MOVEMENT_H
#define SOCLE_LIB_CODEGEN_MOVEMENT_H

#include "writer.h"

/* Dimensions of which neighbours that need no attention of their own are taken together. */
typedef struct runs {
    int count;
    int64_t out[SOCLE_MAX_RANK], in[SOCLE_MAX_RANK]; /* extents */
    int run_of[SOCLE_MAX_RANK];                      /* per dimension */
} runs;

void movement_form_runs(int rank, const int64_t *out, const int64_t *in, const bool *special, runs *r);
int64_t movement_product(const int64_t *dims, int first, int end);
int movement_axis(const graph_node *node, int rank, int64_t absent);
/* Declares a value that one of several blocks sets; `initially` "" or the name of its value where none does. */
void movement_declare(writer *w, const char *what, const char *initially, compute_type type, int width, bool lanes, element *is);
/* In an open block: sets `is` to the input's element. */
bool movement_assign(writer *w, value_id input, const linear *source, bool lanes, const element *is);

bool movement_pad(writer *w, const graph_node *node, const linear *index, element *is);
bool movement_concat(writer *w, const graph_node *node, const linear *index, element *is);

static inline const graph_type *type_of(const writer *w, value_id value)
{
    return &w->graph->values[value].type;
}

#endif
