/* Peers of a benchmark, loaded at run time where they are installed, so that the command needs none of them: OpenBLAS here,
 * oneDNN in peer_onednn.c. */
#include "bench.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static float *ones(int64_t count)
{
    void *memory;
    if (posix_memalign(&memory, 64, (size_t)(count > 0 ? count : 1) * sizeof(float)) != 0)
        return NULL;
    float *values = memory;
    random_state random = {3};
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)(random_next(&random) >> 40) * 0x1p-24f;
    return values;
}

typedef void (*sgemm_function)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);

typedef struct product {
    sgemm_function sgemm;
    int m, n, k;
    float *a, *b, *c;
} product;

static bool run_product(peer *p)
{
    const product *s = p->state;
    enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111 };
    s->sgemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, s->m, s->n, s->k, 1, s->a, s->k, s->b, s->n, 0, s->c, s->n);
    return true;
}

static void destroy_product(peer *p)
{
    product *s = p->state;
    free(s->a);
    free(s->b);
    free(s->c);
    free(s); /* the library stays loaded: its threads may still run */
}

void *peer_library(const char *const *names)
{
    void *library = NULL;
    for (; library == NULL && *names != NULL; names++)
        library = dlopen(*names, RTLD_NOW | RTLD_LOCAL);
    return library;
}

static bool open_openblas(const bench_shape *shape, peer *p)
{
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", NULL};
    void *library = peer_library(names);
    product *s = library != NULL ? calloc(1, sizeof(*s)) : NULL;
    if (s == NULL)
        return false;
    *s = (product){NULL,
                   (int)shape->m,
                   (int)shape->n,
                   (int)shape->k,
                   ones(shape->m * shape->k),
                   ones(shape->k * shape->n),
                   ones(shape->m * shape->n)};
    *p = (peer){"OpenBLAS", "cblas_sgemm", s, run_product, destroy_product};
    *(void **)&s->sgemm = dlsym(library, "cblas_sgemm");
    if (s->sgemm != NULL && s->a != NULL && s->b != NULL && s->c != NULL)
        return true;
    destroy_product(p);
    return false;
}

int peers_open(const char *what, const bench_shape *shape, peer *peers, int capacity)
{
    int count = 0;
    if (strcmp(what, "gemm") == 0 && count < capacity)
        count += open_openblas(shape, &peers[count]);
    if (count < capacity)
        count += peer_onednn_open(what, shape, &peers[count]);
    return count;
}
