/* Training: forward, loss, backward and update, on one device or on shards of the batch over several. */
#ifndef SOCLE_TRAINER_H
#define SOCLE_TRAINER_H

#include <socle/session.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum socle_loss {
    SOCLE_LOSS_CROSS_ENTROPY, /* logits [n, classes, ...] and int64 labels [n, ...]; mean over labels */
    SOCLE_LOSS_MSE,           /* mean of squared differences; labels as the output */
    SOCLE_LOSS_BCE            /* logits and labels in 0..1; mean of the binary cross entropy with logits */
} socle_loss;

typedef enum socle_optimizer { SOCLE_SGD, SOCLE_ADAM, SOCLE_ADAMW } socle_optimizer;
typedef enum socle_schedule {
    SOCLE_SCHEDULE_CONSTANT,
    SOCLE_SCHEDULE_STEP,
    SOCLE_SCHEDULE_COSINE,
    SOCLE_SCHEDULE_LINEAR
} socle_schedule;

typedef struct socle_trainer_options {
    size_t size;
    socle_loss loss;
    socle_optimizer optimizer;
    double lr, momentum, beta1, beta2, epsilon, weight_decay; /* as in PyTorch's optimizers */
    int nesterov;
    socle_schedule schedule;
    int64_t schedule_steps; /* cosine, linear: total steps; step: steps between drops */
    double schedule_gamma;  /* step: factor of each drop */
    double clip_norm;       /* global L2 norm of the gradients; 0: off */
    int64_t batch;          /* rows of a full batch */
    int accumulate;         /* batches per update; 0 or 1: every batch */
    uint64_t seed;          /* dropout */
    int deterministic;
    const char *devices; /* NULL or "auto": the fastest measured set; else "ID,ID" */
    double budget_s;     /* for choosing devices; < 0: 2 s */
    int check_finite;    /* 1 (default): stop with NOT_FINITE, the step and the first such tensor's name */
    int strict_accuracy; /* as in socle_plan_options */
    int allow_tf32;      /* as in socle_plan_options */
} socle_trainer_options;

#define SOCLE_TRAINER_OPTIONS_INIT                                                                                               \
    {                                                                                                                            \
        sizeof(socle_trainer_options), SOCLE_LOSS_CROSS_ENTROPY, SOCLE_SGD, 0.01, 0.0, 0.9, 0.999, 1e-8, 0.0, 0,                 \
            SOCLE_SCHEDULE_CONSTANT, 0, 0.1, 0.0, 32, 1, 0, 0, 0, -1.0, 1, 0, 0                                                  \
    }

typedef struct socle_trainer socle_trainer;

/* Plans and compiles training of the model's first output against labels. The model itself is not changed; destroy it
 * after the trainer. A trainer is used from one thread at a time. */
SOCLE_API socle_status socle_trainer_create(socle_context *context, const socle_model *model,
                                            const socle_trainer_options *options, socle_trainer **trainer);
SOCLE_API void socle_trainer_destroy(socle_trainer *trainer);

/* One batch (any number of rows up to `batch`; other sizes are planned on first use). loss (may be NULL): the batch's mean
 * loss; passing NULL lets steps be enqueued without waiting. Errors: NOT_FINITE, SHAPE_MISMATCH, DEVICE_LOST,
 * INVALID_ARGUMENT for a label out of range (with its row and value). */
SOCLE_API socle_status socle_trainer_step(socle_trainer *trainer, const socle_tensor *inputs, int input_count,
                                          const socle_tensor *labels, double *loss);

/* Mean loss and, for cross entropy, accuracy (share of rows whose largest logit is the label; < 0 for other losses) over
 * data of any number of rows, in inference form. */
SOCLE_API socle_status socle_trainer_evaluate(socle_trainer *trainer, const socle_tensor *inputs, int input_count,
                                              const socle_tensor *labels, double *loss, double *accuracy);

SOCLE_API double socle_trainer_lr(const socle_trainer *trainer);             /* of the next step */
SOCLE_API int64_t socle_trainer_steps(const socle_trainer *trainer);         /* updates done */
SOCLE_API const char *socle_trainer_placement(const socle_trainer *trainer); /* devices, shares, figures, reason */
SOCLE_API void socle_trainer_get_times(const socle_trainer *trainer, socle_session_times *times);
SOCLE_API socle_plan *socle_trainer_plan(const socle_trainer *trainer);

/* A new model with the present weights, in inference form (dropout inert, batch normalization with its running
 * statistics), every initializer under its own name. The caller owns *trained. */
SOCLE_API socle_status socle_trainer_model(socle_trainer *trainer, socle_model **trained);

/* Weights, optimizer state, step and random state, into DIR/checkpoint.safetensors (written beside, synced, renamed) and back. */
SOCLE_API socle_status socle_trainer_save(socle_trainer *trainer, const char *directory);
SOCLE_API socle_status socle_trainer_restore(socle_trainer *trainer, const char *directory);

#ifdef __cplusplus
}
#endif
#endif
