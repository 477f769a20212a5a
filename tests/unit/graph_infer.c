/* Types and shapes of every operator, by the text of the result; symbols through chains; and the messages of what does not fit.
 */
#include "../../lib/graph/infer.h"
#include "../support/graph_case.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "float32[N, 3, ?]" to a type of the graph. */
static graph_type type_from(socle_graph *graph, const char *text)
{
    graph_type type = {.rank = 0};
    char copy[128], *rest, *word;
    snprintf(copy, sizeof(copy), "%s", text);
    word = strtok_r(copy, "[,] ", &rest);
    for (int d = 1; d < SOCLE_DTYPE_COUNT; d++)
        if (strcmp(socle_dtype_name((socle_dtype)d), word) == 0)
            type.dtype = (socle_dtype)d;
    while ((word = strtok_r(NULL, "[,] ", &rest)) != NULL) {
        if (strcmp(word, "?") == 0)
            type.dims[type.rank++] = DIM_UNKNOWN;
        else if (word[0] >= '0' && word[0] <= '9')
            type.dims[type.rank++] = atoll(word);
        else {
            const char *symbols[] = {word};
            const int64_t dim[] = {-1};
            socle_value probe;
            char name[160];
            snprintf(name, sizeof(name), "%s_%d", word, graph->value_count);
            cr_assert_eq(socle_graph_input(graph, name, SOCLE_FLOAT32, 1, dim, symbols, &probe), SOCLE_OK);
            type.dims[type.rank++] = graph->values[probe].type.dims[0];
        }
    }
    return type;
}

static const char *text_of(socle_graph *graph, value_id value)
{
    const graph_infer infer = {.graph = graph};
    return infer_type_text(&infer, &graph->values[value].type);
}

/* An input "float32[2, 3]", a list of integers "=1,-1", a scalar "#3", or nothing "-". */
static value_id operand_from(socle_graph *graph, const char *text)
{
    if (text[0] == '-')
        return GRAPH_NONE;
    if (text[0] == '#')
        return graph_constant_scalar(graph, SOCLE_INT64, atof(text + 1));
    if (text[0] == '=') {
        int64_t numbers[16];
        int count = 0;
        for (const char *at = text + 1; *at != 0; at += *at == ',')
            numbers[count++] = strtoll(at, (char **)&at, 10);
        return graph_constant_ints(graph, numbers, count);
    }
    const graph_type type = type_from(graph, text);
    return graph_add_input(graph, NULL, &type);
}

/* "axis=1 mode='edge' pads=1,1 alpha=0.5" */
static int attributes_from(const char *text, socle_attribute *out, char names[8][32], int64_t numbers[8][16])
{
    int count = 0;
    for (const char *at = text; *at != 0; at += strspn(at, " ")) {
        const size_t length = strcspn(at, "=");
        snprintf(names[count], 32, "%.*s", (int)length, at);
        at += length + 1;
        if (*at == '\'') {
            char *value = (char *)numbers[count];
            snprintf(value, 64, "%.*s", (int)strcspn(at + 1, "'"), at + 1);
            out[count] = ATTRIBUTE_STRING(names[count], value);
            at += strlen(value) + 2;
        } else {
            int n = 0;
            bool list = false;
            for (; *at != 0 && *at != ' '; at += *at == ',') {
                numbers[count][n++] = strtoll(at, (char **)&at, 10);
                list = list || *at == ',';
            }
            out[count] =
                list ? ATTRIBUTE_INTS(names[count], numbers[count], (size_t)n) : ATTRIBUTE_INT(names[count], numbers[count][0]);
        }
        count++;
    }
    return count;
}

typedef struct shape_case {
    const char *op, *domain;
    const char *inputs[8];
    const char *attributes;
    const char *outputs[3];
} shape_case;

static value_id add_case(socle_graph *graph, const shape_case *s)
{
    socle_attribute attributes[8];
    char names[8][32];
    int64_t numbers[8][16];
    value_id inputs[8];
    int input_count = 0, output_count = 0;
    for (; input_count < 8 && s->inputs[input_count] != NULL; input_count++)
        inputs[input_count] = operand_from(graph, s->inputs[input_count]);
    while (output_count < 3 && s->outputs[output_count] != NULL)
        output_count++;
    const int count = attributes_from(s->attributes, attributes, names, numbers);
    return graph_add(graph, s->domain, s->op, inputs, input_count, attributes, count, output_count);
}

