/* What a problem costs at least, and the text that names it in the store and to people. */
#include "solver.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- cost ---- */

static double product(const int64_t *dims, int count)
{
    double result = 1;
    for (int i = 0; i < count; i++)
        result *= (double)dims[i];
    return result;
}

static double conv_flops(const conv_geometry *g)
{
    const double per_output = g->groups > 0 ? (double)(g->channels / g->groups) * product(g->kernel, g->spatial) : 0;
    return 2.0 * (double)g->batch * (double)g->out_channels * product(g->output, g->spatial) * per_output;
}

static double data_elements(const problem *p)
{
    problem_operand operands[PROBLEM_MAX_OPERANDS + EPILOGUE_MAX_OPERANDS];
    int data_count;
    double largest = 0;
    problem_operands(p, operands, &data_count);
    for (int i = 0; i < data_count; i++)
        if ((double)operands[i].count > largest)
            largest = (double)operands[i].count;
    return largest;
}

double problem_flops(const problem *p)
{
    const conv_geometry *pool = &p->pool.g;
    switch (p->kind) {
    case PROBLEM_GEMM:
        return 2.0 * product(p->gemm.batch, p->gemm.batch_rank) * (double)p->gemm.m * (double)p->gemm.n * (double)p->gemm.k;
    case PROBLEM_CONV:
    case PROBLEM_CONV_INPUT:
    case PROBLEM_CONV_WEIGHT:
        return conv_flops(&p->conv.g);
    case PROBLEM_POOL:
    case PROBLEM_POOL_GRAD:
        return (double)pool->batch * (double)pool->channels * product(pool->output, pool->spatial) *
               product(pool->kernel, pool->spatial);
    case PROBLEM_SOFTMAX: /* maximum, difference, exponential, sum, division */
        return 5.0 * data_elements(p);
    case PROBLEM_NORM: /* sum, squared differences, scale and bias */
        return 7.0 * data_elements(p);
    case PROBLEM_NORM_GRAD: /* statistics, four sums of seven operations, and six to spread them */
        return 17.0 * data_elements(p);
    case PROBLEM_BATCH_NORM: /* the same */
        return 7.0 * data_elements(p);
    case PROBLEM_BATCH_NORM_GRAD: /* two sums of three operations, and five to spread them */
        return 9.0 * data_elements(p);
    case PROBLEM_ATTENTION: /* two products; an exponential costs as much as some twenty multiply-adds */
        return (double)p->attention.batch * (double)p->attention.heads * (double)p->attention.queries *
               (double)p->attention.keys * (2.0 * (double)(p->attention.head + p->attention.value) + 20);
    case PROBLEM_ATTENTION_GRAD: /* three products as deep as keys, two as values */
        return (double)p->attention.batch * (double)p->attention.heads * (double)p->attention.queries *
               (double)p->attention.keys * (6.0 * (double)p->attention.head + 4.0 * (double)p->attention.value + 24);
    default:
        return data_elements(p);
    }
}

size_t problem_real_bytes(const problem *p)
{
    return p->dtype == SOCLE_FLOAT64 ? sizeof(double) : sizeof(float);
}

double problem_bytes(const problem *p)
{
    problem_operand operands[PROBLEM_MAX_OPERANDS + EPILOGUE_MAX_OPERANDS];
    int data_count;
    double bytes = 0;
    const int count = problem_operands(p, operands, &data_count);
    for (int i = 0; i < count; i++) {
        double elements = (double)operands[i].count;
        /* A gather reads of its data only what it writes. */
        if (p->kind == PROBLEM_GATHER && i == 0 && elements > (double)operands[2].count)
            elements = (double)operands[2].count;
        bytes += elements * (double)socle_dtype_size_bytes(operands[i].dtype);
    }
    return bytes;
}

/* ---- text ---- */

static const char *dtype_text(socle_dtype dtype)
{
    static const char *const names[SOCLE_DTYPE_COUNT] = {
        [SOCLE_FLOAT32] = "f32", [SOCLE_FLOAT16] = "f16", [SOCLE_BFLOAT16] = "bf16", [SOCLE_FLOAT64] = "f64",
        [SOCLE_INT8] = "i8",     [SOCLE_INT16] = "i16",   [SOCLE_INT32] = "i32",     [SOCLE_INT64] = "i64",
        [SOCLE_UINT8] = "u8",    [SOCLE_BOOL] = "bool",   [SOCLE_NONE] = "none"};
    return dtype >= 0 && dtype < SOCLE_DTYPE_COUNT ? names[dtype] : "none";
}

static void add_dims(text *t, const int64_t *dims, int count)
{
    for (int i = 0; i < count; i++)
        text_addf(t, i > 0 ? "x%lld" : "%lld", (long long)dims[i]);
}

