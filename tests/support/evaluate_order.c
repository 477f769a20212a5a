/* CumSum, TopK and attention. */
#include "evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t inner_of(const operand *x, int axis)
{
    int64_t inner = 1;
    for (int i = axis + 1; i < x->rank; i++)
        inner *= x->dims[i];
    return inner;
}

static void cum_sum(operation *o)
{
    const operand *x = &o->in[0];
    const int axis = evaluate_axis((int64_t)o->in[1].data[0], x->rank);
    const bool exclusive = node_int(o->node, "exclusive", 0) != 0, reverse = node_int(o->node, "reverse", 0) != 0;
    const int64_t inner = inner_of(x, axis), count = x->dims[axis];
    for (int64_t line = 0; count > 0 && line < x->count / count; line++) {
        const int64_t first = line / inner * count * inner + line % inner;
        for (int64_t i = 0; i < count; i++) {
            double sum = 0;
            const int64_t from = reverse ? i + exclusive : 0, to = reverse ? count : i + !exclusive;
            for (int64_t k = from; k < to; k++)
                sum += x->data[first + k * inner];
            o->out[0].data[first + i * inner] = sum;
        }
    }
}

/* The best that is left, again and again; the first of equal ones. */
static void top_k(operation *o)
{
    const operand *x = &o->in[0];
    const int axis = evaluate_axis(node_int(o->node, "axis", -1), x->rank);
    const bool largest = node_int(o->node, "largest", 1) != 0;
    const int64_t inner = inner_of(x, axis), count = x->dims[axis], k = (int64_t)o->in[1].data[0];
    bool *taken = calloc((size_t)count + 1, sizeof(*taken));
    for (int64_t line = 0; count > 0 && line < x->count / count; line++) {
        const int64_t first = line / inner * count * inner + line % inner;
        memset(taken, 0, (size_t)count * sizeof(*taken));
        for (int64_t r = 0; r < k; r++) {
            int64_t best = -1;
            for (int64_t i = 0; i < count; i++) {
                const double now = x->data[first + i * inner], before = best < 0 ? 0 : x->data[first + best * inner];
                if (!taken[i] && (best < 0 || (largest ? now > before : now < before)))
                    best = i;
            }
            taken[best] = true;
            const int64_t at = (line / inner * k + r) * inner + line % inner;
            if (o->out[0].data != NULL)
                o->out[0].data[at] = x->data[first + best * inner];
            if (o->out[1].data != NULL)
                o->out[1].data[at] = (double)best;
        }
    }
    free(taken);
}

/* ---- attention ---- */

/* Where the row of a head lies in either form: [batch, heads, length, size] or [batch, length, heads * size]. */
static double *row_of(const operand *x, int64_t heads, int64_t batch, int64_t head, int64_t row)
{
    if (x->rank == 4)
        return x->data + ((batch * x->dims[1] + head) * x->dims[2] + row) * x->dims[3];
    return x->data + (batch * x->dims[1] + row) * x->dims[2] + head * (x->dims[2] / heads);
}

typedef struct attending {
    operand q, k, v, mask, y;
    int64_t q_heads, kv_heads, offset, size, value, keys;
    double scale, softcap;
    bool causal;
} attending;

static double masked_score(const attending *a, int64_t batch, int64_t head, int64_t query, int64_t key)
{
    const double *q = row_of(&a->q, a->q_heads, batch, head, query);
    const double *k = row_of(&a->k, a->kv_heads, batch, head / (a->q_heads / a->kv_heads), key);
    double sum = 0;
    for (int64_t d = 0; d < a->size; d++)
        sum += q[d] * k[d];
    sum *= a->scale;
    if (a->softcap > 0)
        sum = a->softcap * tanh(sum / a->softcap);
    if (a->mask.data != NULL) {
        const int64_t at[] = {batch, head, query, key};
        const double mask = a->mask.data[evaluate_broadcast_offset(&a->mask, at, 4)];
        if (a->mask.dtype == SOCLE_BOOL)
            sum = mask != 0 ? sum : -INFINITY;
        else
            sum += mask;
    }
    return a->causal && key > query + a->offset ? -INFINITY : sum;
}

