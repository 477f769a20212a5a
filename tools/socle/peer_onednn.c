/* oneDNN as a peer of a benchmark, in the layouts it prefers for weights and pictures. Its C interface of version 2 is declared
 * here as far as it is used: its structures are only handed on by pointer, and given more room than they take. */
#include "bench.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* dnnl_types.h, version 2 */
enum {
    F32 = 3,
    FORWARD_INFERENCE = 96,
    CONVOLUTION_AUTO = 3,
    ANY = 1,
    ROWS = 3,
    CPU = 1,
    QUERY_SRC = 129,
    QUERY_WEIGHTS = 131,
    QUERY_DST = 133
};
enum { ARG_SRC = 1, ARG_DST = 17, ARG_WEIGHTS = 33 };

typedef struct execute_argument {
    int kind;
    void *memory;
} execute_argument;

typedef struct description {
    _Alignas(64) unsigned char bytes[32768];
} description;

typedef struct primitive_peer {
    void *engine, *stream, *primitive;
    execute_argument arguments[3];
    int (*execute)(const void *, void *, int, const execute_argument *);
    int (*wait)(void *);
    int (*primitive_destroy)(void *);
    int (*memory_destroy)(void *);
    int (*stream_destroy)(void *);
    int (*engine_destroy)(void *);
} primitive_peer;

static bool run_primitive(peer *p)
{
    primitive_peer *c = p->state;
    return c->execute(c->primitive, c->stream, 3, c->arguments) == 0 && c->wait(c->stream) == 0;
}

static void destroy_primitive(peer *p)
{
    primitive_peer *c = p->state;
    for (int i = 0; i < 3; i++) {
        if (c->arguments[i].memory != NULL)
            c->memory_destroy(c->arguments[i].memory);
    }
    if (c->primitive != NULL)
        c->primitive_destroy(c->primitive);
    if (c->stream != NULL)
        c->stream_destroy(c->stream);
    if (c->engine != NULL)
        c->engine_destroy(c->engine);
    free(c);
}

/* Memory in the layout that the primitive asked for, filled with ones: garbage could hold slow denormals. */
static void *make_memory(void *library, primitive_peer *c, const void *layout)
{
    int (*create)(void **, const void *, void *, void *);
    int (*handle)(const void *, void **);
    size_t (*size)(const void *);
    void *memory = NULL, *data = NULL;
    *(void **)&create = dlsym(library, "dnnl_memory_create");
    *(void **)&handle = dlsym(library, "dnnl_memory_get_data_handle");
    *(void **)&size = dlsym(library, "dnnl_memory_desc_get_size");
    if (create == NULL || handle == NULL || size == NULL || create(&memory, layout, c->engine, (void *)(uintptr_t)-1) != 0)
        return NULL;
    if (handle(memory, &data) == 0 && data != NULL) {
        for (size_t i = 0; i < size(layout) / sizeof(float); i++)
            ((float *)data)[i] = 1;
    }
    return memory;
}

static bool find_functions(void *library, primitive_peer *c)
{
    const struct {
        const char *name;
        void **to;
    } wanted[] = {
        {"dnnl_primitive_execute", (void **)&c->execute},           {"dnnl_stream_wait", (void **)&c->wait},
        {"dnnl_primitive_destroy", (void **)&c->primitive_destroy}, {"dnnl_memory_destroy", (void **)&c->memory_destroy},
        {"dnnl_stream_destroy", (void **)&c->stream_destroy},       {"dnnl_engine_destroy", (void **)&c->engine_destroy}};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        *wanted[i].to = dlsym(library, wanted[i].name);
        if (*wanted[i].to == NULL)
            return false;
    }
    return true;
}

typedef int (*memory_init)(void *, int, const int64_t *, int, int);

/* d[0..2]: source, weights, destination; d[3]: the operation. */
static bool describe_product(void *library, memory_init init, const bench_shape *s, description *d)
{
    int (*matmul)(void *, const void *, const void *, const void *, const void *);
    const int64_t a[] = {s->m, s->k}, b[] = {s->k, s->n}, c[] = {s->m, s->n};
    *(void **)&matmul = dlsym(library, "dnnl_matmul_desc_init");
    return matmul != NULL && init(&d[0], 2, a, F32, ROWS) == 0 && init(&d[1], 2, b, F32, ANY) == 0 &&
           init(&d[2], 2, c, F32, ROWS) == 0 && matmul(&d[3], &d[0], &d[1], NULL, &d[2]) == 0;
}

