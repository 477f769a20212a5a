/* Plans: what would run where, and why, before anything is compiled. */
#ifndef SOCLE_PLAN_H
#define SOCLE_PLAN_H

#include <socle/model.h>
#include <socle/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The one hint a host has to give. */
typedef enum socle_goal { SOCLE_GOAL_LATENCY, SOCLE_GOAL_THROUGHPUT, SOCLE_GOAL_TRAINING } socle_goal;

/* Binds a symbolic dimension by its symbol, or a whole input's shape by the input's name. */
typedef struct socle_shape_binding {
    const char *name;
    int rank; /* 1 with a symbol's name: dims[0] is its value */
    int64_t dims[SOCLE_MAX_RANK];
} socle_shape_binding;

typedef struct socle_plan_options {
    size_t size;
    socle_goal goal;
    int64_t batch; /* value of the first symbolic dimension of each input where no binding says otherwise; 0: 1 */
    const socle_shape_binding *bindings;
    int binding_count;
    const char *devices; /* "ID,ID": only these; NULL: those of the context */
    double budget_s;     /* for measuring whole placements; < 0: the default, 2 s; 0: estimates only */
    int refresh;         /* 1: decide anew even if the store has a decision */
    int deterministic;   /* bitwise equal results run after run on one device */
    /* 1: only ways whose rounding errors are no larger than those of plain sums. Convolutions then take no Winograd tiles above
     * F(2x2, 3x3): those of F(4x4) and F(6x6) err by up to 2e-5 of the largest result, plain sums by 3e-6. */
    int strict_accuracy;
    /* 1: products and convolutions of float32 numbers may round their factors to TF32, 11 significant bits, where the device has
     * instructions for that: results err by up to 1e-3 of the largest one. 0: never. strict_accuracy excludes it. */
    int allow_tf32;
} socle_plan_options;

#define SOCLE_PLAN_OPTIONS_INIT                                                                                                  \
    {                                                                                                                            \
        sizeof(socle_plan_options), SOCLE_GOAL_LATENCY, 0, 0, 0, 0, -1.0, 0, 0, 0, 0                                             \
    }

typedef struct socle_plan socle_plan;
typedef enum socle_plan_format { SOCLE_PLAN_TEXT, SOCLE_PLAN_JSON, SOCLE_PLAN_DOT } socle_plan_format;

/* Decides the placement of a model for a goal and keeps the decision, with its figures, in the store. */
SOCLE_API socle_status socle_plan_create(socle_context *context, const socle_model *model, const socle_plan_options *options,
                                         socle_plan **plan);
SOCLE_API void socle_plan_destroy(socle_plan *plan);

/* The whole plan as text, JSON or DOT. Owned by the plan; NULL (message set) when memory is out. */
SOCLE_API const char *socle_plan_print(socle_plan *plan, socle_plan_format format);
/* Peak bytes of device memory that the chosen placement needs on its fullest device. */
SOCLE_API uint64_t socle_plan_peak_memory_bytes(const socle_plan *plan);

/* One candidate placement with the figures that decided. */
typedef struct socle_placement_info {
    const char *devices; /* "pocl/pthread-0" or "a*0.6 + b*0.4" */
    double estimated_ms;
    double measured_ms; /* < 0: not measured */
    uint64_t peak_memory_bytes;
    int chosen;
    const char *reason; /* chosen, or why not */
} socle_placement_info;

SOCLE_API int socle_plan_candidate_count(const socle_plan *plan);
SOCLE_API socle_status socle_plan_candidate(const socle_plan *plan, int index, socle_placement_info *info);

#ifdef __cplusplus
}
#endif
#endif
