/* Readers of the nodes that work along axes: softmax, ArgMax, normalization, gather, scatter; and of a host's own operators. */
#include "node_reader.h"

#include <string.h>

/* ---- softmax, ArgMax ---- */

socle_status read_softmax(reader *r)
{
    softmax_problem *s = &r->p->softmax;
    const graph_type *x = type_of(r, input(r, 0));
    const int axis = axis_of(r, -1, x->rank > 0 ? x->rank : 1);
    if (axis < 0)
        return refuse(r, "its axis is outside of its input's rank");
    *s = (softmax_problem){.logarithm = strcmp(r->node->op->name, "LogSoftmax") == 0};
    s->outer = product(x->dims, 0, axis);
    s->axis = x->rank > 0 ? x->dims[axis] : 1;
    s->inner = product(x->dims, axis + 1, x->rank);
    add_operand(r, input(r, 0));
    add_operand(r, output(r, 0));
    return SOCLE_OK;
}

socle_status read_arg(reader *r)
{
    arg_problem *s = &r->p->arg;
    const graph_type *x = type_of(r, input(r, 0));
    const int axis = axis_of(r, 0, x->rank > 0 ? x->rank : 1);
    if (axis < 0)
        return refuse(r, "its axis is outside of its input's rank");
    *s = (arg_problem){.minimum = strcmp(r->node->op->name, "ArgMin") == 0,
                       .last = node_int(r->node, "select_last_index", 0) != 0};
    s->outer = product(x->dims, 0, axis);
    s->axis = x->rank > 0 ? x->dims[axis] : 1;
    s->inner = product(x->dims, axis + 1, x->rank);
    add_operand(r, input(r, 0));
    add_operand(r, output(r, 0));
    return SOCLE_OK;
}

/* The input, along the axis, as outer x axis x inner. */
static socle_status line_extents(reader *r, int64_t axis, int64_t *outer, int64_t *extent, int64_t *inner)
{
    const graph_type *x = type_of(r, input(r, 0));
    axis += axis < 0 ? x->rank : 0;
    if (axis < 0 || axis >= x->rank)
        return refuse(r, "its axis is outside of its input's rank");
    *outer = product(x->dims, 0, (int)axis);
    *extent = x->dims[axis];
    *inner = product(x->dims, (int)axis + 1, x->rank);
    return SOCLE_OK;
}

socle_status read_cum_sum(reader *r)
{
    scan_problem *s = &r->p->scan;
    int64_t axis;
    if (graph_constant_int_values(r->graph, input(r, 1), &axis, 1) != 1)
        return refuse(r, "its axis must be a constant");
    *s = (scan_problem){.exclusive = node_int(r->node, "exclusive", 0) != 0, .reverse = node_int(r->node, "reverse", 0) != 0};
    add_operand(r, input(r, 0));
    add_operand(r, output(r, 0));
    return line_extents(r, axis, &s->outer, &s->axis, &s->inner);
}

socle_status read_top_k(reader *r)
{
    topk_problem *s = &r->p->topk;
    *s = (topk_problem){.smallest = node_int(r->node, "largest", 1) == 0};
    if (graph_constant_int_values(r->graph, input(r, 1), &s->k, 1) != 1)
        return refuse(r, "k must be a constant");
    add_operand(r, input(r, 0));
    add_operand(r, output(r, 0));
    add_operand(r, output(r, 1));
    return line_extents(r, node_int(r->node, "axis", -1), &s->outer, &s->axis, &s->inner);
}

/* ---- normalization ---- */

