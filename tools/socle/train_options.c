/* The options of socle train, and what they must not contradict. */
#include "train.h"

#include <stdint.h>
#include <string.h>

const char *const loss_names[] = {"cross_entropy", "mse", "bce", NULL};
const char *const optimizer_names[] = {"sgd", "adam", "adamw", NULL};
static const char *const schedule_names[] = {"constant", "step", "cosine", "linear", NULL};

#define NO_COLUMN INT64_MIN

static bool is_npy(const char *path)
{
    const size_t length = strlen(path);
    return length >= 4 && strcmp(path + length - 4, ".npy") == 0;
}

static int check_data(const data_options *d)
{
    if (d->data == NULL)
        return usage_error("train", "--data is needed");
    if (is_npy(d->data) && d->labels == NULL)
        return usage_error("train", "--data %s needs --labels FILE.npy", d->data);
    if (!is_npy(d->data) && (d->labels != NULL || d->label_column == NO_COLUMN))
        return usage_error("train", "--data %s needs --label-column N, and no --labels", d->data);
    if (d->validation_data != NULL && d->validation_split > 0)
        return usage_error("train", "--validation-data and --validation-split exclude each other");
    if (d->validation_labels != NULL && d->validation_data == NULL)
        return usage_error("train", "--validation-labels needs --validation-data");
    if (d->validation_data != NULL && is_npy(d->validation_data) != (d->validation_labels != NULL))
        return usage_error("train", "--validation-data FILE.npy goes with --validation-labels FILE.npy");
    if (d->validation_data != NULL && !is_npy(d->validation_data) && d->label_column == NO_COLUMN)
        return usage_error("train", "--validation-data %s needs --label-column N", d->validation_data);
    if (d->validation_split >= 1)
        return usage_error("train", "--validation-split is a share below 1");
    return DONE;
}

/* Counts that are multiplied with each other, and with the rows of the data, must not overflow. */
static int check_counts(const train_options *o)
{
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {{"batch", o->trainer.batch},
                  {"accumulate", o->accumulate},
                  {"epochs", o->epochs},
                  {"steps", o->steps},
                  {"label-column", o->data.label_column}};
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        if (counts[i].value > INT32_MAX)
            return usage_error("train", "--%s %lld: at most %d", counts[i].name, (long long)counts[i].value, INT32_MAX);
    return DONE;
}

static int check(train_options *o)
{
    int status = check_data(&o->data);
    if (status == DONE)
        status = check_counts(o);
    if (status != DONE)
        return status;
    if (o->epochs > 0 && o->steps > 0)
        return usage_error("train", "--epochs and --steps exclude each other");
    if (o->resume && o->checkpoint == NULL)
        return usage_error("train", "--resume needs --checkpoint DIR");
    if (o->trainer.lr <= 0)
        return usage_error("train", "--lr must be above 0");
    if (o->epochs == 0 && o->steps == 0)
        o->epochs = 10;
    o->trainer.loss = (socle_loss)o->loss;
    o->trainer.optimizer = (socle_optimizer)o->optimizer;
    o->trainer.schedule = (socle_schedule)o->schedule;
    o->trainer.seed = (uint64_t)o->seed;
    o->trainer.accumulate = (int)o->accumulate;
    o->data.has_label_column = o->data.label_column != NO_COLUMN;
    return DONE;
}

