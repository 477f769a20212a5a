/* Loading CLBlast. */
#ifdef SOCLE_HAVE_CLBLAST
#include "clblast.h"
#include "clblast_tuning.h"

#include <dlfcn.h>
#include <string.h>

static clblast_library library;
static bool loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static pthread_mutex_t told_lock = PTHREAD_MUTEX_INITIALIZER;
static cl_device_id *told; /* devices whose tunings CLBlast knows */
static int told_count, told_capacity;

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
    find(handle, "CLBlastOverrideParameters", &library.override_parameters);
    find(handle, "CLBlastSconvgemm", &library.sconvgemm);
    const bool complete = library.sgemm != NULL && library.sgemm_strided_batched != NULL && library.clear_cache != NULL &&
                          library.override_parameters != NULL;
    __atomic_store_n(&loaded, complete, __ATOMIC_RELEASE); /* it stays loaded: drivers dislike libraries that leave */
}

const clblast_library *clblast_get(void)
{
    pthread_once(&once, load);
    return loaded ? &library : NULL;
}

bool clblast_numbers(int64_t elements)
{
    return elements <= INT32_MAX / 2; /* and what it pads them to */
}

void clblast_forget(void)
{
    if (__atomic_load_n(&loaded, __ATOMIC_ACQUIRE))
        library.clear_cache();
    pthread_mutex_lock(&told_lock);
    memory_free(told);
    told = NULL;
    told_count = told_capacity = 0;
    pthread_mutex_unlock(&told_lock);
}

static bool is_told(cl_device_id device)
{
    for (int i = 0; i < told_count; i++)
        if (told[i] == device)
            return true;
    return false;
}

/* Once: CLBlast compiles its kernels again after each change. */
static void tell_tunings(const socle_device *device)
{
    clblast_parameters p;
    pthread_mutex_lock(&told_lock);
    if (!is_told(device->cl_device) && ARRAY_RESERVE(told, told_count, told_capacity)) {
        told[told_count++] = device->cl_device;
        for (int i = 0; clblast_kernel(i) != NULL; i++) {
            if (!clblast_tuning_get(device, i, &p))
                continue;
            const CLBlastStatusCode code = library.override_parameters(
                device->cl_device, clblast_kernel(i), CLBlastPrecisionSingle, (size_t)p.count, p.names, p.values);
            if (code != CLBlastSuccess)
                log_write(&device->context->log, SOCLE_LOG_WARN,
                          "%s: CLBlast does not take its tuning of %s (status %d): tune again with this version of it",
                          device->info.id, clblast_kernel(i), (int)code);
            memory_free(p.text);
        }
    }
    pthread_mutex_unlock(&told_lock);
}

socle_status clblast_add_call(const problem *p, const socle_device *device, const solver_operands *operands,
                              const char *algorithm, int operand_count,
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
    tell_tunings(device);
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