static void add_gemm(text *t, const gemm_problem *g)
{
    text_addf(t, "gemm %lldx%lldx%lld %c%c", (long long)g->m, (long long)g->n, (long long)g->k, g->transpose_a ? 't' : 'n',
              g->transpose_b ? 't' : 'n');
    for (int i = 0; i < g->batch_rank; i++)
        text_addf(t, " b%lld:%lld:%lld", (long long)g->batch[i], (long long)g->stride_a[i], (long long)g->stride_b[i]);
    if (g->alpha != 1)
        text_addf(t, " alpha%.9g", (double)g->alpha);
    if (g->b_constant)
        text_add(t, " const");
    if (g->b_dtype != SOCLE_NONE)
        text_addf(t, " b:%s", dtype_text(g->b_dtype));
    if (g->scales.present)
        text_addf(t, " scales%s%s/%lld", g->scales.per_column ? ":n" : "", g->scales.zeros ? ":zeros" : "",
                  (long long)g->scales.block);
}

static void add_geometry(text *t, const conv_geometry *g)
{
    text_addf(t, " %lldx%lldx", (long long)g->batch, (long long)g->channels);
    add_dims(t, g->input, g->spatial);
    text_addf(t, ",%lldx", (long long)g->out_channels);
    add_dims(t, g->kernel, g->spatial);
    text_add(t, " s");
    add_dims(t, g->stride, g->spatial);
    text_add(t, " d");
    add_dims(t, g->dilation, g->spatial);
    text_add(t, " p");
    add_dims(t, g->pad_begin, g->spatial);
    text_add(t, ":");
    add_dims(t, g->pad_end, g->spatial);
    text_add(t, " o");
    add_dims(t, g->output, g->spatial);
    text_addf(t, " g%lld", (long long)g->groups);
}

static void add_gather(text *t, const gather_problem *g)
{
    static const char *const reductions[] = {"", " add", " mul", " max", " min"};
    if (g->elements) {
        text_add(t, " elements ");
        add_dims(t, g->data_dims, g->rank);
        text_add(t, "@");
        add_dims(t, g->index_dims, g->rank);
        text_addf(t, " axis%d", g->axis_index);
    } else {
        text_addf(t, " %lldx%lldx%lld@%lld", (long long)g->outer, (long long)g->axis, (long long)g->inner, (long long)g->count);
    }
    text_addf(t, " %s%s", dtype_text(g->index_dtype), g->reduction > 0 && g->reduction < 5 ? reductions[g->reduction] : "");
}

static void add_attention(text *t, const problem *p)
{
    const attention_problem *a = &p->attention;
    text_addf(t, "attention%s %lldx%lld:%lldx%lldx%lld %lldx%lld", p->kind == PROBLEM_ATTENTION_GRAD ? "_grad" : "",
              (long long)a->batch, (long long)a->heads, (long long)a->kv_heads, (long long)a->queries, (long long)a->keys,
              (long long)a->head, (long long)a->value);
    if (a->stride_q[1] != a->queries * a->head) /* heads within a row rather than one behind the other */
        text_add(t, " rows");
    if (a->causal)
        text_addf(t, " causal%lld", (long long)a->offset);
    if (a->softcap > 0)
        text_add(t, " cap");
    if (a->log_sums)
        text_add(t, " lse");
    if (a->mask != SOCLE_NONE) {
        text_addf(t, " mask %s", dtype_text(a->mask));
        for (int i = 0; i < 4; i++)
            text_add(t, a->stride_mask[i] != 0 ? "x" : "-");
    }
}

static void add_custom(text *t, const problem *p)
{
    const graph_node *node = &p->graph->nodes[p->node];
    text_addf(t, "custom %s.%s", node->op->domain, node->op->name);
    for (int i = 0; i < node->input_count + node->output_count; i++) {
        const value_id value = i < node->input_count ? node->inputs[i] : node->outputs[i - node->input_count];
        const graph_type *type = &p->graph->values[value].type;
        text_addf(t, " %s:", dtype_text(type->dtype));
        add_dims(t, type->dims, type->rank);
    }
}

