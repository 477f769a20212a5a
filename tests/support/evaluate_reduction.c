/* Reductions along axes, and the index of the largest or smallest element. */
#include "evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void read_axes(const operation *o, bool *reduced)
{
    const bool given = o->in_count > 1 && o->in[1].data != NULL && o->in[1].count > 0;
    const bool nothing = !given && node_int(o->node, "noop_with_empty_axes", 0) != 0;
    for (int i = 0; i < o->in[0].rank; i++)
        reduced[i] = !given && !nothing;
    for (int64_t i = 0; given && i < o->in[1].count; i++)
        reduced[evaluate_axis((int64_t)o->in[1].data[i], o->in[0].rank)] = true;
}

/* The result that the element at these coordinates of the input belongs to. */
static int64_t result_of(const operand *in, const bool *reduced, const int64_t *at)
{
    int64_t offset = 0;
    for (int i = 0; i < in->rank; i++)
        if (!reduced[i])
            offset = offset * in->dims[i] + at[i];
    return offset;
}

static double initial(const char *name)
{
    if (strcmp(name, "ReduceMax") == 0 || strcmp(name, "ReduceLogSumExp") == 0)
        return -INFINITY;
    if (strcmp(name, "ReduceMin") == 0)
        return INFINITY;
    return strcmp(name, "ReduceProd") == 0 ? 1 : 0;
}

static double combine(const char *name, double y, double x)
{
    if (strcmp(name, "ReduceMax") == 0)
        return isnan(x) || x > y ? x : y;
    if (strcmp(name, "ReduceMin") == 0)
        return isnan(x) || x < y ? x : y;
    if (strcmp(name, "ReduceProd") == 0)
        return y * x;
    if (strcmp(name, "ReduceL1") == 0)
        return y + fabs(x);
    if (strcmp(name, "ReduceL2") == 0 || strcmp(name, "ReduceSumSquare") == 0)
        return y + x * x;
    if (strcmp(name, "ReduceLogSumExp") == 0) { /* log(exp(y) + exp(x)) */
        const double largest = fmax(x, y), least = fmin(x, y);
        return least == -INFINITY ? largest : largest + log1p(exp(least - largest));
    }
    return y + x;
}

static double finish(const char *name, double y, double count)
{
    if (strcmp(name, "ReduceMean") == 0)
        return y / count;
    if (strcmp(name, "ReduceL2") == 0)
        return sqrt(y);
    return strcmp(name, "ReduceLogSum") == 0 ? log(y) : y;
}

static void reduce(operation *o)
{
    const char *name = o->node->op->name;
    const operand *in = &o->in[0];
    bool reduced[SOCLE_MAX_RANK];
    int64_t at[SOCLE_MAX_RANK];
    double count = 1;
    read_axes(o, reduced);
    for (int i = 0; i < in->rank; i++)
        count *= reduced[i] ? (double)in->dims[i] : 1;
    for (int64_t i = 0; i < o->out[0].count; i++)
        o->out[0].data[i] = initial(name);
    for (int64_t i = 0; i < in->count; i++) {
        evaluate_coordinates(in, i, at);
        double *y = &o->out[0].data[result_of(in, reduced, at)];
        *y = combine(name, *y, in->data[i]);
    }
    for (int64_t i = 0; i < o->out[0].count; i++)
        o->out[0].data[i] = finish(name, o->out[0].data[i], count);
}

static void find_extreme(operation *o)
{
    const operand *in = &o->in[0];
    const int chosen = evaluate_axis(node_int(o->node, "axis", 0), in->rank);
    const bool minimum = evaluate_is(o, "ArgMin"), last = node_int(o->node, "select_last_index", 0) != 0;
    bool reduced[SOCLE_MAX_RANK] = {false};
    int64_t at[SOCLE_MAX_RANK];
    double *best = malloc((size_t)(o->out[0].count + 1) * sizeof(*best));
    reduced[chosen] = true;
    for (int64_t i = 0; i < in->count; i++) {
        evaluate_coordinates(in, i, at);
        const int64_t result = result_of(in, reduced, at);
        const double x = minimum ? -in->data[i] : in->data[i];
        if (at[chosen] == 0 || x > best[result] || (last && x == best[result])) {
            best[result] = x;
            o->out[0].data[result] = (double)at[chosen];
        }
    }
    free(best);
}

bool evaluate_reduction(operation *o)
{
    if (evaluate_is(o, "ArgMax") || evaluate_is(o, "ArgMin"))
        find_extreme(o);
    else if (strncmp(o->node->op->name, "Reduce", 6) == 0)
        reduce(o);
    else
        return false;
    return true;
}
