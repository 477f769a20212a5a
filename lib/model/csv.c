/* CSV files of numbers, plain or gzip-compressed (zlib tells them apart): one column holds labels, the others data. Rows are
 * appended as they are parsed; every fault is reported with its line and column. */
#define _GNU_SOURCE /* strtod_l: the host's locale must not decide what a number is */
#include "model.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define CHUNK_BYTES (1 << 18)
#define MAX_LINE_BYTES ((size_t)64 << 20)

typedef struct csv_reader {
    const char *path;
    gzFile file;
    locale_t locale;
    char *line; /* the present line, ended by 0 */
    size_t line_length, line_capacity;
    char *chunk;
    int chunk_at, chunk_length;
    bool ended;
    int64_t line_number;
    int columns; /* 0: not known yet */
    int label;   /* column */
    double scale;
    float *data;
    double *labels;
    int64_t rows, row_capacity;
    bool whole_labels;
} csv_reader;

/* ---- lines ---- */

static socle_status fail_gz(const csv_reader *r)
{
    int code;
    const char *message = gzerror(r->file, &code);
    if (code == Z_ERRNO)
        return socle_fail(SOCLE_IO, "%s: cannot be read", r->path);
    return socle_fail(SOCLE_INVALID_FILE, "%s: the compressed file is damaged or incomplete (%s)", r->path, message);
}

static socle_status next_chunk(csv_reader *r)
{
    r->chunk_length = gzread(r->file, r->chunk, CHUNK_BYTES);
    r->chunk_at = 0;
    int code = Z_OK;
    if (r->chunk_length >= 0)
        gzerror(r->file, &code); /* a compressed file that is cut off reads as a short one */
    if (r->chunk_length < 0 || (code != Z_OK && code != Z_STREAM_END))
        return fail_gz(r);
    r->ended = r->chunk_length == 0;
    return SOCLE_OK;
}

static socle_status append_to_line(csv_reader *r, const char *bytes, size_t count)
{
    const size_t needed = r->line_length + count + 1;
    if (needed > MAX_LINE_BYTES)
        return socle_fail(SOCLE_INVALID_FILE, "%s: line %lld is longer than %zu bytes", r->path, (long long)r->line_number,
                          MAX_LINE_BYTES);
    if (needed > r->line_capacity) {
        const size_t capacity = needed > 2 * r->line_capacity ? needed : 2 * r->line_capacity;
        char *line = memory_resize(r->line, r->line_capacity, capacity);
        if (line == NULL)
            return SOCLE_OUT_OF_MEMORY;
        r->line = line;
        r->line_capacity = capacity;
    }
    memcpy(r->line + r->line_length, bytes, count);
    r->line_length += count;
    r->line[r->line_length] = '\0';
    return SOCLE_OK;
}

/* The next line without its end; false in *got at the end of the file. */
static socle_status next_line(csv_reader *r, bool *got)
{
    bool complete = false;
    r->line_length = 0;
    r->line_number++;
    socle_status status = append_to_line(r, "", 0);
    while (status == SOCLE_OK && !complete) {
        if (r->chunk_at == r->chunk_length) {
            status = next_chunk(r);
            if (status != SOCLE_OK || r->ended)
                break;
        }
        const char *start = r->chunk + r->chunk_at;
        const char *end = memchr(start, '\n', (size_t)(r->chunk_length - r->chunk_at));
        complete = end != NULL;
        const size_t count = complete ? (size_t)(end - start) : (size_t)(r->chunk_length - r->chunk_at);
        status = append_to_line(r, start, count);
        r->chunk_at += (int)count + complete;
    }
    *got = complete || r->line_length > 0;
    if (status == SOCLE_OK && memchr(r->line, '\0', r->line_length) != NULL)
        return socle_fail(SOCLE_INVALID_FILE, "%s: line %lld is not text: is it a CSV file?", r->path, (long long)r->line_number);
    while (r->line_length > 0 && strchr("\r \t", r->line[r->line_length - 1]) != NULL)
        r->line[--r->line_length] = '\0';
    return status;
}

