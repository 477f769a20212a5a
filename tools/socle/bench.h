/* socle bench: what its files share. */
#ifndef SOCLE_COMMAND_BENCH_H
#define SOCLE_COMMAND_BENCH_H

#include "command.h"

/* ---- shapes (bench_shape.c) ---- */

typedef struct shape_list {
    char text[4096]; /* the shapes, each ended by 0 */
    const char *shapes[MAX_LIST];
    int count;
} shape_list;

/* Shapes separated by blanks or given one by one; none: the usual ones of gemm or conv. */
bool shape_list_read(const text_list *given, const char *what, shape_list *list);

typedef struct bench_shape {
    int64_t m, n, k;    /* gemm */
    int axes;           /* conv: 1 to 3 */
    int64_t x[5], w[4]; /* N C and extents, OC and the kernel's */
    int64_t stride, padding, dilation, groups;
    int64_t lanes; /* of blocks of channels in which images lie; 1: plain */
} bench_shape;

bool bench_shape_read(const char *what, const char *text, bench_shape *shape);
/* A model of just that product or convolution, with constant weights. */
socle_status bench_model(socle_context *context, const char *what, const char *shape, socle_model **model);

/* ---- rows (bench_rows.c) ---- */

/* Adds a row from single times. flops and bytes are of one run, 0: unknown. peak_gflops <= 0: no profile. peer may be NULL. */
void bench_add(json_t *rows, const char *what, const char *shape, const char *device, const char *algorithm, const char *peer,
               double *seconds, int count, double flops, double bytes, double peak_gflops);
typedef enum bench_format { BENCH_TABLE, BENCH_JSON, BENCH_CSV, BENCH_MARKDOWN } bench_format;
/* old: an earlier document, or NULL. Frees neither. */
int bench_print(json_t *rows, json_t *old, bench_format format);

/* ---- peers (peers.c, peer_onednn.c): libraries of the host's processor, loaded where they are installed ---- */

typedef struct peer {
    const char *name;
    const char *algorithm;
    void *state;
    bool (*run)(struct peer *peer); /* once, waiting */
    void (*destroy)(struct peer *peer);
} peer;

/* Peers that can do the work; how many. */
int peers_open(const char *what, const bench_shape *shape, peer *peers, int capacity);

bool peer_onednn_open(const char *what, const bench_shape *shape, peer *p);
void *peer_library(const char *const *names); /* the first that is installed, ends with NULL */

/* ---- devices alone (bench_device.c) ---- */

/* what: "peak", "memory" or "launch". */
socle_status bench_device(json_t *rows, const char *what, socle_device *device);

#define BENCH_SECONDS 1.0 /* for one shape on one device */
#define BENCH_MAX_RUNS 4000

#endif
