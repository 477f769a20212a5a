/* plan: from graph + goal + profile to a plan: rewriting, fusion, solver choice, memory, candidate placements, printing. A plan is data: it
 * can be printed, saved, compared and tested without a device. */
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
    value_id value;     /* GRAPH_NONE: workspace or prepared */
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
    socle_graph *graph;  /* simplified, every shape known; owned; constants share the model's memory */
    plan_buffer *buffers;
    int buffer_count, buffer_capacity;
    int *inputs, *outputs; /* operand numbers in the order of the graph's inputs and outputs */
    int input_count, output_count;
    step_list prepare;   /* once, after constants are uploaded */
    step_list steps;     /* every run */
    size_t arena_bytes, constant_bytes, peak_bytes;
    double estimated_us; /* a run, without transfers */
} device_plan;

typedef struct device_plan_options {
    bool training;       /* weights change: nothing is prepacked that training changes */
    bool deterministic;
    /* Called with every anchor's problem before its solver is chosen (the tuner tunes it there); may be NULL. */
    socle_status (*on_problem)(socle_device *device, const problem *p, void *user);
    void *on_problem_user;
} device_plan_options;

/* Takes a bound graph (graph_bind_shapes done), simplifies it and plans it for one device. Takes ownership of graph, also on failure. */
socle_status device_plan_create(socle_device *device, socle_graph *graph, const device_plan_options *options, device_plan **plan);
void device_plan_destroy(device_plan *plan);

/* memory.c, pure: places intervals [first, last] of given sizes at offsets (multiples of alignment) so that overlapping ones do not
 * share bytes; returns the arena's size. Greedy by size, as in "Efficient Memory Management for Deep Neural Net Inference" (Pisarchyk, Lee 2020). */
typedef struct memory_interval {
    int first, last;
    size_t size_bytes;
    size_t offset_bytes; /* result */
} memory_interval;
size_t memory_plan(memory_interval *intervals, int count, size_t alignment);

/* ---- placements: which part of the work goes to which device ---- */

#define PLACEMENT_MAX_DEVICES 8

typedef struct placement {
    int device_count;
    socle_device *devices[PLACEMENT_MAX_DEVICES];
    double share[PLACEMENT_MAX_DEVICES]; /* of the batch; sums to 1 */
    int64_t rows[PLACEMENT_MAX_DEVICES];
    char *text;          /* "pocl/pthread-0" or "a*0.6 + b*0.4" */
    double estimated_ms; /* of one run of the whole batch */
    double measured_ms;  /* < 0: not measured */
    size_t peak_bytes;
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
    bool from_store;     /* the decision came from the store */
    char *printed[3];    /* per socle_plan_format */
};

/* Candidate placements by estimate: each device, each useful sub-device split, for throughput and training several devices; best estimate
 * first. */
socle_status placement_candidates(socle_context *context, const socle_graph *graph, const socle_plan_options *options, socle_plan *plan);

#endif