static void add_kind(text *t, const problem *p)
{
    static const char *const grads[] = {"conv", "conv_input", "conv_weight", "pool", "pool_grad"};
    switch (p->kind) {
    case PROBLEM_GEMM:
        add_gemm(t, &p->gemm);
        break;
    case PROBLEM_CONV:
    case PROBLEM_CONV_INPUT:
    case PROBLEM_CONV_WEIGHT:
        text_add(t, grads[p->kind - PROBLEM_CONV]);
        add_geometry(t, &p->conv.g);
        if (p->conv.w_dtype != SOCLE_NONE)
            text_addf(t, " w:%s", dtype_text(p->conv.w_dtype));
        text_add(t, p->conv.layout == CONV_PLAIN ? "" : p->conv.layout == CONV_INTO_BLOCKS ? " into c16" : " c16");
        text_add(t, p->conv.w_constant ? " const" : "");
        break;
    case PROBLEM_POOL:
    case PROBLEM_POOL_GRAD:
        text_add(t, grads[p->kind - PROBLEM_CONV]);
        text_addf(t, " %s%s%s", p->pool.maximum ? "max" : "average", p->pool.count_include_pad ? " pad" : "",
                  p->pool.indices ? " indices" : "");
        add_geometry(t, &p->pool.g);
        text_add(t, p->pool.in_blocks ? " c16" : "");
        break;
    case PROBLEM_SOFTMAX:
        text_addf(t, "%s %lldx%lldx%lld", p->softmax.logarithm ? "log_softmax" : "softmax", (long long)p->softmax.outer,
                  (long long)p->softmax.axis, (long long)p->softmax.inner);
        break;
    case PROBLEM_NORM:
    case PROBLEM_NORM_GRAD:
        text_addf(t, "norm%s %lldx%lld scale %lldx%lld%s%s%s", p->kind == PROBLEM_NORM_GRAD ? "_grad" : "",
                  (long long)p->norm.rows, (long long)p->norm.row, (long long)p->norm.scale_rows, (long long)p->norm.scale_block,
                  p->norm.has_scale ? " scale" : "", p->norm.has_bias ? " bias" : "",
                  p->norm.statistics         ? " statistics"
                  : p->norm.root_mean_square ? " rms"
                                             : "");
        break;
    case PROBLEM_BATCH_NORM:
    case PROBLEM_BATCH_NORM_GRAD:
        text_addf(t, "batch_norm%s %lldx%lldx%lld", p->kind == PROBLEM_BATCH_NORM_GRAD ? "_grad" : "",
                  (long long)p->batch_norm.batch, (long long)p->batch_norm.channels, (long long)p->batch_norm.pixels);
        break;
    case PROBLEM_GATHER:
    case PROBLEM_GATHER_GRAD:
    case PROBLEM_SCATTER:
        text_add(t, p->kind == PROBLEM_GATHER ? "gather" : p->kind == PROBLEM_SCATTER ? "scatter" : "gather_grad");
        add_gather(t, &p->gather);
        break;
    case PROBLEM_ARG:
        text_addf(t, "%s %lldx%lldx%lld%s", p->arg.minimum ? "arg_min" : "arg_max", (long long)p->arg.outer,
                  (long long)p->arg.axis, (long long)p->arg.inner, p->arg.last ? " last" : "");
        break;
    case PROBLEM_SCAN:
        text_addf(t, "scan %lldx%lldx%lld%s%s", (long long)p->scan.outer, (long long)p->scan.axis, (long long)p->scan.inner,
                  p->scan.exclusive ? " exclusive" : "", p->scan.reverse ? " reverse" : "");
        break;
    case PROBLEM_TOPK:
        text_addf(t, "topk %lldx%lldx%lld %lld%s", (long long)p->topk.outer, (long long)p->topk.axis, (long long)p->topk.inner,
                  (long long)p->topk.k, p->topk.smallest ? " smallest" : "");
        break;
    case PROBLEM_ATTENTION:
    case PROBLEM_ATTENTION_GRAD:
        add_attention(t, p);
        break;
    default:
        add_custom(t, p);
    }
    text_addf(t, " %s", dtype_text(p->dtype));
}

/* Names of the chain's operators in lower case, and a letter for the layout of each operand. */
static void add_epilogue(text *t, const socle_graph *graph, const epilogue *e)
{
    for (int i = 0; i < e->node_count; i++) {
        const char *name = graph->nodes[e->nodes[i]].op->name;
        char lower[32];
        size_t n = 0;
        for (; name[n] != 0 && n + 1 < sizeof(lower); n++)
            lower[n] = (char)tolower((unsigned char)name[n]);
        lower[n] = 0;
        text_addf(t, " %s", lower);
    }
    for (int i = 0; i < e->operand_count; i++)
        text_add(t, e->layouts[i] == EPILOGUE_SCALAR ? " /s" : e->layouts[i] == EPILOGUE_CHANNEL ? " /c" : " /f");
}

void problem_text(const problem *p, char *out, size_t capacity)
{
    text t = {0};
    add_kind(&t, p);
    if (p->strict_accuracy)
        text_add(&t, " strict");
    if (p->allow_tf32)
        text_add(&t, " tf32");
    if (p->epilogue != NULL && p->graph != NULL)
        add_epilogue(&t, p->graph, p->epilogue);
    snprintf(out, capacity, "%s", t.data != NULL && !t.failed ? t.data : "");
    if (t.length >= capacity && capacity > 40) { /* too long: its start and its hash */
        char digest[33];
        hash_text(hash_bytes(t.data, t.length), digest);
        snprintf(out + capacity - 34, 34, "~%.32s", digest);
    }
    text_finish(&t);
}
