/* Small networks with data to train them on, and the oracle's training of them. */
#ifndef SOCLE_TESTS_TRAINING_CASE_H
#define SOCLE_TESTS_TRAINING_CASE_H

#include "../../lib/run/trainer.h"

/* What float32 may differ from the oracle. */
#define CASE_LOSS_TOLERANCE 2e-5
#define CASE_WEIGHT_TOLERANCE 1e-4

enum { CASE_ROWS = 12, CASE_CLASSES = 4, CASE_MAX_FEATURES = 72, CASE_STEPS = 6 };

typedef enum training_network {
    NETWORK_MLP,     /* two dense layers and a relu */
    NETWORK_CNN,     /* convolution, batch normalization, pooling, dense */
    NETWORK_DROPOUT, /* dense layers with dropout and layer normalization between */
    NETWORK_COUNT
} training_network;

typedef struct training_case {
    int64_t live_before; /* allocations, to see that nothing is left */
    socle_context *context;
    socle_model *model;
    training_network network;
    int64_t features; /* of one row */
    float x[CASE_STEPS][CASE_ROWS * CASE_MAX_FEATURES];
    int64_t labels[CASE_STEPS][CASE_ROWS];
} training_case;

void training_case_start(training_case *c, training_network network);
void training_case_finish(training_case *c);
const char *training_case_name(training_network network);
/* Batch number `batch` with its first rows. */
socle_tensor training_case_inputs(training_case *c, int batch, int64_t rows);
socle_tensor training_case_labels(training_case *c, int batch, int64_t rows);
socle_trainer_options training_case_options(void);
socle_trainer *training_case_open(training_case *c, const socle_trainer_options *options);
/* On the first of its devices alone: masks of dropout depend on how rows are shared out. */
socle_trainer *training_case_open_alone(training_case *c, const socle_trainer_options *options);
/* Moves the trainer to these devices with these shares, as socle_trainer_create does with what measured fastest. */
void training_case_place(socle_trainer *t, int count, socle_device *const *devices, const double *shares);
const trainer_state *training_case_state(const socle_trainer *t, const char *name);
void training_case_read(socle_trainer *t, const char *name, float *to);
/* One step by the trainer; the loss. */
double training_case_step(training_case *c, socle_trainer *trainer, int batch, int64_t rows);
/* The losses of CASE_STEPS steps with these options by the oracle; weights: the content of `weight` afterwards (room for 512). */
void training_case_expected(training_case *c, const socle_trainer_options *options, double *losses, const char *weight,
                            double *weights, int64_t *count);

#endif
