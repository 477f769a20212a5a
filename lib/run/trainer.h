/* Inside run/: a trainer. One set of weights lives on each device; plans for every batch size, for evaluation and for updates
 * share it. On one device a step is one run of one plan: forward, backward and update. On several, each runs forward and backward
 * on its rows; the host averages the gradients, weighted by rows; the first device updates, and its weights are copied to the
 * others, so that all stay equal bit by bit. */
#ifndef SOCLE_LIB_RUN_TRAINER_H
#define SOCLE_LIB_RUN_TRAINER_H

#include "run.h"

#define TRAINER_MAX_INPUTS 16
#define TRAINER_AHEAD 8 /* steps that may be enqueued without waiting */

typedef enum training_form {
    FORM_STEP,       /* forward, loss, backward, update */
    FORM_GRADIENTS,  /* forward, loss, backward; gradients and running statistics are outputs */
    FORM_EVALUATION, /* inference with the weights as states */
    FORM_INSPECTION  /* forward in training form; every value is an output */
} training_form;

/* Positions of a training plan's inputs; GRAPH_NONE: the plan has none of that kind. */
typedef struct step_ends {
    int inputs[TRAINER_MAX_INPUTS]; /* in the model's order */
    int labels, seed;
    int hyper[HYPER_COUNT];
} step_ends;

/* The plans for one set of input shapes. */
typedef struct training_variant {
    struct training_variant *next;
    graph_type inputs[TRAINER_MAX_INPUTS]; /* of the whole batch */
    graph_type labels, output;
    int count; /* devices that take part */
    executor *executors[PLACEMENT_MAX_DEVICES];
    step_ends ends[PLACEMENT_MAX_DEVICES];
    int64_t rows[PLACEMENT_MAX_DEVICES];
    float written[HYPER_COUNT]; /* what the first executor's inputs hold; NAN: nothing yet */
} training_variant;

typedef struct evaluation_variant {
    struct evaluation_variant *next;
    graph_type inputs[TRAINER_MAX_INPUTS]; /* of one chunk */
    graph_type output;
    executor *executor;
} evaluation_variant;

/* A state that a checkpoint and a model are made of: a weight, a running statistic, a moment. */
typedef struct trainer_state {
    char *name;
    graph_type type;
    size_t size_bytes;
    const executor *owner;
} trainer_state;

/* One step's numbers and, where it is not waited for, its data. */
typedef struct pending_step {
    training_variant *variant;
    const void *inputs[TRAINER_MAX_INPUTS];
    const void *labels;
    void *copies[TRAINER_MAX_INPUTS + 1]; /* owned memory that inputs and labels point into */
    size_t capacities[TRAINER_MAX_INPUTS + 1];
    float hyper[HYPER_COUNT];
    uint8_t update;
    int32_t seed[PLACEMENT_MAX_DEVICES];
    union {
        float f32;
        double f64;
    } loss;
    int64_t number; /* of the step, from 1 */
} pending_step;

/* Gradients and statistics of several devices, averaged on the host. */
typedef struct gradient_sum {
    char *name; /* of the weight or the statistic */
    bool is_statistic;
    graph_type type;
    size_t size_bytes;
    void *parts[PLACEMENT_MAX_DEVICES];
    void *mean;        /* of one batch */
    void *accumulated; /* of the batches since the last update; NULL without accumulation */
} gradient_sum;

struct socle_trainer {
    socle_context *context;
    const socle_model *model;
    socle_trainer_options options; /* devices owned */
    socle_plan_options plan_options;
    socle_plan *plan;
    socle_device *devices[PLACEMENT_MAX_DEVICES];
    double shares[PLACEMENT_MAX_DEVICES];
    int device_count;
    training_variant *first;
    evaluation_variant *evaluations;
    executor *update; /* several devices: on the first one */
    gradient_sum *sums;
    int sum_count;
    trainer_state *states;
    int state_count, state_capacity;
    int64_t steps;   /* updates done */
    int64_t batches; /* batches seen: with the seed, it makes the masks of dropout */
    int accumulated; /* batches since the last update */
    double weight;   /* their rows, in full batches */
    pending_step pending[TRAINER_AHEAD];
    int pending_count;
    double load_ms;
    char *placement;
    socle_session_times times;
};

