/* Host tensors of a command: the inputs and outputs of a model, and training data. */
#ifndef SOCLE_COMMAND_TENSORS_H
#define SOCLE_COMMAND_TENSORS_H

#include "command.h"

/* ---- a session's inputs and outputs (session_io.c) ---- */

#define MAX_VALUES 64

typedef struct session_io {
    socle_tensor inputs[MAX_VALUES], outputs[MAX_VALUES];
    char *input_names[MAX_VALUES], *output_names[MAX_VALUES];
    int input_count, output_count;
} session_io;

/* Inputs from NAME=FILE.npy; the others random where seed is not NULL, else an error. subcommand: for messages. */
int session_io_open(const char *subcommand, socle_session *session, const socle_model *model, const text_list *files,
                    const int64_t *seed, session_io *io);
/* Writes outputs to NAME=FILE.npy. */
int session_io_save(const session_io *io, const text_list *files);
void session_io_close(session_io *io);
/* The shapes of the NPY files named as bindings, for a plan that fits them: file shapes go before `bindings` in order. */
int session_io_bind(const socle_model *model, const text_list *files, socle_shape_binding *bindings, int *count);
json_t *shape_json(const socle_tensor *tensor);
/* The devices of a session or trainer with their shares. */
json_t *placement_json(const socle_session_times *times);

/* ---- training data (training_data.c) ---- */

typedef struct training_data {
    socle_tensor x, y; /* owned; row i of both belongs together */
    int64_t rows;
} training_data;

typedef struct data_options {
    const char *data, *labels, *validation_data, *validation_labels;
    int64_t label_column;
    int has_label_column;
    double scale, validation_split;
} data_options;

/* Reads rows in the shapes and types that the model and the loss want; validation->rows 0: none. */
int training_data_open(const data_options *options, const socle_model *model, socle_loss loss, training_data *train,
                       training_data *validation);
void training_data_close(training_data *data);
/* Rows first..first+count of `order` (NULL: in place) as tensors; buffers hold a batch. */
void training_data_batch(const training_data *data, const int64_t *order, int64_t first, int64_t count, void *x_buffer,
                         void *y_buffer, socle_tensor *x, socle_tensor *y);
size_t row_bytes(const socle_tensor *tensor);

#endif
