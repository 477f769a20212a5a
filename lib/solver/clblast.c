/* Loading CLBlast. */
#ifdef SOCLE_HAVE_CLBLAST
#include "clblast.h"

#include <dlfcn.h>
#include <string.h>

static clblast_library library;
static bool loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A function's address does not fit an object pointer's type in ISO C; POSIX says that it does (dlsym). */
static void find(void *handle, const char *name, void *function)
{
    void *address = dlsym(handle, name);
    memcpy(function, &address, sizeof(address));
}

static void load(void)
{
    static const char *const names[] = {"libclblast.so.1", "libclblast.so"};
    void *handle = NULL;
    for (size_t i = 0; i < COUNT_OF(names) && handle == NULL; i++)
        handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return;
    find(handle, "CLBlastSgemm", &library.sgemm);
    find(handle, "CLBlastSgemmStridedBatched", &library.sgemm_strided_batched);
    find(handle, "CLBlastClearCache", &library.clear_cache);
    find(handle, "CLBlastSconvgemm", &library.sconvgemm);
    const bool complete = library.sgemm != NULL && library.sgemm_strided_batched != NULL && library.clear_cache != NULL;
    __atomic_store_n(&loaded, complete, __ATOMIC_RELEASE); /* it stays loaded: drivers dislike libraries that leave */
}

const clblast_library *clblast_get(void)
{
    pthread_once(&once, load);
    return loaded ? &library : NULL;
}

void clblast_forget(void)
{
    if (__atomic_load_n(&loaded, __ATOMIC_ACQUIRE))
        library.clear_cache();
}

socle_status clblast_add_call(const problem *p, const solver_operands *operands, const char *algorithm, int operand_count,
                              socle_status (*run)(socle_device *device, cl_command_queue queue, const cl_mem *memory,
                                                  const step_arg *args, int arg_count, const void *data),
                              const void *data, size_t size_bytes, step_list *steps)
{
    void *copy = memory_alloc(size_bytes);
    if (copy == NULL)
        return SOCLE_OUT_OF_MEMORY;
    step *s = step_add(steps, STEP_CALL, algorithm);
    if (s == NULL) {
        memory_free(copy);
        return SOCLE_OUT_OF_MEMORY;
    }
    memcpy(copy, data, size_bytes);
    s->call = run;
    s->call_data = copy;
    for (int i = 0; i < operand_count; i++)
        s->args[s->arg_count++] = ARG_OPERAND(operands->data[i]);
    s->flops = problem_flops(p);
    s->bytes = problem_bytes(p);
    return SOCLE_OK;
}
#else
typedef int clblast_is_absent;
#endif
