/* Evaluation: the network in inference form with the present weights, over data of any number of rows, in chunks of a batch. The
 * last chunk is filled up with zeros, whose outputs are not looked at. Loss and accuracy are computed from the outputs, in
 * float64. */
#include "trainer.h"

#include <math.h>
#include <string.h>

typedef struct evaluation {
    socle_trainer *t;
    const socle_tensor *inputs, *labels;
    evaluation_variant *variant;
    void *chunk[TRAINER_MAX_INPUTS]; /* owned: the last rows and zeros behind them */
    void *output;                    /* owned */
    int64_t rows, chunk_rows;
    double loss, hits, count;
} evaluation;

static double element(socle_dtype dtype, const void *data, int64_t i)
{
    return dtype == SOCLE_FLOAT64 ? ((const double *)data)[i] : ((const float *)data)[i];
}

/* ---- losses of one chunk ---- */

/* Outputs [rows, classes, inner]. */
static void add_cross_entropy(evaluation *e, int64_t first, int64_t rows)
{
    const graph_type *type = &e->variant->output;
    const int64_t classes = type->dims[1], inner = graph_type_count(type) / type->dims[0] / classes;
    const int64_t *labels = (const int64_t *)e->labels->data + first * inner;
    for (int64_t i = 0; i < rows * inner; i++) {
        const int64_t start = i / inner * classes * inner + i % inner;
        double largest = -INFINITY, sum = 0;
        int64_t best = 0;
        for (int64_t c = 0; c < classes; c++) {
            const double x = element(type->dtype, e->output, start + c * inner);
            if (x > largest) {
                largest = x;
                best = c;
            }
        }
        for (int64_t c = 0; c < classes; c++)
            sum += exp(element(type->dtype, e->output, start + c * inner) - largest);
        e->loss += log(sum) + largest - element(type->dtype, e->output, start + labels[i] * inner);
        e->hits += best == labels[i];
        e->count += 1;
    }
}

static void add_elementwise(evaluation *e, int64_t first, int64_t rows, bool binary)
{
    const graph_type *type = &e->variant->output;
    const int64_t row = graph_type_count(type) / type->dims[0];
    for (int64_t i = 0; i < rows * row; i++) {
        const double x = element(type->dtype, e->output, i), y = element(type->dtype, e->labels->data, first * row + i);
        e->loss += binary ? fmax(x, 0) - x * y + log1p(exp(-fabs(x))) : (x - y) * (x - y);
        e->count += 1;
    }
}

/* ---- chunks ---- */

static socle_status set_chunk(evaluation *e, int64_t first, int64_t rows, const void **to)
{
    const socle_graph *graph = e->t->model->graph;
    for (int i = 0; i < graph->input_count; i++) {
        const size_t row_bytes = graph_type_bytes(&e->variant->inputs[i]) / (size_t)e->chunk_rows;
        to[i] = (const char *)e->inputs[i].data + row_bytes * (size_t)first;
        if (rows == e->chunk_rows)
            continue;
        if (e->chunk[i] == NULL && (e->chunk[i] = memory_alloc(row_bytes * (size_t)e->chunk_rows)) == NULL)
            return SOCLE_OUT_OF_MEMORY;
        memcpy(e->chunk[i], to[i], row_bytes * (size_t)rows);
        to[i] = e->chunk[i];
    }
    return SOCLE_OK;
}

static socle_status run_chunk(evaluation *e, int64_t first, int64_t rows)
{
    const void *given[TRAINER_MAX_INPUTS], *inputs[TRAINER_MAX_INPUTS];
    void *outputs[] = {e->output};
    const socle_graph *graph = e->t->model->graph;
    const device_plan *plan = e->variant->executor->plan;
    socle_status status = set_chunk(e, first, rows, given);
    for (int i = 0; i < plan->input_count && status == SOCLE_OK; i++)
        for (int k = 0; k < graph->input_count; k++)
            if (strcmp(plan->buffers[plan->inputs[i]].name, graph->values[graph->inputs[k]].name) == 0)
                inputs[i] = given[k];
    if (status == SOCLE_OK)
        status = executor_run(e->variant->executor, inputs, outputs);
    if (status != SOCLE_OK)
        return status;
    if (e->t->options.loss == SOCLE_LOSS_CROSS_ENTROPY)
        add_cross_entropy(e, first, rows);
    else
        add_elementwise(e, first, rows, e->t->options.loss == SOCLE_LOSS_BCE);
    return SOCLE_OK;
}

