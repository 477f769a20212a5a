/* socle new: an untrained network for a newcomer to train: dense layers, or convolutions with pooling. */
#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LAYERS 64
#define MAX_UNITS (1 << 24)

static const char *const kinds[] = {"mlp", "cnn"};

/* "64,128,10": how many, or -1. */
static int read_units(const char *text, int64_t *units)
{
    for (int count = 0; count < MAX_LAYERS; count++) {
        char *end;
        errno = 0;
        units[count] = *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : 0;
        if (units[count] < 1 || units[count] > MAX_UNITS || errno != 0 || (*end != ',' && *end != '\0'))
            return -1;
        if (*end == '\0')
            return count + 1;
        text = end + 1;
    }
    return -1;
}

/* ---- networks ---- */

/* Features, hidden layers, classes; ReLU between. */
static socle_value add_dense(socle_graph *graph, socle_value y, const int64_t *units, int count, uint64_t seed)
{
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "fc%d", i + 1);
        y = socle_graph_dense(graph, name, y, units[i], seed + (uint64_t)i);
        if (i + 1 < count)
            y = socle_graph_unary(graph, "Relu", y);
    }
    return y;
}

static socle_value add_node(socle_graph *graph, const char *op, const char *name, socle_value x,
                            const socle_attribute *attributes, int count)
{
    socle_value y = SOCLE_NO_VALUE;
    if (x != SOCLE_NO_VALUE && socle_graph_node(graph, op, NULL, name, &x, 1, attributes, count, &y, 1) != SOCLE_OK)
        return SOCLE_NO_VALUE;
    return y;
}

/* 3x3 convolutions with ReLU, each followed by 2x2 pooling while the picture has an even size of at least 4. */
static socle_value add_convolutions(socle_graph *graph, socle_value y, const int64_t *image, const int64_t *channels, int count,
                                    uint64_t seed)
{
    static const int64_t two[] = {2, 2};
    int64_t height = image[1], width = image[2];
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "conv%d", i + 1);
        y = socle_graph_conv2d(graph, name, y, channels[i], 3, 1, 1, seed + 100 + (uint64_t)i);
        y = socle_graph_unary(graph, "Relu", y);
        if (height % 2 == 0 && width % 2 == 0 && height >= 4 && width >= 4) {
            const socle_attribute window[] = {{.name = "kernel_shape", .kind = SOCLE_ATTRIBUTE_INTS, .ints = two, .count = 2},
                                              {.name = "strides", .kind = SOCLE_ATTRIBUTE_INTS, .ints = two, .count = 2}};
            snprintf(name, sizeof(name), "pool%d", i + 1);
            y = add_node(graph, "MaxPool", name, y, window, 2);
            height /= 2;
            width /= 2;
        }
    }
    const socle_attribute axis = {.name = "axis", .kind = SOCLE_ATTRIBUTE_INT, .i = 1};
    return add_node(graph, "Flatten", "flatten", y, &axis, 1);
}

static socle_status build(socle_context *context, bool cnn, const int64_t *image, const int64_t *units, int count, uint64_t seed,
                          socle_model **model)
{
    static const char *const symbols[] = {"batch", NULL, NULL, NULL};
    const int64_t flat[] = {-1, units[0]}, picture[] = {-1, image[0], image[1], image[2]};
    socle_graph *graph = NULL;
    socle_value y = SOCLE_NO_VALUE;
    socle_status status = socle_graph_create(context, cnn ? "cnn" : "mlp", &graph);
    if (status == SOCLE_OK)
        status = socle_graph_input(graph, "input", SOCLE_FLOAT32, cnn ? 4 : 2, cnn ? picture : flat, symbols, &y);
    if (status == SOCLE_OK) {
        if (cnn)
            y = add_convolutions(graph, y, image, units, count - 1, seed);
        y = add_dense(graph, y, cnn ? units + count - 1 : units + 1, cnn ? 1 : count - 1, seed);
        status = y == SOCLE_NO_VALUE ? SOCLE_INVALID_ARGUMENT : socle_graph_output(graph, y, "scores");
    }
    if (status == SOCLE_OK)
        status = socle_model_create(context, graph, model);
    if (status != SOCLE_OK)
        socle_graph_destroy(graph);
    return status;
}