/* Operands behind x; scale and bias must have `scales` elements. */
static socle_status norm_rest(reader *r, int64_t scales)
{
    norm_problem *n = &r->p->norm;
    add_operand(r, input(r, 0));
    n->has_scale = input(r, 1) != GRAPH_NONE;
    n->has_bias = input(r, 2) != GRAPH_NONE;
    for (int i = 1; i < 3; i++) {
        if (input(r, i) == GRAPH_NONE)
            continue;
        if (graph_type_count(type_of(r, input(r, i))) != scales)
            return refuse(r, "a scale or bias that is broadcast over the normalized dimensions");
        add_operand(r, input(r, i));
    }
    add_operand(r, output(r, 0));
    n->statistics = output(r, 1) != GRAPH_NONE || output(r, 2) != GRAPH_NONE;
    if (n->statistics) { /* a result that nobody asked for stays GRAPH_NONE: the kernels leave it out */
        add_operand(r, output(r, 1));
        add_operand(r, output(r, 2));
    }
    return SOCLE_OK;
}

/* Rows of x that are normalized: over all axes from `axis` on; */
static socle_status rows_over_axes(reader *r, const graph_type *x)
{
    norm_problem *n = &r->p->norm;
    const int axis = axis_of(r, -1, x->rank);
    if (axis < 0)
        return refuse(r, "its axis is outside of its input's rank");
    *n = (norm_problem){.rows = product(x->dims, 0, axis),
                        .row = product(x->dims, axis, x->rank),
                        .scale_rows = 1,
                        .scale_block = 1,
                        .epsilon = (float)node_float(r->node, "epsilon", 1e-5)};
    return SOCLE_OK;
}

/* or of groups of channels. */
static socle_status rows_of_groups(reader *r, const graph_type *x, int64_t groups)
{
    norm_problem *n = &r->p->norm;
    if (x->rank < 2 || groups < 0 || (groups > 0 ? x->dims[1] % groups : x->dims[1]) != 0)
        return refuse(r, "num_groups must divide the channels of its input");
    const int64_t spatial = product(x->dims, 2, x->rank);
    *n = (norm_problem){.rows = x->dims[0] * groups,
                        .row = groups > 0 ? x->dims[1] / groups * spatial : spatial,
                        .scale_rows = groups,
                        .scale_block = spatial,
                        .epsilon = (float)node_float(r->node, "epsilon", 1e-5)};
    return SOCLE_OK;
}

socle_status read_layer_norm(reader *r)
{
    const socle_status status = rows_over_axes(r, type_of(r, input(r, 0)));
    return status == SOCLE_OK ? norm_rest(r, r->p->norm.row) : status;
}

socle_status read_rms_norm(reader *r)
{
    socle_status status = read_layer_norm(r);
    r->p->norm.root_mean_square = true;
    return status;
}

socle_status read_instance_norm(reader *r)
{
    const graph_type *x = type_of(r, input(r, 0));
    const socle_status status = rows_of_groups(r, x, x->rank < 2 ? 0 : x->dims[1]);
    return status == SOCLE_OK ? norm_rest(r, x->dims[1]) : status;
}

socle_status read_group_norm(reader *r)
{
    const graph_type *x = type_of(r, input(r, 0));
    const socle_status status = rows_of_groups(r, x, node_int(r->node, "num_groups", 0));
    return status == SOCLE_OK ? norm_rest(r, x->dims[1]) : status;
}

static void add_all_operands(reader *r)
{
    for (int i = 0; i < r->node->input_count; i++)
        add_operand(r, input(r, i));
    for (int i = 0; i < r->node->output_count; i++)
        add_operand(r, output(r, i));
}

socle_status read_norm_grad(reader *r)
{
    const graph_type *x = type_of(r, input(r, 1));
    const int64_t groups = node_int(r->node, "num_groups", 0);
    const socle_status status = groups > 0 ? rows_of_groups(r, x, groups) : rows_over_axes(r, x);
    r->p->norm.has_scale = true;
    r->p->norm.has_bias = r->node->output_count > 2;
    r->p->norm.root_mean_square = node_int(r->node, "root_mean_square", 0) != 0;
    add_all_operands(r);
    return status;
}

/* All inputs and outputs are there, in the order of the problem's operands. */
static void batch_norm_all(reader *r, const graph_type *x)
{
    r->p->batch_norm = (batch_norm_problem){.batch = x->dims[0],
                                            .channels = x->dims[1],
                                            .pixels = product(x->dims, 2, x->rank),
                                            .epsilon = (float)node_float(r->node, "epsilon", 1e-5)};
    add_all_operands(r);
}

