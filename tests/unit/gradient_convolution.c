/* Gradients of convolutions, of transposed ones and of pooling against finite differences. */
#include "../support/check_gradient.h"

#include <criterion/criterion.h>

typedef struct geometry {
    int64_t group, strides[2], dilations[2], pads[4];
    const char *auto_pad;
} geometry;

static int attributes_of(const geometry *g, socle_attribute *out)
{
    out[0] = ATTRIBUTE_INT("group", g->group);
    out[1] = ATTRIBUTE_INTS("strides", g->strides, 2);
    out[2] = ATTRIBUTE_INTS("dilations", g->dilations, 2);
    out[3] = g->auto_pad != NULL ? ATTRIBUTE_STRING("auto_pad", g->auto_pad) : ATTRIBUTE_INTS("pads", g->pads, 4);
    return 4;
}

static const geometry geometries[] = {
    {1, {1, 1}, {1, 1}, {0, 0, 0, 0}, NULL},         {1, {1, 1}, {1, 1}, {1, 1, 1, 1}, NULL},
    {1, {2, 2}, {1, 1}, {1, 0, 0, 1}, NULL},         {1, {1, 2}, {2, 1}, {2, 0, 1, 1}, NULL},
    {2, {2, 1}, {1, 2}, {1, 1, 1, 1}, NULL},         {4, {1, 1}, {1, 1}, {1, 1, 1, 1}, NULL},
    {1, {2, 2}, {1, 1}, {0, 0, 0, 0}, "SAME_UPPER"}, {2, {2, 2}, {1, 1}, {0, 0, 0, 0}, "SAME_LOWER"},
};

Test(gradient_convolution, of_conv_in_every_geometry)
{
    for (size_t i = 0; i < COUNT_OF(geometries); i++) {
        const geometry *g = &geometries[i];
        socle_attribute attributes[4];
        gradient_check c;
        check_start(&c);
        const value_id inputs[] = {check_input(&c, -1, 1, DIMS(2, 4, 5, 6)), check_input(&c, -1, 1, DIMS(4, 4 / g->group, 3, 2)),
                                   check_input(&c, -1, 1, DIMS(4))};
        check_gradients(&c, graph_add(c.graph, "", "Conv", inputs, 3, attributes, attributes_of(g, attributes), 1));
        check_finish(&c);
    }
}

Test(gradient_convolution, of_conv_in_one_dimension)
{
    gradient_check c;
    check_start(&c);
    const int64_t strides[] = {2}, pads[] = {1, 2};
    const socle_attribute attributes[] = {ATTRIBUTE_INTS("strides", strides, 1), ATTRIBUTE_INTS("pads", pads, 2)};
    const value_id inputs[] = {check_input(&c, -1, 1, DIMS(2, 3, 7)), check_input(&c, -1, 1, DIMS(2, 3, 3))};
    check_gradients(&c, graph_add(c.graph, "", "Conv", inputs, 2, attributes, 2, 1));
    check_finish(&c);
}

Test(gradient_convolution, of_its_gradients_stays_among_convolutions)
{
    gradient_check c;
    check_start(&c);
    const geometry g = {2, {2, 1}, {1, 2}, {1, 0, 1, 1}, NULL};
    socle_attribute attributes[4];
    const value_id inputs[] = {check_input(&c, -1, 1, DIMS(1, 2, 4, 4)), check_input(&c, -1, 1, DIMS(2, 1, 2, 2))};
    check_second_gradients(&c, graph_add(c.graph, "", "Conv", inputs, 2, attributes, attributes_of(&g, attributes), 1));
    check_finish(&c);
}

Test(gradient_convolution, of_conv_transpose_in_every_geometry)
{
    for (size_t i = 0; i < COUNT_OF(geometries); i++) {
        const geometry *g = &geometries[i];
        socle_attribute attributes[5];
        gradient_check c;
        check_start(&c);
        const value_id inputs[] = {check_input(&c, -1, 1, DIMS(2, 4, 3, 4)), check_input(&c, -1, 1, DIMS(4, 3, 3, 2)),
                                   check_input(&c, -1, 1, DIMS(3 * g->group))};
        check_gradients(&c, graph_add(c.graph, "", "ConvTranspose", inputs, 3, attributes, attributes_of(g, attributes), 1));
        check_finish(&c);
    }
}

