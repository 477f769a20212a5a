/* From an anchor node to the problem that solvers understand: attributes and shapes become extents and strides, and the operands
 * are listed in the order of problem_kind, absent ones left out. One reader per family of ONNX operators, in one table. */
#include "node_reader.h"

#include <string.h>

/* ---- products ---- */

static socle_status read_gemm(reader *r)
{
    gemm_problem *g = &r->p->gemm;
    const graph_type *a = type_of(r, input(r, 0)), *b = type_of(r, input(r, 1)), *c = type_of(r, output(r, 0));
    if (input(r, 2) != GRAPH_NONE)
        return refuse(r, "the addend of a Gemm must be lowered to an Add before it is planned");
    *g = (gemm_problem){.transpose_a = node_int(r->node, "transA", 0) != 0,
                        .transpose_b = node_int(r->node, "transB", 0) != 0,
                        .alpha = (float)node_float(r->node, "alpha", 1.0)};
    if (a->rank != 2 || b->rank != 2 || c->rank != 2)
        return refuse(r, "a Gemm takes matrices");
    g->m = c->dims[0];
    g->n = c->dims[1];
    g->k = a->dims[g->transpose_a ? 0 : 1];
    g->b_constant = r->inference && graph_is_constant(r->graph, input(r, 1));
    add_operand(r, input(r, 0));
    add_operand(r, input(r, 1));
    add_operand(r, output(r, 0));
    return SOCLE_OK;
}

/* Strides, in elements, of the batch dimensions of an operand of which the last two (1-D: fewer) are the matrix, aligned to
 * `rank` batch dimensions; broadcast ones are 0. */
static void batch_strides(const graph_type *type, int rank, int64_t *strides)
{
    const int own = type->rank > 2 ? type->rank - 2 : 0;
    int64_t stride = type->rank > 2 ? type->dims[type->rank - 2] * type->dims[type->rank - 1] : 0;
    for (int i = 0; i < rank; i++)
        strides[i] = 0;
    for (int i = own - 1; i >= 0; i--) {
        if (type->dims[i] != 1)
            strides[rank - own + i] = stride;
        stride *= type->dims[i];
    }
}

/* Drops dimensions of 1 and joins neighbours that both operands walk through with one stride. */
static void merge_batch(gemm_problem *g)
{
    int kept = 0;
    for (int i = 0; i < g->batch_rank; i++) {
        if (g->batch[i] == 1)
            continue;
        if (kept > 0 && g->stride_a[kept - 1] == g->stride_a[i] * g->batch[i] &&
            g->stride_b[kept - 1] == g->stride_b[i] * g->batch[i]) {
            g->batch[kept - 1] *= g->batch[i];
        } else {
            g->batch[kept] = g->batch[i];
            kept++;
        }
        g->stride_a[kept - 1] = g->stride_a[i];
        g->stride_b[kept - 1] = g->stride_b[i];
    }
    g->batch_rank = kept;
}

