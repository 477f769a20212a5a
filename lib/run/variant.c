/* Variants of a session: the executors for one set of input shapes. */
#include "session.h"

#include <stdio.h>
#include <string.h>

/* The types of a whole batch's inputs or outputs: the first shard's, with the rows of all. */
static graph_type *types_of(const shards *s, const int *operands, int count)
{
    const device_plan *plan = s->executors[0]->plan;
    graph_type *types = memory_alloc_array((size_t)count, sizeof(*types));
    for (int i = 0; types != NULL && i < count; i++) {
        types[i] = plan->buffers[operands[i]].type;
        for (int k = 1; k < s->count; k++)
            types[i].dims[0] += s->rows[k];
    }
    return types;
}

socle_status variant_create(const placement_work *work, const placement *chosen, variant **out)
{
    variant *v = memory_alloc(sizeof(*v));
    if (v == NULL)
        return SOCLE_OUT_OF_MEMORY;
    pthread_mutex_init(&v->lock, NULL);
    socle_status status = shards_create(work, chosen, &v->shards);
    if (status != SOCLE_OK) {
        variant_destroy(v);
        return status;
    }
    const device_plan *plan = v->shards->executors[0]->plan;
    v->input_count = plan->input_count;
    v->output_count = plan->output_count;
    v->inputs = types_of(v->shards, plan->inputs, plan->input_count);
    v->outputs = types_of(v->shards, plan->outputs, plan->output_count);
    v->from = memory_alloc_array((size_t)plan->input_count, sizeof(*v->from));
    v->to = memory_alloc_array((size_t)plan->output_count, sizeof(*v->to));
    if (v->inputs == NULL || v->outputs == NULL || v->from == NULL || v->to == NULL) {
        variant_destroy(v);
        return SOCLE_OUT_OF_MEMORY;
    }
    *out = v;
    return SOCLE_OK;
}

void variant_destroy(variant *v)
{
    if (v == NULL)
        return;
    shards_destroy(v->shards);
    memory_free(v->inputs);
    memory_free(v->outputs);
    memory_free(v->from);
    memory_free(v->to);
    pthread_mutex_destroy(&v->lock);
    memory_free(v);
}

static bool same_shape(const graph_type *type, const socle_tensor *tensor)
{
    return type->rank == tensor->rank &&
           (type->rank == 0 || memcmp(type->dims, tensor->dims, sizeof(int64_t) * (size_t)type->rank) == 0);
}

bool variant_fits(const variant *v, const socle_tensor *inputs)
{
    for (int i = 0; i < v->input_count; i++)
        if (!same_shape(&v->inputs[i], &inputs[i]))
            return false;
    return true;
}

static const char *shape_text(int rank, const int64_t *dims, char out[256])
{
    int used = snprintf(out, 256, "[");
    for (int i = 0; i < rank && used < 200; i++)
        used += snprintf(out + used, 256 - (size_t)used, "%s%lld", i > 0 ? ", " : "", (long long)dims[i]);
    snprintf(out + used, 256 - (size_t)used, "]");
    return out;
}

static socle_status check_output(const char *name, const graph_type *type, socle_tensor *output)
{
    char expected[256], given[256];
    const size_t size_bytes = graph_type_bytes(type);
    if (output->rank == -1) {
        output->rank = type->rank;
        output->dtype = type->dtype;
        memcpy(output->dims, type->dims, sizeof(output->dims));
    } else if (output->dtype != type->dtype) {
        return socle_fail(SOCLE_TYPE_MISMATCH,
                          "output '%s' is %s, the tensor given for it is %s: give memory of the output's type", name,
                          socle_dtype_name(type->dtype), socle_dtype_name(output->dtype));
    } else if (!same_shape(type, output)) {
        return socle_fail(SOCLE_SHAPE_MISMATCH, "output '%s' has shape %s, the tensor given for it %s", name,
                          shape_text(type->rank, type->dims, expected), shape_text(output->rank, output->dims, given));
    }
    if (output->size_bytes < size_bytes || (output->data == NULL && size_bytes > 0))
        return socle_fail(SOCLE_INVALID_ARGUMENT, "output '%s' needs %zu bytes, the memory given for it has %zu", name,
                          size_bytes, output->data != NULL ? output->size_bytes : 0);
    output->size_bytes = size_bytes;
    return SOCLE_OK;
}

socle_status variant_run(variant *v, const socle_tensor *inputs, socle_tensor *outputs, const socle_graph *graph)
{
    for (int i = 0; i < v->output_count; i++) {
        socle_status status = check_output(graph->output_names[i], &v->outputs[i], &outputs[i]);
        if (status != SOCLE_OK)
            return status;
    }
    pthread_mutex_lock(&v->lock);
    for (int i = 0; i < v->input_count; i++)
        v->from[i] = inputs[i].data;
    for (int i = 0; i < v->output_count; i++)
        v->to[i] = outputs[i].data;
    const socle_status status = shards_run(v->shards, v->from, v->to);
    pthread_mutex_unlock(&v->lock);
    return status;
}
