/* Candidate placements with estimated times. Each usable device is one; so is a part of a device that can be split (fewer threads
 * answer sooner where waking them costs more than they give); for throughput and training also several devices, each with the
 * rows of the batch that its estimated speed earns it. Devices on the same silicon are never added up. */
#include "plan.h"

#include <stdio.h>
#include <string.h>

/* Several devices must promise this much over the best of them alone: exchanging costs something. */
#define WORTH_SHARING 1.15
#define MAX_ALONE 32

/* ---- candidates as data ---- */

placement *placement_add(socle_plan *plan)
{
    if (!ARRAY_RESERVE(plan->candidates, plan->candidate_count, plan->candidate_capacity))
        return NULL;
    placement *candidate = &plan->candidates[plan->candidate_count++];
    *candidate = (placement){.measured_ms = -1};
    return candidate;
}

void placement_clear(socle_plan *plan)
{
    for (int i = 0; i < plan->candidate_count; i++) {
        memory_free(plan->candidates[i].text);
        memory_free(plan->candidates[i].reason);
    }
    memory_free(plan->candidates);
    plan->candidates = NULL;
    plan->candidate_count = plan->candidate_capacity = 0;
}

socle_status placement_name(placement *candidate)
{
    text name = {0};
    for (int i = 0; i < candidate->device_count; i++) {
        text_addf(&name, "%s%s", i > 0 ? " + " : "", candidate->devices[i]->info.id);
        if (candidate->device_count > 1)
            text_addf(&name, "*%.2f", candidate->share[i]);
    }
    memory_free(candidate->text);
    candidate->text = text_take(&name);
    return candidate->text != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
}

bool placement_split_rows(int64_t batch, const double *shares, int count, int64_t *rows)
{
    int64_t left = batch;
    int largest = 0;
    if (batch < count)
        return false;
    for (int i = 0; i < count; i++) {
        rows[i] = (int64_t)((double)batch * shares[i]);
        if (rows[i] < 1)
            rows[i] = 1;
        left -= rows[i];
        if (shares[i] > shares[largest])
            largest = i;
    }
    rows[largest] += left; /* what rounding left over, or took too much */
    return rows[largest] >= 1;
}

/* ---- one device alone ---- */

static double transfer_us(const device_plan *plan)
{
    const socle_profile *profile = profile_get(plan->device);
    double us = (plan->input_count + plan->output_count) * profile->launch_us;
    for (int i = 0; i < plan->input_count; i++)
        us += (double)plan->buffers[plan->inputs[i]].size_bytes / (profile->write_gbytes_per_s * 1e3);
    for (int i = 0; i < plan->output_count; i++)
        us += (double)plan->buffers[plan->outputs[i]].size_bytes / (profile->read_gbytes_per_s * 1e3);
    return us;
}

/* Beside other devices, a device that trains hands out its gradients and takes in weights: at most all its states, each way. */
static double exchange_ms(const device_plan *plan)
{
    const socle_profile *profile = profile_get(plan->device);
    double bytes = 0;
    int states = 0;
    for (int i = 0; i < plan->buffer_count; i++) {
        if (plan->buffers[i].kind != BUFFER_STATE || plan->buffers[i].alias != GRAPH_NONE)
            continue;
        bytes += (double)plan->buffers[i].size_bytes;
        states++;
    }
    const double us = bytes / (profile->write_gbytes_per_s * 1e3) + bytes / (profile->read_gbytes_per_s * 1e3);
    return (us + states * profile->transfer_us + 2 * profile->round_trip_us) * 1e-3;
}

/* All inputs and outputs have the rows of the batch in front, so that a shard is a range of rows. */
static bool is_shardable(const device_plan *plan, int64_t rows)
{
    for (int i = 0; i < plan->input_count; i++) {
        const graph_type *type = &plan->buffers[plan->inputs[i]].type;
        if (type->rank < 1 || type->dims[0] != rows)
            return false;
    }
    for (int i = 0; i < plan->output_count; i++) {
        const graph_type *type = &plan->buffers[plan->outputs[i]].type;
        if (type->rank < 1 || type->dims[0] != rows)
            return false;
    }
    return plan->input_count > 0;
}

/* In training the loss is one number and labels may be anything: rows alone decide. But batch normalization takes its statistics
 * from the whole batch: what is trained must not depend on where. */
static bool is_trainable_in_shards(const socle_graph *graph, int64_t rows)
{
    for (int n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].op != NULL && strcmp(graph->nodes[n].op->name, "BatchNormalization") == 0)
            return false;
    return rows > 1;
}

