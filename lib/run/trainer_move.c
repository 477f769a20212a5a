/* Going on where a deterministic run was: the same devices with the same shares of the batch round alike, others do not. A
 * trainer that has no reason to be elsewhere moves to the devices of its checkpoint; whether the kernels are those of the
 * checkpoint, too, is seen from a hash of all steps. */
#include "trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a checkpoint keeps ---- */

char *trainer_describe_devices(const socle_trainer *t)
{
    text line = {0};
    for (int i = 0; i < t->device_count; i++)
        text_addf(&line, "%s%s*%a", i > 0 ? ";" : "", t->devices[i]->info.id, t->shares[i]);
    return text_take(&line);
}

static hash128 add_text(hash128 hash, const char *string)
{
    return hash_combine(hash, hash_string(string != NULL ? string : ""));
}

static hash128 add_steps(hash128 hash, const step_list *steps)
{
    for (int i = 0; i < steps->count; i++) {
        const step *s = &steps->items[i];
        hash = add_text(add_text(add_text(hash, s->algorithm), s->source), s->prelude);
        hash = add_text(add_text(hash, s->options), s->kernel);
        hash = hash_combine(hash, hash_bytes(s->global, sizeof(s->global)));
        hash = hash_combine(hash, hash_bytes(s->local, sizeof(s->local)));
    }
    return hash;
}

hash128 trainer_hash_steps(const socle_trainer *t)
{
    hash128 hash = hash_string(socle_version());
    for (int i = 0; i < t->device_count; i++) {
        hash = add_text(hash, t->devices[i]->identity);
        hash = add_steps(hash, &t->first->executors[i]->plan->steps);
    }
    return t->update != NULL ? add_steps(hash, &t->update->plan->steps) : hash;
}

/* ---- the devices of a checkpoint ---- */

static socle_status read_devices(socle_trainer *t, const char *described, placement *p)
{
    char id[256];
    for (const char *at = described; *at != '\0';) {
        char *end;
        const size_t length = strcspn(at, "*;");
        if (at[length] != '*' || length >= sizeof(id) || p->device_count == PLACEMENT_MAX_DEVICES)
            return socle_fail(SOCLE_INVALID_FILE, "its devices cannot be read: '%s'", described);
        memcpy(id, at, length);
        id[length] = '\0';
        socle_device *device = NULL;
        socle_status status = socle_device_find(t->context, id, &device);
        if (status == SOCLE_OK && device->info.status != SOCLE_DEVICE_OK)
            status = socle_fail(SOCLE_NO_DEVICE, "%s is not usable: %s", id, device->info.reason);
        if (status != SOCLE_OK)
            return status;
        p->share[p->device_count] = strtod(at + length + 1, &end);
        if (!(p->share[p->device_count] > 0 && p->share[p->device_count] <= 1) || (*end != ';' && *end != '\0'))
            return socle_fail(SOCLE_INVALID_FILE, "its shares cannot be read: '%s'", described);
        p->devices[p->device_count++] = device;
        at = *end == ';' ? end + 1 : end;
    }
    if (p->device_count == 0 || !placement_split_rows(t->options.batch, p->share, p->device_count, p->rows))
        return socle_fail(SOCLE_INVALID_FILE, "its devices do not fit batches of %lld rows", (long long)t->options.batch);
    return placement_name(p);
}

/* A host that names devices gets no others. */
static socle_status check_allowed(const socle_trainer *t, const placement *p)
{
    for (int i = 0; i < p->device_count && t->options.devices != NULL; i++) {
        bool named = false;
        for (int k = 0; k < t->plan->candidate_count && !named; k++)
            for (int m = 0; m < t->plan->candidates[k].device_count; m++)
                named = named || t->plan->candidates[k].devices[m] == p->devices[i];
        if (!named)
            return socle_fail(SOCLE_NO_DEVICE, "only %s may be used", t->options.devices);
    }
    return SOCLE_OK;
}

/* ---- moving ---- */

/* The trainer without anything that belongs to a placement. */
static void leave_placement(socle_trainer *t)
{
    t->first = NULL;
    t->evaluations = NULL;
    t->update = NULL;
    t->sums = NULL;
    t->states = NULL;
    t->sum_count = t->state_count = t->state_capacity = 0;
}

/* Both placements are there at the same time, so that a failure costs nothing. *p gives its strings away. */
static socle_status change_places(socle_trainer *t, placement *p)
{
    const double start_s = time_now_s();
    socle_trainer before = *t;
    placement *chosen = placement_add(t->plan);
    if (chosen == NULL)
        return SOCLE_OUT_OF_MEMORY;
    leave_placement(t);
    socle_status status = trainer_place(t, p);
    if (status != SOCLE_OK) {
        trainer_drop(t);
        memory_free(t->states);
        *t = before;
        t->plan->candidate_count--;
        return status;
    }
    for (int i = 0; i < t->first->count; i++) {
        const device_plan *plan = t->first->executors[i]->plan;
        p->estimated_ms = fmax(p->estimated_ms, plan->estimated_us * 1e-3);
        p->peak_bytes = plan->peak_bytes > p->peak_bytes ? plan->peak_bytes : p->peak_bytes;
    }
    *chosen = *p;
    p->text = p->reason = NULL;
    t->plan->candidates[t->plan->chosen].chosen = false;
    t->plan->chosen = t->plan->candidate_count - 1;
    status = trainer_show(t, start_s);
    trainer_drop(&before);
    memory_free(before.states);
    return status;
}

socle_status trainer_move(socle_trainer *t, const char *path, const char *described)
{
    placement p = {.measured_ms = -1, .chosen = true};
    char *present = trainer_describe_devices(t);
    if (present == NULL)
        return SOCLE_OUT_OF_MEMORY;
    const bool same = strcmp(present, described) == 0;
    memory_free(present);
    if (same)
        return SOCLE_OK;
    p.reason = memory_copy_string("chosen: the checkpoint was trained there, and the run is deterministic");
    socle_status status = p.reason != NULL ? read_devices(t, described, &p) : SOCLE_OUT_OF_MEMORY;
    if (status == SOCLE_OK)
        status = check_allowed(t, &p);
    if (status == SOCLE_OK)
        status = change_places(t, &p);
    memory_free(p.reason);
    memory_free(p.text);
    if (status == SOCLE_OK || status == SOCLE_OUT_OF_MEMORY)
        return status;
    log_write(&t->context->log, SOCLE_LOG_WARN, "%s: training goes on elsewhere than before, which rounds otherwise: %s", path,
              socle_error_message());
    return SOCLE_OK;
}