/* Returns the logarithm of the sum of exponentials; infinity where there are none. */
static double attend(const attending *a, int64_t batch, int64_t head, int64_t query)
{
    double *y = row_of(&a->y, a->q_heads, batch, head, query), largest = -INFINITY, total = 0;
    for (int64_t key = 0; key < a->keys; key++)
        largest = fmax(largest, masked_score(a, batch, head, query, key));
    for (int64_t key = 0; key < a->keys && largest > -INFINITY; key++) {
        const double weight = exp(masked_score(a, batch, head, query, key) - largest);
        const double *v = row_of(&a->v, a->kv_heads, batch, head / (a->q_heads / a->kv_heads), key);
        total += weight;
        for (int64_t c = 0; c < a->value; c++)
            y[c] += weight * v[c];
    }
    for (int64_t c = 0; c < a->value && total > 0; c++)
        y[c] /= total;
    return total > 0 ? largest + log(total) : INFINITY;
}

/* socle's ScaledAttentionGrad, whose q is input 1: what one query adds to dq, dk and dv (out 0 to 2). */
static void attend_backwards(operation *o, const attending *a, int64_t batch, int64_t head, int64_t query, double log_sum)
{
    const int64_t kv_head = head / (a->q_heads / a->kv_heads);
    const double *dy = row_of(&o->in[0], a->q_heads, batch, head, query), *y = row_of(&o->in[4], a->q_heads, batch, head, query);
    const double *q = row_of(&a->q, a->q_heads, batch, head, query);
    double *dq = row_of(&o->out[0], a->q_heads, batch, head, query), total = 0;
    for (int64_t c = 0; c < a->value; c++)
        total += dy[c] * y[c];
    for (int64_t key = 0; key < a->keys; key++) {
        const double *k = row_of(&a->k, a->kv_heads, batch, kv_head, key), *v = row_of(&a->v, a->kv_heads, batch, kv_head, key);
        double *dk = row_of(&o->out[1], a->kv_heads, batch, kv_head, key);
        double *dv = row_of(&o->out[2], a->kv_heads, batch, kv_head, key), dp = 0, s = 0;
        const double weight = exp(masked_score(a, batch, head, query, key) - log_sum);
        for (int64_t c = 0; c < a->value; c++) {
            dp += dy[c] * v[c];
            dv[c] += weight * dy[c];
        }
        for (int64_t d = 0; d < a->size; d++)
            s += a->scale * q[d] * k[d];
        const double slope = a->softcap > 0 ? 1 - pow(tanh(s / a->softcap), 2) : 1, ds = weight * (dp - total) * slope * a->scale;
        for (int64_t d = 0; d < a->size; d++) {
            dq[d] += ds * k[d];
            dk[d] += ds * q[d];
        }
    }
}

/* socle's ScaledAttention and its gradient, and ONNX's Attention without a past. */
static void attention(operation *o, bool forward)
{
    const int first = forward ? 0 : 1, mask = forward ? 3 : 6;
    attending a = {.q = o->in[first], .k = o->in[first + 1], .v = o->in[first + 2], .y = o->out[0]};
    if (o->in_count > mask)
        a.mask = o->in[mask];
    a.q_heads = a.q.rank == 4 ? a.q.dims[1] : node_int(o->node, "q_num_heads", 1);
    a.kv_heads = a.k.rank == 4 ? a.k.dims[1] : node_int(o->node, "kv_num_heads", 1);
    a.size = a.q.rank == 4 ? a.q.dims[3] : a.q.dims[2] / a.q_heads;
    a.value = a.v.rank == 4 ? a.v.dims[3] : a.v.dims[2] / a.kv_heads;
    a.keys = a.k.dims[a.k.rank - 2];
    a.offset = node_int(o->node, "offset", 0);
    a.causal = node_int(o->node, "is_causal", 0) != 0;
    a.scale = node_float(o->node, "scale", 1 / sqrt((double)a.size));
    a.softcap = node_float(o->node, "softcap", 0);
    const int64_t queries = a.q.dims[a.q.rank - 2];
    for (int64_t i = 0; i < a.q.dims[0] * a.q_heads * queries; i++) {
        const int64_t batch = i / queries / a.q_heads, head = i / queries % a.q_heads;
        if (!forward) {
            attend_backwards(o, &a, batch, head, i % queries, o->in[5].data[i]);
            continue;
        }
        const double log_sum = attend(&a, batch, head, i % queries);
        if (o->out_count > 1 && o->out[1].data != NULL && evaluate_is(o, "ScaledAttention"))
            o->out[1].data[i] = log_sum;
    }
}

bool evaluate_order(operation *o)
{
    if (evaluate_is(o, "CumSum"))
        cum_sum(o);
    else if (evaluate_is(o, "TopK"))
        top_k(o);
    else if (evaluate_is(o, "ScaledAttention") || evaluate_is(o, "Attention"))
        attention(o, true);
    else if (evaluate_is(o, "ScaledAttentionGrad"))
        attention(o, false);
    else
        return false;
    return true;
}
