/* Gradients of normalizations, softmax and the losses made of it against finite differences. */
#include "../support/check_gradient.h"

#include <criterion/criterion.h>

Test(gradient_normalization, of_batch_normalization_with_the_batchs_statistics)
{
    gradient_check c;
    check_start(&c);
    const float running[] = {0.1f, -0.2f, 0.3f}, variance[] = {1, 2, 0.5f};
    const value_id inputs[] = {check_input(&c, -1, 1, DIMS(3, 3, 2, 2)), check_input(&c, 0.5, 2, DIMS(3)),
                               check_input(&c, -1, 1, DIMS(3)), check_floats(&c, running, DIMS(3)),
                               check_floats(&c, variance, DIMS(3))};
    const socle_attribute training = ATTRIBUTE_INT("training_mode", 1);
    check_gradients(&c, graph_add(c.graph, "", "BatchNormalization", inputs, 5, &training, 1, 3));
    check_finish(&c);
}

Test(gradient_normalization, of_batch_normalization_with_the_batchs_statistics_twice)
{
    gradient_check c;
    check_start(&c);
    const float running[] = {0, 0}, variance[] = {1, 1};
    const value_id inputs[] = {check_input(&c, -1, 1, DIMS(3, 2, 2)), check_input(&c, 0.5, 2, DIMS(2)),
                               check_input(&c, -1, 1, DIMS(2)), check_floats(&c, running, DIMS(2)),
                               check_floats(&c, variance, DIMS(2))};
    const socle_attribute training = ATTRIBUTE_INT("training_mode", 1);
    check_second_gradients(&c, graph_add(c.graph, "", "BatchNormalization", inputs, 5, &training, 1, 3));
    check_finish(&c);
}

Test(gradient_normalization, of_every_result_of_batch_normalize)
{
    for (int output = 0; output < 4; output++) {
        gradient_check c;
        check_start(&c);
        const value_id inputs[] = {check_input(&c, -1, 1, DIMS(3, 2, 2, 2)), check_input(&c, 0.5, 2, DIMS(2)),
                                   check_input(&c, -1, 1, DIMS(2))};
        const value_id y = graph_add(c.graph, "socle", "BatchNormalize", inputs, 3, NULL, 0, 4);
        const value_id *outputs = c.graph->nodes[c.graph->values[y].producer].outputs;
        check_gradients(&c, graph_unary(c.graph, "Sin", outputs[output]));
        check_finish(&c);
    }
}

Test(gradient_normalization, of_batch_normalization_with_given_statistics_reaches_all_five_inputs)
{
    gradient_check c;
    check_start(&c);
    const value_id inputs[] = {check_input(&c, -1, 1, DIMS(2, 3, 4)), check_input(&c, 0.5, 2, DIMS(3)),
                               check_input(&c, -1, 1, DIMS(3)), check_input(&c, -1, 1, DIMS(3)),
                               check_input(&c, 0.5, 2, DIMS(3))};
    check_gradients(&c, graph_add(c.graph, "", "BatchNormalization", inputs, 5, NULL, 0, 1));
    check_finish(&c);
}

static void check_layer(int64_t axis, int parameter_rank, const int64_t *parameter_dims, int outputs)
{
    gradient_check c;
    check_start(&c);
    const value_id inputs[] = {check_input(&c, -1, 1, DIMS(2, 3, 4)), check_input(&c, 0.5, 2, parameter_rank, parameter_dims),
                               check_input(&c, -1, 1, parameter_rank, parameter_dims)};
    const socle_attribute attribute = ATTRIBUTE_INT("axis", axis);
    check_gradients(&c, graph_add(c.graph, "", "LayerNormalization", inputs, 3, &attribute, 1, outputs));
    check_finish(&c);
}

Test(gradient_normalization, of_layer_normalization_over_one_and_two_axes)
{
    check_layer(-1, DIMS(4), 1);
    check_layer(-1, DIMS(4), 3);
    check_layer(1, DIMS(3, 4), 1);
    check_layer(1, DIMS(3, 4), 3);
}

Test(gradient_normalization, of_the_statistics_of_layer_normalization)
{
    gradient_check c;
    check_start(&c);
    const float scale[] = {1, 2, 0.5f, 1.5f};
    const value_id inputs[] = {check_input(&c, -1, 1, DIMS(2, 4)), check_floats(&c, scale, DIMS(4))};
    const value_id y = graph_add(c.graph, "", "LayerNormalization", inputs, 2, NULL, 0, 3);
    const value_id *outputs = c.graph->nodes[c.graph->values[y].producer].outputs;
    const value_id mean = outputs[1], inverse = outputs[2];
    check_gradients(&c, graph_binary(c.graph, "Add", graph_binary(c.graph, "Mul", y, mean), inverse));
    check_finish(&c);
}

