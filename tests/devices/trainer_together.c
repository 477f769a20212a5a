/* Training on two devices together: losses and weights are those of one, with any shares and any number of rows. */
#include "../support/training_case.h"

#include <criterion/criterion.h>
#include <string.h>

/* Two halves of the first device that can be split; false when there is none. */
static bool find_two(training_case *c, socle_device **parts)
{
    for (int i = 0; i < socle_device_count(c->context); i++) {
        socle_device *device = socle_device_at(c->context, i);
        const socle_device_info *info = socle_device_get_info(device);
        if (info->status == SOCLE_DEVICE_OK && info->max_sub_devices >= 2 &&
            socle_device_split(device, 2, NULL, parts) == SOCLE_OK)
            return true;
    }
    return false;
}

static socle_trainer *open_together(training_case *c, const socle_trainer_options *options, double first_share)
{
    socle_device *parts[2];
    if (!find_two(c, parts))
        cr_skip_test("no device that can be split");
    socle_trainer *t = training_case_open(c, options);
    training_case_place(t, 2, parts, (const double[]){first_share, 1 - first_share});
    return t;
}

static void check_together(training_network network, socle_trainer_options options, double share, const char *weight)
{
    training_case c;
    double losses[CASE_STEPS], weights[512];
    float made[512], other[512];
    int64_t count;
    training_case_start(&c, network);
    training_case_expected(&c, &options, losses, weight, weights, &count);
    socle_trainer *trainer = open_together(&c, &options, share);
    for (int i = 0; i < CASE_STEPS; i++) {
        const double loss = training_case_step(&c, trainer, i, CASE_ROWS);
        cr_assert_float_eq(loss, losses[i], CASE_LOSS_TOLERANCE * (1 + losses[i]), "step %d: loss %.9g instead of %.9g", i, loss,
                           losses[i]);
    }
    const trainer_state *state = training_case_state(trainer, weight);
    cr_assert_eq(executor_state_read(trainer->first->executors[0], weight, made, state->size_bytes), SOCLE_OK);
    cr_assert_eq(executor_state_read(trainer->first->executors[1], weight, other, state->size_bytes), SOCLE_OK);
    cr_assert_eq(memcmp(made, other, state->size_bytes), 0, "the devices' weights differ");
    for (int64_t i = 0; i < count; i++)
        cr_assert_float_eq(made[i], weights[i], CASE_WEIGHT_TOLERANCE);
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}

Test(trainer_together, two_devices_with_unequal_shares_train_as_one)
{
    check_together(NETWORK_MLP, training_case_options(), 0.5, "w1");
    check_together(NETWORK_MLP, training_case_options(), 0.75, "w1");
}

Test(trainer_together, two_devices_accumulate_and_clip_as_one)
{
    socle_trainer_options options = training_case_options();
    options.accumulate = 2;
    options.clip_norm = 0.1;
    options.optimizer = SOCLE_ADAM;
    options.lr = 0.01;
    check_together(NETWORK_MLP, options, 0.6, "w2");
}

Test(trainer_together, two_devices_take_batches_of_any_size)
{
    training_case c;
    training_case_start(&c, NETWORK_MLP);
    const socle_trainer_options options = training_case_options();
    socle_trainer *alone = training_case_open_alone(&c, &options), *both = open_together(&c, &options, 0.6);
    for (int64_t rows = CASE_ROWS; rows > 0; rows -= 4 + rows % 3) {
        const double expected = training_case_step(&c, alone, 0, rows), loss = training_case_step(&c, both, 0, rows);
        cr_assert_float_eq(loss, expected, CASE_LOSS_TOLERANCE * (1 + expected), "%d rows", (int)rows);
    }
    const double expected = training_case_step(&c, alone, 1, 1), loss = training_case_step(&c, both, 1, 1);
    cr_assert_float_eq(loss, expected, CASE_LOSS_TOLERANCE * (1 + expected));
    socle_trainer_destroy(both);
    socle_trainer_destroy(alone);
    training_case_finish(&c);
}
