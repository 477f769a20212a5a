/* A device's memory: blocks in size classes, kept for reuse when buffers go, within a budget of our own. Creating and releasing
 * buffers is slow on most drivers, and some grant more than there is (QUIRK_SMALL_MEMORY). */
#include "room.h"

#define SMALLEST_BLOCK_BYTES 256u
/* Processors look up the pages of what they read. Blocks that are read once in a while from end to end, as weights are, wait for
 * that more than for memory where pages have 4 KB (3x3 convolution, 512 channels at 7x7: 17% of its time). */
#define LARGE_PAGE_BYTES ((size_t)2 << 20)
#define KEPT_SHARE 4u /* at most a quarter of the budget lies idle */

typedef struct pool_block {
    cl_mem memory;
    size_t capacity_bytes;
} pool_block;

struct device_pool {
    pthread_mutex_t lock; /* also of device->allocated_bytes */
    pool_block *idle;
    int idle_count, idle_capacity;
    uint64_t idle_bytes;
};

socle_status pool_create(device_pool **pool)
{
    device_pool *made = memory_alloc(sizeof(*made));
    if (made == NULL)
        return SOCLE_OUT_OF_MEMORY;
    pthread_mutex_init(&made->lock, NULL);
    *pool = made;
    return SOCLE_OK;
}

void pool_destroy(device_pool *pool)
{
    if (pool == NULL)
        return;
    for (int i = 0; i < pool->idle_count; i++)
        clReleaseMemObject(pool->idle[i].memory);
    memory_free(pool->idle);
    pthread_mutex_destroy(&pool->lock);
    memory_free(pool);
}

/* Eight classes per power of two: at most an eighth is wasted. */
static size_t class_bytes(size_t size_bytes)
{
    if (size_bytes <= SMALLEST_BLOCK_BYTES)
        return SMALLEST_BLOCK_BYTES;
    const int top_bit = 63 - __builtin_clzll((unsigned long long)size_bytes);
    const size_t step = (size_t)1 << (top_bit > 9 ? top_bit - 3 : 6); /* not below 64 bytes */
    return size_bytes > SIZE_MAX - step ? size_bytes : (size_bytes + step - 1) & ~(step - 1);
}

static bool take_idle(device_pool *pool, size_t capacity_bytes, cl_mem *memory)
{
    for (int i = pool->idle_count - 1; i >= 0; i--) { /* the last given back is likeliest in the caches */
        if (pool->idle[i].capacity_bytes != capacity_bytes)
            continue;
        *memory = pool->idle[i].memory;
        pool->idle_bytes -= capacity_bytes;
        pool->idle[i] = pool->idle[--pool->idle_count];
        return true;
    }
    return false;
}

static void release_idle(socle_device *device)
{
    device_pool *pool = device->pool;
    for (int i = 0; i < pool->idle_count; i++) {
        clReleaseMemObject(pool->idle[i].memory);
        device->allocated_bytes -= pool->idle[i].capacity_bytes;
    }
    pool->idle_count = 0;
    pool->idle_bytes = 0;
}

static uint64_t free_bytes(const socle_device *device)
{
    const uint64_t budget = device->info.memory_bytes;
    return budget > device->allocated_bytes ? budget - device->allocated_bytes : 0;
}

static socle_status fail_out_of_memory(const socle_device *device, size_t size_bytes)
{
    return socle_fail(SOCLE_DEVICE_OUT_OF_MEMORY,
                      "%s: %zu bytes needed, %llu of %llu there: use a smaller batch, a larger budget or another device",
                      device->info.id, size_bytes, (unsigned long long)free_bytes(device),
                      (unsigned long long)device->info.memory_bytes);
}

/* Before anything touches the block, so that the kernel need not copy its pages together. What the kernel's pages are is its own
 * affair: only the wish may fail, unnoticed. Mapped for reading: whoever uses the block next need not wait until it is unmapped.
 */
static cl_int prefer_large_pages(socle_device *device, cl_mem memory, size_t size_bytes)
{
    cl_int code;
    device_turn_begin(device);
    void *mapped = clEnqueueMapBuffer(device->queue, memory, CL_TRUE, CL_MAP_READ, 0, size_bytes, 0, NULL, NULL, &code);
    if (code == CL_SUCCESS) {
        memory_prefer_large_pages(mapped, size_bytes);
        code = clEnqueueUnmapMemObject(device->queue, memory, mapped, 0, NULL, NULL);
    }
    device_turn_end(device);
    return code;
}

