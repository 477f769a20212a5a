/* Shapes of products and convolutions, as text and as models. */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_GEMM "512x512x512 1024x1024x1024 64x1536x384 1x1024x1024"
#define USUAL_NORM_GRAD "4096x768 4096x768,rms 8x256x32x32,g32"
#define USUAL_CONV "1x64x56x56,64x3x3,s1,p1 1x64x56x56,256x1x1,s1,p0 1x3x224x224,64x7x7,s2,p3"

bool shape_list_read(const text_list *given, const char *what, shape_list *list)
{
    size_t used = 0;
    *list = (shape_list){.count = 0};
    for (int i = 0; i < (given->count > 0 ? given->count : 1); i++) {
        const char *usual = strcmp(what, "gemm") == 0        ? USUAL_GEMM
                            : strcmp(what, "norm_grad") == 0 ? USUAL_NORM_GRAD
                                                             : USUAL_CONV;
        const char *text = given->count > 0 ? given->items[i] : usual;
        const size_t length = strlen(text);
        if (used + length + 1 > sizeof(list->text))
            return false;
        memcpy(list->text + used, text, length + 1);
        char *rest = NULL;
        for (char *shape = strtok_r(list->text + used, " ", &rest); shape != NULL; shape = strtok_r(NULL, " ", &rest)) {
            if (list->count == MAX_LIST)
                return false;
            list->shapes[list->count++] = shape;
        }
        used += length + 1;
    }
    return list->count > 0;
}

/* Numbers joined by 'x'; moves *at past them. */
static int read_numbers(const char **at, int64_t *numbers, int capacity)
{
    for (int count = 0; count < capacity; count++) {
        char *end;
        errno = 0;
        if (**at < '0' || **at > '9')
            return -1;
        numbers[count] = strtoll(*at, &end, 10);
        *at = end;
        if (errno != 0 || numbers[count] > (1 << 24))
            return -1;
        if (*end != 'x')
            return count + 1;
        (*at)++;
    }
    return -1;
}

static bool read_conv(const char *text, bench_shape *s)
{
    *s = (bench_shape){.stride = 1, .dilation = 1, .groups = 1, .lanes = 1};
    s->axes = read_numbers(&text, s->x, 5) - 2;
    if (s->axes < 1 || *text++ != ',' || read_numbers(&text, s->w, 4) != s->axes + 1)
        return false;
    while (*text == ',') {
        const char kind = text[1];
        int64_t *to = kind == 's'   ? &s->stride
                      : kind == 'p' ? &s->padding
                      : kind == 'd' ? &s->dilation
                      : kind == 'g' ? &s->groups
                      : kind == 'c' ? &s->lanes
                                    : NULL;
        if (to == NULL)
            return false;
        text += 2;
        if (read_numbers(&text, to, 1) != 1)
            return false;
    }
    return *text == '\0' && s->stride > 0 && s->dilation > 0 && s->groups > 0 && s->x[1] % s->groups == 0 &&
           s->w[0] % s->groups == 0;
}

bool bench_shape_read(const char *what, const char *text, bench_shape *shape)
{
    int64_t dims[3];
    if (strcmp(what, "conv") == 0)
        return read_conv(text, shape);
    if (read_numbers(&text, dims, 3) != 3 || *text != '\0')
        return false;
    *shape = (bench_shape){.m = dims[0], .n = dims[1], .k = dims[2]};
    return true;
}

/* ---- models ---- */

static socle_value random_weights(socle_graph *graph, int rank, const int64_t *dims)
{
    random_state random = {1};
    socle_value value = SOCLE_NO_VALUE;
    socle_tensor weights = socle_tensor_of(SOCLE_FLOAT32, sizeof(float), NULL, rank, dims);
    weights.data = malloc(weights.size_bytes > 0 ? weights.size_bytes : 1);
    if (weights.data == NULL)
        return SOCLE_NO_VALUE;
    random_fill(&random, &weights);
    if (socle_graph_initializer(graph, "w", &weights, 0, &value) != SOCLE_OK)
        value = SOCLE_NO_VALUE;
    free(weights.data);
    return value;
}

static socle_status add_operator(socle_graph *graph, bool conv, const bench_shape *s, socle_value *y)
{
    const int64_t a[] = {s->m, s->k}, b[] = {s->k, s->n}, p = s->padding;
    const int64_t w[] = {s->w[0], conv ? s->x[1] / s->groups : 0, s->w[1], s->w[2], s->w[3]};
    const int64_t strides[] = {s->stride, s->stride, s->stride}, dilations[] = {s->dilation, s->dilation, s->dilation};
    const int64_t pads[] = {p, p, p, p, p, p};
    const size_t axes = (size_t)s->axes;
    const socle_attribute attributes[] = {{.name = "strides", .kind = SOCLE_ATTRIBUTE_INTS, .ints = strides, .count = axes},
                                          {.name = "dilations", .kind = SOCLE_ATTRIBUTE_INTS, .ints = dilations, .count = axes},
                                          {.name = "pads", .kind = SOCLE_ATTRIBUTE_INTS, .ints = pads, .count = 2 * axes},
                                          {.name = "group", .kind = SOCLE_ATTRIBUTE_INT, .i = s->groups}};
    socle_value inputs[2];
    const socle_status status =
        socle_graph_input(graph, "x", SOCLE_FLOAT32, conv ? s->axes + 2 : 2, conv ? s->x : a, NULL, &inputs[0]);
    if (status != SOCLE_OK)
        return status;
    inputs[1] = conv ? random_weights(graph, s->axes + 2, w) : random_weights(graph, 2, b);
    if (inputs[1] == SOCLE_NO_VALUE)
        return SOCLE_OUT_OF_MEMORY;
    return socle_graph_node(graph, conv ? "Conv" : "MatMul", NULL, "bench", inputs, 2, attributes, conv ? 4 : 0, y, 1);
}

socle_status bench_model(socle_context *context, const char *what, const char *shape, socle_model **model)
{
    const bool conv = strcmp(what, "conv") == 0;
    bench_shape s;
    socle_graph *graph = NULL;
    socle_bench *bench = NULL;
    socle_value y;
    if (!bench_shape_read(what, shape, &s)) /* the library knows how to say it */
        return socle_bench_create(socle_device_at(context, 0), what, shape, NULL, 1, &bench);
    socle_status status = socle_graph_create(context, shape, &graph);
    if (status == SOCLE_OK)
        status = add_operator(graph, conv, &s, &y);
    if (status == SOCLE_OK)
        status = socle_graph_output(graph, y, "y");
    if (status == SOCLE_OK)
        status = socle_model_create(context, graph, model);
    if (status != SOCLE_OK)
        socle_graph_destroy(graph);
    return status;
}
