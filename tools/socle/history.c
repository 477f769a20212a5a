/* The course of a training: as rows of a CSV file, and as curves. */
#include "train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEADER "step,epoch,loss,lr,samples_per_s,validation_loss,validation_accuracy\n"

bool history_add(history *h, const history_row *row)
{
    if (h->count == h->capacity) {
        const int64_t capacity = h->capacity < 1024 ? 1024 : 2 * h->capacity;
        history_row *rows = realloc(h->rows, (size_t)capacity * sizeof(*rows));
        if (rows == NULL)
            return false;
        h->rows = rows;
        h->capacity = capacity;
    }
    h->rows[h->count++] = *row;
    return true;
}

/* The next field as a number, NAN when it is empty. */
static double next_field(char **at)
{
    char *end = *at + strcspn(*at, ",\n");
    const double value = end == *at ? NAN : strtod(*at, NULL);
    *at = end + (*end == ',');
    return value;
}

int history_read(history *h, const char *path, int64_t last_step)
{
    char line[512];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return DONE;
    bool good = fgets(line, sizeof(line), file) != NULL && strcmp(line, HEADER) == 0;
    while (good && fgets(line, sizeof(line), file) != NULL) {
        char *at = line;
        history_row row;
        row.step = (int64_t)next_field(&at);
        row.epoch = (int64_t)next_field(&at);
        row.loss = next_field(&at);
        row.lr = next_field(&at);
        row.samples_per_s = next_field(&at);
        row.validation_loss = next_field(&at);
        row.validation_accuracy = next_field(&at);
        if (row.step <= last_step)
            good = history_add(h, &row);
    }
    fclose(file);
    if (!good) {
        fail("%s: is no history of a training: name another file", path);
        return BAD_FILE;
    }
    return DONE;
}

static void print_number(FILE *file, double value, const char *end)
{
    if (isfinite(value))
        fprintf(file, "%.9g", value);
    fputs(end, file);
}

int history_write(const history *h, const char *path)
{
    output_file out;
    if (!output_file_open(path, &out))
        return FAILED;
    fputs(HEADER, out.file);
    for (int64_t i = 0; i < h->count; i++) {
        const history_row *row = &h->rows[i];
        fprintf(out.file, "%lld,%lld,", (long long)row->step, (long long)row->epoch);
        print_number(out.file, row->loss, ",");
        print_number(out.file, row->lr, ",");
        print_number(out.file, row->samples_per_s, ",");
        print_number(out.file, row->validation_loss, ",");
        print_number(out.file, row->validation_accuracy, "\n");
    }
    return output_file_commit(&out) ? DONE : FAILED;
}

/* ---- curves ---- */

typedef struct curves {
    double *x, *loss, *smooth, *validation_x, *validation_loss, *accuracy;
    int count, validations;
    bool has_accuracy;
} curves;

static void fill(curves *c, const history *h)
{
    double mean = NAN;
    const double keep = h->count > 200 ? 0.97 : 0.9; /* of a running mean, so that the trend shows through the noise */
    for (int64_t i = 0; i < h->count; i++) {
        const history_row *row = &h->rows[i];
        c->x[c->count] = (double)row->step;
        c->loss[c->count] = row->loss;
        const double weight = fmax(1 - keep, 1 / (1 + (double)i)); /* at first a plain mean of what there is */
        mean = !isfinite(row->loss) ? mean : isfinite(mean) ? mean + weight * (row->loss - mean) : row->loss;
        c->smooth[c->count++] = mean;
        if (!isfinite(row->validation_loss))
            continue;
        c->validation_x[c->validations] = (double)row->step;
        c->validation_loss[c->validations] = row->validation_loss;
        c->accuracy[c->validations++] = row->validation_accuracy;
        c->has_accuracy |= isfinite(row->validation_accuracy);
    }
}

int history_plot(const history *h, const char *path, const char *title)
{
    double *memory = calloc((size_t)h->count * 6 + 6, sizeof(*memory));
    if (memory == NULL)
        return fail("%s: out of memory", path);
    const size_t n = (size_t)h->count + 1;
    curves c = {memory, memory + n, memory + 2 * n, memory + 3 * n, memory + 4 * n, memory + 5 * n, 0, 0, false};
    fill(&c, h);
    const plot_series losses[] = {{"each step", "#b8d4e8", c.x, c.loss, c.count, false},
                                  {"training", "#0072b2", c.x, c.smooth, c.count, false},
                                  {"validation", "#d55e00", c.validation_x, c.validation_loss, c.validations, true}};
    const plot_series accuracies[] = {{"validation", "#009e73", c.validation_x, c.accuracy, c.validations, true}};
    const plot_panel panels[] = {{"Loss", "step", "loss", losses, c.validations > 0 ? 3 : 2, 0, 0},
                                 {"Accuracy", "step", "share of rows", accuracies, 1, 0, 1}};
    const bool written = plot_write(path, title, panels, c.has_accuracy ? 2 : 1);
    free(memory);
    return written ? DONE : FAILED;
}
