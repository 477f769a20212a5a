/* Arrays from and to files: NPY, and CSV (plain or .gz). The bytes are not trusted. */
#ifndef SOCLE_DATASET_H
#define SOCLE_DATASET_H

#include <socle/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reads an NPY file (versions 1 to 3, C order, little endian). tensor->data is allocated: socle_tensor_free.
 * Errors: IO; INVALID_FILE naming the file and what is wrong (magic, Fortran order, dtype, truncated). */
SOCLE_API socle_status socle_npy_read(const char *path, socle_tensor *tensor);
/* Writes beside, then renames. */
SOCLE_API socle_status socle_npy_write(const char *path, const socle_tensor *tensor);

/* Reads a CSV of numbers, optionally gzip-compressed, optionally with one header line. Column `label_column` (negative
 * counts from the end) becomes labels: int64 [rows] when every label is a whole number, else float32; the others, times
 * scale, become data: float32 [rows, columns - 1]. Errors: INVALID_FILE naming file, line, column and value (ragged row,
 * text). */
SOCLE_API socle_status socle_csv_read(const char *path, int label_column, double scale, socle_tensor *data, socle_tensor *labels);
/* Frees what the readers allocated. */
SOCLE_API void socle_tensor_free(socle_tensor *tensor);

#ifdef __cplusplus
}
#endif
#endif
