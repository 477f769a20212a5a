/* Reductions, ArgMax and ArgMin on the host: in int64 for integers, else in float64. */
#include "fold.h"
#include "operators.h"

#include <math.h>
#include <string.h>

typedef struct reduction {
    const char *name;
    double initial;
    double (*map)(double);
    double (*combine)(double, double);
    double (*finish)(double, double);
} reduction;

static double as_is(double a)
{
    return a;
}
static double square(double a)
{
    return a * a;
}
static double add(double x, double y)
{
    return x + y;
}
static double multiply(double x, double y)
{
    return x * y;
}
static double larger(double x, double y)
{
    return isnan(x) || x > y ? x : y;
}
static double smaller(double x, double y)
{
    return isnan(x) || x < y ? x : y;
}
static double result(double y, double n)
{
    return (void)n, y;
}
static double mean(double y, double n)
{
    return y / n;
}
static double root(double y, double n)
{
    return (void)n, sqrt(y);
}
static double logarithm(double y, double n)
{
    return (void)n, log(y);
}

static const reduction reductions[] = {
    {"ReduceSum", 0, as_is, add, result},
    {"ReduceMean", 0, as_is, add, mean},
    {"ReduceMax", -INFINITY, as_is, larger, result},
    {"ReduceMin", INFINITY, as_is, smaller, result},
    {"ReduceProd", 1, as_is, multiply, result},
    {"ReduceL1", 0, fabs, add, result},
    {"ReduceL2", 0, square, add, root},
    {"ReduceLogSum", 0, as_is, add, logarithm},
    {"ReduceSumSquare", 0, square, add, result},
    {"ReduceLogSumExp", 0, exp, add, logarithm},
};

static const reduction *reduction_named(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(reductions); i++)
        if (strcmp(reductions[i].name, name) == 0)
            return &reductions[i];
    return NULL;
}

/* The kept and the reduced dimensions of the input, with their strides. */
typedef struct reduction_space {
    int kept, reduced;
    int64_t kept_dims[SOCLE_MAX_RANK], kept_strides[SOCLE_MAX_RANK];
    int64_t dims[SOCLE_MAX_RANK], strides[SOCLE_MAX_RANK];
    int64_t count; /* elements per result */
} reduction_space;

static reduction_space space_of(const socle_tensor *x, const bool *reduced)
{
    reduction_space s = {.count = 1};
    int64_t strides[SOCLE_MAX_RANK];
    dense_strides(x->dims, x->rank, strides);
    for (int d = 0; d < x->rank; d++) {
        if (reduced[d]) {
            s.dims[s.reduced] = x->dims[d];
            s.strides[s.reduced++] = strides[d];
            s.count *= x->dims[d];
        } else {
            s.kept_dims[s.kept] = x->dims[d];
            s.kept_strides[s.kept++] = strides[d];
        }
    }
    return s;
}

static void axes_of(const graph_node *node, const socle_tensor *inputs, bool *reduced)
{
    int64_t axes[SOCLE_MAX_RANK];
    const int rank = inputs[0].rank, count = node->input_count > 1 ? tensor_ints(&inputs[1], axes, SOCLE_MAX_RANK) : 0;
    for (int d = 0; d < rank; d++)
        reduced[d] = count <= 0 && node_int(node, "noop_with_empty_axes", 0) == 0;
    for (int i = 0; i < count; i++)
        reduced[axes[i] < 0 ? axes[i] + rank : axes[i]] = true;
}

/* Log-sum-exp around the largest element, so that no exponential overflows. */
static double shift_of(const reduction *r, const socle_tensor *x, const reduction_space *s, int64_t base)
{
    int64_t index[SOCLE_MAX_RANK] = {0}, offset = base;
    double most = -INFINITY, value;
    if (strcmp(r->name, "ReduceLogSumExp") != 0)
        return 0;
    for (int64_t i = 0; i < s->count; i++) {
        elements_read_real(x->dtype, x->data, offset, 1, &value);
        most = larger(most, value);
        index_next(index, s->dims, s->reduced, s->strides, &offset);
    }
    return isinf(most) ? 0 : most;
}

