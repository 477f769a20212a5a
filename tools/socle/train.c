/* socle train: epochs of batches, validation, checkpoints, and what remains of it: the trained model, a history and a plot. */
#include "train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct training {
    const train_options *o;
    socle_context *context;
    socle_model *model;
    socle_trainer *trainer;
    training_data train, validation;
    history history;
    int64_t *order;
    void *x_buffer, *y_buffer;
    int64_t batches_per_epoch, total_updates, total_batches;
    int64_t batch;     /* done so far, of all epochs */
    int64_t samples;   /* of this run, in steps whose time counts */
    double seconds;    /* in steps */
    double loss;       /* last known */
    double epoch_loss; /* sum over the epoch's known ones */
    int64_t epoch_losses;
    int64_t sizes[2]; /* of batches seen: the first step of each size is planned and compiled, its time does not count */
    double validation_loss, validation_accuracy;
    bool stopped;
} training;

/* ---- preparing ---- */

static int plan_epochs(training *t)
{
    const train_options *o = t->o;
    const int64_t batch = o->trainer.batch, rows = t->train.rows;
    t->batches_per_epoch = o->drop_last ? rows / batch : (rows + batch - 1) / batch;
    if (t->batches_per_epoch == 0)
        return usage_error("train", "--drop-last leaves nothing: %lld rows, batches of %lld", (long long)rows, (long long)batch);
    t->total_batches = o->steps > 0 ? o->steps * o->accumulate : o->epochs * t->batches_per_epoch;
    t->total_updates = (t->total_batches + o->accumulate - 1) / o->accumulate;
    const size_t most = (size_t)(batch < rows ? batch : rows);
    t->order = malloc((size_t)rows * sizeof(*t->order));
    t->x_buffer = malloc(most * row_bytes(&t->train.x) + 1);
    t->y_buffer = malloc(most * row_bytes(&t->train.y) + 1);
    return t->order != NULL && t->x_buffer != NULL && t->y_buffer != NULL ? DONE : fail("out of memory: use a smaller batch");
}

/* The order of an epoch depends on the seed and its number alone: a resumed training sees the same rows. */
static void shuffle(training *t, int64_t epoch)
{
    random_state random = {(uint64_t)t->o->seed * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)epoch};
    for (int64_t i = 0; i < t->train.rows; i++)
        t->order[i] = i;
    for (int64_t i = t->train.rows - 1; i > 0; i--) {
        const int64_t k = (int64_t)(random_next(&random) % (uint64_t)(i + 1));
        const int64_t swapped = t->order[i];
        t->order[i] = t->order[k];
        t->order[k] = swapped;
    }
}

static bool has_checkpoint(const char *directory)
{
    struct stat info;
    char path[4096];
    const int length = snprintf(path, sizeof(path), "%s/checkpoint.safetensors", directory);
    return length < (int)sizeof(path) && stat(path, &info) == 0;
}

/* Before hours of training, not after them. */
static int check_outputs(const train_options *o)
{
    const char *const files[] = {o->out, o->history, o->plot};
    struct stat info;
    for (size_t i = 0; i < COUNT_OF(files); i++)
        if (files[i] != NULL && !output_file_possible(files[i]))
            return FAILED;
    if (o->checkpoint != NULL && stat(o->checkpoint, &info) == 0 && !S_ISDIR(info.st_mode))
        return fail("%s: is no folder: name another one for the checkpoint", o->checkpoint);
    return DONE;
}

static int create_trainer(training *t)
{
    socle_trainer_options options = t->o->trainer;
    options.schedule_steps = options.schedule == SOCLE_SCHEDULE_STEP ? (t->total_updates + 2) / 3 : t->total_updates;
    socle_status status = socle_trainer_create(t->context, t->model, &options, &t->trainer);
    if (status != SOCLE_OK)
        return report(status);
    if (!t->o->resume)
        return DONE;
    if (!has_checkpoint(t->o->checkpoint)) {
        fprintf(stderr, "socle: %s: no checkpoint yet: starting anew\n", t->o->checkpoint);
        return DONE;
    }
    status = socle_trainer_restore(t->trainer, t->o->checkpoint);
    if (status != SOCLE_OK)
        return report_file(status);
    t->batch = socle_trainer_steps(t->trainer) * t->o->accumulate;
    return t->o->history != NULL ? history_read(&t->history, t->o->history, t->batch) : DONE;
}

