/* Layers with new weights: dense and convolution, He-uniform as in He et al., "Delving Deep into Rectifiers", 2015. */
#include "build.h"

#include <math.h>

/* splitmix64 (Steele, Lea, Flood, 2014): one 64-bit number per step of the state. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in [-bound, bound), the same for the same seed and name. */
static void fill_uniform(float *out, int64_t count, double bound, uint64_t seed, const char *name)
{
    uint64_t state = seed ^ hash_string(name).low;
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)(((double)(next_random(&state) >> 11) * 0x1p-53 * 2 - 1) * bound);
}

/* A trainable float32 initializer "name.suffix"; bound 0: zeros. */
static socle_value new_weight(socle_graph *graph, const char *name, const char *suffix, int rank, const int64_t *dims,
                              double bound, uint64_t seed)
{
    socle_value value = SOCLE_NO_VALUE;
    int64_t count = 1, bytes;
    for (int d = 0; d < rank; d++) {
        if (dims[d] < 1 || !multiply_fits(count, dims[d], &count) || !multiply_fits(count, sizeof(float), &bytes)) {
            socle_fail(SOCLE_INVALID_ARGUMENT, "layer '%s': dimension %d of its %s is %lld", name, d, suffix, (long long)dims[d]);
            return SOCLE_NO_VALUE;
        }
    }
    float *data = memory_alloc_array((size_t)count, sizeof(*data));
    char *full = memory_format("%s.%s", name, suffix);
    if (data != NULL && full != NULL) {
        if (bound > 0)
            fill_uniform(data, count, bound, seed, full);
        const socle_tensor tensor = socle_tensor_f32(data, rank, dims);
        (void)socle_graph_initializer(graph, full, &tensor, 1, &value);
    }
    memory_free(full);
    memory_free(data);
    return value;
}

/* x's dimension d, or -1 with the message set. */
static int64_t known_dim(const socle_graph *graph, const char *name, socle_value x, int least_rank, int d)
{
    const graph_type *type = &graph->values[x].type;
    const int at = d < 0 ? type->rank + d : d;
    if (type->rank < least_rank || at < 0 || type->dims[at] < 1) {
        socle_fail(SOCLE_SHAPE_MISMATCH, "layer '%s': its input needs at least %d dimensions, and dimension %d known", name,
                   least_rank, d);
        return -1;
    }
    return type->dims[at];
}

static bool arguments_ok(const socle_graph *graph, const char *name, socle_value x, const char *call)
{
    if (x == SOCLE_NO_VALUE)
        return false; /* handed on: the message is the earlier call's */
    if (graph == NULL || name == NULL || name[0] == 0 || x < 0 || x >= graph->value_count) {
        socle_fail(SOCLE_INVALID_ARGUMENT, "%s: no graph, no name or no value", call);
        return false;
    }
    return true;
}

socle_value socle_graph_dense(socle_graph *graph, const char *name, socle_value x, int64_t units, uint64_t seed)
{
    socle_value y = SOCLE_NO_VALUE;
    if (!arguments_ok(graph, name, x, "socle_graph_dense"))
        return SOCLE_NO_VALUE;
    const int64_t features = known_dim(graph, name, x, 2, -1);
    if (features < 0)
        return SOCLE_NO_VALUE;
    const bool matrix = graph->values[x].type.rank == 2;
    const socle_value w =
        new_weight(graph, name, "weight", 2, (const int64_t[]){units, features}, sqrt(6.0 / (double)features), seed);
    const socle_value b = w < 0 ? SOCLE_NO_VALUE : new_weight(graph, name, "bias", 1, &units, 0, seed);
    if (b < 0)
        return SOCLE_NO_VALUE;
    if (matrix) {
        const socle_attribute attributes[] = {ATTRIBUTE_INT("transB", 1)};
        (void)socle_graph_node(graph, "Gemm", NULL, name, (const socle_value[]){x, w, b}, 3, attributes, 1, &y, 1);
        return y;
    }
    const socle_value product = socle_graph_binary(graph, "MatMul", x, socle_graph_unary(graph, "Transpose", w));
    if (product != SOCLE_NO_VALUE)
        (void)socle_graph_node(graph, "Add", NULL, name, (const socle_value[]){product, b}, 2, NULL, 0, &y, 1);
    return y;
}

socle_value socle_graph_conv2d(socle_graph *graph, const char *name, socle_value x, int64_t channels, int64_t kernel,
                               int64_t stride, int64_t padding, uint64_t seed)
{
    socle_value y = SOCLE_NO_VALUE;
    if (!arguments_ok(graph, name, x, "socle_graph_conv2d"))
        return SOCLE_NO_VALUE;
    const int64_t input_channels = known_dim(graph, name, x, 4, 1);
    if (input_channels < 0)
        return SOCLE_NO_VALUE;
    const int64_t dims[] = {channels, input_channels, kernel, kernel};
    const double fan_in = (double)input_channels * (double)kernel * (double)kernel;
    const socle_value w = new_weight(graph, name, "weight", 4, dims, kernel < 1 ? 0 : sqrt(6.0 / fan_in), seed);
    const socle_value b = w < 0 ? SOCLE_NO_VALUE : new_weight(graph, name, "bias", 1, &channels, 0, seed);
    if (b < 0)
        return SOCLE_NO_VALUE;
    const socle_attribute attributes[] = {ATTRIBUTE_INTS("kernel_shape", dims + 2, 2),
                                          ATTRIBUTE_INTS("strides", ((const int64_t[]){stride, stride}), 2),
                                          ATTRIBUTE_INTS("pads", ((const int64_t[]){padding, padding, padding, padding}), 4)};
    (void)socle_graph_node(graph, "Conv", NULL, name, (const socle_value[]){x, w, b}, 3, attributes, 3, &y, 1);
    return y;
}
