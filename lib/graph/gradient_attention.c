/* The gradient of attention. With s = scale q k^T, z = cap(s) + mask, p = softmax(z), y = p v:
 *   dv = p^T dy,  dp = dy v^T,  dz = p (dp - sum(dp p)),  ds = dz (1 - (cap(s) / softcap)^2),  dq = scale ds k,  dk = scale ds^T
 * q. The scores are made anew rather than kept from the forward pass. */
#include "gradients.h"

#include "gradient_compose.h"

#include <math.h>

typedef struct attending {
    socle_graph *graph;
    graph_type q, k, v; /* as they came */
    int64_t batch, heads, kv_heads, queries, keys, head, value;
    bool causal;
    int64_t offset;
    double scale, softcap;
} attending;

static attending describe(const graph_gradient *g)
{
    const graph_node *node = &g->graph->nodes[g->node];
    attending a = {.graph = g->graph,
                   .q = compose_type(g->graph, node->inputs[0]),
                   .k = compose_type(g->graph, node->inputs[1]),
                   .v = compose_type(g->graph, node->inputs[2]),
                   .causal = node_int(node, "is_causal", 0) != 0,
                   .offset = node_int(node, "offset", 0),
                   .scale = node_float(node, "scale", 1),
                   .softcap = node_float(node, "softcap", 0)};
    a.heads = a.q.rank == 4 ? a.q.dims[1] : node_int(node, "q_num_heads", 1);
    a.kv_heads = a.k.rank == 4 ? a.k.dims[1] : node_int(node, "kv_num_heads", 1);
    a.batch = a.q.dims[0];
    a.queries = a.q.dims[a.q.rank - 2];
    a.keys = a.k.dims[a.k.rank - 2];
    a.head = a.q.rank == 4 ? a.q.dims[3] : a.q.dims[2] / a.heads;
    a.value = a.v.rank == 4 ? a.v.dims[3] : a.v.dims[2] / a.kv_heads;
    return a;
}

/* ---- [batch, heads of q, length, size] and back ---- */

static const int64_t swap_heads[] = {0, 2, 1, 3};

/* x with `own` heads, each repeated until there are as many as of q. */
static value_id spread(const attending *a, value_id x, int64_t own)
{
    const graph_type type = compose_type(a->graph, x);
    if (type.rank == 3) {
        x = compose_reshape(a->graph, x, 4, (int64_t[]){type.dims[0], type.dims[1], own, own > 0 ? type.dims[2] / own : 0});
        x = compose_transpose(a->graph, x, swap_heads);
    }
    if (own == a->heads || x == GRAPH_NONE)
        return x;
    const graph_type t = compose_type(a->graph, x);
    const graph_type wide = {t.dtype, 5, {t.dims[0], own, a->heads / own, t.dims[2], t.dims[3]}};
    x = compose_reshape(a->graph, x, 5, (int64_t[]){t.dims[0], own, 1, t.dims[2], t.dims[3]});
    x = compose_expand_as(a->graph, x, &wide);
    return compose_reshape(a->graph, x, 4, (int64_t[]){t.dims[0], a->heads, t.dims[2], t.dims[3]});
}

static value_id gather_back(const attending *a, value_id x, int64_t own, const graph_type *as)
{
    if (x == GRAPH_NONE)
        return GRAPH_NONE;
    if (own != a->heads) {
        const graph_type t = compose_type(a->graph, x);
        const int64_t axis = 2;
        x = compose_reshape(a->graph, x, 5, (int64_t[]){t.dims[0], own, a->heads / own, t.dims[2], t.dims[3]});
        x = compose_reduce(a->graph, "ReduceSum", x, &axis, 1, false);
    }
    return as->rank == 3 ? compose_reshape_as(a->graph, compose_transpose(a->graph, x, swap_heads), as) : x;
}

/* ---- the scores ---- */

/* 0 where a key is open to a query, -infinity elsewhere, plus what the mask adds; GRAPH_NONE: no mask at all. */
static value_id bias_of(const attending *a, value_id like, value_id mask, bool *failed)
{
    socle_graph *graph = a->graph;
    const value_id zero = compose_number(graph, like, 0), closed = compose_number(graph, like, -INFINITY);
    value_id bias = GRAPH_NONE;
    if (mask != GRAPH_NONE) {
        bias = compose_dtype(graph, mask) == SOCLE_BOOL ? compose_where(graph, mask, zero, closed) : mask;
        *failed = bias == GRAPH_NONE;
    }
    if (a->causal && !*failed) {
        const value_id query = compose_counting(graph, SOCLE_INT64, a->queries, 0, 2);
        const value_id key = compose_counting(graph, SOCLE_INT64, a->keys, 1, 2);
        const value_id last = query == GRAPH_NONE ? query : compose_add_number(graph, query, (double)a->offset);
        const value_id seen = compose_where(graph, compose_binary(graph, "LessOrEqual", key, last), zero, closed);
        bias = bias == GRAPH_NONE ? seen : compose_binary(graph, "Add", bias, seen);
        *failed = bias == GRAPH_NONE;
    }
    return bias;
}