/* Data with fewer rows than a batch is one chunk. A model of a fixed number of rows has chunks of that. */
static socle_status find_variant(evaluation *e)
{
    socle_trainer *t = e->t;
    const socle_graph *graph = t->model->graph;
    const graph_type *declared = &graph->values[graph->inputs[0]].type;
    const int64_t fixed = declared->rank > 0 ? declared->dims[0] : -1;
    graph_type types[TRAINER_MAX_INPUTS];
    e->chunk_rows = fixed >= 0 ? fixed : t->options.batch;
    for (int i = 0; i < graph->input_count; i++) {
        types[i] = trainer_type_of(&e->inputs[i]);
        types[i].dims[0] = e->chunk_rows;
    }
    socle_status status = evaluation_variant_find(t, types, e->chunk_rows, &e->variant);
    if (status != SOCLE_OK)
        return status;
    e->output = memory_alloc(graph_type_bytes(&e->variant->output));
    return e->output != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
}

/* The labels' type for all rows: that of training, of which one row is known from the first variant. */
static graph_type labels_type(const evaluation *e)
{
    graph_type type = e->variant->output;
    if (e->t->options.loss == SOCLE_LOSS_CROSS_ENTROPY) {
        type.dtype = SOCLE_INT64;
        for (int i = 1; i < type.rank - 1; i++)
            type.dims[i] = type.dims[i + 1];
        type.rank--;
    }
    type.dims[0] = e->rows;
    return type;
}

static socle_status evaluate_all(evaluation *e)
{
    socle_status status = trainer_drain(e->t);
    if (status == SOCLE_OK)
        status = find_variant(e);
    if (status != SOCLE_OK)
        return status;
    const graph_type expected = labels_type(e);
    status = trainer_check_labels(e->t, &e->variant->output, &expected, e->labels);
    for (int64_t first = 0; first < e->rows && status == SOCLE_OK; first += e->chunk_rows) {
        const int64_t left = e->rows - first;
        status = run_chunk(e, first, left < e->chunk_rows ? left : e->chunk_rows);
    }
    return status;
}

socle_status socle_trainer_evaluate(socle_trainer *trainer, const socle_tensor *inputs, int input_count,
                                    const socle_tensor *labels, double *loss, double *accuracy)
{
    if (trainer == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_trainer_evaluate: the trainer must not be NULL");
    const socle_graph *graph = trainer->model->graph;
    const graph_type *declared = &graph->values[graph->inputs[0]].type;
    if (declared->rank > 0 && declared->dims[0] >= 0 && inputs != NULL && input_count == graph->input_count)
        for (int i = 0; i < input_count; i++)
            if (inputs[i].rank > 0 && inputs[i].dims[0] != declared->dims[0])
                return socle_fail(SOCLE_SHAPE_MISMATCH, "the model takes %lld rows, %lld were given",
                                  (long long)declared->dims[0], (long long)inputs[i].dims[0]);
    socle_status status = trainer_check_inputs(trainer, inputs, input_count);
    if (status != SOCLE_OK)
        return status;
    evaluation e = {.t = trainer, .inputs = inputs, .labels = labels, .rows = inputs[0].dims[0]};
    status = evaluate_all(&e);
    for (int i = 0; i < TRAINER_MAX_INPUTS; i++)
        memory_free(e.chunk[i]);
    memory_free(e.output);
    if (status != SOCLE_OK)
        return status;
    if (loss != NULL)
        *loss = e.loss / e.count;
    if (accuracy != NULL)
        *accuracy = trainer->options.loss == SOCLE_LOSS_CROSS_ENTROPY ? e.hits / e.count : -1;
    return SOCLE_OK;
}
