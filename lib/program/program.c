/* The cache of compiled programs of one device. A program is taken from here, else from the store, else compiled; it is compiled
 * once however many threads ask for it: the first one works, without a lock, the others wait for it. */
#include "compile.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 256
#define IDLE_KEPT 256 /* programs that nobody uses: the tuner makes hundreds */

typedef enum program_state { PROGRAM_WORKING, PROGRAM_READY, PROGRAM_FAILED } program_state;

struct program {
    program *next; /* in its bucket */
    struct program_cache *cache;
    hash128 key;
    char *source, *prelude, *options;
    program_state state;
    int references;
    bool listed;         /* in the cache's buckets */
    uint64_t used;       /* the cache's clock when it was last given back */
    cl_program compiled; /* under the cache's lock: a retry replaces it */
    size_t stored_bytes; /* of the binary in the store; 0: none */
    socle_status failure;
    char *failure_message;
};

struct program_cache {
    socle_device *device;
    pthread_mutex_t lock;
    pthread_cond_t settled;    /* a program left PROGRAM_WORKING */
    pthread_mutex_t compiling; /* QUIRK_COMPILE_ONE_AT_A_TIME, and retries */
    program *buckets[BUCKETS];
    int idle_count;
    uint64_t clock;
};

/* ---- the cache's lists; its lock is held ---- */

static program *find_program(struct program_cache *cache, hash128 key)
{
    program *p = cache->buckets[key.low % BUCKETS];
    while (p != NULL && !hash_equal(p->key, key))
        p = p->next;
    return p;
}

static void unlist(program *p)
{
    program **at = &p->cache->buckets[p->key.low % BUCKETS];
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    p->listed = false;
}

static void free_program(program *p)
{
    if (p->compiled != NULL)
        clReleaseProgram(p->compiled);
    memory_free(p->failure_message);
    memory_free(p->source);
    memory_free(p->prelude);
    memory_free(p->options);
    memory_free(p);
}

static void drop_oldest_idle(struct program_cache *cache)
{
    program *oldest = NULL;
    for (int i = 0; i < BUCKETS; i++)
        for (program *p = cache->buckets[i]; p != NULL; p = p->next)
            if (p->references == 0 && (oldest == NULL || p->used < oldest->used))
                oldest = p;
    if (oldest == NULL)
        return;
    unlist(oldest);
    free_program(oldest);
    cache->idle_count--;
}

static void release_locked(program *p)
{
    struct program_cache *cache = p->cache;
    if (--p->references > 0)
        return;
    if (!p->listed) { /* it failed: the last one to hear of it frees it */
        free_program(p);
        return;
    }
    p->used = ++cache->clock;
    if (++cache->idle_count > IDLE_KEPT)
        drop_oldest_idle(cache);
}

static struct program_cache *cache_of(socle_device *device)
{
    pthread_mutex_lock(&device->lock);
    if (device->programs == NULL && (device->programs = memory_alloc(sizeof(*device->programs))) != NULL) {
        device->programs->device = device;
        pthread_mutex_init(&device->programs->lock, NULL);
        pthread_mutex_init(&device->programs->compiling, NULL);
        pthread_cond_init(&device->programs->settled, NULL);
    }
    struct program_cache *cache = device->programs;
    pthread_mutex_unlock(&device->lock);
    return cache;
}

void program_cache_destroy(struct program_cache *cache)
{
    if (cache == NULL)
        return;
    for (int i = 0; i < BUCKETS; i++) {
        while (cache->buckets[i] != NULL) {
            program *p = cache->buckets[i];
            cache->buckets[i] = p->next;
            free_program(p);
        }
    }
    pthread_cond_destroy(&cache->settled);
    pthread_mutex_destroy(&cache->compiling);
    pthread_mutex_destroy(&cache->lock);
    memory_free(cache);
}

/* ---- one program ---- */

/* Every part that can change what the driver makes of it. */
static hash128 key_of(const socle_device *device, const program_spec *spec)
{
    const char *text = spec->source != NULL ? program_source_text(spec->source) : NULL;
    const char *const parts[] = {
        program_text_in_front(device), spec->prelude, text, spec->options, device->identity, socle_version()};
    hash128 key = hash_string("program");
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        key = hash_combine(key, hash_string(parts[i] != NULL ? parts[i] : ""));
    return key;
}

static program *program_new(struct program_cache *cache, hash128 key, const program_spec *spec)
{
    program *p = memory_alloc(sizeof(*p));
    if (p == NULL)
        return NULL;
    p->cache = cache;
    p->key = key;
    p->source = memory_copy_string(spec->source);
    p->prelude = memory_copy_string(spec->prelude);
    p->options = memory_copy_string(spec->options);
    if ((spec->source != NULL && p->source == NULL) || (spec->prelude != NULL && p->prelude == NULL) ||
        (spec->options != NULL && p->options == NULL)) {
        free_program(p);
        return NULL;
    }
    return p;
}

static program_spec spec_of(const program *p)
{
    return (program_spec){p->source, p->prelude, p->options};
}

