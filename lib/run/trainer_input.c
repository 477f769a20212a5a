/* What a host hands to a trainer, checked before any device sees it. */
#include "trainer.h"

static socle_status check_memory(const char *what, const socle_tensor *tensor)
{
    const size_t needed = (size_t)socle_tensor_count(tensor) * socle_dtype_size_bytes(tensor->dtype);
    if (needed > 0 && (tensor->data == NULL || tensor->size_bytes < needed))
        return socle_fail(SOCLE_INVALID_ARGUMENT, "%s needs %zu bytes, the memory given for it has %zu", what, needed,
                          tensor->data != NULL ? tensor->size_bytes : 0);
    return SOCLE_OK;
}

static socle_status check_input(const graph_value *value, const socle_tensor *input)
{
    const graph_type *type = &value->type;
    if (input->dtype != type->dtype)
        return socle_fail(SOCLE_TYPE_MISMATCH, "input '%s' is %s, the tensor given for it is %s", value->name,
                          socle_dtype_name(type->dtype), socle_dtype_name(input->dtype));
    if (input->rank < 0 || input->rank > SOCLE_MAX_RANK || (type->rank >= 0 && input->rank != type->rank))
        return socle_fail(SOCLE_SHAPE_MISMATCH, "input '%s' has rank %d, the tensor given for it has rank %d", value->name,
                          type->rank, input->rank);
    for (int i = 0; i < type->rank; i++)
        if (input->dims[i] < 0 || (type->dims[i] >= 0 && type->dims[i] != input->dims[i]))
            return socle_fail(SOCLE_SHAPE_MISMATCH, "input '%s': dimension %d is %lld, the tensor given for it has %lld there",
                              value->name, i, (long long)type->dims[i], (long long)input->dims[i]);
    return check_memory(value->name, input);
}

socle_status trainer_check_inputs(const socle_trainer *t, const socle_tensor *inputs, int count)
{
    const socle_graph *graph = t->model->graph;
    if (inputs == NULL || count != graph->input_count)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "the model has %d inputs, %d were given", graph->input_count,
                          inputs != NULL ? count : 0);
    for (int i = 0; i < count; i++) {
        socle_status status = check_input(&graph->values[graph->inputs[i]], &inputs[i]);
        if (status != SOCLE_OK)
            return status;
        if (inputs[i].rank < 1 || inputs[i].dims[0] != inputs[0].dims[0])
            return socle_fail(SOCLE_SHAPE_MISMATCH, "input '%s' has no rows, or not as many as the first input",
                              graph->values[graph->inputs[i]].name);
    }
    if (inputs[0].dims[0] < 1)
        return socle_fail(SOCLE_SHAPE_MISMATCH, "a batch has at least one row");
    return SOCLE_OK;
}

/* The first label out of range, with its row and value. */
static socle_status check_range(const socle_tensor *labels, int64_t classes)
{
    const int64_t *values = labels->data, count = socle_tensor_count(labels);
    const int64_t per_row = labels->rank > 0 && labels->dims[0] > 0 ? count / labels->dims[0] : 1;
    for (int64_t i = 0; i < count; i++)
        if (values[i] < 0 || values[i] >= classes)
            return socle_fail(SOCLE_INVALID_ARGUMENT, "the label of row %lld is %lld: it must be from 0 to %lld",
                              (long long)(i / per_row), (long long)values[i], (long long)classes - 1);
    return SOCLE_OK;
}

socle_status trainer_check_labels(const socle_trainer *t, const graph_type *output, const graph_type *expected,
                                  const socle_tensor *labels)
{
    if (labels == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "the labels must not be NULL");
    if (labels->dtype != expected->dtype)
        return socle_fail(SOCLE_TYPE_MISMATCH, "labels are %s, the tensor given for them is %s",
                          socle_dtype_name(expected->dtype), socle_dtype_name(labels->dtype));
    if (labels->rank != expected->rank)
        return socle_fail(SOCLE_SHAPE_MISMATCH, "labels have rank %d, the tensor given for them has rank %d", expected->rank,
                          labels->rank);
    for (int i = 0; i < labels->rank; i++)
        if (labels->dims[i] != expected->dims[i])
            return socle_fail(SOCLE_SHAPE_MISMATCH, "labels: dimension %d is %lld, the tensor given for them has %lld there", i,
                              (long long)expected->dims[i], (long long)labels->dims[i]);
    socle_status status = check_memory("labels", labels);
    if (status != SOCLE_OK || t->options.loss != SOCLE_LOSS_CROSS_ENTROPY)
        return status;
    return check_range(labels, output->dims[1]);
}
