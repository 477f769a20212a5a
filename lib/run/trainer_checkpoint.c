/* Checkpoints: one safetensors file in a folder, with every state as it is and the counters in its metadata, so that a run goes
 * on bit by bit. The file is written beside and renamed: whoever reads finds the old one or the new one whole. */
#include "trainer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "checkpoint.safetensors"

static char *path_in(const char *directory)
{
    return memory_format("%s/%s", directory, FILE_NAME);
}

/* ---- saving ---- */

static socle_status add_tensor(named_tensor *tensor, char *name, const graph_type *type, size_t size_bytes)
{
    tensor->name = name;
    tensor->tensor = (socle_tensor){type->dtype, type->rank, {0}, memory_alloc(size_bytes), size_bytes};
    memcpy(tensor->tensor.dims, type->dims, sizeof(tensor->tensor.dims));
    return name != NULL && tensor->tensor.data != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
}

/* States from the devices, and gradients that the host has accumulated. */
static socle_status collect(socle_trainer *t, named_tensor *tensors, int *count)
{
    socle_status status = SOCLE_OK;
    for (int i = 0; i < t->state_count && status == SOCLE_OK; i++) {
        const trainer_state *state = &t->states[i];
        named_tensor *tensor = &tensors[(*count)++];
        status = add_tensor(tensor, memory_copy_string(state->name), &state->type, state->size_bytes);
        if (status == SOCLE_OK)
            status = trainer_state_read(t, state, tensor->tensor.data);
    }
    for (int i = 0; i < t->sum_count && status == SOCLE_OK; i++) {
        const gradient_sum *sum = &t->sums[i];
        if (sum->accumulated == NULL)
            continue;
        named_tensor *tensor = &tensors[(*count)++];
        status = add_tensor(tensor, memory_format("socle.accumulated:%s", sum->name), &sum->type, sum->size_bytes);
        if (status == SOCLE_OK)
            memcpy(tensor->tensor.data, sum->accumulated, sum->size_bytes);
    }
    return status;
}

/* Numbers as text: exact, fractions' bits in hexadecimal. */
static char *describe(const socle_trainer *t)
{
    char ways[33], *devices = trainer_describe_devices(t);
    if (devices == NULL)
        return NULL;
    hash_text(trainer_hash_steps(t), ways);
    char *text =
        memory_format("{\"format\":\"socle checkpoint 1\",\"steps\":\"%" PRId64 "\",\"batches\":\"%" PRId64
                      "\",\"accumulated\":\"%d\",\"weight\":\"%a\",\"seed\":\"%" PRIu64 "\",\"devices\":\"%s\",\"ways\":\"%s\"}",
                      t->steps, t->batches, t->accumulated, t->weight, t->options.seed, devices, ways);
    memory_free(devices);
    return text;
}