static socle_status read_matmul(reader *r)
{
    gemm_problem *g = &r->p->gemm;
    /* Matrix times vector is the vector times the transposed matrix: the columns of the product then are the last axis of the
     * result, as an epilogue's channels are. */
    const bool swapped = type_of(r, input(r, 1))->rank == 1 && type_of(r, input(r, 0))->rank > 1;
    const value_id left = input(r, swapped ? 1 : 0), right = input(r, swapped ? 0 : 1);
    const graph_type *a = type_of(r, left), *b = type_of(r, right);
    const int rank_a = a->rank > 2 ? a->rank - 2 : 0, rank_b = b->rank > 2 ? b->rank - 2 : 0;
    const int rank = rank_a > rank_b ? rank_a : rank_b;
    *g = (gemm_problem){.alpha = 1, .batch_rank = rank, .transpose_b = swapped};
    if (a->rank < 1 || b->rank < 1 || rank > (int)COUNT_OF(g->batch))
        return refuse(r, "a MatMul takes operands of 1 to 8 dimensions");
    g->m = a->rank == 1 ? 1 : a->dims[a->rank - 2];
    g->k = a->dims[a->rank - 1];
    g->n = b->rank == 1 ? 1 : b->dims[b->rank - (swapped ? 2 : 1)];
    batch_strides(a, rank, g->stride_a);
    batch_strides(b, rank, g->stride_b);
    for (int i = 0; i < rank; i++) {
        const int64_t from_a = i >= rank - rank_a ? a->dims[i - (rank - rank_a)] : 1;
        const int64_t from_b = i >= rank - rank_b ? b->dims[i - (rank - rank_b)] : 1;
        g->batch[i] = from_a == 1 ? from_b : from_a;
    }
    merge_batch(g);
    /* One matrix B for all of a dense batch of A: one taller product. */
    if (g->batch_rank == 1 && g->stride_b[0] == 0 && g->stride_a[0] == g->m * g->k) {
        g->m *= g->batch[0];
        g->batch_rank = 0;
    }
    g->b_constant = r->inference && graph_is_constant(r->graph, right);
    add_operand(r, left);
    add_operand(r, right);
    add_operand(r, output(r, 0));
    return SOCLE_OK;
}

/* Bytes times bytes. */
static socle_status read_matmul_integer(reader *r)
{
    if (input(r, 2) != GRAPH_NONE || input(r, 3) != GRAPH_NONE)
        return refuse(r, "the zero points of a product must be lowered before it is planned");
    const socle_status status = read_matmul(r);
    /* Read as vector times transposed matrix, the operands are exchanged. */
    r->p->dtype = type_of(r, r->operands[0])->dtype;
    r->p->gemm.b_dtype = type_of(r, r->operands[1])->dtype;
    r->p->gemm.c_dtype = SOCLE_INT32;
    return status;
}

/* Weights that are stored in a narrower type. */
static socle_status read_narrow_matmul(reader *r)
{
    gemm_problem *g = &r->p->gemm;
    const graph_type *a = type_of(r, input(r, 0)), *w = type_of(r, input(r, 1));
    const int64_t scale_count = input(r, 2) != GRAPH_NONE ? graph_type_count(type_of(r, input(r, 2))) : 0;
    *g = (gemm_problem){.alpha = (float)node_float(r->node, "alpha", 1.0),
                        .transpose_b = node_int(r->node, "transB", 0) != 0,
                        .b_constant = r->inference,
                        .b_dtype = w->dtype};
    g->m = product(a->dims, 0, a->rank - 1);
    g->k = a->dims[a->rank - 1];
    g->n = w->dims[g->transpose_b ? 0 : 1];
    g->scales = (gemm_scales){.present = scale_count > 0,
                              .zeros = input(r, 3) != GRAPH_NONE,
                              .per_column = scale_count > 1,
                              .block = node_int(r->node, "block_size", 0)};
    add_operand(r, input(r, 0));
    add_operand(r, input(r, 1));
    add_operand(r, output(r, 0));
    for (int i = 2; i < 4 && input(r, i) != GRAPH_NONE; i++)
        add_operand(r, input(r, i));
    return SOCLE_OK;
}

/* ---- convolution and pooling ---- */

static socle_status read_conv_kind(reader *r, problem_kind kind, int weight_input)
{
    conv_problem *c = &r->p->conv;
    r->p->kind = kind;
    *c = (conv_problem){0};
    if (input(r, 2) != GRAPH_NONE)
        return refuse(r, "the bias of a convolution must be lowered to an Add before it is planned");
    c->w_constant = weight_input >= 0 && r->inference && graph_is_constant(r->graph, input(r, weight_input));
    add_operand(r, input(r, 0));
    add_operand(r, input(r, 1));
    add_operand(r, output(r, 0));
    return graph_conv_geometry(r->graph, r->node, &c->g);
}

static socle_status read_conv(reader *r)
{
    return read_conv_kind(r, PROBLEM_CONV, 1);
}

