/* What the operands of a problem are: how many elements of which type, read or written. The tuner, the tests and the benchmarks
 * make their buffers from this one description. */
#include "solver.h"

static int64_t product(const int64_t *dims, int count)
{
    int64_t result = 1;
    for (int i = 0; i < count; i++)
        result *= dims[i];
    return result;
}

socle_dtype problem_weight_dtype(const problem *p)
{
    const socle_dtype own = p->kind == PROBLEM_GEMM ? p->gemm.b_dtype : p->kind == PROBLEM_CONV ? p->conv.w_dtype : SOCLE_NONE;
    return own != SOCLE_NONE ? own : p->dtype;
}

socle_dtype problem_result_dtype(const problem *p)
{
    if (p->epilogue != NULL && p->graph != NULL && p->epilogue->node_count > 0)
        return p->graph->values[p->epilogue->output].type.dtype;
    const socle_dtype own = p->kind == PROBLEM_GEMM ? p->gemm.c_dtype : p->kind == PROBLEM_CONV ? p->conv.y_dtype : SOCLE_NONE;
    return own != SOCLE_NONE ? own : p->dtype;
}

typedef struct operand_list {
    problem_operand *out;
    int count;
} operand_list;

static problem_operand *add(operand_list *list, socle_dtype dtype, int64_t count, bool is_output)
{
    problem_operand *operand = &list->out[list->count++];
    *operand = (problem_operand){.dtype = dtype, .count = count, .is_output = is_output};
    return operand;
}

/* Elements from the first to the last that a strided batch of dense matrices reaches. */
static int64_t gemm_extent(const gemm_problem *g, int64_t matrix, const int64_t *strides)
{
    int64_t last = matrix;
    for (int i = 0; i < g->batch_rank; i++) {
        if (g->batch[i] == 0)
            return 0;
        last += (g->batch[i] - 1) * strides[i];
    }
    return matrix == 0 ? 0 : last;
}

static void gemm_operands(const problem *p, operand_list *list)
{
    const gemm_problem *g = &p->gemm;
    add(list, p->dtype, gemm_extent(g, g->m * g->k, g->stride_a), false);
    add(list, problem_weight_dtype(p), gemm_extent(g, g->k * g->n, g->stride_b), false)->is_weight = g->b_constant;
    add(list, problem_result_dtype(p), product(g->batch, g->batch_rank) * g->m * g->n, true);
    if (!g->scales.present)
        return;
    const int64_t scales = (g->scales.per_column ? g->n : 1) * (g->scales.block > 0 ? g->k / g->scales.block : 1);
    add(list, p->dtype, scales, false);
    if (g->scales.zeros)
        add(list, g->b_dtype, scales, false);
}

static void conv_operands(const problem *p, operand_list *list)
{
    const conv_geometry *g = p->kind == PROBLEM_POOL || p->kind == PROBLEM_POOL_GRAD ? &p->pool.g : &p->conv.g;
    const int64_t x = g->batch * g->channels * product(g->input, g->spatial);
    const int64_t y = g->batch * g->out_channels * product(g->output, g->spatial);
    const int64_t w = g->groups ? g->out_channels * (g->channels / g->groups) * product(g->kernel, g->spatial) : 0;
    switch (p->kind) {
    case PROBLEM_CONV:
        add(list, p->dtype, x, false);
        add(list, problem_weight_dtype(p), w, false)->is_weight = p->conv.w_constant;
        add(list, problem_result_dtype(p), y, true);
        break;
    case PROBLEM_CONV_INPUT:
        add(list, p->dtype, y, false);
        add(list, p->dtype, w, false)->is_weight = p->conv.w_constant;
        add(list, p->dtype, x, true);
        break;
    case PROBLEM_CONV_WEIGHT:
        add(list, p->dtype, y, false);
        add(list, p->dtype, x, false);
        add(list, p->dtype, w, true);
        break;
    case PROBLEM_POOL:
        add(list, p->dtype, x, false);
        add(list, p->dtype, y, true);
        if (p->pool.indices)
            add(list, SOCLE_INT64, y, true);
        break;
    default: /* PROBLEM_POOL_GRAD */
        add(list, p->dtype, y, false);
        if (p->pool.maximum)
            add(list, p->dtype, x, false);
        add(list, p->dtype, x, true);
    }
}

static void norm_operands(const problem *p, operand_list *list)
{
    const norm_problem *n = &p->norm;
    const int64_t scales = n->scale_block ? n->scale_rows * n->row / n->scale_block : 0;
    add(list, p->dtype, n->rows * n->row, false);
    if (n->has_scale)
        add(list, p->dtype, scales, false);
    if (n->has_bias)
        add(list, p->dtype, scales, false);
    add(list, p->dtype, n->rows * n->row, true);
    if (n->statistics) {
        add(list, graph_sum_dtype(p->dtype), n->rows, true);
        add(list, graph_sum_dtype(p->dtype), n->rows, true);
    }
}

static void norm_grad_operands(const problem *p, operand_list *list)
{
    const norm_problem *n = &p->norm;
    const int64_t scales = n->scale_block ? n->scale_rows * n->row / n->scale_block : 0;
    add(list, p->dtype, n->rows * n->row, false);
    add(list, p->dtype, n->rows * n->row, false);
    add(list, p->dtype, scales, false);
    add(list, p->dtype, n->rows * n->row, true);
    for (int i = 0; i < (n->has_bias ? 2 : 1); i++)
        add(list, graph_sum_dtype(p->dtype), scales, true);
}

