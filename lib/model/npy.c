/* NPY files, versions 1 to 3: a magic, a version, a Python dictionary as text, and the elements.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 * bfloat16, which NumPy does not know, is written as two-byte voids, like the Python package ml_dtypes does. */
#include "model.h"

#include <stdio.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define ALIGNMENT 64 /* of the elements in the file */
#define MAX_HEADER_BYTES (1 << 20)

static const struct {
    socle_dtype dtype;
    const char *descr; /* without the byte order */
} types[] = {
    {SOCLE_FLOAT32, "f4"}, {SOCLE_FLOAT64, "f8"}, {SOCLE_FLOAT16, "f2"}, {SOCLE_BFLOAT16, "V2"}, {SOCLE_INT8, "i1"},
    {SOCLE_INT16, "i2"},   {SOCLE_INT32, "i4"},   {SOCLE_INT64, "i8"},   {SOCLE_UINT8, "u1"},    {SOCLE_BOOL, "b1"},
};

void socle_tensor_free(socle_tensor *tensor)
{
    if (tensor == NULL)
        return;
    memory_free(tensor->data);
    *tensor = (socle_tensor){0};
}

/* ---- the header's dictionary ---- */

typedef struct scanner {
    const char *at, *end;
} scanner;

typedef struct npy_header {
    socle_tensor tensor;
    bool has_descr, has_order, has_shape;
} npy_header;

static void skip_space(scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t'))
        s->at++;
}

static bool take(scanner *s, char c)
{
    skip_space(s);
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static bool take_word(scanner *s, const char *word)
{
    skip_space(s);
    const size_t length = strlen(word);
    if ((size_t)(s->end - s->at) < length || memcmp(s->at, word, length) != 0)
        return false;
    s->at += length;
    return true;
}

/* A quoted string of less than `capacity` bytes, without escapes. */
static bool take_string(scanner *s, char *out, size_t capacity)
{
    skip_space(s);
    if (s->at == s->end || (*s->at != '\'' && *s->at != '"'))
        return false;
    const char quote = *s->at++;
    size_t length = 0;
    while (s->at < s->end && *s->at != quote && length + 1 < capacity)
        out[length++] = *s->at++;
    out[length] = '\0';
    return s->at < s->end && *s->at++ == quote;
}

static socle_status damaged(void)
{
    return socle_fail(SOCLE_INVALID_FILE, "its header is not valid: the file is damaged");
}

static socle_status read_descr(scanner *s, npy_header *header)
{
    char descr[32];
    if (!take_string(s, descr, sizeof(descr)))
        return socle_fail(SOCLE_INVALID_FILE, "its elements are not plain numbers: convert them with astype");
    if (descr[0] == '>')
        return socle_fail(SOCLE_INVALID_FILE, "its elements are big-endian ('%s'): convert them with astype", descr);
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (strchr("<|=", descr[0]) != NULL && strcmp(descr + 1, types[i].descr) == 0)
            header->tensor.dtype = types[i].dtype;
    }
    if (header->tensor.dtype == SOCLE_NONE)
        return socle_fail(SOCLE_INVALID_FILE,
                          "its element type '%s' is not supported: convert it with astype, for example to float32", descr);
    header->has_descr = true;
    return SOCLE_OK;
}

static socle_status read_order(scanner *s, npy_header *header, bool *fortran)
{
    *fortran = take_word(s, "True");
    if (!*fortran && !take_word(s, "False"))
        return damaged();
    header->has_order = true;
    return SOCLE_OK;
}