static socle_status read_conv_integer(reader *r)
{
    if (input(r, 3) != GRAPH_NONE)
        return refuse(r, "the zero points of a convolution must be lowered before it is planned");
    const socle_status status = read_conv_kind(r, PROBLEM_CONV, 1);
    r->p->conv.w_dtype = type_of(r, input(r, 1))->dtype;
    r->p->conv.y_dtype = SOCLE_INT32;
    r->p->conv.pad_value = (int)node_int(r->node, "pad_value", 0);
    return status;
}

static socle_status read_conv_integer_in_blocks(reader *r)
{
    const socle_status status = read_conv_integer(r);
    r->p->conv.layout = CONV_IN_BLOCKS;
    return status;
}

static socle_status read_conv_in_blocks(reader *r)
{
    const socle_status status = read_conv_kind(r, PROBLEM_CONV, 1);
    r->p->conv.layout = type_of(r, input(r, 0))->rank == type_of(r, output(r, 0))->rank ? CONV_IN_BLOCKS : CONV_INTO_BLOCKS;
    return status;
}

static socle_status read_conv_input(reader *r)
{
    return read_conv_kind(r, PROBLEM_CONV_INPUT, 1);
}

static socle_status read_conv_weight(reader *r)
{
    return read_conv_kind(r, PROBLEM_CONV_WEIGHT, -1);
}

static socle_status read_pool(reader *r)
{
    pool_problem *pool = &r->p->pool;
    const char *op = r->node->op->name;
    *pool = (pool_problem){.maximum = strstr(op, "Max") != NULL,
                           .count_include_pad = node_int(r->node, "count_include_pad", 0) != 0,
                           .indices = output(r, 1) != GRAPH_NONE,
                           .in_blocks = strstr(op, "InBlocks") != NULL};
    if (pool->indices && node_int(r->node, "storage_order", 0) != 0)
        return refuse(r, "indices in column-major order (storage_order 1)");
    add_operand(r, input(r, 0));
    add_operand(r, output(r, 0));
    if (pool->indices)
        add_operand(r, output(r, 1));
    return graph_conv_geometry(r->graph, r->node, &pool->g);
}

static socle_status read_pool_grad(reader *r)
{
    pool_problem *pool = &r->p->pool;
    *pool = (pool_problem){.maximum = strstr(r->node->op->name, "Max") != NULL,
                           .count_include_pad = node_int(r->node, "count_include_pad", 0) != 0};
    add_operand(r, input(r, 0));
    if (pool->maximum)
        add_operand(r, input(r, 1));
    add_operand(r, output(r, 0));
    return graph_conv_geometry(r->graph, r->node, &pool->g);
}

/* ---- the table ---- */

typedef struct node_reader {
    const char *domain, *op;
    problem_kind kind;
    socle_status (*read)(reader *r);
} node_reader;

