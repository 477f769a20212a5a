/* Reductions to few elements in two stages: one that only as many work-items as there are results could share would leave a
 * device idle. A reduced axis is cut into parts, each part reduced to one element of its own, then those to the result: the same
 * work in the same order every time. */
#include "lower.h"
#include "operators.h"

#include <string.h>

/* What the parts and their results are reduced by, and what is done last. */
typedef struct stages {
    const char *op, *first, *second, *last;
} stages;

static const stages known[] = {
    {"ReduceSum", "ReduceSum", "ReduceSum", NULL},
    {"ReduceMean", "ReduceMean", "ReduceMean", NULL}, /* the parts are of one size */
    {"ReduceMax", "ReduceMax", "ReduceMax", NULL},
    {"ReduceMin", "ReduceMin", "ReduceMin", NULL},
    {"ReduceProd", "ReduceProd", "ReduceProd", NULL},
    {"ReduceL1", "ReduceL1", "ReduceSum", NULL},
    {"ReduceL2", "ReduceSumSquare", "ReduceSum", "Sqrt"},
    {"ReduceLogSum", "ReduceSum", "ReduceLogSum", NULL},
    {"ReduceSumSquare", "ReduceSumSquare", "ReduceSum", NULL},
};

/* Below this many elements a second launch costs more than it gains. */
#define LEAST_ELEMENTS 65536
#define LEAST_PART 2048

static const stages *stages_of(const graph_node *node)
{
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (node->op != NULL && node->op->kind == OPERATOR_REDUCTION && strcmp(known[i].op, node->op->name) == 0)
            return &known[i];
    return NULL;
}

/* False: the axes are not known. */
static bool reduced_axes(const socle_graph *graph, const graph_node *node, bool *reduced)
{
    const int rank = graph->values[node->inputs[0]].type.rank;
    int64_t axes[SOCLE_MAX_RANK];
    int count = 0;
    if (node->input_count > 1 && node->inputs[1] != GRAPH_NONE)
        count = graph_constant_int_values(graph, node->inputs[1], axes, SOCLE_MAX_RANK);
    for (int i = 0; i < rank; i++)
        reduced[i] = count == 0 && node_int(node, "noop_with_empty_axes", 0) == 0;
    for (int i = 0; i < count; i++)
        reduced[axes[i] < 0 ? axes[i] + rank : axes[i]] = true;
    return count >= 0;
}

/* The least divisor of `extent` that is at least `parts`, but not many more; 0: there is none. */
static int64_t divisor(int64_t extent, int64_t parts)
{
    for (int64_t d = parts; d <= 8 * parts && d <= extent; d++)
        if (extent % d == 0)
            return d;
    return 0;
}

typedef struct cut {
    int axis;
    int64_t parts;
} cut;

static bool find_cut(const graph_type *type, const bool *reduced, int64_t groups, cut *found)
{
    int64_t kept = 1, each = 1;
    for (int i = 0; i < type->rank; i++)
        *(reduced[i] ? &each : &kept) *= type->dims[i];
    if (type->rank >= SOCLE_MAX_RANK || kept * each < LEAST_ELEMENTS || kept >= groups)
        return false;
    const int64_t wanted = ceil_div(groups, kept);
    for (int i = 0; i < type->rank; i++) {
        const int64_t parts = reduced[i] ? divisor(type->dims[i], wanted) : 0;
        if (parts == 0 || each / parts < LEAST_PART)
            continue;
        *found = (cut){i, parts};
        return true;
    }
    return false;
}

static socle_status split(socle_graph *graph, node_id node, const stages *s, const bool *reduced, cut at)
{
    const lowering l = lower_start(graph, node);
    const graph_type type = *lower_type(&l, lower_input(&l, 0)), out = graph->values[graph->nodes[node].outputs[0]].type;
    const bool narrow = type.dtype == SOCLE_FLOAT16 || type.dtype == SOCLE_BFLOAT16; /* parts are not rounded to it */
    int64_t dims[SOCLE_MAX_RANK], axes[SOCLE_MAX_RANK], second = 0;
    int rank = 0, count = 0;
    for (int i = 0; i < type.rank; i++) {
        if (i == at.axis) {
            second = rank - count;
            dims[rank++] = at.parts;
        }
        if (reduced[i])
            axes[count++] = rank;
        dims[rank++] = i == at.axis ? type.dims[i] / at.parts : type.dims[i];
    }
    const value_id x = lower_cast(&l, lower_input(&l, 0), narrow ? SOCLE_FLOAT32 : type.dtype);
    value_id y = x == GRAPH_NONE ? x : lower_reshape(&l, x, dims, rank);
    y = y == GRAPH_NONE ? y : lower_reduce(&l, s->first, y, axes, count, false);
    y = y == GRAPH_NONE ? y : lower_reduce(&l, s->second, y, &second, 1, false);
    if (s->last != NULL)
        y = graph_unary(graph, s->last, y);
    y = lower_cast(&l, y, type.dtype);
    return lower_done(&l, y == GRAPH_NONE ? y : lower_reshape(&l, y, out.dims, out.rank));
}

socle_status graph_split_reductions(socle_graph *graph, int64_t groups)
{
    const int count = graph->node_count;
    for (node_id n = 0; n < count; n++) {
        bool reduced[SOCLE_MAX_RANK];
        cut at;
        const graph_node *node = &graph->nodes[n];
        const stages *s = stages_of(node);
        if (s == NULL || !graph_type_known(&graph->values[node->inputs[0]].type) || !reduced_axes(graph, node, reduced) ||
            !find_cut(&graph->values[node->inputs[0]].type, reduced, groups, &at))
            continue;
        const socle_status status = split(graph, n, s, reduced, at);
        if (status != SOCLE_OK)
            return status;
    }
    return graph_sort(graph);
}
