/* The gradient of attention. With s = scale q k^T, z = cap(s) + mask, p = softmax(z) = exp(z - lse), y = p v:
 *   dv = p^T dy,  dp = dy v^T,  dz = p (dp - sum(dy y)),  ds = dz (1 - (cap(s) / softcap)^2),  dq = scale ds k,  dk = scale ds^T
 * q. The scores are made anew from lse, the logarithms of the sums of exponentials, rather than kept from the forward pass (Dao
 * et al., "FlashAttention", 2022, algorithm 4): by ScaledAttentionGrad, or made of other operators where that is not enough: for
 * the gradient of a mask, of lse, and of the gradient. */
#include "build.h"
#include "gradients.h"

#include "gradient_compose.h"
#include "lower.h"
#include "operators.h"

#include <math.h>

typedef struct attending {
    socle_graph *graph;
    graph_type q, k, v; /* as they came */
    int64_t batch, heads, kv_heads, queries, keys, head, value;
    bool causal;
    int64_t offset;
    double scale, softcap;
} attending;

/* first: the number of the input q, behind which k and v follow */
static attending describe(socle_graph *graph, node_id n, int first)
{
    const graph_node *node = &graph->nodes[n];
    attending a = {.graph = graph,
                   .q = compose_type(graph, node->inputs[first]),
                   .k = compose_type(graph, node->inputs[first + 1]),
                   .v = compose_type(graph, node->inputs[first + 2]),
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

/* p, which is 0 for queries that no key is open to: their lse is infinite. In the type of lse, to be exact to it. */
static value_id probabilities(const attending *a, value_id scores, value_id mask, value_id lse)
{
    socle_graph *graph = a->graph;
    bool failed = scores == GRAPH_NONE;
    const value_id bias = failed ? GRAPH_NONE : bias_of(a, scores, mask, &failed);
    if (failed)
        return GRAPH_NONE;
    const socle_dtype dtype = compose_dtype(graph, scores), exact = compose_dtype(graph, lse);
    if (bias != GRAPH_NONE)
        scores = compose_binary(graph, "Add", scores, bias);
    const value_id below = compose_reshape(graph, lse, 4, (int64_t[]){a->batch, a->heads, a->queries, 1});
    const value_id weights = compose_unary(graph, "Exp", compose_binary(graph, "Sub", compose_cast(graph, scores, exact), below));
    return compose_cast(graph, weights, dtype);
}

/* What the gradients are made from, and they. */
typedef struct attention_values {
    value_id dy, q, k, v, y, lse, mask;
    value_id dlse; /* GRAPH_NONE: nothing flows through lse */
} attention_values;

typedef struct attention_gradients {
    value_id dq, dk, dv, dz; /* dz: of what the mask is added to */
} attention_gradients;

/* GRAPH_NONE in any: failed. */
static attention_gradients compose(const attending *a, const attention_values *in)
{
    socle_graph *graph = a->graph;
    const value_id q = spread(a, in->q, a->heads), k = spread(a, in->k, a->kv_heads), v = spread(a, in->v, a->kv_heads);
    const value_id dy = spread(a, in->dy, a->heads), y = spread(a, in->y, a->heads);
    attention_gradients out = {GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE};
    value_id tanh = GRAPH_NONE;
    value_id scores = compose_scale(graph, compose_binary(graph, "MatMul", q, compose_swap_last(graph, k)), a->scale);
    if (a->softcap > 0) {
        tanh = compose_unary(graph, "Tanh", compose_scale(graph, scores, 1 / a->softcap));
        scores = compose_scale(graph, tanh, a->softcap);
    }
    const value_id p = probabilities(a, scores, in->mask, in->lse);
    if (p == GRAPH_NONE)
        return out;
    value_id total = compose_reduce(graph, "ReduceSum", compose_binary(graph, "Mul", dy, y), (int64_t[]){3}, 1, true);
    if (in->dlse != GRAPH_NONE) {
        const value_id dlse = compose_reshape(graph, in->dlse, 4, (int64_t[]){a->batch, a->heads, a->queries, 1});
        total = compose_binary(graph, "Sub", total, compose_cast(graph, dlse, compose_dtype(graph, p)));
    }
    const value_id dp = compose_binary(graph, "MatMul", dy, compose_swap_last(graph, v));
    out.dz = compose_binary(graph, "Mul", p, compose_binary(graph, "Sub", dp, total));
    value_id ds = compose_scale(graph, out.dz, a->scale);
    if (tanh != GRAPH_NONE)
        ds = compose_binary(graph, "Mul", ds,
                            compose_add_number(graph, compose_unary(graph, "Neg", compose_binary(graph, "Mul", tanh, tanh)), 1));
    out.dv = gather_back(a, compose_binary(graph, "MatMul", compose_swap_last(graph, p), dy), a->kv_heads, &a->v);
    out.dq = gather_back(a, compose_binary(graph, "MatMul", ds, k), a->heads, &a->q);
    out.dk = gather_back(a, compose_binary(graph, "MatMul", compose_swap_last(graph, ds), q), a->kv_heads, &a->k);
    return out;
}

/* ---- as one operator ---- */

socle_status define_scaled_attention_grad(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const attending a = describe(graph, node, 1);
    const attention_values in = {lower_input(&l, 0), lower_input(&l, 1), lower_input(&l, 2), lower_input(&l, 3),
                                 lower_input(&l, 4), lower_input(&l, 5), lower_input(&l, 6), GRAPH_NONE};
    const attention_gradients out = compose(&a, &in);
    if (out.dq == GRAPH_NONE || out.dk == GRAPH_NONE || out.dv == GRAPH_NONE)
        return lower_failed(&l);
    lower_output(graph, node, 1, out.dk, l.first_new);
    lower_output(graph, node, 2, out.dv, l.first_new);
    return lower_done(&l, out.dq);
}

static attention_gradients as_one(const attending *a, const attention_values *in)
{
    socle_graph *graph = a->graph;
    const socle_attribute attributes[] = {ATTRIBUTE_INT("q_num_heads", a->heads), ATTRIBUTE_INT("kv_num_heads", a->kv_heads),
                                          ATTRIBUTE_FLOAT("scale", a->scale),     ATTRIBUTE_FLOAT("softcap", a->softcap),
                                          ATTRIBUTE_INT("is_causal", a->causal),  ATTRIBUTE_INT("offset", a->offset)};
    const value_id inputs[] = {in->dy, in->q, in->k, in->v, in->y, in->lse, in->mask};
    const value_id dq = graph_add(graph, "socle", "ScaledAttentionGrad", inputs, in->mask == GRAPH_NONE ? 6 : 7, attributes,
                                  (int)COUNT_OF(attributes), 3);
    if (dq == GRAPH_NONE)
        return (attention_gradients){GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE};
    const value_id *outputs = graph->nodes[graph->values[dq].producer].outputs;
    return (attention_gradients){outputs[0], outputs[1], outputs[2], GRAPH_NONE};
}

/* lse of the forward node, which is asked for it. */
static value_id log_sums(graph_gradient *g)
{
    return g->graph->nodes[g->node].output_count > 1 ? compose_output(g, 1) : graph_node_more(g->graph, g->node);
}

/* Zeros for y where only what flows through lse is asked for. */
static value_id gradient_of_result(graph_gradient *g)
{
    const graph_type type = compose_type(g->graph, compose_output(g, 0));
    return g->output_gradients[0] != GRAPH_NONE ? g->output_gradients[0] : compose_zeros(g->graph, &type);
}

socle_status gradient_scaled_attention(graph_gradient *g)
{
    socle_graph *graph = g->graph;
    const attending a = describe(graph, g->node, 0);
    const value_id mask = compose_input(g, 3);
    const value_id dlse = graph->nodes[g->node].output_count > 1 ? g->output_gradients[1] : GRAPH_NONE;
    const bool learns_mask = mask != GRAPH_NONE && compose_wanted(g, 3) && compose_is_float(compose_dtype(graph, mask));
    const attention_values in = {gradient_of_result(g),
                                 compose_input(g, 0),
                                 compose_input(g, 1),
                                 compose_input(g, 2),
                                 compose_output(g, 0),
                                 log_sums(g),
                                 mask,
                                 dlse};
    if (in.dy == GRAPH_NONE || in.lse == GRAPH_NONE)
        return socle_last_status();
    const attention_gradients out = learns_mask || dlse != GRAPH_NONE ? compose(&a, &in) : as_one(&a, &in);
    const value_id gradients[] = {out.dq, out.dk, out.dv};
    socle_status status = SOCLE_OK;
    for (int i = 0; i < 3 && status == SOCLE_OK; i++)
        if (compose_wanted(g, i))
            status = compose_set(g, i, gradients[i]);
    if (status == SOCLE_OK && learns_mask) {
        const graph_type type = compose_type(graph, mask);
        status = compose_set(g, 3, graph_reduce_to(graph, out.dz, &type));
    }
    return status;
}
