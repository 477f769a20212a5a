/* run: executing plans: the executor, sessions, trainer, choosing placements by measuring them. */
#ifndef SOCLE_LIB_RUN_H
#define SOCLE_LIB_RUN_H

#include "../plan/plan.h"
#include <socle/session.h>
#include <socle/trainer.h>

/* ---- the executor: a device_plan with memory, programs compiled, weights uploaded: the same for inference and training ---- */

/* How the host's data reaches inputs and leaves outputs; which one is fastest is measured when an executor is made. */
typedef enum exchange_kind {
    EXCHANGE_COPY,  /* non-blocking writes and reads through the queue */
    EXCHANGE_SHARED /* fine-grained shared virtual memory: memcpy alone */
} exchange_kind;

typedef struct executor {
    device_plan *plan; /* owned */
    socle_buffer *arena;
    socle_span *spans;      /* per operand */
    socle_buffer **buffers; /* owned, per operand that has memory of its own; else NULL */
    void **shared;          /* owned, per operand: memory that the host reaches directly; NULL: none */
    bound_steps *steps;
    cl_command_queue queue; /* its own */
    exchange_kind exchange;
    bool polls;                    /* a wait looks for the end before it sleeps */
    cl_event end;                  /* of what was started last; NULL: unknown */
    const struct executor *lender; /* whose states and queue it shares; NULL: its own */
    double load_ms, compile_ms;
} executor;

/* Allocates, compiles in parallel, uploads, prepares and warms up. Takes ownership of plan, also on failure. */
socle_status executor_create(device_plan *plan, executor **out);
/* The same, but states that `lender` has by the same name are its: several plans (of other batches, for evaluation) work on one
 * set of weights. Both use one queue, so their runs are in order; the lender outlives the other. Not warmed up: that would change
 * the states. */
socle_status executor_create_sharing(device_plan *plan, const executor *lender, executor **out);
void executor_destroy(executor *e);
/* Inputs in, all steps, outputs out; then waits. inputs/outputs by position; NULL entries are left as they are. What was started
 * before must have been waited for. */
socle_status executor_run(executor *e, const void *const *inputs, void *const *outputs);
/* Measures which queue, exchange and way of waiting is fastest for runs of microseconds, and keeps it; called once while the
 * executor is made. */
socle_status executor_choose_exchange(executor *e);
/* The parts of it, for overlapping several devices: each returns without waiting. */
socle_status executor_start(executor *e, const void *const *inputs);
socle_status executor_read_async(executor *e, int output, void *to);
/* Sends off what was enqueued, so that it runs while the host does something else. */
socle_status executor_flush(executor *e);
socle_status executor_wait(executor *e);
/* Content of a VALUE_STATE (by value name) from and to the host. */
socle_status executor_state_read(executor *e, const char *name, void *to, size_t size_bytes);
socle_status executor_state_write(executor *e, const char *name, const void *from, size_t size_bytes);
/* Median seconds of a run on random inputs, within budget_s. */
socle_status executor_measure(executor *e, double budget_s, double *seconds);

/* Host memory for all inputs (random floats, zeros of other types) and outputs of an executor, to measure it with (trial.c). */
typedef struct trial {
    executor *executor;
    void **inputs, **outputs;
} trial;
socle_status trial_create(executor *e, trial **out);
void trial_destroy(trial *t);
socle_status trial_run(trial *t, double *seconds);

/* ---- shards: the executors of one placement, which run a batch together (shards.c) ---- */

typedef struct shards {
    int count;
    executor *executors[PLACEMENT_MAX_DEVICES]; /* owned */
    int64_t rows[PLACEMENT_MAX_DEVICES];        /* of the batch, in order */
} shards;

socle_status shards_create(const placement_work *work, const placement *chosen, shards **out);
void shards_destroy(shards *s); /* takes NULL */
/* inputs and outputs of the whole batch, as for executor_run; each device takes its rows at the same time. */
socle_status shards_run(const shards *s, const void *const *inputs, void *const *outputs);
/* Median seconds of a run of the whole batch on random inputs. in_flight: of runs that follow each other without a wait between.
 */
socle_status shards_measure(const shards *s, bool in_flight, double budget_s, double *seconds);

/* ---- placements (decide.c, decision.c) ---- */

/* Decisions kept from earlier runs: valid for the same model, shapes, goal, devices with their drivers, and Socle version. */
bool decision_read(const placement_work *work, socle_plan *plan);
void decision_keep(const placement_work *work, const socle_plan *plan);

/* Fills plan (context, model_name, goal, batch and candidates): from the store's decision if there is one, else candidates by
 * estimate, the best few measured within the budget, the winner kept. Leaves plan->parts NULL: they are made by whoever runs
 * them. */
socle_status placement_decide(const placement_work *work, socle_plan *plan);
/* The same for training, whose candidates are measured with their exchange of gradients (trainer_measure.c). */
socle_status trainer_decide(const placement_work *work, socle_plan *plan);
/* Marks the winner among a plan's candidates and gives every one its reason: the one measured fastest, or one with a far better
 * estimate whose longer measurement other work on the machine can explain. False when all are ruled out. */
bool placement_choose(socle_plan *plan);
/* Makes an executor of one part; when the device's memory does not suffice, first trims its pool, then plans without prepacking,
 * then fails with the bytes needed and there. */
socle_status placement_executor(const placement_work *work, socle_device *device, int64_t rows, executor **out);

#endif
