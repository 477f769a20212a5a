/* Readers of ScaledAttention and its gradient: extents and strides of queries, keys, values and mask, whichever of their two
 * forms they come in. */
#include "node_reader.h"

typedef struct heads_view {
    int64_t batch, heads, length, size;
    int64_t stride[3]; /* of batch, head and row */
} heads_view;

/* [batch, heads, length, size] or [batch, length, heads * size] */
static heads_view view_of(const graph_type *x, int64_t given)
{
    if (x->rank == 4) {
        const int64_t *d = x->dims;
        return (heads_view){d[0], d[1], d[2], d[3], {d[1] * d[2] * d[3], d[2] * d[3], d[3]}};
    }
    const int64_t row = x->dims[2], size = given > 0 ? row / given : 0;
    return (heads_view){x->dims[0], given, x->dims[1], size, {x->dims[1] * row, size, row}};
}

static void copy_strides(int64_t *to, const heads_view *view)
{
    for (int i = 0; i < 3; i++)
        to[i] = view->stride[i];
}

/* number: of the input */
static void read_mask(const reader *r, int number, attention_problem *a)
{
    const graph_type *mask = type_of(r, input(r, number));
    int64_t stride = 1;
    a->mask = mask->dtype;
    a->mask_count = graph_type_count(mask);
    for (int i = 0; i < 4; i++) {
        const int own = mask->rank - 1 - i;
        a->stride_mask[3 - i] = own >= 0 && mask->dims[own] != 1 ? stride : 0;
        stride *= own >= 0 ? mask->dims[own] : 1;
    }
}

/* q: the first of inputs q, k, v; result: a value that lies as y does; mask: the number of its input */
static socle_status read_extents(reader *r, int q_number, value_id result, int mask)
{
    attention_problem *a = &r->p->attention;
    const int64_t q_heads = node_int(r->node, "q_num_heads", 0), kv_heads = node_int(r->node, "kv_num_heads", 0);
    const heads_view q = view_of(type_of(r, input(r, q_number)), q_heads),
                     k = view_of(type_of(r, input(r, q_number + 1)), kv_heads);
    const heads_view v = view_of(type_of(r, input(r, q_number + 2)), kv_heads), y = view_of(type_of(r, result), q_heads);
    *a = (attention_problem){.batch = q.batch,
                             .heads = q.heads,
                             .kv_heads = k.heads,
                             .queries = q.length,
                             .keys = k.length,
                             .head = q.size,
                             .value = v.size,
                             .causal = node_int(r->node, "is_causal", 0) != 0,
                             .offset = node_int(r->node, "offset", 0),
                             .scale = (float)node_float(r->node, "scale", 1),
                             .softcap = (float)node_float(r->node, "softcap", 0),
                             .mask = SOCLE_NONE};
    copy_strides(a->stride_q, &q);
    copy_strides(a->stride_k, &k);
    copy_strides(a->stride_v, &v);
    copy_strides(a->stride_y, &y);
    if (input(r, mask) != GRAPH_NONE)
        read_mask(r, mask, a);
    if (a->mask != SOCLE_NONE && a->mask != SOCLE_BOOL && a->mask != r->p->dtype)
        return refuse(r, "its mask must be bool or of the type of its queries");
    return SOCLE_OK;
}

socle_status read_attention(reader *r)
{
    const socle_status status = read_extents(r, 0, output(r, 0), 3);
    for (int i = 0; i < 4; i++)
        if (input(r, i) != GRAPH_NONE)
            add_operand(r, input(r, i));
    add_operand(r, output(r, 0));
    r->p->attention.log_sums = output(r, 1) != GRAPH_NONE;
    if (r->p->attention.log_sums)
        add_operand(r, output(r, 1));
    return status;
}

socle_status read_attention_grad(reader *r)
{
    const socle_status status = read_extents(r, 1, input(r, 0), 6);
    for (int i = 0; i < 7; i++)
        if (input(r, i) != GRAPH_NONE)
            add_operand(r, input(r, i));
    for (int i = 0; i < 3; i++)
        add_operand(r, output(r, i));
    return status;
}