#define F "float32"
static const shape_case cases[] = {
    {"Add", "", {F "[N, 3]", F "[3]"}, "", {F "[N, 3]"}},
    {"Add", "", {F "[4, 1, 2]", F "[3, 1]"}, "", {F "[4, 3, 2]"}},
    {"Mul", "", {F "[N, 1]", F "[1, M]"}, "", {F "[N, M]"}},
    {"Sub", "", {F "[N]", F "[5]"}, "", {F "[5]"}},
    {"Max", "", {"int64[2]", "int64[1]", "int64[]"}, "", {"int64[2]"}},
    {"Greater", "", {F "[2, 1]", F "[3]"}, "", {"bool[2, 3]"}},
    {"Equal", "", {"bool[2]", "bool[2]"}, "", {"bool[2]"}},
    {"And", "", {"bool[2, 1]", "bool[3]"}, "", {"bool[2, 3]"}},
    {"IsNaN", "", {F "[2]"}, "", {"bool[2]"}},
    {"Where", "", {"bool[3, 1]", "int32[2]", "int32[]"}, "", {"int32[3, 2]"}},
    {"Cast", "", {F "[N, 2]"}, "to=10", {"float16[N, 2]"}},
    {"CastLike", "", {F "[2]", "int8[5]"}, "", {"int8[2]"}},
    {"PRelu", "", {F "[N, 4, 2]", F "[4, 1]"}, "", {F "[N, 4, 2]"}},
    {"Pow", "", {F "[2]", "int64[]"}, "", {F "[2]"}},
    {"Clip", "", {F "[2, 2]", "-", F "[]"}, "", {F "[2, 2]"}},
    {"Dropout", "", {F "[N, 2]"}, "", {F "[N, 2]", "bool[N, 2]"}},
    {"DropoutMask", "socle", {"int32[]"}, "shape=2,3", {F "[2, 3]"}},
    {"Reshape", "", {F "[N, 3, 4]", "=0,-1"}, "", {F "[N, 12]"}},
    {"Reshape", "", {F "[N, 3, 4]", "=-1,12"}, "", {F "[N, 12]"}},
    {"Reshape", "", {F "[N, 3, 4]", "=-1,6"}, "", {F "[?, 6]"}},
    {"Reshape", "", {F "[0, 4]", "=4,0"}, "allowzero=1", {F "[4, 0]"}},
    {"Flatten", "", {F "[N, 3, 4]"}, "", {F "[N, 12]"}},
    {"Flatten", "", {F "[2, 3, 4]"}, "axis=0", {F "[1, 24]"}},
    {"Squeeze", "", {F "[N, 1, 4, 1]", "=1,-1"}, "", {F "[N, 4]"}},
    {"Squeeze", "", {F "[1, 1, 4]"}, "", {F "[4]"}},
    {"Unsqueeze", "", {F "[N, 4]", "=0,-1"}, "", {F "[1, N, 4, 1]"}},
    {"Transpose", "", {F "[N, 3, 4]"}, "", {F "[4, 3, N]"}},
    {"Transpose", "", {F "[N, 3, 4]"}, "perm=0,2,1", {F "[N, 4, 3]"}},
    {"Concat", "", {F "[N, 3]", F "[N, 4]"}, "axis=-1", {F "[N, 7]"}},
    {"Concat", "", {F "[N, 3]", F "[2, 3]"}, "axis=0", {F "[?, 3]"}},
    {"Split", "", {F "[N, 7]"}, "axis=1", {F "[N, 3]", F "[N, 3]", F "[N, 1]"}},
    {"Split", "", {F "[N, 7]", "=2,5"}, "axis=1", {F "[N, 2]", F "[N, 5]"}},
    {"Slice", "", {F "[N, 10]", "=1", "=-1", "=1", "=2"}, "", {F "[N, 4]"}},
    {"Slice", "", {F "[N, 10]", "=0", "=9223372036854775807", "=0"}, "", {F "[N, 10]"}},
    {"Slice", "", {F "[6]", "=5", "=-9223372036854775807", "=0", "=-2"}, "", {F "[3]"}},
    {"Pad", "", {F "[N, 4]", "=0,1,0,2"}, "", {F "[N, 7]"}},
    {"Expand", "", {F "[N, 1]", "=2,1,5"}, "", {F "[2, N, 5]"}},
    {"Tile", "", {F "[N, 2]", "=1,3"}, "", {F "[N, 6]"}},
    {"DepthToSpace", "", {F "[N, 8, 2, 3]"}, "blocksize=2", {F "[N, 2, 4, 6]"}},
    {"SpaceToDepth", "", {F "[N, 2, 4, 6]"}, "blocksize=2", {F "[N, 8, 2, 3]"}},
    {"Trilu", "", {F "[N, 4, 4]"}, "upper=0", {F "[N, 4, 4]"}},
    {"ReduceSum", "", {F "[N, 3, 4]", "=1"}, "", {F "[N, 1, 4]"}},
    {"ReduceMean", "", {F "[N, 3, 4]", "=-1,1"}, "keepdims=0", {F "[N]"}},
    {"ReduceMax", "", {F "[2, 3]"}, "keepdims=0", {F "[]"}},
    {"ReduceMin", "", {F "[2, 3]"}, "noop_with_empty_axes=1", {F "[2, 3]"}},
    {"ArgMax", "", {F "[N, 3, 4]"}, "axis=1 keepdims=0", {"int64[N, 4]"}},
    {"Gemm", "", {F "[N, 64]", F "[10, 64]", F "[10]"}, "transB=1", {F "[N, 10]"}},
    {"Gemm", "", {F "[64, N]", F "[64, 10]"}, "transA=1", {F "[N, 10]"}},
    {"MatMul", "", {F "[B, 1, 4, 5]", F "[7, 5, 6]"}, "", {F "[B, 7, 4, 6]"}},
    {"MatMul", "", {F "[5]", F "[3, 5, 6]"}, "", {F "[3, 6]"}},
    {"MatMul", "", {F "[4, 5]", F "[5]"}, "", {F "[4]"}},
    {"MatMul", "", {F "[5]", F "[5]"}, "", {F "[]"}},
    {"Conv", "", {F "[N, 3, 224, 224]", F "[64, 3, 7, 7]", F "[64]"}, "strides=2,2 pads=3,3,3,3", {F "[N, 64, 112, 112]"}},
    {"Conv", "", {F "[N, 8, 20]", F "[8, 1, 5]"}, "group=8 dilations=2,", {F "[N, 8, 12]"}},
    {"Conv", "", {F "[N, 1, 5, 5, 5]", F "[2, 1, 3, 3, 3]"}, "", {F "[N, 2, 3, 3, 3]"}},
    {"Conv", "", {F "[N, 3, 5, 6]", F "[4, 3, 3, 3]"}, "auto_pad='SAME_UPPER' strides=2,2", {F "[N, 4, 3, 3]"}},
    {"Conv", "", {F "[N, 3, H, 6]", F "[4, 3, 3, 3]"}, "auto_pad='VALID'", {F "[N, 4, ?, 4]"}},
    {"ConvTranspose",
     "",
     {F "[N, 3, 4, 4]", F "[3, 5, 3, 3]"},
     "strides=2,2 pads=1,1,1,1 output_padding=1,1",
     {F "[N, 5, 8, 8]"}},
    {"ConvTranspose", "", {F "[N, 4, 5]", F "[4, 3, 3]"}, "group=2 strides=3,", {F "[N, 6, 15]"}},
    {"ConvTranspose", "", {F "[1, 1, 3, 3]", F "[1, 2, 3, 3]"}, "strides=3,2 output_shape=10,8", {F "[1, 2, 10, 8]"}},
    {"MaxPool", "", {F "[N, 3, 7, 7]"}, "kernel_shape=3,3 strides=2,2", {F "[N, 3, 3, 3]", "int64[N, 3, 3, 3]"}},
    {"MaxPool", "", {F "[N, 3, 6, 6]"}, "kernel_shape=3,3 strides=2,2 ceil_mode=1", {F "[N, 3, 3, 3]"}},
    {"AveragePool", "", {F "[1, 1, 2, 2]"}, "kernel_shape=1,1 strides=2,2 ceil_mode=1", {F "[1, 1, 1, 1]"}},
    {"AveragePool", "", {F "[N, 3, 8]"}, "kernel_shape=2, pads=1,1", {F "[N, 3, 9]"}},
    {"GlobalAveragePool", "", {F "[N, 3, 7, 7]"}, "", {F "[N, 3, 1, 1]"}},
    {"BatchNormalization",
     "",
     {F "[N, 3, 2]", F "[3]", F "[3]", F "[3]", F "[3]"},
     "training_mode=1",
     {F "[N, 3, 2]", F "[3]", F "[3]"}},
    {"LayerNormalization", "", {"float16[N, 3, 4]", "float16[4]"}, "", {"float16[N, 3, 4]", F "[N, 3, 1]", F "[N, 3, 1]"}},
    {"GroupNormalization", "", {F "[N, 4, 2]", F "[4]", F "[4]"}, "num_groups=2", {F "[N, 4, 2]"}},
    {"InstanceNormalization", "", {F "[N, 4, 2]", F "[4]", F "[4]"}, "", {F "[N, 4, 2]"}},
    {"Softmax", "", {F "[N, 10]"}, "", {F "[N, 10]"}},
    {"LogSoftmax", "", {F "[N, 10]"}, "axis=0", {F "[N, 10]"}},
    {"SoftmaxCrossEntropyLoss", "", {F "[N, 10, 4]", "int64[N, 4]"}, "", {F "[]", F "[N, 10, 4]"}},
    {"NegativeLogLikelihoodLoss", "", {F "[N, 10]", "int32[N]", F "[10]"}, "reduction='none'", {F "[N]"}},
    {"Gather", "", {F "[9, N]", "int64[2, 3]"}, "", {F "[2, 3, N]"}},
    {"GatherElements", "", {F "[9, 4]", "int32[2, 4]"}, "", {F "[2, 4]"}},
    {"ScatterElements", "", {F "[9, 4]", "int32[2, 4]", F "[2, 4]"}, "reduction='add'", {F "[9, 4]"}},
    {"Shape", "", {F "[N, 3, 4]"}, "start=1", {"int64[2]"}},
    {"Size", "", {F "[N, 3]"}, "", {"int64[]"}},
    {"ConstantOfShape", "", {"=2,3"}, "", {F "[2, 3]"}},
    {"Range", "", {"#1", "#10", "#4"}, "", {"int64[3]"}},
    {"ConvGradInput", "socle", {F "[2, 4, 3, 3]", F "[4, 3, 3, 3]"}, "input_shape=2,3,5,5", {F "[2, 3, 5, 5]"}},
    {"ConvGradWeight", "socle", {F "[2, 4, 3, 3]", F "[2, 6, 5, 5]"}, "kernel_shape=3,3 group=2", {F "[4, 3, 3, 3]"}},
    {"MaxPoolGrad", "socle", {F "[2, 4, 3]", F "[2, 4, 6]"}, "kernel_shape=2,", {F "[2, 4, 6]"}},
    {"AveragePoolGrad", "socle", {F "[2, 4, 3]"}, "kernel_shape=2, input_shape=2,4,6", {F "[2, 4, 6]"}},
};

