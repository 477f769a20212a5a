/* plan: from graph + goal + profile to a plan: rewriting, fusion, solver choice, memory, candidate placements, printing. A plan
 * is data: it can be printed, saved, compared and tested without a device. */
#ifndef SOCLE_LIB_PLAN_H
#define SOCLE_LIB_PLAN_H

#include "../profile/profile.h"
#include <socle/plan.h>

/* ---- one device's part: a flat list of steps with every buffer placed ---- */

typedef enum buffer_kind {
    BUFFER_INPUT,    /* written by the host before each run */
    BUFFER_OUTPUT,   /* read by the host after each run */
    BUFFER_CONSTANT, /* uploaded once */
    BUFFER_STATE,    /* uploaded once, changed by runs */
    BUFFER_PREPARED, /* weights in a solver's layout: made by the prepare steps */
    BUFFER_ARENA     /* lives between steps first..last, at offset in the arena */
} buffer_kind;

typedef struct plan_buffer { /* its index is the operand number of the steps */
    buffer_kind kind;
    value_id value; /* GRAPH_NONE: workspace or prepared */
    char *name;
    graph_type type;
    size_t size_bytes;
    size_t offset_bytes; /* BUFFER_ARENA: in the arena; a multiple of 128 */
    int first, last;     /* steps between which it lives (ARENA) */
    const void *data;    /* CONSTANT, STATE: starting content, in the graph's memory */
    int alias;           /* operand whose memory it shares (views, in-place updates); GRAPH_NONE: its own */
    bool resident;       /* CONSTANT: still needed after prepare */
} plan_buffer;

typedef struct device_plan {
    socle_device *device;
    socle_graph *graph; /* simplified, every shape known; owned; constants share the model's memory */
    plan_buffer *buffers;
    int buffer_count, buffer_capacity;
    int *inputs, *outputs; /* operand numbers in the order of the graph's inputs and outputs */
    int input_count, output_count;
    step_list prepare; /* once, after constants are uploaded */
    step_list steps;   /* every run */
    size_t arena_bytes, constant_bytes, peak_bytes;
    double estimated_us; /* a run, without transfers */
} device_plan;

typedef struct device_plan_options {
    bool training; /* weights change: nothing is prepacked that training changes */
    bool deterministic, strict_accuracy, allow_tf32;
    bool compact;   /* memory is short: weights stay as they are, nothing is prepacked */
    bool in_blocks; /* images lie in blocks of channels wherever they can, whatever it costs (layouts.c) */
    /* Called with every anchor's problem before its solver is chosen (the tuner tunes it there); may be NULL. */
    socle_status (*on_problem)(socle_device *device, const problem *p, void *user);
    void *on_problem_user;
} device_plan_options;

/* What every way to run the problem has to keep to. */
static inline void plan_add_demands(const device_plan_options *options, problem *p)
{
    p->deterministic = options->deterministic;
    p->strict_accuracy = options->strict_accuracy;
    p->allow_tf32 = options->allow_tf32;
}

/* Takes a bound graph (graph_bind_shapes done), simplifies it and plans it for one device. Takes ownership of graph, also on
 * failure. */
socle_status device_plan_create(socle_device *device, socle_graph *graph, const device_plan_options *options, device_plan **plan);
void device_plan_destroy(device_plan *plan);

/* memory.c, pure: places intervals [first, last] of given sizes at offsets so that those which live at the same time share no
 * bytes. Sizes are rounded up to `alignment`, offsets are multiples of it. False when host memory is out. */
typedef struct memory_interval {
    int first, last;
    size_t size_bytes;
    size_t offset_bytes; /* result */
} memory_interval;
bool memory_plan(memory_interval *intervals, int count, size_t alignment, size_t *arena_bytes);

/* ---- placements: which part of the work goes to which device ---- */

#define PLACEMENT_MAX_DEVICES 8

typedef struct placement {
    int device_count;
    socle_device *devices[PLACEMENT_MAX_DEVICES];
    double share[PLACEMENT_MAX_DEVICES]; /* of the batch; sums to 1 */
    int64_t rows[PLACEMENT_MAX_DEVICES]; /* of the batch; sums to it */
    char *text;                          /* "pocl/pthread-0" or "a*0.6 + b*0.4" */
    double estimated_ms;                 /* of one run of the whole batch */
    double exchange_ms;   /* of what a device beside others has to exchange in a run of training; part of estimates together */
    double measured_ms;   /* < 0: not measured */
    size_t peak_bytes;    /* on its fullest device */
    bool ruled_out;       /* not to be measured; reason says why */
    socle_status failure; /* of planning it, where that is why it was ruled out */
    bool chosen;
    char *reason;
} placement;

struct socle_plan {
    socle_context *context;
    char *model_name;
    socle_goal goal;
    int64_t batch;
    placement *candidates;
    int candidate_count, candidate_capacity;
    int chosen;          /* index */
    device_plan **parts; /* of the chosen placement: one per device */
    int part_count;
    bool parts_borrowed; /* the parts belong to executors */
    bool from_store;     /* the decision came from the store */
    char *printed[3];    /* per socle_plan_format */
};

struct socle_trainer_options;

/* What is placed: a model with its shapes, for inference or (training not NULL) for training. */
typedef struct placement_work {
    socle_context *context;
    const socle_model *model;
    const socle_plan_options *options;
    const struct socle_trainer_options *training;
    /* Median seconds of a run, for candidates that are more than their parts run side by side (training exchanges gradients);
     * NULL: the parts are run. */
    socle_status (*measure)(void *user, const struct placement *candidate, double budget_s, double *seconds);
    void *user;
} placement_work;

/* The device_plan of one device's share (rows of the batch) of a model. compact: see device_plan_options. */
socle_status placement_part(const placement_work *work, socle_device *device, int64_t rows, bool compact, device_plan **part);
/* The same; compact where prepacked weights would not fit into the device's memory and less would be needed without. */
socle_status placement_fitting_part(const placement_work *work, socle_device *device, int64_t rows, bool *compact,
                                    device_plan **part);

/* Candidate placements by estimate: each device, each useful sub-device split, for throughput and training several devices; best
 * estimate first. Placements that cannot be are there too, ruled out with their reason. */
socle_status placement_candidates(const placement_work *work, socle_plan *plan);
/* Adds a candidate with no devices yet; NULL when memory is out. */
placement *placement_add(socle_plan *plan);
/* Sets text from devices and shares. */
socle_status placement_name(placement *candidate);
/* Splits `batch` rows by the shares: every part gets at least one row; false when there are fewer rows than parts. */
bool placement_split_rows(int64_t batch, const double *shares, int count, int64_t *rows);
/* Frees the candidates of a plan. */
void placement_clear(socle_plan *plan);

/* Shows the parts of executors in a plan: it does not own them. */
socle_status plan_show_parts(socle_plan *plan, device_plan *const *parts, int count);
/* plan_text.c, plan_json.c, plan_dot.c: the allocated text, NULL (message set) when memory is out. */
char *plan_print_text(const socle_plan *plan);
char *plan_print_json(const socle_plan *plan);
char *plan_print_dot(const socle_plan *plan);
const char *plan_goal_name(socle_goal goal);

#endif
