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
    char algorithm[64];
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

/* An OpenBLAS older than the processor takes it for a much older one: it is told of AVX-512 by name, before it is loaded. */
static void choose_openblas_kernels(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        setenv("OPENBLAS_CORETYPE", "SKYLAKEX", 0);
#endif
}

static bool open_openblas(const bench_shape *shape, peer *p)
{
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", NULL};
    choose_openblas_kernels();
    void *library = peer_library(names);
    product *s = library != NULL ? calloc(1, sizeof(*s)) : NULL;
    if (s == NULL)
        return false;
    *s = (product){NULL,
                   "cblas_sgemm",
                   (int)shape->m,
                   (int)shape->n,
                   (int)shape->k,
                   ones(shape->m * shape->k),
                   ones(shape->k * shape->n),
                   ones(shape->m * shape->n)};
    *p = (peer){"OpenBLAS", s->algorithm, s, run_product, destroy_product};
    *(void **)&s->sgemm = dlsym(library, "cblas_sgemm");
    char *(*core)(void) = NULL;
    *(void **)&core = dlsym(library, "openblas_get_corename");
    if (core != NULL)
        snprintf(s->algorithm, sizeof(s->algorithm), "cblas_sgemm for %s", core());
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