socle_status read_batch_norm(reader *r)
{
    batch_norm_all(r, type_of(r, input(r, 0)));
    return SOCLE_OK;
}

socle_status read_batch_norm_grad(reader *r)
{
    batch_norm_all(r, type_of(r, input(r, 1)));
    return SOCLE_OK;
}

/* ---- gather and scatter ---- */

/* data: the type of what is gathered from or scattered into; indices: the value that holds them. */
static socle_status gather_extents(reader *r, const int64_t *data_dims, int rank, value_id indices, bool elements)
{
    gather_problem *g = &r->p->gather;
    const graph_type *index = type_of(r, indices);
    const int axis = axis_of(r, 0, rank);
    *g = (gather_problem){.elements = elements, .index_dtype = index->dtype, .rank = rank, .axis_index = axis};
    if (axis < 0)
        return refuse(r, "its axis is outside of its input's rank");
    if (index->dtype != SOCLE_INT32 && index->dtype != SOCLE_INT64)
        return refuse(r, "its indices must be int32 or int64");
    if (elements && index->rank != rank)
        return refuse(r, "its data and indices must have the same rank");
    g->outer = product(data_dims, 0, axis);
    g->axis = data_dims[axis];
    g->inner = product(data_dims, axis + 1, rank);
    g->count = elements ? index->dims[axis] : graph_type_count(index);
    for (int i = 0; i < rank; i++) {
        g->data_dims[i] = data_dims[i];
        g->index_dims[i] = elements ? index->dims[i] : 0;
    }
    return SOCLE_OK;
}

socle_status read_gather(reader *r)
{
    const graph_type *data = type_of(r, input(r, 0));
    const bool elements = strcmp(r->node->op->name, "GatherElements") == 0;
    add_operand(r, input(r, 0));
    add_operand(r, input(r, 1));
    add_operand(r, output(r, 0));
    return gather_extents(r, data->dims, data->rank, input(r, 1), elements);
}

socle_status read_gather_grad(reader *r)
{
    const graph_type *dx = type_of(r, output(r, 0));
    const bool elements = strcmp(r->node->op->name, "GatherElementsGrad") == 0;
    add_operand(r, input(r, 0));
    add_operand(r, input(r, 1));
    add_operand(r, output(r, 0));
    socle_status status = gather_extents(r, dx->dims, dx->rank, input(r, 1), elements);
    r->p->gather.reduction = 1;
    return status;
}

socle_status read_scatter(reader *r)
{
    static const char *const reductions[] = {"none", "add", "mul", "max", "min"};
    const graph_type *data = type_of(r, input(r, 0));
    const char *name = node_string(r->node, "reduction", "none");
    for (int i = 0; i < 3; i++)
        add_operand(r, input(r, i));
    add_operand(r, output(r, 0));
    socle_status status = gather_extents(r, data->dims, data->rank, input(r, 1), true);
    for (int i = 0; i < (int)COUNT_OF(reductions) && status == SOCLE_OK; i++) {
        if (strcmp(name, reductions[i]) == 0) {
            r->p->gather.reduction = i;
            return SOCLE_OK;
        }
    }
    return status == SOCLE_OK ? refuse(r, "its reduction must be none, add, mul, max or min") : status;
}

/* ---- a host's own operator ---- */

socle_status read_custom(reader *r)
{
    if (r->node->input_count + r->node->output_count > PROBLEM_MAX_OPERANDS)
        return refuse(r, "it has more than 24 inputs and outputs");
    for (int i = 0; i < r->node->input_count; i++) {
        if (input(r, i) == GRAPH_NONE)
            return refuse(r, "an operator of the host needs all of its inputs");
        add_operand(r, input(r, i));
    }
    for (int i = 0; i < r->node->output_count; i++)
        add_operand(r, output(r, i));
    return SOCLE_OK;
}
