/* Shards: the executors of one placement, one per device, each of which runs its rows of the batch at the same time. */
#include "run.h"

#include <string.h>

typedef struct shard_run {
    const shards *s;
    const void *const *inputs;
    void *const *outputs;
} shard_run;

#define MAX_ENDS 64

static size_t end_bytes(const executor *e, int operand)
{
    return e->plan->buffers[operand].size_bytes;
}

static int64_t rows_before(const shards *s, int index)
{
    int64_t rows = 0;
    for (int i = 0; i < index; i++)
        rows += s->rows[i];
    return rows;
}

/* Rows lie one behind the other, so a shard's part of an input or output starts at its first row. */
static socle_status run_shard(int index, void *user)
{
    const shard_run *run = user;
    executor *e = run->s->executors[index];
    const int64_t first = rows_before(run->s, index);
    const int64_t rows = run->s->rows[index];
    const void *inputs[MAX_ENDS];
    void *outputs[MAX_ENDS];
    for (int i = 0; i < e->plan->input_count; i++)
        inputs[i] = run->inputs[i] == NULL
                        ? NULL
                        : (const char *)run->inputs[i] + end_bytes(e, e->plan->inputs[i]) / (size_t)rows * (size_t)first;
    for (int i = 0; i < e->plan->output_count; i++)
        outputs[i] = run->outputs[i] == NULL
                         ? NULL
                         : (char *)run->outputs[i] + end_bytes(e, e->plan->outputs[i]) / (size_t)rows * (size_t)first;
    return executor_run(e, inputs, outputs);
}

socle_status shards_run(const shards *s, const void *const *inputs, void *const *outputs)
{
    if (s->count == 1)
        return executor_run(s->executors[0], inputs, outputs);
    shard_run run = {s, inputs, outputs};
    return threads_run(s->count, s->count, run_shard, &run);
}

socle_status shards_create(const placement_work *work, const placement *chosen, shards **out)
{
    shards *s = memory_alloc(sizeof(*s));
    if (s == NULL)
        return SOCLE_OUT_OF_MEMORY;
    socle_status status = SOCLE_OK;
    for (int i = 0; i < chosen->device_count && status == SOCLE_OK; i++) {
        s->rows[i] = chosen->rows[i];
        status = placement_executor(work, chosen->devices[i], chosen->rows[i], &s->executors[i]);
        s->count += status == SOCLE_OK;
    }
    if (status == SOCLE_OK && s->count > 1 &&
        (s->executors[0]->plan->input_count > MAX_ENDS || s->executors[0]->plan->output_count > MAX_ENDS))
        status = socle_fail(SOCLE_UNSUPPORTED, "more than %d inputs or outputs cannot be split over devices", MAX_ENDS);
    if (status != SOCLE_OK)
        shards_destroy(s);
    else
        *out = s;
    return status;
}

void shards_destroy(shards *s)
{
    if (s == NULL)
        return;
    for (int i = 0; i < s->count; i++)
        executor_destroy(s->executors[i]);
    memory_free(s);
}

/* ---- measuring ---- */

#define MAX_SAMPLES 256
#define IN_FLIGHT 8

/* Of one trial per shard: inputs and outputs of each executor are its own, so no rows are shared. */
typedef struct trials {
    trial *items[PLACEMENT_MAX_DEVICES];
    bool in_flight; /* several runs behind each other, one wait: what a host that keeps the device busy sees */
} trials;

static socle_status run_in_flight(trial *t)
{
    executor *e = t->executor;
    socle_status status = SOCLE_OK;
    for (int i = 0; i < IN_FLIGHT && status == SOCLE_OK; i++) {
        status = executor_start(e, (const void *const *)t->inputs);
        for (int k = 0; k < e->plan->output_count && status == SOCLE_OK; k++)
            status = executor_read_async(e, k, t->outputs[k]);
    }
    const socle_status waited = executor_wait(e);
    return status == SOCLE_OK ? waited : status;
}

static socle_status run_trial(int index, void *user)
{
    const trials *all = user;
    double seconds;
    return all->in_flight ? run_in_flight(all->items[index]) : trial_run(all->items[index], &seconds);
}

socle_status shards_measure(const shards *s, bool in_flight, double budget_s, double *seconds)
{
    double samples[MAX_SAMPLES];
    int count = 0;
    trials all = {.in_flight = in_flight};
    socle_status status = SOCLE_OK;
    for (int i = 0; i < s->count && status == SOCLE_OK; i++)
        status = trial_create(s->executors[i], &all.items[i]);
    const double end_s = time_now_s() + budget_s;
    while (status == SOCLE_OK && count < MAX_SAMPLES && (count < 3 || time_now_s() < end_s)) {
        const double start_s = time_now_s();
        status = s->count == 1 ? run_trial(0, &all) : threads_run(s->count, s->count, run_trial, &all);
        samples[count++] = (time_now_s() - start_s) / (in_flight ? IN_FLIGHT : 1);
    }
    for (int i = 0; i < s->count; i++)
        trial_destroy(all.items[i]);
    if (status == SOCLE_OK)
        *seconds = statistics_percentile(samples, count, 0.5);
    return status;
}