static socle_status read_shape(scanner *s, npy_header *header)
{
    if (!take(s, '('))
        return damaged();
    while (!take(s, ')')) {
        int64_t dim = 0;
        if (header->tensor.rank == SOCLE_MAX_RANK)
            return socle_fail(SOCLE_INVALID_FILE, "it has more than %d dimensions", SOCLE_MAX_RANK);
        if (s->at == s->end || *s->at < '0' || *s->at > '9')
            return damaged();
        for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++) {
            if (!multiply_fits(dim, 10, &dim) || __builtin_add_overflow(dim, *s->at - '0', &dim))
                return socle_fail(SOCLE_INVALID_FILE, "its shape is too large");
        }
        header->tensor.dims[header->tensor.rank++] = dim;
        take_word(s, "L"); /* Python 2 */
        if (!take(s, ',') && (s->at == s->end || *s->at != ')'))
            return damaged();
    }
    header->has_shape = true;
    return SOCLE_OK;
}

/* {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } with the keys in any order */
static socle_status read_dictionary(scanner s, npy_header *header)
{
    bool fortran = false;
    if (!take(&s, '{'))
        return damaged();
    while (!take(&s, '}')) {
        char key[32];
        if (!take_string(&s, key, sizeof(key)) || !take(&s, ':'))
            return damaged();
        socle_status status;
        if (strcmp(key, "descr") == 0 && !header->has_descr)
            status = read_descr(&s, header);
        else if (strcmp(key, "fortran_order") == 0 && !header->has_order)
            status = read_order(&s, header, &fortran);
        else if (strcmp(key, "shape") == 0 && !header->has_shape)
            status = read_shape(&s, header);
        else
            status = damaged();
        if (status != SOCLE_OK)
            return status;
        take(&s, ',');
    }
    if (!header->has_descr || !header->has_order || !header->has_shape)
        return damaged();
    if (fortran && header->tensor.rank > 1)
        return socle_fail(SOCLE_INVALID_FILE, "it is in Fortran order: save it with numpy.ascontiguousarray");
    return SOCLE_OK;
}

/* ---- reading ---- */

/* Finds the dictionary and the elements. */
static socle_status split_file(const file_map *map, scanner *dictionary, const uint8_t **elements, size_t *left)
{
    const uint8_t *bytes = map->bytes;
    if (map->size_bytes < MAGIC_BYTES || memcmp(bytes, MAGIC, MAGIC_BYTES) != 0)
        return socle_fail(SOCLE_INVALID_FILE, "is not an NPY file: its first bytes are not \\x93NUMPY");
    if (map->size_bytes < MAGIC_BYTES + 2)
        return socle_fail(SOCLE_INVALID_FILE, "its header is cut off: the file is incomplete");
    const int version = bytes[6];
    if (version < 1 || version > 3)
        return socle_fail(SOCLE_INVALID_FILE, "NPY version %d is not known: versions 1 to 3 are read", version);
    const size_t length_bytes = version == 1 ? 2 : 4, start = MAGIC_BYTES + 2 + length_bytes;
    size_t length = 0;
    if (map->size_bytes < start)
        return socle_fail(SOCLE_INVALID_FILE, "its header is cut off: the file is incomplete");
    for (size_t i = 0; i < length_bytes; i++)
        length |= (size_t)bytes[MAGIC_BYTES + 2 + i] << (8 * i);
    if (length > MAX_HEADER_BYTES || length > map->size_bytes - start)
        return socle_fail(SOCLE_INVALID_FILE, "its header is cut off: the file is incomplete");
    *dictionary = (scanner){(const char *)bytes + start, (const char *)bytes + start + length};
    *elements = bytes + start + length;
    *left = map->size_bytes - start - length;
    return SOCLE_OK;
}

static socle_status take_elements(const uint8_t *elements, size_t left, socle_tensor *tensor)
{
    int64_t size_bytes = (int64_t)socle_dtype_size_bytes(tensor->dtype);
    for (int i = 0; i < tensor->rank; i++) {
        if (!multiply_fits(size_bytes, tensor->dims[i], &size_bytes))
            return socle_fail(SOCLE_INVALID_FILE, "its shape is too large");
    }
    if ((uint64_t)size_bytes != left)
        return socle_fail(SOCLE_INVALID_FILE, "its shape and type need %lld bytes, %zu are there: the file is %s",
                          (long long)size_bytes, left, left < (uint64_t)size_bytes ? "incomplete" : "damaged");
    for (size_t i = 0; tensor->dtype == SOCLE_BOOL && i < left; i++) {
        if (elements[i] > 1)
            return socle_fail(SOCLE_INVALID_FILE, "a bool is neither 0 nor 1");
    }
    tensor->data = memory_alloc(left);
    if (tensor->data == NULL)
        return SOCLE_OUT_OF_MEMORY;
    if (left > 0)
        memcpy(tensor->data, elements, left);
    tensor->size_bytes = left;
    return SOCLE_OK;
}