Test(gradient_normalization, of_layer_normalization_twice)
{
    gradient_check c;
    check_start(&c);
    const float scale[] = {1, 2, 0.5f, 1.5f};
    const value_id inputs[] = {check_input(&c, -1, 1, DIMS(2, 4)), check_floats(&c, scale, DIMS(4))};
    check_second_gradients(&c, graph_add(c.graph, "", "LayerNormalization", inputs, 2, NULL, 0, 3));
    check_finish(&c);
}

Test(gradient_normalization, of_rms_normalization_over_one_and_two_axes_and_twice)
{
    for (int axis = 1; axis < 3; axis++) {
        gradient_check c;
        check_start(&c);
        const value_id inputs[] = {check_input(&c, -1, 1, DIMS(2, 3, 4)), check_input(&c, 0.5, 2, DIMS(4))};
        const socle_attribute attribute = ATTRIBUTE_INT("axis", axis);
        const value_id y = graph_add(c.graph, "", "RMSNormalization", inputs, 2, &attribute, 1, 1);
        if (axis == 1)
            check_gradients(&c, y);
        else
            check_second_gradients(&c, y);
        check_finish(&c);
    }
}

Test(gradient_normalization, of_group_and_instance_normalization)
{
    const socle_attribute groups = ATTRIBUTE_INT("num_groups", 2);
    const char *const ops[] = {"GroupNormalization", "InstanceNormalization"};
    for (int i = 0; i < 2; i++) {
        gradient_check c;
        check_start(&c);
        const value_id inputs[] = {check_input(&c, -1, 1, DIMS(2, 4, 3, 2)), check_input(&c, 0.5, 2, DIMS(4)),
                                   check_input(&c, -1, 1, DIMS(4))};
        check_gradients(&c, graph_add(c.graph, "", ops[i], inputs, 3, &groups, 1 - i, 1));
        check_finish(&c);
    }
}

Test(gradient_normalization, of_softmax_and_log_softmax_along_any_axis)
{
    const char *const ops[] = {"Softmax", "LogSoftmax"};
    for (int i = 0; i < 6; i++) {
        gradient_check c;
        check_start(&c);
        const value_id x = check_input(&c, -2, 2, DIMS(2, 3, 4));
        const socle_attribute axis = ATTRIBUTE_INT("axis", i / 2 - 1);
        check_gradients(&c, graph_add(c.graph, "", ops[i % 2], &x, 1, &axis, 1, 1));
        check_finish(&c);
    }
}

Test(gradient_normalization, of_softmax_twice)
{
    const char *const ops[] = {"Softmax", "LogSoftmax"};
    for (int i = 0; i < 2; i++) {
        gradient_check c;
        check_start(&c);
        check_second_gradients(&c, graph_unary(c.graph, ops[i], check_input(&c, -2, 2, DIMS(2, 4))));
        check_finish(&c);
    }
}

/* ---- losses ---- */

static void check_loss_operator(const char *op, const char *reduction, bool weights, bool ignore)
{
    gradient_check c;
    check_start(&c);
    const int64_t labels[] = {0, 2, 1, 1, 2, 0};
    const float class_weights[] = {0.5f, 2, 1.5f};
    const value_id inputs[] = {check_input(&c, -2, 2, DIMS(2, 3, 3)), check_ints(&c, labels, DIMS(2, 3)),
                               check_floats(&c, class_weights, DIMS(3))};
    const socle_attribute attributes[] = {ATTRIBUTE_STRING("reduction", reduction), ATTRIBUTE_INT("ignore_index", 1)};
    check_gradients(&c, graph_add(c.graph, "", op, inputs, weights ? 3 : 2, attributes, ignore ? 2 : 1, 1));
    check_finish(&c);
}

Test(gradient_normalization, of_cross_entropy_with_every_reduction_weights_and_ignored_labels)
{
    const char *const ops[] = {"SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"};
    const char *const reductions[] = {"mean", "sum", "none"};
    for (int i = 0; i < 24; i++)
        check_loss_operator(ops[i % 2], reductions[i / 2 % 3], i / 6 % 2, i / 12);
}

Test(gradient_normalization, of_the_second_output_of_cross_entropy)
{
    gradient_check c;
    check_start(&c);
    const int64_t labels[] = {0, 2};
    const value_id inputs[] = {check_input(&c, -2, 2, DIMS(2, 3)), check_ints(&c, labels, DIMS(2))};
    const value_id loss = graph_add(c.graph, "", "SoftmaxCrossEntropyLoss", inputs, 2, NULL, 0, 2);
    const value_id log_prob = c.graph->nodes[c.graph->values[loss].producer].outputs[1];
    check_gradients(&c, graph_binary(c.graph, "Mul", graph_unary(c.graph, "Sin", log_prob), loss));
    check_finish(&c);
}