/* A store in memory would keep what the cache keeps anyway. */
static bool keeps_binaries(const socle_device *device)
{
    return !device_has_quirk(device, QUIRK_NO_BINARIES) && store_path(device->context->store)[0] != '\0';
}

static bool load_binary(program *p, cl_program *compiled)
{
    socle_device *device = p->cache->device;
    void *bytes = NULL;
    size_t size_bytes = 0;
    if (!keeps_binaries(device) || store_get(device->context->store, "program", p->key, &bytes, &size_bytes, NULL) != SOCLE_OK)
        return false;
    const bool loaded = compile_binary(device, bytes, size_bytes, p->options, compiled) == SOCLE_OK;
    memory_free(bytes);
    if (loaded) {
        p->stored_bytes = size_bytes;
    } else {
        log_write(&device->context->log, SOCLE_LOG_INFO, "the stored binary of %s is refused and compiled again: %s",
                  p->source != NULL ? p->source : "a generated program", socle_error_message());
        store_remove(device->context->store, "program", p->key);
    }
    return loaded;
}

static void store_binary(program *p, cl_program compiled)
{
    socle_device *device = p->cache->device;
    void *bytes = NULL;
    size_t size_bytes = 0;
    if (!keeps_binaries(device) || program_binary(device, compiled, &bytes, &size_bytes) != SOCLE_OK)
        return;
    const program_spec spec = spec_of(p);
    char *name = memory_format("%s %s", spec_name(&spec), p->options != NULL ? p->options : "");
    if (store_put(device->context->store, "program", p->key, name, device->info.id, bytes, size_bytes) == SOCLE_OK)
        __atomic_store_n(&p->stored_bytes, size_bytes, __ATOMIC_RELEASE);
    memory_free(name);
    memory_free(bytes);
}

static socle_status compile(program *p, cl_program *compiled)
{
    struct program_cache *cache = p->cache;
    const bool alone = device_has_quirk(cache->device, QUIRK_COMPILE_ONE_AT_A_TIME);
    const program_spec spec = spec_of(p);
    if (alone)
        pthread_mutex_lock(&cache->compiling);
    const double start = time_now_s();
    socle_status status = compile_source(cache->device, &spec, compiled);
    if (alone)
        pthread_mutex_unlock(&cache->compiling);
    if (status == SOCLE_OK) {
        log_write(&cache->device->context->log, SOCLE_LOG_DEBUG, "%s: compiled %s %s in %.0f ms", cache->device->info.id,
                  spec_name(&spec), p->options != NULL ? p->options : "", (time_now_s() - start) * 1e3);
        if (!device_has_quirk(cache->device, QUIRK_COMPILES_AT_ENQUEUE))
            store_binary(p, *compiled);
    }
    return status;
}

/* Makes the program that this thread was the first to ask for, and tells the others. */
static socle_status settle(program *p)
{
    struct program_cache *cache = p->cache;
    cl_program compiled = NULL;
    socle_status status = load_binary(p, &compiled) ? SOCLE_OK : compile(p, &compiled);
    pthread_mutex_lock(&cache->lock);
    p->state = status == SOCLE_OK ? PROGRAM_READY : PROGRAM_FAILED;
    p->compiled = compiled;
    p->failure = status;
    if (status != SOCLE_OK) { /* later callers try again: the cause may be gone */
        p->failure_message = memory_copy_string(socle_error_message());
        unlist(p);
        release_locked(p);
    }
    pthread_cond_broadcast(&cache->settled);
    pthread_mutex_unlock(&cache->lock);
    return status;
}

/* Waits until another thread has made it; takes over the reference on failure. The lock is held. */
static socle_status await(program *p)
{
    while (p->state == PROGRAM_WORKING)
        pthread_cond_wait(&p->cache->settled, &p->cache->lock);
    if (p->state == PROGRAM_READY)
        return SOCLE_OK;
    socle_status status = p->failure_message != NULL ? socle_fail(p->failure, "%s", p->failure_message) : p->failure;
    release_locked(p);
    return status;
}

socle_status program_get(socle_device *device, const program_spec *spec, program **out)
{
    socle_status status = device_open(device);
    if (status != SOCLE_OK)
        return status;
    if (spec->source != NULL && program_source_text(spec->source) == NULL)
        return socle_fail(SOCLE_NOT_FOUND, "there is no embedded kernel source '%s'", spec->source);
    struct program_cache *cache = cache_of(device);
    if (cache == NULL)
        return SOCLE_OUT_OF_MEMORY;
    const hash128 key = key_of(device, spec);
    pthread_mutex_lock(&cache->lock);
    program *p = find_program(cache, key);
    if (p != NULL) {
        cache->idle_count -= p->references++ == 0;
        status = await(p);
        pthread_mutex_unlock(&cache->lock);
    } else {
        p = program_new(cache, key, spec);
        if (p != NULL) {
            p->references = 1;
            p->listed = true;
            p->next = cache->buckets[key.low % BUCKETS];
            cache->buckets[key.low % BUCKETS] = p;
        }
        pthread_mutex_unlock(&cache->lock);
        status = p != NULL ? settle(p) : SOCLE_OUT_OF_MEMORY;
    }
    if (status == SOCLE_OK)
        *out = p;
    return status;
}