static const node_reader readers[] = {
    {"", "Gemm", PROBLEM_GEMM, read_gemm},
    {"", "MatMul", PROBLEM_GEMM, read_matmul},
    {"", "MatMulInteger", PROBLEM_GEMM, read_matmul_integer},
    {"socle", "NarrowMatMul", PROBLEM_GEMM, read_narrow_matmul},
    {"", "Conv", PROBLEM_CONV, read_conv},
    {"", "ConvInteger", PROBLEM_CONV, read_conv_integer},
    {"socle", "ConvInBlocks", PROBLEM_CONV, read_conv_in_blocks},
    {"socle", "ConvIntegerInBlocks", PROBLEM_CONV, read_conv_integer_in_blocks},
    {"socle", "MaxPoolInBlocks", PROBLEM_POOL, read_pool},
    {"socle", "AveragePoolInBlocks", PROBLEM_POOL, read_pool},
    {"socle", "ConvGradInput", PROBLEM_CONV_INPUT, read_conv_input},
    {"socle", "ConvGradWeight", PROBLEM_CONV_WEIGHT, read_conv_weight},
    {"", "MaxPool", PROBLEM_POOL, read_pool},
    {"", "AveragePool", PROBLEM_POOL, read_pool},
    {"", "GlobalMaxPool", PROBLEM_POOL, read_pool},
    {"", "GlobalAveragePool", PROBLEM_POOL, read_pool},
    {"socle", "MaxPoolGrad", PROBLEM_POOL_GRAD, read_pool_grad},
    {"socle", "AveragePoolGrad", PROBLEM_POOL_GRAD, read_pool_grad},
    {"", "Softmax", PROBLEM_SOFTMAX, read_softmax},
    {"", "LogSoftmax", PROBLEM_SOFTMAX, read_softmax},
    {"", "LayerNormalization", PROBLEM_NORM, read_layer_norm},
    {"", "InstanceNormalization", PROBLEM_NORM, read_instance_norm},
    {"", "GroupNormalization", PROBLEM_NORM, read_group_norm},
    {"", "RMSNormalization", PROBLEM_NORM, read_rms_norm},
    {"socle", "NormalizeGrad", PROBLEM_NORM_GRAD, read_norm_grad},
    {"socle", "BatchNormalize", PROBLEM_BATCH_NORM, read_batch_norm},
    {"socle", "BatchNormalizeGrad", PROBLEM_BATCH_NORM_GRAD, read_batch_norm_grad},
    {"", "Gather", PROBLEM_GATHER, read_gather},
    {"", "GatherElements", PROBLEM_GATHER, read_gather},
    {"socle", "GatherGrad", PROBLEM_GATHER_GRAD, read_gather_grad},
    {"socle", "GatherElementsGrad", PROBLEM_GATHER_GRAD, read_gather_grad},
    {"", "ScatterElements", PROBLEM_SCATTER, read_scatter},
    {"", "ArgMax", PROBLEM_ARG, read_arg},
    {"", "ArgMin", PROBLEM_ARG, read_arg},
    {"", "CumSum", PROBLEM_SCAN, read_cum_sum},
    {"", "TopK", PROBLEM_TOPK, read_top_k},
    {"socle", "ScaledAttention", PROBLEM_ATTENTION, read_attention},
    {"socle", "ScaledAttentionGrad", PROBLEM_ATTENTION_GRAD, read_attention_grad},
};

static const node_reader *find_reader(const graph_node *node)
{
    static const node_reader custom = {"", "", PROBLEM_CUSTOM, read_custom};
    if (node->op->kind == OPERATOR_CUSTOM)
        return &custom;
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        if (strcmp(readers[i].op, node->op->name) == 0 && strcmp(readers[i].domain, node->op->domain) == 0)
            return &readers[i];
    return NULL;
}

/* Solvers count on shapes that are known. */
static socle_status check_types(const reader *r)
{
    for (int i = 0; i < r->node->input_count + r->node->output_count; i++) {
        const bool is_input = i < r->node->input_count;
        const value_id value = is_input ? r->node->inputs[i] : r->node->outputs[i - r->node->input_count];
        if (value != GRAPH_NONE && !graph_type_known(type_of(r, value)))
            return refuse(r, "its shapes are not known");
    }
    return SOCLE_OK;
}

socle_status problem_from_node(const socle_graph *graph, node_id node, const epilogue *e, bool inference, problem *p,
                               value_id *operands, int *operand_count)
{
    reader r = {.graph = graph, .node = &graph->nodes[node], .id = node, .inference = inference, .p = p, .operands = operands};
    const node_reader *found = find_reader(r.node);
    if (found == NULL)
        return refuse(&r, "no solver knows this operator");
    socle_status status = check_types(&r);
    if (status != SOCLE_OK)
        return status;
    *p = (problem){.kind = found->kind, .graph = graph, .node = node, .epilogue = e};
    p->dtype =
        type_of(&r, r.node->input_count > 0 && r.node->inputs[0] != GRAPH_NONE ? r.node->inputs[0] : r.node->outputs[0])->dtype;
    status = found->read(&r);
    if (status == SOCLE_OK)
        *operand_count = r.count;
    return status;
}