/* trainer.c: makes the plans for a placement; those of another one, with all that was learnt, are dropped. */
socle_status trainer_place(socle_trainer *t, const placement *chosen);
void trainer_drop(socle_trainer *t);
/* The plan and the texts that a host sees show the placement that was made. start_s: when making it began. */
socle_status trainer_show(socle_trainer *t, double start_s);

/* trainer_move.c: what a deterministic run depends on beside its states, as text for a checkpoint without characters that JSON
 * escapes; NULL (message set): memory is out. */
char *trainer_describe_devices(const socle_trainer *t);
hash128 trainer_hash_steps(const socle_trainer *t);
/* Moves a trainer whose devices were left to the library to those that are described; what it has learnt stays on the old ones.
 * Where that cannot be, the trainer stays as it is and the reason is logged. */
socle_status trainer_move(socle_trainer *t, const char *path, const char *described);

/* trainer_measure.c: the placement of t's plan, by steps of t itself on zeros. Afterwards nothing is placed and nothing counted.
 */
socle_status trainer_choose(socle_trainer *t);

/* trainer_plan.c: executors in every form. inputs: the types with the rows of that device; NULL: as the model's with `batch`
 * rows. */
socle_status trainer_executor(const socle_trainer *t, training_form form, socle_device *device, const graph_type *inputs,
                              int64_t rows, const executor *lender, graph_type *output, executor **out);
socle_status trainer_update_executor(const socle_trainer *t, const executor *lender, executor **out);

/* trainer_variant.c */
socle_status training_variant_create(socle_trainer *t, const graph_type *inputs, int64_t rows, training_variant **out);
void training_variant_destroy(training_variant *v); /* takes NULL */
socle_status training_variant_find(socle_trainer *t, const socle_tensor *inputs, training_variant **out);
socle_status evaluation_variant_find(socle_trainer *t, const graph_type *inputs, int64_t rows, evaluation_variant **out);
/* Input number `index` of the model as a type, of this tensor's shape. */
graph_type trainer_type_of(const socle_tensor *tensor);

/* trainer_input.c: what a host hands over, before any device sees it. */
socle_status trainer_check_inputs(const socle_trainer *t, const socle_tensor *inputs, int count);
socle_status trainer_check_labels(const socle_trainer *t, const graph_type *output, const graph_type *expected,
                                  const socle_tensor *labels);

/* trainer_step.c: one device. wait: the loss is wanted now. */
socle_status trainer_step_alone(socle_trainer *t, pending_step *step, const socle_tensor *inputs, const socle_tensor *labels,
                                bool wait, double *loss);
/* Waits for all steps that were enqueued and looks at their losses. */
socle_status trainer_drain(socle_trainer *t);

/* trainer_together.c: several devices. */
socle_status trainer_prepare_together(socle_trainer *t);
socle_status trainer_step_together(socle_trainer *t, pending_step *step, double *loss);
void trainer_finish_together(socle_trainer *t);

/* trainer_finite.c: NOT_FINITE, with the step and the first tensor that holds a value which is no number. */
socle_status trainer_not_finite(socle_trainer *t, const pending_step *step);

/* trainer_state.c: content of a state from and to every device. */
socle_status trainer_list_states(socle_trainer *t);
socle_status trainer_state_read(socle_trainer *t, const trainer_state *state, void *to);
socle_status trainer_state_write(socle_trainer *t, const trainer_state *state, const void *from);

/* trainer_schedule.c */
double trainer_learning_rate(const socle_trainer_options *options, int64_t steps);
/* The values of the inputs named in graph_hyper_names for the batch that comes. */
void trainer_fill_hyper(const socle_trainer *t, int64_t rows, pending_step *step);
int32_t trainer_seed(const socle_trainer *t, int device);
/* Counts a batch that was run. */
void trainer_count(socle_trainer *t, int64_t rows);
static inline bool trainer_updates_now(const socle_trainer *t)
{
    return t->accumulated + 1 >= t->options.accumulate;
}

#endif