/* ---- numbers ---- */

/* Exact for up to 15 digits and 22 places: both factors are exact doubles then (Clinger, 1990). False: the slow way. */
static bool parse_short(const char *at, const char *end, double *value)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const bool negative = *at == '-';
    int64_t digits = 0;
    int count = 0, places = 0;
    bool point = false;
    for (at += negative; at < end; at++) {
        if (*at == '.' && !point) {
            point = true;
        } else if (*at >= '0' && *at <= '9' && count < 15) {
            digits = digits * 10 + (*at - '0');
            count++;
            places += point;
        } else {
            return false;
        }
    }
    *value = (negative ? -(double)digits : (double)digits) / powers[places];
    return count > 0;
}

/* A field of the line from *at to the next comma, blanks around it dropped; false when it is no finite decimal number. */
static bool parse_field(const csv_reader *r, const char *at, const char *end, double *value)
{
    char *stop;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (at == end)
        return false;
    if (parse_short(at, end, value))
        return true;
    if (strspn(at, "+-.0123456789eE") < (size_t)(end - at))
        return false;
    *value = strtod_l(at, &stop, r->locale);
    return stop == end && isfinite(*value);
}

static const char *field_end(const char *at)
{
    return at + strcspn(at, ",");
}

static int count_fields(const char *line)
{
    int count = 1;
    for (; *line != '\0'; line++)
        count += *line == ',';
    return count;
}

/* A first line without any number names the columns. */
static bool is_header(const csv_reader *r)
{
    double value;
    for (const char *at = r->line;; at = field_end(at) + 1) {
        if (parse_field(r, at, field_end(at), &value))
            return false;
        if (*field_end(at) == '\0')
            return true;
    }
}

/* ---- rows ---- */

static socle_status set_columns(csv_reader *r, int label_column)
{
    r->columns = count_fields(r->line);
    r->label = label_column < 0 ? r->columns + label_column : label_column;
    if (r->columns < 2)
        return socle_fail(SOCLE_INVALID_FILE, "%s: line %lld has one column: data and labels need two, separated by commas",
                          r->path, (long long)r->line_number);
    if (r->label < 0 || r->label >= r->columns)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "%s: no label column %d: it has %d columns, numbered from 0", r->path,
                          label_column, r->columns);
    return SOCLE_OK;
}

static bool reserve_row(csv_reader *r)
{
    if (r->rows < r->row_capacity)
        return true;
    const int64_t capacity = r->row_capacity < 64 ? 64 : 2 * r->row_capacity;
    const size_t row_bytes = (size_t)(r->columns - 1) * sizeof(*r->data);
    float *data = memory_resize(r->data, (size_t)r->row_capacity * row_bytes, (size_t)capacity * row_bytes);
    if (data == NULL)
        return false;
    r->data = data;
    double *labels = memory_resize(r->labels, (size_t)r->row_capacity * sizeof(*labels), (size_t)capacity * sizeof(*labels));
    if (labels == NULL)
        return false;
    r->labels = labels;
    r->row_capacity = capacity;
    return true;
}

static socle_status read_row(csv_reader *r)
{
    const int found = count_fields(r->line);
    const char *at = r->line;
    if (found != r->columns)
        return socle_fail(SOCLE_INVALID_FILE,
                          "%s: line %lld has %d columns, the lines before have %d: make all lines equally long", r->path,
                          (long long)r->line_number, found, r->columns);
    if (!reserve_row(r))
        return SOCLE_OUT_OF_MEMORY;
    float *row = r->data + (size_t)r->rows * (size_t)(r->columns - 1);
    for (int column = 0; column < r->columns; column++) {
        double value;
        const char *end = field_end(at);
        if (!parse_field(r, at, end, &value))
            return socle_fail(SOCLE_INVALID_FILE, "%s: line %lld, column %d: '%.*s' is not a number", r->path,
                              (long long)r->line_number, column, (int)(end - at < 40 ? end - at : 40), at);
        if (column == r->label) {
            r->labels[r->rows] = value;
            r->whole_labels &= value == trunc(value) && fabs(value) <= 9007199254740992.0; /* 2^53 */
        } else {
            *row++ = (float)(value * r->scale);
        }
        at = end + 1;
    }
    r->rows++;
    return SOCLE_OK;
}

