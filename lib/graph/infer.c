/* Inference of types and shapes: one rule per operator (infer_*.c), run in topological order. Dimensions may be symbols; a rule
 * hands on what it knows and says "unknown" for the rest. */
#include "infer.h"

#include <stdio.h>
#include <string.h>

/* ---- types ---- */

bool graph_type_known(const graph_type *type)
{
    for (int d = 0; d < type->rank; d++)
        if (type->dims[d] < 0)
            return false;
    return type->rank >= 0 && type->dtype != SOCLE_NONE;
}

/* A file can claim any size: more than fits counts as the most that does. */
int64_t graph_type_count(const graph_type *type)
{
    int64_t count = 1;
    for (int d = 0; d < type->rank; d++)
        if (type->dims[d] == 0)
            return 0;
    for (int d = 0; d < type->rank; d++)
        if (!multiply_fits(count, type->dims[d], &count))
            return INT64_MAX;
    return count;
}

size_t graph_type_bytes(const graph_type *type)
{
    return (size_t)graph_type_count(type) * socle_dtype_size_bytes(type->dtype);
}

/* ---- dimensions ---- */

bool dim_unify(int64_t a, int64_t b, int64_t *out)
{
    if (a >= 0 && b >= 0 && a != b)
        return false;
    *out = a >= 0 ? a : (b >= 0 ? b : (a == DIM_UNKNOWN ? b : a));
    return true;
}

bool dim_broadcast(int64_t a, int64_t b, int64_t *out)
{
    if (a == 1 || a == b)
        *out = b;
    else if (b == 1)
        *out = a;
    else if (a >= 0 && b >= 0)
        return false;
    else
        *out = a >= 0 ? a : (b >= 0 ? b : DIM_UNKNOWN); /* a symbol against 5: it is 1 or 5 */
    return true;
}

int64_t dim_times(int64_t a, int64_t factor)
{
    int64_t product;
    if (factor == 1 || a == 0)
        return a;
    if (factor == 0)
        return 0;
    return a >= 0 && factor > 0 && multiply_fits(a, factor, &product) ? product : DIM_UNKNOWN;
}

bool graph_broadcast(const graph_type *a, const graph_type *b, graph_type *out)
{
    graph_type result = {.dtype = a->dtype, .rank = a->rank > b->rank ? a->rank : b->rank};
    if (a->rank < 0 || b->rank < 0) {
        result.rank = -1;
        *out = result;
        return true;
    }
    for (int d = 0; d < result.rank; d++) {
        const int at_a = d - (result.rank - a->rank), at_b = d - (result.rank - b->rank);
        if (!dim_broadcast(at_a < 0 ? 1 : a->dims[at_a], at_b < 0 ? 1 : b->dims[at_b], &result.dims[d]))
            return false;
    }
    *out = result;
    return true;
}

/* ---- for the rules ---- */

socle_status infer_fail(const graph_infer *infer, socle_status status, const char *format, ...)
{
    char what[512];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof(what), format, list);
    va_end(list);
    return socle_fail(status, "%s: %s", graph_node_label(infer->graph, (node_id)(infer->node - infer->graph->nodes)), what);
}

const char *infer_type_text(const graph_infer *infer, const graph_type *type)
{
    static _Thread_local char texts[4][256];
    static _Thread_local unsigned next;
    char *out = texts[next++ % COUNT_OF(texts)];
    if (type->rank < 0) {
        snprintf(out, sizeof(texts[0]), "%s of unknown rank", socle_dtype_name(type->dtype));
        return out;
    }
    size_t used = (size_t)snprintf(out, sizeof(texts[0]), "%s[", socle_dtype_name(type->dtype));
    for (int d = 0; d < type->rank && used < sizeof(texts[0]); d++) {
        const int64_t dim = type->dims[d];
        const char *comma = d > 0 ? ", " : "";
        if (dim >= 0)
            used += (size_t)snprintf(out + used, sizeof(texts[0]) - used, "%s%lld", comma, (long long)dim);
        else
            used += (size_t)snprintf(out + used, sizeof(texts[0]) - used, "%s%.24s", comma,
                                     dim == DIM_UNKNOWN ? "?" : infer->graph->symbols[DIM_SYMBOL_BASE - dim]);
    }
    if (used < sizeof(texts[0]))
        snprintf(out + used, sizeof(texts[0]) - used, "]");
    return out;
}

const graph_type *infer_input(const graph_infer *infer, int index)
{
    const value_id value = infer_input_value(infer, index);
    return value == GRAPH_NONE ? NULL : &infer->graph->values[value].type;
}