void program_release(program *p)
{
    if (p == NULL)
        return;
    struct program_cache *cache = p->cache;
    pthread_mutex_lock(&cache->lock);
    release_locked(p);
    pthread_mutex_unlock(&cache->lock);
}

/* ---- many ---- */

typedef struct many {
    socle_device *device;
    const program_spec *const *specs;
    struct keyed {
        hash128 key;
        int index;
    } * keyed; /* one per program, without repetitions */
} many;

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    if (x->key.high != y->key.high)
        return x->key.high < y->key.high ? -1 : 1;
    if (x->key.low != y->key.low)
        return x->key.low < y->key.low ? -1 : 1;
    return x->index - y->index;
}

static socle_status get_one(int index, void *user)
{
    const many *m = user;
    program *p;
    socle_status status = program_get(m->device, m->specs[m->keyed[index].index], &p);
    if (status == SOCLE_OK)
        program_release(p); /* the cache keeps it */
    return status;
}

socle_status program_get_all(socle_device *device, const program_spec *const *specs, int count)
{
    if (count == 0)
        return SOCLE_OK;
    many m = {device, specs, memory_alloc_array((size_t)count, sizeof(*m.keyed))};
    if (m.keyed == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int i = 0; i < count; i++)
        m.keyed[i] = (struct keyed){key_of(device, specs[i]), i};
    qsort(m.keyed, (size_t)count, sizeof(*m.keyed), by_key);
    int distinct = 0;
    for (int i = 0; i < count; i++)
        if (i == 0 || !hash_equal(m.keyed[i].key, m.keyed[distinct - 1].key))
            m.keyed[distinct++] = m.keyed[i];
    socle_status status = device_open(device); /* once, not in every thread */
    if (status == SOCLE_OK)
        status = threads_run(threads_available(), distinct, get_one, &m);
    memory_free(m.keyed);
    return status;
}

/* ---- kernels ---- */

static cl_program retain_compiled(program *p)
{
    pthread_mutex_lock(&p->cache->lock);
    cl_program compiled = p->compiled;
    if (clRetainProgram(compiled) != CL_SUCCESS)
        compiled = NULL;
    pthread_mutex_unlock(&p->cache->lock);
    return compiled;
}

/* PoCL 3.1 fails about one clCreateKernel in a hundred while many processes fill its own kernel cache: compiled once more from
 * source, one thread at a time, it works. */
static socle_status compile_again(program *p)
{
    const program_spec spec = spec_of(p);
    cl_program again = NULL;
    pthread_mutex_lock(&p->cache->compiling);
    socle_status status = compile_source(p->cache->device, &spec, &again);
    pthread_mutex_unlock(&p->cache->compiling);
    if (status != SOCLE_OK)
        return status;
    pthread_mutex_lock(&p->cache->lock);
    cl_program replaced = p->compiled;
    p->compiled = again;
    pthread_mutex_unlock(&p->cache->lock);
    clReleaseProgram(replaced);
    return SOCLE_OK;
}

static socle_status make_kernel(program *p, const char *name, cl_kernel *kernel, bool *retry)
{
    socle_device *device = p->cache->device;
    const program_spec spec = spec_of(p);
    char *names = NULL;
    cl_int code;
    *retry = false;
    cl_program compiled = retain_compiled(p);
    if (compiled == NULL)
        return device_status(device, CL_INVALID_PROGRAM, "clRetainProgram");
    cl_kernel made = clCreateKernel(compiled, name, &code);
    socle_status status = SOCLE_OK;
    if (code == CL_SUCCESS) {
        *kernel = made;
    } else if (!program_has_kernel(compiled, name, &names)) {
        status = socle_fail(SOCLE_NOT_FOUND, "%s: %s has no kernel '%s': it has %s", device->info.id, spec_name(&spec), name,
                            names[0] != '\0' ? names : "none");
    } else {
        *retry = true;
        status = socle_fail_in(device_status(device, code, "clCreateKernel"), "kernel '%s' of %s", name, spec_name(&spec));
    }
    memory_free(names);
    clReleaseProgram(compiled);
    return status;
}

socle_status program_kernel(program *p, const char *name, cl_kernel *kernel)
{
    bool retry;
    socle_status status = make_kernel(p, name, kernel, &retry);
    if (!retry)
        return status;
    log_write(&p->cache->device->context->log, SOCLE_LOG_INFO, "%s: compiled once more", socle_error_message());
    status = compile_again(p);
    return status == SOCLE_OK ? make_kernel(p, name, kernel, &retry) : status;
}

/* PoCL makes a program's binary when it is first asked for, and answers the same ever after: it is asked once, when the machine
 * code of the first launches is there to go in. */
void program_refresh_binary(program *p)
{
    if (!keeps_binaries(p->cache->device) || __atomic_load_n(&p->stored_bytes, __ATOMIC_ACQUIRE) > 0)
        return;
    cl_program compiled = retain_compiled(p);
    if (compiled == NULL)
        return;
    store_binary(p, compiled);
    clReleaseProgram(compiled);
}