static void batch_norm_operands(const problem *p, operand_list *list)
{
    const batch_norm_problem *n = &p->batch_norm;
    const bool forward = p->kind == PROBLEM_BATCH_NORM;
    const socle_dtype real = graph_sum_dtype(p->dtype);
    const int64_t elements = n->batch * n->channels * n->pixels;
    add(list, p->dtype, elements, false);
    add(list, p->dtype, forward ? n->channels : elements, false);
    add(list, p->dtype, n->channels, false);
    for (int i = 0; i < 2 && !forward; i++)
        add(list, real, n->channels, false);
    add(list, p->dtype, elements, true);
    for (int i = 0; i < (forward ? 3 : 2); i++)
        add(list, real, n->channels, true);
}

static void gather_operands(const problem *p, operand_list *list)
{
    const gather_problem *g = &p->gather;
    const int64_t data = g->elements ? product(g->data_dims, g->rank) : g->outer * g->axis * g->inner;
    const int64_t indices = g->elements ? product(g->index_dims, g->rank) : g->count;
    const int64_t moved = g->elements ? indices : g->outer * g->count * g->inner;
    if (p->kind == PROBLEM_GATHER_GRAD)
        add(list, p->dtype, moved, false);
    else
        add(list, p->dtype, data, false);
    add(list, g->index_dtype, indices, false)->index_limit = g->axis;
    if (p->kind == PROBLEM_SCATTER)
        add(list, p->dtype, moved, false);
    add(list, p->dtype, p->kind == PROBLEM_GATHER ? moved : data, true);
}

static void attention_operands(const problem *p, operand_list *list)
{
    const attention_problem *a = &p->attention;
    const bool forward = p->kind == PROBLEM_ATTENTION;
    const socle_dtype real = graph_sum_dtype(p->dtype);
    const int64_t queries = a->batch * a->heads * a->queries, keys = a->batch * a->kv_heads * a->keys;
    if (!forward)
        add(list, p->dtype, queries * a->value, false);
    add(list, p->dtype, queries * a->head, false);
    add(list, p->dtype, keys * a->head, false);
    add(list, p->dtype, keys * a->value, false);
    if (!forward) {
        add(list, p->dtype, queries * a->value, false);
        add(list, real, queries, false);
    }
    if (a->mask != SOCLE_NONE)
        add(list, a->mask, a->mask_count, false);
    if (forward) {
        add(list, p->dtype, queries * a->value, true);
        if (a->log_sums)
            add(list, real, queries, true);
        return;
    }
    add(list, p->dtype, queries * a->head, true);
    add(list, p->dtype, keys * a->head, true);
    add(list, p->dtype, keys * a->value, true);
}

static void custom_operands(const problem *p, operand_list *list)
{
    const graph_node *node = &p->graph->nodes[p->node];
    for (int i = 0; i < node->input_count; i++) {
        const graph_type *type = &p->graph->values[node->inputs[i]].type;
        add(list, type->dtype, graph_type_count(type), false);
    }
    for (int i = 0; i < node->output_count; i++) {
        const graph_type *type = &p->graph->values[node->outputs[i]].type;
        add(list, type->dtype, graph_type_count(type), true);
    }
}

int problem_operands(const problem *p, problem_operand *out, int *data_count)
{
    operand_list list = {out, 0};
    switch (p->kind) {
    case PROBLEM_GEMM:
        gemm_operands(p, &list);
        break;
    case PROBLEM_CONV:
    case PROBLEM_CONV_INPUT:
    case PROBLEM_CONV_WEIGHT:
    case PROBLEM_POOL:
    case PROBLEM_POOL_GRAD:
        conv_operands(p, &list);
        break;
    case PROBLEM_SOFTMAX: {
        const int64_t count = p->softmax.outer * p->softmax.axis * p->softmax.inner;
        add(&list, p->dtype, count, false);
        add(&list, p->dtype, count, true);
        break;
    }
    case PROBLEM_NORM:
        norm_operands(p, &list);
        break;
    case PROBLEM_NORM_GRAD:
        norm_grad_operands(p, &list);
        break;
    case PROBLEM_BATCH_NORM:
    case PROBLEM_BATCH_NORM_GRAD:
        batch_norm_operands(p, &list);
        break;
    case PROBLEM_GATHER:
    case PROBLEM_GATHER_GRAD:
    case PROBLEM_SCATTER:
        gather_operands(p, &list);
        break;
    case PROBLEM_ARG:
        add(&list, p->dtype, p->arg.outer * p->arg.axis * p->arg.inner, false);
        add(&list, SOCLE_INT64, p->arg.outer * p->arg.inner, true);
        break;
    case PROBLEM_SCAN: {
        const int64_t count = p->scan.outer * p->scan.axis * p->scan.inner;
        add(&list, p->dtype, count, false);
        add(&list, p->dtype, count, true);
        break;
    }
    case PROBLEM_TOPK:
        add(&list, p->dtype, p->topk.outer * p->topk.axis * p->topk.inner, false);
        add(&list, p->dtype, p->topk.outer * p->topk.k * p->topk.inner, true);
        add(&list, SOCLE_INT64, p->topk.outer * p->topk.k * p->topk.inner, true);
        break;
    case PROBLEM_ATTENTION:
    case PROBLEM_ATTENTION_GRAD:
        attention_operands(p, &list);
        break;
    default:
        custom_operands(p, &list);
    }
    *data_count = list.count;
    for (int i = 0; p->epilogue && p->graph && i < p->epilogue->operand_count; i++) {
        const graph_type *type = &p->graph->values[p->epilogue->operands[i]].type;
        add(&list, type->dtype, graph_type_count(type), false);
    }
    return list.count;
}
