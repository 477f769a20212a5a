/* The context: devices, store, the host's own operators and the log. It stands in the last room, since it opens and closes what
 * every other room keeps in it. */
#include "run.h"

#include <stdlib.h>
#include <string.h>

static char *default_cache_dir(void)
{
    const char *own = getenv("SOCLE_CACHE_DIR");
    if (own != NULL && own[0] != '\0')
        return memory_copy_string(own);
    const char *cache = getenv("XDG_CACHE_HOME");
    if (cache != NULL && cache[0] == '/') /* the XDG Base Directory Specification ignores relative paths */
        return memory_format("%s/socle", cache);
    const char *home = getenv("HOME");
    return home != NULL && home[0] == '/' ? memory_format("%s/.cache/socle", home) : memory_copy_string("");
}

/* The host's struct may be older and shorter than ours: what it lacks has its default. */
static socle_status read_options(const socle_context_options *given, socle_context_options *options)
{
    *options = (socle_context_options)SOCLE_CONTEXT_OPTIONS_INIT;
    if (given == NULL)
        return SOCLE_OK;
    if (given->size < offsetof(socle_context_options, cache_dir) || given->size > 4096)
        return socle_fail(SOCLE_INVALID_ARGUMENT,
                          "socle_context_create: options.size is %zu: begin with SOCLE_CONTEXT_OPTIONS_INIT", given->size);
    memcpy(options, given, given->size < sizeof(*options) ? given->size : sizeof(*options));
    if (options->log_level < SOCLE_LOG_ERROR || options->log_level > SOCLE_LOG_DEBUG)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_context_create: options.log_level is %d", (int)options->log_level);
    return SOCLE_OK;
}

static socle_status open_all(socle_context *context, const socle_context_options *options)
{
    context->log = (log_sink){options->log, options->log_user, options->log_level};
    context->memory_budget_bytes = options->memory_budget_bytes;
    context->cache_dir = options->cache_dir != NULL ? memory_copy_string(options->cache_dir) : default_cache_dir();
    if (context->cache_dir == NULL)
        return SOCLE_OUT_OF_MEMORY;
    socle_status status = device_enumerate(context, options->devices, options->pocl_basic != 0, options->pocl_affinity != 0);
    if (status == SOCLE_OK)
        status = store_open(context->cache_dir, &context->log, &context->store);
    if (status == SOCLE_OK)
        status = operator_registry_create(&context->operators);
    return status;
}

socle_status socle_context_create(const socle_context_options *options, socle_context **context)
{
    socle_context_options read;
    if (context == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_context_create: context must not be NULL");
    socle_status status = read_options(options, &read);
    if (status != SOCLE_OK)
        return status;
    socle_context *made = memory_alloc(sizeof(*made));
    if (made == NULL)
        return SOCLE_OUT_OF_MEMORY;
    pthread_mutex_init(&made->lock, NULL);
    status = open_all(made, &read);
    if (status == SOCLE_OK)
        *context = made;
    else
        socle_context_destroy(made);
    return status;
}

static void close_programs(socle_device *const *devices, int count)
{
    for (int i = 0; i < count; i++) {
        program_cache_destroy(devices[i]->programs);
        devices[i]->programs = NULL;
    }
}

void socle_context_destroy(socle_context *context)
{
    if (context == NULL)
        return;
    operator_registry_destroy(context->operators);
    close_programs(context->devices, context->device_count);
    close_programs(context->hidden, context->hidden_count);
    solver_forget_contexts();
    device_finish_all(context);
    store_close(context->store);
    memory_free(context->cache_dir);
    pthread_mutex_destroy(&context->lock);
    memory_free(context);
}

/* ---- the store, for hosts ---- */

const char *socle_cache_path(const socle_context *context)
{
    return context != NULL ? store_path(context->store) : "";
}

socle_status socle_cache_visit(socle_context *context, int verify, socle_cache_visitor visitor, void *user)
{
    if (context == NULL || visitor == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_cache_visit: context and visitor must not be NULL");
    return store_visit(context->store, verify != 0, visitor, user);
}

socle_status socle_cache_clear(socle_context *context, const char *kind)
{
    if (context == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_cache_clear: context must not be NULL");
    return store_clear(context->store, kind);
}