static int prepare(training *t)
{
    const train_options *o = t->o;
    int status = check_outputs(o);
    if (status == DONE)
        status = context_open_usable(NULL, &t->context);
    if (status == DONE)
        status = model_open(t->context, o->path, &t->model);
    if (status != DONE)
        return status;
    if (socle_model_input_count(t->model) != 1) {
        fail("%s: has %d inputs: models with one can be trained from files", o->path, socle_model_input_count(t->model));
        return BAD_FILE;
    }
    status = training_data_open(&o->data, t->model, o->trainer.loss, &t->train, &t->validation);
    if (status == DONE)
        status = plan_epochs(t);
    return status == DONE ? create_trainer(t) : status;
}

/* ---- training ---- */

static int keep_checkpoint(training *t)
{
    const socle_status status = socle_trainer_save(t->trainer, t->o->checkpoint);
    return status == SOCLE_OK ? DONE : report(status);
}

static int validate(training *t)
{
    if (t->validation.rows == 0)
        return DONE;
    const socle_status status =
        socle_trainer_evaluate(t->trainer, &t->validation.x, 1, &t->validation.y, &t->validation_loss, &t->validation_accuracy);
    if (status != SOCLE_OK)
        return report(status);
    if (t->validation_accuracy < 0)
        t->validation_accuracy = NAN;
    return DONE;
}

static double rate_of(const training *t)
{
    return t->seconds > 0 ? (double)t->samples / t->seconds : 0;
}

static void count_time(training *t, int64_t rows, double seconds)
{
    int64_t *size = t->sizes[0] == 0 || t->sizes[0] == rows ? &t->sizes[0] : &t->sizes[1];
    if (*size == rows) {
        t->seconds += seconds;
        t->samples += rows;
    }
    *size = rows;
}

static void print_epoch(const training *t, int64_t epoch)
{
    progress_clear();
    fprintf(stderr, "epoch %lld: loss %.4f", (long long)epoch, t->epoch_loss / (double)t->epoch_losses);
    if (t->validation.rows > 0)
        fprintf(stderr, ", validation loss %.4f", t->validation_loss);
    if (t->validation.rows > 0 && isfinite(t->validation_accuracy))
        fprintf(stderr, ", accuracy %.4f", t->validation_accuracy);
    fprintf(stderr, ", %.0f samples/s\n", rate_of(t));
}

/* After the last batch of an epoch, or of the training. */
static int end_epoch(training *t, int64_t epoch, history_row *row)
{
    const int status = validate(t);
    if (status == DONE && t->validation.rows > 0) {
        row->validation_loss = t->validation_loss;
        row->validation_accuracy = t->validation_accuracy;
    }
    if (status == DONE)
        print_epoch(t, epoch);
    t->epoch_loss = 0;
    t->epoch_losses = 0;
    return status;
}

/* Asking for the loss waits for the devices: without a history only now and then. */
static bool wants_loss(const training *t, double last_asked, bool last_of_epoch)
{
    return t->o->history != NULL || t->o->plot != NULL || last_of_epoch || seconds_now() - last_asked > 0.1;
}

static int train_batch(training *t, int64_t epoch, int64_t within, double *last_asked)
{
    const train_options *o = t->o;
    const int64_t first = within * o->trainer.batch, left = t->train.rows - first;
    const int64_t count = left < o->trainer.batch ? left : o->trainer.batch;
    const bool last = within + 1 == t->batches_per_epoch || t->batch + 1 == t->total_batches;
    const bool ask = wants_loss(t, *last_asked, last);
    history_row row = {.step = t->batch + 1,
                       .epoch = epoch,
                       .loss = NAN,
                       .lr = socle_trainer_lr(t->trainer),
                       .validation_loss = NAN,
                       .validation_accuracy = NAN};
    socle_tensor x, y;
    training_data_batch(&t->train, o->shuffle ? t->order : NULL, first, count, t->x_buffer, t->y_buffer, &x, &y);
    const double start = seconds_now();
    const socle_status stepped = socle_trainer_step(t->trainer, &x, 1, &y, ask ? &row.loss : NULL);
    const double taken = seconds_now() - start;
    if (stepped != SOCLE_OK)
        return report(stepped);
    count_time(t, count, taken);
    t->batch++;
    row.samples_per_s = (double)count / taken;
    if (ask) {
        t->loss = row.loss;
        t->epoch_loss += row.loss;
        t->epoch_losses++;
        *last_asked = seconds_now();
    }
    progress_show((double)t->batch / (double)t->total_batches, "epoch %lld  loss %.4f  %.0f samples/s", (long long)epoch, t->loss,
                  rate_of(t));
    int status = last ? end_epoch(t, epoch, &row) : DONE;
    if (status == DONE && (o->history != NULL || o->plot != NULL) && !history_add(&t->history, &row))
        status = fail("out of memory: the history is too long");
    const int64_t updates = socle_trainer_steps(t->trainer);
    const bool due = o->every > 0 ? t->batch % o->accumulate == 0 && updates % o->every == 0 : last;
    return status == DONE && o->checkpoint != NULL && due ? keep_checkpoint(t) : status;
}