static socle_status estimate_alone(const placement_work *work, socle_device *device, int64_t batch, placement *candidate,
                                   bool *shardable)
{
    device_plan *part = NULL;
    bool compact;
    socle_status status = placement_fitting_part(work, device, batch, &compact, &part);
    if (status != SOCLE_OK)
        return status;
    candidate->device_count = 1;
    candidate->devices[0] = device;
    candidate->share[0] = 1;
    candidate->rows[0] = batch;
    candidate->estimated_ms = (part->estimated_us + transfer_us(part)) * 1e-3;
    candidate->exchange_ms = work->training != NULL ? exchange_ms(part) : 0;
    candidate->peak_bytes = part->peak_bytes;
    *shardable = work->training != NULL ? is_trainable_in_shards(work->model->graph, batch) : is_shardable(part, batch);
    device_plan_destroy(part);
    return SOCLE_OK;
}

static socle_status rule_out(placement *candidate, const char *reason)
{
    candidate->ruled_out = true;
    memory_free(candidate->reason);
    candidate->reason = memory_copy_string(reason);
    return candidate->reason != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
}

/* A device that cannot run the model is a candidate that is ruled out, with the reason; host memory running out is an error. */
static socle_status add_alone(const placement_work *work, socle_plan *plan, socle_device *device, bool *shardable)
{
    placement *candidate = placement_add(plan);
    if (candidate == NULL)
        return SOCLE_OUT_OF_MEMORY;
    socle_status status = estimate_alone(work, device, plan->batch, candidate, shardable);
    if (status == SOCLE_OUT_OF_MEMORY)
        return status;
    candidate->device_count = 1;
    candidate->devices[0] = device;
    candidate->share[0] = 1;
    candidate->rows[0] = plan->batch;
    candidate->failure = status;
    if (status != SOCLE_OK)
        status = rule_out(candidate, socle_error_message());
    else if (candidate->peak_bytes > device->info.memory_bytes && device->info.memory_bytes > 0) {
        char reason[128];
        snprintf(reason, sizeof(reason), "needs %.1f MB of memory, the device has %.1f MB", (double)candidate->peak_bytes * 1e-6,
                 (double)device->info.memory_bytes * 1e-6);
        status = rule_out(candidate, reason);
    }
    return status == SOCLE_OK ? placement_name(candidate) : status;
}

/* ---- several devices ---- */

/* Rows per ms that the devices reach together: each one's own speed, divided by the worst slowdown that another causes it. */
static socle_status speeds_together(const placement *const *alone, int count, int64_t batch, double *speed)
{
    for (int i = 0; i < count; i++) {
        double worst = 1;
        for (int k = 0; k < count; k++) {
            double slowdown = 1;
            if (k == i || (alone[i]->devices[0]->parent != NULL && alone[i]->devices[0]->parent == alone[k]->devices[0]->parent))
                continue; /* parts of one device have compute units of their own */
            socle_status status = socle_profile_contention(alone[i]->devices[0], alone[k]->devices[0], 0, &slowdown);
            if (status != SOCLE_OK)
                return status;
            if (slowdown > worst)
                worst = slowdown;
        }
        speed[i] = (double)batch / alone[i]->estimated_ms / worst;
    }
    return SOCLE_OK;
}

static socle_status add_together(socle_plan *plan, const int *which, int count)
{
    const placement *alone[PLACEMENT_MAX_DEVICES];
    double speed[PLACEMENT_MAX_DEVICES], total = 0, best_ms = 0;
    placement *candidate = placement_add(plan); /* moves the others: their addresses are taken after it */
    if (candidate == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int i = 0; i < count; i++)
        alone[i] = &plan->candidates[which[i]];
    socle_status status = speeds_together(alone, count, plan->batch, speed);
    if (status != SOCLE_OK) {
        plan->candidate_count--;
        return status == SOCLE_OUT_OF_MEMORY ? status : SOCLE_OK;
    }
    candidate->device_count = count;
    for (int i = 0; i < count; i++) {
        total += speed[i];
        candidate->devices[i] = alone[i]->devices[0];
        if (alone[i]->peak_bytes > candidate->peak_bytes)
            candidate->peak_bytes = alone[i]->peak_bytes;
        if (i == 0 || alone[i]->estimated_ms < best_ms)
            best_ms = alone[i]->estimated_ms;
    }
    for (int i = 0; i < count; i++)
        candidate->share[i] = speed[i] / total;
    candidate->estimated_ms = (double)plan->batch / total;
    for (int i = 0; i < count; i++)
        candidate->estimated_ms += alone[i]->exchange_ms;
    status = placement_name(candidate);
    if (status == SOCLE_OK && !placement_split_rows(plan->batch, candidate->share, count, candidate->rows))
        return rule_out(candidate, "fewer rows than devices");
    if (status == SOCLE_OK && candidate->estimated_ms * WORTH_SHARING > best_ms) {
        char reason[160];
        snprintf(reason, sizeof(reason),
                 "together they promise %.2f times the best of them alone: they share silicon or "
                 "differ too much",
                 best_ms / candidate->estimated_ms);
        return rule_out(candidate, reason);
    }
    return status;
}

/* ---- all ---- */