value_id infer_input_value(const graph_infer *infer, int index)
{
    return index < infer->node->input_count ? infer->node->inputs[index] : GRAPH_NONE;
}

socle_status infer_nothing(graph_infer *infer, socle_dtype dtype)
{
    for (int i = 0; i < infer->node->output_count; i++)
        infer->outputs[i] = (graph_type){.dtype = dtype, .rank = -1};
    return SOCLE_OK;
}

void infer_unknown_dims(graph_type *type, int rank)
{
    type->rank = rank;
    for (int d = 0; d < rank; d++)
        type->dims[d] = DIM_UNKNOWN;
}

socle_status infer_axis(const graph_infer *infer, int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "axis %lld is not an axis of a tensor of rank %d", (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return SOCLE_OK;
}

socle_status infer_axes(const graph_infer *infer, const int64_t *axes, int count, int rank, bool *marked)
{
    memset(marked, 0, (size_t)rank * sizeof(*marked));
    for (int i = 0; i < count; i++) {
        int axis = 0;
        socle_status status = infer_axis(infer, axes[i], rank, &axis);
        if (status != SOCLE_OK)
            return status;
        if (marked[axis])
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "axis %d is given twice", axis);
        marked[axis] = true;
    }
    return SOCLE_OK;
}

int infer_ints(const graph_infer *infer, int input, int64_t *out, int capacity)
{
    dim_value values[DIM_VALUES_MAX];
    const value_id value = infer_input_value(infer, input);
    if (value == GRAPH_NONE)
        return -1;
    const int count = graph_dim_values(infer->graph, value, values, capacity < DIM_VALUES_MAX ? capacity : DIM_VALUES_MAX);
    for (int i = 0; i < count; i++) {
        if (!values[i].known)
            return -1;
        out[i] = values[i].value;
    }
    return count;
}

/* ---- nodes ---- */

static socle_status gather_inputs(graph_infer *infer)
{
    const graph_operator *op = infer->node->op;
    for (int i = 0; i < infer->node->input_count; i++) {
        const value_id value = infer->node->inputs[i];
        const bool required = i < op->min_inputs || op->max_inputs < 0;
        if (value >= infer->graph->value_count)
            return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "input %d is no value of the graph", i);
        if (value == GRAPH_NONE && required)
            return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "input %d is missing", i);
        if (i < (int)COUNT_OF(infer->inputs))
            infer->inputs[i] = value == GRAPH_NONE ? NULL : &infer->graph->values[value].type;
    }
    for (int i = infer->node->input_count; i < (int)COUNT_OF(infer->inputs); i++)
        infer->inputs[i] = NULL;
    return SOCLE_OK;
}

/* No dimension and no size may overflow: a file can claim anything. */
static socle_status check_output(const graph_infer *infer, const graph_type *type)
{
    int64_t bytes = (int64_t)socle_dtype_size_bytes(type->dtype);
    for (int d = 0; d < type->rank; d++)
        if (type->dims[d] > 0 && !multiply_fits(bytes, type->dims[d], &bytes))
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "an output of %s has more than 2^63 bytes",
                              infer_type_text(infer, type));
    return SOCLE_OK;
}

socle_status graph_infer_node(socle_graph *graph, node_id node)
{
    graph_infer infer;
    infer.graph = graph;
    infer.node = &graph->nodes[node];
    if (infer.node->op == NULL)
        return SOCLE_OK;
    if (infer.node->output_count > (int)COUNT_OF(infer.outputs))
        return infer_fail(&infer, SOCLE_UNSUPPORTED, "more than %zu outputs", COUNT_OF(infer.outputs));
    socle_status status = gather_inputs(&infer);
    if (status != SOCLE_OK)
        return status;
    for (int i = 0; i < infer.node->output_count; i++)
        infer.outputs[i] = (graph_type){.dtype = SOCLE_NONE, .rank = -1};
    status = infer.node->op->infer(&infer);
    for (int i = 0; status == SOCLE_OK && i < infer.node->output_count; i++) {
        status = check_output(&infer, &infer.outputs[i]);
        if (status == SOCLE_OK && infer.node->outputs[i] != GRAPH_NONE)
            graph->values[infer.node->outputs[i]].type = infer.outputs[i];
    }
    return status;
}

socle_status graph_infer_all(socle_graph *graph)
{
    for (node_id n = 0; n < graph->node_count; n++) {
        socle_status status = graph_infer_node(graph, n);
        if (status != SOCLE_OK)
            return status;
    }
    return SOCLE_OK;
}
