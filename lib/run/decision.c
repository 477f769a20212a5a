/* Decisions in the store: the candidates of a placement with all their figures, so that later runs start without measuring. The
 * key holds everything that could change the answer; a decision that names a device which is not there any more counts as absent.
 */
#include "run.h"

#include <jansson.h>
#include <string.h>

/* ---- the key ---- */

static hash128 add_number(hash128 key, double number)
{
    return hash_combine(key, hash_bytes(&number, sizeof(number)));
}

static hash128 add_devices(const socle_context *context, hash128 key)
{
    for (int i = 0; i < context->listed_count; i++)
        if (context->devices[i]->info.status == SOCLE_DEVICE_OK)
            key = hash_combine(key, hash_string(context->devices[i]->identity));
    return key;
}

static hash128 decision_key(const placement_work *work, int64_t batch)
{
    const socle_plan_options *o = work->options;
    hash128 key = hash_combine(work->model->identity, hash_string(socle_version()));
    key = add_devices(work->context, key);
    key = hash_combine(key, hash_string(o->devices != NULL ? o->devices : "*"));
    key = add_number(add_number(add_number(key, o->goal), (double)batch), o->deterministic);
    key = add_number(add_number(key, o->strict_accuracy), o->allow_tf32);
    for (int i = 0; i < o->binding_count; i++) {
        key = hash_combine(key, hash_string(o->bindings[i].name));
        key = hash_combine(key, hash_bytes(o->bindings[i].dims, sizeof(int64_t) * (size_t)o->bindings[i].rank));
    }
    if (work->training != NULL) {
        const socle_trainer_options *t = work->training;
        key = add_number(add_number(add_number(key, t->loss), t->optimizer), t->nesterov);
        key = add_number(add_number(add_number(key, t->momentum != 0), t->clip_norm > 0), t->accumulate);
    }
    return key;
}

/* ---- writing ---- */

static void write_candidate(text *t, const placement *c)
{
    text_add(t, "{\"devices\": [");
    for (int i = 0; i < c->device_count; i++) {
        text_add(t, i > 0 ? ", " : "");
        text_add_json(t, c->devices[i]->info.id);
    }
    text_add(t, "], \"shares\": [");
    for (int i = 0; i < c->device_count; i++)
        text_addf(t, "%s%.17g", i > 0 ? ", " : "", c->share[i]);
    text_add(t, "], \"rows\": [");
    for (int i = 0; i < c->device_count; i++)
        text_addf(t, "%s%lld", i > 0 ? ", " : "", (long long)c->rows[i]);
    text_addf(t, "], \"estimated_ms\": %.17g, \"measured_ms\": %.17g, \"peak_bytes\": %lld, \"ruled_out\": %d, \"failure\": %d, ",
              c->estimated_ms, c->measured_ms, (long long)c->peak_bytes, c->ruled_out, (int)c->failure);
    text_addf(t, "\"chosen\": %d, \"reason\": ", c->chosen);
    text_add_json(t, c->reason != NULL ? c->reason : "");
    text_add(t, "}");
}

void decision_keep(const placement_work *work, const socle_plan *plan)
{
    text t = {0};
    text_add(&t, "[");
    for (int i = 0; i < plan->candidate_count; i++) {
        text_add(&t, i > 0 ? ",\n" : "");
        write_candidate(&t, &plan->candidates[i]);
    }
    text_add(&t, "]");
    char *name = memory_format("%s, %s, batch %lld", plan->model_name, plan_goal_name(plan->goal), (long long)plan->batch);
    if (!t.failed && name != NULL) /* a store that cannot be written costs time on the next start, nothing else */
        store_put(work->context->store, "decision", decision_key(work, plan->batch), name,
                  plan->candidates[plan->chosen].devices[0]->info.id, t.data, t.length);
    memory_free(name);
    text_finish(&t);
}

/* ---- reading ---- */

static bool read_devices(const placement_work *work, const json_t *item, placement *c)
{
    const json_t *devices = json_object_get(item, "devices");
    const json_t *shares = json_object_get(item, "shares");
    const json_t *rows = json_object_get(item, "rows");
    const size_t count = json_array_size(devices);
    if (count == 0 || count > PLACEMENT_MAX_DEVICES || json_array_size(shares) != count || json_array_size(rows) != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *id = json_string_value(json_array_get(devices, i));
        if (id == NULL || socle_device_find(work->context, id, &c->devices[i]) != SOCLE_OK)
            return false;
        c->share[i] = json_number_value(json_array_get(shares, i));
        c->rows[i] = json_integer_value(json_array_get(rows, i));
    }
    c->device_count = (int)count;
    return true;
}

static bool read_candidate(const placement_work *work, const json_t *item, socle_plan *plan)
{
    placement *c = placement_add(plan);
    const char *reason = json_string_value(json_object_get(item, "reason"));
    if (c == NULL || reason == NULL || !read_devices(work, item, c))
        return false;
    c->estimated_ms = json_number_value(json_object_get(item, "estimated_ms"));
    c->measured_ms = json_number_value(json_object_get(item, "measured_ms"));
    c->peak_bytes = (size_t)json_integer_value(json_object_get(item, "peak_bytes"));
    c->ruled_out = json_integer_value(json_object_get(item, "ruled_out")) != 0;
    c->failure = (socle_status)json_integer_value(json_object_get(item, "failure"));
    c->chosen = json_integer_value(json_object_get(item, "chosen")) != 0;
    c->reason = memory_copy_string(reason);
    if (c->chosen)
        plan->chosen = plan->candidate_count - 1;
    return c->reason != NULL && placement_name(c) == SOCLE_OK;
}

static bool is_complete(const socle_plan *plan)
{
    return plan->chosen >= 0 && plan->chosen < plan->candidate_count && plan->candidates[plan->chosen].chosen &&
           plan->candidates[plan->chosen].devices[0]->info.status == SOCLE_DEVICE_OK;
}

bool decision_read(const placement_work *work, socle_plan *plan)
{
    void *bytes = NULL;
    size_t size_bytes = 0;
    if (store_get(work->context->store, "decision", decision_key(work, plan->batch), &bytes, &size_bytes, NULL) != SOCLE_OK)
        return false;
    json_t *root = json_loadb(bytes, size_bytes, 0, NULL);
    memory_free(bytes);
    bool read = json_is_array(root) && json_array_size(root) > 0;
    plan->chosen = -1;
    for (size_t i = 0; read && i < json_array_size(root); i++)
        read = read_candidate(work, json_array_get(root, i), plan);
    json_decref(root);
    if (read && is_complete(plan))
        return true;
    placement_clear(plan);
    plan->chosen = 0;
    return false;
}
