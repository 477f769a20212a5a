/* See random_graph.h. Each operator is a function that takes a value that is there and adds one or a few nodes, or does nothing
 * where its shape does not suit. */
#include "random_graph.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_POOL 96
#define MAX_ELEMENTS 3000

typedef struct generator {
    socle_graph *graph;
    uint32_t random;
    value_id pool[MAX_POOL]; /* what further operators may take */
    int pool_count;
} generator;

double random_graph_number(uint32_t *state, double low, double high)
{
    *state = *state * 1664525u + 1013904223u;
    return low + (high - low) * (double)(*state >> 8) * 0x1p-24;
}

static int pick(generator *g, int count)
{
    return (int)random_graph_number(&g->random, 0, count);
}

static const graph_type *type_of(const generator *g, value_id v)
{
    return &g->graph->values[v].type;
}

static int64_t count_of(const generator *g, value_id v)
{
    return graph_type_count(type_of(g, v));
}

static graph_type make_type(int rank, const int64_t *dims)
{
    graph_type type = {.dtype = SOCLE_FLOAT32, .rank = rank};
    for (int i = 0; i < rank; i++)
        type.dims[i] = dims[i];
    return type;
}

static bool same_shape(const generator *g, value_id a, value_id b)
{
    const graph_type *x = type_of(g, a), *y = type_of(g, b);
    return x->rank == y->rank && memcmp(x->dims, y->dims, sizeof(int64_t) * (size_t)x->rank) == 0;
}

static value_id checked(value_id v)
{
    cr_assert_neq(v, GRAPH_NONE, "%s", socle_error_message());
    return v;
}

static value_id add(generator *g, const char *op, int inputs, const value_id *values, int attributes, const socle_attribute *list)
{
    return checked(graph_add(g->graph, "", op, values, inputs, list, attributes, 1));
}

static value_id unary(generator *g, const char *op, value_id a)
{
    return add(g, op, 1, &a, 0, NULL);
}

static value_id ints(generator *g, int count, const int64_t *values)
{
    return checked(graph_constant_ints(g->graph, values, count));
}

static void keep(generator *g, value_id v)
{
    if (g->pool_count < MAX_POOL && count_of(g, v) <= MAX_ELEMENTS && count_of(g, v) > 0)
        g->pool[g->pool_count++] = v;
}

/* Random content of at most `scale`, as a constant or (rarely) an input. */
static value_id weights(generator *g, const graph_type *type, double scale)
{
    float content[MAX_ELEMENTS];
    const int64_t count = graph_type_count(type);
    cr_assert_leq(count, MAX_ELEMENTS);
    if (pick(g, 5) == 0)
        return checked(graph_add_input(g->graph, NULL, type));
    for (int64_t i = 0; i < count; i++)
        content[i] = (float)random_graph_number(&g->random, -scale, scale);
    return checked(graph_add_constant(g->graph, NULL, type, content, true));
}

/* Often one of the last. */
static value_id take(generator *g)
{
    const int recent = g->pool_count < 4 || pick(g, 3) == 0 ? g->pool_count : 4;
    return g->pool[g->pool_count - 1 - pick(g, recent)];
}

/* ---- pointwise ---- */

static void add_unary(generator *g, value_id x)
{
    static const char *const ops[] = {"Tanh", "Sigmoid", "Relu", "Abs", "Neg", "LeakyRelu", "Sin", "Elu", "Softplus", "Gelu"};
    keep(g, unary(g, ops[pick(g, COUNT_OF(ops))], x));
}

/* Another value that broadcasts: of the same shape, or new with some dimensions 1 or missing. */
static value_id partner(generator *g, value_id x)
{
    for (int i = 0; i < 6; i++) {
        const value_id other = g->pool[pick(g, g->pool_count)];
        if (other != x && same_shape(g, x, other))
            return other;
    }
    graph_type type = *type_of(g, x);
    for (int i = 0; i < type.rank; i++)
        if (pick(g, 3) == 0)
            type.dims[i] = 1;
    const int missing = type.rank > 0 ? pick(g, type.rank) : 0;
    type.rank -= missing;
    memmove(type.dims, type.dims + missing, sizeof(int64_t) * (size_t)type.rank);
    return weights(g, &type, 1);
}

