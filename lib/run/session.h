/* Inside run/: a session and its variants, one per set of input shapes that it was asked for. */
#ifndef SOCLE_LIB_RUN_SESSION_H
#define SOCLE_LIB_RUN_SESSION_H

#include "run.h"

typedef struct variant {
    struct variant *next;
    graph_type *inputs, *outputs; /* of the whole batch, in the model's order */
    int input_count, output_count;
    shards *shards;
    const void **from;    /* per input, for one run */
    void **to;            /* per output, for one run */
    pthread_mutex_t lock; /* held during a run */
} variant;

/* Makes the executors of a placement ready to run; the variant takes nothing of work's. */
socle_status variant_create(const placement_work *work, const placement *chosen, variant **out);
void variant_destroy(variant *v); /* takes NULL */
/* Have the tensors the variant's input shapes? */
bool variant_fits(const variant *v, const socle_tensor *inputs);
/* Checks the outputs against the variant's (filling those of rank -1), then runs. Thread-safe. */
socle_status variant_run(variant *v, const socle_tensor *inputs, socle_tensor *outputs, const socle_graph *graph);

struct socle_session {
    socle_context *context;
    const socle_model *model;
    socle_plan_options options; /* strings and bindings owned */
    socle_shape_binding *bindings;
    socle_plan *plan;
    variant *first;       /* as planned; others behind it in the order of their first use */
    pthread_mutex_t lock; /* of the list */
    char *placement;
    socle_session_times times;
};

#endif