Test(graph_infer, shapes_of_all_operators)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        graph_case c;
        graph_case_start(&c);
        const value_id y = add_case(c.graph, &cases[i]);
        cr_expect(y != GRAPH_NONE, "%s: %s", cases[i].op, socle_error_message());
        for (int k = 0; y != GRAPH_NONE && k < 3 && cases[i].outputs[k] != NULL; k++) {
            const value_id output = c.graph->nodes[c.graph->values[y].producer].outputs[k];
            cr_expect_str_eq(text_of(c.graph, output), cases[i].outputs[k], "case %zu, %s, output %d: %s", i, cases[i].op, k,
                             text_of(c.graph, output));
        }
        graph_case_finish(&c);
    }
}

/* ---- what does not fit ---- */

typedef struct refusal {
    shape_case node;
    const char *message; /* a part of it */
} refusal;

static const refusal refusals[] = {
    {{"Add", "", {F "[2]", F "[3]"}, "", {F}}, "float32[2] and float32[3] do not broadcast"},
    {{"Add", "", {F "[2]", "int32[2]"}, "", {F}}, "input 1 is int32 where input 0 is float32"},
    {{"Add", "", {"bool[2]", "bool[2]"}, "", {F}}, "takes numbers, not bool"},
    {{"Exp", "", {"int32[2]"}, "", {F}}, "takes floating point, not int32"},
    {{"And", "", {F "[2]", "bool[2]"}, "", {F}}, "input 0 is float32, not bool"},
    {{"Where", "", {F "[2]", F "[2]", F "[2]"}, "", {F}}, "the condition is float32"},
    {{"Cast", "", {F "[2]"}, "to=8", {F}}, "data type 8"},
    {{"Reshape", "", {F "[2, 3]", "=4,-1"}, "", {F}}, "no multiple of 4"},
    {{"Reshape", "", {F "[2, 3]", "=5"}, "", {F}}, "has 6 elements, float32[5] has 5"},
    {{"Reshape", "", {F "[2, 3]", "=-1,-1"}, "", {F}}, "more than one dimension of the new shape is -1"},
    {{"Squeeze", "", {F "[2, 3]", "=0"}, "", {F}}, "dimension 0 of float32[2, 3] is not 1"},
    {{"Unsqueeze", "", {F "[2, 3]", "=1,1"}, "", {F}}, "axis 1 is given twice"},
    {{"Transpose", "", {F "[2, 3]"}, "perm=0,0", {F}}, "axis 0 is given twice"},
    {{"Concat", "", {F "[2, 3]", F "[3, 3]"}, "axis=1", {F}}, "does not fit dimension 0"},
    {{"Concat", "", {F "[2, 3]", F "[2, 3]"}, "axis=2", {F}}, "axis 2 is not an axis of a tensor of rank 2"},
    {{"Split", "", {F "[5]", "=2,2"}, "", {F, F}}, "the sizes sum to 4"},
    {{"Slice", "", {F "[5]", "=0", "=5", "=0", "=0"}, "", {F}}, "step 0 is 0"},
    {{"Pad", "", {F "[3]", "=3,0"}, "mode='reflect'", {F}}, "reflect of 3 elements around a dimension of 3"},
    {{"Expand", "", {F "[3]", "=2"}, "", {F}}, "does not expand"},
    {{"ReduceSum", "", {F "[3]", "=1"}, "", {F}}, "axis 1 is not an axis"},
    {{"Gemm", "", {F "[2, 3]", F "[4, 5]"}, "", {F}}, "float32[2, 3] times float32[4, 5]: the inner dimensions differ"},
    {{"Gemm", "", {F "[2, 3]", F "[3, 5]", F "[4]"}, "", {F}}, "C float32[4] does not broadcast to float32[2, 5]"},
    {{"MatMul", "", {F "[2, 2, 3]", F "[3, 3, 5]"}, "", {F}}, "the batches do not broadcast"},
    {{"Conv", "", {F "[1, 3, 8, 8]", F "[4, 2, 3, 3]"}, "", {F}}, "has 3 channels"},
    {{"Conv", "", {F "[1, 3, 2, 8]", F "[4, 3, 3, 3]"}, "", {F}}, "a window of 3 does not fit into 2 elements"},
    {{"Conv", "", {F "[1, 3, 8, 8]", F "[4, 3, 3, 3]"}, "strides=1,", {F}}, "strides has 1 numbers for 2 dimensions"},
    {{"Conv", "", {F "[1, 3, 8, 8]", F "[4, 3, 3, 3]", F "[5]"}, "", {F}}, "the bias is float32[5]"},
    {{"MaxPool", "", {F "[1, 3, 8, 8]"}, "", {F}}, "kernel_shape is missing"},
    {{"Softmax", "", {F "[1, 3]"}, "axis=2", {F}}, "axis 2"},
    {{"GroupNormalization", "", {F "[1, 3, 4]", F "[3]", F "[3]"}, "num_groups=2", {F}}, "in 2 groups"},
    {{"BatchNormalization", "", {F "[1, 3, 4]", F "[3]", F "[3]", F "[3]", F "[2]"}, "", {F}}, "input 4 is float32[2]"},
    {{"SoftmaxCrossEntropyLoss", "", {F "[5, 3]", "int64[4]"}, "", {F}}, "labels int64[4] do not fit scores float32[5, 3]"},
    {{"Gather", "", {F "[5, 3]", F "[4]"}, "", {F}}, "indices are int32 or int64, not float32"},
    {{"ScatterElements", "", {F "[5]", "int64[2]", F "[3]"}, "", {F}}, "differ"},
    {{"Range", "", {"#0", "#5", "#0"}, "", {F}}, "in steps of 0"},
    {{"Tile", "", {F "[1048576, 1048576]", "=1048576,1048576"}, "", {F}}, "more than 2^63 bytes"},
    {{"Tile", "", {F "[3, 4]", "=1,4611686018427387904"}, "", {F}},
     "Tile node 0: dimension 1 of float32[3, 4], 4611686018427387904 times, is more than 2^63"},
    {{"TopK", "", {F "[2, 8]", "=9"}, "", {F, F}}, "TopK node 0: k is 9: dimension 1 of float32[2, 8] has only 8 elements"},
    {{"TopK", "", {F "[N, 8]", "=-1"}, "axis=0", {F, F}}, "TopK node 0: k is -1: it must be 0 or more"},
    {{"TopK", "", {F "[2, 8]", "=2,3"}, "", {F, F}}, "TopK node 0: k is int64[2]: it must be one number"},
    {{"TopK", "", {F "[2, 8]", "=2"}, "axis=5", {F, F}}, "TopK node 0: axis 5 is not an axis of a tensor of rank 2"},
    {{"CumSum", "", {F "[2, 8]", "#-3"}, "", {F}}, "CumSum node 0: axis -3 is not an axis of a tensor of rank 2"},
    {{"CumSum", "", {F "[2, 8]", "=0,1"}, "", {F}}, "CumSum node 0: its axis is int64[2]: it must be one number"},
    {{"RMSNormalization", "", {F "[2, 8]", F "[8]"}, "axis=2", {F}},
     "RMSNormalization node 0: axis 2 is not an axis of a tensor of rank 2"},
    {{"RMSNormalization", "", {F "[2, 8]", F "[7]"}, "", {F}},
     "RMSNormalization node 0: input 1 float32[7] does not broadcast to float32[2, 8]"},
    {{"Attention", "", {F "[2, 4, 10]", F "[2, 4, 10]", F "[2, 4, 10]"}, "q_num_heads=3 kv_num_heads=3", {F}},
     "Attention node 0: input 0 float32[2, 4, 10] in 3 heads: see attribute q_num_heads"},
    {{"Attention", "", {F "[2, 3, 4, 5]", F "[2, 2, 7, 5]", F "[2, 2, 7, 5]"}, "", {F}},
     "Attention node 0: 3 heads of queries cannot share 2 heads of keys"},
    {{"QuantizeLinear", "", {F "[2, 8]", F "[7]"}, "axis=1", {F}},
     "QuantizeLinear node 0: input 1, float32[7], does not fit input 0, float32[2, 8]: it takes one number, or one for each "
     "element "
     "of dimension 1"},
    {{"QuantizeLinear", "", {F "[2, 8]", F "[2, 1]"}, "axis=1", {F}}, "input 1, float32[2, 1], does not fit input 0"},
    {{"QuantizeLinear", "", {F "[2, 8]", F "[8]"}, "axis=4", {F}}, "axis 4 is not an axis of a tensor of rank 2"},
    {{"QuantizeLinear", "", {F "[2, 8]", F "[8]", "int8[7]"}, "axis=1", {F}}, "input 2, int8[7], does not fit input 0"},
    {{"QuantizeLinear", "", {F "[2, 8]", F "[2, 4]"}, "axis=1 block_size=3", {F}},
     "QuantizeLinear node 0: input 1, float32[2, 4], is not one number per 3 elements of dimension 1 of float32[2, 8]"},
    {{"DequantizeLinear", "", {"int8[2, 8]", F "[2, 2]"}, "axis=1 block_size=-4", {F}},
     "DequantizeLinear node 0: block_size is -4: it must be from 0 to 2^31 - 1"},
    {{"DequantizeLinear", "", {"int8[2, 8]", F "[0]"}, "axis=1", {F}}, "input 1, float32[0], does not fit input 0, int8[2, 8]"},
    {{"MatMulInteger", "", {"int8[2, 8]", "int8[8, 3]", "int8[3]"}, "", {F}},
     "MatMulInteger node 0: input 2, int8[3], does not fit input 0, int8[2, 8]: it takes one number, or one for each element of "
     "dimension 0"},
    {{"MatMulInteger", "", {"int8[2, 8]", "int8[8, 3]", "-", "int8[8]"}, "", {F}},
     "input 3, int8[8], does not fit input 1, int8[8, 3]: it takes one number, or one for each element of dimension 1"},
    {{"QLinearMatMul", "", {"int8[2, 8]", F "[]", "int8[]", "int8[8, 3]", F "[5]", "int8[3]", F "[]", "int8[]"}, "", {F}},
     "QLinearMatMul node 0: input 4, float32[5], does not fit input 3, int8[8, 3]: it takes one number, or one for each element "
     "of "
     "dimension 1"},
    {{"QLinearConv", "", {"int8[1, 2, 5]", F "[2]", "int8[]", "int8[4, 2, 3]", F "[4]", "int8[4]", F "[]", "int8[]"}, "", {F}},
     "QLinearConv node 0: input 1, float32[2], must be one number"},
    {{"QLinearConv", "", {"int8[1, 2, 5]", F "[]", "int8[]", "int8[4, 2, 3]", F "[2]", "int8[4]", F "[]", "int8[]"}, "", {F}},
     "input 4, float32[2], does not fit input 3, int8[4, 2, 3]: it takes one number, or one for each element of dimension 0"},
    {{"ConvInteger", "", {"int8[1, 2, 5]", "int8[4, 2, 3]", "int8[2]"}, "", {F}}, "input 2, int8[2], must be one number"},
    {{"Add", "", {F "[2]"}, "", {F}}, "1 inputs, takes 2 to 2"},
    {{"Dense", "", {F "[2]"}, "", {F}}, "unknown operator Dense"},
};