static bool describe_convolution(void *library, memory_init init, const bench_shape *s, description *d)
{
    int (*conv)(void *, int, int, const void *, const void *, const void *, const void *, const int64_t *, const int64_t *,
                const int64_t *, const int64_t *);
    *(void **)&conv = dlsym(library, "dnnl_dilated_convolution_forward_desc_init");
    const int axes = s->axes, rank = axes + 2;
    const int64_t g = s->groups, r = s->stride, e = s->dilation - 1, p = s->padding;
    const int64_t w[] = {s->w[0], s->x[1], s->w[1], s->w[2], s->w[3]};
    const int64_t grouped[] = {g, s->w[0] / g, s->x[1] / g, s->w[1], s->w[2], s->w[3]};
    const int64_t strides[] = {r, r, r}, dilates[] = {e, e, e}, pads[] = {p, p, p};
    int64_t y[5] = {s->x[0], s->w[0]};
    bool fits = conv != NULL;
    for (int i = 0; i < axes; i++) {
        y[2 + i] = (s->x[2 + i] + 2 * p - s->dilation * (s->w[1 + i] - 1) - 1) / s->stride + 1;
        fits = fits && y[2 + i] > 0;
    }
    return fits && init(&d[0], rank, s->x, F32, ANY) == 0 &&
           init(&d[1], g > 1 ? rank + 1 : rank, g > 1 ? grouped : w, F32, ANY) == 0 && init(&d[2], rank, y, F32, ANY) == 0 &&
           conv(&d[3], FORWARD_INFERENCE, CONVOLUTION_AUTO, &d[0], &d[1], NULL, &d[2], strides, dilates, pads, pads) == 0;
}

static bool describe(void *library, const char *what, const bench_shape *s, description *d)
{
    memory_init init;
    *(void **)&init = dlsym(library, "dnnl_memory_desc_init_by_tag");
    return init != NULL &&
           (strcmp(what, "conv") == 0 ? describe_convolution(library, init, s, d) : describe_product(library, init, s, d));
}

static bool build(void *library, const char *what, const bench_shape *s, primitive_peer *c, description *d)
{
    int (*engine)(void **, int, size_t), (*stream)(void **, void *, unsigned);
    int (*make)(void **, const void *, const void *, void *, const void *), (*primitive)(void **, const void *),
        (*release)(void *);
    const void *(*query)(const void *, int, int);
    static const int queries[] = {QUERY_SRC, QUERY_WEIGHTS, QUERY_DST}, kinds[] = {ARG_SRC, ARG_WEIGHTS, ARG_DST};
    void *plan = NULL;
    *(void **)&engine = dlsym(library, "dnnl_engine_create");
    *(void **)&stream = dlsym(library, "dnnl_stream_create");
    *(void **)&make = dlsym(library, "dnnl_primitive_desc_create");
    *(void **)&primitive = dlsym(library, "dnnl_primitive_create");
    *(void **)&query = dlsym(library, "dnnl_primitive_desc_query_md");
    *(void **)&release = dlsym(library, "dnnl_primitive_desc_destroy");
    if (engine == NULL || stream == NULL || make == NULL || primitive == NULL || query == NULL || release == NULL ||
        !describe(library, what, s, d) || engine(&c->engine, CPU, 0) != 0 || stream(&c->stream, c->engine, 1) != 0 ||
        make(&plan, &d[3], NULL, c->engine, NULL) != 0)
        return false;
    bool good = primitive(&c->primitive, plan) == 0;
    for (int i = 0; good && i < 3; i++) {
        c->arguments[i] = (execute_argument){kinds[i], make_memory(library, c, query(plan, queries[i], 0))};
        good = c->arguments[i].memory != NULL;
    }
    release(plan);
    return good;
}

bool peer_onednn_open(const char *what, const bench_shape *shape, peer *p)
{
    static const char *const names[] = {"libdnnl.so.2", "libdnnl.so", NULL};
    void *library = peer_library(names);
    primitive_peer *c = calloc(1, sizeof(*c));
    description *descriptions = aligned_alloc(64, 4 * sizeof(*descriptions));
    *p = (peer){"oneDNN", "primitive", c, run_primitive, destroy_primitive};
    const bool found = library != NULL && c != NULL && descriptions != NULL && find_functions(library, c);
    const bool good = found && build(library, what, shape, c, descriptions);
    free(descriptions);
    if (!found)
        free(c);
    else if (!good)
        destroy_primitive(p);
    return good;
}
