/* Training data from NPY or CSV files, brought to the shapes and types that the model and the loss want. */
#include "tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t row_bytes(const socle_tensor *tensor)
{
    return tensor->dims[0] > 0 ? tensor->size_bytes / (size_t)tensor->dims[0] : 0;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* ---- types ---- */

static double element(const socle_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case SOCLE_FLOAT32:
        return (double)((const float *)t->data)[i];
    case SOCLE_FLOAT64:
        return ((const double *)t->data)[i];
    case SOCLE_UINT8:
    case SOCLE_BOOL:
        return ((const uint8_t *)t->data)[i];
    case SOCLE_INT8:
        return ((const int8_t *)t->data)[i];
    case SOCLE_INT16:
        return ((const int16_t *)t->data)[i];
    case SOCLE_INT32:
        return ((const int32_t *)t->data)[i];
    case SOCLE_INT64:
        return (double)((const int64_t *)t->data)[i];
    default:
        return NAN;
    }
}

/* A converted copy of what the library read, in memory of our own; `read` is freed. */
static int convert(const char *path, socle_tensor *read, socle_dtype dtype, double scale, socle_tensor *out)
{
    const int64_t count = socle_tensor_count(read);
    const bool same = read->dtype == dtype && scale == 1.0;
    int status = DONE;
    socle_tensor made = *read;
    made.dtype = dtype;
    made.size_bytes = (size_t)count * socle_dtype_size_bytes(dtype);
    made.data = malloc(made.size_bytes > 0 ? made.size_bytes : 1);
    if (made.data == NULL) {
        status = fail("%s: out of memory: use a smaller file", path);
    } else if (same) {
        memcpy(made.data, read->data, made.size_bytes);
    } else if (isnan(element(&(socle_tensor){.dtype = read->dtype, .data = (int64_t[]){0}}, 0)) ||
               (dtype != SOCLE_FLOAT32 && dtype != SOCLE_INT64)) {
        fail("%s: its elements are %s, %s is wanted: convert it with astype", path, socle_dtype_name(read->dtype),
             socle_dtype_name(dtype));
        status = BAD_FILE;
    } else {
        for (int64_t i = 0; i < count; i++) {
            if (dtype == SOCLE_INT64)
                ((int64_t *)made.data)[i] = (int64_t)(element(read, i) * scale);
            else
                ((float *)made.data)[i] = (float)(element(read, i) * scale);
        }
    }
    if (status == DONE)
        *out = made;
    else
        free(made.data);
    socle_tensor_free(read);
    return status;
}

/* Whole numbers from 0 to the model's last class, where its shape tells how many there are. */
static int check_classes(const char *path, const socle_tensor *labels, const socle_value_info *scores)
{
    const int64_t classes = scores->rank >= 2 && scores->dims[1] >= 0 ? scores->dims[1] : INT32_MAX;
    for (int64_t i = 0; i < socle_tensor_count(labels); i++) {
        const double value = element(labels, i);
        if (!(value == trunc(value))) {
            fail("%s: label %g in row %lld is no class: cross_entropy wants whole numbers", path, value, (long long)i);
            return BAD_FILE;
        }
        if (value < 0 || value >= (double)classes) {
            fail("%s: label %g in row %lld is out of range: '%s' of the model has classes 0 to %lld", path, value, (long long)i,
                 scores->name, (long long)classes - 1);
            return BAD_FILE;
        }
    }
    return DONE;
}

/* ---- shapes ---- */

/* The rows in the shape of a model's value, whose first dimension is the batch: 64 numbers are also a 1x8x8 picture. */
static int reshape_rows(const char *path, const char *name, socle_tensor *t, const socle_value_info *info)
{
    int64_t wanted = 1, has = 1;
    bool known = info->rank >= 1;
    for (int i = 1; i < info->rank; i++) {
        known = known && info->dims[i] >= 0;
        wanted *= info->dims[i];
    }
    for (int i = 1; i < t->rank; i++)
        has *= t->dims[i];
    if (!known && t->rank == info->rank)
        return DONE;
    if (!known || has != wanted || t->rank < 1) {
        fail("%s: a row has %lld numbers, '%s' of the model wants %lld: use another model or file", path, (long long)has, name,
             (long long)wanted);
        return BAD_FILE;
    }
    t->rank = info->rank;
    memcpy(t->dims + 1, info->dims + 1, (size_t)(info->rank - 1) * sizeof(*t->dims));
    return DONE;
}

static int fit_data(const char *path, socle_tensor *read, double scale, const socle_model *model, socle_tensor *x)
{
    socle_value_info info;
    socle_model_input(model, 0, &info);
    const int status = convert(path, read, info.dtype, scale, x);
    return status == DONE ? reshape_rows(path, info.name, x, &info) : status;
}

