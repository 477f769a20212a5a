/* Gathering and scattering. */
#include "evaluate.h"

#include <math.h>
#include <string.h>

static int64_t position(double index, int64_t size)
{
    return (int64_t)(index < 0 ? index + (double)size : index);
}

/* y[.., indices, ..] along an axis: each pair of an element of `large` (data) and one of `small` (result). */
static void gather(operation *o, const operand *large, const operand *small, bool scatter)
{
    const operand *indices = &o->in[1];
    const int axis = evaluate_axis(node_int(o->node, "axis", 0), large->rank);
    for (int64_t i = 0; i < small->count; i++) {
        int64_t at[SOCLE_MAX_RANK], from[SOCLE_MAX_RANK];
        evaluate_coordinates(small, i, at);
        for (int k = 0; k < axis; k++)
            from[k] = at[k];
        from[axis] = position(indices->data[evaluate_offset(indices, at + axis)], large->dims[axis]);
        for (int k = axis + 1; k < large->rank; k++)
            from[k] = at[k + indices->rank - 1];
        if (scatter)
            large->data[evaluate_offset(large, from)] += small->data[i];
        else
            small->data[i] = large->data[evaluate_offset(large, from)];
    }
}

/* The element of data that the i-th index points at. */
static int64_t element(const operation *o, const operand *data, int64_t i)
{
    const int axis = evaluate_axis(node_int(o->node, "axis", 0), data->rank);
    int64_t at[SOCLE_MAX_RANK];
    evaluate_coordinates(&o->in[1], i, at);
    at[axis] = position(o->in[1].data[i], data->dims[axis]);
    return evaluate_offset(data, at);
}

static void scatter_elements(operation *o)
{
    const char *reduction = node_string(o->node, "reduction", "none");
    memcpy(o->out[0].data, o->in[0].data, (size_t)o->in[0].count * sizeof(double));
    for (int64_t i = 0; i < o->in[1].count; i++) {
        double *y = &o->out[0].data[element(o, &o->in[0], i)];
        const double x = o->in[2].data[i];
        if (strcmp(reduction, "add") == 0)
            *y += x;
        else if (strcmp(reduction, "mul") == 0)
            *y *= x;
        else if (strcmp(reduction, "max") == 0)
            *y = fmax(*y, x);
        else if (strcmp(reduction, "min") == 0)
            *y = fmin(*y, x);
        else
            *y = x;
    }
}

bool evaluate_index(operation *o)
{
    if (evaluate_is(o, "Gather"))
        gather(o, &o->in[0], &o->out[0], false);
    else if (evaluate_is(o, "GatherGrad"))
        gather(o, &o->out[0], &o->in[0], true);
    else if (evaluate_is(o, "GatherElements"))
        for (int64_t i = 0; i < o->out[0].count; i++)
            o->out[0].data[i] = o->in[0].data[element(o, &o->in[0], i)];
    else if (evaluate_is(o, "GatherElementsGrad"))
        for (int64_t i = 0; i < o->in[0].count; i++)
            o->out[0].data[element(o, &o->out[0], i)] += o->in[0].data[i];
    else if (evaluate_is(o, "ScatterElements"))
        scatter_elements(o);
    else
        return false;
    return true;
}