socle_status socle_npy_read(const char *path, socle_tensor *tensor)
{
    file_map map = {0};
    npy_header header = {0};
    scanner dictionary;
    const uint8_t *elements = NULL;
    size_t left = 0;
    if (path == NULL || tensor == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_npy_read: path and tensor must not be NULL");
    socle_status status = file_map_open(path, &map);
    if (status != SOCLE_OK)
        return status;
    status = split_file(&map, &dictionary, &elements, &left);
    if (status == SOCLE_OK)
        status = read_dictionary(dictionary, &header);
    if (status == SOCLE_OK)
        status = take_elements(elements, left, &header.tensor);
    if (status == SOCLE_OK)
        *tensor = header.tensor;
    else
        socle_fail_in(status, "%s", path);
    file_map_close(&map);
    return status;
}

/* ---- writing ---- */

static char *make_header(const socle_tensor *tensor)
{
    const char *descr = NULL;
    text t = {0};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (types[i].dtype == tensor->dtype)
            descr = types[i].descr;
    }
    text_addf(&t, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", socle_dtype_size_bytes(tensor->dtype) == 1 ? '|' : '<',
              descr);
    for (int i = 0; i < tensor->rank; i++)
        text_addf(&t, "%lld%s", (long long)tensor->dims[i], i + 1 < tensor->rank ? ", " : tensor->rank == 1 ? "," : "");
    text_add(&t, "), }");
    while (!t.failed && (MAGIC_BYTES + 4 + t.length + 1) % ALIGNMENT != 0)
        text_add(&t, " ");
    text_add(&t, "\n");
    return text_take(&t);
}

static bool is_writable(const socle_tensor *tensor)
{
    bool known =
        tensor->rank >= 0 && tensor->rank <= SOCLE_MAX_RANK && tensor->dtype > SOCLE_NONE && tensor->dtype < SOCLE_DTYPE_COUNT;
    int64_t size_bytes = known ? (int64_t)socle_dtype_size_bytes(tensor->dtype) : 0;
    for (int i = 0; known && i < tensor->rank; i++)
        known = tensor->dims[i] >= 0 && multiply_fits(size_bytes, tensor->dims[i], &size_bytes);
    return known && (uint64_t)size_bytes == tensor->size_bytes && (tensor->data != NULL || size_bytes == 0);
}

socle_status socle_npy_write(const char *path, const socle_tensor *tensor)
{
    file_writer *writer = NULL;
    if (path == NULL || tensor == NULL || !is_writable(tensor))
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_npy_write: the tensor's type, shape and size do not fit together");
    char *header = make_header(tensor);
    if (header == NULL)
        return SOCLE_OUT_OF_MEMORY;
    const size_t length = strlen(header);
    uint8_t front[MAGIC_BYTES + 4] = {[6] = 1, [8] = (uint8_t)length, [9] = (uint8_t)(length >> 8)};
    memcpy(front, MAGIC, MAGIC_BYTES);
    socle_status status = file_writer_open(path, &writer);
    if (status == SOCLE_OK) {
        status = file_writer_write(writer, front, sizeof(front));
        if (status == SOCLE_OK)
            status = file_writer_write(writer, header, length);
        if (status == SOCLE_OK)
            status = file_writer_write(writer, tensor->data, tensor->size_bytes);
        if (status == SOCLE_OK)
            status = file_writer_commit(writer);
        else
            file_writer_cancel(writer);
    }
    memory_free(header);
    return status;
}