static cl_mem allocate(socle_device *device, size_t capacity_bytes, cl_int *code)
{
    const bool unified = device->capabilities.unified_memory;
    const cl_mem_flags flags = CL_MEM_READ_WRITE | (unified ? CL_MEM_ALLOC_HOST_PTR : 0);
    cl_mem memory = clCreateBuffer(device->cl_context, flags, capacity_bytes, NULL, code);
    if (*code != CL_SUCCESS || !unified || device->info.type != SOCLE_DEVICE_CPU || capacity_bytes < LARGE_PAGE_BYTES)
        return memory;
    *code = prefer_large_pages(device, memory, capacity_bytes);
    if (*code == CL_SUCCESS)
        return memory;
    clReleaseMemObject(memory);
    return NULL;
}

static bool means_out_of_memory(cl_int code)
{
    return code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES || code == CL_OUT_OF_HOST_MEMORY;
}

/* The lock is held. */
static socle_status take_new(socle_device *device, size_t size_bytes, size_t *capacity_bytes, cl_mem *memory)
{
    cl_int code;
    if (*capacity_bytes > free_bytes(device))
        release_idle(device);
    if (*capacity_bytes > free_bytes(device) || *capacity_bytes > device->capabilities.max_allocation_bytes)
        *capacity_bytes = size_bytes; /* a size of its own may still fit */
    if (*capacity_bytes > free_bytes(device))
        return fail_out_of_memory(device, size_bytes);
    if (device->capabilities.max_allocation_bytes > 0 && *capacity_bytes > device->capabilities.max_allocation_bytes)
        return socle_fail(SOCLE_DEVICE_OUT_OF_MEMORY,
                          "%s: a buffer of %zu bytes needed, the device allows %llu: use a smaller batch or another device",
                          device->info.id, size_bytes, (unsigned long long)device->capabilities.max_allocation_bytes);
    cl_mem made = allocate(device, *capacity_bytes, &code);
    if (means_out_of_memory(code) && device->pool->idle_count > 0) {
        release_idle(device);
        made = allocate(device, *capacity_bytes, &code);
    }
    if (code != CL_SUCCESS)
        return socle_fail_in(device_status(device, code, "clCreateBuffer"), "%zu bytes needed", size_bytes);
    device->allocated_bytes += *capacity_bytes;
    *memory = made;
    return SOCLE_OK;
}

socle_status pool_take(socle_device *device, size_t size_bytes, cl_mem *memory, size_t *capacity_bytes)
{
    socle_status status = SOCLE_OK;
    size_t capacity = class_bytes(size_bytes);
    pthread_mutex_lock(&device->pool->lock);
    if (!take_idle(device->pool, capacity, memory))
        status = take_new(device, size_bytes, &capacity, memory);
    pthread_mutex_unlock(&device->pool->lock);
    if (status == SOCLE_OK)
        *capacity_bytes = capacity;
    return status;
}

/* The next owner's commands may run on another queue: whoever gives a block back has waited for its own. */
void pool_give(socle_device *device, cl_mem memory, size_t capacity_bytes)
{
    device_pool *pool = device->pool;
    pthread_mutex_lock(&pool->lock);
    if (pool->idle_bytes + capacity_bytes <= device->info.memory_bytes / KEPT_SHARE &&
        ARRAY_RESERVE(pool->idle, pool->idle_count, pool->idle_capacity)) {
        pool->idle[pool->idle_count++] = (pool_block){memory, capacity_bytes};
        pool->idle_bytes += capacity_bytes;
    } else {
        clReleaseMemObject(memory);
        device->allocated_bytes -= capacity_bytes;
    }
    pthread_mutex_unlock(&pool->lock);
}

void device_pool_trim(socle_device *device)
{
    if (!__atomic_load_n(&device->opened, __ATOMIC_ACQUIRE))
        return;
    pthread_mutex_lock(&device->pool->lock);
    release_idle(device);
    pthread_mutex_unlock(&device->pool->lock);
}