socle_status socle_trainer_save(socle_trainer *trainer, const char *directory)
{
    if (trainer == NULL || directory == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_trainer_save: trainer and directory must not be NULL");
    int count = 0;
    named_tensor *tensors = memory_alloc_array((size_t)(trainer->state_count + trainer->sum_count), sizeof(*tensors));
    char *path = path_in(directory), *metadata = describe(trainer);
    socle_status status = tensors != NULL && path != NULL && metadata != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
    if (status == SOCLE_OK)
        status = trainer_drain(trainer);
    if (status == SOCLE_OK)
        status = collect(trainer, tensors, &count);
    if (status == SOCLE_OK)
        status = file_make_folders(directory);
    if (status == SOCLE_OK)
        status = safetensors_write(path, tensors, count, metadata);
    for (int i = 0; i < count; i++) {
        memory_free(tensors[i].name);
        memory_free(tensors[i].tensor.data);
    }
    memory_free(tensors);
    memory_free(metadata);
    memory_free(path);
    return status;
}

/* ---- restoring ---- */

typedef struct checkpoint {
    const char *path;
    file_map map;
    named_tensor *tensors;
    int count;
    char *metadata;
    int64_t steps, batches;
    int accumulated;
    double weight;
    uint64_t seed;
} checkpoint;

static const socle_tensor *find(const checkpoint *c, const char *name)
{
    for (int i = 0; i < c->count; i++)
        if (strcmp(c->tensors[i].name, name) == 0)
            return &c->tensors[i].tensor;
    return NULL;
}

static socle_status check_tensor(const checkpoint *c, const char *name, const graph_type *type)
{
    const socle_tensor *tensor = find(c, name);
    if (tensor == NULL)
        return socle_fail(SOCLE_INVALID_FILE, "%s: '%s' is missing: it is a checkpoint of another model or optimizer", c->path,
                          name);
    bool same = tensor->dtype == type->dtype && tensor->rank == type->rank;
    for (int i = 0; same && i < type->rank; i++)
        same = tensor->dims[i] == type->dims[i];
    if (!same)
        return socle_fail(SOCLE_SHAPE_MISMATCH,
                          "%s: '%s' has another type or shape than the model's: it is a checkpoint of another "
                          "model",
                          c->path, name);
    return SOCLE_OK;
}

/* The value of a key in metadata that is an object of strings without escapes, as it was written. */
static const char *value_of(const checkpoint *c, const char *key)
{
    char quoted[64];
    snprintf(quoted, sizeof(quoted), "\"%s\":\"", key);
    const char *at = c->metadata != NULL ? strstr(c->metadata, quoted) : NULL;
    return at != NULL ? at + strlen(quoted) : NULL;
}

static socle_status read_numbers(checkpoint *c)
{
    const char *const keys[] = {"steps", "batches", "accumulated", "weight", "seed"};
    const char *values[COUNT_OF(keys)];
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if ((values[i] = value_of(c, keys[i])) == NULL)
            return socle_fail(SOCLE_INVALID_FILE, "%s: it is no checkpoint of a trainer: '%s' is missing", c->path, keys[i]);
    c->steps = strtoll(values[0], NULL, 10);
    c->batches = strtoll(values[1], NULL, 10);
    c->accumulated = (int)strtol(values[2], NULL, 10);
    c->weight = strtod(values[3], NULL);
    c->seed = strtoull(values[4], NULL, 10);
    if (c->steps < 0 || c->batches < c->steps || c->accumulated < 0 || !(c->weight >= 0))
        return socle_fail(SOCLE_INVALID_FILE, "%s: its counters are impossible", c->path);
    return SOCLE_OK;
}

/* Everything is checked before anything is changed. */
static socle_status check_all(const socle_trainer *t, const checkpoint *c)
{
    socle_status status = SOCLE_OK;
    for (int i = 0; i < t->state_count && status == SOCLE_OK; i++)
        status = check_tensor(c, t->states[i].name, &t->states[i].type);
    for (int i = 0; i < t->sum_count && status == SOCLE_OK; i++) {
        if (t->sums[i].accumulated == NULL)
            continue;
        char *name = memory_format("socle.accumulated:%s", t->sums[i].name);
        status = name != NULL ? check_tensor(c, name, &t->sums[i].type) : SOCLE_OUT_OF_MEMORY;
        memory_free(name);
    }
    return status;
}

/* The text of a key up to its closing quote, allocated; NULL: the key is not there (checkpoints of older versions), or memory is
 * out. */
static char *copy_value(const checkpoint *c, const char *key)
{
    const char *value = value_of(c, key);
    return value != NULL ? memory_format("%.*s", (int)strcspn(value, "\""), value) : NULL;
}

/* What is bitwise the same run after run needs the devices and kernels of before. */
static socle_status go_where_it_was(socle_trainer *t, const checkpoint *c)
{
    char present[33], *devices = copy_value(c, "devices"), *ways = copy_value(c, "ways");
    socle_status status = devices != NULL ? trainer_move(t, c->path, devices) : SOCLE_OK;
    if (status == SOCLE_OK && ways != NULL) {
        hash_text(trainer_hash_steps(t), present);
        if (strcmp(ways, present) != 0)
            log_write(
                &t->context->log, SOCLE_LOG_WARN,
                "%s: the kernels are not those that it was trained with (other devices, driver, tuning or version): the last "
                "bits may differ from an uninterrupted run",
                c->path);
    }
    memory_free(ways);
    memory_free(devices);
    return status;
}

static socle_status apply(socle_trainer *t, const checkpoint *c)
{
    socle_status status = SOCLE_OK;
    for (int i = 0; i < t->state_count && status == SOCLE_OK; i++)
        status = trainer_state_write(t, &t->states[i], find(c, t->states[i].name)->data);
    for (int i = 0; i < t->sum_count && status == SOCLE_OK; i++) {
        if (t->sums[i].accumulated == NULL)
            continue;
        char *name = memory_format("socle.accumulated:%s", t->sums[i].name);
        if (name == NULL)
            return SOCLE_OUT_OF_MEMORY;
        memcpy(t->sums[i].accumulated, find(c, name)->data, t->sums[i].size_bytes);
        memory_free(name);
    }
    t->steps = c->steps;
    t->batches = c->batches;
    t->accumulated = c->accumulated;
    t->weight = c->weight;
    t->options.seed = c->seed;
    return status;
}

socle_status socle_trainer_restore(socle_trainer *trainer, const char *directory)
{
    if (trainer == NULL || directory == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_trainer_restore: trainer and directory must not be NULL");
    char *path = path_in(directory);
    checkpoint c = {.path = path};
    socle_status status = path != NULL ? trainer_drain(trainer) : SOCLE_OUT_OF_MEMORY;
    if (status == SOCLE_OK)
        status = safetensors_read(path, &c.map, &c.tensors, &c.count, &c.metadata);
    if (status != SOCLE_OK) {
        memory_free(path);
        return status;
    }
    status = read_numbers(&c);
    if (status == SOCLE_OK)
        status = check_all(trainer, &c);
    if (status == SOCLE_OK && trainer->options.deterministic)
        status = go_where_it_was(trainer, &c);
    if (status == SOCLE_OK)
        status = apply(trainer, &c);
    for (int i = 0; i < c.count; i++)
        memory_free(c.tensors[i].name);
    memory_free(c.tensors);
    memory_free(c.metadata);
    file_map_close(&c.map);
    memory_free(path);
    return status;
}