Test(gradient_convolution, of_conv_transpose_with_output_padding)
{
    gradient_check c;
    check_start(&c);
    const int64_t strides[] = {2, 3}, extra[] = {1, 2};
    const socle_attribute attributes[] = {ATTRIBUTE_INTS("strides", strides, 2), ATTRIBUTE_INTS("output_padding", extra, 2)};
    const value_id inputs[] = {check_input(&c, -1, 1, DIMS(1, 2, 3, 2)), check_input(&c, -1, 1, DIMS(2, 2, 3, 3))};
    check_gradients(&c, graph_add(c.graph, "", "ConvTranspose", inputs, 2, attributes, 2, 1));
    check_finish(&c);
}

static void check_pool(const char *op, const geometry *g, bool ceil, bool include)
{
    gradient_check c;
    check_start(&c);
    const int64_t kernel[] = {3, 2};
    const socle_attribute attributes[] = {ATTRIBUTE_INTS("kernel_shape", kernel, 2),
                                          ATTRIBUTE_INTS("strides", g->strides, 2),
                                          ATTRIBUTE_INTS("dilations", g->dilations, 2),
                                          ATTRIBUTE_INT("ceil_mode", ceil),
                                          g->auto_pad != NULL ? ATTRIBUTE_STRING("auto_pad", g->auto_pad)
                                                              : ATTRIBUTE_INTS("pads", g->pads, 4),
                                          ATTRIBUTE_INT("count_include_pad", include)};
    const value_id x = check_input(&c, -1, 1, DIMS(2, 2, 6, 5));
    check_gradients(&c, graph_add(c.graph, "", op, &x, 1, attributes, op[0] == 'A' ? 6 : 5, 1));
    check_finish(&c);
}

static const geometry pools[] = {{1, {1, 1}, {1, 1}, {0, 0, 0, 0}, NULL},
                                 {1, {2, 2}, {1, 1}, {1, 0, 1, 1}, NULL},
                                 {1, {3, 2}, {1, 2}, {1, 1, 0, 1}, NULL},
                                 {1, {2, 2}, {1, 1}, {0, 0, 0, 0}, "SAME_UPPER"}};

Test(gradient_convolution, of_max_pool_goes_to_the_maximum)
{
    for (size_t i = 0; i < COUNT_OF(pools); i++)
        check_pool("MaxPool", &pools[i], false, false);
    check_pool("MaxPool", &pools[1], true, false);
}

Test(gradient_convolution, of_average_pool_is_spread)
{
    for (size_t i = 0; i < COUNT_OF(pools); i++) {
        check_pool("AveragePool", &pools[i], false, false);
        check_pool("AveragePool", &pools[i], false, true);
    }
    check_pool("AveragePool", &pools[1], true, true);
}

Test(gradient_convolution, of_global_pools)
{
    const char *const ops[] = {"GlobalAveragePool", "GlobalMaxPool"};
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        gradient_check c;
        check_start(&c);
        check_gradients(&c, graph_unary(c.graph, ops[i], check_input(&c, -1, 1, DIMS(2, 3, 4, 3))));
        check_finish(&c);
    }
}

Test(gradient_convolution, of_pools_can_be_differentiated_twice)
{
    const char *const ops[] = {"AveragePool", "MaxPool"};
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        gradient_check c;
        check_start(&c);
        const int64_t kernel[] = {2, 2}, strides[] = {2, 1};
        const socle_attribute attributes[] = {ATTRIBUTE_INTS("kernel_shape", kernel, 2), ATTRIBUTE_INTS("strides", strides, 2)};
        const value_id x = check_input(&c, -1, 1, DIMS(1, 2, 4, 4)), squared = graph_binary(c.graph, "Mul", x, x);
        const value_id y = graph_add(c.graph, "", ops[i], &squared, 1, attributes, 2, 1);
        check_second_gradients(&c, graph_binary(c.graph, "Mul", y, y));
        check_finish(&c);
    }
}