bool train_options_parse(int argc, char **argv, train_options *o, int *status)
{
    const socle_trainer_options defaults = SOCLE_TRAINER_OPTIONS_INIT;
    *o = (train_options){.trainer = defaults, .shuffle = 1, .seed = 1, .accumulate = 1};
    o->data.scale = 1;
    o->data.label_column = NO_COLUMN;
    socle_trainer_options *t = &o->trainer;
    data_options *d = &o->data;
    const option_spec options[] = {
        {"data", OPTION_TEXT, &d->data, "FILE", "rows to train on: X.npy, or a CSV file, plain or .gz", NULL, 0},
        {"labels", OPTION_TEXT, &d->labels, "FILE.npy", "their labels, with --data X.npy", NULL, 0},
        {"label-column", OPTION_INT, &d->label_column, "N", "of a CSV file; negative counts from the end", NULL, -100000},
        {"scale", OPTION_NUMBER, &d->scale, "F", "multiplies the data (default 1)", NULL, -1000000000},
        {"validation-data", OPTION_TEXT, &d->validation_data, "FILE", "rows to validate on after each epoch", NULL, 0},
        {"validation-labels", OPTION_TEXT, &d->validation_labels, "FILE.npy", "their labels", NULL, 0},
        {"validation-split", OPTION_NUMBER, &d->validation_split, "F", "the last share of the rows validates", NULL, 0},
        {"loss", OPTION_CHOICE, &o->loss, "LOSS", "cross_entropy (default), mse or bce", loss_names, 0},
        {"optimizer", OPTION_CHOICE, &o->optimizer, "NAME", "sgd (default), adam or adamw", optimizer_names, 0},
        {"lr", OPTION_NUMBER, &t->lr, "F", "learning rate (default 0.01)", NULL, 0},
        {"momentum", OPTION_NUMBER, &t->momentum, "F", "of sgd", NULL, 0},
        {"nesterov", OPTION_SET, &t->nesterov, NULL, "momentum looks ahead", NULL, 0},
        {"beta1", OPTION_NUMBER, &t->beta1, "F", "of adam (default 0.9)", NULL, 0},
        {"beta2", OPTION_NUMBER, &t->beta2, "F", "of adam (default 0.999)", NULL, 0},
        {"epsilon", OPTION_NUMBER, &t->epsilon, "F", "of adam (default 1e-8)", NULL, 0},
        {"weight-decay", OPTION_NUMBER, &t->weight_decay, "F", "as in PyTorch", NULL, 0},
        {"lr-schedule", OPTION_CHOICE, &o->schedule, "NAME",
         "constant (default), step (a tenth after each third), cosine, linear", schedule_names, 0},
        {"clip-norm", OPTION_NUMBER, &t->clip_norm, "F", "limit of the gradients' norm", NULL, 0},
        {"batch", OPTION_INT, &t->batch, "N", "rows of a batch (default 32)", NULL, 1},
        {"accumulate", OPTION_INT, &o->accumulate, "N", "batches of an update (default 1)", NULL, 1},
        {"epochs", OPTION_INT, &o->epochs, "N", "times through the data (default 10)", NULL, 1},
        {"steps", OPTION_INT, &o->steps, "N", "updates, instead of --epochs", NULL, 1},
        {"shuffle", OPTION_SET, &o->shuffle, NULL, "another order of the rows in each epoch (default)", NULL, 0},
        {"no-shuffle", OPTION_CLEAR, &o->shuffle, NULL, "the rows in the file's order", NULL, 0},
        {"drop-last", OPTION_SET, &o->drop_last, NULL, "leaves out a last batch that is not full", NULL, 0},
        {"seed", OPTION_INT, &o->seed, "N", "of order and dropout (default 1)", NULL, 0},
        DEMAND_OPTIONS(t),
        {"devices", OPTION_TEXT, &t->devices, "auto|ID,...", "auto (default): the fastest measured set", NULL, 0},
        {"device", OPTION_TEXT, &t->devices, "ID,...", "the same", NULL, 0},
        {"budget", OPTION_NUMBER, &t->budget_s, "SECONDS", "for choosing devices (default 2)", NULL, 0},
        {"out", OPTION_TEXT, &o->out, "TRAINED.onnx", "the trained model, for inference", NULL, 0},
        {"checkpoint", OPTION_TEXT, &o->checkpoint, "DIR", "where to keep the state", NULL, 0},
        {"every", OPTION_INT, &o->every, "N", "updates between checkpoints (default: each epoch)", NULL, 1},
        {"resume", OPTION_SET, &o->resume, NULL, "goes on from the checkpoint", NULL, 0},
        {"history", OPTION_TEXT, &o->history, "FILE.csv", "a row a step", NULL, 0},
        {"plot", OPTION_TEXT, &o->plot, "FILE.svg", "loss and validation curves", NULL, 0},
        {"json", OPTION_SET, &o->json, NULL, "one JSON document", NULL, 0},
    };
    const command_usage usage = {
        "train MODEL.onnx --data FILE [--labels FILE | --label-column N] [options]",
        "Trains a model, whose initializers are the starting weights, on the devices that measure fastest.",
        "socle train digits.onnx --data digits.csv.gz --label-column -1 --scale 0.0625 --lr 0.1 "
        "--momentum 0.9 --epochs 20 --validation-split 0.2 --out trained.onnx",
        options,
        COUNT_OF(options),
        1,
        1};
    if (!options_parse(&usage, argc, argv, &o->path, status))
        return false;
    *status = check(o);
    return *status == DONE;
}
