/* base: status messages, log, memory, strings, hashes, files, locks and time. Knows nothing of OpenCL. */
#ifndef SOCLE_BASE_H
#define SOCLE_BASE_H

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <socle/status.h>
#include <socle/tensor.h>

#define SOCLE_PRINTF(string, first) __attribute__((format(printf, string, first)))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- messages (message.c) ---- */

/* Sets the calling thread's message and returns status: `return socle_fail(SOCLE_IO, "%s: ...", path)`. */
socle_status socle_fail(socle_status status, const char *format, ...) SOCLE_PRINTF(2, 3);
/* Puts "prefix: " in front of the thread's message; returns status. */
socle_status socle_fail_in(socle_status status, const char *format, ...) SOCLE_PRINTF(2, 3);
/* The status of the thread's last failure, for callers of functions that return a value or nothing (graph_add). */
socle_status socle_last_status(void);

typedef struct log_sink {
    socle_log_callback callback; /* NULL: silent */
    void *user;
    socle_log_level level;
} log_sink;

void log_write(const log_sink *sink, socle_log_level level, const char *format, ...) SOCLE_PRINTF(3, 4);

/* ---- memory (memory.c): every allocation of the library goes through here ---- */

/* NULL with the thread's message set (OUT_OF_MEMORY, the bytes asked) when memory is out. size 0 gives a unique pointer.
 * memory_alloc zeroes. Alignment 64. */
void *memory_alloc(size_t size_bytes);
void *memory_alloc_array(size_t count, size_t element_bytes);           /* checks the product */
void *memory_resize(void *pointer, size_t old_bytes, size_t new_bytes); /* new bytes are zero; pointer lives on failure */
void memory_free(void *pointer);
char *memory_copy_string(const char *text); /* NULL gives NULL without an error */
char *memory_format(const char *format, ...) SOCLE_PRINTF(1, 2);
/* Asks the kernel for large pages where whole ones lie inside, wherever the memory is from; nothing happens where it has none. */
void memory_prefer_large_pages(void *pointer, size_t size_bytes);

/* Fault injection for tests: the countdown-th allocation from now fails (once; 0: the next one); < 0: off. */
void memory_fail_after(int64_t countdown);
int64_t memory_live_count(void); /* allocations not freed yet */

/* Grows `items` (T*), with `count` used of `capacity`, so that one more fits: false when memory is out. */
#define ARRAY_RESERVE(items, count, capacity)                                                                                    \
    ((count) < (capacity) || array_grow((void **)&(items), &(capacity), (size_t)(count) + 1, sizeof(*(items))))
bool array_grow(void **items, int *capacity, size_t needed, size_t element_bytes);

/* ---- growing text (text.c) ---- */

typedef struct text {
    char *data; /* always ends with 0 once something was added; NULL before */
    size_t length;
    size_t capacity;
    bool failed; /* memory ran out: later additions do nothing; checked once at the end */
} text;

void text_add(text *t, const char *string);
void text_addf(text *t, const char *format, ...) SOCLE_PRINTF(2, 3);
/* Adds a JSON string literal, quoted and escaped. */
void text_add_json(text *t, const char *string);
void text_finish(text *t); /* frees */
/* Hands the string over (memory_free by the caller), "" when empty; NULL (message set) when it failed. */
char *text_take(text *t);

/* ---- hashes (hash.c): XXH3-128 ---- */

typedef struct hash128 {
    uint64_t low, high;
} hash128;

hash128 hash_bytes(const void *bytes, size_t size_bytes);
hash128 hash_combine(hash128 a, hash128 b);
hash128 hash_string(const char *text);
bool hash_equal(hash128 a, hash128 b);
void hash_text(hash128 h, char out[33]);

/* ---- files (file.c) ---- */

typedef struct file_map {
    const uint8_t *bytes;
    size_t size_bytes;
} file_map;

socle_status file_map_open(const char *path, file_map *map); /* read-only, private; an empty file has size 0 */
void file_map_close(file_map *map);
/* Writes beside path, syncs, renames; nothing half-written stays. */
typedef struct file_writer file_writer;
socle_status file_writer_open(const char *path, file_writer **writer);
socle_status file_writer_write(file_writer *writer, const void *bytes, size_t size_bytes);
socle_status file_writer_commit(file_writer *writer); /* frees the writer, also on failure */
void file_writer_cancel(file_writer *writer);         /* removes what was written; takes NULL */
socle_status file_make_folders(const char *path);     /* mkdir -p, mode 0700 */

/* ---- time and threads (time.c, threads.c) ---- */

double time_now_s(void);  /* monotonic */
double time_wall_s(void); /* since 1970, for ages */

/* Runs work(index, user) for index 0..count-1 on up to `threads` threads and the caller; returns when all are done. The
 * first failure (lowest index) is the result, its message set for the caller. */
socle_status threads_run(int threads, int count, socle_status (*work)(int index, void *user), void *user);
int threads_available(void);

/* ---- numbers (number.c) ---- */

float half_to_float(uint16_t half);
uint16_t float_to_half(float value); /* round to nearest even */
float bfloat16_to_float(uint16_t value);
uint16_t float_to_bfloat16(float value); /* round to nearest even */

static inline int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}
static inline int64_t round_up(int64_t a, int64_t b)
{
    return ceil_div(a, b) * b;
}
/* a*b into *product; false when it overflows int64. */
static inline bool multiply_fits(int64_t a, int64_t b, int64_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

/* Median and percentiles of unsorted seconds; sorts in place. share in 0..1. */
double statistics_percentile(double *values, int count, double share);

#endif
