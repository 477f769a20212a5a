/* The socle command: what its subcommands share. It is written on the public interface alone. */
#ifndef SOCLE_COMMAND_H
#define SOCLE_COMMAND_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include <socle/socle.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))

/* Exit statuses. */
enum { DONE = 0, FAILED = 1, WRONG_USAGE = 2, BAD_FILE = 3, NO_DEVICE = 4 };

/* A subcommand's main function: argv[0] is its name. */
int command_devices(int argc, char **argv);
int command_profile(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_run(int argc, char **argv);
int command_train(int argc, char **argv);
int command_new(int argc, char **argv);
int command_tune(int argc, char **argv);
int command_cache(int argc, char **argv);
int command_doctor(int argc, char **argv);

/* ---- options (options.c) ---- */

typedef enum option_kind {
    OPTION_SET,    /* --name: *(int *)target = 1 */
    OPTION_CLEAR,  /* --name: *(int *)target = 0 */
    OPTION_TEXT,   /* const char ** */
    OPTION_LIST,   /* text_list *, given any number of times */
    OPTION_INT,    /* int64_t *, at least `least` */
    OPTION_NUMBER, /* double *, finite */
    OPTION_CHOICE  /* int *: index into choices */
} option_kind;

typedef struct option_spec {
    const char *name;
    option_kind kind;
    void *target;
    const char *argument; /* its name in the help; NULL where there is none */
    const char *help;
    const char *const *choices; /* ends with NULL */
    int64_t least;
} option_spec;

/* Options of what results have to keep to, in a struct that has them as socle_plan_options does. */
#define DEMAND(name, target, help)                                                                                               \
    {                                                                                                                            \
        name, OPTION_SET, target, NULL, help, NULL, 0                                                                            \
    }
#define DEMAND_OPTIONS(o)                                                                                                        \
    DEMAND("deterministic", &(o)->deterministic, "bitwise equal results run after run"),                                         \
        DEMAND("strict-accuracy", &(o)->strict_accuracy, "rounding errors no larger than those of plain sums"),                  \
        DEMAND("allow-tf32", &(o)->allow_tf32, "products of float32 may round their factors to TF32")

#define MAX_LIST 64
typedef struct text_list {
    const char *items[MAX_LIST];
    int count;
} text_list;

typedef struct command_usage {
    const char *synopsis; /* "run MODEL.onnx [options]" */
    const char *summary;
    const char *example;
    const option_spec *options;
    int option_count;
    int least, most; /* arguments that are no options */
} command_usage;

/* Fills the options' targets and positional[0..most) (NULL where not given). True: go on; false: return *status. */
bool options_parse(const command_usage *usage, int argc, char **argv, const char **positional, int *status);
/* Prints "socle: SUBCOMMAND: ...: see socle SUBCOMMAND --help" and returns WRONG_USAGE. */
int usage_error(const char *subcommand, const char *format, ...) PRINTF_LIKE(2, 3);

/* "NAME=VALUE": the length of NAME, and VALUE; false when there is no '='. */
bool split_assignment(const char *text, size_t *name_length, const char **value);
/* "1x3x224x224" up to the end of the text: the rank, or -1. */
int parse_shape(const char *text, int64_t *dims);
/* --shape arguments as bindings; names are copied into `names`. */
bool parse_bindings(const text_list *shapes, socle_shape_binding *bindings, char (*names)[128]);

/* ---- errors (errors.c) ---- */

/* Prints "socle: " and the library's message; the exit status that goes with the code. */
int report(socle_status status);
/* The same while a file is read: whatever is wrong with it is BAD_FILE. */
int report_file(socle_status status);
/* "socle: TEXT" on stderr; returns FAILED. */
int fail(const char *format, ...) PRINTF_LIKE(1, 2);

/* ---- context (context.c) ---- */

/* Opens the context with PoCL's `basic` device beside the others. devices: NULL: the environment's. */
int context_open(const char *devices, socle_context **context);
/* The same, and NO_DEVICE with a message when no device is usable. */
int context_open_usable(const char *devices, socle_context **context);
bool device_usable(const socle_context *context, int index);
int model_open(socle_context *context, const char *path, socle_model **model);

/* ---- interruption (interrupt.c) ---- */

extern volatile sig_atomic_t interrupted;
/* From now on SIGINT and SIGTERM only set `interrupted`; a second one ends the process as usual. */
void interrupt_catch(void);

/* ---- output (output.c, table.c) ---- */

double seconds_now(void);
/* null where the value is not finite or negative-means-absent. */
json_t *json_number(double value);
json_t *json_measure(double value); /* null below 0 */
/* Prints the document to stdout, and frees it. */
int json_print(json_t *document);
/* DONE, or FAILED when stdout could not be written. */
int output_finish(void);

/* A text file written beside its path and renamed when it is whole and on disk. */
typedef struct output_file {
    FILE *file;
    char *path, *beside;
} output_file;
bool output_file_open(const char *path, output_file *out); /* false: message printed */
/* Whether a file can be made there, before the work for it begins; leaves none. False: message printed. */
bool output_file_possible(const char *path);
bool output_file_commit(output_file *out);
void output_file_cancel(output_file *out);

typedef struct table table;
table *table_new(int columns, const char *const *titles); /* a title with a leading '>' aligns right */
void table_cell(table *t, const char *format, ...) PRINTF_LIKE(2, 3);
void table_print(table *t, FILE *to); /* and frees */
void table_free(table *t);            /* takes NULL */
typedef enum table_format { TABLE_TEXT, TABLE_CSV, TABLE_MARKDOWN } table_format;
void table_print_as(table *t, FILE *to, table_format format);

/* ---- progress (progress.c): nothing where stderr is no terminal ---- */

void progress_show(double share, const char *format, ...) PRINTF_LIKE(2, 3);
void progress_clear(void);

/* ---- numbers (statistics.c) ---- */

typedef struct latency {
    double min, median, mean, p90, p99, max, stddev;
} latency;
latency latency_of(double *seconds, int count); /* sorts; in milliseconds */
json_t *latency_json(const latency *l);

typedef struct random_state {
    uint64_t state;
} random_state;
uint64_t random_next(random_state *r);
void random_fill(random_state *r, socle_tensor *tensor); /* floats in 0..1, whole numbers 0 or 1 */

/* ---- plots (plot.c) ---- */

typedef struct plot_series {
    const char *label;
    const char *colour;
    const double *x, *y;
    int count;
    bool points; /* marks each point */
} plot_series;

typedef struct plot_panel {
    const char *title, *x_label, *y_label;
    const plot_series *series;
    int count;
    double y_min, y_max; /* equal: from the data */
} plot_panel;

/* Panels one above the other, as SVG. */
bool plot_write(const char *path, const char *title, const plot_panel *panels, int count);

#endif
