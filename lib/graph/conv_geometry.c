/* Geometry of convolution, pooling and their gradients, resolved from a node whose shapes are known. All of them are described as
 * the forward operator that they belong to: for gradients `input` is the forward input, `output` the forward output. A
 * ConvTranspose is the gradient of a convolution: its own input is that convolution's output. */
#include "window.h"

#include <string.h>

typedef enum role { ROLE_CONV, ROLE_CONV_TRANSPOSE, ROLE_CONV_GRAD_INPUT, ROLE_CONV_GRAD_WEIGHT, ROLE_POOL, ROLE_POOL_GRAD } role;

static bool role_of(const graph_operator *op, role *out)
{
    static const struct {
        const char *name;
        role role;
    } roles[] = {{"Conv", ROLE_CONV},
                 {"ConvInteger", ROLE_CONV},
                 {"ConvInBlocks", ROLE_CONV},
                 {"ConvIntegerInBlocks", ROLE_CONV},
                 {"MaxPoolInBlocks", ROLE_POOL},
                 {"AveragePoolInBlocks", ROLE_POOL},
                 {"ConvTranspose", ROLE_CONV_TRANSPOSE},
                 {"ConvGradInput", ROLE_CONV_GRAD_INPUT},
                 {"ConvGradWeight", ROLE_CONV_GRAD_WEIGHT},
                 {"MaxPool", ROLE_POOL},
                 {"AveragePool", ROLE_POOL},
                 {"MaxPoolGrad", ROLE_POOL_GRAD},
                 {"AveragePoolGrad", ROLE_POOL_GRAD}};
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        if (strcmp(op->name, roles[i].name) == 0) {
            *out = roles[i].role;
            return true;
        }
    }
    return false;
}

/* Which types are the forward input, weight and output; NULL: there is none. */
typedef struct parts {
    const graph_type *input, *weight, *output;
} parts;

static parts parts_of(const socle_graph *graph, const graph_node *node, role role)
{
    const graph_value *values = graph->values;
    const graph_type *first = &values[node->inputs[0]].type, *result = &values[node->outputs[0]].type;
    const graph_type *second = node->input_count > 1 && node->inputs[1] != GRAPH_NONE ? &values[node->inputs[1]].type : NULL;
    switch (role) {
    case ROLE_CONV:
        return (parts){first, second, result};
    case ROLE_CONV_TRANSPOSE:
    case ROLE_CONV_GRAD_INPUT:
        return (parts){result, second, first};
    case ROLE_CONV_GRAD_WEIGHT:
        return (parts){second, result, first};
    case ROLE_POOL:
        return (parts){first, NULL, result};
    case ROLE_POOL_GRAD:
        break;
    }
    return (parts){result, NULL, first};
}

static socle_status resolve_axis(const graph_infer *infer, role role, const parts *p, window *w, int d, conv_geometry *g)
{
    int64_t expected;
    g->input[d] = p->input->dims[d + 2];
    g->output[d] = p->output->dims[d + 2];
    socle_status status;
    if (role == ROLE_CONV_TRANSPOSE) {
        status = window_transposed_output(infer, w, d, g->output[d], &expected);
        if (status == SOCLE_OK && expected != g->input[d])
            status = infer_fail(infer, SOCLE_SHAPE_MISMATCH, "dimension %d is %lld where the windows cover %lld", d + 2,
                                (long long)g->input[d], (long long)expected);
    } else {
        status = window_output(infer, w, d, g->input[d], &expected);
        if (status == SOCLE_OK && expected != g->output[d])
            status = infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%lld windows along dimension %d where the shape has %lld",
                                (long long)expected, d + 2, (long long)g->output[d]);
    }
    g->kernel[d] = w->kernel[d];
    g->stride[d] = w->stride[d];
    g->dilation[d] = w->dilation[d];
    g->pad_begin[d] = w->pad_begin[d];
    g->pad_end[d] = w->pad_end[d];
    return status;
}

socle_status graph_conv_geometry(const socle_graph *graph, const graph_node *node, conv_geometry *geometry)
{
    graph_infer infer;
    role role;
    window w;
    infer.graph = (socle_graph *)graph;
    infer.node = node;
    if (!role_of(node->op, &role))
        return infer_fail(&infer, SOCLE_INTERNAL, "no convolution and no pooling");
    parts p = parts_of(graph, node, role);
    graph_type input, output;
    if (strstr(node->op->name, "InBlocks") != NULL) {
        input = p.input->rank == p.output->rank ? graph_type_out_of_blocks(p.input) : *p.input;
        output = graph_type_out_of_blocks(p.output);
        p.input = &input;
        p.output = &output;
    }
    if (!graph_type_known(p.input) || !graph_type_known(p.output) || (p.weight != NULL && !graph_type_known(p.weight)))
        return infer_fail(&infer, SOCLE_SHAPE_MISMATCH, "a dimension is not known: bind the model's symbolic dimensions first");
    if (p.input->rank < 3 || p.input->rank != p.output->rank)
        return infer_fail(&infer, SOCLE_SHAPE_MISMATCH, "input %s and output %s", infer_type_text(&infer, p.input),
                          infer_type_text(&infer, p.output));
    conv_geometry g = {.spatial = p.input->rank - 2,
                       .batch = p.input->dims[0],
                       .channels = p.input->dims[1],
                       .out_channels = p.output->dims[1],
                       .groups = p.weight != NULL ? node_int(node, "group", 1) : 1,
                       .input = {1, 1, 1},
                       .kernel = {1, 1, 1},
                       .stride = {1, 1, 1},
                       .dilation = {1, 1, 1},
                       .output = {1, 1, 1}};
    socle_status status = window_read(&infer, g.spatial, p.weight != NULL ? p.weight->dims + 2 : NULL, &w);
    if (status == SOCLE_OK && p.weight != NULL &&
        (p.weight->dims[0] != g.out_channels || p.weight->dims[1] * g.groups != g.channels || p.output->dims[0] != g.batch))
        status =
            infer_fail(&infer, SOCLE_SHAPE_MISMATCH, "input %s, weight %s and output %s do not fit",
                       infer_type_text(&infer, p.input), infer_type_text(&infer, p.weight), infer_type_text(&infer, p.output));
    for (int d = 0; status == SOCLE_OK && d < g.spatial; d++)
        status = resolve_axis(&infer, role, &p, &w, d, &g);
    if (status == SOCLE_OK)
        *geometry = g;
    return status;
}
