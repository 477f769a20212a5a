/* Batch normalization in inference is one factor and one shift per channel: both go into the weights and the bias of the
 * convolution or product in front, when nothing else reads what is between them. */
#include "build.h"
#include "elements.h"

#include <math.h>
#include <string.h>

typedef struct folding {
    socle_graph *graph;
    node_id norm, producer;
    int64_t channels;
    double *factor, *shift; /* per channel */
} folding;

static bool named(const graph_node *node, const char *name)
{
    return node->op != NULL && strcmp(node->op->name, name) == 0 && node->op->domain[0] == 0;
}

static bool all_constant(const socle_graph *graph, const graph_node *node, int first)
{
    for (int i = first; i < node->input_count; i++)
        if (node->inputs[i] != GRAPH_NONE && !graph_is_constant(graph, node->inputs[i]))
            return false;
    return true;
}

/* A producer whose weights can take the factor: Conv, ConvTranspose, Gemm. */
static bool foldable(const socle_graph *graph, const int *uses, node_id norm, node_id *producer)
{
    const graph_node *node = &graph->nodes[norm];
    if (!named(node, "BatchNormalization") || node_int(node, "training_mode", 0) != 0 || node->output_count != 1 ||
        !all_constant(graph, node, 1))
        return false;
    const graph_value *x = &graph->values[node->inputs[0]];
    if (x->kind != VALUE_NODE || x->producer == GRAPH_NONE || uses[node->inputs[0]] != 1)
        return false;
    const graph_node *before = &graph->nodes[x->producer];
    *producer = x->producer;
    return (named(before, "Conv") || named(before, "ConvTranspose") || named(before, "Gemm")) && all_constant(graph, before, 1);
}

static socle_status read_channels(folding *f, int input, double *out)
{
    const graph_value *v = &f->graph->values[f->graph->nodes[f->norm].inputs[input]];
    if (graph_type_count(&v->type) != f->channels)
        return socle_fail(SOCLE_SHAPE_MISMATCH, "%s: input %d does not have %lld elements", graph_node_label(f->graph, f->norm),
                          input, (long long)f->channels);
    elements_read_real(v->type.dtype, v->data, 0, f->channels, out);
    return SOCLE_OK;
}

/* y = x * factor + shift */
static socle_status read_norm(folding *f)
{
    const double epsilon = node_float(&f->graph->nodes[f->norm], "epsilon", 1e-5);
    double *list = memory_alloc_array((size_t)f->channels * 4, sizeof(*list));
    if (list == NULL)
        return SOCLE_OUT_OF_MEMORY;
    socle_status status = SOCLE_OK;
    for (int i = 0; status == SOCLE_OK && i < 4; i++)
        status = read_channels(f, i + 1, list + i * f->channels);
    const double *scale = list, *bias = list + f->channels, *mean = bias + f->channels, *variance = mean + f->channels;
    for (int64_t c = 0; status == SOCLE_OK && c < f->channels; c++) {
        f->factor[c] = scale[c] / sqrt(variance[c] + epsilon);
        f->shift[c] = bias[c] - mean[c] * f->factor[c];
    }
    memory_free(list);
    return status;
}

/* How the weight's elements run through the channels: element i belongs to channel (i / inner) % channels of its group. */
typedef struct channel_layout {
    int64_t inner, per_group, group_stride;
} channel_layout;

static channel_layout layout_of(const graph_node *node, const graph_type *w, int64_t channels)
{
    int64_t kernel = 1;
    for (int d = 2; d < w->rank; d++)
        kernel *= w->dims[d];
    if (named(node, "Conv")) /* [M, C/g, k...] */
        return (channel_layout){w->dims[1] * kernel, channels, graph_type_count(w)};
    if (named(node, "ConvTranspose")) { /* [C, M/g, k...] */
        const int64_t groups = node_int(node, "group", 1);
        return (channel_layout){kernel, w->dims[1], graph_type_count(w) / groups};
    }
    if (node_int(node, "transB", 0) != 0)
        return (channel_layout){w->dims[1], channels, graph_type_count(w)};
    return (channel_layout){1, channels, graph_type_count(w)};
}

static socle_status scale_weight(folding *f, value_id *scaled)
{
    const graph_node *node = &f->graph->nodes[f->producer];
    const graph_value *w = &f->graph->values[node->inputs[1]];
    const channel_layout layout = layout_of(node, &w->type, f->channels);
    const graph_type type = w->type;
    const int64_t count = graph_type_count(&type);
    void *data = memory_alloc(w->size_bytes);
    if (data == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int64_t i = 0; i < count;) {
        double run[256];
        const int64_t length = layout.inner - i % layout.inner < 256 ? layout.inner - i % layout.inner : 256;
        const int64_t channel = i / layout.inner % layout.per_group + i / layout.group_stride * layout.per_group;
        elements_read_real(type.dtype, w->data, i, length, run);
        for (int64_t k = 0; k < length; k++)
            run[k] *= f->factor[channel];
        elements_write_real(type.dtype, data, i, length, run);
        i += length;
    }
    *scaled = graph_add_constant(f->graph, NULL, &type, data, false);
    if (*scaled == GRAPH_NONE) {
        memory_free(data);
        return SOCLE_OUT_OF_MEMORY;
    }
    f->graph->values[*scaled].owned_data = data;
    return SOCLE_OK;
}

