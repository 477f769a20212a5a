/* Reader of ScaledAttention: extents and strides of queries, keys, values and mask, whichever of their two forms they come in. */
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

static void read_mask(const reader *r, attention_problem *a)
{
    const graph_type *mask = type_of(r, input(r, 3));
    int64_t stride = 1;
    a->mask = mask->dtype;
    a->mask_count = graph_type_count(mask);
    for (int i = 0; i < 4; i++) {
        const int own = mask->rank - 1 - i;
        a->stride_mask[3 - i] = own >= 0 && mask->dims[own] != 1 ? stride : 0;
        stride *= own >= 0 ? mask->dims[own] : 1;
    }
}

socle_status read_attention(reader *r)
{
    attention_problem *a = &r->p->attention;
    const int64_t q_heads = node_int(r->node, "q_num_heads", 0), kv_heads = node_int(r->node, "kv_num_heads", 0);
    const heads_view q = view_of(type_of(r, input(r, 0)), q_heads), k = view_of(type_of(r, input(r, 1)), kv_heads);
    const heads_view v = view_of(type_of(r, input(r, 2)), kv_heads), y = view_of(type_of(r, output(r, 0)), q_heads);
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
    if (input(r, 3) != GRAPH_NONE)
        read_mask(r, a);
    if (a->mask != SOCLE_NONE && a->mask != SOCLE_BOOL && a->mask != r->p->dtype)
        return refuse(r, "its mask must be bool or of the type of its queries");
    for (int i = 0; i < 3; i++)
        add_operand(r, input(r, i));
    if (a->mask != SOCLE_NONE)
        add_operand(r, input(r, 3));
    add_operand(r, output(r, 0));
    return SOCLE_OK;
}
