/* Variants of a trainer: the plans for one set of input shapes, made at their first use and kept. All work on the same weights.
 */
#include "trainer.h"

#include <math.h>
#include <string.h>

graph_type trainer_type_of(const socle_tensor *tensor)
{
    graph_type type = {tensor->dtype, tensor->rank, {0}};
    memcpy(type.dims, tensor->dims, sizeof(type.dims));
    return type;
}

static bool same_type(const graph_type *a, const graph_type *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           (a->rank == 0 || memcmp(a->dims, b->dims, sizeof(int64_t) * (size_t)a->rank) == 0);
}

static bool same_types(const graph_type *a, const graph_type *b, int count)
{
    for (int i = 0; i < count; i++)
        if (!same_type(&a[i], &b[i]))
            return false;
    return true;
}

/* ---- where a plan takes its inputs ---- */

static int input_named(const executor *e, const char *name)
{
    for (int i = 0; i < e->plan->input_count; i++)
        if (strcmp(e->plan->buffers[e->plan->inputs[i]].name, name) == 0)
            return i;
    return GRAPH_NONE;
}

static void find_ends(const socle_trainer *t, const executor *e, step_ends *ends)
{
    const socle_graph *graph = t->model->graph;
    for (int i = 0; i < graph->input_count; i++)
        ends->inputs[i] = input_named(e, graph->values[graph->inputs[i]].name);
    for (int i = 0; i < HYPER_COUNT; i++)
        ends->hyper[i] = input_named(e, graph_hyper_names[i]);
    ends->seed = input_named(e, "socle.seed");
    ends->labels = input_named(e, graph_find_value(graph, "labels") == GRAPH_NONE ? "labels" : "socle.labels");
}

/* The type of an input of the whole batch: that of the first device, with the rows of all. */
static graph_type whole(const training_variant *v, int input, int64_t rows)
{
    const device_plan *plan = v->executors[0]->plan;
    graph_type type = {0};
    if (input == GRAPH_NONE)
        return type;
    type = plan->buffers[plan->inputs[input]].type;
    if (v->count > 1 && type.rank > 0)
        type.dims[0] = rows;
    return type;
}

/* ---- training ---- */

/* Rows by the decided shares; with fewer rows than devices the first ones take one each. */
static int split_rows(const socle_trainer *t, int64_t rows, int64_t *out)
{
    if (t->device_count == 1 || rows < 1) {
        out[0] = rows;
        return 1;
    }
    if (placement_split_rows(rows, t->shares, t->device_count, out))
        return t->device_count;
    for (int64_t i = 0; i < rows; i++)
        out[i] = 1;
    return (int)rows;
}

socle_status training_variant_create(socle_trainer *t, const graph_type *inputs, int64_t rows, training_variant **out)
{
    const training_form form = t->device_count > 1 ? FORM_GRADIENTS : FORM_STEP;
    training_variant *v = memory_alloc(sizeof(*v));
    if (v == NULL)
        return SOCLE_OUT_OF_MEMORY;
    const int count = split_rows(t, rows, v->rows);
    socle_status status = SOCLE_OK;
    for (int i = 0; i < count && status == SOCLE_OK; i++) {
        const executor *lender = t->first != NULL ? t->first->executors[i] : NULL;
        status = trainer_executor(t, form, t->devices[i], inputs, v->rows[i], lender, &v->output, &v->executors[i]);
        v->count += status == SOCLE_OK;
        if (status == SOCLE_OK)
            find_ends(t, v->executors[i], &v->ends[i]);
    }
    if (status != SOCLE_OK) {
        training_variant_destroy(v);
        return status;
    }
    for (int i = 0; i < t->model->graph->input_count; i++)
        v->inputs[i] = inputs != NULL ? inputs[i] : whole(v, v->ends[0].inputs[i], rows);
    v->labels = whole(v, v->ends[0].labels, rows);
    for (int i = 0; i < HYPER_COUNT; i++)
        v->written[i] = NAN;
    *out = v;
    return SOCLE_OK;
}

void training_variant_destroy(training_variant *v)
{
    if (v == NULL)
        return;
    for (int i = 0; i < v->count; i++)
        executor_destroy(v->executors[i]);
    memory_free(v);
}

/* New variants stand behind the first one, which owns the states that they share. */
socle_status training_variant_find(socle_trainer *t, const socle_tensor *inputs, training_variant **out)
{
    const int count = t->model->graph->input_count;
    graph_type types[TRAINER_MAX_INPUTS];
    for (int i = 0; i < count; i++)
        types[i] = trainer_type_of(&inputs[i]);
    for (training_variant *v = t->first; v != NULL; v = v->next) {
        if (!same_types(v->inputs, types, count))
            continue;
        *out = v;
        return SOCLE_OK;
    }
    training_variant *made = NULL;
    socle_status status = trainer_drain(t);
    if (status == SOCLE_OK)
        status = training_variant_create(t, types, types[0].rank > 0 ? types[0].dims[0] : 1, &made);
    if (status != SOCLE_OK)
        return status;
    made->next = t->first->next;
    t->first->next = made;
    *out = made;
    return SOCLE_OK;
}

/* ---- evaluation ---- */

socle_status evaluation_variant_find(socle_trainer *t, const graph_type *inputs, int64_t rows, evaluation_variant **out)
{
    const int count = t->model->graph->input_count;
    for (evaluation_variant *v = t->evaluations; v != NULL; v = v->next) {
        if (!same_types(v->inputs, inputs, count))
            continue;
        *out = v;
        return SOCLE_OK;
    }
    evaluation_variant *v = memory_alloc(sizeof(*v));
    if (v == NULL)
        return SOCLE_OUT_OF_MEMORY;
    socle_status status =
        trainer_executor(t, FORM_EVALUATION, t->devices[0], inputs, rows, t->first->executors[0], &v->output, &v->executor);
    if (status != SOCLE_OK) {
        memory_free(v);
        return status;
    }
    memcpy(v->inputs, inputs, (size_t)count * sizeof(*inputs));
    v->next = t->evaluations;
    t->evaluations = v;
    *out = v;
    return SOCLE_OK;
}