/* p, with zeros for queries that no key is open to. */
static value_id probabilities(const attending *a, value_id scores, value_id mask)
{
    socle_graph *graph = a->graph;
    bool failed = scores == GRAPH_NONE;
    if (failed)
        return GRAPH_NONE;
    const value_id bias = bias_of(a, scores, mask, &failed);
    if (failed)
        return GRAPH_NONE;
    if (bias != GRAPH_NONE)
        scores = compose_binary(graph, "Add", scores, bias);
    const value_id p = compose_unary(graph, "Softmax", scores);
    if (mask == GRAPH_NONE && !(a->causal && a->offset < 0))
        return p;
    const value_id widest = compose_reduce(graph, "ReduceMax", bias, (int64_t[]){compose_type(graph, bias).rank - 1}, 1, true);
    const value_id none = compose_binary(graph, "Equal", widest, compose_number(graph, scores, -INFINITY));
    return compose_where(graph, none, compose_number(graph, scores, 0), p);
}

socle_status gradient_scaled_attention(graph_gradient *g)
{
    socle_graph *graph = g->graph;
    const attending a = describe(g);
    const value_id mask = compose_input(g, 3), dy4 = spread(&a, g->output_gradients[0], a.heads);
    const value_id q = spread(&a, compose_input(g, 0), a.heads), k = spread(&a, compose_input(g, 1), a.kv_heads);
    const value_id v = spread(&a, compose_input(g, 2), a.kv_heads);
    if (q == GRAPH_NONE || k == GRAPH_NONE || v == GRAPH_NONE || dy4 == GRAPH_NONE)
        return socle_last_status();
    value_id scores = compose_scale(graph, compose_binary(graph, "MatMul", q, compose_swap_last(graph, k)), a.scale);
    value_id tanh = GRAPH_NONE;
    if (a.softcap > 0 && scores != GRAPH_NONE) {
        tanh = compose_unary(graph, "Tanh", compose_scale(graph, scores, 1 / a.softcap));
        scores = compose_scale(graph, tanh, a.softcap);
    }
    const value_id p = probabilities(&a, scores, mask);
    if (p == GRAPH_NONE)
        return socle_last_status();
    socle_status status = SOCLE_OK;
    if (compose_wanted(g, 2))
        status = compose_set(
            g, 2, gather_back(&a, compose_binary(graph, "MatMul", compose_swap_last(graph, p), dy4), a.kv_heads, &a.v));
    if (status != SOCLE_OK || (!compose_wanted(g, 0) && !compose_wanted(g, 1) && !compose_wanted(g, 3)))
        return status;
    const value_id dp = compose_binary(graph, "MatMul", dy4, compose_swap_last(graph, v));
    const value_id sum = compose_reduce(graph, "ReduceSum", compose_binary(graph, "Mul", dp, p), (int64_t[]){3}, 1, true);
    const value_id dz = compose_binary(graph, "Mul", p, compose_binary(graph, "Sub", dp, sum));
    if (dz == GRAPH_NONE)
        return socle_last_status();
    if (compose_wanted(g, 3) && compose_is_float(compose_dtype(graph, mask))) {
        const graph_type type = compose_type(graph, mask);
        status = compose_set(g, 3, graph_reduce_to(graph, dz, &type));
    }
    value_id ds = compose_scale(graph, dz, a.scale);
    if (tanh != GRAPH_NONE)
        ds = compose_binary(graph, "Mul", ds,
                            compose_add_number(graph, compose_unary(graph, "Neg", compose_binary(graph, "Mul", tanh, tanh)), 1));
    if (status == SOCLE_OK && compose_wanted(g, 0))
        status = compose_set(g, 0, gather_back(&a, compose_binary(graph, "MatMul", ds, k), a.heads, &a.q));
    if (status == SOCLE_OK && compose_wanted(g, 1))
        status = compose_set(g, 1,
                             gather_back(&a, compose_binary(graph, "MatMul", compose_swap_last(graph, ds), q), a.kv_heads, &a.k));
    return status;
}