static void add_binary(generator *g, value_id x)
{
    static const char *const ops[] = {"Add", "Sub", "Mul", "Max", "Min"};
    const value_id other = partner(g, x);
    const bool first = pick(g, 2) == 0;
    const char *op = ops[pick(g, COUNT_OF(ops))];
    const value_id y = add(g, op, 2, (value_id[]){first ? x : other, first ? other : x}, 0, NULL);
    keep(g, strcmp(op, "Mul") == 0 ? unary(g, "Tanh", y) : y);
}

static void add_residual(generator *g, value_id x)
{
    keep(g, add(g, "Add", 2, (value_id[]){x, unary(g, "Tanh", x)}, 0, NULL));
}

static void add_where(generator *g, value_id x)
{
    uint8_t bits[MAX_ELEMENTS];
    graph_type type = *type_of(g, x);
    type.dtype = SOCLE_BOOL;
    for (int64_t i = 0; i < graph_type_count(&type); i++)
        bits[i] = (uint8_t)pick(g, 2);
    const value_id condition = checked(graph_add_constant(g->graph, NULL, &type, bits, true));
    keep(g, add(g, "Where", 3, (value_id[]){condition, x, partner(g, x)}, 0, NULL));
}

/* ---- movement ---- */

static void add_transpose(generator *g, value_id x)
{
    const int rank = type_of(g, x)->rank;
    int64_t order[SOCLE_MAX_RANK];
    for (int i = 0; i < rank; i++)
        order[i] = i;
    for (int i = rank - 1; i > 0; i--) {
        const int other = pick(g, i + 1);
        const int64_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    keep(g, add(g, "Transpose", 1, &x, 1, (socle_attribute[]){ATTRIBUTE_INTS("perm", order, (size_t)rank)}));
}

/* The elements dealt out anew, by prime factors, to two, three or four dimensions. */
static void add_reshape(generator *g, value_id x)
{
    int64_t dims[4] = {1, 1, 1, 1}, left = count_of(g, x);
    const int rank = 2 + pick(g, 3);
    for (int64_t factor = 2; left > 1; factor++)
        for (; left % factor == 0; left /= factor)
            dims[pick(g, rank)] *= factor;
    keep(g, add(g, "Reshape", 2, (value_id[]){x, ints(g, rank, dims)}, 0, NULL));
}

static void add_slice(generator *g, value_id x)
{
    const graph_type *type = type_of(g, x);
    if (type->rank == 0)
        return;
    const int axis = pick(g, type->rank);
    const int64_t extent = type->dims[axis], from = pick(g, (int)extent), step = 1 + pick(g, 2);
    const int64_t to = from + 1 + pick(g, (int)(extent - from)), back = -extent - 1;
    const bool reversed = pick(g, 4) == 0;
    const value_id start = ints(g, 1, &from), end = ints(g, 1, reversed ? &back : &to), axes = ints(g, 1, (int64_t[]){axis});
    const value_id steps = ints(g, 1, (int64_t[]){reversed ? -step : step});
    keep(g, add(g, "Slice", 5, (value_id[]){x, start, end, axes, steps}, 0, NULL));
}

static void add_pad(generator *g, value_id x)
{
    static const char *const modes[] = {"constant", "edge", "reflect"};
    const graph_type *type = type_of(g, x);
    int64_t pads[2 * SOCLE_MAX_RANK];
    const int mode = pick(g, 3), rank = type->rank;
    if (rank == 0 || rank > 4)
        return;
    for (int i = 0; i < rank; i++) {
        const int most = mode == 2 && type->dims[i] < 3 ? 0 : 2;
        pads[i] = pick(g, most + 1);
        pads[i + rank] = pick(g, most + 1);
    }
    keep(g, add(g, "Pad", 2, (value_id[]){x, ints(g, 2 * rank, pads)}, 1,
                (socle_attribute[]){ATTRIBUTE_STRING("mode", modes[mode])}));
}

static void add_concat(generator *g, value_id x)
{
    const graph_type *type = type_of(g, x);
    if (type->rank == 0)
        return;
    const int axis = pick(g, type->rank);
    const value_id other = partner(g, x);
    const value_id parts[] = {x, same_shape(g, x, other) ? other : unary(g, "Neg", x), x};
    keep(g, add(g, "Concat", 2 + pick(g, 2), parts, 1, (socle_attribute[]){ATTRIBUTE_INT("axis", axis)}));
}

static void add_split(generator *g, value_id x)
{
    const graph_type *type = type_of(g, x);
    const int axis = type->rank > 0 ? pick(g, type->rank) : 0;
    if (type->rank == 0 || type->dims[axis] < 2)
        return;
    const int64_t first = 1 + pick(g, (int)type->dims[axis] - 1), sizes[] = {first, type->dims[axis] - first};
    const value_id y = checked(graph_add(g->graph, "", "Split", (value_id[]){x, ints(g, 2, sizes)}, 2,
                                         (socle_attribute[]){ATTRIBUTE_INT("axis", axis)}, 1, 2));
    const graph_node *node = &g->graph->nodes[g->graph->values[y].producer];
    const value_id second = node->outputs[1];
    keep(g, y);
    keep(g, second);
}

static void add_expand(generator *g, value_id x)
{
    const graph_type *type = type_of(g, x);
    int64_t dims[SOCLE_MAX_RANK];
    if (type->rank > 3)
        return;
    dims[0] = 1 + pick(g, 3);
    for (int i = 0; i < type->rank; i++)
        dims[i + 1] = type->dims[i] == 1 ? 1 + pick(g, 4) : type->dims[i];
    keep(g, add(g, "Expand", 2, (value_id[]){x, ints(g, type->rank + 1, dims)}, 0, NULL));
}

static void add_tile(generator *g, value_id x)
{
    int64_t repeats[SOCLE_MAX_RANK];
    const int rank = type_of(g, x)->rank;
    for (int i = 0; i < rank; i++)
        repeats[i] = 1 + (pick(g, 4) == 0);
    if (rank > 0)
        keep(g, add(g, "Tile", 2, (value_id[]){x, ints(g, rank, repeats)}, 0, NULL));
}

static void add_gather(generator *g, value_id x)
{
    const graph_type *type = type_of(g, x);
    int64_t indices[6];
    if (type->rank == 0)
        return;
    const int axis = pick(g, type->rank), count = 1 + pick(g, 6);
    for (int i = 0; i < count; i++)
        indices[i] = pick(g, 2 * (int)type->dims[axis]) - type->dims[axis];
    keep(g, add(g, "Gather", 2, (value_id[]){x, ints(g, count, indices)}, 1, (socle_attribute[]){ATTRIBUTE_INT("axis", axis)}));
}

/* ---- reductions, normalization, softmax ---- */

static void add_reduction(generator *g, value_id x)
{
    static const char *const ops[] = {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceLogSumExp"};
    const int rank = type_of(g, x)->rank, op = pick(g, COUNT_OF(ops));
    int64_t axes[SOCLE_MAX_RANK];
    int count = 0;
    for (int i = 0; i < rank; i++)
        if (pick(g, 2) == 0)
            axes[count++] = pick(g, 2) == 0 ? i : i - rank;
    if (count == 0)
        return;
    const value_id y =
        add(g, ops[op], 2, (value_id[]){x, ints(g, count, axes)}, 1, (socle_attribute[]){ATTRIBUTE_INT("keepdims", pick(g, 2))});
    keep(g, op == 1 || op == 4 ? unary(g, "Tanh", y) : y);
}

static void add_softmax(generator *g, value_id x)
{
    const int rank = type_of(g, x)->rank;
    if (rank > 0)
        keep(g, add(g, pick(g, 3) == 0 ? "LogSoftmax" : "Softmax", 1, &x, 1,
                    (socle_attribute[]){ATTRIBUTE_INT("axis", pick(g, rank))}));
}

/* A large epsilon: rows of equal elements would magnify rounding. */
static void add_normalization(generator *g, value_id x)
{
    const graph_type *type = type_of(g, x);
    const socle_attribute epsilon = ATTRIBUTE_FLOAT("epsilon", 0.1);
    if (type->rank < 2)
        return;
    const bool instance = type->rank >= 3 && pick(g, 2) == 0;
    const graph_type row = make_type(1, &type->dims[instance ? 1 : type->rank - 1]);
    const value_id inputs[] = {x, weights(g, &row, 1), weights(g, &row, 1)};
    keep(g, add(g, instance ? "InstanceNormalization" : "LayerNormalization", 3, inputs, 1, &epsilon));
}

/* Of many elements: those of two become 1 and -1 when it is trained, and a minimum behind them chooses by rounding. */
static void add_batch_norm(generator *g, value_id x)
{
    const graph_type *type = type_of(g, x);
    float content[MAX_ELEMENTS];
    if (type->rank < 2 || graph_type_count(type) < 8 * type->dims[1])
        return;
    const graph_type row = make_type(1, &type->dims[1]);
    for (int64_t i = 0; i < row.dims[0]; i++)
        content[i] = (float)random_graph_number(&g->random, 0.5, 2);
    const value_id variance = checked(graph_add_constant(g->graph, NULL, &row, content, true));
    keep(g, add(g, "BatchNormalization", 5,
                (value_id[]){x, weights(g, &row, 1), weights(g, &row, 1), weights(g, &row, 1), variance}, 0, NULL));
}

/* ---- products, convolution, pooling ---- */

static void add_matmul(generator *g, value_id x)
{
    const graph_type *type = type_of(g, x);
    if (type->rank < 2)
        return;
    const int64_t k = type->dims[type->rank - 1], n = 1 + pick(g, 20);
    if (k * n > MAX_ELEMENTS)
        return;
    const graph_type w = make_type(2, (int64_t[]){k, n});
    keep(g, add(g, "MatMul", 2, (value_id[]){x, weights(g, &w, 1.5 / sqrt((double)k))}, 0, NULL));
}

static void add_gemm(generator *g, value_id x)
{
    const graph_type *type = type_of(g, x);
    if (type->rank != 2)
        return;
    const bool across = pick(g, 3) == 0, other = pick(g, 2) == 0;
    const int64_t k = type->dims[across ? 0 : 1], m = type->dims[across ? 1 : 0], n = 1 + pick(g, 20);
    if (k * n > MAX_ELEMENTS || m * n > MAX_ELEMENTS)
        return;
    const graph_type w = make_type(2, other ? (int64_t[]){n, k} : (int64_t[]){k, n});
    const graph_type c = pick(g, 2) == 0 ? make_type(1, &n) : make_type(2, (int64_t[]){m, n});
    keep(g, add(g, "Gemm", 3, (value_id[]){x, weights(g, &w, 1.5 / sqrt((double)k)), weights(g, &c, 1)}, 3,
                (socle_attribute[]){ATTRIBUTE_INT("transA", across), ATTRIBUTE_INT("transB", other),
                                    ATTRIBUTE_FLOAT("alpha", 0.8)}));
}

/* x times its own transpose. */
static void add_gram(generator *g, value_id x)
{
    const graph_type *type = type_of(g, x);
    if (type->rank != 2 || type->dims[0] * type->dims[0] > MAX_ELEMENTS)
        return;
    const value_id across = add(g, "Transpose", 1, &x, 0, NULL);
    keep(g, unary(g, "Tanh", add(g, "MatMul", 2, (value_id[]){x, across}, 0, NULL)));
}

static void add_conv(generator *g, value_id x)
{
    const graph_type *type = type_of(g, x);
    if (type->rank != 4)
        return;
    const int64_t channels = type->dims[1], groups = pick(g, 3) == 0 ? channels : 1, kernel = 1 + 2 * pick(g, 2);
    const int64_t out = groups * (1 + pick(g, groups > 1 ? 2 : 12)), pads[] = {1, 1, 1, 1}, strides[] = {1 + pick(g, 2), 1};
    const graph_type w = make_type(4, (int64_t[]){out, channels / groups, kernel, kernel}), b = make_type(1, &out);
    if (graph_type_count(&w) > MAX_ELEMENTS || (out * type->dims[0] * (type->dims[2] + 2) * (type->dims[3] + 2)) > MAX_ELEMENTS)
        return;
    const double scale = 1.5 / sqrt((double)(channels / groups * kernel * kernel));
    keep(g, add(g, "Conv", 2 + pick(g, 2), (value_id[]){x, weights(g, &w, scale), weights(g, &b, 1)}, 3,
                (socle_attribute[]){ATTRIBUTE_INTS("pads", pads, 4), ATTRIBUTE_INTS("strides", strides, 2),
                                    ATTRIBUTE_INT("group", groups)}));
}

static void add_pool(generator *g, value_id x)
{
    const graph_type *type = type_of(g, x);
    const int64_t kernel[] = {2, 2}, pads[] = {0, 1, 1, 0}, strides[] = {1 + pick(g, 2), 1 + pick(g, 2)};
    if (type->rank != 4 || type->dims[2] < 2 || type->dims[3] < 2)
        return;
    if (pick(g, 4) == 0)
        keep(g, unary(g, "GlobalAveragePool", x));
    else
        keep(g, add(g, pick(g, 2) == 0 ? "MaxPool" : "AveragePool", 1, &x, 3,
                    (socle_attribute[]){ATTRIBUTE_INTS("kernel_shape", kernel, 2), ATTRIBUTE_INTS("pads", pads, 4),
                                        ATTRIBUTE_INTS("strides", strides, 2)}));
}

/* ---- the graph ---- */

static void (*const operators[])(generator *g, value_id x) = {
    add_unary,      add_unary,     add_unary,   add_binary,    add_binary,    add_binary,  add_residual,
    add_where,      add_transpose, add_reshape, add_slice,     add_pad,       add_concat,  add_split,
    add_expand,     add_tile,      add_gather,  add_reduction, add_reduction, add_softmax, add_normalization,
    add_batch_norm, add_matmul,    add_gemm,    add_gram,      add_conv,      add_conv,    add_pool,
};

static void add_sources(generator *g, int states)
{
    const int64_t image[] = {1 + pick(g, 3), 1 + pick(g, 5), 3 + pick(g, 6), 3 + pick(g, 6)};
    const graph_type types[] = {make_type(4, image), make_type(2, (int64_t[]){1 + pick(g, 9), 1 + pick(g, 40)})};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        keep(g, checked(graph_add_input(g->graph, NULL, &types[i])));
    for (int i = 0; i < states; i++) { /* the second of the first's shape, so that they can change places */
        float content[MAX_ELEMENTS];
        const graph_type *type = i == 0 ? &types[pick(g, 2)] : &g->graph->values[g->pool[2]].type;
        const graph_type same = *type;
        for (int64_t k = 0; k < graph_type_count(&same); k++)
            content[k] = (float)random_graph_number(&g->random, -1, 1);
        keep(g, checked(graph_add_state(g->graph, i == 0 ? "first_state" : "second_state", &same, content, true)));
    }
}

/* What a state becomes: any value of its shape (other states, inputs, what another state becomes too), or a step from where it
 * is. */
static value_id next_of(generator *g, value_id state)
{
    for (int i = 0; i < 8 && pick(g, 3) != 0; i++) {
        const value_id other = g->pool[pick(g, g->pool_count)];
        if (same_shape(g, state, other))
            return other;
    }
    const value_id y =
        add(g, "Mul", 2, (value_id[]){state, checked(graph_constant_scalar(g->graph, SOCLE_FLOAT32, 0.75))}, 0, NULL);
    return add(g, "Add", 2, (value_id[]){y, partner(g, state)}, 0, NULL);
}

static void add_updates(generator *g)
{
    for (int i = 0; i < g->graph->value_count; i++)
        if (g->graph->values[i].kind == VALUE_STATE)
            cr_assert_eq(graph_add_update(g->graph, i, next_of(g, i)), SOCLE_OK, "%s", socle_error_message());
}

static void add_output(generator *g, value_id v)
{
    char name[32];
    snprintf(name, sizeof(name), "out%d", g->graph->output_count);
    cr_assert_eq(graph_add_output(g->graph, v, name), SOCLE_OK, "%s", socle_error_message());
}

/* What nobody uses, and a few more; one may be there twice, or be an input. */
static void add_outputs(generator *g)
{
    int *uses = NULL;
    cr_assert_eq(graph_count_uses(g->graph, &uses), SOCLE_OK);
    for (int i = 0; i < g->pool_count; i++)
        if (uses[g->pool[i]] == 0 && g->graph->values[g->pool[i]].kind == VALUE_NODE)
            add_output(g, g->pool[i]);
    memory_free(uses);
    for (int extra = pick(g, 3); extra > 0 || g->graph->output_count == 0; extra--)
        add_output(g, g->pool[pick(g, g->pool_count)]);
}

static generator build(uint32_t seed, int nodes, int states)
{
    generator g = {.random = seed * 2654435761u + 12345};
    cr_assert_eq(socle_graph_create(NULL, "random", &g.graph), SOCLE_OK, "%s", socle_error_message());
    add_sources(&g, states);
    while (g.graph->node_count < nodes && g.pool_count < MAX_POOL)
        operators[pick(&g, COUNT_OF(operators))](&g, take(&g));
    return g;
}

socle_graph *random_graph_create(uint32_t seed, int nodes)
{
    generator g = build(seed, nodes, (int)(seed % 3));
    add_updates(&g);
    add_outputs(&g);
    return g.graph;
}

/* Running statistics are no weights. */
static void mark_weights(socle_graph *graph)
{
    for (int v = 0; v < graph->value_count; v++)
        graph->values[v].trainable = graph->values[v].kind == VALUE_CONSTANT && graph->values[v].type.dtype == SOCLE_FLOAT32;
    for (int n = 0; n < graph->node_count; n++)
        if (strcmp(graph->nodes[n].op->name, "BatchNormalization") == 0)
            graph->values[graph->nodes[n].inputs[3]].trainable = graph->values[graph->nodes[n].inputs[4]].trainable = false;
}

/* Every value that nobody uses, weighed into one number, and a bias. */
static value_id weigh_all(generator *g)
{
    int *uses = NULL;
    const float start = 0.1f;
    const graph_type one = make_type(1, (int64_t[]){1});
    value_id total = checked(graph_add_constant(g->graph, NULL, &one, &start, true));
    cr_assert_eq(graph_count_uses(g->graph, &uses), SOCLE_OK);
    const int used = g->graph->value_count;
    for (int i = 0; i < g->pool_count; i++) {
        const value_id v = g->pool[i];
        if (v >= used || uses[v] > 0 || g->graph->values[v].kind != VALUE_NODE)
            continue;
        const graph_type type = *type_of(g, v);
        const value_id w = weights(g, &type, 0.5 / sqrt((double)graph_type_count(&type)));
        const value_id weighed = add(g, "Mul", 2, (value_id[]){v, w}, 0, NULL);
        const value_id sum = add(g, "ReduceSum", 1, &weighed, 1, (socle_attribute[]){ATTRIBUTE_INT("keepdims", 0)});
        total = add(g, "Add", 2, (value_id[]){total, sum}, 0, NULL);
    }
    memory_free(uses);
    return total;
}

socle_graph *random_graph_create_trainable(uint32_t seed, int nodes)
{
    generator g = build(seed, nodes, 0);
    const value_id total = weigh_all(&g);
    mark_weights(g.graph);
    add_output(&g, total);
    return g.graph;
}

/* ---- as text ---- */

static void add_value(text *t, const socle_graph *graph, value_id v)
{
    const graph_type *type = &graph->values[v].type;
    text_addf(t, " %d[", (int)v);
    for (int i = 0; i < type->rank; i++)
        text_addf(t, i > 0 ? ",%lld" : "%lld", (long long)type->dims[i]);
    text_addf(t, "]%s", graph->values[v].kind == VALUE_CONSTANT ? "c" : (graph->values[v].kind == VALUE_STATE ? "s" : ""));
}

char *random_graph_text(const socle_graph *graph)
{
    text t = {0};
    for (int n = 0; n < graph->node_count; n++) {
        const graph_node *node = &graph->nodes[n];
        text_addf(&t, "%s:", node->op->name);
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] != GRAPH_NONE)
                add_value(&t, graph, node->inputs[i]);
        text_add(&t, " ->");
        for (int i = 0; i < node->output_count; i++)
            if (node->outputs[i] != GRAPH_NONE)
                add_value(&t, graph, node->outputs[i]);
        text_add(&t, "\n");
    }
    for (int i = 0; i < graph->output_count; i++)
        text_addf(&t, "%s: %d\n", graph->output_names[i], (int)graph->outputs[i]);
    for (int i = 0; i < graph->update_count; i++)
        text_addf(&t, "state %d becomes %d\n", (int)graph->updates[i].state, (int)graph->updates[i].value);
    return text_take(&t);
}