static int train_all(training *t)
{
    int status = DONE;
    double last_asked = 0;
    int64_t shuffled = -1;
    while (status == DONE && t->batch < t->total_batches && !t->stopped) {
        const int64_t epoch = t->batch / t->batches_per_epoch;
        if (t->o->shuffle && epoch != shuffled)
            shuffle(t, epoch);
        shuffled = epoch;
        status = train_batch(t, epoch + 1, t->batch % t->batches_per_epoch, &last_asked);
        t->stopped = interrupted;
    }
    progress_clear();
    if (status == DONE && t->stopped && t->o->checkpoint != NULL && t->batch % t->o->accumulate == 0)
        status = keep_checkpoint(t);
    return status;
}

/* ---- results ---- */

static int write_results(const training *t)
{
    const train_options *o = t->o;
    socle_model *trained = NULL;
    int status = DONE;
    if (o->out != NULL) {
        socle_status made = socle_trainer_model(t->trainer, &trained);
        if (made == SOCLE_OK)
            made = socle_model_save(trained, o->out);
        socle_model_destroy(trained);
        status = made == SOCLE_OK ? DONE : report(made);
    }
    if (status == DONE && o->history != NULL)
        status = history_write(&t->history, o->history);
    if (status == DONE && o->plot != NULL)
        status = history_plot(&t->history, o->plot, socle_model_name(t->model));
    return status;
}

static int print_results(const training *t)
{
    const train_options *o = t->o;
    socle_session_times times = {0};
    socle_trainer_get_times(t->trainer, &times);
    if (o->json)
        return json_print(json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:f,s:f,s:o,s:o,s:o,s:o,s:s,s:I,s:s?,s:b}", "model", o->path,
                                    "loss", loss_names[o->loss], "optimizer", optimizer_names[o->optimizer], "epochs",
                                    (json_int_t)((t->batch + t->batches_per_epoch - 1) / t->batches_per_epoch), "steps",
                                    (json_int_t)socle_trainer_steps(t->trainer), "samples", (json_int_t)t->samples, "seconds",
                                    t->seconds, "samples_per_s", rate_of(t), "final_loss", json_number(t->loss),
                                    "validation_loss", json_number(t->validation_loss), "validation_accuracy",
                                    json_number(t->validation_accuracy), "placement", placement_json(&times), "placement_reason",
                                    socle_trainer_placement(t->trainer), "peak_memory_bytes", (json_int_t)times.peak_memory_bytes,
                                    "out", o->out, "interrupted", t->stopped));
    printf("trained on %s\n%lld steps, %lld samples in %.2f s: %.0f samples/s, loss %.5f\n", socle_trainer_placement(t->trainer),
           (long long)socle_trainer_steps(t->trainer), (long long)t->samples, t->seconds, rate_of(t), t->loss);
    if (t->validation.rows > 0 && isfinite(t->validation_loss))
        printf("validation: loss %.5f", t->validation_loss);
    if (t->validation.rows > 0 && isfinite(t->validation_accuracy))
        printf(", accuracy %.4f", t->validation_accuracy);
    fputs(t->validation.rows > 0 && isfinite(t->validation_loss) ? "\n" : "", stdout);
    if (o->out != NULL)
        printf("written: %s\n", o->out);
    return output_finish();
}

int command_train(int argc, char **argv)
{
    train_options o;
    int status;
    if (!train_options_parse(argc, argv, &o, &status))
        return status;
    training t = {.o = &o, .loss = NAN, .validation_loss = NAN, .validation_accuracy = NAN};
    interrupt_catch();
    status = prepare(&t);
    if (status == DONE)
        status = train_all(&t);
    if (status == DONE)
        status = write_results(&t);
    if (status == DONE)
        status = print_results(&t);
    if (status == DONE && t.stopped)
        status = fail("%s: stopped by a signal after step %lld of %lld: what was trained so far is kept", o.path,
                      (long long)t.batch, (long long)t.total_batches);
    socle_trainer_destroy(t.trainer);
    training_data_close(&t.train);
    training_data_close(&t.validation);
    free(t.history.rows);
    free(t.order);
    free(t.x_buffer);
    free(t.y_buffer);
    socle_model_destroy(t.model);
    socle_context_destroy(t.context);
    return status;
}