/* bias * factor + shift, one per channel; Gemm's C counts beta times. */
static socle_status make_bias(folding *f, value_id *bias)
{
    const graph_node *node = &f->graph->nodes[f->producer];
    const value_id old = node->input_count > 2 ? node->inputs[2] : GRAPH_NONE;
    const double beta = named(node, "Gemm") ? node_float(node, "beta", 1) : 1;
    const graph_type type = {f->graph->values[node->inputs[1]].type.dtype, 1, {f->channels}};
    const int64_t old_count = old == GRAPH_NONE ? 0 : graph_type_count(&f->graph->values[old].type);
    void *data = memory_alloc(graph_type_bytes(&type));
    if (data == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int64_t c = 0; c < f->channels; c++) {
        double element = 0;
        if (old != GRAPH_NONE)
            elements_read_real(f->graph->values[old].type.dtype, f->graph->values[old].data, old_count == 1 ? 0 : c, 1, &element);
        element = element * beta * f->factor[c] + f->shift[c];
        elements_write_real(type.dtype, data, c, 1, &element);
    }
    *bias = graph_add_constant(f->graph, NULL, &type, data, true);
    memory_free(data);
    return *bias == GRAPH_NONE ? SOCLE_OUT_OF_MEMORY : SOCLE_OK;
}

static bool set_bias(graph_node *node, value_id bias)
{
    if (node->input_count < 3) {
        value_id *inputs = memory_resize(node->inputs, (size_t)node->input_count * sizeof(*inputs), 3 * sizeof(*inputs));
        if (inputs == NULL)
            return false;
        node->inputs = inputs;
        node->input_count = 3;
    }
    node->inputs[2] = bias;
    for (int i = 0; i < node->attribute_count; i++)
        if (named(node, "Gemm") && strcmp(node->attributes[i].name, "beta") == 0) {
            node->attributes[i].kind = SOCLE_ATTRIBUTE_FLOAT;
            node->attributes[i].f = 1; /* it is in the bias now */
        }
    return true;
}

/* A bias of one number per channel, or one for all: what make_bias understands. */
static bool bias_fits(const socle_graph *graph, node_id producer, int64_t channels)
{
    const graph_node *node = &graph->nodes[producer];
    if (node->input_count < 3 || node->inputs[2] == GRAPH_NONE)
        return true;
    const graph_type *type = &graph->values[node->inputs[2]].type;
    const int64_t count = graph_type_count(type);
    return count == 1 || (count == channels && type->dims[type->rank - 1] == channels);
}

static socle_status fold_pair(folding *f)
{
    value_id weight = GRAPH_NONE, bias = GRAPH_NONE;
    f->factor = memory_alloc_array((size_t)f->channels, sizeof(*f->factor));
    f->shift = memory_alloc_array((size_t)f->channels, sizeof(*f->shift));
    socle_status status = f->factor == NULL || f->shift == NULL ? SOCLE_OUT_OF_MEMORY : read_norm(f);
    if (status == SOCLE_OK)
        status = scale_weight(f, &weight);
    if (status == SOCLE_OK)
        status = make_bias(f, &bias);
    if (status == SOCLE_OK && !set_bias(&f->graph->nodes[f->producer], bias))
        status = SOCLE_OUT_OF_MEMORY;
    if (status == SOCLE_OK)
        f->graph->nodes[f->producer].inputs[1] = weight;
    memory_free(f->shift);
    memory_free(f->factor);
    return status;
}

/* The producer makes the normalization's output from now on, under that value's name. */
static void drop_norm(socle_graph *graph, node_id norm, node_id producer)
{
    const value_id output = graph->nodes[norm].outputs[0], between = graph->nodes[norm].inputs[0];
    graph->nodes[norm].outputs[0] = GRAPH_NONE;
    graph_remove_node(graph, norm);
    graph->nodes[producer].outputs[0] = output;
    graph->values[output].producer = producer;
    graph->values[output].producer_output = 0;
    graph->values[between].producer = GRAPH_NONE;
}

socle_status graph_fold_batch_norm(socle_graph *graph)
{
    int *uses;
    socle_status status = graph_count_uses(graph, &uses);
    if (status != SOCLE_OK)
        return status;
    for (node_id n = 0; status == SOCLE_OK && n < graph->node_count; n++) {
        folding f = {.graph = graph, .norm = n};
        if (graph->nodes[n].op == NULL || !foldable(graph, uses, n, &f.producer))
            continue;
        const graph_type *x = &graph->values[graph->nodes[n].inputs[0]].type;
        f.channels = x->rank >= 2 ? x->dims[1] : -1;
        if (f.channels < 1 || !bias_fits(graph, f.producer, f.channels))
            continue;
        status = fold_pair(&f);
        if (status == SOCLE_OK)
            drop_norm(graph, n, f.producer);
    }
    memory_free(uses);
    return status == SOCLE_OK ? graph_sort(graph) : status;
}