static socle_status read_rows(csv_reader *r, int label_column)
{
    socle_status status;
    bool got = false;
    while ((status = next_line(r, &got)) == SOCLE_OK && got) {
        if (r->line_length == 0)
            continue;
        if (r->columns == 0) {
            const bool header = is_header(r);
            status = set_columns(r, label_column);
            if (status != SOCLE_OK)
                return status;
            if (header)
                continue;
        }
        status = read_row(r);
        if (status != SOCLE_OK)
            return status;
    }
    if (status == SOCLE_OK && r->rows == 0)
        return socle_fail(SOCLE_INVALID_FILE, "%s: it has no rows of numbers", r->path);
    return status;
}

/* ---- the whole ---- */

static socle_status open_csv(csv_reader *r)
{
    struct stat info;
    r->chunk = memory_alloc(CHUNK_BYTES);
    if (r->chunk == NULL)
        return SOCLE_OUT_OF_MEMORY;
    r->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (r->locale == (locale_t)0)
        return socle_fail(SOCLE_OUT_OF_MEMORY, "out of host memory: no locale");
    if (stat(r->path, &info) != 0)
        return socle_fail(SOCLE_IO, "%s: cannot be opened: check the path", r->path);
    if (S_ISDIR(info.st_mode))
        return socle_fail(SOCLE_IO, "%s: is a folder, not a file", r->path);
    r->file = gzopen(r->path, "rbe");
    if (r->file == NULL)
        return socle_fail(SOCLE_IO, "%s: cannot be opened: check the permissions", r->path);
    gzbuffer(r->file, CHUNK_BYTES);
    return SOCLE_OK;
}

static socle_status make_labels(csv_reader *r, socle_tensor *labels)
{
    const size_t element_bytes = r->whole_labels ? sizeof(int64_t) : sizeof(float);
    void *elements = memory_alloc_array((size_t)r->rows, element_bytes);
    if (elements == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int64_t i = 0; i < r->rows; i++) {
        if (r->whole_labels)
            ((int64_t *)elements)[i] = (int64_t)r->labels[i];
        else
            ((float *)elements)[i] = (float)r->labels[i];
    }
    *labels = socle_tensor_of(r->whole_labels ? SOCLE_INT64 : SOCLE_FLOAT32, element_bytes, elements, 1, &r->rows);
    return SOCLE_OK;
}

socle_status socle_csv_read(const char *path, int label_column, double scale, socle_tensor *data, socle_tensor *labels)
{
    csv_reader r = {.path = path, .scale = scale, .whole_labels = true};
    if (path == NULL || data == NULL || labels == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_csv_read: path, data and labels must not be NULL");
    socle_tensor made = {0};
    socle_status status = open_csv(&r);
    if (status == SOCLE_OK)
        status = read_rows(&r, label_column);
    if (status == SOCLE_OK)
        status = make_labels(&r, &made);
    if (status == SOCLE_OK) {
        *labels = made;
        *data = socle_tensor_f32(r.data, 2, (int64_t[]){r.rows, r.columns - 1});
        r.data = NULL; /* some of its end may be unused */
    }
    if (r.file != NULL)
        gzclose(r.file);
    if (r.locale != (locale_t)0)
        freelocale(r.locale);
    memory_free(r.data);
    memory_free(r.labels);
    memory_free(r.line);
    memory_free(r.chunk);
    return status;
}
