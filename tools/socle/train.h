/* socle train: what its files share. */
#ifndef SOCLE_COMMAND_TRAIN_H
#define SOCLE_COMMAND_TRAIN_H

#include "tensors.h"

typedef struct train_options {
    const char *path, *out, *checkpoint, *history, *plot;
    data_options data;
    socle_trainer_options trainer;
    int loss, optimizer, schedule;
    int64_t epochs, steps, every, seed, accumulate;
    int shuffle, drop_last, resume, json;
} train_options;

/* What happened in each batch; NAN where nothing was measured. */
typedef struct history_row {
    int64_t step, epoch;
    double loss, lr, samples_per_s, validation_loss, validation_accuracy;
} history_row;

typedef struct history {
    history_row *rows;
    int64_t count, capacity;
} history;

bool history_add(history *h, const history_row *row);
/* What an earlier part of the training wrote, up to a step; a file that is not there is no error. */
int history_read(history *h, const char *path, int64_t last_step);
int history_write(const history *h, const char *path);
int history_plot(const history *h, const char *path, const char *title);

/* Fills o from the command line; false: return *status. */
bool train_options_parse(int argc, char **argv, train_options *o, int *status);
extern const char *const loss_names[], *const optimizer_names[];

#endif
