/* What changes from step to step: the learning rate, bias corrections, shares of accumulated batches, seeds. */
#include "trainer.h"

#include <math.h>

/* As PyTorch's StepLR, CosineAnnealingLR and LinearLR down to 0, counted in updates. */
double trainer_learning_rate(const socle_trainer_options *options, int64_t steps)
{
    const double total = options->schedule_steps > 0 ? (double)options->schedule_steps : 1;
    const double done = fmin((double)steps / total, 1);
    switch (options->schedule) {
    case SOCLE_SCHEDULE_STEP:
        return options->lr * pow(options->schedule_gamma, floor((double)steps / total));
    case SOCLE_SCHEDULE_COSINE:
        return options->lr * 0.5 * (1 + cos(M_PI * done));
    case SOCLE_SCHEDULE_LINEAR:
        return options->lr * (1 - done);
    default:
        return options->lr;
    }
}

void trainer_fill_hyper(const socle_trainer *t, int64_t rows, pending_step *step)
{
    const socle_trainer_options *o = &t->options;
    const double share = (double)rows / (double)o->batch, next = (double)(t->steps + 1);
    step->hyper[HYPER_LR] = (float)trainer_learning_rate(o, t->steps);
    step->hyper[HYPER_CORRECTION1] = (float)(1 / (1 - pow(o->beta1, next)));
    step->hyper[HYPER_CORRECTION2] = (float)(1 / sqrt(1 - pow(o->beta2, next)));
    step->hyper[HYPER_BATCH_WEIGHT] = (float)share;
    step->hyper[HYPER_GRADIENT_SCALE] = (float)(1 / (t->weight + share));
    step->update = trainer_updates_now(t);
    step->hyper[HYPER_UPDATE] = step->update;
    for (int i = 0; i < t->device_count; i++)
        step->seed[i] = trainer_seed(t, i);
    step->number = t->steps + 1;
}

/* Another mask for every batch and device, the same ones when a run is repeated or resumed. */
int32_t trainer_seed(const socle_trainer *t, int device)
{
    const uint64_t parts[] = {t->options.seed, (uint64_t)t->batches, (uint64_t)device};
    return (int32_t)hash_bytes(parts, sizeof(parts)).low;
}

void trainer_count(socle_trainer *t, int64_t rows)
{
    const bool updated = trainer_updates_now(t);
    t->batches++;
    t->accumulated = updated ? 0 : t->accumulated + 1;
    t->weight = updated ? 0 : t->weight + (double)rows / (double)t->options.batch;
    t->steps += updated;
}