Test(graph_infer, what_does_not_fit_is_refused_with_the_reason_and_leaves_the_graph_as_it_was)
{
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        graph_case c;
        graph_case_start(&c);
        const value_id y = add_case(c.graph, &refusals[i].node);
        cr_expect(y == GRAPH_NONE, "case %zu (%s) was taken", i, refusals[i].node.op);
        cr_expect(strstr(socle_error_message(), refusals[i].message) != NULL, "case %zu (%s): %s", i, refusals[i].node.op,
                  socle_error_message());
        cr_expect_eq(c.graph->node_count, 0);
        cr_expect_eq(graph_validate(c.graph), SOCLE_OK, "%s", socle_error_message());
        graph_case_finish(&c);
    }
}

/* ---- chains ---- */

Test(graph_infer, the_batch_keeps_its_symbol_through_a_computed_reshape)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const graph_type type = type_from(c->graph, F "[batch, 16, 5, 5]");
    const value_id x = graph_add_input(c->graph, "x", &type);
    const value_id batch = CASE_NODE(c, "Gather", CASE_NODE(c, "Shape", x), graph_constant_scalar(c->graph, SOCLE_INT64, 0));
    const value_id row = CASE_NODE(c, "Unsqueeze", batch, graph_constant_ints(c->graph, (const int64_t[]){0}, 1));
    const value_id list[] = {row, graph_constant_ints(c->graph, (const int64_t[]){-1}, 1)};
    const value_id shape = graph_case_node(c, "Concat", list, 2, ATTRIBUTES(ATTRIBUTE_INT("axis", 0)));
    cr_assert_str_eq(text_of(c->graph, CASE_NODE(c, "Reshape", x, shape)), F "[batch, 400]");
    graph_case_finish(c);
}

