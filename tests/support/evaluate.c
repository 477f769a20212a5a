/* The interpreter: values as doubles, nodes in order. */
#include "evaluate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- elements ---- */

static double widen(socle_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case SOCLE_FLOAT32:
        return ((const float *)data)[i];
    case SOCLE_FLOAT64:
        return ((const double *)data)[i];
    case SOCLE_FLOAT16:
        return half_to_float(((const uint16_t *)data)[i]);
    case SOCLE_BFLOAT16:
        return bfloat16_to_float(((const uint16_t *)data)[i]);
    case SOCLE_INT8:
        return ((const int8_t *)data)[i];
    case SOCLE_INT16:
        return ((const int16_t *)data)[i];
    case SOCLE_INT32:
        return ((const int32_t *)data)[i];
    case SOCLE_INT64:
        return (double)((const int64_t *)data)[i];
    case SOCLE_UINT8:
        return ((const uint8_t *)data)[i];
    case SOCLE_BOOL:
        return ((const uint8_t *)data)[i] != 0;
    default:
        return NAN;
    }
}

static void narrow(socle_dtype dtype, double value, void *to, int64_t i)
{
    switch (dtype) {
    case SOCLE_FLOAT32:
        ((float *)to)[i] = (float)value;
        break;
    case SOCLE_FLOAT64:
        ((double *)to)[i] = value;
        break;
    case SOCLE_FLOAT16:
        ((uint16_t *)to)[i] = float_to_half((float)value);
        break;
    case SOCLE_BFLOAT16:
        ((uint16_t *)to)[i] = float_to_bfloat16((float)value);
        break;
    case SOCLE_INT8:
        ((int8_t *)to)[i] = (int8_t)value;
        break;
    case SOCLE_INT16:
        ((int16_t *)to)[i] = (int16_t)value;
        break;
    case SOCLE_INT32:
        ((int32_t *)to)[i] = (int32_t)value;
        break;
    case SOCLE_INT64:
        ((int64_t *)to)[i] = (int64_t)value;
        break;
    case SOCLE_UINT8:
        ((uint8_t *)to)[i] = (uint8_t)value;
        break;
    case SOCLE_BOOL:
        ((uint8_t *)to)[i] = value != 0;
        break;
    default:
        break;
    }
}

double *evaluate_widen(socle_dtype dtype, const void *data, int64_t count)
{
    double *wide = calloc((size_t)count + 1, sizeof(*wide));
    for (int64_t i = 0; i < count && data != NULL; i++)
        wide[i] = widen(dtype, data, i);
    return wide;
}

void evaluate_narrow(socle_dtype dtype, const double *from, void *to, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        narrow(dtype, from[i], to, i);
}

/* ---- coordinates ---- */

void evaluate_coordinates(const operand *t, int64_t index, int64_t *coordinates)
{
    for (int i = t->rank - 1; i >= 0; i--) {
        coordinates[i] = index % t->dims[i];
        index /= t->dims[i];
    }
}

int64_t evaluate_offset(const operand *t, const int64_t *coordinates)
{
    int64_t offset = 0;
    for (int i = 0; i < t->rank; i++)
        offset = offset * t->dims[i] + coordinates[i];
    return offset;
}

int64_t evaluate_broadcast_offset(const operand *t, const int64_t *coordinates, int rank)
{
    int64_t offset = 0;
    for (int i = 0; i < t->rank; i++)
        offset = offset * t->dims[i] + (t->dims[i] == 1 ? 0 : coordinates[rank - t->rank + i]);
    return offset;
}

/* ---- graphs ---- */

static bool read_type(evaluation *e, value_id value, operand *out)
{
    const graph_value *v = &e->graph->values[value];
    *out = (operand){.dtype = v->type.dtype, .rank = v->type.rank, .count = 1};
    for (int i = 0; i < v->type.rank; i++) {
        out->dims[i] = v->type.dims[i];
        out->count *= v->type.dims[i];
        if (v->type.dims[i] < 0)
            out->rank = -1;
    }
    if (out->rank >= 0)
        return true;
    snprintf(e->error, sizeof(e->error), "the shape of '%s' is not known", v->name);
    return false;
}

