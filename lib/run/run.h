/* run: executing plans: the executor, sessions, trainer, choosing placements by measuring them. */
#ifndef SOCLE_LIB_RUN_H
#define SOCLE_LIB_RUN_H

#include "../plan/plan.h"
#include <socle/session.h>
#include <socle/trainer.h>

/* ---- the executor: a device_plan with memory, programs compiled, weights uploaded: the same for inference and training ---- */

typedef struct executor {
    device_plan *plan;       /* owned */
    socle_buffer *arena;
    socle_span *spans;       /* per operand */
    socle_buffer **buffers;  /* owned, per operand that has memory of its own; else NULL */
    bound_steps *steps;
    cl_command_queue queue;  /* its own, or the device's */
    double load_ms, compile_ms;
} executor;

/* Allocates, compiles in parallel, uploads, prepares and warms up. Takes ownership of plan, also on failure. */
socle_status executor_create(device_plan *plan, executor **out);
void executor_destroy(executor *e);
/* Enqueues input writes, all steps and, with outputs, reads; then waits. inputs/outputs by position; NULL entries are left as they are. */
socle_status executor_run(executor *e, const void *const *inputs, void *const *outputs);
/* The parts of it, for overlapping several devices: each returns without waiting. */
socle_status executor_start(executor *e, const void *const *inputs);
socle_status executor_read_async(executor *e, int output, void *to);
socle_status executor_wait(executor *e);
/* Content of a VALUE_STATE (by value name) from and to the host. */
socle_status executor_state_read(executor *e, const char *name, void *to, size_t size_bytes);
socle_status executor_state_write(executor *e, const char *name, const void *from, size_t size_bytes);
/* Median seconds of a run on random inputs, within budget_s. */
socle_status executor_measure(executor *e, double budget_s, double *seconds);

/* ---- placements ---- */

/* Fills plan: from the store's decision if there is one, else candidates by estimate, the best few measured within the budget, the winner
 * kept. Leaves plan->parts NULL: they are made by whoever runs them. For training, `training` says how the graph is made. */
socle_status placement_decide(socle_context *context, const socle_model *model, const socle_plan_options *options,
                              const socle_trainer_options *training, socle_plan *plan);
/* The device_plan of one device's share (rows of the batch) of a model. */
socle_status placement_part(socle_device *device, const socle_model *model, const socle_plan_options *options,
                            const socle_trainer_options *training, int64_t rows, device_plan **part);

#endif