Test(graph_infer, a_computed_expand_hands_the_symbol_on)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const graph_type type = type_from(c->graph, F "[N, 7]");
    const value_id x = graph_add_input(c->graph, "x", &type), one = graph_constant_scalar(c->graph, SOCLE_FLOAT32, 1);
    cr_assert_str_eq(text_of(c->graph, CASE_NODE(c, "Expand", one, CASE_NODE(c, "Shape", x))), F "[N, 7]");
    graph_case_finish(c);
}

Test(graph_infer, a_doubling_chain_of_shape_arithmetic_does_not_take_exponential_time)
{
    graph_case made, *c = &made;
    graph_case_start(c);
    const graph_type type = type_from(c->graph, F "[N, 7]");
    value_id shape = CASE_NODE(c, "Shape", graph_add_input(c->graph, "x", &type));
    for (int i = 0; i < 100; i++)
        shape = CASE_NODE(c, "Add", shape, shape);
    const double start = time_now_s();
    CASE_NODE(c, "Expand", graph_constant_scalar(c->graph, SOCLE_FLOAT32, 1), shape);
    cr_assert_lt(time_now_s() - start, 0.1);
    graph_case_finish(c);
}

/* ---- geometry ---- */

Test(graph_infer, geometry_of_a_convolution_with_automatic_padding)
{
    graph_case c;
    graph_case_start(&c);
    const shape_case s = {"Conv", "", {F "[2, 6, 5, 8]", F "[4, 3, 3, 2]"}, "auto_pad='SAME_LOWER' strides=2,3 group=2", {F}};
    const value_id y = add_case(c.graph, &s);
    conv_geometry g;
    cr_assert_eq(graph_conv_geometry(c.graph, &c.graph->nodes[c.graph->values[y].producer], &g), SOCLE_OK, "%s",
                 socle_error_message());
    cr_assert(g.spatial == 2 && g.batch == 2 && g.channels == 6 && g.out_channels == 4 && g.groups == 2);
    cr_assert(g.input[0] == 5 && g.kernel[0] == 3 && g.stride[0] == 2 && g.output[0] == 3 && g.pad_begin[0] == 1 &&
              g.pad_end[0] == 1);
    cr_assert(g.input[1] == 8 && g.kernel[1] == 2 && g.stride[1] == 3 && g.output[1] == 3 && g.pad_begin[1] == 0 &&
              g.pad_end[1] == 0);
    cr_assert(g.input[2] == 1 && g.kernel[2] == 1 && g.output[2] == 1);
    graph_case_finish(&c);
}