/* ---- the command ---- */

/* "1x8x8,16,32,10" into the picture and the rest. */
static int read_layers(const char *text, bool cnn, int64_t *image, int64_t *units)
{
    char first[64];
    const size_t length = strcspn(text, ",");
    if (!cnn)
        return read_units(text, units);
    if (length >= sizeof(first) || text[length] == '\0')
        return -1;
    memcpy(first, text, length);
    first[length] = '\0';
    if (parse_shape(first, image) != 3 || image[0] < 1 || image[1] < 1 || image[2] < 1)
        return -1;
    return read_units(text + length + 1, units);
}

static int create(bool cnn, const char *layers, int64_t seed, const char *out, int json)
{
    int64_t image[SOCLE_MAX_RANK] = {0}, units[MAX_LAYERS];
    const int count = read_layers(layers, cnn, image, units);
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    socle_context *context = NULL;
    socle_model *model = NULL;
    if (count < (cnn ? 1 : 2))
        return usage_error("new",
                           cnn ? "--layers '%s' is not CxHxW,CHANNELS,...,CLASSES, for example 1x8x8,16,32,10"
                               : "--layers '%s' is not FEATURES,UNITS,...,CLASSES, for example 64,128,10",
                           layers);
    options.cache_dir = "";
    options.devices = "";
    socle_status status = socle_context_create(&options, &context);
    if (status == SOCLE_OK)
        status = build(context, cnn, image, units, count, (uint64_t)seed, &model);
    if (status == SOCLE_OK)
        status = socle_model_save(model, out);
    int result = status == SOCLE_OK ? DONE : report(status);
    if (result == DONE && json)
        result = json_print(json_pack("{s:s,s:s,s:I}", "model", out, "kind", kinds[cnn], "parameters",
                                      (json_int_t)socle_model_parameter_count(model)));
    else if (result == DONE)
        printf("%s: %lld parameters\n", out, (long long)socle_model_parameter_count(model));
    socle_model_destroy(model);
    socle_context_destroy(context);
    return result == DONE ? output_finish() : result;
}

int command_new(int argc, char **argv)
{
    const char *kind = NULL, *layers = NULL, *out = NULL;
    int64_t seed = 1;
    int json = 0;
    const option_spec options[] = {
        {"layers", OPTION_TEXT, &layers, "LIST", "mlp: features,units,...,classes; cnn: CxHxW,channels,...,classes", NULL, 0},
        {"seed", OPTION_INT, &seed, "N", "of the random weights (default 1)", NULL, 0},
        {"out", OPTION_TEXT, &out, "MODEL.onnx", "the file to write", NULL, 0},
        {"json", OPTION_SET, &json, NULL, "one JSON document", NULL, 0},
    };
    const command_usage usage = {"new mlp|cnn --layers LIST --out MODEL.onnx [options]",
                                 "Writes an untrained network with random weights: dense layers with ReLU between them, or 3x3\n"
                                 "convolutions with ReLU and 2x2 pooling, then a dense layer.",
                                 "socle new mlp --layers 64,128,10 --out digits.onnx",
                                 options,
                                 COUNT_OF(options),
                                 1,
                                 1};
    int status;
    if (!options_parse(&usage, argc, argv, &kind, &status))
        return status;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strcmp(kind, kinds[i]) == 0) {
            if (layers == NULL || out == NULL)
                return usage_error("new", "--layers and --out are needed");
            return create(i == 1, layers, seed, out, json);
        }
    }
    return usage_error("new", "'%s' is neither mlp nor cnn", kind);
}
