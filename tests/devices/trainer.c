/* Training on the real devices: losses and weights are the oracle's, whatever the network and the device. */
#include "../support/training_case.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* The trainer's losses and one of its weights against the oracle's. */
static void check_run(training_case *c, const socle_trainer_options *options, const char *weight)
{
    double losses[CASE_STEPS], weights[512];
    float made[512];
    int64_t count;
    training_case_expected(c, options, losses, weight, weights, &count);
    socle_trainer *trainer = training_case_open_alone(c, options);
    for (int i = 0; i < CASE_STEPS; i++) {
        const double loss = training_case_step(c, trainer, i, CASE_ROWS);
        cr_assert_float_eq(loss, losses[i], CASE_LOSS_TOLERANCE * (1 + losses[i]), "%s on %s, step %d: loss %.9g instead of %.9g",
                           training_case_name(c->network), socle_trainer_placement(trainer), i, loss, losses[i]);
    }
    training_case_read(trainer, weight, made);
    for (int64_t i = 0; i < count; i++)
        cr_assert_float_eq(made[i], weights[i], CASE_WEIGHT_TOLERANCE, "%s, %s[%d]: %.9g instead of %.9g",
                           training_case_name(c->network), weight, (int)i, made[i], weights[i]);
    socle_trainer_destroy(trainer);
}

static void check_on_every_device(training_network network, socle_trainer_options options, const char *weight)
{
    training_case c;
    int tried = 0;
    training_case_start(&c, network);
    for (int i = 0; i < socle_device_count(c.context); i++) {
        const socle_device_info *info = socle_device_get_info(socle_device_at(c.context, i));
        if (info->status != SOCLE_DEVICE_OK)
            continue;
        options.devices = info->id;
        check_run(&c, &options, weight);
        tried++;
    }
    cr_assert_gt(tried, 0, "no usable device");
    training_case_finish(&c);
}

Test(trainer, an_mlp_is_trained_as_by_the_oracle_on_every_device)
{
    check_on_every_device(NETWORK_MLP, training_case_options(), "w1");
}

Test(trainer, a_convolution_with_batch_normalization_is_trained_as_by_the_oracle_on_every_device)
{
    check_on_every_device(NETWORK_CNN, training_case_options(), "kernel");
}

Test(trainer, dropout_and_layer_normalization_are_trained_as_by_the_oracle_on_every_device)
{
    check_on_every_device(NETWORK_DROPOUT, training_case_options(), "w1");
}

Test(trainer, running_statistics_follow_the_batches)
{
    check_on_every_device(NETWORK_CNN, training_case_options(), "running_variance");
}

Test(trainer, adam_with_clipping_weight_decay_and_a_schedule)
{
    socle_trainer_options options = training_case_options();
    options.optimizer = SOCLE_ADAMW;
    options.weight_decay = 0.05;
    options.clip_norm = 0.5;
    options.lr = 0.01;
    options.schedule = SOCLE_SCHEDULE_COSINE;
    options.schedule_steps = 2 * CASE_STEPS;
    check_on_every_device(NETWORK_MLP, options, "w2");
}

Test(trainer, accumulated_batches_update_together)
{
    socle_trainer_options options = training_case_options();
    options.accumulate = 3;
    check_on_every_device(NETWORK_MLP, options, "b1");
}

Test(trainer, steps_that_are_not_waited_for_come_to_the_same_weights)
{
    training_case c;
    float waited[17 * 20], ahead[17 * 20];
    const socle_trainer_options options = training_case_options();
    training_case_start(&c, NETWORK_MLP);
    for (int round = 0; round < 2; round++) {
        socle_trainer *trainer = training_case_open_alone(&c, &options);
        trainer->first->executors[0]->exchange = EXCHANGE_COPY; /* the way on which steps run ahead */
        for (int i = 0; i < 4 * CASE_STEPS; i++) {
            const int batch = i % CASE_STEPS;
            float copy[CASE_ROWS * 20];
            const int64_t rows = i % 5 == 4 ? 7 : CASE_ROWS; /* another size now and then */
            memcpy(copy, c.x[batch], sizeof(copy));
            const socle_tensor x = socle_tensor_f32(copy, 2, (int64_t[]){rows, 20}),
                               labels = training_case_labels(&c, batch, rows);
            double loss;
            cr_assert_eq(socle_trainer_step(trainer, &x, 1, &labels, round == 0 ? &loss : NULL), SOCLE_OK, "%s",
                         socle_error_message());
            memset(copy, 0x7f, sizeof(copy)); /* the host may do what it likes with its memory */
        }
        cr_assert_eq(socle_trainer_steps(trainer), 4 * CASE_STEPS);
        training_case_read(trainer, "w1", round == 0 ? waited : ahead);
        socle_trainer_destroy(trainer);
    }
    cr_assert_eq(memcmp(waited, ahead, sizeof(waited)), 0);
    training_case_finish(&c);
}

Test(trainer, options_out_of_range_are_named)
{
    training_case c;
    socle_trainer *trainer = NULL;
    socle_trainer_options options = training_case_options();
    training_case_start(&c, NETWORK_MLP);
    options.batch = 0;
    cr_assert_eq(socle_trainer_create(c.context, c.model, &options, &trainer), SOCLE_INVALID_ARGUMENT);
    cr_assert_str_eq(socle_error_message(), "socle_trainer_create: batch must be at least 1");
    options = training_case_options();
    options.momentum = 0;
    options.nesterov = 1;
    cr_assert_eq(socle_trainer_create(c.context, c.model, &options, &trainer), SOCLE_INVALID_ARGUMENT);
    cr_assert_str_eq(socle_error_message(), "socle_trainer_create: nesterov must be used with SGD and a momentum");
    cr_assert_null(trainer);
    training_case_finish(&c);
}

Test(trainer, a_step_of_two_dense_layers_is_a_dozen_kernels)
{
    training_case c;
    training_case_start(&c, NETWORK_MLP);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = training_case_open_alone(&c, &options);
    const device_plan *plan = trainer->first->executors[0]->plan;
    cr_assert_leq(plan->steps.count, 13, "a step takes %d launches:\n%s", plan->steps.count,
                  socle_plan_print(socle_trainer_plan(trainer), SOCLE_PLAN_TEXT));
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}
