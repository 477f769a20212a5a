/* Shapes of attention: ONNX's Attention, and socle's ScaledAttention that it is lowered to. Queries, keys and values are
 * [batch, heads, length, size], or [batch, length, heads * size] with the number of heads in an attribute. */
#include "infer.h"
#include "operators.h"

typedef struct heads {
    int64_t batch, heads, length, size;
} heads;

/* Dimensions may be unknown (negative). */
static socle_status read_heads(const graph_infer *infer, int index, const char *attribute, heads *out)
{
    const graph_type *x = infer_input(infer, index);
    const int64_t given = node_int(infer->node, attribute, 0);
    if (x->dtype != infer_input(infer, 0)->dtype || !dtype_is_float(x->dtype))
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "input %d is %s", index, socle_dtype_name(x->dtype));
    if (x->rank == 4) {
        *out = (heads){x->dims[0], x->dims[1], x->dims[2], x->dims[3]};
        return SOCLE_OK;
    }
    if (x->rank != 3)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "input %d is %s: it takes three or four dimensions", index,
                          infer_type_text(infer, x));
    if (given < 1 || (x->dims[2] >= 0 && x->dims[2] % given != 0))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "input %d %s in %lld heads: see attribute %s", index,
                          infer_type_text(infer, x), (long long)given, attribute);
    *out = (heads){x->dims[0], given, x->dims[1], x->dims[2] < 0 ? DIM_UNKNOWN : x->dims[2] / given};
    return SOCLE_OK;
}

static bool differ(int64_t a, int64_t b)
{
    return a >= 0 && b >= 0 && a != b;
}

static socle_status check_heads(const graph_infer *infer, const heads *q, const heads *k, const heads *v)
{
    if (differ(q->batch, k->batch) || differ(q->batch, v->batch) || differ(k->heads, v->heads) || differ(k->length, v->length) ||
        differ(q->size, k->size))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "queries %s, keys %s and values %s do not fit together",
                          infer_type_text(infer, infer_input(infer, 0)), infer_type_text(infer, infer_input(infer, 1)),
                          infer_type_text(infer, infer_input(infer, 2)));
    if (q->heads >= 0 && k->heads >= 0 && (k->heads == 0 || q->heads % k->heads != 0))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%lld heads of queries cannot share %lld heads of keys",
                          (long long)q->heads, (long long)k->heads);
    return SOCLE_OK;
}

/* The mask broadcasts to [batch, heads, queries, keys]. */
static socle_status check_mask(const graph_infer *infer, const heads *q, int64_t keys)
{
    const graph_type *mask = infer_input(infer, 3);
    const int64_t full[] = {q->batch, q->heads, q->length, keys};
    if (mask == NULL || mask->rank < 0)
        return SOCLE_OK;
    if (mask->dtype != SOCLE_BOOL && !dtype_is_float(mask->dtype))
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "its mask is bool or floating point, not %s",
                          socle_dtype_name(mask->dtype));
    bool fits = mask->rank <= 4;
    for (int i = 0; fits && i < mask->rank; i++)
        fits = mask->dims[i] == 1 || !differ(mask->dims[i], full[4 - mask->rank + i]);
    if (!fits)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "mask %s does not broadcast to %lld queries and %lld keys",
                          infer_type_text(infer, mask), (long long)q->length, (long long)keys);
    return SOCLE_OK;
}

static void set_output(graph_infer *infer, const heads *q, int64_t size)
{
    const graph_type *x = infer_input(infer, 0);
    infer->outputs[0] = (graph_type){x->dtype, x->rank, {q->batch, q->heads, q->length, size}};
    if (x->rank == 3) {
        infer->outputs[0].dims[1] = q->length;
        infer->outputs[0].dims[2] = dim_times(size, q->heads);
    }
}

socle_status infer_scaled_attention(graph_infer *infer)
{
    heads q = {0}, k, v;
    for (int i = 0; i < 3; i++) {
        if (infer_input(infer, i)->rank >= 0)
            continue;
        infer_nothing(infer, infer_input(infer, 0)->dtype);
        infer->outputs[1].dtype = graph_sum_dtype(infer_input(infer, 0)->dtype);
        return SOCLE_OK;
    }
    socle_status status = read_heads(infer, 0, "q_num_heads", &q);
    if (status == SOCLE_OK)
        status = read_heads(infer, 1, "kv_num_heads", &k);
    if (status == SOCLE_OK)
        status = read_heads(infer, 2, "kv_num_heads", &v);
    if (status == SOCLE_OK)
        status = check_heads(infer, &q, &k, &v);
    if (status == SOCLE_OK)
        status = check_mask(infer, &q, k.length);
    if (status == SOCLE_OK)
        set_output(infer, &q, v.size);
    infer->outputs[1] = (graph_type){graph_sum_dtype(infer_input(infer, 0)->dtype), 3, {q.batch, q.heads, q.length}};
    return status;
}

/* dq, dk and dv are as q, k and v. */
socle_status infer_scaled_attention_grad(graph_infer *infer)
{
    for (int i = 0; i < 3; i++)
        infer->outputs[i] = *infer_input(infer, 1 + i);
    return SOCLE_OK;
}

/* Keys or values with those of the past in front of them. */
static socle_status add_past(graph_infer *infer, int past_input, int output, heads *now)
{
    const graph_type *past = infer_input(infer, past_input);
    if (past != NULL && past->rank >= 0) {
        if (past->rank != 4 || differ(past->dims[0], now->batch) || differ(past->dims[1], now->heads) ||
            differ(past->dims[3], now->size))
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "input %d %s does not fit", past_input, infer_type_text(infer, past));
        now->length = now->length < 0 || past->dims[2] < 0 ? DIM_UNKNOWN : now->length + past->dims[2];
    }
    infer->outputs[output] = (graph_type){infer_input(infer, 0)->dtype, 4, {now->batch, now->heads, now->length, now->size}};
    return SOCLE_OK;
}

socle_status infer_attention(graph_infer *infer)
{
    heads q, k, v;
    const graph_node *node = infer->node;
    if (node->output_count > 3 && node->outputs[3] != GRAPH_NONE)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "its fourth output, qk_matmul_output, is not made: softmax runs as it goes");
    if ((infer_input(infer, 4) == NULL) != (infer_input(infer, 5) == NULL))
        return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "past keys and past values come together");
    infer_nothing(infer, infer_input(infer, 0)->dtype);
    for (int i = 0; i < 3; i++)
        if (infer_input(infer, i)->rank < 0)
            return SOCLE_OK;
    socle_status status = read_heads(infer, 0, "q_num_heads", &q);
    if (status == SOCLE_OK)
        status = read_heads(infer, 1, "kv_num_heads", &k);
    if (status == SOCLE_OK)
        status = read_heads(infer, 2, "kv_num_heads", &v);
    if (status == SOCLE_OK)
        status = check_heads(infer, &q, &k, &v);
    if (status == SOCLE_OK)
        status = add_past(infer, 4, 1, &k);
    if (status == SOCLE_OK)
        status = add_past(infer, 5, 2, &v);
    if (status == SOCLE_OK)
        status = check_mask(infer, &q, k.length);
    if (status == SOCLE_OK)
        set_output(infer, &q, v.size);
    return status;
}