void evaluation_start(evaluation *e, const socle_graph *graph)
{
    *e = (evaluation){.graph = graph, .value_count = graph->value_count};
    e->values = calloc((size_t)graph->value_count + 1, sizeof(*e->values));
    for (int v = 0; v < graph->value_count; v++) {
        const graph_value *value = &graph->values[v];
        operand type;
        if ((value->kind == VALUE_CONSTANT || value->kind == VALUE_STATE) && read_type(e, v, &type))
            e->values[v] = evaluate_widen(value->type.dtype, value->data, type.count);
    }
}

void evaluation_set(evaluation *e, value_id value, const double *elements)
{
    operand type;
    if (!read_type(e, value, &type))
        return;
    free(e->values[value]);
    e->values[value] = malloc((size_t)(type.count + 1) * sizeof(double));
    memcpy(e->values[value], elements, (size_t)type.count * sizeof(double));
}

void evaluation_finish(evaluation *e)
{
    for (int v = 0; v < e->value_count; v++)
        free(e->values[v]);
    free(e->values);
}

static bool read_operands(evaluation *e, operation *o)
{
    const graph_node *node = o->node;
    o->in_count = node->input_count;
    o->out_count = node->output_count;
    if (o->in_count > EVALUATE_MAX_OPERANDS || o->out_count > EVALUATE_MAX_OPERANDS) {
        snprintf(e->error, sizeof(e->error), "too many operands");
        return false;
    }
    for (int i = 0; i < o->in_count; i++) {
        const value_id v = node->inputs[i];
        o->in[i] = (operand){0};
        if (v == GRAPH_NONE)
            continue;
        if (!read_type(e, v, &o->in[i]))
            return false;
        o->in[i].data = e->values[v];
        if (o->in[i].data == NULL) {
            snprintf(e->error, sizeof(e->error), "'%s' has no content", e->graph->values[v].name);
            return false;
        }
    }
    for (int i = 0; i < o->out_count; i++) {
        const value_id v = node->outputs[i];
        o->out[i] = (operand){0};
        if (v == GRAPH_NONE)
            continue;
        if (!read_type(e, v, &o->out[i]))
            return false;
        free(e->values[v]);
        o->out[i].data = e->values[v] = calloc((size_t)o->out[i].count + 1, sizeof(double));
    }
    return true;
}

static bool evaluate_any(operation *o)
{
    return evaluate_pointwise(o) || evaluate_movement(o) || evaluate_reduction(o) || evaluate_product(o) ||
           evaluate_convolution(o) || evaluate_pool(o) || evaluate_normalization(o) || evaluate_loss(o) || evaluate_index(o) ||
           evaluate_order(o);
}

bool evaluation_run(evaluation *e)
{
    operation *o = malloc(sizeof(*o));
    bool complete = true;
    for (int n = 0; n < e->graph->node_count && complete; n++) {
        o->node = &e->graph->nodes[n];
        if (o->node->op == NULL)
            continue;
        complete = read_operands(e, o);
        if (complete && !evaluate_any(o)) {
            snprintf(e->error, sizeof(e->error), "the oracle does not know %s", o->node->op->name);
            complete = false;
        }
    }
    free(o);
    return complete;
}

void evaluation_update(evaluation *e)
{
    const int count = e->graph->update_count;
    double **contents = calloc((size_t)count + 1, sizeof(*contents));
    operand type;
    for (int i = 0; i < count; i++) /* all are read before any is written */
        if (read_type(e, e->graph->updates[i].value, &type)) {
            contents[i] = malloc((size_t)(type.count + 1) * sizeof(double));
            memcpy(contents[i], e->values[e->graph->updates[i].value], (size_t)type.count * sizeof(double));
        }
    for (int i = 0; i < count; i++) {
        if (contents[i] != NULL)
            evaluation_set(e, e->graph->updates[i].state, contents[i]);
        free(contents[i]);
    }
    free(contents);
}