static int fit_labels(const char *path, socle_tensor *read, const socle_model *model, socle_loss loss, socle_tensor *y)
{
    socle_value_info info;
    socle_model_output(model, 0, &info);
    int status = DONE;
    if (loss == SOCLE_LOSS_CROSS_ENTROPY) {
        status = check_classes(path, read, &info);
        if (status == DONE && read->rank == 2 && read->dims[1] == 1)
            read->rank = 1; /* a column */
        if (status == DONE)
            return convert(path, read, SOCLE_INT64, 1.0, y);
        socle_tensor_free(read);
        return status;
    }
    status = convert(path, read, info.dtype, 1.0, y);
    return status == DONE ? reshape_rows(path, info.name, y, &info) : status;
}

/* ---- files ---- */

/* CSV: one file with a column of labels; NPY: two files. */
static int read_files(const data_options *o, const char *data, const char *labels, const socle_model *model, socle_loss loss,
                      training_data *out)
{
    socle_tensor x = {0}, y = {0};
    const bool npy = ends_with(data, ".npy");
    socle_status read;
    if (npy) {
        read = socle_npy_read(data, &x);
        if (read == SOCLE_OK)
            read = socle_npy_read(labels, &y);
    } else {
        read = socle_csv_read(data, (int)o->label_column, o->scale, &x, &y);
    }
    if (read != SOCLE_OK) {
        socle_tensor_free(&x);
        return report_file(read);
    }
    const double scale = npy ? o->scale : 1.0;
    int status = fit_data(data, &x, scale, model, &out->x);
    if (status == DONE)
        status = fit_labels(npy ? labels : data, &y, model, loss, &out->y);
    socle_tensor_free(&y);
    if (status != DONE)
        return status;
    if (out->x.rank < 1 || out->y.rank < 1 || out->x.dims[0] != out->y.dims[0] || out->x.dims[0] < 1) {
        fail("%s: %lld rows of data and %lld of labels: they must be as many, and more than none", data,
             (long long)(out->x.rank > 0 ? out->x.dims[0] : 0), (long long)(out->y.rank > 0 ? out->y.dims[0] : 0));
        return BAD_FILE;
    }
    out->rows = out->x.dims[0];
    return DONE;
}

static socle_tensor slice(const socle_tensor *t, int64_t first, int64_t count)
{
    socle_tensor part = *t;
    part.data = (uint8_t *)t->data + (size_t)first * row_bytes(t);
    part.size_bytes = (size_t)count * row_bytes(t);
    part.dims[0] = count;
    return part;
}

static socle_tensor copy_of(socle_tensor t)
{
    void *data = malloc(t.size_bytes > 0 ? t.size_bytes : 1);
    if (data != NULL)
        memcpy(data, t.data, t.size_bytes);
    t.data = data;
    return t;
}

/* The last rows validate. */
static int split(const char *path, double share, training_data *train, training_data *validation)
{
    const int64_t kept = (int64_t)floor((double)train->rows * (1 - share) + 1e-9);
    if (kept < 1 || kept == train->rows) {
        fail("%s: %lld rows cannot be split by %g: use another share", path, (long long)train->rows, share);
        return WRONG_USAGE;
    }
    validation->x = copy_of(slice(&train->x, kept, train->rows - kept));
    validation->y = copy_of(slice(&train->y, kept, train->rows - kept));
    if (validation->x.data == NULL || validation->y.data == NULL)
        return fail("%s: out of memory: use a smaller file", path);
    validation->rows = train->rows - kept;
    train->x = slice(&train->x, 0, kept);
    train->y = slice(&train->y, 0, kept);
    train->rows = kept;
    return DONE;
}

void training_data_close(training_data *data)
{
    free(data->x.data);
    free(data->y.data);
    *data = (training_data){.rows = 0};
}

int training_data_open(const data_options *o, const socle_model *model, socle_loss loss, training_data *train,
                       training_data *validation)
{
    int status = read_files(o, o->data, o->labels, model, loss, train);
    if (status == DONE && o->validation_data != NULL)
        status = read_files(o, o->validation_data, o->validation_labels, model, loss, validation);
    else if (status == DONE && o->validation_split > 0)
        status = split(o->data, o->validation_split, train, validation);
    return status;
}

/* ---- batches ---- */

static socle_tensor gather(const socle_tensor *t, const int64_t *order, int64_t first, int64_t count, void *buffer)
{
    const size_t bytes = row_bytes(t);
    if (order == NULL)
        return slice(t, first, count);
    for (int64_t i = 0; i < count; i++)
        memcpy((uint8_t *)buffer + (size_t)i * bytes, (const uint8_t *)t->data + (size_t)order[first + i] * bytes, bytes);
    socle_tensor batch = *t;
    batch.data = buffer;
    batch.dims[0] = count;
    batch.size_bytes = (size_t)count * bytes;
    return batch;
}

void training_data_batch(const training_data *data, const int64_t *order, int64_t first, int64_t count, void *x_buffer,
                         void *y_buffer, socle_tensor *x, socle_tensor *y)
{
    *x = gather(&data->x, order, first, count, x_buffer);
    *y = gather(&data->y, order, first, count, y_buffer);
}