Test(graph_infer, geometry_of_a_transposed_convolution_is_that_of_the_convolution_it_inverts)
{
    graph_case c;
    graph_case_start(&c);
    const shape_case s = {"ConvTranspose", "", {F "[2, 3, 4]", F "[3, 5, 3]"}, "strides=2, pads=1,0", {F}};
    const value_id y = add_case(c.graph, &s);
    conv_geometry g;
    cr_assert_eq(graph_conv_geometry(c.graph, &c.graph->nodes[c.graph->values[y].producer], &g), SOCLE_OK, "%s",
                 socle_error_message());
    cr_assert(g.channels == 5 && g.out_channels == 3 && g.input[0] == 8 && g.output[0] == 4 && g.pad_begin[0] == 1 &&
              g.pad_end[0] == 0);
    graph_case_finish(&c);
}

Test(graph_infer, geometry_needs_known_dimensions)
{
    graph_case c;
    graph_case_start(&c);
    const shape_case s = {"MaxPool", "", {F "[N, 3, 4]"}, "kernel_shape=2,", {F}};
    const value_id y = add_case(c.graph, &s);
    conv_geometry g;
    cr_assert_eq(graph_conv_geometry(c.graph, &c.graph->nodes[c.graph->values[y].producer], &g), SOCLE_SHAPE_MISMATCH);
    cr_assert(strstr(socle_error_message(), "bind") != NULL);
    graph_case_finish(&c);
}

Test(graph_infer, claims_of_enormous_sizes_are_refused)
{
    static const shape_case enormous[] = {
        {"Concat", "", {F "[4, 1000000000000000000]", F "[4, 1000000000000000000]"}, "axis=1", {F}},
        {"Pad", "", {F "[3]", "=9223372036854775807,9223372036854775807"}, "", {F}},
        {"Split", "", {F "[3]", "=9223372036854775807,9223372036854775807"}, "", {F, F}},
        {"Reshape", "", {F "[3]", "=4611686018427387904,4"}, "", {F}},
        {"ConstantOfShape", "", {"=9223372036854775807,2"}, "", {F}},
        {"ConvTranspose", "", {F "[1, 1, 100000000000000]", F "[1, 1, 3]"}, "strides=2147483647,", {F}},
    };
    for (size_t i = 0; i < COUNT_OF(enormous); i++) {
        graph_case c;
        graph_case_start(&c);
        cr_expect_eq(add_case(c.graph, &enormous[i]), GRAPH_NONE, "case %zu, %s", i, enormous[i].op);
        graph_case_finish(&c);
    }
}