/* options->devices: ids separated by commas, sub-devices' among them; without it those of the context. */
static socle_status read_devices(const placement_work *work, socle_device **asked, int *count)
{
    char *list = memory_copy_string(work->options->devices);
    *count = 0;
    if (list == NULL && work->options->devices != NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int i = 0; list == NULL && i < work->context->listed_count && *count < MAX_ALONE; i++)
        asked[(*count)++] = work->context->devices[i];
    if (list == NULL)
        return SOCLE_OK;
    socle_status status = SOCLE_OK;
    char *rest = NULL;
    for (char *id = strtok_r(list, ",", &rest); id != NULL && status == SOCLE_OK; id = strtok_r(NULL, ",", &rest)) {
        if (*count == MAX_ALONE)
            status = socle_fail(SOCLE_INVALID_ARGUMENT, "more than %d devices are named", MAX_ALONE);
        else
            status = socle_device_find(work->context, id, &asked[*count]);
        *count += status == SOCLE_OK;
    }
    memory_free(list);
    return status;
}

static socle_status add_device(const placement_work *work, socle_plan *plan, socle_device *device, int *usable, int *usable_count,
                               bool *all_shardable)
{
    bool shardable = false;
    const int index = plan->candidate_count;
    socle_status status = add_alone(work, plan, device, &shardable);
    if (status != SOCLE_OK || plan->candidates[index].ruled_out)
        return status;
    *all_shardable = *all_shardable && shardable;
    if (*usable_count < MAX_ALONE)
        usable[(*usable_count)++] = index;
    return SOCLE_OK;
}

/* The halves of a device: one of them alone for latency, both together for throughput. */
static socle_status add_split(const placement_work *work, socle_plan *plan, socle_device *device)
{
    enum { PARTS = 2 };
    socle_device *parts[PARTS];
    int usable[PARTS], usable_count = 0;
    bool shardable = true;
    if (device->parent != NULL || device->info.max_sub_devices < PARTS || !device->capabilities.partition_equally ||
        socle_device_split(device, PARTS, NULL, parts) != SOCLE_OK)
        return SOCLE_OK;
    const bool together = work->options->goal != SOCLE_GOAL_LATENCY;
    const int count = together ? PARTS : 1;
    for (int i = 0; i < count; i++) {
        socle_status status = add_device(work, plan, parts[i], usable, &usable_count, &shardable);
        if (status != SOCLE_OK)
            return status;
    }
    return together && usable_count == PARTS && shardable ? add_together(plan, usable, PARTS) : SOCLE_OK;
}

static int by_estimate(const void *a, const void *b)
{
    const placement *x = a, *y = b;
    if (x->ruled_out != y->ruled_out)
        return x->ruled_out ? 1 : -1;
    return (x->estimated_ms > y->estimated_ms) - (x->estimated_ms < y->estimated_ms);
}

static socle_status add_combinations(socle_plan *plan, const int *usable, int count)
{
    const int considered = count < PLACEMENT_MAX_DEVICES ? count : PLACEMENT_MAX_DEVICES;
    for (int i = 0; i < considered; i++) {
        for (int k = i + 1; k < considered; k++) {
            const int pair[] = {usable[i], usable[k]};
            socle_status status = add_together(plan, pair, 2);
            if (status != SOCLE_OK)
                return status;
        }
    }
    return considered > 2 ? add_together(plan, usable, considered) : SOCLE_OK;
}

socle_status placement_candidates(const placement_work *work, socle_plan *plan)
{
    socle_device *asked[MAX_ALONE];
    int asked_count, usable[MAX_ALONE], usable_count = 0;
    bool shardable = true;
    socle_status status = read_devices(work, asked, &asked_count);
    for (int i = 0; i < asked_count && status == SOCLE_OK; i++)
        if (asked[i]->info.status == SOCLE_DEVICE_OK)
            status = add_device(work, plan, asked[i], usable, &usable_count, &shardable);
    if (status == SOCLE_OK && work->options->goal != SOCLE_GOAL_LATENCY && shardable)
        status = add_combinations(plan, usable, usable_count);
    for (int i = 0; i < usable_count && status == SOCLE_OK; i++)
        status = add_split(work, plan, plan->candidates[usable[i]].devices[0]);
    if (status != SOCLE_OK)
        return status;
    if (plan->candidate_count == 0)
        return socle_fail(SOCLE_NO_DEVICE, work->context->device_count > 0
                                               ? "no usable device: `socle devices` says why each one is refused"
                                               : "no OpenCL device: install a driver, for example the package pocl-opencl-icd");
    qsort(plan->candidates, (size_t)plan->candidate_count, sizeof(*plan->candidates), by_estimate);
    const placement *first = &plan->candidates[0];
    if (first->ruled_out && first->failure != SOCLE_OK)
        return socle_fail(first->failure, "%s", first->reason);
    if (first->ruled_out)
        return socle_fail(SOCLE_DEVICE_OUT_OF_MEMORY, "%s: %s: use a smaller batch or another device", first->text,
                          first->reason);
    return SOCLE_OK;
}