static double reduce_reals(const reduction *r, const socle_tensor *x, const reduction_space *s, int64_t base)
{
    int64_t index[SOCLE_MAX_RANK] = {0}, offset = base;
    const double shift = shift_of(r, x, s, base);
    double total = r->initial, value;
    for (int64_t i = 0; i < s->count; i++) {
        elements_read_real(x->dtype, x->data, offset, 1, &value);
        total = r->combine(total, r->map(value - shift));
        index_next(index, s->dims, s->reduced, s->strides, &offset);
    }
    return r->finish(total, (double)s->count) + shift;
}

static int64_t combine_integers(const reduction *r, int64_t total, int64_t value, bool first)
{
    if (r->combine == larger)
        return first || value > total ? value : total;
    if (r->combine == smaller)
        return first || value < total ? value : total;
    if (r->map == square)
        value = (int64_t)((uint64_t)value * (uint64_t)value);
    else if (r->map == fabs && value < 0)
        value = (int64_t)(0 - (uint64_t)value);
    return (int64_t)(r->combine == multiply ? (uint64_t)total * (uint64_t)value : (uint64_t)total + (uint64_t)value);
}

static int64_t reduce_integers(const reduction *r, const socle_tensor *x, const reduction_space *s, int64_t base)
{
    int64_t index[SOCLE_MAX_RANK] = {0}, offset = base, total = isinf(r->initial) ? 0 : (int64_t)r->initial, value;
    for (int64_t i = 0; i < s->count; i++) {
        elements_read_integer(x->dtype, x->data, offset, 1, &value);
        total = combine_integers(r, total, value, i == 0);
        index_next(index, s->dims, s->reduced, s->strides, &offset);
    }
    return r->finish == mean && s->count > 0 ? total / s->count : total;
}

bool fold_reduce(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    bool reduced[SOCLE_MAX_RANK];
    int64_t index[SOCLE_MAX_RANK] = {0}, base = 0;
    const reduction *r = reduction_named(node->op->name);
    const socle_tensor *x = &inputs[0];
    axes_of(node, inputs, reduced);
    const reduction_space s = space_of(x, reduced);
    const int64_t results = socle_tensor_count(&outputs[0]);
    if (r == NULL || (s.count == 0 && !dtype_is_float(x->dtype)))
        return false;
    for (int64_t i = 0; i < results; i++) {
        if (dtype_is_float(x->dtype)) {
            const double value = reduce_reals(r, x, &s, base);
            elements_write_real(outputs[0].dtype, outputs[0].data, i, 1, &value);
        } else {
            const int64_t value = reduce_integers(r, x, &s, base);
            elements_write_integer(outputs[0].dtype, outputs[0].data, i, 1, &value);
        }
        index_next(index, s.kept_dims, s.kept, s.kept_strides, &base);
    }
    return true;
}

static int64_t arg_of(const socle_tensor *x, const reduction_space *s, int64_t base, bool minimum, bool last)
{
    int64_t best = 0;
    double best_value = 0, value;
    for (int64_t i = 0; i < s->count; i++) {
        elements_read_real(x->dtype, x->data, base + i * s->strides[0], 1, &value);
        const bool better = minimum ? value < best_value : value > best_value;
        if (i == 0 || better || (last && value == best_value)) {
            best = i;
            best_value = value;
        }
    }
    return best;
}

bool fold_arg(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    bool reduced[SOCLE_MAX_RANK] = {false};
    int64_t index[SOCLE_MAX_RANK] = {0}, base = 0, *out = outputs[0].data;
    const bool minimum = strcmp(node->op->name, "ArgMin") == 0, last = node_int(node, "select_last_index", 0) != 0;
    const int64_t axis = node_int(node, "axis", 0);
    reduced[axis < 0 ? axis + inputs[0].rank : axis] = true;
    const reduction_space s = space_of(&inputs[0], reduced);
    const int64_t results = socle_tensor_count(&outputs[0]);
    for (int64_t i = 0; i < results; i++) {
        out[i] = arg_of(&inputs[0], &s, base, minimum, last);
        index_next(index, s.kept_dims, s.kept, s.kept_strides, &base);
    }
    return true;
}
