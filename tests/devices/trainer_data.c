/* Data that a trainer refuses, and losses that are no numbers: what it was and where is named, and nothing is changed. */
#include "../support/training_case.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void check_refused(training_case *c, socle_trainer *trainer, const socle_tensor *x, const socle_tensor *labels,
                          socle_status expected, const char *message)
{
    double loss;
    (void)c;
    cr_assert_eq(socle_trainer_step(trainer, x, 1, labels, &loss), expected, "%s", socle_error_message());
    cr_assert_str_eq(socle_error_message(), message);
}

Test(trainer_data, labels_and_shapes_that_do_not_fit_are_named)
{
    training_case c;
    training_case_start(&c, NETWORK_MLP);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = training_case_open_alone(&c, &options);
    socle_tensor x = training_case_inputs(&c, 0, CASE_ROWS), labels = training_case_labels(&c, 0, CASE_ROWS);
    c.labels[0][7] = CASE_CLASSES;
    check_refused(&c, trainer, &x, &labels, SOCLE_INVALID_ARGUMENT, "the label of row 7 is 4: it must be from 0 to 3");
    c.labels[0][7] = -2;
    check_refused(&c, trainer, &x, &labels, SOCLE_INVALID_ARGUMENT, "the label of row 7 is -2: it must be from 0 to 3");
    c.labels[0][7] = 0;
    labels.dims[0]--;
    check_refused(&c, trainer, &x, &labels, SOCLE_SHAPE_MISMATCH,
                  "labels: dimension 0 is 12, the tensor given for them has 11 there");
    labels.dims[0]++;
    x.dims[1] = 19;
    check_refused(&c, trainer, &x, &labels, SOCLE_SHAPE_MISMATCH,
                  "input 'x': dimension 1 is 20, the tensor given for it has 19 there");
    x.dims[1] = 20;
    x.dtype = SOCLE_FLOAT64;
    check_refused(&c, trainer, &x, &labels, SOCLE_TYPE_MISMATCH, "input 'x' is float32, the tensor given for it is float64");
    cr_assert_eq(socle_trainer_steps(trainer), 0);
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}

static void expect_not_finite(socle_status status, const char *what)
{
    cr_assert_eq(status, SOCLE_NOT_FINITE, "%s", socle_error_message());
    cr_assert(strstr(socle_error_message(), what) != NULL, "%s", socle_error_message());
}

Test(trainer_data, an_input_that_is_no_number_stops_with_the_step_and_leaves_the_weights)
{
    training_case c;
    float before[17 * 20], after[17 * 20];
    double loss;
    training_case_start(&c, NETWORK_MLP);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = training_case_open_alone(&c, &options);
    training_case_step(&c, trainer, 0, CASE_ROWS);
    training_case_read(trainer, "w1", before);
    c.x[1][33] = NAN;
    const socle_tensor x = training_case_inputs(&c, 1, CASE_ROWS), labels = training_case_labels(&c, 1, CASE_ROWS);
    expect_not_finite(socle_trainer_step(trainer, &x, 1, &labels, &loss),
                      "step 2: the loss is not finite; the first tensor that is not is input 'x'");
    training_case_read(trainer, "w1", after);
    cr_assert_eq(memcmp(before, after, sizeof(before)), 0);
    cr_assert_eq(socle_trainer_steps(trainer), 1);
    training_case_step(&c, trainer, 2, CASE_ROWS); /* the trainer goes on */
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}

Test(trainer_data, a_value_that_overflows_is_named)
{
    training_case c;
    double loss;
    training_case_start(&c, NETWORK_MLP);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = training_case_open_alone(&c, &options);
    const char *hidden = c.model->graph->values[c.model->graph->nodes[0].outputs[0]].name;
    for (int64_t i = 0; i < CASE_ROWS * 20; i++)
        c.x[0][i] = 3e38f;
    char expected[128];
    snprintf(expected, sizeof(expected), "step 1: the loss is not finite; the first tensor that is not is value '%s'", hidden);
    const socle_tensor x = training_case_inputs(&c, 0, CASE_ROWS), labels = training_case_labels(&c, 0, CASE_ROWS);
    expect_not_finite(socle_trainer_step(trainer, &x, 1, &labels, &loss), expected);
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}

Test(trainer_data, a_weight_that_is_no_number_is_named_also_when_steps_are_not_waited_for)
{
    training_case c;
    float content[4 * 17];
    training_case_start(&c, NETWORK_MLP);
    const socle_trainer_options options = training_case_options();
    socle_trainer *trainer = training_case_open_alone(&c, &options);
    trainer->first->executors[0]->exchange = EXCHANGE_COPY; /* the way on which steps run ahead */
    const socle_tensor x = training_case_inputs(&c, 0, CASE_ROWS), labels = training_case_labels(&c, 0, CASE_ROWS);
    training_case_read(trainer, "w2", content);
    content[3] = INFINITY;
    cr_assert_eq(trainer_state_write(trainer, training_case_state(trainer, "w2"), content), SOCLE_OK);
    socle_status status = SOCLE_OK;
    for (int i = 0; i < 2 * TRAINER_AHEAD && status == SOCLE_OK; i++)
        status = socle_trainer_step(trainer, &x, 1, &labels, NULL);
    expect_not_finite(status, "step 1: the loss is not finite; the first tensor that is not is weight 'w2'");
    socle_trainer_destroy(trainer);
    training_case_finish(&c);
}
